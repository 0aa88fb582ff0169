package telegramtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Request is one call of the bot as it went.
type Request struct {
	Method      string
	Chat        int64             // chat_id, 0 if the call has none
	Params      map[string]string // values as in a form; JSON where they are objects
	Uploads     []Upload
	At          time.Time
	Took        time.Duration
	Code        int    // 200, the error code, or 0 when the connection was closed without an answer
	Description string // of an error
}

// Upload is one file part of a request.
type Upload struct {
	Field, Name string
	Size        int
}

func (r *Request) fill(c *call) {
	r.Chat, _ = c.number("chat_id") // a chat_id that is none is the method's to refuse
	r.Params = make(map[string]string, len(c.params))
	for name := range c.params {
		r.Params[name] = c.text(name)
	}
	for field, part := range c.files {
		r.Uploads = append(r.Uploads, Upload{Field: field, Name: part.name, Size: len(part.bytes)})
	}
	slices.SortFunc(r.Uploads, func(a, b Upload) int { return strings.Compare(a.Field, b.Field) })
}

// Messages are the ones that can be seen in the chat, oldest first.
func (s *Server) Messages(chat *Chat) []Message {
	return slices.DeleteFunc(s.History(chat), func(m Message) bool { return m.Deleted })
}

// History is every message the chat ever had, the deleted ones marked.
func (s *Server) History(chat *Chat) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Message, 0, len(chat.messages))
	for _, m := range chat.messages {
		list = append(list, m.view())
	}
	return list
}

// WaitMessage returns the first message in the chat that matches, waiting for it if it is not there yet. A message that
// comes and goes quickly may be missed; History has it.
func (s *Server) WaitMessage(ctx context.Context, chat *Chat, match func(Message) bool) (Message, error) {
	var found Message
	err := s.await(ctx, func() bool {
		list := s.Messages(chat)
		at := slices.IndexFunc(list, match)
		if at >= 0 {
			found = list[at]
		}
		return at >= 0
	})
	if err != nil {
		return Message{}, fmt.Errorf("no such message, but %s: %w", s.summary(chat), err)
	}
	return found, nil
}

// summary tells what is in a chat, for the errors of tests.
func (s *Server) summary(chat *Chat) string {
	var lines []string
	for _, m := range s.Messages(chat) {
		kind := "text"
		switch {
		case m.Photo != nil:
			kind = "photo"
		case m.Document != nil:
			kind = "document"
		case m.Event != "":
			kind = m.Event
		}
		lines = append(lines, fmt.Sprintf("%d (%s from %d) %q", m.ID, kind, m.From, m.Words()))
	}
	return fmt.Sprintf("%d others [%s]", len(lines), strings.Join(lines, "; "))
}

// Requests are the bot's calls, oldest first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Calls are the requests to one method.
func (s *Server) Calls(method string) []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return r.Method != method })
}

// WaitRequest returns the first call that matches and has ended, waiting for it if need be.
func (s *Server) WaitRequest(ctx context.Context, match func(Request) bool) (Request, error) {
	var found Request
	err := s.await(ctx, func() bool {
		list := s.Requests()
		at := slices.IndexFunc(list, match)
		if at >= 0 {
			found = list[at]
		}
		return at >= 0
	})
	if err != nil {
		return Request{}, fmt.Errorf("no such request: %w", err)
	}
	return found, nil
}

// WaitConfirmed waits until the bot has confirmed every update, so that what it did not do by then it will not do.
func (s *Server) WaitConfirmed(ctx context.Context) error {
	err := s.await(ctx, func() bool { return s.Pending() == 0 })
	if err != nil {
		return fmt.Errorf("%d updates are not confirmed: %w", s.Pending(), err)
	}
	return nil
}

// Pending counts the updates that the bot has not confirmed.
func (s *Server) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue.pending)
}

// Polling tells whether a getUpdates call is open.
func (s *Server) Polling() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.poll != nil
}

// Action is one "typing…" or "sending a photo…".
type Action struct {
	Action string
	Thread int
	At     time.Time
}

// Actions are the chat actions shown in a chat, oldest first.
func (s *Server) Actions(chat *Chat) []Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(chat.actions)
}

// Answers are the bot's answers to presses of buttons, oldest first.
func (s *Server) Answers() []Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.answers)
}

// Commands is the bot's menu for a scope and language exactly as it was set, empty if it was not.
func (s *Server) Commands(scope CommandScope, language string) []BotCommand {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.commands[commandKey{scope: scope, language: language}])
	if list == nil {
		list = []BotCommand{}
	}
	return list
}

// Webhook is the URL and secret token that were set, empty while the bot polls.
func (s *Server) Webhook() (url, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.hook.url, s.queue.hook.secret
}

// Violations are the things a careful bot does not do, and faults of the fake itself. A test expects none.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}
