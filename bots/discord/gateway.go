package discord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/gorilla/websocket"
)

// gateway keeps a connection to Discord's gateway and hands on what comes through it.
//
// It supervises discordgo, which does not survive by itself: its Open deadlocks for ever when the first packet is op 9
// (Invalid Session), it notices a dead line only after five heartbeats, and it dials without a context. So each
// connection is a new Session that never reconnects on its own; a Session that does not open in time is abandoned
// with the goroutine that hangs in it; and every read has a deadline of its own.
//
// A new Session means Identify instead of Resume: what happens between the loss of a connection and the next Ready
// does not arrive. After a lost line that is about half a second, after a Reconnect (op 7), which Discord sends a few
// times a day, one and a half (discordgo sleeps a second while it closes), during an outage all of it. Whoever gives
// a command then reads "The application did not respond" and gives it again; nothing that was accepted is lost.
// Resuming with discordgo would cost more than it saves: a session that Discord no longer knows is answered with the
// very op 9 that deadlocks.
type gateway struct {
	settings  gatewaySettings
	api       *url.URL
	rest      *http.Transport
	connected atomic.Bool
	identity  atomic.Pointer[identity]

	mu      sync.Mutex
	stopped bool           // nothing more is started
	running sync.WaitGroup // events, and sessions that are taking themselves down
}

// gatewaySettings say where to connect and whom to tell.
type gatewaySettings struct {
	// API is scheme://host[:port] in place of https://discord.com; the gateway's own address comes from GET /gateway.
	API string
	// Token is the bot token, without "Bot ".
	Token string
	// Intents are the events to ask for (https://discord.com/developers/docs/events/gateway#gateway-intents). Interactions need none.
	Intents discordgo.Intent
	// OnEvent is called on a goroutine of its own for each interaction and each new message. The context ends with Run,
	// which waits for all of them.
	OnEvent func(context.Context, event)
	// OnPanic is called when OnEvent panicked, so that the person still gets an answer; nil is fine.
	OnPanic func(context.Context, event)
	Log     *slog.Logger

	// OpenWithin is how long a connection may take from GET /gateway to Ready; 0 is 10 s.
	OpenWithin time.Duration
	// Silence is how long a connection may say nothing; 0 is 95 s, more than two heartbeats of Discord's 41 s.
	Silence time.Duration
	// Wait is how long to wait after so many failures in a row, 0 after a connection that held; nil is backoff.
	Wait func(failures int) time.Duration
}

// event is something that happened, in Discord's own JSON: discordgo's types lack fields, and give up on unknown ones.
type event struct {
	// Kind is INTERACTION_CREATE or MESSAGE_CREATE.
	Kind string
	Raw  json.RawMessage
}

// identity is who the bot is, as Ready says.
type identity struct {
	ApplicationID string
	UserID        string
}

const (
	heldFor      = time.Minute     // a connection of that age counts as no failure
	closeWithin  = 3 * time.Second // discordgo sleeps one second of it
	writeWithin  = 10 * time.Second
	firstWait    = 500 * time.Millisecond
	longestWait  = 2 * time.Minute // at which a day has 720 of the 1000 allowed identifies
	loggedLength = 300             // of an error, which may quote a page
)

// errWedged is the deadlock that discordgo does not come back from.
var errWedged = errors.New("the session hangs and was abandoned")

// gatewayRefusal is a close code after which connecting again is pointless
// (https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes).
type gatewayRefusal struct{ Code int }

var fatalCodes = map[int]string{
	4004: "the token is wrong: check DISCORD_TOKEN",
	4010: "the shard is invalid",
	4011: "the bot is in too many guilds for one connection: sharding is required",
	4012: "this version of the gateway is no longer served",
	4013: "the intents are invalid",
	4014: "an intent is not switched on for the application: see Privileged Gateway Intents in the developer portal",
}

func (e *gatewayRefusal) Error() string {
	return fmt.Sprintf("discord: the gateway refuses the bot (%d): %s", e.Code, fatalCodes[e.Code])
}

// newGateway checks the settings; it connects to nothing.
func newGateway(settings gatewaySettings) (*gateway, error) {
	api, err := parseAPI(settings.API)
	if err != nil {
		return nil, err
	}
	if settings.OpenWithin == 0 {
		settings.OpenWithin = 10 * time.Second
	}
	if settings.Silence == 0 {
		settings.Silence = 95 * time.Second
	}
	if settings.Wait == nil {
		settings.Wait = backoff
	}
	return &gateway{settings: settings, api: api, rest: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}, nil
}

// Connected says whether events arrive at the moment.
func (g *gateway) Connected() bool { return g.connected.Load() }

// Identity is who the bot is; false before the first Ready.
func (g *gateway) Identity() (identity, bool) {
	id := g.identity.Load()
	if id == nil {
		return identity{}, false
	}
	return *id, true
}

