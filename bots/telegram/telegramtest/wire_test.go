package telegramtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imaginebot/bots/telegram/telegramtest"
)

func TestLongPolling(t *testing.T) {
	s, b := start(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	polled := make(chan answer, 1)
	go func() {
		a, _ := b.post(t.Context(), "getUpdates", "application/json", strings.NewReader(`{"timeout":30}`))
		polled <- a
	}()
	waitUntil(t, s, s.Polling)
	if _, err := ann.Start(""); err != nil {
		t.Fatal(err)
	}
	if a := <-polled; !strings.Contains(string(a.Result), "/start") {
		t.Fatalf("the open poll got %+v", a)
	}

	// Not confirmed, so it comes again, as after the bot's death; and no more than asked for.
	if _, err := ann.Send(s.Private(ann), telegramtest.Text("second")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		a := b.call("getUpdates", "limit", "1")
		if !strings.Contains(string(a.Result), "/start") || strings.Contains(string(a.Result), "second") {
			t.Fatalf("unconfirmed: %s", a.Result)
		}
	}
	if list := b.updates(); len(list) != 2 {
		t.Fatalf("%d updates", len(list))
	}
	if s.Pending() != 2 {
		t.Errorf("%d pending before the confirmation", s.Pending())
	}
	if list := b.updates(); len(list) != 0 || s.Pending() != 0 {
		t.Errorf("after the confirmation: %d updates, %d pending", len(list), s.Pending())
	}
	if err := s.WaitConfirmed(soon(t)); err != nil {
		t.Error(err)
	}

	// A negative offset keeps the last ones only.
	for _, text := range []string{"a", "b", "c"} {
		if _, err := ann.Send(s.Private(ann), telegramtest.Text(text)); err != nil {
			t.Fatal(err)
		}
	}
	if a := b.call("getUpdates", "offset", "-1"); !strings.Contains(string(a.Result), `"c"`) || s.Pending() != 1 {
		t.Errorf("offset -1: %s, %d pending", a.Result, s.Pending())
	}
	b.updates()
	b.updates()

	// After a quiet week the ids may begin anywhere; an offset from before is answered from the head of the queue.
	s.RestartUpdateIDs(1000)
	if _, err := ann.Send(s.Private(ann), telegramtest.Text("after a week")); err != nil {
		t.Fatal(err)
	}
	if list := b.updates(); len(list) != 1 || list[0].ID != 1000 {
		t.Errorf("after the ids began again: %s", jsonText(list))
	}
	b.updates()

	// allowed_updates stays as it was until it is given again.
	b.call("getUpdates", "allowed_updates", `["callback_query"]`)
	if _, err := ann.Send(s.Private(ann), telegramtest.Text("unwanted")); err != nil {
		t.Fatal(err)
	}
	if list := b.updates(); len(list) != 0 {
		t.Errorf("unwanted updates: %s", jsonText(list))
	}
	s.Inject(map[string]json.RawMessage{"message": json.RawMessage(`7`)})
	if a := b.call("getUpdates"); !strings.Contains(string(a.Result), `"message":7`) {
		t.Errorf("injected: %s", a.Result)
	}
}

// waitUntil waits for a state that the fake reaches by itself.
func waitUntil(t *testing.T, s *telegramtest.Server, reached func() bool) {
	t.Helper()
	ctx := soon(t)
	for {
		changed := s.Changed()
		if reached() {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatal("the fake did not get there")
		}
	}
}

func TestTwoPollers(t *testing.T) {
	for _, pollers := range []int{1, 2} {
		s, b := startCareless(t, telegramtest.Settings{Pollers: pollers})
		first := make(chan answer, 1)
		go func() {
			a, _ := b.post(t.Context(), "getUpdates", "application/json", strings.NewReader(`{"timeout":30}`))
			first <- a
		}()
		waitUntil(t, s, s.Polling)
		b.updates()
		refused(t, <-first, 409, "terminated by other getUpdates request")
		if got := len(s.Violations()); got != 2-pollers {
			t.Errorf("%d pollers: violations %q", pollers, s.Violations())
		}

		// One whose process died is no violation.
		ctx, kill := context.WithCancel(t.Context())
		died := make(chan error, 1)
		go func() {
			_, err := b.post(ctx, "getUpdates", "application/json", strings.NewReader(`{"timeout":30}`))
			died <- err
		}()
		waitUntil(t, s, s.Polling)
		kill()
		if err := <-died; !errors.Is(err, context.Canceled) {
			t.Errorf("the dead poller got %v", err)
		}
		b.updates()
		if got := len(s.Violations()); got != 2-pollers {
			t.Errorf("%d pollers, one dead: violations %q", pollers, s.Violations())
		}
	}
}

func TestWebhook(t *testing.T) {
	type delivery struct {
		path, host, secret string
		body               []byte
	}
	got := make(chan delivery, 10)
	var mu sync.Mutex
	failures := 2
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if failures > 0 {
			failures--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		got <- delivery{r.URL.Path, r.Host, r.Header.Get("X-Telegram-Bot-Api-Secret-Token"), body.Bytes()}
	}))
	t.Cleanup(bot.Close)
	s, b := start(t, telegramtest.Settings{})
	s.RouteWebhook(strings.TrimPrefix(bot.URL, "http://"))

	refused(t, b.call("setWebhook", "url", "http://bot.example/hook"), 400, "HTTPS URL must be provided")
	refused(t, b.call("setWebhook", "url", "https://bot.example:8302/hook"), 400, "only on ports 80, 88, 443 or 8443")
	refused(t, b.call("setWebhook", "url", "https://bot.example/hook", "secret_token", "a b"), 400, "unallowed characters")
	b.call("setWebhook", "url", "https://bot.example/hook", "secret_token", "s3cret", "allowed_updates", `["message"]`)
	if url, secret := s.Webhook(); url != "https://bot.example/hook" || secret != "s3cret" {
		t.Errorf("webhook %q %q", url, secret)
	}
	ann := s.User("Ann", "")
	for _, payload := range []string{"1", "2"} {
		if _, err := ann.Start(payload); err != nil {
			t.Fatal(err)
		}
	}
	for _, payload := range []string{"1", "2"} {
		d := <-got
		if d.path != "/hook" || d.host != "bot.example" || d.secret != "s3cret" || !strings.Contains(string(d.body), "/start "+payload) {
			t.Errorf("delivery %+v %s", d, d.body)
		}
	}
	if err := s.WaitConfirmed(soon(t)); err != nil {
		t.Error(err)
	}
	refused(t, b.call("getUpdates"), 409, "webhook is active")
	if a := b.call("getWebhookInfo"); !strings.Contains(string(a.Result), "503") {
		t.Errorf("getWebhookInfo: %s", a.Result)
	}
	b.call("deleteWebhook")
	b.updates()
}

