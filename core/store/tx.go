package store

import (
	"context"
	"fmt"
	"time"

	"imaginebot/core"
	"imaginebot/core/sqldb"
	"imaginebot/core/store/rows"
)

// tx is core.Tx on a transaction of the database. It belongs to one goroutine.
type tx struct {
	on    *sqldb.Tx
	rows  *rows.Queries
	queue enqueuer
	kept  map[core.GenerationID]changeable // as it was loaded or saved last
}

// The turns that there are.
const (
	queueTurn = "queue"
	inboxTurn = "inbox"
)

// AddEvents implements core.Tx.
func (t *tx) AddEvents(ctx context.Context, events []core.Event, holder core.HolderID) ([]core.Event, error) {
	var fresh []core.Event
	for _, e := range events {
		added, err := t.rows.AddEvent(ctx, rows.AddEventParams{
			Key: string(e.Key), Platform: string(e.Platform), Raw: e.Raw, At: millis(e.At), Holder: string(holder),
		})
		if err != nil {
			return nil, fmt.Errorf("add event: %w", err)
		}
		if added == 1 {
			fresh = append(fresh, e)
		}
	}
	return fresh, nil
}

// EndEvent implements core.Tx.
func (t *tx) EndEvent(ctx context.Context, key core.EventKey) error {
	if err := t.rows.EndEvent(ctx, string(key)); err != nil {
		return fmt.Errorf("end event: %w", err)
	}
	return nil
}

// ForgetEvents implements core.Tx.
func (t *tx) ForgetEvents(ctx context.Context, before time.Time) error {
	if err := t.rows.ForgetEvents(ctx, millis(before)); err != nil {
		return fmt.Errorf("forget events: %w", err)
	}
	return nil
}

// mostAdopted is how many events are adopted at a time.
const mostAdopted = 100

// AdoptEvents implements core.Tx. One adopts at a time: PostgreSQL would give two the same events.
func (t *tx) AdoptEvents(ctx context.Context, holder core.HolderID, platforms []core.Platform) ([]core.Event, error) {
	if err := t.rows.Turn(ctx, inboxTurn); err != nil {
		return nil, fmt.Errorf("adopt events: %w", err)
	}
	var events []core.Event
	for _, platform := range platforms {
		found, err := t.rows.AdoptEvents(ctx, rows.AdoptEventsParams{
			Holder: string(holder), Platform: string(platform), Most: int32(mostAdopted - len(events)),
		})
		if err != nil {
			return nil, fmt.Errorf("adopt events: %w", err)
		}
		for _, e := range found {
			events = append(events, core.Event{Key: core.EventKey(e.Key), Platform: core.Platform(e.Platform), Raw: e.Raw, At: moment(e.At)})
		}
	}
	return events, nil
}

// Add implements core.Tx.
func (t *tx) Add(ctx context.Context, g core.Generation) error {
	if err := add(ctx, t.rows, g); err != nil {
		return fmt.Errorf("add generation %s: %w", g.ID, err)
	}
	return nil
}

// Load implements core.Tx.
func (t *tx) Load(ctx context.Context, id core.GenerationID) (core.Generation, error) {
	row, err := t.rows.LockGeneration(ctx, string(id))
	if err != nil {
		return core.Generation{}, fmt.Errorf("load generation %s: %w", id, orNotFound(err))
	}
	takes, err := t.rows.Takes(ctx, string(id))
	if err != nil {
		return core.Generation{}, fmt.Errorf("load generation %s: %w", id, err)
	}
	g, err := generationOf(row, takes)
	if err != nil {
		return core.Generation{}, fmt.Errorf("load generation %s: %w", id, err)
	}
	t.kept[id], err = changeableOf(g)
	return g, err
}

// Save implements core.Tx.
func (t *tx) Save(ctx context.Context, g core.Generation) error {
	now, err := changeableOf(g)
	if err != nil {
		return fmt.Errorf("save generation %s: %w", g.ID, err)
	}
	if err := now.save(ctx, t.rows, t.kept[g.ID]); err != nil {
		return fmt.Errorf("save generation %s: %w", g.ID, err)
	}
	t.kept[g.ID] = now
	return nil
}

// Child implements core.Tx.
func (t *tx) Child(ctx context.Context, account core.AccountID, parent core.GenerationID) (core.Generation, error) {
	id, err := t.rows.Child(ctx, rows.ChildParams{AccountID: string(account), Parent: string(parent)})
	if err != nil {
		return core.Generation{}, fmt.Errorf("read child of %s: %w", parent, orNotFound(err))
	}
	return whole(ctx, t.rows, core.GenerationID(id))
}

// Enqueue implements core.Tx.
func (t *tx) Enqueue(ctx context.Context, step core.Step, due time.Time) error {
	return t.queue.Enqueue(ctx, t.on, step, due)
}

// RenderSteps implements core.Tx. The queue goes by its own clock.
func (t *tx) RenderSteps(ctx context.Context, _ time.Time) (int, error) {
	return t.queue.Waiting(ctx, t.on)
}

// Beat implements core.Tx.
func (t *tx) Beat(ctx context.Context, holder core.HolderID, now time.Time) error {
	if err := t.rows.Beat(ctx, rows.BeatParams{ID: string(holder), BeatAt: millis(now)}); err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	return nil
}

// Bury implements core.Tx.
func (t *tx) Bury(ctx context.Context, living core.HolderID, before time.Time) error {
	if err := t.rows.Bury(ctx, rows.BuryParams{Living: string(living), Before: millis(before)}); err != nil {
		return fmt.Errorf("bury holders: %w", err)
	}
	return nil
}

// Holders implements core.Tx.
func (t *tx) Holders(ctx context.Context) (map[core.HolderID]bool, error) {
	ids, err := t.rows.Holders(ctx)
	if err != nil {
		return nil, fmt.Errorf("read holders: %w", err)
	}
	holders := make(map[core.HolderID]bool, len(ids))
	for _, id := range ids {
		holders[core.HolderID(id)] = true
	}
	return holders, nil
}