// Run keeps connected until the context ends, when it returns nil, or Discord refuses the bot for good, when it
// returns a *gatewayRefusal. All goroutines but those of abandoned sessions have ended then.
func (g *gateway) Run(ctx context.Context) error {
	defer g.stop()
	for failures := 0; ; {
		begun := time.Now()
		err := g.connect(ctx)
		g.connected.Store(false)
		if ctx.Err() != nil {
			return nil
		}
		var refusal *gatewayRefusal
		if errors.As(err, &refusal) {
			return refusal
		}
		if failures++; time.Since(begun) > heldFor {
			failures = 0
		}
		wait := g.settings.Wait(failures)
		var limited *discordgo.RateLimitError
		if errors.As(err, &limited) {
			wait = max(wait, limited.RetryAfter)
		}
		g.settings.Log.LogAttrs(ctx, slog.LevelWarn, "gateway connection lost", platform,
			slog.Int("attempt", failures), slog.Int64("ms", wait.Milliseconds()), slog.String("err", shorten(err)))
		if !sleep(ctx, wait) {
			return nil
		}
	}
}

// start runs f in the background, unless Run is about to return.
func (g *gateway) start(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.stopped {
		g.running.Go(f)
	}
}

func (g *gateway) stop() {
	g.mu.Lock()
	g.stopped = true
	g.mu.Unlock()
	g.running.Wait()
}

var platform = slog.String("platform", "discord")

// backoff doubles from half a second to two minutes, and takes a random half off so that processes spread out.
func backoff(failures int) time.Duration {
	if failures == 0 {
		return rand.N(firstWait)
	}
	wait := longestWait
	if doublings := failures - 1; doublings < 10 {
		wait = min(longestWait, firstWait<<doublings)
	}
	return wait/2 + rand.N(wait/2)
}

func shorten(err error) string {
	text := err.Error()
	return text[:min(len(text), loggedLength)]
}

// connect opens a connection and returns when it is over, always with an error.
func (g *gateway) connect(ctx context.Context) error {
	whole, cut := context.WithCancel(context.WithoutCancel(ctx)) // a goodbye still goes over the line
	line := &line{silence: g.settings.Silence, ended: make(chan struct{})}
	session, err := g.session(whole, line)
	if err != nil {
		cut()
		return err
	}
	ready, closed := make(chan identity, 1), make(chan struct{})
	disconnected := sync.OnceFunc(func() { close(closed) })
	// Handlers are called by the goroutine that reads: they must neither wait nor lock the session.
	session.AddHandler(func(*discordgo.Session, *discordgo.Disconnect) { disconnected() })
	session.AddHandler(func(_ *discordgo.Session, e *discordgo.Event) { g.receive(ctx, e, ready) })

	begun := time.Now()
	if err := g.open(ctx, cut, session); err != nil {
		return refusalOf(err)
	}
	// From here on discordgo closes the session by itself when the line ends. Nobody but Run waits for that.
	g.start(func() {
		defer cut()
		select {
		case <-line.ended:
		case <-closed:
		case <-ctx.Done():
		}
		select {
		case <-closed:
		case <-time.After(closeWithin):
		}
	})
	select {
	case id := <-ready:
		g.identity.Store(&id)
		g.connected.Store(true)
		g.settings.Log.LogAttrs(ctx, slog.LevelInfo, "gateway ready", platform, slog.Int64("ms", time.Since(begun).Milliseconds()))
	case <-line.ended:
		return fmt.Errorf("before Ready: %w", line.why)
	case <-time.After(g.settings.OpenWithin):
		cut()
		return errors.New("no Ready in time")
	case <-ctx.Done():
	}
	select {
	case <-line.ended:
		return line.why
	case <-closed:
		return errors.New("the connection was closed")
	case <-ctx.Done():
		_ = session.Close() // always nil
		return ctx.Err()
	}
}

// open runs Session.Open under a timeout. When that is over the line is cut, which ends every wait of Open but the
// deadlock.
func (g *gateway) open(ctx context.Context, cut context.CancelFunc, session *discordgo.Session) error {
	const grace = time.Second
	opened := make(chan error, 1)
	go func() { opened <- session.Open() }()
	var err error
	select {
	case err = <-opened:
		if err != nil {
			cut()
		}
		return err
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(g.settings.OpenWithin):
		err = errors.New("no connection in time")
	}
	cut()
	select {
	case late := <-opened:
		if late == nil {
			_ = session.Close() // it opened at the last moment, on a line that is cut; always nil
		}
		return errors.Join(err, late)
	case <-time.After(grace):
		return errWedged
	}
}

// refusalOf finds a close code that is final.
func refusalOf(err error) error {
	var closing *websocket.CloseError
	if errors.As(err, &closing) && fatalCodes[closing.Code] != "" {
		return &gatewayRefusal{closing.Code}
	}
	return err
}

