package telegramtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"imaginebot/bots/telegram/telegramspec"
	"imaginebot/bots/telegram/telegramtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bot is the least a bot can be: calls to the fake, nothing remembered.
type bot struct {
	t      *testing.T
	s      *telegramtest.Server
	client *http.Client
	offset int64
}

// answer is the envelope of every answer.
type answer struct {
	OK          bool
	Result      json.RawMessage
	ErrorCode   int `json:"error_code"`
	Description string
	Parameters  struct {
		RetryAfter int   `json:"retry_after"`
		MigrateTo  int64 `json:"migrate_to_chat_id"`
	}
}

// start runs a fake that must end without violations, and a bot for it.
func start(t *testing.T, settings telegramtest.Settings) (*telegramtest.Server, *bot) {
	t.Helper()
	s, b := startCareless(t, settings)
	t.Cleanup(func() {
		for _, violation := range s.Violations() {
			t.Errorf("violation: %s", violation)
		}
	})
	return s, b
}

// startCareless runs a fake for a test that breaks rules on purpose.
func startCareless(t *testing.T, settings telegramtest.Settings) (*telegramtest.Server, *bot) {
	t.Helper()
	settings.Checker = telegramspec.FromEnv(t)
	s := telegramtest.New(settings)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		s.Close()
	})
	return s, &bot{t: t, s: s, client: &http.Client{Transport: transport}}
}

// soon bounds every wait of a test.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (b *bot) post(ctx context.Context, method, kind string, body io.Reader) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.s.URL()+"/bot"+b.s.Token()+"/"+method, body)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", kind)
	response, err := b.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	var a answer
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
		return answer{ErrorCode: response.StatusCode}, err
	}
	return a, nil
}

// call sends a form of alternating names and values.
func (b *bot) call(method string, pairs ...string) answer {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	a, err := b.post(b.t.Context(), method, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	return a
}

// upload sends a multipart form with one file part.
func (b *bot) upload(method, field, name string, content []byte, pairs ...string) answer {
	b.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := 0; i < len(pairs); i += 2 {
		if err := form.WriteField(pairs[i], pairs[i+1]); err != nil {
			b.t.Fatal(err)
		}
	}
	part, err := form.CreateFormFile(field, name)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := part.Write(content); err != nil {
		b.t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		b.t.Fatal(err)
	}
	a, err := b.post(b.t.Context(), method, form.FormDataContentType(), &body)
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	return a
}

// update is what tests look at in an update.
type update struct {
	ID      int64 `json:"update_id"`
	Message *struct {
		ID       int    `json:"message_id"`
		Text     string `json:"text"`
		Caption  string `json:"caption"`
		Group    string `json:"media_group_id"`
		Thread   int    `json:"message_thread_id"`
		InTopic  bool   `json:"is_topic_message"`
		Document *struct {
			ID string `json:"file_id"`
		}
		Photo []struct {
			ID     string `json:"file_id"`
			Width  int
			Height int
			Size   int `json:"file_size"`
		}
		Sticker *struct{ Emoji string }
		Origin  *struct{ Type string } `json:"forward_origin"`
		Sender  *struct{ ID int64 }    `json:"sender_chat"`
		Reply   *struct {
			ID int `json:"message_id"`
		} `json:"reply_to_message"`
		Joined    []struct{ ID int64 } `json:"new_chat_members"`
		MigrateTo int64                `json:"migrate_to_chat_id"`
	}
	Edited *struct{ Text string } `json:"edited_message"`
	Query  *struct {
		ID, Data string
		Message  struct {
			ID int `json:"message_id"`
		}
	} `json:"callback_query"`
	Member *struct {
		Old struct{ Status string } `json:"old_chat_member"`
		New struct{ Status string } `json:"new_chat_member"`
	} `json:"my_chat_member"`
}

// updates takes what is queued and confirms it with the next call.
func (b *bot) updates() []update {
	b.t.Helper()
	a := b.call("getUpdates", "offset", jsonText(b.offset), "timeout", "0")
	if !a.OK {
		b.t.Fatalf("getUpdates: %s", a.Description)
	}
	var list []update
	if err := json.Unmarshal(a.Result, &list); err != nil {
		b.t.Fatal(err)
	}
	if len(list) > 0 {
		b.offset = list[len(list)-1].ID + 1
	}
	return list
}

func jsonText(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// messageID reads the id of a message that was sent.
func (b *bot) messageID(a answer) int {
	b.t.Helper()
	var m struct {
		ID int `json:"message_id"`
	}
	if err := json.Unmarshal(a.Result, &m); err != nil || m.ID == 0 {
		b.t.Fatalf("not a sent message: %+v (%v)", a, err)
	}
	return m.ID
}

// refused expects an error with these words.
func refused(t *testing.T, a answer, code int, words string) {
	t.Helper()
	if a.OK || a.ErrorCode != code || !strings.Contains(a.Description, words) {
		t.Errorf("got %v %d %q, want %d %q", a.OK, a.ErrorCode, a.Description, code, words)
	}
}

// violated expects one violation with these words among those so far.
func violated(t *testing.T, s *telegramtest.Server, words string) {
	t.Helper()
	for _, violation := range s.Violations() {
		if strings.Contains(violation, words) {
			return
		}
	}
	t.Errorf("no violation says %q: %q", words, s.Violations())
}

// pngOf is a grey picture, since only its measures and bytes matter, and those of 10,000 pixels must be made quickly.
func pngOf(t *testing.T, width, height int) []byte {
	t.Helper()
	var out bytes.Buffer
	quick := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := quick.Encode(&out, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func jpegOf(t *testing.T, width, height int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, width, height)), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
