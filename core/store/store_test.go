package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imaginebot/core"
	"imaginebot/core/coretest"
	"imaginebot/core/sqldb"
	"imaginebot/core/sqldb/sqldbtest"
	"imaginebot/core/store"
)

func TestStoreKeepsItsContract(t *testing.T) {
	for name, empty := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			coretest.TestStore(t, func(t *testing.T) core.Store { return store.New(opened(t, empty(t)), steps{}) })
		})
	}
}

func TestMigrationsBringAnEmptyDatabaseUpOnce(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db, err := sqldb.Open(t.Context(), sqldb.Settings{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, pending := range []bool{true, false, false} {
			schema, err := sqldb.Inspect(t.Context(), db, store.Migrations)
			if err != nil || schema.Pending() != pending {
				t.Fatalf("schema %+v is pending: %v, want %v: %v", schema, schema.Pending(), pending, err)
			}
			if err := sqldb.Migrate(t.Context(), db, store.Migrations); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestWhatIsCommittedOutlivesTheProcess(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		now := time.Now().UTC()
		db := open(t, url, nil)
		kept := store.New(db, steps{})
		made, err := enter(t.Context(), kept, "ada", "event", 2, unlimited, now)
		if err != nil {
			t.Fatal(err)
		}
		before, err := kept.Generation(t.Context(), made.ID)
		if err != nil {
			t.Fatal(err)
		}
		account, usage, err := kept.Usage(t.Context(), before.User, now)
		if err != nil || usage.Images != 2 {
			t.Fatalf("usage %+v: %v", usage, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}

		kept = store.New(opened(t, url), steps{})
		after, err := kept.Generation(t.Context(), made.ID)
		if diff := cmp.Diff(before, after, cmp.Comparer(func(a, b core.UserID) bool { return a == b })); diff != "" || err != nil {
			t.Errorf("the generation is another one: %v (-before +after):\n%s", err, diff)
		}
		accountAfter, usageAfter, err := kept.Usage(t.Context(), before.User, now)
		if accountAfter != account || usageAfter != usage || err != nil {
			t.Errorf("account %s has used %+v, was %s and %+v: %v", accountAfter, usageAfter, account, usage, err)
		}
		if _, take, err := claim(t.Context(), kept, now); err != nil || take != 0 {
			t.Errorf("its take %d is claimed: %v", take, err)
		}
	})
}

// Thirty-eight requests of one person at once, through two processes where there can be
// two: without the lock on the account's row PostgreSQL lets nearly all of them pass.
func TestTenOfThirtyEightPass(t *testing.T) {
	const runners, limit = 38, 10
	sqldbtest.Each(t, func(t *testing.T, url string) {
		now := time.Now().UTC()
		processes := processesOn(t, url, nil)
		plan := unlimited
		plan.ImagesPerDay = limit
		var mu sync.Mutex
		passed := 0
		race(runners, func(n int) {
			_, err := enter(t.Context(), processes[n%len(processes)], "ada", core.EventKey(fmt.Sprint("event ", n)), 1, plan, now)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				passed++
			case core.KindOf(err) != core.OverQuota:
				t.Errorf("refused with %v", err)
			}
		})
		_, usage, err := processes[0].Usage(t.Context(), core.NewUserID("platform", "ada"), now)
		if passed != limit || usage.Images != limit || usage.BotSpent != limit*price || err != nil {
			t.Errorf("%d passed and %+v is used, want %d: %v", passed, usage, limit, err)
		}
	})
}

// Requests, claims, endings and cancellations of few people at once: a circle of locks
// would show as a transaction that runs again.
func TestLocksAreTakenInOneOrder(t *testing.T) {
	const runners, rounds = 12, 16
	sqldbtest.Each(t, func(t *testing.T, url string) {
		now := time.Now().UTC()
		var log bytes.Buffer
		processes := processesOn(t, url, slog.New(slog.NewTextHandler(&log, nil)))
		race(runners, func(n int) {
			kept := processes[n%len(processes)]
			for round := range rounds {
				name := fmt.Sprint("person ", (n+round)%3)
				g, err := enter(t.Context(), kept, name, core.EventKey(fmt.Sprint("event ", n, round)), 2, unlimited, now)
				if err != nil {
					t.Error(err)
					return
				}
				claimed, take, err := claim(t.Context(), kept, now)
				if err == nil {
					_, err = change(t.Context(), kept, claimed.ID, func(g *core.Generation) ([]core.Entry, error) {
						return g.Fail(take, holder, &core.Error{Kind: []core.Kind{core.Invalid, core.Refused}[round%2]}, now)
					})
				}
				// Another runner may have cancelled what this one is at, or all there was.
				if err != nil && !errors.Is(err, errNothing) && !errors.Is(err, core.ErrLost) {
					t.Error(err)
				}
				_, err = change(t.Context(), kept, g.ID, func(g *core.Generation) ([]core.Entry, error) { return g.Cancel(now), nil })
				if err != nil {
					t.Error(err)
				}
			}
		})
		if log.Len() > 0 {
			t.Errorf("transactions were in each other's way:\n%s", log.String())
		}
		addsUp(t, url)
	})
}

// addsUp wants the ledger to agree with itself and with the takes.
func addsUp(t *testing.T, url string) {
	t.Helper()
	db, err := sqldb.OpenReadOnly(t.Context(), sqldb.Settings{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	faults, err := store.Audit(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

// The audit sees a sum that is off, a charge that was forgotten and a take without a reservation.
func TestAuditSeesWhatIsWrong(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := opened(t, url)
		if _, err := enter(t.Context(), store.New(db, steps{}), "ada", "event", 2, unlimited, time.Now().UTC()); err != nil {
			t.Fatal(err)
		}
		addsUp(t, url)
		for _, damage := range []string{
			`UPDATE tallies SET spent = spent + 1 WHERE scope = 'bot'`,
			`UPDATE takes SET state = 'rendered' WHERE take = 0`,
			`DELETE FROM entries WHERE take = 1`,
		} {
			before, err := store.Audit(t.Context(), db)
			if err != nil {
				t.Fatal(err)
			}
			err = db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
				_, err := tx.ExecContext(ctx, damage)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			after, err := store.Audit(t.Context(), db)
			if err != nil || len(after) <= len(before) {
				t.Errorf("%s: the audit finds %q (%v), before it %q", damage, after, err, before)
			}
		}
	})
}

func TestAnEndingFollowsItsReservationOnce(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		now := time.Now().UTC()
		kept := store.New(opened(t, url), steps{})
		g, err := enter(t.Context(), kept, "ada", "event", 1, unlimited, now)
		if err != nil {
			t.Fatal(err)
		}
		entry := func(change func(*core.Entry)) core.Entry {
			e := core.Entry{Kind: core.Refund, Account: g.Account, Generation: g.ID, Amount: price, Day: core.Day(now), Month: core.Month(now), At: now}
			change(&e)
			return e
		}
		book := func(entries ...core.Entry) error {
			return kept.InTx(t.Context(), func(ctx context.Context, tx core.Tx) error { return tx.Book(ctx, entries) })
		}
		for name, wrong := range map[string]core.Entry{
			"a second reservation":            entry(func(e *core.Entry) { e.Kind = core.Reserve }),
			"an ending without a reservation": entry(func(e *core.Entry) { e.Take = 1 }),
			"more than was reserved":          entry(func(e *core.Entry) { e.Amount++ }),
			"another account":                 entry(func(e *core.Entry) { e.Account = "another" }),
			"another day":                     entry(func(e *core.Entry) { e.Day = core.Day(now.AddDate(0, 0, 1)) }),
			"a negative amount":               entry(func(e *core.Entry) { e.Kind, e.Take, e.Amount = core.Reserve, 2, -1 }),
		} {
			if err := book(wrong); core.KindOf(err) != core.Internal || err == nil {
				t.Errorf("%s was booked: %v", name, err)
			}
		}
		right := entry(func(*core.Entry) {})
		if err := book(right, entry(func(e *core.Entry) { e.Kind = core.Settle })); err == nil {
			t.Error("two endings at once were booked")
		}
		if err := book(right); err != nil {
			t.Errorf("the ending: %v", err)
		}
		for _, kind := range []core.EntryKind{core.Refund, core.Settle, core.Uncertain} {
			if err := book(entry(func(e *core.Entry) { e.Kind = kind })); err == nil {
				t.Errorf("after the ending %s was booked", kind)
			}
		}
		_, usage, err := kept.Usage(t.Context(), g.User, now)
		if want := (core.Usage{Unfinished: 1, Queued: 1}); usage != want || err != nil {
			t.Errorf("in the end %+v is used, want %+v: %v", usage, want, err)
		}
	})
}

func TestTheRawEventIsErasedWhenItIsAnswered(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := opened(t, url)
		kept := store.New(db, steps{})
		raw := func() (raw []byte) {
			t.Helper()
			if err := db.Read().QueryRowContext(t.Context(), `SELECT raw FROM events WHERE key = 'event'`).Scan(&raw); err != nil {
				t.Fatal(err)
			}
			return raw
		}
		event := core.Event{Key: "event", Platform: "platform", Raw: []byte("\x00 any bytes \xff"), At: time.Now()}
		add := func(ctx context.Context, tx core.Tx) error {
			_, err := tx.AddEvents(ctx, []core.Event{event}, holder)
			return err
		}
		if err := kept.InTx(t.Context(), add); err != nil || !bytes.Equal(raw(), event.Raw) {
			t.Fatalf("the raw form is %q, want %q: %v", raw(), event.Raw, err)
		}
		err := kept.InTx(t.Context(), func(ctx context.Context, tx core.Tx) error { return tx.EndEvent(ctx, "event") })
		if err != nil || raw() != nil {
			t.Errorf("the raw form of an answered event is %q: %v", raw(), err)
		}
		if err := kept.InTx(t.Context(), add); err != nil || raw() != nil {
			t.Errorf("the raw form of an event that came once more is %q: %v", raw(), err)
		}
	})
}

