package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"imaginebot/bots/telegram/telegramspec"
	"imaginebot/bots/telegram/telegramtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeTelegram runs a Telegram that must end without violations, and a client for it.
func fakeTelegram(t *testing.T, settings telegramtest.Settings) (*telegramtest.Server, *rest) {
	t.Helper()
	settings.Checker = telegramspec.FromEnv(t)
	s := telegramtest.New(settings)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		for _, violation := range s.Violations() {
			t.Errorf("violation: %s", violation)
		}
	})
	return s, client(t, s.URL(), s.Token())
}

// client makes a client whose connections end with the test.
func client(t *testing.T, address, token string) *rest {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	r, err := newREST(restSettings{Token: token, APIBase: address, FileBase: address + "/file", Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// soon bounds every wait of a test.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// content is an upload that counts how often it is opened and closed.
type content struct {
	bytes          []byte
	fail           error // at the end instead of io.EOF
	opened, closed atomic.Int32
}

func (c *content) upload(name string) upload {
	return upload{Name: name, Open: func(context.Context) (io.ReadCloser, error) {
		c.opened.Add(1)
		var r io.Reader = bytes.NewReader(c.bytes)
		if c.fail != nil {
			r = io.MultiReader(r, failing{c.fail})
		}
		return &closing{Reader: r, closed: &c.closed}, nil
	}}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type closing struct {
	io.Reader
	closed *atomic.Int32
}

func (c *closing) Close() error {
	c.closed.Add(1)
	return nil
}

func picture(t *testing.T, width, height int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestCallsAsTelegramSeesThem(t *testing.T) {
	s, r := fakeTelegram(t, telegramtest.Settings{Path: "/a%20b"})
	ctx := soon(t)
	ann := s.User("Ann", "en")
	asked, err := ann.Start("")
	if err != nil {
		t.Fatal(err)
	}
	chat := s.Private(ann)
	to := place{Chat: chat.ID, ReplyTo: asked.ID, Silent: true}

	me, err := r.GetMe(ctx)
	if err != nil || me.ID != s.Bot().ID || me.Username != "imagine_test_bot" || me.HearsAll {
		t.Fatalf("getMe %+v (%v)", me, err)
	}
	if err := r.SetMyCommands(ctx, []BotCommand{{"imagine", "Draw"}}, "all_private_chats", "de"); err != nil {
		t.Error(err)
	}
	if menu := s.Commands(telegramtest.CommandScope{Type: "all_private_chats"}, "de"); len(menu) != 1 || menu[0].Command != "imagine" {
		t.Errorf("menu %+v", menu)
	}
	if err := r.SendChatAction(ctx, chat.ID, 0, "upload_photo"); err != nil || len(s.Actions(chat)) != 1 {
		t.Errorf("chat action: %v", err)
	}

	foreign := `<b>"@x" & </b> https://example.org`
	sent, err := r.SendMessage(ctx, to, "<b>Waiting</b> for "+escape(foreign), keyboard{{{Text: "Cancel", Data: "c:1"}, {Text: "Site", URL: "https://example.org"}}})
	if err != nil {
		t.Fatal(err)
	}
	seen := s.Messages(chat)[1]
	want := telegramtest.Message{
		ID: sent.ID, Chat: chat.ID, From: me.ID, FromBot: true, Text: "Waiting for " + foreign, ReplyTo: asked.ID, Silent: true,
		Entities: []telegramtest.Entity{{Type: "bold", Length: 7}, {Type: "url", Offset: 27, Length: 19}},
		Buttons:  [][]telegramtest.Button{{{Text: "Cancel", Data: "c:1"}, {Text: "Site", URL: "https://example.org"}}},
		Sent:     seen.Sent,
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if sent.ReplyTo == nil || sent.ReplyTo.ID != asked.ID || sent.Chat.ID != chat.ID {
		t.Errorf("the sent message came back as %+v", sent)
	}
	if err := r.EditMessageText(ctx, chat.ID, sent.ID, "done", keyboard{{{Text: "Again", Data: "a"}}}); err != nil || s.Messages(chat)[1].Text != "done" {
		t.Errorf("editing: %v", err)
	}
	press, err := ann.Press(s.Messages(chat)[1], "Again")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AnswerCallbackQuery(ctx, press.ID, queryAnswer{Text: "Drawing", Alert: true}); err != nil {
		t.Error(err)
	}
	if told, err := press.Wait(ctx); err != nil || told.Text != "Drawing" || !told.Alert {
		t.Errorf("answer %+v (%v)", told, err)
	}
	if err := r.DeleteMessage(ctx, chat.ID, sent.ID); err != nil || len(s.Messages(chat)) != 1 {
		t.Errorf("deleting: %v", err)
	}
	if alone, err := r.SendMessage(ctx, place{Chat: chat.ID, ReplyTo: sent.ID}, "late", nil); err != nil || alone.ReplyTo != nil {
		t.Errorf("a reply to what was deleted: %+v (%v)", alone, err)
	}
	if member, err := r.GetChatMember(ctx, chat.ID, ann.ID); err != nil || member.Status != "member" || member.User.ID != ann.ID {
		t.Errorf("getChatMember %+v (%v)", member, err)
	}
	if err := r.SetWebhook(ctx, "https://bot.example/hook", webhookSecret(s.Token()), []string{"message"}); err != nil {
		t.Error(err)
	}
	if address, secret := s.Webhook(); address != "https://bot.example/hook" || secret != webhookSecret(s.Token()) {
		t.Errorf("webhook %q %q", address, secret)
	}
	if err := r.DeleteWebhook(ctx); err != nil {
		t.Error(err)
	}
}

func TestUploads(t *testing.T) {
	s, r := fakeTelegram(t, telegramtest.Settings{})
	ctx := soon(t)
	ann := s.User("Ann", "")
	if _, err := ann.Start(""); err != nil {
		t.Fatal(err)
	}
	chat := s.Private(ann)
	to := place{Chat: chat.ID}
	fox := &content{bytes: picture(t, 40, 30)}

	sent, err := r.SendPhoto(ctx, to, fox.upload(`a "fox".png`), "a <i>fox</i>", keyboard{{{Text: "Again", Data: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	photo := s.Messages(chat)[1]
	if !bytes.Equal(photo.Photo.Bytes, fox.bytes) || photo.Caption != "a fox" || len(photo.Buttons) != 1 {
		t.Errorf("photo %+v", photo)
	}
	largest := sent.Photo[len(sent.Photo)-1]
	if _, err := r.SendPhoto(ctx, to, upload{FileID: largest.FileID}, "", nil); err != nil {
		t.Errorf("again by file_id: %v", err)
	}
	document, err := r.SendDocument(ctx, to, fox.upload("fox.png"), "", nil)
	if err != nil || document.Document.Name != "fox.png" || document.Document.Size != int64(len(fox.bytes)) {
		t.Fatalf("document %+v (%v)", document.Document, err)
	}
	if s.Calls("sendDocument")[0].Params["disable_content_type_detection"] != "true" {
		t.Error("Telegram may turn the document into something it can play")
	}
	album, err := r.SendMediaGroup(ctx, to, "photo", []captioned{
		{fox.upload("1.png"), "one &amp; two"}, {upload{FileID: largest.FileID}, ""}, {fox.upload("3.png"), ""},
	})
	if err != nil || len(album) != 3 || album[0].Album == "" || s.Messages(chat)[4].Caption != "one & two" {
		t.Errorf("album %+v (%v)", album, err)
	}
	if fox.opened.Load() != 4 || fox.closed.Load() != 4 {
		t.Errorf("the content was opened %d and closed %d times, want 4", fox.opened.Load(), fox.closed.Load())
	}

	file, err := r.GetFile(ctx, document.Document.FileID)
	if err != nil {
		t.Fatal(err)
	}
	read := func(limit int64) ([]byte, error) {
		body, err := r.Open(ctx, file.Path, limit)
		if err != nil {
			return nil, err
		}
		defer body.Close()
		return io.ReadAll(body)
	}
	if got, err := read(file.Size); err != nil || !bytes.Equal(got, fox.bytes) {
		t.Errorf("download: %d bytes, %v", len(got), err)
	}
	if _, err := read(file.Size - 1); faultOf(err) != faultTooBig {
		t.Errorf("a download over its limit: %v", err)
	}
	s.Script(telegramtest.Match{Method: "file"}, telegramtest.DropAfter(), 1)
	if _, err := read(file.Size); faultOf(err) != faultOutage {
		t.Errorf("a download cut off: %v", err)
	}
	for _, path := range []string{"", ".", "/var/lib/telegram-bot-api/file.jpg", "../getMe", "photos/../../getMe", "photos//x"} {
		if _, err := r.Open(ctx, path, 1); err == nil || !strings.Contains(err.Error(), "not one below") {
			t.Errorf("%q was opened: %v", path, err)
		}
	}
	if _, err := r.Open(ctx, "photos/none.jpg", 1); faultOf(err) != faultBadFile {
		t.Errorf("an unknown path: %v", err)
	}
}

// TestDownloadWithoutLength streams a file whose size only shows while it is read.
func TestDownloadWithoutLength(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 4 {
			_, _ = io.WriteString(w, "12345")
			_ = http.NewResponseController(w).Flush()
		}
	}))
	defer server.Close()
	r := client(t, server.URL, telegramtest.DefaultToken)
	for limit, want := range map[int64]fault{20: faultUnknown, 19: faultTooBig, 0: faultTooBig} {
		body, err := r.Open(soon(t), "x", limit)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		_ = body.Close()
		if (err == nil) != (want == faultUnknown) || faultOf(err) != want || int64(len(got)) != limit {
			t.Errorf("limit %d: %d bytes, %v", limit, len(got), err)
		}
	}
}

func TestWhatCanGoWrong(t *testing.T) {
	s, r := fakeTelegram(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	if _, err := ann.Start(""); err != nil {
		t.Fatal(err)
	}
	fox := &content{bytes: picture(t, 40, 30)}
	bad := func(words string) telegramtest.Trouble { return telegramtest.Fail(400, "Bad Request: "+words) }
	tests := []struct {
		name    string
		trouble telegramtest.Trouble
		fault   fault
		code    int
		sent    bool
		wait    time.Duration
	}{
		{"flood", telegramtest.Flood(9 * time.Second), faultFlood, 429, false, 9 * time.Second},
		{"500", telegramtest.Fail(500, "Internal Server Error"), faultOutage, 500, true, 0},
		{"502 page", telegramtest.BadGateway(), faultOutage, 502, true, 0},
		{"dropped before", telegramtest.DropBefore(), faultOutage, 0, true, 0},
		{"dropped after", telegramtest.DropAfter(), faultOutage, 0, true, 0},
		{"blocked", telegramtest.Fail(403, "Forbidden: bot was blocked by the user"), faultBlocked, 403, false, 0},
		{"gone person", telegramtest.Fail(403, "Forbidden: user is deactivated"), faultBlocked, 403, false, 0},
		{"stranger", telegramtest.Fail(403, "Forbidden: bot can't initiate conversation with a user"), faultNeverStarted, 403, false, 0},
		{"kicked", telegramtest.Fail(403, "Forbidden: bot was kicked from the supergroup chat"), faultChatGone, 403, false, 0},
		{"no chat", bad("chat not found"), faultChatGone, 400, false, 0},
		{"no rights", bad("not enough rights to send photos to the chat"), faultNoRights, 400, false, 0},
		{"topic", bad("message thread not found"), faultTopicGone, 400, false, 0},
		{"closed topic", bad("TOPIC_CLOSED"), faultTopicGone, 400, false, 0},
		{"reply", bad("message to be replied not found"), faultReplyGone, 400, false, 0},
		{"same", bad("message is not modified: specified new message content and reply markup are exactly the same"), faultNotModified, 400, false, 0},
		{"no message", bad("message to delete not found"), faultMessageGone, 400, false, 0},
		{"old message", bad("message can't be deleted for everyone"), faultMessageGone, 400, false, 0},
		{"old press", bad("query is too old and response timeout expired or query ID is invalid"), faultOldQuery, 400, false, 0},
		{"shape", bad(`failed to send message #2 with the error message "PHOTO_INVALID_DIMENSIONS"`), faultBadPhoto, 400, false, 0},
		{"file_id", bad("wrong file identifier/HTTP URL specified"), faultBadFile, 400, false, 0},
		{"too big", telegramtest.Fail(413, "Request Entity Too Large"), faultTooBig, 413, false, 0},
		{"token", telegramtest.Fail(401, "Unauthorized"), faultUnauthorised, 401, false, 0},
		{"no such bot", telegramtest.Fail(404, "Not Found"), faultUnauthorised, 404, false, 0},
		{"old server", telegramtest.Fail(404, "Not Found: method not found"), faultUnknown, 404, false, 0},
		{"anything", bad("something new"), faultUnknown, 400, false, 0},
	}
	for _, test := range tests {
		for _, method := range []string{"sendMessage", "sendPhoto"} { // the library answers differently after an upload
			t.Run(test.name+"/"+method, func(t *testing.T) {
				s.Script(telegramtest.Match{Method: method}, test.trouble, 1)
				to := place{Chat: ann.ID}
				var err error
				if method == "sendPhoto" {
					_, err = r.SendPhoto(soon(t), to, fox.upload("fox.png"), "", nil)
				} else {
					_, err = r.SendMessage(soon(t), to, "x", nil)
				}
				var failed *apiError
				if !errors.As(err, &failed) {
					t.Fatalf("not an apiError: %v", err)
				}
				if faultOf(err) != test.fault || failed.Code != test.code || maybeSent(err) != test.sent || failed.RetryAfter != test.wait {
					t.Errorf("fault %d, code %d, sent %v, wait %v; want %d %d %v %v: %v", faultOf(err), failed.Code, failed.Sent,
						failed.RetryAfter, test.fault, test.code, test.sent, test.wait, err)
				}
				if !strings.Contains(err.Error(), method) || strings.Contains(err.Error(), "a-made-up-token") {
					t.Errorf("error %q", err)
				}
			})
		}
	}
	if fox.opened.Load() != int32(len(tests)) || fox.closed.Load() != fox.opened.Load() {
		t.Errorf("opened %d and closed %d times, want %d", fox.opened.Load(), fox.closed.Load(), len(tests))
	}
}

func TestMigration(t *testing.T) {
	s, r := fakeTelegram(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	group := s.Group(telegramtest.GroupSettings{Title: "Foxes", Members: []*telegramtest.User{ann}})
	bigger := group.Migrate()
	_, err := r.SendMessage(soon(t), place{Chat: group.ID}, "x", nil)
	var failed *apiError
	if !errors.As(err, &failed) || faultOf(err) != faultMigrated || failed.MigrateTo != bigger.ID {
		t.Errorf("got %+v, want the way to %d", failed, bigger.ID)
	}
}

// TestNotSent are the failures after which a repetition cannot be a second message.
func TestNotSent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + listener.Addr().String()
	_ = listener.Close()
	_, err = client(t, nobody, telegramtest.DefaultToken).SendMessage(soon(t), place{Chat: 1}, "x", nil)
	if faultOf(err) != faultOutage || maybeSent(err) {
		t.Errorf("nobody listens: %v, sent %v", err, maybeSent(err))
	}

	s, r := fakeTelegram(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	if _, err := ann.Start(""); err != nil {
		t.Fatal(err)
	}
	disk := errors.New("the disk is gone")
	broken := &content{bytes: picture(t, 400, 300), fail: disk}
	_, err = r.SendPhoto(soon(t), place{Chat: ann.ID}, broken.upload("fox.png"), "", nil)
	if !errors.Is(err, disk) || faultOf(err) != faultUnknown || maybeSent(err) || broken.closed.Load() != 1 {
		t.Errorf("content that breaks: %v, sent %v", err, maybeSent(err))
	}
	missing := upload{Name: "fox.png", Open: func(context.Context) (io.ReadCloser, error) { return nil, disk }}
	_, err = r.SendDocument(soon(t), place{Chat: ann.ID}, missing, "", nil)
	if !errors.Is(err, disk) || faultOf(err) != faultUnknown || maybeSent(err) {
		t.Errorf("content that does not open: %v, sent %v", err, maybeSent(err))
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = r.SendMessage(ctx, place{Chat: ann.ID}, "x", nil)
	if !errors.Is(err, context.Canceled) || maybeSent(err) {
		t.Errorf("a context that had ended: %v, sent %v", err, maybeSent(err))
	}
	if got := len(s.Messages(s.Private(ann))); got != 1 {
		t.Errorf("%d messages, want Ann's alone", got)
	}
}

// TestContextEndsCalls ends calls while Telegram thinks about them and while an upload is under way.
func TestContextEndsCalls(t *testing.T) {
	s, r := fakeTelegram(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	if _, err := ann.Start(""); err != nil {
		t.Fatal(err)
	}
	s.Script(telegramtest.Match{Method: "sendMessage"}, telegramtest.Slow(time.Minute), 1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := r.SendMessage(ctx, place{Chat: ann.ID}, "x", nil)
	if !errors.Is(err, context.DeadlineExceeded) || !maybeSent(err) {
		t.Errorf("a slow answer: %v, sent %v", err, maybeSent(err))
	}

	ctx, cancel = context.WithCancel(t.Context())
	endless := upload{Name: "fox.png", Open: func(ctx context.Context) (io.ReadCloser, error) {
		cancel()
		return io.NopCloser(waiting{ctx}), nil
	}}
	_, err = r.SendPhoto(ctx, place{Chat: ann.ID}, endless, "", nil)
	if !errors.Is(err, context.Canceled) || maybeSent(err) {
		t.Errorf("an upload that was interrupted: %v, sent %v", err, maybeSent(err))
	}
}

// waiting is content that arrives never.
type waiting struct{ ctx context.Context }

func (w waiting) Read([]byte) (int, error) {
	<-w.ctx.Done()
	return 0, w.ctx.Err()
}

// TestEarlyAnswer refuses an upload before it was read; nothing of it may be left running, however slow its source.
func TestEarlyAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 3","parameters":{"retry_after":3}}`)
	}))
	defer server.Close()
	r := client(t, server.URL, telegramtest.DefaultToken)
	slow := upload{Name: "a.png", Open: func(ctx context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), waiting{ctx})), nil
	}}
	began := time.Now()
	_, err := r.SendPhoto(soon(t), place{Chat: 1}, slow, "", nil)
	if took := time.Since(began); faultOf(err) != faultFlood || maybeSent(err) || took > 2*time.Second {
		t.Errorf("got %v after %v", err, took)
	}
}

// TestEndedUpload is the library's goroutine coming late: the call is over, so nothing may be opened any more.
func TestEndedUpload(t *testing.T) {
	fox := &content{bytes: []byte("fox")}
	s := &stream{ctx: t.Context(), upload: fox.upload("fox.png")}
	var out bytes.Buffer
	if _, err := s.WriteTo(&out); err != nil || out.String() != "fox" {
		t.Fatalf("wrote %q (%v)", out.String(), err)
	}
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.WriteTo(&out); err == nil || fox.opened.Load() != 1 || fox.closed.Load() != 1 {
		t.Errorf("opened %d times, closed %d times (%v)", fox.opened.Load(), fox.closed.Load(), err)
	}
}

// TestStrangeAnswers are what proxies and broken servers send.
func TestStrangeAnswers(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		fault  fault
		sent   bool
	}{
		{"cut off", 200, `{"ok":true,"result":{"message_id":`, faultOutage, true},
		{"empty", 200, ``, faultOutage, true},
		{"odd result", 200, `{"ok":true,"result":true}`, faultUnknown, true},
		{"page of a proxy", 407, `<html>`, faultUnknown, false},
		{"page for large bodies", 413, `<html>`, faultTooBig, false},
		{"redirect", 307, `<html>`, faultUnknown, false},
		{"code in the body alone", 200, `{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}`, faultBlocked, false},
		{"code in the status alone", 403, `{"ok":false,"description":"Forbidden: bot was blocked by the user"}`, faultBlocked, false},
		{"retry_after alone", 400, `{"ok":false,"parameters":{"retry_after":5}}`, faultFlood, false},
		{"token in the words", 400, `{"ok":false,"error_code":400,"description":"no /bot` + telegramtest.DefaultToken + `/x ` + strings.Repeat("é", 300) + `"}`, faultUnknown, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stolen := make(chan string, 1)
			elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { stolen <- r.Referer() }))
			defer elsewhere.Close()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Location", elsewhere.URL)
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}))
			defer server.Close()
			_, err := client(t, server.URL, telegramtest.DefaultToken).SendMessage(soon(t), place{Chat: 1}, "x", nil)
			if err == nil || faultOf(err) != test.fault || maybeSent(err) != test.sent {
				t.Errorf("fault %d, sent %v; want %d %v: %v", faultOf(err), maybeSent(err), test.fault, test.sent, err)
			}
			if strings.Contains(err.Error(), "a-made-up-token") || len(err.Error()) > 400 {
				t.Errorf("error %q", err)
			}
			if len(stolen) > 0 {
				t.Errorf("a redirect was followed, with referer %q", <-stolen)
			}
		})
	}
}

