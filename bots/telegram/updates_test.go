package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imaginebot/bots/telegram/telegramtest"
)

// inbox accepts batches as the adapter does, and fails when told to.
type inbox struct {
	mu      sync.Mutex
	fail    []error // one a call
	batches [][]rawUpdate
	got     chan struct{} // one after every call
}

func newInbox(fail ...error) *inbox { return &inbox{fail: fail, got: make(chan struct{}, 1000)} }

func (i *inbox) accept(_ context.Context, batch []rawUpdate) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	defer func() { i.got <- struct{}{} }()
	if len(i.fail) > 0 {
		err := i.fail[0]
		i.fail = i.fail[1:]
		if err != nil {
			return err
		}
	}
	i.batches = append(i.batches, batch)
	return nil
}

// texts are the messages accepted so far.
func (i *inbox) texts(t *testing.T) []string {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	var list []string
	for _, raw := range slices.Concat(i.batches...) {
		u, err := decodeUpdate(raw.Raw)
		if err != nil {
			t.Fatal(err)
		}
		if u.Message != nil {
			list = append(list, u.Message.Text)
		}
	}
	return list
}

// loop runs a polling whose waits take no time but are written down.
type loop struct {
	*polling
	mu    sync.Mutex
	waits []time.Duration
	log   lockedBuffer
	stop  func() error // ends Run and returns what it returned
}

