package core

import (
	"context"
	"errors"
	"time"
)

// deliverWithin bounds one attempt to deliver.
const deliverWithin = 3 * time.Minute

// workDeliver tells what came of a generation, unless that is being done or was done.
func (s *Studio) workDeliver(ctx context.Context, id GenerationID) error {
	g, err := s.change(ctx, id, func(g *Generation) ([]Entry, error) { return nil, g.HoldDelivery(s.Holder, s.Now()) })
	if errors.Is(err, ErrLost) || KindOf(err) == NotFound && err != nil {
		return nil
	}
	if err != nil {
		return err
	}
	return s.deliver(ctx, g)
}

// deliver carries the outcome of a generation whose delivery this process holds, and
// records how that went.
func (s *Studio) deliver(ctx context.Context, g Generation) error {
	began := s.Now()
	receipt, cause := s.carry(ctx, g)
	s.OnStep(StepDeliver, g.Request.Model, cause, s.Now().Sub(began))
	stopping := ctx.Err() != nil
	_, err := s.record(ctx, g.ID, func(g *Generation) ([]Entry, error) {
		now := s.Now()
		due := now
		known := AsError(cause)
		switch {
		case cause == nil:
			return nil, g.End(s.Holder, receipt, true, now)
		case known.Kind.Rule().Step == Keep, !stopping && now.After(g.CreatedAt.Add(Deadline)):
			s.Log.Warn("an outcome was not delivered and is kept", "generation", g.ID, "platform", g.ReplyTo.Platform, "attempt", g.Attempts+1, "err", cause)
			return nil, g.End(s.Holder, receipt, false, now)
		case !stopping:
			due = now.Add(max(known.After, backoff(g.Attempts)))
			// Once more at the deadline, whatever the platform wants: then it is kept.
			if end := g.CreatedAt.Add(Deadline + time.Second); due.After(end) {
				due = end
			}
			s.Log.Info("a delivery is tried again", "generation", g.ID, "platform", g.ReplyTo.Platform, "attempt", g.Attempts+1, "err", cause)
		}
		return nil, g.PostponeDelivery(s.Holder, receipt, due)
	})
	if errors.Is(err, ErrLost) {
		return nil
	}
	return err
}

// carry hands an outcome to its courier. A panic there is an error like any other.
func (s *Studio) carry(ctx context.Context, g Generation) (receipt Receipt, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			receipt, err = g.Receipt, Panicked(fault)
		}
	}()
	s.hush(g.ID, nil)
	ctx, cancel := context.WithTimeout(ctx, deliverWithin)
	defer cancel()
	seat, found := s.seats[g.ReplyTo.Platform]
	if !found {
		// The adapter is switched off in this process: later, or in another one.
		return g.Receipt, &Error{Kind: Busy, After: longestWait}
	}
	outcome, err := s.outcome(ctx, g)
	if err != nil {
		return g.Receipt, err
	}
	return seat.courier.Deliver(ctx, g.ReplyTo, outcome, g.Receipt)
}
