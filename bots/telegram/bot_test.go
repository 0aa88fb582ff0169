package telegram

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imaginebot/bots"
	"imaginebot/bots/telegram/telegramtest"
	"imaginebot/core"
	"imaginebot/core/coretest"
)

func TestRunRegistersTheMenu(t *testing.T) {
	h := open(t, telegramtest.Settings{})
	h.server.Script(telegramtest.Match{Method: "setMyCommands"}, telegramtest.BadGateway(), 1)
	if h.bot.Connected() {
		t.Error("the bot is connected before it runs")
	}
	stop := h.work()
	h.greet(h.ann) // meanwhile people are answered
	if !h.bot.Connected() {
		t.Error("the bot is not connected")
	}
	scope := telegramtest.CommandScope{Type: "default"}
	waitFor(t, "the menu is set", func() bool { return len(h.server.Commands(scope, "")) == len(bots.Commands()) })
	stop()
	if h.bot.Connected() {
		t.Error("the bot is connected after it has stopped")
	}
}

func TestCheck(t *testing.T) {
	for _, off := range []bool{false, true} {
		h := open(t, telegramtest.Settings{PrivacyOff: off})
		if err := h.bot.Check(t.Context()); err != nil {
			t.Error(err)
		}
		if said := strings.Contains(h.log.String(), "privacy mode is off"); said != off {
			t.Errorf("with privacy mode off: %v, the log says %s", off, h.log.String())
		}
		h.server.Script(telegramtest.Match{Method: "getMe"}, telegramtest.Fail(401, "Unauthorized"), 1)
		if err := h.bot.Check(t.Context()); faultOf(err) != faultUnauthorised {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestSettingsThatCannotWork(t *testing.T) {
	h := open(t, telegramtest.Settings{})
	settings := h.bot.Settings
	settings.Token = "nonsense"
	b := New(settings)
	if b.Run(t.Context()) == nil || b.Check(t.Context()) == nil || b.Connected() {
		t.Error("a bot with a token of no shape works")
	}
	if _, err := b.Deliver(t.Context(), address{Chat: 1}.replyTo(), core.Outcome{}, ""); err == nil {
		t.Error("it delivers")
	}
	if err := b.Progress(t.Context(), address{Chat: 1}.replyTo(), core.Progress{}); err == nil {
		t.Error("it shows progress")
	}
	b.Receive(t.Context(), core.Event{Key: "x", Raw: []byte("{}")})
	if !strings.Contains(h.log.String(), "telegram event not answered") {
		t.Error("an event was dropped without a word")
	}
}

func TestWhatIsNotStoredComesAgain(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	h.store.Break(errors.New("the database is away"))
	h.send(h.ann, h.chat, telegramtest.Text("/quota"))
	waitFor(t, "the fault is logged", func() bool { return strings.Contains(h.log.String(), "telegram updates not accepted") })
	if h.server.Pending() != 1 {
		t.Errorf("%d updates are not confirmed", h.server.Pending())
	}
	h.store.Break(nil)
	h.await(h.chat, "This month")
	h.settled()
}

func TestTheSameUpdateTwice(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	h.settled()
	raw := []byte(`{"update_id":1,"message":{"message_id":5,"date":1,"text":"/quota","from":{"id":` + userID(h.ann.ID).Local() +
		`,"is_bot":false,"first_name":"Ann"},"chat":{"id":` + userID(h.ann.ID).Local() + `,"type":"private","first_name":"Ann"}}}`)
	for range 3 {
		if err := h.bot.accept(t.Context(), []rawUpdate{{ID: 1, Raw: raw}, {ID: 2, Raw: []byte("nonsense")}}); err != nil {
			t.Fatal(err)
		}
	}
	h.await(h.chat, "This month")
	h.settled()
	if said := len(h.said(h.chat)); said != 2 {
		t.Errorf("%d messages of the bot's, want the greeting and one answer", said)
	}
}

func TestStoppingLeavesWhatIsUnanswered(t *testing.T) {
	h := open(t, telegramtest.Settings{})
	stop := h.work()
	h.greet(h.ann)
	h.settled()
	h.server.Script(telegramtest.Match{Method: "sendMessage"}, telegramtest.Flood(time.Hour), 1)
	h.send(h.ann, h.chat, telegramtest.Text("/quota"))
	if _, err := h.server.WaitRequest(soon(t), func(r telegramtest.Request) bool { return r.Code == 429 }); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	stop()
	if took := time.Since(began); took > lastWords+2*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if err := h.bot.accept(t.Context(), nil); !errors.Is(err, errStopped) {
		t.Errorf("updates are accepted after the end: %v", err)
	}
	left := h.adopted()
	if len(left) != 1 {
		t.Fatalf("events left are %v", left)
	}
	h.move(h.store.Fork(), "second")
	h.orphans(h.store, func(event core.Event) { h.bot.Receive(t.Context(), event) })
	h.await(h.chat, "This month")
	if left := h.adopted(); len(left) != 0 {
		t.Errorf("events left are %v", left)
	}
}

func TestAnAdoptedRequestKeepsItsPlaceholder(t *testing.T) {
	h := open(t, telegramtest.Settings{})
	stop := h.work()
	h.greet(h.ann)
	h.settled()
	first, left := h.store, make(chan *coretest.Store, 1)
	first.OnCommit(func() {
		fork := first.Fork()
		if note, err := fork.Note(context.Background(), waitingNote(core.GenerationOf("telegram:"+core.EventKey(h.bot.id)+":5000000001:3"))); err == nil && note != "" {
			left <- fork
			first.OnCommit(nil)
			first.Break(errors.New("killed"))
		}
	})
	h.send(h.ann, h.chat, telegramtest.Text("a fox"))
	fork := <-left
	stop()
	h.move(fork, "second")
	h.work()
	h.orphans(h.store, func(event core.Event) { h.bot.Receive(t.Context(), event) })
	h.awaitPhotos(h.chat, 1)
	if waited := len(h.server.Calls("sendMessage")); waited != 2 {
		t.Errorf("%d messages were sent, want the greeting and one placeholder", waited)
	}
}

// breaking is a store that panics when usage is read, once it is told to.
type breaking struct {
	*coretest.Store
	now *atomic.Bool
}

func (b breaking) Usage(ctx context.Context, user core.UserID, at time.Time) (core.AccountID, core.Usage, error) {
	if b.now.Load() {
		panic("on purpose")
	}
	return b.Store.Usage(ctx, user, at)
}

func TestAPanicIsAnswered(t *testing.T) {
	h := open(t, telegramtest.Settings{})
	store := breaking{h.store, new(atomic.Bool)}
	h.studio.Store = store
	h.work()
	h.greet(h.ann)
	store.now.Store(true)
	h.send(h.ann, h.chat, telegramtest.Text("a fox"))
	h.await(h.chat, "something broke on my side")
	h.send(h.ann, h.chat, telegramtest.Text("/quota"))
	waitFor(t, "both are answered", func() bool { return len(h.said(h.chat)) == 3 })
	h.noEventsLeft()
	if log := h.log.String(); !strings.Contains(log, "a panic of string") || strings.Contains(log, "on purpose") {
		t.Errorf("the log must tell of the panic, but not in its own words: %s", log)
	}
}

func TestWebhook(t *testing.T) {
	h := open(t, telegramtest.Settings{})
	front := httptest.NewServer(nil)
	defer front.Close()
	h.server.RouteWebhook(front.Listener.Addr().String())
	h.bot.Settings.Webhook = &url.URL{Scheme: "https", Host: "bot.example.org", Path: "/telegram"}
	front.Config.Handler = h.bot.Webhook()
	response, err := http.Post(front.URL+"/telegram", "application/json", strings.NewReader("{}"))
	if err != nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("a stranger gets %v (%v)", response, err)
	}
	h.server.Script(telegramtest.Match{Method: "setWebhook"}, telegramtest.BadGateway(), 1)
	if h.bot.Connected() {
		t.Error("the bot is connected before it runs")
	}
	stop := h.work()
	waitFor(t, "the webhook is set", h.bot.Connected)
	if _, secret := h.server.Webhook(); secret != webhookSecret(h.server.Token()) {
		t.Error("the secret is another one")
	}
	h.greet(h.ann)
	h.send(h.ann, h.chat, telegramtest.Text("a fox"))
	h.awaitPhotos(h.chat, 1)
	stop()
	h.send(h.ann, h.chat, telegramtest.Text("/quota"))
	waitFor(t, "the update was refused", func() bool { return strings.Contains(h.log.String(), errStopped.Error()) })
	if address, _ := h.server.Webhook(); address == "" || h.server.Pending() != 1 {
		t.Errorf("the webhook is %q, %d updates wait", address, h.server.Pending())
	}
	http.DefaultClient.CloseIdleConnections()
	if err := h.bot.rest.DeleteWebhook(t.Context()); err != nil { // the fake would go on posting
		t.Error(err)
	}
}
