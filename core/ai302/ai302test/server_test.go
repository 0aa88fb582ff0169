package ai302test_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"imaginebot/core/ai302/ai302test"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "the-key-of-this-test"

func start(t *testing.T, change ...func(*ai302test.Settings)) *ai302test.Server {
	t.Helper()
	s := ai302test.Settings{Key: key, MaxSide: 32}
	for _, c := range change {
		c(&s)
	}
	fake := ai302test.New(s)
	if err := fake.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return fake
}

// send makes a request as it stands and gives status and body.
func send(t *testing.T, method, url, auth, contentType, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

func post(t *testing.T, fake *ai302test.Server, path, body string) (int, string) {
	t.Helper()
	return send(t, http.MethodPost, fake.URL()+path, "Bearer "+key, "application/json", body)
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	return send(t, http.MethodGet, url, "", "", "")
}

// noted insists on exactly the violations that contain the texts, in order.
func noted(t *testing.T, fake *ai302test.Server, texts ...string) {
	t.Helper()
	v := fake.Violations()
	ok := len(v) == len(texts)
	for i := 0; ok && i < len(v); i++ {
		ok = strings.Contains(v[i], texts[i])
	}
	if !ok {
		t.Errorf("violations %q, want %q", v, texts)
	}
}

var (
	small   = ai302test.Poster(ai302test.DrawRequest{Prompt: "input", Width: 60, Height: 40})
	encoded = base64.StdEncoding.EncodeToString(small)
	huge    = base64.StdEncoding.EncodeToString(claiming(5000, 4001))
)

// claiming is a small PNG whose header claims another size.
func claiming(width, height uint32) []byte {
	picture := bytes.Clone(small)
	header := picture[12:29] // the IHDR chunk's name and content; its checksum follows
	binary.BigEndian.PutUint32(header[4:], width)
	binary.BigEndian.PutUint32(header[8:], height)
	binary.BigEndian.PutUint32(picture[29:], crc32.ChecksumIEEE(header))
	return picture
}

const flux = `{"prompt":"p","negative_prompt":"","num_inference_steps":28,"guidance_scale":3.5,"image_size":{"width":768,"height":1024},"loras":[],"controlnets":[]}`

func TestRefusals(t *testing.T) {
	for name, row := range map[string]struct {
		path, body string
		status     int
		noted      string // "" if a blameless client may cause it
	}{
		"no prompt":                {"/302/image/generate", `{"model":"luma-t2i"}`, 422, "prompt is required"},
		"no model":                 {"/302/image/generate", `{"prompt":"p"}`, 422, "model is required"},
		"unknown model":            {"/302/image/generate", `{"prompt":"p","model":"nobody-t2i"}`, 503, ""},
		"not JSON":                 {"/302/image/generate", `prompt=p`, 422, "not one JSON object"},
		"width as text":            {"/302/image/generate", `{"prompt":"p","model":"dall-e-2-t2i","width":"512","height":512}`, 422, "width must be an integer"},
		"width as fraction":        {"/302/image/generate", `{"prompt":"p","model":"dall-e-2-t2i","width":512.5,"height":512}`, 422, "width must be an integer"},
		"giant":                    {"/302/image/generate", `{"prompt":"p","model":"flux-dev-t2i","width":9000,"height":512}`, 422, "between 1 and 4096"},
		"aspect of words":          {"/302/image/generate", `{"prompt":"p","model":"luma-t2i","aspect_ratio":"wide"}`, 422, "not W:H"},
		"undocumented seed":        {"/302/image/generate", `{"prompt":"p","model":"luma-t2i","seed":1}`, 422, "seed is not a field"},
		"webp wanted":              {"/302/image/generate", `{"prompt":"p","model":"luma-t2i","output_format":"webp"}`, 422, "output_format"},
		"raw base64":               {"/302/image/generate", `{"prompt":"p","model":"302ai-kolors-i2i","image":"` + encoded + `"}`, 422, "neither a URL nor a data URI"},
		"no picture to change":     {"/302/image/generate", `{"prompt":"p","model":"302ai-kolors-i2i"}`, 422, "needs an image"},
		"not a picture":            {"/302/image/generate", `{"prompt":"p","model":"302ai-kolors-i2i","image":"data:image/png;base64,aGVsbG8="}`, 422, "not a picture"},
		"20 megapixels":            {"/302/image/generate", `{"prompt":"p","model":"302ai-kolors-i2i","image":"data:image/png;base64,` + huge + `"}`, 422, "20 megapixels"},
		"flux without negative":    {"/302/submit/flux-general", strings.Replace(flux, `"negative_prompt":"",`, "", 1), 422, "negative_prompt is required"},
		"flux without steps":       {"/302/submit/flux-general", strings.Replace(flux, `"num_inference_steps":28,`, "", 1), 422, "num_inference_steps is required"},
		"flux without guidance":    {"/302/submit/flux-general", strings.Replace(flux, `"guidance_scale":3.5,`, "", 1), 422, "guidance_scale"},
		"flux without size":        {"/302/submit/flux-general", strings.Replace(flux, `"image_size":{"width":768,"height":1024},`, "", 1), 422, "image_size"},
		"flux without loras":       {"/302/submit/flux-general", strings.Replace(flux, `"loras":[],`, "", 1), 422, "loras must be an array"},
		"flux without controlnets": {"/302/submit/flux-general", strings.Replace(flux, `,"controlnets":[]`, "", 1), 422, "controlnets must be an array"},
		"flux with null loras":     {"/302/submit/flux-general", strings.Replace(flux, `"loras":[]`, `"loras":null`, 1), 422, "loras must be an array"},
		"flux of odd size":         {"/302/submit/flux-general", strings.Replace(flux, `768`, `770`, 1), 422, "multiple of 32"},
		"flux of size as text":     {"/302/submit/flux-general", strings.Replace(flux, `768`, `"768"`, 1), 422, "multiple of 32"},
		"lora of a file":           {"/302/submit/flux-general", strings.Replace(flux, `"loras":[]`, `"loras":[{"path":"/etc/passwd","scale":1,"force":false}]`, 1), 422, "a lora needs"},
		"lora without force":       {"/302/submit/flux-general", strings.Replace(flux, `"loras":[]`, `"loras":[{"path":"a/b","scale":1}]`, 1), 422, "a lora needs"},
		"two controls":             {"/302/submit/flux-general", strings.Replace(flux, `"controlnets":[]`, `"controlnets":[`+control("https://a.example/b")+`,`+control("https://a.example/b")+`]`, 1), 422, "only one controlnet"},
		"control over http":        {"/302/submit/flux-general", strings.Replace(flux, `"controlnets":[]`, `"controlnets":[`+control("http://a.example/b")+`]`, 1), 422, "neither an upload nor https"},
		"control without path":     {"/302/submit/flux-general", strings.Replace(flux, `"controlnets":[]`, `"controlnets":[{"control_image_url":"https://a.example/b","conditioning_scale":1}]`, 1), 422, "a controlnet needs"},
		"kontext without picture":  {"/flux/v1/flux-kontext-pro", `{"prompt":"p"}`, 422, "input_image is required"},
		"kontext with prefix":      {"/flux/v1/flux-kontext-pro", `{"prompt":"p","input_image":"data:image/png;base64,` + encoded + `"}`, 422, "data: prefix"},
		"kontext not base64":       {"/flux/v1/flux-kontext-pro", `{"prompt":"p","input_image":"???"}`, 422, "not base64"},
		"kontext 20 megapixels":    {"/flux/v1/flux-kontext-pro", `{"prompt":"p","input_image":"` + huge + `"}`, 422, "20 megapixels"},
		"kontext too wide":         {"/flux/v1/flux-kontext-pro", `{"prompt":"p","input_image":"` + encoded + `","aspect_ratio":"3:1"}`, 422, "9:21 and 21:9"},
		"kontext too tolerant":     {"/flux/v1/flux-kontext-pro", `{"prompt":"p","input_image":"` + encoded + `","safety_tolerance":7}`, 422, "between 0 and 6"},
		"kontext with webhook":     {"/flux/v1/flux-kontext-pro", `{"prompt":"p","input_image":"` + encoded + `","webhook_url":"https://a.example"}`, 422, "webhook_url is not a field"},
		"another Kontext":          {"/flux/v1/flux-kontext-dev", `{"prompt":"p","input_image":"` + encoded + `"}`, 503, ""},
		"another path":             {"/302/image/draw", `{}`, 404, "not an endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := start(t)
			status, body := post(t, fake, row.path, row.body)
			if status != row.status || !json.Valid([]byte(body)) {
				t.Errorf("%d %s, want %d", status, body, row.status)
			}
			if row.noted == "" {
				noted(t, fake)
			} else {
				noted(t, fake, row.noted)
			}
			if n := len(fake.Paid()); n != 0 {
				t.Errorf("%d endpoints were paid", n)
			}
		})
	}
}

