package telegram

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"imaginebot/bots"
	"imaginebot/core"
)

// platform is Telegram in user ids, event keys and addresses.
const platform core.Platform = "telegram"

// Settings of a Bot.
type Settings struct {
	Token    string
	API      *url.URL // calls go to {API}/bot{token}/{method}
	Files    *url.URL // downloads come from {Files}/bot{token}/{file_path}
	Webhook  *url.URL // where updates arrive; nil: long polling
	Desk     *bots.Desk
	Studio   *core.Studio
	Store    core.Store
	Pictures core.Pictures
	Log      *slog.Logger
	OnRepeat func() // something was delivered again that may be there already; may be nil
}

// Bot is the bot on Telegram. It is safe for concurrent use.
type Bot struct {
	Settings
	rest    *rest
	fault   error // of the settings; then nothing works
	id      string
	polling *polling
	hooked  atomic.Bool // the webhook is set

	shift   shift
	albums  albums
	watches watches
	self    self
	after   func(time.Duration) <-chan time.Time // time.After
}

// New makes a Bot. It calls nobody; settings that cannot work are the error of Run and Check.
func New(settings Settings) *Bot {
	if settings.OnRepeat == nil {
		settings.OnRepeat = func() {}
	}
	b := &Bot{Settings: settings, after: time.After}
	b.id, _, _ = strings.Cut(settings.Token, ":")
	b.shift.slots = make(chan struct{}, atOnce)
	b.self.turn = make(chan struct{}, 1)
	b.rest, b.fault = newREST(restSettings{
		Token: settings.Token, APIBase: settings.API.String(), FileBase: settings.Files.String(),
		// The default one keeps two connections to a host, and there is but one host.
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: 32, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
		},
	})
	b.polling = newPolling(pollingSettings{REST: b.rest, Accept: b.accept, Allowed: heardKinds, Log: settings.Log})
	return b
}

// Platform is Telegram's name in user ids.
func (b *Bot) Platform() core.Platform { return platform }

// Run takes in what people say until ctx ends. What is being answered then has three seconds
// to be finished; the rest is answered after the next start.
func (b *Bot) Run(ctx context.Context) error {
	if b.fault != nil {
		return b.fault
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	b.shift.begin(working)
	var aside sync.WaitGroup
	aside.Go(func() { b.register(ctx) })
	var err error
	if b.Settings.Webhook == nil {
		err = b.polling.Run(ctx)
	} else {
		b.setWebhook(ctx)
		<-ctx.Done()
		b.hooked.Store(false)
	}
	b.shift.end(stop)
	aside.Wait()
	return err
}

// setWebhook tells Telegram where updates go, however often it takes. It stays set when the
// bot stops: Telegram keeps what comes meanwhile, and other processes may be listening.
func (b *Bot) setWebhook(ctx context.Context) {
	b.insist(ctx, "telegram webhook not set", func() error {
		return b.rest.SetWebhook(ctx, b.Settings.Webhook.String(), webhookSecret(b.Token), heardKinds)
	})
	b.hooked.Store(ctx.Err() == nil)
}

// insist does something for its own sake until it succeeds or ctx ends.
func (b *Bot) insist(ctx context.Context, otherwise string, do func() error) {
	for wait := firstBackoff; ctx.Err() == nil; wait = min(2*wait, lastBackoff) {
		err := do()
		if err == nil || ctx.Err() != nil {
			return
		}
		b.Log.Warn(otherwise, "platform", platform, "err", err)
		pause(ctx, max(jitter(wait), retryAfter(err)))
	}
}

// Webhook receives updates when Settings.Webhook names its address; it answers 503 while Run
// does not run, so that Telegram tries again.
func (b *Bot) Webhook() http.Handler {
	path := b.Settings.Webhook.Path
	if path == "" {
		path = "/"
	}
	return &webhook{Path: path, Secret: webhookSecret(b.Token), Accept: b.accept, Log: b.Log}
}

// Connected reports whether updates arrive, here or at another process that polls for all.
func (b *Bot) Connected() bool {
	if b.Settings.Webhook != nil {
		return b.hooked.Load()
	}
	return b.polling.Connected()
}

// Check asks Telegram whether the token is good, and logs what the bot can hear in groups.
func (b *Bot) Check(ctx context.Context) error {
	if b.fault != nil {
		return b.fault
	}
	me, err := b.rest.GetMe(ctx)
	if err != nil {
		return err
	}
	if me.HearsAll {
		b.Log.Info("telegram privacy mode is off: mentions in groups are heard", "platform", platform)
	} else {
		b.Log.Info("telegram privacy mode is on: in groups commands and replies are heard, mentions only where the bot is an administrator", "platform", platform)
	}
	return nil
}

// self is what Telegram says of the bot, once it was asked.
type self struct {
	turn  chan struct{} // who holds the token asks
	known *User
}

// me asks Telegram who the bot is, until it answers or ctx ends; later it remembers.
func (b *Bot) me(ctx context.Context) (User, error) {
	select {
	case b.self.turn <- struct{}{}:
	case <-ctx.Done():
		return User{}, ctx.Err()
	}
	defer func() { <-b.self.turn }()
	if b.self.known == nil {
		b.insist(ctx, "telegram does not say who the bot is", func() error {
			me, err := b.rest.GetMe(ctx)
			if err == nil {
				b.self.known = &me
			}
			return err
		})
	}
	if b.self.known == nil {
		return User{}, ctx.Err()
	}
	return *b.self.known, nil
}

const (
	// atOnce is how many events are worked at a time.
	atOnce = 200
	// lastWords is what events have to be finished when the bot stops.
	lastWords = 3 * time.Second
)

// shift is the time in which events are taken in, and who works on them.
type shift struct {
	slots chan struct{}

	mu     sync.Mutex
	ctx    context.Context // nil: nothing is taken in
	atWork sync.WaitGroup
}

var errStopped = errors.New("the bot is not running")

func (s *shift) begin(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctx = ctx
}

// enter holds the shift open until leave is called; events are worked with ctx.
func (s *shift) enter() (ctx context.Context, leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		return nil, nil, errStopped
	}
	s.atWork.Add(1)
	return s.ctx, s.atWork.Done, nil
}

// start works an event in a goroutine of its own, with the ctx of a caller who has entered.
func (s *shift) start(ctx context.Context, work func(ctx context.Context)) {
	s.atWork.Go(func() {
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
			work(ctx)
		case <-ctx.Done():
		}
	})
}

// breathe waits until there is room for one more event, so that no more are taken in than
// can be worked.
func (s *shift) breathe(ctx context.Context) {
	select {
	case s.slots <- struct{}{}:
		<-s.slots
	case <-ctx.Done():
	}
}

// end closes the shift: nothing more is taken in, and what is at work is given its last
// words and then stopped.
func (s *shift) end(stop context.CancelFunc) {
	s.mu.Lock()
	s.ctx = nil
	s.mu.Unlock()
	late := time.AfterFunc(lastWords, stop)
	defer late.Stop()
	s.atWork.Wait()
}
