package ai302

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPicturesIn(t *testing.T) {
	const a, b = "https://file.302.ai/a.png", "https://file.302.ai/b.png"
	for name, row := range map[string]struct {
		raw  string
		want []Picture
	}{
		"absent":                   {``, nil},
		"null":                     {`null`, nil},
		"empty string":             {`""`, nil},
		"bare URL":                 {`"` + a + `"`, []Picture{{URL: a}}},
		"array":                    {`["` + a + `","` + b + `"]`, []Picture{{URL: a}, {URL: b}}},
		"string holding an array":  {`"[\"` + a + `\"]"`, []Picture{{URL: a}}},
		"string holding a string":  {`"\"` + a + `\""`, []Picture{{URL: a}}},
		"empty array in a string":  {`"[]"`, nil},
		"objects":                  {`[{"url":"` + a + `"},{"url":""},{"b64_json":"aGk="}]`, []Picture{{URL: a}, {}, {Bytes: []byte("hi")}}},
		"object with images":       {`{"images":[{"url":"` + a + `"}]}`, []Picture{{URL: a}}},
		"data URI":                 {`"data:image/png;base64,aGk="`, []Picture{{Bytes: []byte("hi")}}},
		"base64 without padding":   {`{"b64_json":"aGk"}`, []Picture{{Bytes: []byte("hi")}}},
		"base64 that is none":      {`{"b64_json":"%%"}`, nil},
		"a word":                   {`"pending"`, []Picture{{}}},
		"another scheme":           {`"file:///etc/passwd"`, []Picture{{}}},
		"no host":                  {`"https://"`, []Picture{{}}},
		"a number":                 {`17`, nil},
		"a place without a use":    {`[null,"` + b + `"]`, []Picture{{}, {URL: b}}},
		"broken array in a string": {`"[\"` + a + `"`, nil},
		"deeper than it goes":      {`[[[[["` + a + `"]]]]]`, []Picture{{}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(row.want, picturesIn(json.RawMessage(row.raw))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadTask(t *testing.T) {
	const a = "https://file.302.ai/a.png"
	for name, row := range map[string]struct {
		body     string
		id       string
		done     bool
		pictures int
		failed   Situation
	}{
		"succeeded":                      {`{"id":"1","status":"succeeded","output":"[\"` + a + `\"]","error":"","completed_at":""}`, "1", true, 1, ""},
		"in capitals":                    {`{"id":"1","status":"SUCCEEDED","output":"` + a + `"}`, "1", true, 1, ""},
		"id as a number":                 {`{"id":17449721508952,"status":"starting","output":""}`, "17449721508952", false, 0, ""},
		"task_id alone":                  {`{"task_id":"1"}`, "1", false, 0, ""},
		"empty status is no end":         {`{"id":"1","status":"","output":"` + a + `"}`, "1", false, 0, ""},
		"unknown status is no end":       {`{"id":"1","status":"napping","output":null}`, "1", false, 0, ""},
		"no status but a picture":        {`{"id":"1","output":"` + a + `"}`, "1", true, 1, ""},
		"no id but a picture":            {`{"status":"","output":"` + a + `"}`, "", true, 1, ""},
		"fal":                            {`{"images":[{"url":"` + a + `"}],"has_nsfw_concepts":[false],"seed":7}`, "", true, 1, ""},
		"fal with flags missing":         {`{"images":[{"url":"` + a + `"},{"url":"` + a + `"}],"has_nsfw_concepts":[true]}`, "", true, 1, ""},
		"fal without pictures, flagged":  {`{"images":[],"has_nsfw_concepts":[true]}`, "", false, 0, Moderated},
		"flagged output":                 {`{"id":"1","status":"succeeded","output":["` + a + `"],"has_nsfw_concepts":[true]}`, "1", false, 0, Moderated},
		"failed without words":           {`{"id":"1","status":"failed","error":""}`, "1", false, 0, Failed},
		"canceled":                       {`{"id":"1","status":"canceled"}`, "1", false, 0, Failed},
		"succeeded without a picture":    {`{"id":"1","status":"succeeded","output":""}`, "1", true, 0, Failed},
		"nothing":                        {`{}`, "", false, 0, Ambiguous},
		"fields of other types":          {`{"id":["1"],"status":{},"output":7,"images":"x"}`, "", false, 0, Ambiguous},
		"fal without pictures and flags": {`{"images":[]}`, "", false, 0, Ambiguous},
	} {
		t.Run(name, func(t *testing.T) {
			task, err := readTask(call{endpoint: EndpointFluxGeneral, paid: true}, reply{status: 200, body: []byte(row.body)})
			if task.ID != row.id || task.Done != row.done || len(task.Pictures) != row.pictures || situationOf(err) != row.failed {
				t.Errorf("%+v, %v", task, err)
			}
		})
	}
}

func TestReadGeneratedFailures(t *testing.T) {
	for name, row := range map[string]struct {
		body string
		want Situation
	}{
		"nothing":                     {`{}`, Ambiguous},
		"empty URL":                   {`{"image_url":"","data":{}}`, Ambiguous},
		"data of another type":        {`{"image_url":null,"data":[1]}`, Ambiguous},
		"the maker's error":           {`{"image_url":"","data":{"error":"out of memory","status":"failed"}}`, Failed},
		"the maker's status":          {`{"image_url":"","data":{"error":"","status":"failed"}}`, Failed},
		"the maker's moderation":      {`{"image_url":"","data":{"error":"content moderated"}}`, Moderated},
		"the maker's moderated state": {`{"image_url":"","data":{"status":"Request Moderated"}}`, Moderated},
		"a black frame":               {`{"image_url":"https://a.example/b","data":{"images":[{"url":"https://a.example/b"}],"has_nsfw_concepts":[true]}}`, Moderated},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := readGenerated(reply{status: 200, body: []byte(row.body)})
			if situationOf(err) != row.want {
				t.Errorf("%+v, %v", answer, err)
			}
		})
	}
}

func TestReadGeneratedOrder(t *testing.T) {
	body := `{"image_url":"https://a.example/1","data":{"image_url":"https://a.example/2","output":"https://a.example/3","images":[{"url":"https://a.example/4"}],` +
		`"data":[{"url":"https://a.example/5"}],"result":{"sample":"https://a.example/7"}}}`
	for i := range 6 {
		answer, err := readGenerated(reply{status: 200, body: []byte(body)})
		next := []string{"1", "2", "3", "4", "5", "7"}[i]
		if err != nil || answer.URL != "https://a.example/"+next {
			t.Fatalf("%q, %v; want %s", answer.URL, err, next)
		}
		body = strings.Replace(body, answer.URL, "", 1)
	}
}

func TestReadResultNeedsASample(t *testing.T) {
	for _, body := range []string{`{"status":"Ready"}`, `{"status":"Ready","result":null}`, `{"status":"Ready","result":{"sample":null}}`, `{"status":"Ready","result":{"sample":"pending"}}`} {
		if _, ready, failure := readResult(reply{body: []byte(body)}); ready || failure == nil || failure.Situation != Failed {
			t.Errorf("%s: ready %v, %v", body, ready, failure)
		}
	}
}

func TestReadTicket(t *testing.T) {
	for body, want := range map[string]string{
		`{"id":"a","polling_url":"https://api.us3.bfl.ai/v1/get_result?id=b"}`: "a",
		`{"id":"","polling_url":"https://api.us3.bfl.ai/v1/get_result?id=b"}`:  "b",
		`{"polling_url":"/v1/get_result?id=c&x=y"}`:                            "c",
		`{"id":null,"polling_url":"%%"}`:                                       "",
		`{"id":".."}`:                                                          "",
		`{}`:                                                                   "",
	} {
		if got := readTicket([]byte(body)); got != want {
			t.Errorf("%s gives %q, want %q", body, got, want)
		}
	}
}

// The other error shapes seen behind the gateway.
func TestJudgeShapes(t *testing.T) {
	for body, row := range map[string]struct {
		status int
		want   Situation
		code   int
	}{
		`{"detail":[{"loc":["body","prompt"],"msg":"field required","type":"value_error.missing"}]}`: {422, Invalid, 0},
		`{"detail":[{"loc":["body"],"msg":"content_policy_violation","type":"x"}]}`:                  {422, Moderated, 0},
		`{"detail":"Not authenticated"}`:                                  {403, KeyFault, 0},
		`{"error":"invalid_prompt","message":"The prompt was flagged"}`:   {400, Moderated, 0},
		`{"code":"content_moderation","message":"no","request_id":"abc"}`: {403, Moderated, 0},
		`{"code":-10012,"message":"slow down","request_id":"abc"}`:        {200, RateLimited, -10012},
		`{"error":{"err_code":"-10008","message":"no model"}}`:            {503, NoModel, -10008},
		`{"code":401,"message":"token"}`:                                  {200, KeyFault, 0},
		`{"code":500,"message":"oops"}`:                                   {200, Ambiguous, 0},
		`<html>Bad Gateway</html>`:                                        {502, Ambiguous, 0},
		`<html>Forbidden</html>`:                                          {403, KeyFault, 0},
		``:                                                                {400, Invalid, 0},
		`[]`:                                                              {200, Ambiguous, 0},
		`{"error":{"message":"x"}} trailing`:                              {200, Ambiguous, 0},
		`{"error":["NSFW"]}`:                                              {200, Moderated, 0},
	} {
		failure := judge(call{endpoint: EndpointGenerate, paid: true}, row.status, http.Header{}, []byte(body))
		if failure == nil || failure.Situation != row.want || failure.Code != row.code {
			t.Errorf("%d %s: %v, want %s", row.status, body, failure, row.want)
		}
	}
	for _, body := range []string{`{"error":""}`, `{"error":null}`, `{"error":{}}`, `{"error":" "}`, `{"error":false}`, `{"code":200,"message":"success"}`, `{"code":0}`} {
		if failure := judge(call{paid: true}, 200, http.Header{}, []byte(body)); failure != nil {
			t.Errorf("%s is taken for %v", body, failure)
		}
	}
	failure := judge(call{paid: true}, 422, http.Header{}, []byte(`{"code":"x","request_id":"abc-1"}`))
	if failure.RequestID != "abc-1" {
		t.Errorf("request id %q", failure.RequestID)
	}
	failure = judge(call{paid: true}, 422, http.Header{"Request-Id": {"two words\x1b"}}, nil)
	if failure.RequestID != "" {
		t.Errorf("request id %q", failure.RequestID)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"":                              0,
		"2":                             2 * time.Second,
		"0.5":                           500 * time.Millisecond,
		"-3":                            0,
		"86400":                         maxRetryAfter,
		"1e300":                         maxRetryAfter,
		"NaN":                           maxRetryAfter,
		"soon":                          0,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second,
		"Fri, 02 Jan 2026 03:03:35 GMT": 0,
		"Sat, 03 Jan 2026 03:03:35 GMT": maxRetryAfter,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

func TestOrigin(t *testing.T) {
	for _, row := range []struct {
		a, b string
		same bool
	}{
		{"https://api.302.ai/x", "https://API.302.ai:443/y", true},
		{"http://h", "http://h:80", true},
		{"http://h", "https://h", false},
		{"http://h", "http://h:81", false},
		{"http://h", "http://h.example", false},
	} {
		a, errA := url.Parse(row.a)
		b, errB := url.Parse(row.b)
		if errA != nil || errB != nil || (origin(a) == origin(b)) != row.same {
			t.Errorf("%s and %s: same origin is not %v", row.a, row.b, row.same)
		}
	}
}

func situationOf(err error) Situation {
	var e *Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Situation
}
