package core

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Waits of the render step.
const (
	firstWait   = 2 * time.Second  // after Busy without a hint, doubled each time
	longestWait = time.Minute      // and the cap of a provider's hint
	holdWait    = 20 * time.Second // between tries while the operator mends key or balance
	retries     = 3                // tries of a take whose preparation fails for a reason of ours
	lastWords   = 5 * time.Second  // to store what has happened, when the process must stop
	quietFor    = 3 * time.Second  // before progress is shown, and between two showings
)

// workRender claims the fairest take, renders it, and delivers if it was the last.
func (s *Studio) workRender(ctx context.Context) error {
	g, take, found, err := s.claim(ctx)
	if err != nil || !found {
		return err
	}
	model, err := s.Catalog.Find(g.Request.Model)
	if err != nil && g.Takes[take].Ticket == "" { // the operator has taken it out of the catalogue since
		return s.settle(ctx, g.ID, take, Image{}, &Error{Kind: NoModel, Err: err})
	}
	began := s.Now()
	stop := s.showProgress(ctx, g)
	image, err := s.render(ctx, g, take, model)
	stop()
	s.OnStep(StepRender, model.ID, err, s.Now().Sub(began))
	if errors.Is(err, ErrLost) {
		return nil
	}
	return s.settle(ctx, g.ID, take, image, err)
}

func (s *Studio) claim(ctx context.Context) (g Generation, take int, found bool, err error) {
	now := s.Now()
	var chosen GenerationID
	err = s.Store.InTx(ctx, func(ctx context.Context, tx Tx) error {
		found, chosen = false, ""
		waiting, running, err := tx.Queue(ctx, now)
		if err != nil {
			return err
		}
		next, any := Fairest(waiting, running, s.limit)
		if !any {
			return nil
		}
		if g, err = tx.Load(ctx, next.Generation); err != nil {
			return err
		}
		if err := g.Claim(next.Take, s.Holder, now); err != nil {
			return err
		}
		take, found, chosen = next.Take, true, next.Generation
		return tx.Save(ctx, g)
	})
	if errors.Is(err, ErrLost) {
		return g, 0, false, nil
	}
	if err != nil && chosen != "" {
		// The commit may have come through although its answer was lost: nobody works the take then.
		_, _ = s.record(ctx, chosen, func(g *Generation) ([]Entry, error) {
			if g.Takes[take].ClaimedAt.UnixMilli() != now.UnixMilli() {
				return nil, ErrLost
			}
			return nil, g.Release(take, s.Holder)
		})
	}
	return g, take, found, err
}

// limit is how many calls of a model may run at once; 0 is no limit.
func (s *Studio) limit(model string) int {
	known, err := s.Catalog.Find(model)
	if err != nil {
		return 0
	}
	return known.Concurrent
}

// render calls the renderer. A panic there is an error like any other.
func (s *Studio) render(ctx context.Context, g Generation, take int, model Model) (image Image, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = Panicked(fault)
		}
	}()
	order := Order{
		Generation: g.ID, Take: take, Request: g.Request, Model: model,
		Key: outputKey(g.ID, take),
		Begin: func(ctx context.Context) error {
			_, err := s.change(ctx, g.ID, func(g *Generation) ([]Entry, error) { return nil, g.Begin(take, s.Holder) })
			return err
		},
		// The ticket is worth a picture: it is stored even while the process is stopping.
		Keep: func(ctx context.Context, ticket Ticket) error {
			_, err := s.record(ctx, g.ID, func(g *Generation) ([]Entry, error) { return nil, g.Keep(take, s.Holder, ticket) })
			return err
		},
	}
	if ticket := g.Takes[take].Ticket; ticket != "" {
		return s.Renderer.Resume(ctx, order, ticket)
	}
	return s.Renderer.Render(ctx, order)
}

// settle records how a take's rendering ended. It outlives ctx, which may have ended because
// the process must stop.
func (s *Studio) settle(ctx context.Context, id GenerationID, take int, image Image, cause error) error {
	stopping := ctx.Err() != nil
	mine := false
	g, err := s.record(ctx, id, func(g *Generation) ([]Entry, error) {
		entries, err := s.decide(g, take, image, cause, stopping)
		mine = err == nil && !stopping && g.HoldDelivery(s.Holder, s.Now()) == nil
		return entries, err
	})
	s.notePause(ctx, cause)
	if errors.Is(err, ErrLost) {
		return nil
	}
	if err != nil || !mine {
		return err
	}
	return s.deliver(ctx, g)
}

// notePause tells the operator, once, that key or balance need care, and forgets it
// when a picture comes again.
func (s *Studio) notePause(ctx context.Context, cause error) {
	if cause == nil {
		s.pause.end()
	} else if KindOf(cause) == Paused && s.pause.begin(s.Now()) {
		s.Log.Error("the provider refuses the key or the balance is used up", "err", cause)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
		defer cancel()
		s.OnPause(ctx, cause)
	}
}

// decide is the table of Kinds, applied to a take.
func (s *Studio) decide(g *Generation, take int, image Image, cause error, stopping bool) ([]Entry, error) {
	t, now := g.Takes[take], s.Now()
	if cause == nil {
		return g.Rendered(take, s.Holder, image, now)
	}
	known := AsError(cause)
	ticketed := t.State == TakeTicketed
	switch {
	case stopping && (t.State == TakeQueued || ticketed):
		return nil, g.Release(take, s.Holder)
	case known.Kind == Internal && t.State == TakeBegun:
		// A fault of ours after the call began leaves its end unknown.
		known = &Error{Kind: Ambiguous, Err: cause}
	case known.Kind == Internal && t.Attempts+1 < retries:
		return s.putBack(g, take, now.Add(backoff(t.Attempts)))
	case known.Kind.Rule().Step == Wait:
		wait := min(known.After, longestWait)
		if wait <= 0 {
			wait = backoff(t.Attempts)
		}
		return s.putBack(g, take, now.Add(wait))
	case known.Kind.Rule().Step == Hold && now.Before(g.CreatedAt.Add(PauseLimit)):
		return s.putBack(g, take, now.Add(holdWait))
	}
	s.Log.Warn("a take has failed", "generation", g.ID, "take", take, "model", g.Request.Model, "err", cause)
	return g.Fail(take, s.Holder, known, now)
}

// putBack makes a take wait. Its call did not run, so what was called off meanwhile is
// called off in time.
func (s *Studio) putBack(g *Generation, take int, due time.Time) ([]Entry, error) {
	if err := g.PutBack(take, s.Holder, due); err != nil {
		return nil, err
	}
	if g.CancelAsked {
		return g.Cancel(s.Now()), nil
	}
	return nil, nil
}

// backoff doubles with each attempt, with jitter.
func backoff(attempts int) time.Duration {
	wait := min(firstWait<<min(attempts, 10), longestWait)
	return wait/2 + rand.N(wait/2+1)
}