func poll(t *testing.T, r *rest, to accept, held ...chan struct{}) *loop {
	t.Helper()
	l := &loop{}
	l.polling = newPolling(pollingSettings{REST: r, Accept: to, Log: slog.New(slog.NewTextHandler(&l.log, nil))})
	l.pause = func(ctx context.Context, d time.Duration) {
		l.mu.Lock()
		l.waits = append(l.waits, d)
		l.mu.Unlock()
		if len(held) == 0 {
			return
		}
		select {
		case <-held[0]:
		case <-ctx.Done():
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	var once sync.Once
	var err error
	l.stop = func() error {
		once.Do(func() {
			cancel()
			select {
			case err = <-ended:
			case <-time.After(2 * time.Second):
				err = errors.New("the loop did not end")
			}
		})
		return err
	}
	t.Cleanup(func() {
		if err := l.stop(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *loop) waited() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.waits)
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// waitFor waits for a state that comes by itself.
func waitFor(t *testing.T, what string, reached func() bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for !reached() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func receive(t *testing.T, got <-chan struct{}) {
	t.Helper()
	select {
	case <-got:
	case <-time.After(5 * time.Second):
		t.Fatal("nothing was accepted")
	}
}

func TestPollingConfirmsWhatWasAccepted(t *testing.T) {
	s, r := fakeTelegram(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	say := func(texts ...string) {
		t.Helper()
		for _, text := range texts {
			if _, err := ann.Send(s.Private(ann), telegramtest.Text(text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	say("1", "2", "3")
	in := newInbox(errors.New("the database is away"), errors.New("still"))
	l := poll(t, r, in.accept)
	if err := s.WaitConfirmed(soon(t)); err != nil {
		t.Fatal(err)
	}
	say("4")
	if err := s.WaitConfirmed(soon(t)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1", "2", "3", "4"}, in.texts(t)); diff != "" {
		t.Errorf("accepted (-want +got):\n%s", diff)
	}
	if waits := l.waited(); len(waits) != 2 || waits[0] < firstBackoff/2 || waits[1] < firstBackoff || waits[1] > 2*firstBackoff {
		t.Errorf("waits after failures: %v", waits)
	}
	if !l.Connected() || l.State() != pollUp {
		t.Errorf("state %d", l.State())
	}
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	if l.Connected() {
		t.Error("a loop that ended is connected")
	}

	// What comes while nobody polls waits for the next start.
	say("5")
	next := newInbox()
	poll(t, r, next.accept)
	receive(t, next.got)
	if diff := cmp.Diff([]string{"5"}, next.texts(t)); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
}

// TestPollingDiesBeforeConfirming stops a bot between its commit and the next call: everything comes again, nothing is lost.
func TestPollingDiesBeforeConfirming(t *testing.T) {
	s, r := fakeTelegram(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	if _, err := ann.Start("1"); err != nil {
		t.Fatal(err)
	}
	in := newInbox()
	ctx, kill := context.WithCancel(t.Context())
	p := newPolling(pollingSettings{REST: r, Log: slog.New(slog.DiscardHandler), Accept: func(ctx context.Context, batch []rawUpdate) error {
		defer kill()
		return in.accept(ctx, batch)
	}})
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if s.Pending() != 1 {
		t.Fatalf("%d updates are unconfirmed, want 1", s.Pending())
	}
	poll(t, r, in.accept)
	if err := s.WaitConfirmed(soon(t)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/start 1", "/start 1"}, in.texts(t)); diff != "" {
		t.Errorf("accepted (-want +got):\n%s", diff)
	}
}

func TestPollingPassesOddUpdates(t *testing.T) {
	s, r := fakeTelegram(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	if _, err := ann.Start("1"); err != nil {
		t.Fatal(err)
	}
	s.Inject(map[string]json.RawMessage{"message": json.RawMessage(`7`)})
	s.Inject(map[string]json.RawMessage{"message": json.RawMessage(`{"message_id":"x","chat":[]}`), "poll": json.RawMessage(`null`)})
	if _, err := ann.Start("2"); err != nil {
		t.Fatal(err)
	}
	in := newInbox()
	l := poll(t, r, in.accept)
	if err := s.WaitConfirmed(soon(t)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/start 1", "/start 2"}, in.texts(t)); diff != "" {
		t.Errorf("accepted (-want +got):\n%s", diff)
	}
	if got := len(in.batches[0]); got != 4 {
		t.Errorf("%d updates in the batch, want all 4: what is odd is the inbox's to keep", got)
	}
	if len(l.waited()) != 0 {
		t.Errorf("waits %v", l.waited())
	}
}

// TestPollingAfterIDsBeganAgain is the week of silence after which Telegram's ids may be lower than the offset.
func TestPollingAfterIDsBeganAgain(t *testing.T) {
	s, r := fakeTelegram(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	in := newInbox()
	poll(t, r, in.accept)
	for _, first := range []int64{700_000_001, 1000} {
		s.RestartUpdateIDs(first)
		if _, err := ann.Start(""); err != nil {
			t.Fatal(err)
		}
		receive(t, in.got)
		if err := s.WaitConfirmed(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(in.texts(t)); got != 2 {
		t.Errorf("%d updates accepted, want each once", got)
	}
}

func TestPollingMoreThanOneBatch(t *testing.T) {
	s, r := fakeTelegram(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	for range 130 {
		if _, err := ann.Start(""); err != nil {
			t.Fatal(err)
		}
	}
	in := newInbox()
	poll(t, r, in.accept)
	if err := s.WaitConfirmed(soon(t)); err != nil {
		t.Fatal(err)
	}
	if len(in.batches) != 2 || len(in.batches[0]) != 100 || len(in.batches[1]) != 30 {
		t.Errorf("%d batches", len(in.batches))
	}
}

// TestPollingUnconfirmable is a server whose updates cannot be told apart; it must not be asked in a tight loop.
func TestPollingUnconfirmable(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"ok":true,"result":[{"update_id":"seven"},{}]}`))
	}))
	defer server.Close()
	in := newInbox()
	l := poll(t, client(t, server.URL, telegramtest.DefaultToken), in.accept)
	waitFor(t, "growing waits", func() bool {
		waits := l.waited()
		return len(waits) >= 6 && slices.Max(waits) >= lastBackoff/2
	})
	if len(in.batches) != 0 {
		t.Errorf("accepted %v", in.batches)
	}
}

func TestPollingThroughTrouble(t *testing.T) {
	s, r := fakeTelegram(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	get := telegramtest.Match{Method: "getUpdates"}
	s.Script(get, telegramtest.Fail(401, "Unauthorized"), 1)
	s.Script(get, telegramtest.BadGateway(), 2)
	s.Script(get, telegramtest.DropBefore(), 1)
	s.Script(get, telegramtest.Flood(17*time.Second), 1)
	s.Script(get, telegramtest.DropAfter(), 1)
	if _, err := ann.Start(""); err != nil {
		t.Fatal(err)
	}
	in := newInbox()
	l := poll(t, r, in.accept)
	if err := s.WaitConfirmed(soon(t)); err != nil {
		t.Fatal(err)
	}
	waits := l.waited()
	if len(waits) != 6 || waits[4] != 17*time.Second {
		t.Fatalf("waits %v, want six with the flood's 17 s fifth", waits)
	}
	for i := range 4 {
		if whole := firstBackoff << i; waits[i] < whole/2 || waits[i] > whole {
			t.Errorf("wait %d is %v, want %v to %v", i, waits[i], whole/2, whole)
		}
	}
	if got := len(in.texts(t)); got != 1 {
		t.Errorf("%d updates accepted", got)
	}
	if strings.Contains(l.log.String(), "a-made-up-token") {
		t.Errorf("the token is in the log:\n%s", l.log.String())
	}
}

func TestPollingStandsBy(t *testing.T) {
	s, first := fakeTelegram(t, telegramtest.Settings{Pollers: 2})
	second := client(t, s.URL(), s.Token())
	ann := s.User("Ann", "")
	inA, inB := newInbox(), newInbox()
	heldA, heldB := make(chan struct{}), make(chan struct{})
	a := poll(t, first, inA.accept, heldA)
	waitFor(t, "the first polls", func() bool { return a.State() == pollUp && s.Polling() })
	b := poll(t, second, inB.accept, heldB)
	waitFor(t, "the first stands by", func() bool { return a.State() == pollStandby })
	waitFor(t, "the second polls", func() bool { return b.State() == pollUp && s.Polling() })
	if !a.Connected() || !b.Connected() {
		t.Error("a poller that stands by counts as connected")
	}
	if _, err := ann.Start("1"); err != nil {
		t.Fatal(err)
	}
	receive(t, inB.got)
	if err := s.WaitConfirmed(soon(t)); err != nil {
		t.Fatal(err)
	}

	// The second dies; the first takes over at its next try, without losing what came in between.
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := ann.Start("2"); err != nil {
		t.Fatal(err)
	}
	heldA <- struct{}{}
	receive(t, inA.got)
	if diff := cmp.Diff([]string{"/start 2"}, inA.texts(t)); diff != "" {
		t.Errorf("taken over (-want +got):\n%s", diff)
	}
	if waits := a.waited(); len(waits) != 1 || waits[0] < firstStandby/2 || waits[0] > firstStandby {
		t.Errorf("waits %v", waits)
	}

	// Conflict upon conflict: the tries become rare.
	s.Script(telegramtest.Match{Method: "getUpdates"}, telegramtest.Fail(409, "Conflict: terminated by other getUpdates request"), 6)
	if _, err := ann.Start("3"); err != nil { // wakes the long poll
		t.Fatal(err)
	}
	for range 6 {
		heldA <- struct{}{}
	}
	waitFor(t, "waits of a minute", func() bool {
		waits := a.waited()
		return len(waits) >= 7 && slices.Max(waits) >= lastStandby/2 && slices.Max(waits) <= lastStandby
	})
}

func TestPollingAndWebhooks(t *testing.T) {
	s, r := fakeTelegram(t, telegramtest.Settings{})
	s.RouteWebhook("127.0.0.1:1")
	if err := r.SetWebhook(soon(t), "https://bot.example/old", "x", nil); err != nil {
		t.Fatal(err)
	}
	held := make(chan struct{})
	in := newInbox()
	l := poll(t, r, in.accept, held)
	held <- struct{}{}
	waitFor(t, "the leftover webhook is gone and the loop polls", func() bool { return l.State() == pollUp })
	if address, _ := s.Webhook(); address != "" {
		t.Errorf("the webhook %q is still set", address)
	}
	waitFor(t, "a long poll", s.Polling)

	// A process that takes over by webhook is left alone. Its doing is scripted, since the fake takes every call for ours.
	s.Script(telegramtest.Match{Method: "getUpdates"}, telegramtest.Fail(409,
		"Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"), 1)
	ann := s.User("Ann", "")
	if _, err := ann.Start(""); err != nil {
		t.Fatal(err)
	}
	receive(t, in.got)
	waitFor(t, "standing by", func() bool { return l.State() == pollStandby })
	if calls := len(s.Calls("deleteWebhook")); calls != 1 {
		t.Errorf("deleteWebhook was called %d times, want once", calls)
	}
}

func TestPollingEndsAtOnce(t *testing.T) {
	s, r := fakeTelegram(t, telegramtest.Settings{})
	l := poll(t, r, newInbox().accept)
	waitFor(t, "an open long poll", func() bool { return l.State() == pollUp && s.Polling() })
	began := time.Now()
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("ending took %v", took)
	}
}

func TestPause(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	pause(ctx, time.Minute)
	pause(t.Context(), time.Millisecond)
	if took := time.Since(began); took > time.Second {
		t.Errorf("the pauses took %v", took)
	}
}

func TestWebhookAnswers(t *testing.T) {
	const path = "/hooks/telegram"
	secret := webhookSecret(telegramtest.DefaultToken)
	in := newInbox(nil, errors.New("the database is away"))
	h := &webhook{Path: path, Secret: secret, Accept: in.accept, Log: slog.New(slog.DiscardHandler)}
	update := `{"update_id":5,"message":{"message_id":1,"chat":{"id":1},"text":"hi"}}`
	tests := []struct {
		name, method, path, secret, body string
		want                             int
	}{
		{"an update", http.MethodPost, path, secret, update, 200},
		{"not accepted", http.MethodPost, path, secret, update, 503},
		{"again, accepted", http.MethodPost, path, secret, update, 200},
		{"another path", http.MethodPost, path + "/", secret, update, 404},
		{"a longer path", http.MethodPost, path + "x", secret, update, 404},
		{"another method", http.MethodGet, path, secret, "", 405},
		{"no secret", http.MethodPost, path, "", update, 403},
		{"a wrong secret", http.MethodPost, path, secret[:len(secret)-1] + "!", update, 403},
		{"too long", http.MethodPost, path, secret, `{"update_id":5,"x":"` + strings.Repeat("x", updateLimit) + `"}`, 413},
		{"no JSON", http.MethodPost, path, secret, "update", 400},
		{"no id", http.MethodPost, path, secret, "{}", 400},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			request := httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
			if test.secret != "" {
				request.Header.Set(secretHeader, test.secret)
			}
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, request)
			if answer.Code != test.want || answer.Body.Len() != 0 {
				t.Errorf("got %d %q, want %d", answer.Code, answer.Body, test.want)
			}
		})
	}
	if diff := cmp.Diff([]string{"hi", "hi"}, in.texts(t)); diff != "" {
		t.Errorf("accepted (-want +got):\n%s", diff)
	}
	if in.batches[0][0].ID != 5 {
		t.Errorf("id %d", in.batches[0][0].ID)
	}
}

func TestWebhookSecret(t *testing.T) {
	one := webhookSecret("1:a")
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{32,256}$`).MatchString(one) {
		t.Errorf("secret %q", one)
	}
	if one != webhookSecret("1:a") || one == webhookSecret("1:b") {
		t.Error("the secret does not depend on the token alone")
	}
}

// TestWebhookWithTelegram lets the fake deliver, including what was refused at first.
func TestWebhookWithTelegram(t *testing.T) {
	s, r := fakeTelegram(t, telegramtest.Settings{})
	in := newInbox(errors.New("the database is away"))
	server := httptest.NewServer(&webhook{
		Path: "/hook", Secret: webhookSecret(s.Token()), Accept: in.accept, Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(server.Close)
	s.RouteWebhook(strings.TrimPrefix(server.URL, "http://"))
	if err := r.SetWebhook(soon(t), "https://bot.example/hook", webhookSecret(s.Token()), nil); err != nil {
		t.Fatal(err)
	}
	ann := s.User("Ann", "")
	for _, payload := range []string{"1", "2"} {
		if _, err := ann.Start(payload); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.WaitConfirmed(soon(t)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/start 1", "/start 2"}, in.texts(t)); diff != "" {
		t.Errorf("accepted (-want +got):\n%s", diff)
	}
}
