package core

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Times of the sweep.
const (
	beatEvery  = 5 * time.Second
	deadAfter  = 20 * time.Second // without a heartbeat
	sweepEvery = 15 * time.Second
	purgeEvery = 10 * time.Minute
	// mostSteps are made by one sweep: as many as are painted until the next, and no more than
	// harm nobody if they find nothing to do.
	mostSteps = 100
	// eventsKeep is how long an event is recognised when a platform sends it once more.
	// Telegram keeps updates for a day.
	eventsKeep = 7 * 24 * time.Hour
	// InputsKeep is how long pictures that went in stay after the end.
	InputsKeep = 24 * time.Hour
)

// Recover makes good what an earlier crash has left: it gives this process its
// heartbeat, frees what dead ones held and makes the steps that are missing. It
// returns when that is done; call it before the queue and the adapters run.
func (s *Studio) Recover(ctx context.Context) error {
	before := s.Now().Add(-deadAfter)
	if s.Alone {
		before = s.Now().Add(deadAfter)
	}
	err := s.Store.InTx(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.Beat(ctx, s.Holder, s.Now()); err != nil {
			return err
		}
		return tx.Bury(ctx, s.Holder, before)
	})
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	// One generation that cannot be mended must not keep the others waiting.
	s.report("a sweep was not finished", s.sweep(ctx))
	return nil
}

// Run keeps the heartbeat and sweeps until ctx ends; then it waits for the events
// it has given to adapters.
func (s *Studio) Run(ctx context.Context) error {
	defer s.alive.Wait()
	s.alive.Go(func() { s.keepBeating(ctx) })
	sweep, purge := time.NewTicker(sweepEvery), time.NewTicker(purgeEvery)
	defer sweep.Stop()
	defer purge.Stop()
	s.report("events were not adopted", s.adopt(ctx))
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sweep.C:
			s.report("a sweep was not finished", s.sweep(ctx))
			s.report("events were not adopted", s.adopt(ctx))
		case <-purge.C:
			s.report("pictures were not purged", s.purgeSpoiled(ctx))
		}
	}
}

// keepBeating is apart from all else, because a heart that waits for a slow sweep or
// bucket is taken for dead, and what the process has begun for lost.
func (s *Studio) keepBeating(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.report("no heartbeat", s.beat(ctx))
		}
	}
}

func (s *Studio) report(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		s.Log.Error(what, "err", err)
	}
}

func (s *Studio) beat(ctx context.Context) error {
	return s.Store.InTx(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.Beat(ctx, s.Holder, s.Now()); err != nil {
			return err
		}
		return tx.Bury(ctx, s.Holder, s.Now().Add(-deadAfter))
	})
}

// sweep ends what is over, frees what dead processes held, and gives every
// unfinished generation the step that it lacks.
func (s *Studio) sweep(ctx context.Context) error {
	var problems []error
	orphans, err := s.Store.Orphans(ctx)
	problems = append(problems, err)
	for _, id := range orphans {
		problems = append(problems, s.adoptGeneration(ctx, id))
	}
	overdue, err := s.Store.Overdue(ctx, s.Now().Add(-Deadline))
	problems = append(problems, err)
	for _, id := range overdue {
		_, err := s.change(ctx, id, func(g *Generation) ([]Entry, error) { return g.Expire(s.Now()), nil })
		problems = append(problems, err)
	}
	untold, err := s.Store.Untold(ctx, s.Now().Add(-sweepEvery))
	problems = append(problems, err)
	problems = append(problems, s.Store.InTx(ctx, func(ctx context.Context, tx Tx) error { return s.topUp(ctx, tx, untold) }))
	return errors.Join(problems...)
}

