package telegramtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// firstUpdate is where update ids begin; beyond 31 bits nothing is promised, so it stays below.
const firstUpdate = 700_000_001

// queue holds the updates that the bot has not confirmed; they outlive the bot. Guarded by the server's lock.
type queue struct {
	next    int64
	pending []update
	allowed []string // empty: everything but what must be asked for
	poll    *poll    // the open getUpdates call
	hook    webhook
}

type update struct {
	id  int64
	raw []byte
}

// poll is one open getUpdates call; gone closes when another one took its place, or a webhook did.
type poll struct {
	gone chan struct{}
	why  string
}

// webhook is what setWebhook set; an empty URL means none.
type webhook struct {
	url, secret string
	connections int64
	failedAt    time.Time
	failure     string
}

func newQueue() queue { return queue{next: firstUpdate} }

// mustBeAskedFor are the updates a bot gets only when it names them in allowed_updates.
var mustBeAskedFor = []string{"chat_member", "message_reaction", "message_reaction_count"}

func (q *queue) wants(kind string) bool {
	if len(q.allowed) == 0 {
		return !slices.Contains(mustBeAskedFor, kind)
	}
	return slices.Contains(q.allowed, kind)
}

// confirm forgets what lies below the offset. A negative one keeps that many from the end. One from the future, as a bot
// has that remembers ids of before they started again, confirms nothing.
func (q *queue) confirm(offset int64) {
	switch {
	case offset < 0:
		q.pending = slices.Clone(q.pending[max(0, int64(len(q.pending))+offset):])
	case offset <= q.next:
		q.pending = slices.DeleteFunc(q.pending, func(u update) bool { return u.id < offset })
	}
}

// supersede ends the open poll. The caller holds the server's lock.
func (q *queue) supersede(why string) {
	if q.poll != nil {
		q.poll.why = why
		close(q.poll.gone)
		q.poll = nil
	}
}

// push queues one update. The caller holds the lock.
func (s *Server) push(kind string, payload any) {
	if !s.queue.wants(kind) {
		return
	}
	id := s.queue.next
	s.queue.next++
	raw, err := json.Marshal(map[string]any{"update_id": id, kind: payload})
	if err == nil && s.settings.Checker != nil {
		err = s.settings.Checker.Update(raw)
	}
	if err != nil {
		s.violateLocked("the fake's own update %s: %v", kind, err)
	}
	s.queue.pending = capped(s.queue.pending, keepUpdates, update{id: id, raw: raw})
}

// tell queues a message for the bot if the bot may see it. The caller holds the lock.
func (s *Server) tell(chat *Chat, kind string, m *message) {
	if chat.hears(m) {
		s.push(kind, m.wire())
	}
}

// Inject queues an update of any content, however odd: fields is the inside of the update without its update_id.
func (s *Server) Inject(fields map[string]json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	whole := map[string]json.RawMessage{"update_id": json.RawMessage(fmt.Sprint(s.queue.next))}
	for name, raw := range fields {
		whole[name] = raw
	}
	raw, err := json.Marshal(whole)
	if err != nil {
		s.violateLocked("an injected update is not JSON: %v", err)
		return
	}
	s.queue.pending = append(s.queue.pending, update{id: s.queue.next, raw: raw})
	s.queue.next++
	s.change()
}

// RestartUpdateIDs makes the ids of later updates begin at first, as Telegram may after a week without any.
func (s *Server) RestartUpdateIDs(first int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.next = first
}

// RouteWebhook sends webhook calls to host:port in plain HTTP whatever host the webhook's URL names.
func (s *Server) RouteWebhook(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings.WebhookTo = address
}

// getUpdates is https://core.telegram.org/bots/api#getupdates.
func getUpdates(ctx context.Context, s *Server, c *call) (any, error) {
	offset, err := c.number("offset")
	if err != nil {
		return nil, err
	}
	limit, err := c.number("limit")
	if err != nil {
		return nil, err
	}
	if limit < 1 || limit > 100 {
		limit = 100
	}
	seconds, err := c.number("timeout")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.queue.hook.url != "" {
		s.mu.Unlock()
		return nil, conflict("can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
	}
	if err := c.object("allowed_updates", &s.queue.allowed); err != nil {
		s.mu.Unlock()
		return nil, err
	}
	s.queue.supersede("terminated by other getUpdates request; make sure that only one bot instance is running")
	mine := &poll{gone: make(chan struct{})}
	s.queue.poll = mine
	s.queue.confirm(offset)
	s.change()
	s.mu.Unlock()

	timer := time.NewTimer(time.Duration(min(max(seconds, 0), 50)) * time.Second)
	defer timer.Stop()
	for waiting := seconds > 0; ; {
		s.mu.Lock()
		batch := make([]json.RawMessage, 0, limit)
		for _, u := range s.queue.pending[:min(int64(len(s.queue.pending)), limit)] {
			batch = append(batch, u.raw)
		}
		changed, done := s.changed, s.queue.poll == mine && (len(batch) > 0 || !waiting)
		if done {
			s.queue.poll = nil
		}
		s.mu.Unlock()
		if done {
			return batch, nil
		}
		select {
		case <-mine.gone:
			return nil, s.superseded(ctx, mine)
		case <-ctx.Done():
			s.closePoll(mine)
			return nil, ctx.Err()
		case <-s.alive.Done():
			return nil, s.alive.Err()
		case <-timer.C:
			waiting = false
		case <-changed:
		}
	}
}

func (s *Server) closePoll(mine *poll) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue.poll == mine {
		s.queue.poll = nil
	}
}