func control(url string) string {
	return `{"control_image_url":"` + url + `","path":"a/b","conditioning_scale":0.6}`
}

func TestKeyIsAsked(t *testing.T) {
	fake := start(t)
	for _, row := range []struct{ method, path, body string }{
		{"POST", "/302/image/generate", `{"prompt":"p","model":"luma-t2i"}`},
		{"POST", "/302/submit/flux-general", flux},
		{"POST", "/flux/v1/flux-kontext-pro", `{"prompt":"p","input_image":"` + encoded + `"}`},
		{"GET", "/flux/v1/get_result?id=1", ""},
		{"GET", "/302/task/1/fetch", ""},
		{"GET", "/dashboard/balance", ""},
	} {
		if status, body := send(t, row.method, fake.URL()+row.path, "Bearer wrong", "application/json", row.body); status != 401 || !strings.Contains(body, "-10001") {
			t.Errorf("%s with a wrong key: %d %s", row.path, status, body)
		}
		noted(t, fake) // an operator may have mistyped it
	}
	if status, _ := get(t, fake.URL()+"/dashboard/balance"); status != 401 {
		t.Errorf("without a key: %d", status)
	}
	noted(t, fake, "without Authorization")
}

func TestAddressInUse(t *testing.T) {
	fake := start(t)
	taken := strings.TrimSuffix(strings.TrimPrefix(fake.URL(), "http://"), "/gw/v9")
	second := ai302test.New(ai302test.Settings{Key: key, Addr: taken})
	defer second.Close()
	if err := second.Start(); err == nil {
		t.Error("two listen on one address")
	}
}

