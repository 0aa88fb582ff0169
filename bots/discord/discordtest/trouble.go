package discordtest

import (
	"encoding/json"
	"math"
	"net/http"
	"path"
	"slices"
	"strconv"
	"time"
)

// Match selects calls. Method may be empty for all. Path is a pattern of
// path.Match without "/api/v9", such as "/webhooks/*/*/messages/@original",
// "/attachments/*/*/*" or "/gateway/" for the WebSocket itself; empty is every call.
type Match struct {
	Method string
	Path   string
}

// Trouble is what happens to a call instead of, or besides, its being done. Make one with the functions below.
type Trouble struct {
	name       string
	status     int
	code       int
	retryAfter time.Duration
	global     bool
	html       bool
	dropBefore bool
	dropAfter  bool
	slow       time.Duration
}

// RateLimited refuses with 429 and both ways of telling how long to wait.
func RateLimited(retryAfter time.Duration, global bool) Trouble {
	return Trouble{name: "429", status: http.StatusTooManyRequests, retryAfter: retryAfter, global: global}
}

// ServerError refuses with a JSON error of that status, such as 500.
func ServerError(status int) Trouble {
	return Trouble{name: strconv.Itoa(status), status: status}
}

// BadGateway refuses with the HTML page of a 502 before anything is done.
func BadGateway() Trouble {
	return Trouble{name: "502", status: http.StatusBadGateway, html: true}
}

// Refused refuses with an error code of Discord's, such as 10015; see codes in errors.go.
func Refused(code int) Trouble {
	return Trouble{name: "code " + strconv.Itoa(code), status: refusal(code).status, code: code}
}

// DropBefore closes the connection instead of doing the call.
func DropBefore() Trouble { return Trouble{name: "dropped before", dropBefore: true} }

// DropAfter does the call and closes the connection instead of answering.
func DropAfter() Trouble { return Trouble{name: "dropped after", dropAfter: true} }

// Slow waits before the call is done.
func Slow(d time.Duration) Trouble { return Trouble{name: "slow", slow: d} }

// Scripted is a trouble that waits for its calls.
type Scripted struct {
	server  *Server
	match   Match
	trouble Trouble
	left    int // below zero: without end
	hits    int
}

// Script lets the next calls that match have the trouble; times below zero is until Stop. Of several the oldest goes first.
func (s *Server) Script(match Match, trouble Trouble, times int) *Scripted {
	s.mu.Lock()
	defer s.mu.Unlock()
	sc := &Scripted{server: s, match: match, trouble: trouble, left: times}
	s.scripts = append(s.scripts, sc)
	return sc
}

// Hits is how many calls had the trouble so far.
func (sc *Scripted) Hits() int {
	sc.server.mu.Lock()
	defer sc.server.mu.Unlock()
	return sc.hits
}

// Stop ends the trouble.
func (sc *Scripted) Stop() {
	sc.server.mu.Lock()
	defer sc.server.mu.Unlock()
	sc.server.scripts = slices.DeleteFunc(sc.server.scripts, func(o *Scripted) bool { return o == sc })
}

// troubleFor takes the trouble that waits for a call, if any.
func (s *Server) troubleFor(method, callPath string) (Trouble, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, sc := range s.scripts {
		if sc.match.Method != "" && sc.match.Method != method {
			continue
		}
		if ok, _ := path.Match(sc.match.Path, callPath); sc.match.Path != "" && !ok { // a bad pattern matches nothing
			continue
		}
		sc.hits++
		if sc.left > 0 {
			sc.left--
		}
		if sc.left == 0 {
			s.scripts = slices.Delete(s.scripts, i, i+1)
		}
		s.touch()
		return sc.trouble, true
	}
	return Trouble{}, false
}

// write answers with the trouble (https://discord.com/developers/docs/topics/rate-limits).
func (t Trouble) write(w http.ResponseWriter) {
	if t.html {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(t.status)
		_, _ = w.Write([]byte("<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"))
		return
	}
	var body any = map[string]any{"message": "Internal Server Error", "code": 0}
	switch {
	case t.status == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(t.retryAfter.Seconds()))))
		w.Header().Set("X-RateLimit-Scope", "user")
		if t.global {
			w.Header().Set("X-RateLimit-Global", "true")
			w.Header().Set("X-RateLimit-Scope", "global")
		}
		body = map[string]any{"message": "You are being rate limited.", "retry_after": t.retryAfter.Seconds(), "global": t.global, "code": 0}
	case t.code != 0:
		body = refusal(t.code).json()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(t.status)
	_ = json.NewEncoder(w).Encode(body) // a caller that went away is its own trouble
}