func TestTokenStaysInside(t *testing.T) {
	fails := roundTripper(func(r *http.Request) (*http.Response, error) { return nil, fmt.Errorf("cannot reach %s", r.URL) })
	r, err := newREST(restSettings{
		Token: telegramtest.DefaultToken, APIBase: "https://api.telegram.org", FileBase: "https://api.telegram.org/file", Transport: fails,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.GetMe(soon(t))
	_, openErr := r.Open(soon(t), "photos/a.jpg", 1)
	for _, err := range []error{err, openErr} {
		for ; err != nil; err = errors.Unwrap(err) {
			if strings.Contains(err.Error(), "a-made-up-token") {
				t.Errorf("the token is in %q", err)
			}
		}
	}
	for _, settings := range []restSettings{
		{Token: "", APIBase: "https://e.org", FileBase: "https://e.org"},
		{Token: "1:a/b", APIBase: "https://e.org", FileBase: "https://e.org"},
		{Token: "1:ab", APIBase: "e.org", FileBase: "https://e.org"},
		{Token: "1:ab", APIBase: "https://e.org", FileBase: "file:///x"},
		{Token: "1:ab", APIBase: "https://e.org?x=1", FileBase: "https://e.org"},
	} {
		if _, err := newREST(settings); err == nil {
			t.Errorf("%+v was accepted", settings)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestDecodeUpdate(t *testing.T) {
	chat := `"chat":{"id":-100,"type":"supergroup","is_forum":true}`
	tests := []struct {
		name string
		raw  string
		want Update
	}{
		{"message", `{"update_id":7,"message":{"message_id":3,` + chat + `,"text":"hi","message_thread_id":5,"is_topic_message":true,"new_in_11.0":[1]}}`,
			Update{ID: 7, Message: &Message{ID: 3, Chat: Chat{ID: -100, Type: "supergroup", IsForum: true}, Text: "hi", Thread: 5, InTopic: true}}},
		{"an odd field", `{"update_id":7,"message":{"message_id":3,` + chat + `,"text":{"a":1},"caption":"hi","photo":"none","entities":[5]}}`,
			Update{ID: 7, Message: &Message{ID: 3, Chat: Chat{ID: -100, Type: "supergroup", IsForum: true}, Caption: "hi", Entities: []Entity{{}}}}},
		{"no message", `{"update_id":7,"message":5}`, Update{ID: 7}},
		{"a message without a chat", `{"update_id":7,"message":{"message_id":3}}`, Update{ID: 7}},
		{"a reply to nothing", `{"update_id":7,"message":{"message_id":3,` + chat + `,"reply_to_message":{}}}`,
			Update{ID: 7, Message: &Message{ID: 3, Chat: Chat{ID: -100, Type: "supergroup", IsForum: true}}}},
		{"an unknown kind", `{"update_id":7,"purple_message":{}}`, Update{ID: 7}},
		{"a press on an old message", `{"update_id":7,"callback_query":{"id":"9","from":{"id":1},"data":"a","message":{"message_id":3,"date":0,` + chat + `}}}`,
			Update{ID: 7, Callback: &CallbackQuery{ID: "9", From: User{ID: 1}, Data: "a", Message: &Message{ID: 3, Chat: Chat{ID: -100, Type: "supergroup", IsForum: true}}}}},
		{"a press by nobody", `{"update_id":7,"callback_query":{"id":"9"}}`, Update{ID: 7}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := decodeUpdate(json.RawMessage(test.raw))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("update (-want +got):\n%s", diff)
			}
		})
	}
	for _, raw := range []string{"", "7", `"x"`, `{"update_id":`} {
		if _, err := decodeUpdate(json.RawMessage(raw)); err == nil {
			t.Errorf("%q was decoded", raw)
		}
	}
	inThread, inTopic := Message{Thread: 5}, Message{Thread: 5, InTopic: true}
	if inThread.Topic() != 0 || inTopic.Topic() != 5 {
		t.Errorf("topics %d and %d, want 0 and 5", inThread.Topic(), inTopic.Topic())
	}
}

func FuzzDecodeUpdate(f *testing.F) {
	for _, seed := range []string{
		`{"update_id":1,"message":{"message_id":1,"chat":{"id":1},"text":"/imagine a fox","photo":[{"file_id":"x"}]}}`,
		`{"update_id":1,"message":{"message_id":1,"chat":{"id":1},"reply_to_message":{"message_id":2,"chat":{"id":1}}}}`,
		`{"update_id":1,"callback_query":{"id":"1","from":{"id":1},"message":{}}}`,
		`{"update_id":"1","message":7}`, `{"my_chat_member":{"chat":[]}}`, `[]`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		u, err := decodeUpdate(raw)
		if err != nil {
			return
		}
		for _, m := range []*Message{u.Message, u.Edited} {
			for ; m != nil; m = m.ReplyTo {
				if m.ID == 0 || m.Chat.ID == 0 {
					t.Fatalf("a message without an address: %+v", m)
				}
			}
		}
		if u.Callback != nil && (u.Callback.ID == "" || u.Callback.From.ID == 0) {
			t.Fatalf("a press by nobody: %+v", u.Callback)
		}
		if !json.Valid(raw) {
			t.Fatalf("%q is no JSON, yet it was decoded", raw)
		}
	})
}