func TestBasePathIsNeeded(t *testing.T) {
	fake := start(t)
	root := strings.TrimSuffix(fake.URL(), "/gw/v9")
	if root == fake.URL() {
		t.Fatalf("%s has no path", root)
	}
	if status, _ := send(t, http.MethodGet, root+"/dashboard/balance", "Bearer "+key, "", ""); status != 404 {
		t.Errorf("status %d", status)
	}
	noted(t, fake, "outside the base path")
}

func TestForeignHostMustNotSeeTheKey(t *testing.T) {
	fake := start(t)
	status, body := post(t, fake, "/flux/v1/flux-kontext-pro", `{"prompt":"p","input_image":"`+encoded+`"}`)
	var ticket struct {
		PollingURL string `json:"polling_url"`
	}
	if err := json.Unmarshal([]byte(body), &ticket); err != nil || status != 200 {
		t.Fatalf("%d %s %v", status, body, err)
	}
	if !strings.Contains(ticket.PollingURL, fake.PicturesHostPort()) || strings.Contains(fake.URL(), fake.PicturesHostPort()) {
		t.Errorf("polling_url %s is not foreign", ticket.PollingURL)
	}
	if status, _ := send(t, http.MethodGet, ticket.PollingURL, "Bearer "+key, "", ""); status != 404 {
		t.Errorf("status %d", status)
	}
	noted(t, fake, "the key was sent", "polling_url was followed")
}

