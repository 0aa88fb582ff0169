package discordtest

import (
	"context"
	"slices"
	"time"
)

// each does something to every connection.
func (s *Server) each(do func(*connection)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		do(c)
	}
	s.touch()
}

// DropGateway cuts every connection without a word; sessions can be resumed.
func (s *Server) DropGateway() { s.each((*connection).drop) }

// CloseGateway closes every connection with a code, such as 4000.
func (s *Server) CloseGateway(code int, reason string) {
	s.each(func(c *connection) { c.end(code, reason) })
}

// AskReconnect sends op 7 to every connection.
func (s *Server) AskReconnect() {
	s.each(func(c *connection) { c.send(envelope(opReconnect, nil)) })
}

// InvalidateSessions forgets every session and sends op 9 to those connected: none can be resumed.
func (s *Server) InvalidateSessions() {
	s.each(func(c *connection) {
		c.session = nil
		c.send(envelope(opInvalidSession, false))
		s.sessions = nil
	})
}

// ForgetSessions lets the next Resume fail with op 9, as after a long outage. Connections stay.
func (s *Server) ForgetSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions = slices.DeleteFunc(s.sessions, func(se *session) bool { return se.conn == nil })
}

// RejectIdentify answers the next so many Identify payloads with op 9, as when a bot identifies too often.
func (s *Server) RejectIdentify(times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rejects = times
}

// AskHeartbeat sends op 1 to every connection.
func (s *Server) AskHeartbeat() {
	s.each(func(c *connection) { c.send(envelope(opHeartbeat, nil)) })
}

// FreezeGateway makes zombies of the present connections: they stay open, but nothing is read or sent any more.
func (s *Server) FreezeGateway() {
	s.each(func(c *connection) {
		c.frozen = true
		_ = c.ws.SetReadDeadline(time.Time{}) // it is the bot that must notice
	})
}

// Identifies is how many Identify payloads arrived.
func (s *Server) Identifies() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.identifies
}

// Resumes is how many sessions were resumed.
func (s *Server) Resumes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resumes
}

// Connected is how many bots are connected and ready.
func (s *Server) Connected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connected()
}

func (s *Server) connected() int {
	n := 0
	for c := range s.conns {
		if c.session != nil && !c.frozen {
			n++
		}
	}
	return n
}

// WaitConnected returns once n bots are connected and ready.
func (s *Server) WaitConnected(ctx context.Context, n int) error {
	return s.await(ctx, func() bool { return s.connected() == n })
}

// WaitIdentify returns once the n-th Identify of all time arrived.
func (s *Server) WaitIdentify(ctx context.Context, n int) error {
	return s.await(ctx, func() bool { return s.identifies >= n })
}
