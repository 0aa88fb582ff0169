package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"imaginebot/core"
	"imaginebot/core/store/rows"
)

var errNotReserved = errors.New("not reserved so")

// botScope is whose tallies the bot's own are; no account is called so.
const botScope = "bot"

// Account implements core.Tx.
func (t *tx) Account(ctx context.Context, user core.UserID) (core.AccountID, error) {
	fresh, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("name an account: %w", err)
	}
	account, err := t.rows.Identify(ctx, rows.IdentifyParams{UserID: user.String(), AccountID: fresh.String()})
	if err != nil {
		return "", fmt.Errorf("identify user: %w", err)
	}
	if err := t.rows.LockAccount(ctx, account); err != nil {
		return "", fmt.Errorf("lock account %s: %w", account, err)
	}
	return core.AccountID(account), nil
}

// Usage implements core.Tx.
func (t *tx) Usage(ctx context.Context, account core.AccountID, now time.Time) (core.Usage, error) {
	tallies, err := t.rows.LockTallies(ctx, rows.LockTalliesParams{
		Account: string(account), Bot: botScope, Day: core.Day(now), Month: core.Month(now),
	})
	if err != nil {
		return core.Usage{}, fmt.Errorf("lock usage: %w", err)
	}
	return usageOf(ctx, t.rows, string(account), tallies)
}

// usageOf is the usage that tallies of one day and its month tell, with what is unfinished.
func usageOf(ctx context.Context, read *rows.Queries, account string, tallies []rows.Tally) (core.Usage, error) {
	unfinished, err := read.CountUnfinished(ctx, account)
	if err != nil {
		return core.Usage{}, fmt.Errorf("count what is unfinished: %w", err)
	}
	usage := core.Usage{Unfinished: int(unfinished.Generations), Queued: int(unfinished.Takes)}
	for _, tally := range tallies {
		// A row counts either by day or by month, the columns of the other are 0.
		if tally.Scope == botScope {
			usage.BotSpent += core.PTC(tally.Spent)
			continue
		}
		usage.Images += int(tally.Images)
		usage.Spent += core.PTC(tally.Spent)
		usage.Uncertain += int(tally.Uncertain)
	}
	return usage, nil
}

// Book implements core.Tx. Entries of one generation, which have one account, day and
// month, are added to the tallies at once.
func (t *tx) Book(ctx context.Context, entries []core.Entry) error {
	var sums []rows.AddTalliesParams
	for _, e := range entries {
		if err := t.addEntry(ctx, e); err != nil {
			return fmt.Errorf("book %s of take %d of %s: %w", e.Kind, e.Take, e.Generation, err)
		}
		effect := e.Effect()
		if effect == (core.Usage{}) {
			continue
		}
		last := len(sums) - 1
		if last < 0 || sums[last].Account != string(e.Account) || sums[last].Day != e.Day || sums[last].Month != e.Month {
			sums = append(sums, rows.AddTalliesParams{Account: string(e.Account), Bot: botScope, Day: e.Day, Month: e.Month})
			last++
		}
		sum := &sums[last]
		sum.Images += int64(effect.Images)
		sum.Spent += int64(effect.Spent)
		sum.Uncertain += int64(effect.Uncertain)
		sum.BotSpent += int64(effect.BotSpent)
	}
	for _, sum := range sums {
		if err := t.rows.AddTallies(ctx, sum); err != nil {
			return fmt.Errorf("book to the tallies: %w", err)
		}
	}
	return nil
}

func (t *tx) addEntry(ctx context.Context, e core.Entry) error {
	if e.Kind == core.Reserve {
		return t.rows.AddReservation(ctx, rows.AddReservationParams{
			GenerationID: string(e.Generation), Take: int64(e.Take), AccountID: string(e.Account),
			Amount: int64(e.Amount), Day: e.Day, Month: e.Month, At: millis(e.At),
		})
	}
	ended, err := t.rows.AddEnding(ctx, rows.AddEndingParams{
		Kind: string(e.Kind), Unknown: e.Unknown, At: millis(e.At), GenerationID: string(e.Generation), Take: int64(e.Take),
		AccountID: string(e.Account), Amount: int64(e.Amount), Day: e.Day, Month: e.Month,
	})
	if err == nil && ended == 0 {
		return errNotReserved
	}
	return err
}
