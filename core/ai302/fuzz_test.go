package ai302

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

var answers = []string{
	`{"image_url":"https://file.302.ai/a.png","data":{"completed_at":"","error":"","id":"1","model":"sdxl","output":"[\"https://file.302.ai/a.png\"]","status":"succeeded"}}`,
	`{"image_url":"","data":{"data":[{"b64_json":"iVBORw0KGgo="}]}}`,
	`{"data":{"data":{"image_urls":["https://a.example/b"]},"result":{"sample":"data:image/png;base64,aGk="}}}`,
	`{"images":[{"url":"https://a.example/b","width":1,"height":1}],"has_nsfw_concepts":[true,false],"seed":18446744073709551615,"timings":{}}`,
	`{"id":17449721508952,"status":"processing","output":"","error":null}`,
	`{"id":"a","polling_url":"https://api.us3.bfl.ai/v1/get_result?id=b"}`,
	`{"id":"a","status":"Ready","result":{"sample":"https://a.example/b?sig=c","seed":7}}`,
	`{"status":"Request Moderated","details":{"Moderation Reasons":["x"]}}`,
	`{"error":{"err_code":-10003,"message":"m","message_cn":"敏感","type":"api_error"}}`,
	`{"detail":[{"loc":["body"],"msg":"nsfw","type":"t"}]}`,
	`{"code":"x","message":"m","request_id":"r"}`,
	"\xef\xbb\xbf{}", `[]`, `null`, `<html>`, ``, `{"output":"[[[[[["}`, `{"error":1e999}`,
}

// checkPicture holds what every picture from outside must be.
func checkPicture(t *testing.T, p Picture) {
	if p.URL != "" && len(p.Bytes) > 0 || !p.usable() {
		t.Errorf("not exactly one of URL and bytes: %+v", p)
	}
	if u, err := url.Parse(p.URL); p.URL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		t.Errorf("URL %q", p.URL)
	}
}

// checkError holds what every error from outside must be.
func checkError(t *testing.T, err error) {
	var e *Error
	if !errors.As(err, &e) || e.Situation == "" || e.Situation == OK {
		t.Fatalf("error %#v", err)
	}
	if strings.ContainsFunc(e.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("foreign text in %q", e)
	}
}

func FuzzDecodeGenerated(f *testing.F) {
	for _, a := range answers {
		f.Add([]byte(a))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, err := readGenerated(reply{status: 200, body: body})
		if err != nil {
			checkError(t, err)
			return
		}
		checkPicture(t, answer.Picture)
	})
}

func FuzzDecodeTask(f *testing.F) {
	for _, a := range answers {
		f.Add([]byte(a), true)
		f.Add([]byte(a), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, paid bool) {
		task, err := readTask(call{endpoint: EndpointFluxGeneral, paid: paid}, reply{status: 200, body: body})
		switch {
		case err != nil:
			checkError(t, err)
		case task.Done != (len(task.Pictures) > 0), !task.Done && task.ID == "":
			t.Errorf("neither done nor to be asked after: %+v", task)
		}
		for _, p := range task.Pictures {
			checkPicture(t, p)
		}
	})
}

func FuzzDecodeResult(f *testing.F) {
	for _, a := range answers {
		f.Add([]byte(a))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, ready, failure := readResult(reply{status: 200, body: body})
		switch {
		case failure != nil && ready:
			t.Errorf("ready and failed: %v", failure)
		case failure != nil:
			checkError(t, failure)
		case ready:
			checkPicture(t, answer.Picture)
		}
	})
}

func FuzzDecodeTicket(f *testing.F) {
	for _, a := range answers {
		f.Add([]byte(a))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if id := readTicket(body); id != "" && !isID(id) {
			t.Errorf("id %q", id)
		}
	})
}

func FuzzDecodeFault(f *testing.F) {
	for _, a := range answers {
		for _, status := range []int{200, 302, 422, 500} {
			f.Add([]byte(a), status, true, "2")
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, status int, paid bool, header string) {
		failure := judge(call{endpoint: EndpointGenerate, paid: paid}, status, http.Header{"Retry-After": {header}, "Request-Id": {header}}, body)
		if failure == nil {
			if status < 200 || status > 299 {
				t.Errorf("HTTP %d is no failure", status)
			}
			return
		}
		checkError(t, failure)
		switch {
		case failure.NotRun && !paid:
			t.Error("a free call says something about the paid one")
		case failure.Situation == Ambiguous && (failure.NotRun || !paid):
			t.Errorf("ambiguous, but paid %v and not run %v", paid, failure.NotRun)
		case failure.RetryAfter < 0 || failure.RetryAfter > maxRetryAfter:
			t.Errorf("wait %s", failure.RetryAfter)
		}
	})
}