func TestCommandsAndIdentity(t *testing.T) {
	s, b := start(t, telegramtest.Settings{PrivacyOff: true})
	if a := b.call("getMe"); !strings.Contains(string(a.Result), `"username":"imagine_test_bot"`) ||
		!strings.Contains(string(a.Result), `"can_read_all_group_messages":true`) {
		t.Errorf("getMe: %s", a.Result)
	}
	menu := `[{"command":"imagine","description":"Draw"}]`
	b.call("setMyCommands", "commands", menu)
	b.call("setMyCommands", "commands", `[]`, "scope", `{"type":"all_group_chats"}`, "language_code", "de")
	want := []telegramtest.BotCommand{{Command: "imagine", Description: "Draw"}}
	if diff := cmp.Diff(want, s.Commands(telegramtest.CommandScope{Type: "default"}, "")); diff != "" {
		t.Error(diff)
	}
	if a := b.call("getMyCommands"); string(a.Result) != menu {
		t.Errorf("getMyCommands: %s", a.Result)
	}
	b.call("deleteMyCommands")
	if left := s.Commands(telegramtest.CommandScope{Type: "default"}, ""); len(left) != 0 {
		t.Errorf("after deleteMyCommands: %v", left)
	}
	refused(t, b.call("setMyCommands", "commands", menu, "language_code", "german"), 400, "invalid language code")
}

