package coretest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"imaginebot/core"
)

// DueStep is a step and the moment from which it may be worked.
type DueStep struct {
	core.Step
	Due time.Time
}

// retryIn is when a step whose work failed is worked again.
const retryIn = time.Second

// Steps are the steps that wait, the first due first.
func (s *Store) Steps() []DueStep {
	var waiting []DueStep
	for _, one := range inOrder(s.committed().steps) {
		if !one.working {
			waiting = append(waiting, one.DueStep)
		}
	}
	return waiting
}

// LoseSteps forgets the steps that wait: they are hints, and the core must do without.
func (s *Store) LoseSteps(ctx context.Context) error {
	return s.InTx(ctx, func(_ context.Context, within core.Tx) error {
		t := within.(*tx)
		t.steps = slices.DeleteFunc(t.steps, func(one step) bool { return !one.working })
		return nil
	})
}

// RunDue works the steps that are due by the store's clock one after the other, and those
// that they make, until none is due. A step whose work failed waits for a second. It
// returns how many it worked, and their errors.
func (s *Store) RunDue(ctx context.Context, studio *core.Studio) (worked int, err error) {
	for {
		next, _, found, lost := s.take(ctx)
		if lost != nil || !found {
			return worked, errors.Join(err, lost)
		}
		worked++
		err = errors.Join(err, s.work(ctx, studio, next))
	}
}

// Run works steps as they become due, so many at once, until ctx ends. The store's clock
// must be that of the time package.
func (s *Store) Run(ctx context.Context, studio *core.Studio, workers int) {
	var all sync.WaitGroup
	defer all.Wait()
	for range workers {
		all.Go(func() {
			for ctx.Err() == nil {
				changed := s.changes()
				next, wait, found, err := s.take(ctx)
				if found && err == nil {
					// An error is the studio's to log and the step's to wait for.
					_ = s.work(ctx, studio, next)
					continue
				}
				idle(ctx, changed, wait)
			}
		})
	}
}

// changes is closed when something is committed.
func (s *Store) changes() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// idle returns when something was committed, when the time is up, or when ctx ends.
func idle(ctx context.Context, changed <-chan struct{}, atMost time.Duration) {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-timer.C:
	}
}

// take marks the first step that is due as being worked; where none is, wait says how
// long until the next may be.
func (s *Store) take(ctx context.Context) (next step, wait time.Duration, found bool, err error) {
	if err := s.begin(ctx); err != nil {
		return step{}, retryIn, false, err
	}
	defer s.end()
	kept, err := s.read(ctx)
	if err != nil {
		return step{}, retryIn, false, err
	}
	wait = retryIn
	for _, one := range inOrder(kept.steps) {
		switch until := one.Due.Sub(s.now()); {
		case one.working:
		case until > 0:
			return step{}, min(wait, until), false, nil
		default:
			s.restep(one.number, func(one *step) bool { one.working = true; return true })
			return one, 0, true, nil
		}
	}
	return step{}, wait, false, nil
}

func (s *Store) work(ctx context.Context, studio *core.Studio, one step) error {
	err := studio.Work(ctx, one.Step)
	s.turn <- struct{}{}
	defer s.end()
	s.restep(one.number, func(again *step) bool {
		again.working, again.Due = false, s.now().Add(retryIn)
		return err != nil
	})
	return err
}

// restep changes the step with a number, or drops it where change says so. Like a queue
// it does this even while the rest of the store is broken.
func (s *Store) restep(number int, change func(*step) (stays bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.kept.clone()
	next.steps = slices.DeleteFunc(next.steps, func(one step) bool { return one.number == number })
	for _, one := range s.kept.steps {
		if one.number == number && change(&one) {
			next.steps = append(next.steps, one)
		}
	}
	s.kept = next
}

func inOrder(steps []step) []step {
	ordered := slices.Clone(steps)
	slices.SortFunc(ordered, func(a, b step) int {
		if due := a.Due.Compare(b.Due); due != 0 {
			return due
		}
		return a.number - b.number
	})
	return ordered
}
