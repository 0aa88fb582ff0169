package core

import (
	"log/slog"
	"time"
)

// ReplyTo says where to answer. The address is the courier's own: it may hold a
// secret, such as an interaction's token, and is never logged.
type ReplyTo struct {
	Platform Platform
	Address  string
}

// LogValue keeps the address out of logs.
func (r ReplyTo) LogValue() slog.Value { return slog.StringValue(string(r.Platform)) }

// Receipt is what a platform answered to a delivery, in the courier's own words:
// which messages there are, so that a repeated delivery goes on after them.
type Receipt string

// Outcome is what came of a generation, as it is told.
type Outcome struct {
	Generation Generation
	Model      Model
	Left       Allowance // after it
	// Kept are other generations of the person that could not be delivered and wait for Show.
	Kept []GenerationID
}

// Failed are the takes without a picture.
func (o Outcome) Failed() []Take {
	var failed []Take
	for _, t := range o.Generation.Takes {
		if t.State == TakeFailed {
			failed = append(failed, t)
		}
	}
	return failed
}

// Progress is how far a generation has come, for the person who waits.
type Progress struct {
	Generation GenerationID
	Request    Request
	Waited     time.Duration // since it was accepted
}
