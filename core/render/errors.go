package render

import (
	"context"
	"errors"

	"imaginebot/core"
	"imaginebot/core/ai302"
)

// beforehand is the error of what goes before a paid call: nothing is paid, whatever it was.
func beforehand(err error) error {
	known := translated(err)
	if known.Kind == core.Ambiguous {
		return &core.Error{Kind: core.Internal, Err: err}
	}
	return known
}

// atTheCall is the error of a paid call itself.
func atTheCall(err error) error {
	known := translated(err)
	var failure *ai302.Error
	notRun := errors.As(err, &failure) && failure.NotRun
	if !notRun && known.Kind != core.Refused {
		return &core.Error{Kind: core.Ambiguous, Err: err}
	}
	return known
}

// afterwards is the error of a paid call's result. kept says that its ticket is stored.
func afterwards(err error, kept bool) error {
	known := translated(err)
	switch known.Kind {
	case core.Refused, core.Ambiguous:
		return known
	case core.Invalid, core.TooBig: // the result cannot be had, or cannot be used
		return &core.Error{Kind: core.Ambiguous, Err: err}
	case core.Busy, core.Paused:
		if kept {
			return known
		}
	}
	if kept {
		return &core.Error{Kind: core.Busy, Err: err}
	}
	return &core.Error{Kind: core.Ambiguous, Err: err}
}

// translated makes any error one of ours. A context that ended has mended by the next time.
func translated(err error) *core.Error {
	var known *core.Error
	var failure *ai302.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &failure):
		return inOurWords(failure)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &core.Error{Kind: core.Busy, Err: err}
	}
	return &core.Error{Kind: core.Internal, Err: err}
}

func inOurWords(failure *ai302.Error) *core.Error {
	known := &core.Error{Err: failure}
	switch failure.Situation {
	case ai302.Invalid:
		known.Kind = core.Invalid
	case ai302.TooLarge:
		known.Kind, known.Reason, known.Limit = core.TooBig, core.ReasonPictureBytes, ai302.MaxPicture
	case ai302.Moderated:
		known.Kind = core.Refused
	case ai302.RateLimited:
		known.Kind, known.After = core.Busy, failure.RetryAfter
	case ai302.Unavailable, ai302.Stopped:
		known.Kind = core.Busy
	case ai302.KeyFault, ai302.BalanceFault:
		known.Kind = core.Paused
	case ai302.NoModel:
		known.Kind = core.NoModel
	// A failure is final, but whether it is billed nobody knows; an id that is no longer
	// known had a result once.
	case ai302.Ambiguous, ai302.Failed, ai302.NotFound:
		known.Kind = core.Ambiguous
	default:
		known.Kind = core.Internal
	}
	return known
}
