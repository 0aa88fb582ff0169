package store

import (
	"context"
	"fmt"
	"time"

	"imaginebot/core"
	"imaginebot/core/store/rows"
)

// Queue implements core.Tx.
func (t *tx) Queue(ctx context.Context, now time.Time) (waiting []core.Waiting, running map[string]int, err error) {
	if err := t.rows.Turn(ctx, queueTurn); err != nil {
		return nil, nil, fmt.Errorf("lock the queue: %w", err)
	}
	lines, err := t.rows.Lines(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read the queue: %w", err)
	}
	served, err := t.rows.Served(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read who was served: %w", err)
	}
	waiting, running = foremost(lines, millis(now))
	servedAt := make(map[core.AccountID]time.Time, len(served))
	for _, account := range served {
		servedAt[core.AccountID(account.AccountID)] = moment(account.ClaimedAt)
	}
	for i := range waiting {
		waiting[i].Served = servedAt[waiting[i].Account]
	}
	return waiting, running, nil
}

// foremost picks from the unfinished takes, which stand line by line, the first of each line
// that is claimable, and counts what is running.
func foremost(lines []rows.LinesRow, now int64) (waiting []core.Waiting, running map[string]int) {
	running = map[string]int{}
	held := map[core.AccountID]int{}
	type line struct{ account, model string }
	var found line
	for _, row := range lines {
		ticketed := row.State == string(core.TakeTicketed)
		if row.Holder != "" {
			held[core.AccountID(row.AccountID)]++
		}
		// A take counts from its claim, else two that are being prepared at once would pass
		// the limit together; and while a ticket is out, whoever holds it.
		if row.Holder != "" || ticketed {
			running[row.Model]++
		}
		this := line{row.AccountID, row.Model}
		if this == found || row.Holder != "" || row.DueAt > now || row.State == string(core.TakeBegun) {
			continue
		}
		found = this
		waiting = append(waiting, core.Waiting{
			Generation: core.GenerationID(row.GenerationID), Take: int(row.Take), Account: core.AccountID(row.AccountID),
			Model: row.Model, Ticketed: ticketed, CreatedAt: moment(row.CreatedAt),
		})
	}
	for i := range waiting {
		waiting[i].Running = held[waiting[i].Account]
	}
	return waiting, running
}

// Claimable implements core.Tx.
func (t *tx) Claimable(ctx context.Context, now time.Time) (int, error) {
	count, err := t.rows.Claimable(ctx, millis(now))
	if err != nil {
		return 0, fmt.Errorf("count claimable takes: %w", err)
	}
	return int(count), nil
}
