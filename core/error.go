package core

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// Kind says what can be done about an error: it alone decides what the person
// is told, what becomes of the step and what becomes of the allowance.
type Kind uint8

// The kinds of error. Their consequences stand in the Rule of each.
const (
	Internal    Kind = iota // our fault, or unknown: retried, then given back with an apology
	Invalid                 // the request cannot be: something must be changed
	TooBig                  // a picture or text over a limit
	NotFound                // what was named is not there, or not this person's
	Forbidden               // this person may not do this here
	Blocked                 // an operator blocked this person
	OverQuota               // the person's allowance is used up
	BudgetSpent             // the whole bot's budget of the day is used up
	QueueFull               // too much is waiting already
	Refused                 // moderated by the provider
	Busy                    // not now: wait, then again
	Ambiguous               // a paid call whose end is unknown
	Paused                  // the operator's key or balance needs care
	NoModel                 // the provider does not have this model now
	Gone                    // the place of the answer is no more
	Cancelled               // the person called it off
	kinds                   // how many there are
)

// Consequence for a step that ended in an error.
type Consequence uint8

// What a step does after an error.
const (
	Stop Consequence = iota // the take has failed
	Wait                    // the take waits and is tried again while its generation lives
	Hold                    // like Wait, at most PauseLimit after the request was made
	Keep                    // the pictures stay with their owner, undelivered
)

// Settlement of a reservation whose take ended in an error.
type Settlement uint8

// What becomes of the allowance after an error.
const (
	NotReserved  Settlement = iota // nothing had been reserved
	Held                           // stays reserved
	GivenBack                      // given back to the person and to the budget
	UncertainFor                   // given back to the person; the budget bears the cost
	Stays                          // charged: the person has the picture
)

// Rule is what a Kind entails.
type Rule struct {
	Step      Consequence
	Allowance Settlement
}

// Rule looks up what the kind entails for a step and for the allowance.
func (k Kind) Rule() Rule { return rules[k] }

var rules = [kinds]Rule{
	Internal:    {Stop, GivenBack},
	Invalid:     {Stop, GivenBack},
	TooBig:      {Stop, GivenBack},
	NotFound:    {Stop, GivenBack},
	Forbidden:   {Stop, GivenBack},
	Blocked:     {Stop, GivenBack},
	OverQuota:   {Stop, NotReserved},
	BudgetSpent: {Stop, NotReserved},
	QueueFull:   {Stop, NotReserved},
	Refused:     {Stop, UncertainFor},
	Busy:        {Wait, Held},
	Ambiguous:   {Stop, UncertainFor},
	Paused:      {Hold, Held},
	NoModel:     {Stop, GivenBack},
	Gone:        {Keep, Stays},
	Cancelled:   {Stop, GivenBack},
}

var kindNames = [kinds]string{
	"internal", "invalid", "too big", "not found", "forbidden", "blocked", "over quota", "budget spent",
	"queue full", "refused", "busy", "ambiguous", "paused", "no model", "gone", "cancelled",
}

// String is the kind in words, for logs and metrics.
func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", k)
}

// ParseKind reads what String writes; anything else is Internal.
func ParseKind(name string) Kind {
	for kind, known := range kindNames {
		if known == name {
			return Kind(kind)
		}
	}
	return Internal
}

// Reason says what exactly is wrong, where the Kind alone would not tell the
// person what to change. Each has a sentence in package bots.
type Reason string

// The reasons.
const (
	ReasonNone            Reason = ""
	ReasonEmptyPrompt     Reason = "empty prompt"
	ReasonLongPrompt      Reason = "long prompt"       // Limit: characters
	ReasonUnknownModel    Reason = "unknown model"     // Value, Allowed
	ReasonWrongModel      Reason = "wrong model"       // Value is a model of another command; Allowed
	ReasonAspect          Reason = "aspect"            // Value, Allowed, nearest first
	ReasonNoAspect        Reason = "no aspect"         // the model takes none
	ReasonSize            Reason = "size"              // Value, Allowed, nearest first, or a range in words
	ReasonNoSize          Reason = "no size"           // the model takes none; Allowed: its aspects, if any
	ReasonAspectAndSize   Reason = "aspect and size"   // both were given
	ReasonCount           Reason = "count"             // Value, Limit
	ReasonFormat          Reason = "format"            // Value, Allowed
	ReasonNumber          Reason = "number"            // Option, Value, Allowed: the range in words
	ReasonOption          Reason = "option"            // Option that the model cannot take; Allowed: models that can
	ReasonNeedsImage      Reason = "needs image"       // the model needs a picture
	ReasonTakesNoImage    Reason = "takes no image"    // Allowed: models that take one
	ReasonNoPicture       Reason = "no picture"        // the bytes are no picture we know
	ReasonPictureBytes    Reason = "picture bytes"     // Limit: bytes
	ReasonPicturePixels   Reason = "picture pixels"    // Limit: pixels
	ReasonPictureGone     Reason = "picture gone"      // its time is up, or it was deleted
	ReasonPictureURL      Reason = "picture url"       // could not be fetched from there
	ReasonLoRA            Reason = "lora"              // Value, Allowed
	ReasonControl         Reason = "control"           // Value, Allowed
	ReasonControlImage    Reason = "control image"     // control and its picture go together
	ReasonImagesToday     Reason = "images today"      // Limit: images a day; RetryAt
	ReasonMoneyMonth      Reason = "money this month"  // RetryAt
	ReasonConcurrent      Reason = "concurrent"        // Limit: unfinished requests
	ReasonUncertain       Reason = "uncertain"         // too many refunds of unknown end today; RetryAt
	ReasonDeadline        Reason = "deadline"          // not finished in time
	ReasonNotYours        Reason = "not yours"         // somebody else's
	ReasonNothingToEdit   Reason = "nothing to edit"   // no newest picture here
	ReasonNothingToCancel Reason = "nothing to cancel" // no unfinished request
)

// Error is an error whose reader can do something about it. Errors that are
// none of these are Internal.
type Error struct {
	Kind    Kind
	Reason  Reason
	Option  string        // the option concerned
	Value   string        // what was given: foreign text
	Allowed []string      // what would do instead, nearest first
	Limit   int64         // the limit that was passed
	RetryAt time.Time     // when it may work again; zero if unknown
	After   time.Duration // for Busy: wait this long, 0 if unknown
	Err     error         // the cause, for the log only
}

// Error is for logs: it holds no foreign text.
func (e *Error) Error() string {
	text := e.Kind.String()
	if e.Reason != "" {
		text += ": " + string(e.Reason)
	}
	if e.Option != "" {
		text += " " + e.Option
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of err: that of the first Error in its chain, else Internal.
func KindOf(err error) Kind { return AsError(err).Kind }

// AsError is the first Error in err's chain, or err as an Internal one.
func AsError(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	return &Error{Kind: Internal, Err: err}
}

// Panicked is a recovered panic as an error for the log, with the stack. Its own words are
// told only if they are the runtime's: others may quote what a person wrote.
func Panicked(fault any) error {
	words := fmt.Sprintf("a panic of %T", fault)
	if known, ok := fault.(runtime.Error); ok {
		words = known.Error()
	}
	return fmt.Errorf("%s\n%s", words, debug.Stack())
}
