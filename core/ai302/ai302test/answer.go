package ai302test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// next gives a number that was not given before.
func (s *Server) next() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return fmt.Sprintf("%06d", s.serial)
}

// admit checks the key and answers if it is not the right one.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, c *Call) bool {
	given := r.Header.Get("Authorization")
	if given == "Bearer "+s.settings.Key {
		s.update(c, func(c *Call) { c.Key = true })
		return true
	}
	if given == "" {
		s.note("%s without Authorization", c.Endpoint)
	}
	s.turnAway(w, c, http.StatusUnauthorized, -10001, "")
	return false
}

// turnAway answers with an error and records it.
func (s *Server) turnAway(w http.ResponseWriter, c *Call, status, code int, message string) {
	s.update(c, func(c *Call) { c.Status, c.Outcome = status, Refused })
	refuse(w, status, code, message, 0)
}

// free answers a call that costs nothing, unless there is trouble.
func (s *Server) free(w http.ResponseWriter, r *http.Request, c *Call, answer func() (status int, body any)) {
	if !s.admit(w, r, c) {
		return
	}
	t := s.trouble(c.Endpoint, c.Model, c.Prompt)
	switch {
	case !pass(r.Context(), t.Wait, t.Until):
		s.update(c, func(c *Call) { c.Outcome = Abandoned })
	case t.Drop:
		s.drop(w, c)
	case t.Status != 0:
		s.strike(w, c, t)
	default:
		status, body := answer()
		s.answer(w, r, c, t.Spoil, status, body)
	}
}

// pass lets time go by and reports whether the caller is still there; when the
// server closes, nobody is.
func pass(ctx context.Context, wait time.Duration, until <-chan struct{}) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	if until != nil {
		select {
		case <-until:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

func (s *Server) drop(w http.ResponseWriter, c *Call) {
	s.update(c, func(c *Call) { c.Outcome = Broken })
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

func (s *Server) strike(w http.ResponseWriter, c *Call, t Trouble) {
	s.update(c, func(c *Call) { c.Status, c.Outcome = t.Status, Refused })
	if t.Location != "" {
		w.Header().Set("Location", t.Location)
	}
	refuse(w, t.Status, t.Code, t.Message, t.RetryAfter)
}

// answer writes a good answer, or what Spoil leaves of it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, c *Call, spoil Spoil, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		s.turnAway(w, c, http.StatusInternalServerError, -1024, "")
		return
	}
	end := func(o Outcome) { s.update(c, func(c *Call) { c.Status, c.Outcome = status, o }) }
	if r.Context().Err() != nil {
		s.update(c, func(c *Call) { c.Outcome = Abandoned })
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch spoil {
	case Truncated:
		end(Broken)
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		text = text[:len(text)/2]
	case HTML:
		end(Broken)
		w.Header().Set("Content-Type", "text/html")
		text = []byte("<!doctype html><title>302</title>")
	case Empty:
		end(Broken)
		text = nil
	case BOM:
		end(Answered)
		text = append([]byte("\xef\xbb\xbf"), text...)
	default:
		end(outcomeOf(status))
	}
	w.WriteHeader(status)
	_, _ = io.Copy(w, bytes.NewReader(text)) // who went away is seen by the next call
}

func outcomeOf(status int) Outcome {
	if status >= 400 {
		return Refused
	}
	return Answered
}

// refuse answers with the gateway's error envelope.
// Source: the error table of 302.AI's documentation, https://doc.302.ai/.
func refuse(w http.ResponseWriter, status, code int, message string, retryAfter time.Duration) {
	if retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(envelope(code, message))
}

func envelope(code int, message string) any {
	if message == "" {
		message = gatewayWords[code]
	}
	return map[string]any{
		"error": map[string]any{"err_code": code, "message": message, "message_cn": message, "type": "api_error"},
	}
}

var gatewayWords = map[int]string{
	-10001: "Missing 302 API key",
	-10002: "This 302 API key is disabled or deleted",
	-10003: "Network or parameter error",
	-10004: "Insufficient account balance",
	-10008: "The model does not exist or is not available",
	-10010: "Not found",
	-10012: "Too many requests, try again later",
	-1024:  "Internal error",
}