func (s *Studio) adoptGeneration(ctx context.Context, id GenerationID) error {
	var living map[HolderID]bool
	err := s.Store.InTx(ctx, func(ctx context.Context, tx Tx) (err error) {
		living, err = tx.Holders(ctx)
		return err
	})
	if err != nil {
		return err
	}
	_, err = s.change(ctx, id, func(g *Generation) ([]Entry, error) {
		return g.Orphan(func(h HolderID) bool { return !living[h] }, s.Now()), nil
	})
	return err
}

// topUp makes render steps for claimable takes without one, and delivery steps for what
// is long due. Takes that wait behind the limit of their model need none: whoever makes
// room makes their step.
func (s *Studio) topUp(ctx context.Context, tx Tx, untold []GenerationID) error {
	claimable, err := tx.Claimable(ctx, s.Now())
	if err != nil {
		return err
	}
	steps, err := tx.RenderSteps(ctx, s.Now())
	if err != nil {
		return err
	}
	waiting, running, err := tx.Queue(ctx, s.Now())
	if err != nil {
		return err
	}
	if _, any := Fairest(waiting, running, s.limit); !any {
		claimable = 0
	}
	for range min(claimable-steps, mostSteps) {
		if err := tx.Enqueue(ctx, Step{Kind: StepRender}, s.Now()); err != nil {
			return err
		}
	}
	for _, id := range untold {
		if err := tx.Enqueue(ctx, Step{Kind: StepDeliver, Generation: id}, s.Now()); err != nil {
			return err
		}
	}
	return nil
}

// adopt works the events that dead processes have accepted and not answered.
func (s *Studio) adopt(ctx context.Context) error {
	var events []Event
	err := s.Store.InTx(ctx, func(ctx context.Context, tx Tx) (err error) {
		events, err = tx.AdoptEvents(ctx, s.Holder, slices.Collect(maps.Keys(s.seats)))
		return err
	})
	for _, event := range events {
		seat := s.seats[event.Platform]
		s.alive.Go(func() {
			defer func() {
				if fault := recover(); fault != nil {
					s.Log.Error("an adopted event was not worked", "platform", event.Platform, "err", Panicked(fault))
				}
			}()
			seat.receive(ctx, event)
		})
	}
	return err
}

// purgeSpoiled deletes pictures and events whose time is up.
func (s *Studio) purgeSpoiled(ctx context.Context) error {
	now := s.Now()
	problems := []error{s.Store.InTx(ctx, func(ctx context.Context, tx Tx) error {
		return tx.ForgetEvents(ctx, now.Add(-eventsKeep))
	})}
	for {
		ids, err := s.Store.Spoiled(ctx, now.Add(-InputsKeep), now.Add(-s.Keep))
		problems = append(problems, err)
		purged := 0
		for _, id := range ids {
			if err := s.purge(ctx, id, false); err != nil {
				problems = append(problems, err)
				continue
			}
			purged++
		}
		if purged == 0 || ctx.Err() != nil {
			return errors.Join(problems...)
		}
	}
}

// purge deletes a generation's pictures: its inputs after InputsKeep, its results after
// Keep, and all of them where its owner asks for it.
func (s *Studio) purge(ctx context.Context, id GenerationID, all bool) error {
	var keys []string
	g, err := s.Store.Generation(ctx, id)
	if err != nil {
		return err
	}
	ended := s.Now().Sub(g.EndedAt)
	inputs, results := all || ended >= InputsKeep, all || ended >= s.Keep
	if inputs {
		keys = g.inputKeys()
	}
	if results {
		for i := range g.Takes { // failed ones too: a picture may have come too late to be recorded
			keys = append(keys, outputKey(g.ID, i))
		}
	}
	// First the bytes, then the record of it: the other way round, what a crash or a bucket
	// leaves undeleted would stay for ever.
	if err := s.Pictures.Delete(ctx, keys...); err != nil {
		return err
	}
	_, err = s.change(ctx, id, func(g *Generation) ([]Entry, error) {
		g.InputsGone, g.Purged = g.InputsGone || inputs, g.Purged || results
		return nil, nil
	})
	return err
}