func TestTroubles(t *testing.T) {
	s, b := start(t, telegramtest.Settings{})
	ann, bob := s.User("Ann", ""), s.User("Bob", "")
	for _, user := range []*telegramtest.User{ann, bob} {
		if _, err := user.Start(""); err != nil {
			t.Fatal(err)
		}
	}
	send := telegramtest.Match{Method: "sendMessage", Chat: ann.ID}
	s.Script(send, telegramtest.Flood(7*time.Second), 1)
	s.Script(send, telegramtest.Fail(500, "Internal Server Error"), 1)
	s.Script(send, telegramtest.BadGateway(), 1)
	s.Script(send, telegramtest.DropBefore(), 1)
	s.Script(send, telegramtest.DropAfter(), 1)
	s.Script(send, telegramtest.Slow(30*time.Millisecond), 1)

	b.messageID(b.call("sendMessage", "chat_id", jsonText(bob.ID), "text", "another chat"))
	flood := b.call("sendMessage", "chat_id", jsonText(ann.ID), "text", "1")
	refused(t, flood, 429, "Too Many Requests")
	if flood.Parameters.RetryAfter != 7 {
		t.Errorf("retry_after %d", flood.Parameters.RetryAfter)
	}
	refused(t, b.call("sendMessage", "chat_id", jsonText(ann.ID), "text", "2"), 500, "Internal Server Error")
	body := func(text string) *strings.Reader {
		return strings.NewReader(jsonText(map[string]any{"chat_id": ann.ID, "text": text}))
	}
	a, err := b.post(t.Context(), "sendMessage", "application/json", body("3"))
	var page *json.SyntaxError
	if !errors.As(err, &page) || a.ErrorCode != http.StatusBadGateway {
		t.Errorf("a 502 page: %+v, %v", a, err)
	}
	for _, text := range []string{"4", "5"} {
		if _, err := b.post(t.Context(), "sendMessage", "application/json", body(text)); err == nil {
			t.Errorf("call %s was answered", text)
		}
	}
	began := time.Now()
	b.messageID(b.call("sendMessage", "chat_id", jsonText(ann.ID), "text", "6"))
	if took := time.Since(began); took < 30*time.Millisecond {
		t.Errorf("the slow call took %v", took)
	}
	var texts []string
	for _, m := range s.Messages(s.Private(ann)) {
		if m.FromBot {
			texts = append(texts, m.Text)
		}
	}
	if diff := cmp.Diff([]string{"5", "6"}, texts); diff != "" {
		t.Errorf("what was done (-want +got):\n%s", diff)
	}
	var codes []int
	for _, r := range s.Calls("sendMessage") {
		codes = append(codes, r.Code)
	}
	if diff := cmp.Diff([]int{200, 429, 500, 502, 0, 0, 200}, codes); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if _, err := s.WaitRequest(soon(t), func(r telegramtest.Request) bool { return r.Code == 502 && r.Params["text"] == "3" }); err != nil {
		t.Error(err)
	}

	s.Script(send, telegramtest.BadGateway(), 100)
	s.Calm()
	b.messageID(b.call("sendMessage", "chat_id", jsonText(ann.ID), "text", "7"))
}

