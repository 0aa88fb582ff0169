package telegramtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// DefaultToken is the bot token when Settings names none. It opens nothing.
const DefaultToken = "8302000001:a-made-up-token"

// Bounds of what is remembered, so that a demo may run for weeks.
const (
	keepMessages   = 2000 // a chat
	keepRequests   = 5000
	keepActions    = 2000
	keepQueries    = 2000
	keepViolations = 500
	keepUpdates    = 10_000 // pending ones; Telegram keeps them 24 hours
	keepFiles      = 20_000
	keepBytes      = 256 << 20 // of uploaded files; older ones answer "temporarily unavailable"
)

// Settings of a Server; the zero value is ready for a test.
type Settings struct {
	Addr     string // listening address, "127.0.0.1:0" when empty
	Path     string // prefix of every path, escaped, such as "/tg"; usually empty
	Token    string // DefaultToken when empty; the number before the colon is the bot's id
	Username string // the bot's, without @; "imagine_test_bot" when empty

	PrivacyOff bool   // BotFather's privacy mode disabled: the bot hears everything in groups
	Pollers    int    // bot processes that may poll; with one (0 counts as 1) two polls at once are a violation
	WebhookTo  string // host:port that receives webhook calls in plain HTTP, as behind a TLS proxy; empty: the webhook's URL
	Checker    Checker
}

// Checker judges the shape of what passes; an error becomes a violation. Its methods are called from many goroutines.
type Checker interface {
	// Request sees every call before it is done. Values from forms are strings; those from JSON bodies are what
	// encoding/json makes of them, numbers as json.Number. files are the fields of uploaded parts.
	Request(method string, params map[string]any, files []string) error
	// Result sees the "result" of every successful answer.
	Result(method string, result []byte) error
	// Update sees every update before it is queued.
	Update(raw []byte) error
}

// Server is the fake. All its methods and those of its users and chats may be called from many goroutines.
type Server struct {
	settings Settings
	listener net.Listener
	server   *http.Server
	alive    context.Context
	die      context.CancelFunc
	running  sync.WaitGroup

	mu         sync.Mutex
	changed    chan struct{}
	bot        *User
	users      map[int64]*User
	chats      map[int64]*Chat
	groups     int64 // ids given out
	files      files
	queue      queue
	commands   map[commandKey][]BotCommand
	queries    []*query
	answers    []Answer
	requests   []Request
	troubles   []*script
	violations []string
	albums     int // counts, for ids
	presses    int64
}

// New prepares a Server that does not listen yet.
func New(settings Settings) *Server {
	if settings.Addr == "" {
		settings.Addr = "127.0.0.1:0"
	}
	if settings.Token == "" {
		settings.Token = DefaultToken
	}
	if settings.Username == "" {
		settings.Username = "imagine_test_bot"
	}
	settings.Pollers = max(settings.Pollers, 1)
	s := &Server{
		settings: settings,
		changed:  make(chan struct{}),
		users:    map[int64]*User{},
		chats:    map[int64]*Chat{},
		commands: map[commandKey][]BotCommand{},
		files:    files{byID: map[string]*file{}, byPath: map[string]*file{}},
		queue:    newQueue(),
	}
	number, _, _ := strings.Cut(settings.Token, ":")
	id, _ := strconv.ParseInt(number, 10, 64)
	s.bot = &User{s: s, ID: id, FirstName: "Imagine", Username: settings.Username, isBot: true}
	s.alive, s.die = context.WithCancel(context.Background())
	return s
}

// Start listens and begins to answer.
func (s *Server) Start() error {
	listener, err := net.Listen("tcp", s.settings.Addr)
	if err != nil {
		return fmt.Errorf("fake bot api: %w", err)
	}
	s.listener = listener
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	s.running.Go(func() {
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.violate("fake bot api stopped: %v", err)
		}
	})
	s.running.Go(s.postUpdates)
	return nil
}

// Close ends every open call, including long polls, and returns when nothing of the server runs any more.
func (s *Server) Close() {
	s.die()
	if s.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if s.server.Shutdown(ctx) != nil {
			_ = s.server.Close() // a connection that never sent a request need not be waited for
		}
	}
	s.running.Wait()
}

// URL is what TELEGRAM_API_BASE should hold; valid after Start.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() + s.settings.Path }

// Token is the bot's token.
func (s *Server) Token() string { return s.settings.Token }

// Bot is the bot itself, as a user among users.
func (s *Server) Bot() *User { return s.bot }

// ServeHTTP answers calls of the Bot API and file downloads.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), s.settings.Path+"/")
	if !ok {
		s.violate("a request outside of %q", s.settings.Path)
		writeRefusal(w, &refusal{Code: http.StatusNotFound, Description: "Not Found"})
		return
	}
	if rest, ok := strings.CutPrefix(path, "file/bot"); ok {
		s.serveFile(w, r, rest)
		return
	}
	rest, ok := strings.CutPrefix(path, "bot")
	token, method, cut := strings.Cut(rest, "/")
	if !ok || !cut || method == "" {
		s.violate("a request to neither a method nor a file")
		writeRefusal(w, &refusal{Code: http.StatusNotFound, Description: "Not Found"})
		return
	}
	if token != s.settings.Token {
		s.violate("%s with a wrong token", method)
		writeRefusal(w, &refusal{Code: http.StatusUnauthorized, Description: "Unauthorized"})
		return
	}
	s.serveMethod(w, r, method)
}

// Changed returns a channel that is closed at the next change of anything observable.
func (s *Server) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// change wakes everybody who waits; the caller holds the lock.
func (s *Server) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// await blocks until ready, called without the lock now and after every change, says yes.
func (s *Server) await(ctx context.Context, ready func() bool) error {
	for {
		changed := s.Changed()
		if ready() {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.alive.Done():
			return errors.New("the fake bot api was closed")
		case <-changed:
		}
	}
}

// violate writes down what a careful bot does not do.
func (s *Server) violate(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violateLocked(format, args...)
}

func (s *Server) violateLocked(format string, args ...any) {
	if len(s.violations) < keepViolations {
		s.violations = append(s.violations, fmt.Sprintf(format, args...))
	}
}

// capped appends and forgets the oldest beyond limit.
func capped[T any](list []T, limit int, more ...T) []T {
	list = append(list, more...)
	if surplus := len(list) - limit; surplus > 0 {
		list = append(list[:0:0], list[surplus:]...)
	}
	return list
}