// superseded is the end of a poll whose place another took. A process that was killed takes a moment to be seen gone.
func (s *Server) superseded(ctx context.Context, mine *poll) error {
	s.pause(ctx, 30*time.Millisecond)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if s.settings.Pollers == 1 {
		s.violate("getUpdates was called while another call was open: %s", mine.why)
	}
	return conflict(mine.why)
}

var (
	webhookPorts = []string{"", "443", "80", "88", "8443"}
	secretToken  = regexp.MustCompile(`^[A-Za-z0-9_-]{0,256}$`)
)

// setWebhook is https://core.telegram.org/bots/api#setwebhook.
func setWebhook(_ context.Context, s *Server, c *call) (any, error) {
	to, err := url.Parse(c.text("url"))
	switch {
	case err != nil:
		return nil, bad("bad webhook: invalid webhook URL specified")
	case to.String() != "" && to.Scheme != "https":
		return nil, bad("bad webhook: An HTTPS URL must be provided for webhook")
	case !slices.Contains(webhookPorts, to.Port()):
		return nil, bad("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
	case !secretToken.MatchString(c.text("secret_token")):
		return nil, bad("secret token contains unallowed characters")
	}
	connections, err := c.number("max_connections")
	if err != nil {
		return nil, err
	}
	if connections == 0 {
		connections = 40
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := c.object("allowed_updates", &s.queue.allowed); err != nil {
		return nil, err
	}
	s.queue.hook = webhook{url: to.String(), secret: c.text("secret_token"), connections: connections}
	if c.flag("drop_pending_updates") {
		s.queue.pending = nil
	}
	if to.String() != "" {
		s.queue.supersede("terminated by setWebhook request")
	}
	s.change()
	return true, nil
}

// deleteWebhook is https://core.telegram.org/bots/api#deletewebhook.
func deleteWebhook(_ context.Context, s *Server, c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.hook = webhook{}
	if c.flag("drop_pending_updates") {
		s.queue.pending = nil
	}
	s.change()
	return true, nil
}

// getWebhookInfo is https://core.telegram.org/bots/api#getwebhookinfo.
func getWebhookInfo(_ context.Context, s *Server, _ *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hook := s.queue.hook
	w := map[string]any{"url": hook.url, "has_custom_certificate": false, "pending_update_count": len(s.queue.pending)}
	if hook.url != "" {
		w["max_connections"] = hook.connections
	}
	if hook.failure != "" {
		w["last_error_date"], w["last_error_message"] = hook.failedAt.Unix(), hook.failure
	}
	if len(s.queue.allowed) > 0 {
		w["allowed_updates"] = s.queue.allowed
	}
	return w, nil
}

// postUpdates sends what is queued to the webhook, one after the other, each until it is answered with 2xx.
func (s *Server) postUpdates() {
	transport := &http.Transport{DialContext: s.dialWebhook}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	const shortest = 20 * time.Millisecond
	wait := shortest
	for {
		var hook webhook
		var next update
		err := s.await(s.alive, func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.queue.hook.url == "" || len(s.queue.pending) == 0 {
				return false
			}
			hook, next = s.queue.hook, s.queue.pending[0]
			return true
		})
		if err != nil {
			return
		}
		if failure := s.post(client, hook, next); failure != "" {
			s.mu.Lock()
			s.queue.hook.failedAt, s.queue.hook.failure = time.Now(), failure
			s.mu.Unlock()
			s.pause(s.alive, wait)
			wait = min(2*wait, 2*time.Second)
			continue
		}
		wait = shortest
		s.mu.Lock()
		s.queue.pending = slices.DeleteFunc(s.queue.pending, func(u update) bool { return u.id == next.id })
		s.change()
		s.mu.Unlock()
	}
}

// post sends one update and returns what was wrong.
func (s *Server) post(client *http.Client, hook webhook, next update) string {
	s.mu.Lock()
	routed := s.settings.WebhookTo != ""
	s.mu.Unlock()
	target := hook.url
	if routed { // the proxy in front has taken TLS off
		target = "http" + strings.TrimPrefix(target, "https")
	}
	request, err := http.NewRequestWithContext(s.alive, http.MethodPost, target, bytes.NewReader(next.raw))
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Content-Type", "application/json")
	if hook.secret != "" {
		request.Header.Set("X-Telegram-Bot-Api-Secret-Token", hook.secret)
	}
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	_ = response.Body.Close()
	if response.StatusCode/100 != 2 {
		return "Wrong response from the webhook: " + response.Status
	}
	return ""
}

func (s *Server) dialWebhook(ctx context.Context, network, address string) (net.Conn, error) {
	s.mu.Lock()
	if s.settings.WebhookTo != "" {
		address = s.settings.WebhookTo
	}
	s.mu.Unlock()
	return new(net.Dialer).DialContext(ctx, network, address)
}
