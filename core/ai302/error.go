package ai302

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Situation says what a failed call allows. The words are fit for metrics.
type Situation string

// The situations a call can end in.
const (
	// OK is the situation of a call that did not fail; no Error has it.
	OK Situation = "ok"
	// Invalid: the request is wrong as it stands; repeating it is pointless.
	Invalid Situation = "invalid"
	// TooLarge: what was sent is larger than the provider takes.
	TooLarge Situation = "too-large"
	// Moderated: the provider's safety rules refused the words or the picture.
	Moderated Situation = "moderated"
	// RateLimited: ask again after RetryAfter.
	RateLimited Situation = "rate-limited"
	// KeyFault: the key is missing, disabled, expired or lacks a permission.
	KeyFault Situation = "key-fault"
	// BalanceFault: the balance or the key's quota is used up.
	BalanceFault Situation = "balance-fault"
	// NoModel: the model does not exist or none of its kind is available.
	NoModel Situation = "no-model"
	// NotFound: the provider does not know the id that was asked for.
	NotFound Situation = "not-found"
	// Ambiguous: a paid call whose end is unknown. It may have been billed, so it
	// must not be sent again.
	Ambiguous Situation = "ambiguous"
	// Failed: the provider did the work and reports that no picture came of it.
	// Whether that is billed is unknown.
	Failed Situation = "failed"
	// Unavailable: a free call failed on the network or with 5xx, or a paid one
	// could not be sent at all. Trying again is harmless.
	Unavailable Situation = "unavailable"
	// Stopped: the caller's context ended, and nothing paid was under way. The
	// context's error is wrapped.
	Stopped Situation = "stopped"
	// Internal: something that neither the person nor waiting can mend, such as a
	// base that redirects elsewhere.
	Internal Situation = "internal"
)

// Error is the failure of one call. Its text names the operation, the situation,
// the codes and the request id, never what was sent nor what the provider wrote.
type Error struct {
	Operation string // one of the Endpoint constants
	Situation Situation
	Status    int    // HTTP status, 0 without an answer
	Code      int    // the gateway's err_code, 0 if none was given
	RequestID string // 302.AI's name for the call, for asking support
	// RetryAfter is how long the provider asked to wait, at most 5 min; 0 if it
	// did not say.
	RetryAfter time.Duration
	// NotRun says that a paid call provably did not execute. It is false for free
	// calls: that a question failed says nothing about the work asked after.
	NotRun bool
	Reason string // our own words, may be empty

	cause error // the caller's context error, nothing else
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "302.AI %s: %s", e.Operation, e.Situation)
	var facts []string
	if e.Status != 0 {
		facts = append(facts, "HTTP "+strconv.Itoa(e.Status))
	}
	if e.Code != 0 {
		facts = append(facts, "code "+strconv.Itoa(e.Code))
	}
	if e.RequestID != "" {
		facts = append(facts, "request "+e.RequestID)
	}
	if len(facts) > 0 {
		b.WriteString(" (" + strings.Join(facts, ", ") + ")")
	}
	if e.Reason != "" {
		b.WriteString(": " + e.Reason)
	}
	return b.String()
}

// Unwrap gives the caller's context error if that ended the call.
func (e *Error) Unwrap() error { return e.cause }

// maxRetryAfter caps what a header can make anybody wait.
const maxRetryAfter = 5 * time.Minute

// unsent is the error of a request that was refused before it was sent.
func unsent(endpoint string, s Situation, reason string) *Error {
	return &Error{Operation: endpoint, Situation: s, NotRun: true, Reason: reason}
}

// stopped is the error of a call that the caller's context ended while nothing
// paid was under way.
func stopped(ctx context.Context, endpoint string, paid bool) *Error {
	return &Error{Operation: endpoint, Situation: Stopped, NotRun: paid, Reason: "stopped", cause: ctx.Err()}
}