func TestSilentReplacementsAreNoted(t *testing.T) {
	for _, row := range []struct {
		fields string
		size   image.Point
		noted  []string
	}{
		{`"model":"luma-t2i","aspect_ratio":"16:9"`, image.Pt(1360, 765), nil},
		{`"model":"luma-t2i","aspect_ratio":"3:2"`, image.Pt(1024, 1024), []string{"does not take aspect_ratio 3:2, which becomes 1:1"}},
		{`"model":"302ai-flux-v1.1-ultra-t2i","aspect_ratio":"3:2"`, image.Pt(1360, 765), []string{"becomes 16:9"}},
		{`"model":"luma-t2i","width":512,"height":512`, image.Pt(1024, 1024), []string{"ignores width and height"}},
		{`"model":"cogview-4-t2i","width":1344,"height":768`, image.Pt(1344, 768), nil},
		{`"model":"cogview-4-t2i"`, image.Pt(1024, 1024), nil},
		{`"model":"cogview-4-t2i","width":1344`, image.Pt(1024, 1024), []string{"size 1344x1024"}},
		{`"model":"dall-e-3-t2i","aspect_ratio":"1:1"`, image.Pt(1024, 1024), []string{"ignores aspect_ratio"}},
		{`"model":"doubao-v3-t2i","width":768,"height":256`, image.Pt(768, 256), nil},
		{`"model":"doubao-v3-t2i","width":1024,"height":256`, image.Pt(512, 256), []string{"a side of 1024"}},
		{`"model":"doubao-v3-t2i"`, image.Pt(512, 512), nil},
		{`"model":"flux-dev-t2i","width":1000,"height":500`, image.Pt(1000, 500), nil},
		{`"model":"flux-dev-t2i","aspect_ratio":"2:1"`, image.Pt(1448, 724), nil},
		{`"model":"flux-dev-t2i","image":"data:image/png;base64,` + encoded + `"`, image.Pt(60, 40), []string{"ignores the image"}},
		{`"model":"stable-sd3-i2i","image":"data:image/png;base64,` + encoded + `"`, image.Pt(60, 40), nil},
		{`"model":"stable-sd3-i2i","image":"data:image/png;base64,` + encoded + `","aspect_ratio":"1:1"`, image.Pt(60, 40), []string{"ignores aspect_ratio"}},
	} {
		fake := start(t, func(s *ai302test.Settings) { s.MaxSide = 0 })
		status, body := post(t, fake, "/302/image/generate", `{"prompt":"p",`+row.fields+`}`)
		var answer struct {
			URL string `json:"image_url"`
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil || status != 200 {
			t.Fatalf("%s: %d %s %v", row.fields, status, body, err)
		}
		_, picture := get(t, answer.URL)
		if got, _, err := image.DecodeConfig(strings.NewReader(picture)); err != nil || image.Pt(got.Width, got.Height) != row.size {
			t.Errorf("%.60s: drew %dx%d, %v; want %s", row.fields, got.Width, got.Height, err, row.size)
		}
		noted(t, fake, row.noted...)
	}
}

func TestModels(t *testing.T) {
	rows, err := ai302test.Models()
	if err != nil {
		t.Fatal(err)
	}
	count, seen := map[string]int{}, map[string]bool{}
	for _, m := range rows {
		seen[m.ID] = true
		for rule, has := range map[string]bool{"sizes": len(m.Sizes) > 0, "aspects": len(m.Aspects) > 0, "range": m.Max > 0, "needs image": m.NeedsImage, "no aspect": m.NoAspect} {
			if has {
				count[rule]++
			}
		}
	}
	want := map[string]int{"sizes": 4, "aspects": 18, "range": 4, "needs image": 5, "no aspect": 4}
	if len(rows) != 69 || len(seen) != 69 || fmt.Sprint(count) != fmt.Sprint(want) {
		t.Errorf("%d rows, %d ids, %v; want 69 and %v", len(rows), len(seen), count, want)
	}
}

func form(t *testing.T, filePart string, content []byte, fields map[string]string) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {multipart.FileContentDisposition(filePart, "a.png")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.String()
}

func TestForms(t *testing.T) {
	fake := start(t)
	fields := map[string]string{"prompt": "p", "model": "302ai-kolors-i2i", "width": "640"}
	kind, body := form(t, "image", small, fields)
	if status, text := send(t, "POST", fake.URL()+"/302/image/generate", "Bearer "+key, kind, body); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	noted(t, fake)
	kind, body = form(t, "picture", small, fields)
	if status, _ := send(t, "POST", fake.URL()+"/302/image/generate", "Bearer "+key, kind, body); status != 422 {
		t.Errorf("status %d", status)
	}
	noted(t, fake, `named "picture", not "image"`)
	kind, body = form(t, "image", small, nil)
	if status, _ := send(t, "POST", fake.URL()+"/302/upload-file", "Bearer "+key, kind, body); status != 400 {
		t.Errorf("status %d", status)
	}
	noted(t, fake, `named "picture"`, `named "image", not "file"`)
}

func TestControlMayBeAnUpload(t *testing.T) {
	fake := start(t)
	kind, body := form(t, "file", small, nil)
	_, text := send(t, "POST", fake.URL()+"/302/upload-file", "Bearer "+key, kind, body)
	var uploaded struct {
		Code int    `json:"code"`
		Data string `json:"data"`
	}
	if err := json.Unmarshal([]byte(text), &uploaded); err != nil || uploaded.Code != 200 {
		t.Fatalf("%s %v", text, err)
	}
	if status, content := get(t, uploaded.Data); status != 200 || content != string(small) {
		t.Errorf("the upload comes back as %d with %d bytes", status, len(content))
	}
	for _, url := range []string{uploaded.Data, "https://a.example/b.png"} {
		if status, text := post(t, fake, "/302/submit/flux-general", strings.Replace(flux, `"controlnets":[]`, `"controlnets":[`+control(url)+`]`, 1)); status != 200 {
			t.Errorf("%d %s", status, text)
		}
	}
	noted(t, fake)
}

func TestSecondSubmitAfterUnknownEnd(t *testing.T) {
	const body = `{"prompt":"p","model":"luma-t2i"}`
	for name, row := range map[string]struct {
		trouble ai302test.Trouble
		unknown bool
	}{
		"dropped":       {ai302test.Dropped(false), true},
		"500":           {ai302test.ServerError(true), true},
		"cut short":     {ai302test.Trouble{Spoil: ai302test.Truncated}, true},
		"rate limited":  {ai302test.RateLimited(time.Second), false},
		"no model":      {ai302test.NoModel(), false},
		"no balance":    {ai302test.NoBalance(), false},
		"a BOM":         {ai302test.Trouble{Spoil: ai302test.BOM}, false},
		"nothing wrong": {ai302test.Trouble{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			fake := start(t)
			fake.Script(ai302test.Match{}, row.trouble, 1)
			post(t, fake, "/302/image/generate", body)
			post(t, fake, "/302/image/generate", `{"prompt":"another","model":"luma-t2i"}`)
			noted(t, fake)
			post(t, fake, "/302/image/generate", body)
			if row.unknown {
				noted(t, fake, "sent again")
			} else {
				noted(t, fake)
			}
		})
	}
	t.Run("a person asks again", func(t *testing.T) {
		fake := start(t)
		fake.Script(ai302test.Match{}, ai302test.ServerError(false), 1)
		post(t, fake, "/302/image/generate", body)
		fake.AllowRepeats(true)
		post(t, fake, "/302/image/generate", body)
		fake.AllowRepeats(false)
		post(t, fake, "/302/image/generate", body)
		noted(t, fake)
	})
	t.Run("the sender went away", func(t *testing.T) {
		fake := start(t)
		fake.Script(ai302test.Match{}, ai302test.Trouble{Until: make(chan struct{})}, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, fake.URL()+"/302/image/generate", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("Content-Type", "application/json")
		go func() {
			defer cancel()
			if _, err := fake.WaitCalls(soon(t), ai302test.Match{Model: "luma-t2i"}, 1); err != nil {
				t.Error(err)
			}
		}()
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			t.Fatal("answered")
		}
		ended, err := fake.WaitEnded(soon(t), ai302test.Match{}, 1)
		if err != nil || ended[0].Outcome != ai302test.Abandoned || fake.Paid()[ai302test.Generate] != 1 {
			t.Fatalf("%+v, %v", ended, err)
		}
		post(t, fake, "/302/image/generate", body)
		noted(t, fake, "sent again")
	})
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestWaitCallsEndsWithTheContext(t *testing.T) {
	fake := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if _, err := fake.WaitCalls(ctx, ai302test.Match{}, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestWaitsEndWithTheServer(t *testing.T) {
	fake := start(t)
	fake.Script(ai302test.Match{}, ai302test.Trouble{Wait: time.Hour}, 1)
	go func() {
		if _, err := fake.WaitCalls(soon(t), ai302test.Match{}, 1); err != nil {
			t.Error(err)
		}
		fake.Close()
	}()
	if status, body := post(t, fake, "/302/image/generate", `{"prompt":"p","model":"luma-t2i"}`); status != 0 {
		t.Errorf("%d %s", status, body)
	}
}

func TestSlowUntilReleased(t *testing.T) {
	fake := start(t, func(s *ai302test.Settings) { s.Delay = time.Millisecond })
	release := make(chan struct{})
	fake.Script(ai302test.Match{Endpoint: ai302test.Generate}, ai302test.Trouble{Until: release}, 1)
	go func() {
		all, err := fake.WaitCalls(soon(t), ai302test.Match{}, 1)
		if err != nil || all[0].Outcome != ai302test.UnderWay {
			t.Errorf("%+v, %v", all, err)
		}
		close(release)
	}()
	if status, body := post(t, fake, "/302/image/generate", `{"prompt":"p","model":"luma-t2i"}`); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}

// picture asks for one and gives its URL.
func picture(t *testing.T, fake *ai302test.Server, fields string) string {
	t.Helper()
	_, body := post(t, fake, "/302/image/generate", `{"prompt":"p","model":"flux-dev-t2i"`+fields+`}`)
	var answer struct {
		URL string `json:"image_url"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.URL == "" {
		t.Fatalf("%s %v", body, err)
	}
	return answer.URL
}

func TestResults(t *testing.T) {
	fetch := func(t *testing.T, url string) (status int, kind, sniffed string, size int64) {
		t.Helper()
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		head := make([]byte, 512)
		n, err := io.ReadFull(resp.Body, head)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
		rest, err := io.Copy(io.Discard, resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header.Get("Content-Type"), http.DetectContentType(head[:n]), int64(n) + rest
	}
	for name, row := range map[string]struct {
		trouble         ai302test.Trouble
		status          int
		kind, sniffed   string
		larger, smaller int64
	}{
		"good":          {ai302test.Trouble{}, 200, "image/png", "image/png", 100, 1 << 20},
		"wrong type":    {ai302test.Trouble{Result: ai302test.WrongType}, 200, "image/jpeg", "image/png", 100, 1 << 20},
		"not a picture": {ai302test.Trouble{Result: ai302test.NotAPicture}, 200, "image/png", "text/html; charset=utf-8", 10, 1 << 20},
		"endless":       {ai302test.Trouble{Result: ai302test.Endless}, 200, "image/png", "image/png", 60 << 20, 70 << 20},
		"gone":          {ai302test.Trouble{Result: ai302test.Gone}, 404, "text/plain; charset=utf-8", "text/plain; charset=utf-8", 1, 100},
	} {
		t.Run(name, func(t *testing.T) {
			fake := start(t)
			fake.Script(ai302test.Match{Endpoint: ai302test.Generate}, row.trouble, 1)
			status, kind, sniffed, size := fetch(t, picture(t, fake, ""))
			if status != row.status || kind != row.kind || sniffed != row.sniffed || size < row.larger || size > row.smaller {
				t.Errorf("%d %s, really %s, %d bytes", status, kind, sniffed, size)
			}
			noted(t, fake)
		})
	}
	t.Run("JPEG as asked", func(t *testing.T) {
		if _, kind, sniffed, _ := fetch(t, picture(t, start(t), `,"output_format":"jpeg"`)); kind != "image/jpeg" || sniffed != kind {
			t.Errorf("%s, really %s", kind, sniffed)
		}
	})
	t.Run("trouble at the fetching", func(t *testing.T) {
		fake := start(t)
		fake.Script(ai302test.Match{Endpoint: ai302test.PictureGet, PromptContains: "p"}, ai302test.Trouble{Result: ai302test.Gone}, 1)
		fake.Script(ai302test.Match{Endpoint: ai302test.PictureGet}, ai302test.ServerError(false), 1)
		url := picture(t, fake, "")
		for _, want := range []int{404, 500, 200} {
			if status, _, _, _ := fetch(t, url); status != want {
				t.Errorf("status %d, want %d", status, want)
			}
		}
	})
}

func TestKontextSampleDies(t *testing.T) {
	fake := start(t, func(s *ai302test.Settings) { s.SampleTTL = time.Nanosecond })
	_, body := post(t, fake, "/flux/v1/flux-kontext-pro", `{"prompt":"p","input_image":"`+encoded+`"}`)
	var ticket struct{ ID string }
	if err := json.Unmarshal([]byte(body), &ticket); err != nil {
		t.Fatal(err)
	}
	_, body = send(t, http.MethodGet, fake.URL()+"/flux/v1/get_result?id="+ticket.ID, "Bearer "+key, "", "")
	var result struct {
		Status string
		Result struct{ Sample string }
	}
	if err := json.Unmarshal([]byte(body), &result); err != nil || result.Status != "Ready" {
		t.Fatalf("%s %v", body, err)
	}
	if status, _ := get(t, result.Result.Sample); status != 404 || !strings.Contains(result.Result.Sample, "sig=") {
		t.Errorf("status %d of %s", status, result.Result.Sample)
	}
}

func TestSameOrderGivesSamePictures(t *testing.T) {
	run := func() []string {
		fake := start(t)
		var all []string
		for range 3 {
			_, content := get(t, picture(t, fake, ""))
			all = append(all, content)
		}
		return all
	}
	one, two := run(), run()
	for i := range one {
		if one[i] != two[i] {
			t.Errorf("picture %d differs between runs", i)
		}
	}
	if one[0] == one[1] || one[1] == one[2] {
		t.Error("identical requests give identical pictures")
	}
}

func TestOwnDrawing(t *testing.T) {
	fake := start(t, func(s *ai302test.Settings) {
		s.Draw = func(d ai302test.DrawRequest) []byte { return fmt.Appendf(nil, "%s %dx%d", d.Prompt, d.Width, d.Height) }
	})
	if _, content := get(t, picture(t, fake, `,"width":640,"height":320`)); content != "p 32x16" {
		t.Errorf("drew %q", content)
	}
}
