package telegramtest

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Match chooses calls: by method and by chat, where the zero value of each stands for any.
type Match struct {
	Method string
	Chat   int64
}

// Trouble is what happens to a matched call instead of, or on top of, its being done.
type Trouble struct {
	refusal *refusal
	page    bool
	drop    drop
	wait    time.Duration
}

type drop int

const (
	dropNothing drop = iota
	dropBefore
	dropAfter
)

// Flood answers 429 with retry_after in whole seconds.
func Flood(retryAfter time.Duration) Trouble {
	seconds := int(retryAfter / time.Second)
	return Trouble{refusal: &refusal{
		Code: http.StatusTooManyRequests, Description: fmt.Sprintf("Too Many Requests: retry after %d", seconds), RetryAfter: seconds,
	}}
}

// Fail answers with Telegram's JSON for an error, such as 400 and "Bad Request: not enough rights to send photos to the chat".
func Fail(code int, description string) Trouble {
	return Trouble{refusal: &refusal{Code: code, Description: description}}
}

// BadGateway answers 502 with an HTML page, as Telegram's front does when what is behind it is away.
func BadGateway() Trouble {
	return Trouble{refusal: &refusal{Code: http.StatusBadGateway, Description: "an HTML page"}, page: true}
}

// DropBefore reads the whole request, closes the connection without an answer and does nothing.
func DropBefore() Trouble { return Trouble{drop: dropBefore} }

// DropAfter does what the request asks and closes the connection without an answer.
func DropAfter() Trouble { return Trouble{drop: dropAfter} }

// Slow does what the request asks, but only after a while.
func Slow(wait time.Duration) Trouble { return Trouble{wait: wait} }

// script is one instruction of Script and how often it still applies.
type script struct {
	match   Match
	trouble Trouble
	times   int
}

// Script makes the next times calls that match run into trouble. Instructions apply in the order they were given, each
// until it is used up.
func (s *Server) Script(match Match, trouble Trouble, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.troubles = append(s.troubles, &script{match: match, trouble: trouble, times: times})
}

// Calm forgets every instruction of Script that is not used up.
func (s *Server) Calm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.troubles = nil
}

func (s *Server) nextTrouble(method string, chat int64) Trouble {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, next := range s.troubles {
		if (next.match.Method != "" && next.match.Method != method) || (next.match.Chat != 0 && next.match.Chat != chat) {
			continue
		}
		if next.times--; next.times <= 0 {
			s.troubles = append(s.troubles[:i:i], s.troubles[i+1:]...)
		}
		return next.trouble
	}
	return Trouble{}
}

// method is one method of the Bot API. It takes the lock itself, since getUpdates must wait without it.
type method func(ctx context.Context, s *Server, c *call) (any, error)
