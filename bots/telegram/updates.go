package telegram

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// accept stores a batch of updates, all or none; only what it returned nil for is confirmed to Telegram, everything else
// comes again. It may see the same update twice.
type accept func(ctx context.Context, batch []rawUpdate) error

// Waits of the polling loop.
const (
	longPoll     = 50 * time.Second // Telegram answers no later
	firstBackoff = time.Second
	lastBackoff  = 30 * time.Second
	firstStandby = 5 * time.Second
	lastStandby  = time.Minute
	calm         = 5 * time.Minute // without a conflict, after which standing by begins anew
)

// pollingSettings are what a polling loop needs.
type pollingSettings struct {
	REST    *rest
	Accept  accept
	Allowed []string // kinds of updates; empty: all that need not be asked for
	Log     *slog.Logger
}

// polling fetches updates by getUpdates.
type polling struct {
	pollingSettings
	state atomic.Int32 // a pollState

	offset    int64
	polled    bool // at least once
	failures  int
	standby   time.Duration // the last wait after a conflict
	disturbed time.Time     // when that was
	pause     func(ctx context.Context, d time.Duration)
}

// pollState is how a polling loop stands with Telegram.
type pollState int32

const (
	pollDown    pollState = iota // not yet, or no longer
	pollUp                       // the last call was answered
	pollStandby                  // another process polls with this token; this one takes over when that one ends
)

func newPolling(settings pollingSettings) *polling {
	return &polling{pollingSettings: settings, pause: pause}
}

// State may be asked from any goroutine.
func (p *polling) State() pollState { return pollState(p.state.Load()) }

// Connected tells whether updates arrive, here or at the process that polls instead.
func (p *polling) Connected() bool { return p.State() != pollDown }

// Run fetches updates until ctx ends, and then returns nil at once: what is not confirmed comes again after the next
// start, so nothing need be said in parting. Nothing else ends it, not even a revoked token.
func (p *polling) Run(ctx context.Context) error {
	defer p.state.Store(int32(pollDown))
	for ctx.Err() == nil {
		if wait := p.poll(ctx); wait > 0 {
			p.pause(ctx, wait)
		}
	}
	return nil
}

// poll fetches one batch, has it accepted and returns how long to wait before the next.
func (p *polling) poll(ctx context.Context) time.Duration {
	timeout := longPoll
	if p.State() != pollUp {
		timeout = 0 // an answer now, to know where one stands
	}
	list, err := p.REST.GetUpdates(ctx, p.offset, timeout, p.Allowed)
	if ctx.Err() != nil {
		return 0
	}
	if err != nil {
		return p.failed(ctx, err)
	}
	if p.State() != pollUp {
		p.polled = true
		p.state.Store(int32(pollUp))
		p.Log.Info("telegram polling", "platform", "telegram")
	}
	if len(list) == 0 {
		p.failures = 0
		return 0
	}
	batch := make([]rawUpdate, 0, len(list))
	for _, raw := range list {
		id, err := updateID(raw)
		if err != nil {
			p.Log.Error("telegram update without an id", "platform", "telegram", "err", err)
			continue
		}
		batch = append(batch, rawUpdate{ID: id, Raw: raw})
	}
	if len(batch) == 0 { // nothing that could be confirmed; asking again at once would never end
		return p.backoff()
	}
	if err := p.Accept(ctx, batch); err != nil {
		if ctx.Err() == nil {
			p.Log.Error("telegram updates not accepted", "platform", "telegram", "err", err)
		}
		return p.backoff()
	}
	p.failures = 0
	// Not the highest id ever seen: ids may begin again lower after a week without updates, and then Telegram answers an
	// offset from before with the head of its queue, for ever.
	p.offset = batch[len(batch)-1].ID + 1
	return 0
}

// failed judges an error of getUpdates.
func (p *polling) failed(ctx context.Context, err error) time.Duration {
	switch faultOf(err) {
	case faultConflict:
		return p.conflict(ctx, err)
	case faultFlood:
		var flood *apiError
		errors.As(err, &flood)
		p.Log.Warn("telegram polling slowed down", "platform", "telegram", "err", err)
		return max(flood.RetryAfter, firstBackoff)
	}
	if p.failures == 0 {
		p.Log.Warn("telegram polling interrupted", "platform", "telegram", "err", err)
	}
	p.state.Store(int32(pollDown))
	return p.backoff()
}

// conflict stands by while another process polls. Each try ends the other one's open call, which costs nobody an update;
// so tries are few and become fewer. A webhook found at the start, by contrast, is a leftover that nothing else removes;
// one that comes later is set by a process that takes over.
func (p *polling) conflict(ctx context.Context, err error) time.Duration {
	if !p.polled && strings.Contains(err.Error(), "webhook is active") {
		p.Log.Warn("telegram webhook removed to poll", "platform", "telegram")
		if err := p.REST.DeleteWebhook(ctx); err != nil {
			p.state.Store(int32(pollDown))
			return p.backoff()
		}
		return jitter(firstBackoff)
	}
	if p.State() != pollStandby {
		p.Log.Info("telegram polled by another process", "platform", "telegram")
	}
	p.state.Store(int32(pollStandby))
	now := time.Now()
	if now.Sub(p.disturbed) > calm {
		p.standby = 0
	}
	p.disturbed = now
	p.standby = min(max(2*p.standby, firstStandby), lastStandby)
	return jitter(p.standby)
}

// backoff is the wait after one more failure.
func (p *polling) backoff() time.Duration {
	p.failures++
	return jitter(min(firstBackoff<<min(p.failures-1, 10), lastBackoff))
}

// jitter spreads a wait over its upper half, so that processes do not march in step.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2) }

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// updateID reads an update's id and nothing else, so that nothing else can be wrong with it.
func updateID(raw json.RawMessage) (int64, error) {
	var u struct {
		ID *int64 `json:"update_id"`
	}
	if err := json.Unmarshal(raw, &u); err != nil {
		return 0, err
	}
	if u.ID == nil {
		return 0, errors.New("no update_id")
	}
	return *u.ID, nil
}

// updateLimit bounds a webhook's body; real updates stay far below.
const updateLimit = 1 << 20

// secretHeader proves that a call is Telegram's. https://core.telegram.org/bots/api#setwebhook
const secretHeader = "X-Telegram-Bot-Api-Secret-Token"

// webhookSecret derives the webhook's secret token from the bot's, so that all processes agree on it without storing it.
func webhookSecret(token string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("imaginebot telegram webhook"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// webhook receives updates that Telegram posts.
type webhook struct {
	Path   string // exactly this one, with its leading slash
	Secret string
	Accept accept
	Log    *slog.Logger
}

// ServeHTTP answers 200 only when the update is accepted; Telegram repeats everything else.
func (h *webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != h.Path:
		w.WriteHeader(http.StatusNotFound)
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case subtle.ConstantTimeCompare([]byte(r.Header.Get(secretHeader)), []byte(h.Secret)) != 1:
		w.WriteHeader(http.StatusForbidden)
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, updateLimit))
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	id, idErr := updateID(raw)
	if err != nil || idErr != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if err := h.Accept(r.Context(), []rawUpdate{{ID: id, Raw: raw}}); err != nil {
		h.Log.Error("telegram updates not accepted", "platform", "telegram", "err", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusOK)
}
