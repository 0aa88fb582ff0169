package ai302test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Settings of a stand-in. Only Key is required.
type Settings struct {
	Key      string // the one bearer token that is accepted
	BasePath string // below which the API is; "/gw/v9" if empty

	Addr string // of the API; "127.0.0.1:0" if empty

	Models []Model // the catalogue; nil is [Models]

	Delay        time.Duration // how long each paid run takes
	KontextPolls int           // how often an edit answers Pending at least
	SampleTTL    time.Duration // how long a Kontext result can be fetched; 10 min if zero

	// MaxSide shrinks drawn pictures, keeping their shape, so that no side is
	// longer; 0 draws them as large as asked.
	MaxSide int
	// Draw replaces the drawing of pictures; [Poster] if nil.
	Draw func(DrawRequest) []byte
	// Balance is what the account is said to have; "12.34" if empty.
	Balance string
}

// Server is a stand-in for 302.AI. It is safe for concurrent use.
type Server struct {
	settings   Settings
	api        *http.Server
	foreign    *http.Server
	apiHost    string
	foreignURL string

	running sync.WaitGroup // both listeners and every request

	mu         sync.Mutex
	closed     bool
	changed    chan struct{} // closed when a call came or changed
	calls      []*Call
	violations []string
	scripts    []*script
	held       bool
	repeats    bool
	unsure     map[string]bool // paid bodies whose end the sender cannot know
	seen       map[string]int  // paid bodies by how often they ran
	pictures   map[string]shown
	uploads    map[string][]byte
	tasks      map[string]*job // by id: Flux-General's tasks and Kontext's edits
	serial     int
}

// New makes a stand-in; Start lets it listen.
func New(s Settings) *Server {
	if s.BasePath == "" {
		s.BasePath = "/gw/v9"
	}
	s.BasePath = "/" + strings.Trim(s.BasePath, "/")
	if s.Addr == "" {
		s.Addr = "127.0.0.1:0"
	}
	if s.SampleTTL == 0 {
		s.SampleTTL = 10 * time.Minute
	}
	if s.Draw == nil {
		s.Draw = Poster
	}
	if s.Balance == "" {
		s.Balance = "12.34"
	}
	return &Server{
		settings: s,
		changed:  make(chan struct{}),
		unsure:   map[string]bool{},
		seen:     map[string]int{},
		pictures: map[string]shown{},
		uploads:  map[string][]byte{},
		tasks:    map[string]*job{},
	}
}

// Start listens on both addresses.
func (s *Server) Start() error {
	if s.settings.Models == nil {
		rows, err := Models()
		if err != nil {
			return err
		}
		s.settings.Models = rows
	}
	var listen net.ListenConfig
	api, err := listen.Listen(context.Background(), "tcp", s.settings.Addr)
	if err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	foreign, err := listen.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(fmt.Errorf("listen for pictures: %w", err), api.Close())
	}
	s.apiHost = api.Addr().String()
	s.foreignURL = "http://" + foreign.Addr().String()
	s.api = s.serve(api, s.serveAPI)
	s.foreign = s.serve(foreign, s.serveForeign)
	return nil
}

func (s *Server) serve(l net.Listener, handle http.HandlerFunc) *http.Server {
	server := &http.Server{
		ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s.enter() {
				defer s.running.Done()
				handle(w, r)
			}
		}),
	}
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		_ = server.Serve(l) // always http.ErrServerClosed, after Close
	}()
	return server
}

// enter counts a request unless the server is closing.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

// Close ends all requests and waits for them.
func (s *Server) Close() {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	s.mu.Unlock()
	if already || s.api == nil {
		return
	}
	_ = s.api.Close()
	_ = s.foreign.Close()
	s.running.Wait()
}

// URL is the API's base, with its path.
func (s *Server) URL() string { return "http://" + s.apiHost + s.settings.BasePath }

// PicturesHostPort is the foreign host's host:port.
func (s *Server) PicturesHostPort() string { return strings.TrimPrefix(s.foreignURL, "http://") }

// largestBody bounds what is read of a request: an upload of 50 MB with room.
const largestBody = 64 << 20

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Request-Id", "req-"+s.next())
	path, below := strings.CutPrefix(r.URL.Path, s.settings.BasePath)
	route := r.Method + " " + path
	task, isFetch := strings.CutPrefix(route, "GET /302/task/")
	task, hasEnd := strings.CutSuffix(task, "/fetch")
	model, isKontext := strings.CutPrefix(route, "POST /flux/v1/")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestBody))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, -10003, "", 0)
		return
	}
	switch {
	case !below:
		s.note("%s %s is outside the base path", r.Method, r.URL.Path)
		refuse(w, http.StatusNotFound, -10010, "", 0)
	case route == "POST /302/image/generate":
		s.generate(w, r, body)
	case route == "POST /302/submit/flux-general":
		s.fluxGeneral(w, r, body)
	case isFetch && hasEnd:
		s.fetchTask(w, r, task)
	case route == "GET /flux/v1/get_result":
		s.kontextResult(w, r)
	case isKontext:
		s.kontext(w, r, body, model)
	case route == "POST /302/upload-file":
		s.upload(w, r, body)
	case route == "GET /dashboard/balance":
		s.balance(w, r)
	default:
		s.note("%s %s is not an endpoint", r.Method, r.URL.Path)
		refuse(w, http.StatusNotFound, -10010, "", 0)
	}
}
