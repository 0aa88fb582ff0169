package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"imaginebot/core"
	"imaginebot/core/sqldb"
)

// Audit compares the ledger with the tallies that sum it up and with the takes whose ends it
// tells, and says in a line each what does not agree. It reads only, and may run while
// the bot does: then it sees one moment on each reading, and a busy bot may
// have moved on between two of them.
func Audit(ctx context.Context, db *sqldb.DB) ([]string, error) {
	var faults []string
	for _, check := range []func(context.Context, sqldb.Querier) ([]string, error){auditTallies, auditTakes} {
		found, err := check(ctx, db.Read())
		if err != nil {
			return nil, fmt.Errorf("audit: %w", err)
		}
		faults = append(faults, found...)
	}
	return faults, nil
}

// tally is a row of tallies, or what the ledger says that it should be.
type tally struct{ images, spent, uncertain int64 }

// counted names a tally: whose, and in which day or month.
type counted struct{ scope, period string }

func auditTallies(ctx context.Context, read sqldb.Querier) ([]string, error) {
	want, got := map[counted]tally{}, map[counted]tally{}
	add := func(key counted, images, uncertain int, spent core.PTC) {
		of := want[key]
		want[key] = tally{of.images + int64(images), of.spent + int64(spent), of.uncertain + int64(uncertain)}
	}
	err := each(ctx, read, `SELECT kind, account_id, amount, unknown, day, month FROM entries`, func(rows *sql.Rows) error {
		var e core.Entry
		if err := rows.Scan(&e.Kind, &e.Account, &e.Amount, &e.Unknown, &e.Day, &e.Month); err != nil {
			return err
		}
		effect := e.Effect()
		add(counted{string(e.Account), e.Day}, effect.Images, effect.Uncertain, 0)
		add(counted{string(e.Account), e.Month}, 0, 0, effect.Spent)
		add(counted{botScope, e.Day}, 0, 0, effect.BotSpent)
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, read, `SELECT scope, period, images, spent, uncertain FROM tallies`, func(rows *sql.Rows) error {
		var key counted
		var of tally
		if err := rows.Scan(&key.scope, &key.period, &of.images, &of.spent, &of.uncertain); err != nil {
			return err
		}
		got[key] = of
		return nil
	})
	if err != nil {
		return nil, err
	}
	var faults []string
	keys := maps.Clone(want)
	maps.Copy(keys, got)
	for _, key := range slices.SortedFunc(maps.Keys(keys), func(a, b counted) int {
		return cmp.Or(cmp.Compare(a.scope, b.scope), cmp.Compare(a.period, b.period))
	}) {
		switch of := got[key]; {
		case of != want[key]:
			faults = append(faults, fmt.Sprintf("%s in %s: the tallies say %+v, the ledger %+v", key.scope, key.period, of, want[key]))
		case of.images < 0 || of.spent < 0 || of.uncertain < 0:
			faults = append(faults, fmt.Sprintf("%s in %s: negative, %+v", key.scope, key.period, of))
		}
	}
	return faults, nil
}

// auditTakes finds takes whose state and ledger disagree: one is charged if and only if it
// was rendered, and given back if and only if it failed or was cancelled.
func auditTakes(ctx context.Context, read sqldb.Querier) ([]string, error) {
	var faults []string
	err := each(ctx, read, `SELECT takes.generation_id, takes.take, takes.state, COALESCE(ending.kind, '')
FROM takes LEFT JOIN entries AS ending ON ending.generation_id = takes.generation_id AND ending.take = takes.take AND ending.kind <> 'reserve'
WHERE COALESCE(ending.kind, '') <> CASE takes.state WHEN 'rendered' THEN 'settle' WHEN 'failed' THEN ending.kind WHEN 'cancelled' THEN 'refund' ELSE '' END
   OR takes.state = 'failed' AND COALESCE(ending.kind, '') NOT IN ('refund', 'uncertain')
   OR NOT EXISTS (SELECT 1 FROM entries WHERE entries.generation_id = takes.generation_id AND entries.take = takes.take AND entries.kind = 'reserve')
ORDER BY takes.generation_id, takes.take`, func(rows *sql.Rows) error {
		var generation, state, ending string
		var take int
		if err := rows.Scan(&generation, &take, &state, &ending); err != nil {
			return err
		}
		faults = append(faults, fmt.Sprintf("take %d of %s is %s, but its ending in the ledger is %q", take+1, generation, state, ending))
		return nil
	})
	return faults, err
}

func each(ctx context.Context, read sqldb.Querier, query string, row func(*sql.Rows) error) error {
	rows, err := read.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := row(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