func TestDownloadTroubles(t *testing.T) {
	s, b := startCareless(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	sent, err := ann.Send(s.Private(ann), telegramtest.Document("a.txt", []byte("0123456789")))
	if err != nil {
		t.Fatal(err)
	}
	var found struct {
		Path string `json:"file_path"`
	}
	if err := json.Unmarshal(b.call("getFile", "file_id", sent.Document.ID).Result, &found); err != nil {
		t.Fatal(err)
	}
	get := func(token, path string) (int, string, error) {
		response, err := b.client.Get(s.URL() + "/file/bot" + token + "/" + path)
		if err != nil {
			return 0, "", err
		}
		defer response.Body.Close()
		var body bytes.Buffer
		_, err = body.ReadFrom(response.Body)
		return response.StatusCode, body.String(), err
	}
	file := telegramtest.Match{Method: "file"}
	s.Script(file, telegramtest.DropAfter(), 1)
	s.Script(file, telegramtest.DropBefore(), 1)
	s.Script(file, telegramtest.Fail(500, "Internal Server Error"), 1)
	if _, body, err := get(s.Token(), found.Path); err == nil || body != "01234" {
		t.Errorf("cut off in the middle: %q, %v", body, err)
	}
	if _, _, err := get(s.Token(), found.Path); err == nil {
		t.Error("a dropped download was answered")
	}
	for _, ask := range []struct {
		token, path string
		want        int
	}{
		{s.Token(), found.Path, 500},
		{s.Token(), found.Path, 200},
		{s.Token(), "documents/none", 404},
		{"1:x", found.Path, 401},
	} {
		if code, _, err := get(ask.token, ask.path); err != nil || code != ask.want {
			t.Errorf("got %d (%v), want %d", code, err, ask.want)
		}
	}
	violated(t, s, "a download with a wrong token")
}

func TestCareless(t *testing.T) {
	s, b := startCareless(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	if _, err := ann.Start(""); err != nil {
		t.Fatal(err)
	}
	id := jsonText(ann.ID)
	wide, tall := pngOf(t, 2100, 100), pngOf(t, 9500, 501)
	button := func(data string) string {
		return `{"inline_keyboard":[[{"text":"x","callback_data":"` + data + `"}]]}`
	}
	tests := []struct {
		name      string
		got       answer
		code      int
		words     string
		violation string
	}{
		{"method", b.call("sendMesage"), 404, "Not Found", "sendMesage is not a method"},
		{"empty text", b.call("sendMessage", "chat_id", id, "text", " \n"), 400, "message text is empty", "message text is empty"},
		{"long text", b.call("sendMessage", "chat_id", id, "text", strings.Repeat("😀", 2049)), 400, "message is too long", "too long"},
		{"markup", b.call("sendMessage", "chat_id", id, "text", "a <x> b", "parse_mode", "HTML"), 400, `can't parse entities: Unsupported start tag "x"`, "malformed markup"},
		{"bare &", b.call("sendMessage", "chat_id", id, "text", "you & me", "parse_mode", "HTML"), 0, "", "an & that was not escaped"},
		{"parse mode", b.call("sendMessage", "chat_id", id, "text", "a", "parse_mode", "MarkdownV2"), 400, "unsupported parse_mode", "MarkdownV2"},
		{"long caption", b.upload("sendPhoto", "photo", "a.png", pngOf(t, 5, 5), "chat_id", id, "caption", strings.Repeat("x", 1025)), 400, "message caption is too long", "caption is too long"},
		{"long callback data", b.call("sendMessage", "chat_id", id, "text", "a", "reply_markup", button(strings.Repeat("é", 33))), 400, "BUTTON_DATA_INVALID", "BUTTON_DATA_INVALID"},
		{"a button of neither kind", b.call("sendMessage", "chat_id", id, "text", "a", "reply_markup", `{"inline_keyboard":[[{"text":"x"}]]}`), 400, "unallowed", ""},
		{"a button's URL", b.call("sendMessage", "chat_id", id, "text", "a", "reply_markup", `{"inline_keyboard":[[{"text":"x","url":"javascript:1"}]]}`), 400, "BUTTON_URL_INVALID", ""},
		{"photo too wide", b.upload("sendPhoto", "photo", "a.png", wide, "chat_id", id), 400, "PHOTO_INVALID_DIMENSIONS", "PHOTO_INVALID_DIMENSIONS"},
		{"photo too large", b.upload("sendPhoto", "photo", "a.png", tall, "chat_id", id), 400, "PHOTO_INVALID_DIMENSIONS", ""},
		{"photo too heavy", b.upload("sendPhoto", "photo", "a.png", append(pngOf(t, 5, 5), make([]byte, 10<<20)...), "chat_id", id), 400, "file is too big", "file is too big"},
		{"no photo", b.upload("sendPhoto", "photo", "a.png", []byte("text"), "chat_id", id), 400, "IMAGE_PROCESS_FAILED", ""},
		{"document too heavy", b.upload("sendDocument", "document", "a.bin", make([]byte, 50<<20+1), "chat_id", id), 413, "Request Entity Too Large", ""},
		{"empty document", b.upload("sendDocument", "document", "a.bin", nil, "chat_id", id), 400, "file must be non-empty", ""},
		{"upload for nothing", b.upload("sendMessage", "extra", "a.bin", []byte("x"), "chat_id", id, "text", "a"), 0, "", `uploads "extra"`},
		{"album of one", b.call("sendMediaGroup", "chat_id", id, "media", `[{"type":"photo","media":"x"}]`), 400, "no messages to send", "over a limit"},
		{"album with buttons", b.call("sendMediaGroup", "chat_id", id, "media", `[]`, "reply_markup", button("a")), 400, "", "takes no reply_markup"},
		{"album with a bad photo", b.upload("sendMediaGroup", "w", "a.png", wide, "chat_id", id, "media",
			`[{"type":"photo","media":"attach://w"},{"type":"photo","media":"attach://w"}]`), 400, `#1 with the error message "PHOTO_INVALID_DIMENSIONS"`, ""},
		{"photo by URL", b.call("sendPhoto", "chat_id", id, "photo", "https://example.org/a.png"), 400, "failed to get HTTP URL content", "fetches no URLs"},
		{"action", b.call("sendChatAction", "chat_id", id, "action", "dancing"), 400, "wrong parameter action", ""},
		{"command's name", b.call("setMyCommands", "commands", `[{"command":"Imagine","description":"x"}]`), 400, "BOT_COMMAND_INVALID", "BOT_COMMAND_INVALID"},
		{"query", b.call("answerCallbackQuery", "callback_query_id", "1"), 400, "query is too old", ""},
		{"no chat", b.call("sendMessage", "text", "a"), 400, "chat_id is empty", ""},
		{"no number", b.call("sendMessage", "chat_id", id, "text", "a", "message_thread_id", "x"), 400, "must be an integer", ""},
		{"no JSON", b.call("sendMessage", "chat_id", id, "text", "a", "reply_markup", "{"), 400, "can't parse reply_markup", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.code == 0 {
				b.t = t
				b.messageID(test.got)
			} else {
				refused(t, test.got, test.code, test.words)
			}
			if test.violation != "" {
				violated(t, s, test.violation)
			}
		})
	}
	b.t = t
	if s.Private(ann) == nil || len(s.Messages(s.Private(ann))) != 3 {
		t.Errorf("messages: %+v", s.Messages(s.Private(ann)))
	}
}

func TestOnePressOneAnswer(t *testing.T) {
	s, b := startCareless(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	if _, err := ann.Start(""); err != nil {
		t.Fatal(err)
	}
	b.messageID(b.call("sendMessage", "chat_id", jsonText(ann.ID), "text", "a",
		"reply_markup", `{"inline_keyboard":[[{"text":"Again","callback_data":"a"},{"text":"Site","url":"https://example.org"}]]}`))
	on := s.Messages(s.Private(ann))[1]
	press := func() *telegramtest.Press {
		p, err := ann.Press(on, "Again")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if _, err := ann.Press(on, "Site"); err == nil {
		t.Error("a link was pressed")
	}
	first := press()
	refused(t, b.call("answerCallbackQuery", "callback_query_id", first.ID, "text", strings.Repeat("x", 201)), 400, "MESSAGE_TOO_LONG")
	if a := b.call("answerCallbackQuery", "callback_query_id", first.ID); !a.OK {
		t.Fatal(a.Description)
	}
	refused(t, b.call("answerCallbackQuery", "callback_query_id", first.ID), 400, "query is too old")
	violated(t, s, "a second time")
	second := press()
	s.ExpireQueries()
	refused(t, b.call("answerCallbackQuery", "callback_query_id", second.ID), 400, "query is too old")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := second.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for no answer: %v", err)
	}
	if answers := s.Answers(); len(answers) != 1 || answers[0].Query != first.ID {
		t.Errorf("answers %+v", answers)
	}
	if _, err := ann.Tap(ctx, on, "Again"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("tapping without an answer: %v", err)
	}
}

func TestWrongAddress(t *testing.T) {
	s, b := startCareless(t, telegramtest.Settings{Path: "/tg"})
	for path, want := range map[string]int{
		"/tg/bot1:wrong/getMe":              401,
		"/tg/bot" + s.Token():               404,
		"/bot" + s.Token() + "/getMe":       404,
		"/tg/bot" + s.Token() + "/getMe":    200,
		"/tg/file/bot1:wrong/photos/file_1": 401,
	} {
		response, err := b.client.Get(strings.TrimSuffix(s.URL(), "/tg") + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, response.StatusCode, want)
		}
	}
	violated(t, s, "with a wrong token")
	violated(t, s, "outside of")
	if got := len(s.Violations()); got != 4 {
		t.Errorf("violations %q", s.Violations())
	}
}