// Two processes look for what a third has left: each event goes to one of them.
func TestAnEventIsAdoptedByOne(t *testing.T) {
	const left = 150
	sqldbtest.Each(t, func(t *testing.T, url string) {
		processes := processesOn(t, url, nil)
		err := processes[0].InTx(t.Context(), func(ctx context.Context, tx core.Tx) error {
			var events []core.Event
			for n := range left {
				events = append(events, core.Event{Key: core.EventKey(fmt.Sprint("event ", n)), Platform: "platform", Raw: []byte("raw"), At: time.Now()})
			}
			_, err := tx.AddEvents(ctx, events, "dead")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		adopted := map[core.EventKey]int{}
		race(6, func(n int) {
			living := core.HolderID(fmt.Sprint("living ", n))
			var events []core.Event
			err := processes[n%len(processes)].InTx(t.Context(), func(ctx context.Context, tx core.Tx) (err error) {
				if err := tx.Beat(ctx, living, time.Now()); err != nil {
					return err
				}
				events, err = tx.AdoptEvents(ctx, living, []core.Platform{"platform"})
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			for _, e := range events {
				adopted[e.Key]++
			}
		})
		if len(adopted) != left {
			t.Errorf("%d of %d events were adopted", len(adopted), left)
		}
		for key, times := range adopted {
			if times != 1 {
				t.Errorf("%s was adopted %d times", key, times)
			}
		}
	})
}

func TestErrorsRepeatNothingPrivate(t *testing.T) {
	const secret = "a-token-of-an-interaction"
	sqldbtest.Each(t, func(t *testing.T, url string) {
		kept := store.New(opened(t, url), steps{})
		g, err := enter(t.Context(), kept, "ada", "event", 1, unlimited, time.Now().UTC())
		if err != nil {
			t.Fatal(err)
		}
		g.ReplyTo.Address, g.Request.Prompt = secret, secret
		for name, wrong := range map[string]func(core.Generation) core.Generation{
			"a second one": func(g core.Generation) core.Generation { return g },
			"a state that there is not": func(g core.Generation) core.Generation {
				g.ID, g.State = "000000000000", secret
				return g
			},
			"an account that there is not": func(g core.Generation) core.Generation {
				g.ID, g.Account = "000000000000", secret
				return g
			},
		} {
			err := kept.InTx(t.Context(), func(ctx context.Context, tx core.Tx) error { return tx.Add(ctx, wrong(g)) })
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// processesOn are stores on one database, each with connections of its own where the
// database allows it.
func processesOn(t *testing.T, url string, log *slog.Logger) []core.Store {
	processes := []core.Store{}
	for range 2 {
		db := open(t, url, log)
		t.Cleanup(func() { db.Close() })
		processes = append(processes, store.New(db, steps{}))
		if db.Dialect() == sqldb.SQLite {
			break
		}
	}
	return processes
}

// opened is a migrated database that is closed when the test ends.
func opened(tb testing.TB, url string) *sqldb.DB {
	tb.Helper()
	db := open(tb, url, nil)
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return db
}

func open(tb testing.TB, url string, log *slog.Logger) *sqldb.DB {
	tb.Helper()
	db, err := sqldb.Open(tb.Context(), sqldb.Settings{URL: url})
	if err != nil {
		tb.Fatal(err)
	}
	err = sqldb.Migrate(tb.Context(), db, store.Migrations)
	if err == nil {
		_, err = db.Writer().ExecContext(tb.Context(), `CREATE TABLE IF NOT EXISTS steps (kind TEXT, generation TEXT, due BIGINT)`)
	}
	if err == nil && log != nil { // not told of the migration
		err = db.Close()
	}
	if err == nil && log != nil {
		db, err = sqldb.Open(tb.Context(), sqldb.Settings{URL: url, Log: log})
	}
	if err != nil {
		tb.Fatal(err)
	}
	return db
}

// race runs do so many times at once.
func race(runners int, do func(n int)) {
	var all sync.WaitGroup
	gate := make(chan struct{})
	for n := range runners {
		all.Go(func() {
			<-gate
			do(n)
		})
	}
	close(gate)
	all.Wait()
}

// steps is a queue that only keeps.
type steps struct{}

func (steps) Enqueue(ctx context.Context, tx *sqldb.Tx, step core.Step, due time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO steps (kind, generation, due) VALUES ($1, $2, $3)`,
		string(step.Kind), string(step.Generation), due.UnixMilli())
	return err
}

func (steps) Waiting(ctx context.Context, tx *sqldb.Tx) (waiting int, err error) {
	err = tx.QueryRowContext(ctx, `SELECT count(*) FROM steps WHERE kind = 'render' AND due <= $1`, time.Now().UnixMilli()).Scan(&waiting)
	return waiting, err
}