// session makes a Session on a line; both end with the context.
func (g *gateway) session(ctx context.Context, line *line) (*discordgo.Session, error) {
	bound := roundTripper(func(req *http.Request) (*http.Response, error) { return g.rest.RoundTrip(req.WithContext(ctx)) })
	session, err := newSession(g.settings.Token, g.api, bound)
	if err != nil {
		return nil, err
	}
	session.Identify.Intents = g.settings.Intents
	session.Dialer = &websocket.Dialer{
		Proxy:            http.ProxyFromEnvironment,
		HandshakeTimeout: g.settings.OpenWithin,
		NetDialContext:   line.dialer(ctx),
	}
	return session, nil
}

// receive takes one event from discordgo.
func (g *gateway) receive(ctx context.Context, e *discordgo.Event, ready chan<- identity) {
	switch e.Type {
	case "READY":
		if id, ok := identityOf(e.RawData); ok {
			select {
			case ready <- id:
			default: // a second one changes nothing
			}
		}
	case "INTERACTION_CREATE", "MESSAGE_CREATE":
		g.start(func() { g.handOn(ctx, event{e.Type, e.RawData}) })
	}
}

// identityOf reads Ready (https://discord.com/developers/docs/events/gateway-events#ready).
func identityOf(raw json.RawMessage) (identity, bool) {
	var d struct {
		User        struct{ ID string }
		Application struct{ ID string }
	}
	if err := json.Unmarshal(raw, &d); err != nil || d.User.ID == "" || d.Application.ID == "" {
		return identity{}, false
	}
	return identity{ApplicationID: d.Application.ID, UserID: d.User.ID}, true
}

// handOn calls OnEvent and survives it.
func (g *gateway) handOn(ctx context.Context, e event) {
	defer g.recovered(ctx, nil)
	defer g.recovered(ctx, func() {
		if g.settings.OnPanic != nil {
			g.settings.OnPanic(ctx, e)
		}
	})
	g.settings.OnEvent(ctx, e)
}

// recovered logs a panic and goes on with then. The panic's own words are logged only if they are the runtime's:
// others may quote a prompt.
func (g *gateway) recovered(ctx context.Context, then func()) {
	p := recover()
	if p == nil {
		return
	}
	words := fmt.Sprintf("a panic of %T", p)
	if known, ok := p.(runtime.Error); ok {
		words = known.Error()
	}
	g.settings.Log.LogAttrs(ctx, slog.LevelError, "event panicked", platform, slog.String("err", words+"\n"+string(debug.Stack())))
	if then != nil {
		then()
	}
}

// newSession is a Session whose REST calls go to the API base, once, without waiting out rate limits, through next.
func newSession(token string, api *url.URL, next http.RoundTripper) (*discordgo.Session, error) {
	session, err := discordgo.New("Bot " + token)
	if err != nil {
		return nil, fmt.Errorf("discord: %w", err)
	}
	session.ShouldReconnectOnError = false
	session.ShouldRetryOnRateLimit = false // its sleep ignores the context
	session.MaxRestRetries = 0             // it repeats POST
	session.StateEnabled = false           // 38 KB a guild that nobody reads
	session.SyncEvents = true              // handlers see events in order, and one goroutine at a time
	session.Compress = false
	session.LogLevel = discordgo.LogError - 1 // it logs to the standard logger, URLs and all
	session.Client = &http.Client{Timeout: 20 * time.Second, Transport: redirect(api, next)}
	return session, nil
}

// redirect sends calls for discord.com to the API base.
func redirect(api *url.URL, next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if strings.EqualFold(req.URL.Host, "discord.com") {
			req = req.Clone(req.Context())
			req.URL.Scheme, req.URL.Host, req.Host = api.Scheme, api.Host, ""
		}
		return next.RoundTrip(req)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// line is the network connection under a session. It ends when reading fails.
type line struct {
	net.Conn
	silence time.Duration
	once    sync.Once
	ended   chan struct{}
	why     error // set before ended closes
}

// dialer dials the line, which is cut when the context ends.
func (l *line) dialer(ctx context.Context) func(context.Context, string, string) (net.Conn, error) {
	return func(handshake context.Context, network, address string) (net.Conn, error) {
		dialing, cancel := context.WithCancel(handshake)
		defer cancel()
		stop := context.AfterFunc(ctx, cancel)
		defer stop()
		conn, err := (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext(dialing, network, address)
		if err != nil {
			return nil, err
		}
		l.Conn = conn
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		return l, nil
	}
}

func (l *line) Read(p []byte) (int, error) {
	_ = l.SetReadDeadline(time.Now().Add(l.silence)) // on a closed connection Read itself fails
	n, err := l.Conn.Read(p)
	if err != nil {
		l.once.Do(func() {
			l.why = err
			close(l.ended)
		})
	}
	return n, err
}

func (l *line) Write(p []byte) (int, error) {
	_ = l.SetWriteDeadline(time.Now().Add(writeWithin)) // as above
	return l.Conn.Write(p)
}
