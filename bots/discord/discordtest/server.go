package discordtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Settings of a fake Discord. The zero value of every field but Token works.
type Settings struct {
	// Addr to listen on; empty is a free port of the loopback.
	Addr string
	// Token is the bot token that Identify and REST must show, without "Bot ".
	Token string
	// Check compares traffic with a published description; nil checks nothing.
	Check Checker
	// Now decides the age of interaction tokens and the times in messages; nil is time.Now.
	Now func() time.Time
	// AckWithin is how long an interaction waits for its first answer; 0 is Discord's 3 s.
	AckWithin time.Duration
	// TokenLife is how long an interaction token can be used; 0 is Discord's 15 min.
	TokenLife time.Duration
	// Heartbeat is the interval asked for in Hello; 0 is Discord's 41.25 s.
	Heartbeat time.Duration
	// AttachmentLimit is the largest file in bytes, as told in attachment_size_limit; 0 is 10 MiB.
	AttachmentLimit int64
	// KeepBytes is how many bytes of attachments are kept, the newest; 0 is 256 MiB.
	KeepBytes int64
	// Privileged are the privileged intents switched on for the application; 0 is none.
	Privileged int
}

// Checker compares traffic with a description of the API. Paths are as called,
// with the query and the version ("/api/v9/users/@me"). Of a multipart request
// it sees the payload_json part as application/json. An error from Request is
// answered with 400 and code 50035; every error becomes a violation.
type Checker interface {
	Request(method, path, contentType string, body []byte) error
	Response(method, path string, status int, contentType string, body []byte) error
	Event(kind string, d []byte) error
}

// ErrClosed is returned to everyone who still waits when the server closes.
var ErrClosed = errors.New("discordtest: closed")

// Server is a whole Discord with one application in it. Its methods may be
// called from several goroutines.
type Server struct {
	settings Settings
	http     *http.Server
	listener net.Listener
	routes   []route
	done     chan struct{}
	serving  sync.WaitGroup

	mu           sync.Mutex
	changed      chan struct{}
	closed       bool
	lastID       uint64
	bot          *User
	app          string
	users        []*User
	guilds       []*Guild
	channels     []*Channel
	commands     map[string][]map[string]any // by guild id, "" is global
	interactions []*Interaction
	stored       []*attachment
	storedSize   int64
	sessions     []*session
	conns        map[*connection]bool
	identifies   int
	resumes      int
	rejects      int // Identify payloads to come that get op 9
	scripts      []*Scripted
	requests     []Request
	violations   []string
}

// New returns a server that is not listening yet.
func New(settings Settings) *Server {
	set := func(d *time.Duration, fallback time.Duration) {
		if *d == 0 {
			*d = fallback
		}
	}
	set(&settings.AckWithin, 3*time.Second)
	set(&settings.TokenLife, 15*time.Minute)
	set(&settings.Heartbeat, 41250*time.Millisecond)
	if settings.Addr == "" {
		settings.Addr = "127.0.0.1:0"
	}
	if settings.Now == nil {
		settings.Now = time.Now
	}
	if settings.AttachmentLimit == 0 {
		settings.AttachmentLimit = 10 << 20
	}
	if settings.KeepBytes == 0 {
		settings.KeepBytes = 256 << 20
	}
	s := &Server{
		settings: settings,
		done:     make(chan struct{}),
		changed:  make(chan struct{}),
		commands: map[string][]map[string]any{},
		conns:    map[*connection]bool{},
	}
	s.routes = s.table()
	s.bot = &User{ID: s.nextID(), Name: "imaginebot", Locale: "en-US", server: s, bot: true}
	s.app = s.bot.ID
	return s
}

// Start listens and serves until Close.
func (s *Server) Start() error {
	listener, err := net.Listen("tcp", s.settings.Addr)
	if err != nil {
		return fmt.Errorf("discordtest: listen: %w", err)
	}
	s.listener = listener
	s.http = &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 10 * time.Second}
	s.serving.Go(func() { _ = s.http.Serve(listener) }) // ends with Close, always in http.ErrServerClosed
	return nil
}

// Close drops every connection and returns when nothing of the server runs any more.
func (s *Server) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	close(s.done)
	for _, i := range s.interactions {
		i.stopWaiting()
	}
	for c := range s.conns {
		c.drop()
	}
	s.touch()
	s.mu.Unlock()
	if s.http != nil {
		_ = s.http.Close() // closes the listener and every connection that is not hijacked
	}
	s.serving.Wait()
}

// URL is scheme://host:port, the value for DISCORD_API_BASE.
func (s *Server) URL() string { return "http://" + s.Host() }

// Host is the host:port that serves attachments (and everything else), the value for FETCH_ALLOW.
func (s *Server) Host() string {
	if s.listener == nil {
		return s.settings.Addr
	}
	return s.listener.Addr().String()
}

// ApplicationID is the application the bot belongs to; as with most bots it equals the id of its user.
func (s *Server) ApplicationID() string { return s.app }

// Bot is the bot's own user.
func (s *Server) Bot() *User { return s.bot }

// Violations lists what the bot did wrong so far, oldest first; at most the first 500 are kept.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// Requests lists the REST calls so far, oldest first; at most the last 4096 are kept.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

const (
	keptViolations   = 500
	keptRequests     = 4096
	keptInteractions = 4096
	keptMessages     = 2048 // a channel
)

// violate writes a violation down. The caller holds mu.
func (s *Server) violate(format string, args ...any) {
	if len(s.violations) < keptViolations {
		s.violations = append(s.violations, fmt.Sprintf(format, args...))
	}
	s.touch()
}

// touch wakes everyone who waits for a change. The caller holds mu.
func (s *Server) touch() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// await returns nil once cond, called with mu held, is true.
func (s *Server) await(ctx context.Context, cond func() bool) error {
	for {
		s.mu.Lock()
		ok, changed := cond(), s.changed
		s.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.done:
			return ErrClosed
		}
	}
}

// nextID makes a snowflake: milliseconds since 2015 above 22 bits that keep ids rising and distinct
// (https://discord.com/developers/docs/reference#snowflakes). The caller holds mu.
func (s *Server) nextID() string {
	const discordEpoch = 1420070400000
	id := uint64(s.settings.Now().UnixMilli()-discordEpoch) << 22
	s.lastID = max(s.lastID+1, id)
	return strconv.FormatUint(s.lastID, 10)
}

func (s *Server) now() time.Time { return s.settings.Now().UTC() }
