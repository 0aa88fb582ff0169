package ai302test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Call is one request that came in.
type Call struct {
	Endpoint string
	Model    string
	Prompt   string
	// Fields are the decoded fields of a paid request, numbers as json.Number, or
	// as strings in a form. An input picture is replaced by its size, "N bytes".
	Fields     map[string]any
	Form       bool // multipart rather than JSON
	ImageBytes int  // of the input picture or upload
	Key        bool // the right key was there
	At         time.Time
	Executed   bool // paid work was done for it
	Status     int  // answered, 0 while under way or without answer
	Outcome    Outcome
}

// Outcome is how a call ended.
type Outcome string

// The ends of a call.
const (
	UnderWay  Outcome = ""
	Answered  Outcome = "answered"
	Refused   Outcome = "refused"   // an error answer
	Broken    Outcome = "broken"    // dropped or spoilt
	Abandoned Outcome = "abandoned" // the caller went away before the answer
)

// Calls gives all requests so far in the order of their arrival.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.matching(Match{})
}

func (s *Server) matching(m Match) []Call {
	var all []Call
	for _, c := range s.calls {
		if m.matches(c.Endpoint, c.Model, c.Prompt) {
			one := *c
			one.Fields = maps.Clone(c.Fields)
			all = append(all, one)
		}
	}
	return all
}

// WaitCalls waits until at least n matching requests have come in, finished or
// not, and gives all of them.
func (s *Server) WaitCalls(ctx context.Context, m Match, n int) ([]Call, error) {
	return s.waitFor(ctx, m, n, func(Call) bool { return true })
}

// WaitEnded is WaitCalls for requests that have also ended.
func (s *Server) WaitEnded(ctx context.Context, m Match, n int) ([]Call, error) {
	return s.waitFor(ctx, m, n, func(c Call) bool { return c.Outcome != UnderWay })
}

func (s *Server) waitFor(ctx context.Context, m Match, n int, counts func(Call) bool) ([]Call, error) {
	for {
		s.mu.Lock()
		all := slices.DeleteFunc(s.matching(m), func(c Call) bool { return !counts(c) })
		changed := s.changed
		s.mu.Unlock()
		if len(all) >= n {
			return all, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return all, fmt.Errorf("wait for %d calls of %+v, have %d: %w", n, m, len(all), ctx.Err())
		}
	}
}

// Paid counts by endpoint the submits for which paid work was done.
func (s *Server) Paid() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	paid := map[string]int{}
	for _, c := range s.calls {
		if c.Executed {
			paid[c.Endpoint]++
		}
	}
	return paid
}

// Violations gives what a well-behaved client would not have done.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// note records a violation.
func (s *Server) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations = append(s.violations, fmt.Sprintf(format, args...))
}

// arrive records a request; the returned Call is changed under the lock only.
func (s *Server) arrive(c Call) *Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.At = time.Now()
	s.calls = append(s.calls, &c)
	s.announce()
	return &c
}

// update changes a recorded request.
func (s *Server) update(c *Call, change func(*Call)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(c)
	s.announce()
}

// announce wakes those who wait; the lock is held.
func (s *Server) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}
