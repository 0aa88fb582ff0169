package core

import (
	"context"
	"errors"
	"slices"
	"time"
)

// change loads a generation, changes it, and saves it with its ledger entries and the
// steps that it now calls for, in one transaction.
func (s *Studio) change(ctx context.Context, id GenerationID, change func(*Generation) ([]Entry, error)) (Generation, error) {
	var changed Generation
	err := s.Store.InTx(ctx, func(ctx context.Context, tx Tx) error {
		g, err := tx.Load(ctx, id)
		if err != nil {
			return err
		}
		before := g.clone()
		entries, err := change(&g)
		if err != nil {
			return err
		}
		if err := tx.Save(ctx, g); err != nil {
			return err
		}
		changed = g
		return s.book(ctx, tx, before, g, entries)
	})
	return changed, err
}

// record is change for what has happened and must not be forgotten: it is tried until
// the store takes it, and when the process must stop for lastWords more. A commit whose answer
// was lost may have come through: then what was wanted is there already.
func (s *Studio) record(ctx context.Context, id GenerationID, change func(*Generation) ([]Entry, error)) (Generation, error) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), Deadline)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastWords, cancel) })()
	var wanted, tried Generation
	for attempt := 0; ; attempt++ {
		once, done := context.WithTimeout(last, lastWords)
		g, err := s.change(once, id, func(g *Generation) ([]Entry, error) {
			if attempt > 0 && g.stands(wanted) {
				return nil, errThere
			}
			entries, err := change(g)
			tried = g.clone()
			return entries, err
		})
		done()
		if errors.Is(err, errThere) {
			return wanted, nil
		}
		wanted = tried
		if err == nil || errors.Is(err, ErrLost) || KindOf(err) == NotFound {
			return g, err
		}
		s.Log.Warn("what happened is not recorded yet", "generation", id, "attempt", attempt+1, "err", err)
		select {
		case <-time.After(backoff(attempt)):
		case <-last.Done():
			return g, err
		}
	}
}

// errThere ends a change that is not needed any more.
var errThere = errors.New("already recorded")

// stands reports whether a generation is as it was wanted, as far as holders change it.
func (g *Generation) stands(wanted Generation) bool {
	return g.State == wanted.State && g.Holder == wanted.Holder && slices.EqualFunc(g.Takes, wanted.Takes, func(a, b Take) bool {
		return a.State == b.State && a.Holder == b.Holder && a.Ticket == b.Ticket && a.Attempts == b.Attempts
	})
}

// book writes what a change from before to after entails: entries and steps.
func (s *Studio) book(ctx context.Context, tx Tx, before, after Generation, entries []Entry) error {
	if err := tx.Book(ctx, entries); err != nil {
		return err
	}
	limited := s.limit(after.Request.Model) > 0
	for _, step := range stepsAfter(before, after, limited, s.Now()) {
		if err := tx.Enqueue(ctx, step.Step, step.due); err != nil {
			return err
		}
	}
	return nil
}

type dueStep struct {
	Step
	due time.Time
}

// stepsAfter are the steps that a change calls for: one for each take that has become
// claimable; one for whoever waits behind a take of a limited model that has made room,
// because its own step has passed it over; and one for an outcome that nobody tells.
func stepsAfter(before, after Generation, limited bool, now time.Time) []dueStep {
	var steps []dueStep
	for i, t := range after.Takes {
		var was Take
		if i < len(before.Takes) {
			was = before.Takes[i]
		}
		if t.claimable() && !was.claimable() {
			steps = append(steps, dueStep{Step{Kind: StepRender}, later(t.DueAt, now)})
		}
		if limited && was.running() && !t.running() {
			steps = append(steps, dueStep{Step{Kind: StepRender}, now})
		}
	}
	if after.tellable() && !before.tellable() {
		steps = append(steps, dueStep{Step{Kind: StepDeliver, Generation: after.ID}, later(after.DueAt, now)})
	}
	return steps
}

// tellable reports whether all has ended and nobody is telling it.
func (g *Generation) tellable() bool {
	return g.State == Open && g.TakesEnded() && g.Holder == ""
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
