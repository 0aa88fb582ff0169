package ai302

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go"
)

// call is one request: what is sent, and how its end is to be judged.
type call struct {
	endpoint    string
	model       string
	path        string
	query       url.Values
	contentType string
	body        []byte // nil makes it a GET
	paid        bool
	timeout     time.Duration
	limit       int64 // of the answer in bytes
}

// reply is an answer with a 2xx status whose body is a JSON object that does not
// speak of failure.
type reply struct {
	status    int
	requestID string
	body      []byte
}

// send makes the call, again where that is harmless: free calls after any
// network failure or 5xx, paid ones only if the request provably never left.
func (c *Client) send(ctx context.Context, k call) (reply, error) {
	policy := c.repeatFree
	if k.paid {
		policy = c.repeatPaid
	}
	var got reply
	var last *Error
	run := failsafe.With[any](policy).WithContext(ctx)
	// The executor puts the context's error in place of the call's own; the call
	// knows more, so its end is kept here.
	_ = run.Run(func() error {
		if got, last = c.once(ctx, k); last != nil {
			return last
		}
		return nil
	})
	switch {
	case last == nil && got.status != 0:
		return got, nil
	case last == nil, ctx.Err() != nil && last.Situation == Unavailable:
		return reply{}, stopped(ctx, k.endpoint, k.paid)
	}
	return reply{}, last
}

// once makes the call a single time and records how it went.
func (c *Client) once(ctx context.Context, k call) (reply, *Error) {
	begun := time.Now()
	got, failure := c.exchange(ctx, k)
	record := CallRecord{Endpoint: k.endpoint, Model: k.model, Status: got.status, Duration: time.Since(begun), Situation: OK}
	attributes := []any{"endpoint", k.endpoint, "model", k.model, "ms", record.Duration.Milliseconds(), "request_id", got.requestID}
	if failure != nil {
		record.Status, record.Situation = failure.Status, failure.Situation
		attributes = append(attributes, "err", failure)
	}
	c.settings.Log.DebugContext(ctx, "302.AI called", attributes...)
	c.settings.OnCall(record)
	return got, failure
}

func (c *Client) exchange(ctx context.Context, k call) (reply, *Error) {
	if ctx.Err() != nil {
		return reply{}, stopped(ctx, k.endpoint, k.paid)
	}
	limited, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	body := &onceBody{rest: bytes.NewReader(k.body)}
	req, err := c.request(limited, k, body)
	if err != nil {
		return reply{}, &Error{Operation: k.endpoint, Situation: Internal, NotRun: k.paid, Reason: "the request cannot be written"}
	}
	client := c.free
	if k.paid {
		client = c.paid
	}
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, unanswered(ctx, k, body.seal(), err)
	}
	defer resp.Body.Close()
	requestID := plainWord(resp.Header.Get("Request-Id"))
	text, err := io.ReadAll(io.LimitReader(resp.Body, k.limit+1))
	failure := &Error{Operation: k.endpoint, Status: resp.StatusCode, RequestID: requestID}
	switch {
	case err != nil && resp.StatusCode < 300:
		failure.Situation, failure.Reason = lost(k), "the answer was cut short"
		failure.cause = ctx.Err()
		if !k.paid && ctx.Err() != nil {
			failure.Situation = Stopped
		}
		return reply{}, failure
	case int64(len(text)) > k.limit && resp.StatusCode < 300:
		failure.Situation, failure.Reason = Internal, "the answer is too large"
		if k.paid {
			failure.Situation = Ambiguous
		}
		return reply{}, failure
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if failure := judge(k, resp.StatusCode, resp.Header, text); failure != nil {
		return reply{}, failure
	}
	return reply{status: resp.StatusCode, requestID: requestID, body: text}, nil
}

func (c *Client) request(ctx context.Context, k call, body *onceBody) (*http.Request, error) {
	target := strings.TrimRight(c.base.String(), "/") + k.path
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	method, reader := http.MethodGet, io.Reader(nil)
	if k.body != nil {
		method, reader = http.MethodPost, body
	}
	// The body is a reader net/http does not know, so it gets no GetBody and no
	// transport can send it a second time.
	req, err := http.NewRequestWithContext(ctx, method, target, reader)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	if k.body != nil {
		req.ContentLength = int64(len(k.body))
		req.Header.Set("Content-Type", k.contentType)
	}
	req.Header.Set("Authorization", "Bearer "+c.settings.Key)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "imaginebot")
	// 302.AI localises its errors; [speaksOfSafety] reads them.
	req.Header.Set("Lang", "en")
	return req, nil
}

// onceBody is a request's body that can be read once and knows whether that began.
type onceBody struct {
	mu             sync.Mutex
	rest           *bytes.Reader
	begun, refused bool
}

// Read gives the body out until it is sealed.
func (b *onceBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refused {
		return 0, errors.New("the request was given up")
	}
	b.begun = true
	return b.rest.Read(p)
}

// seal ends all reading and tells whether any had begun. A transport may still
// hold the body when it has reported failure; after seal that does no harm.
func (b *onceBody) seal() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused = true
	return b.begun
}
