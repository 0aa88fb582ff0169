package jobs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"imaginebot/core"
	"imaginebot/core/sqldb"
	"imaginebot/core/sqldb/sqldbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noTables = fstest.MapFS{"00001_none.sql": {Data: []byte("-- +goose Up\nSELECT 1;\n")}}

func opened(tb testing.TB, url string) *sqldb.DB {
	tb.Helper()
	db, err := sqldb.Open(tb.Context(), sqldb.Settings{URL: url, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	if err := sqldb.Migrate(tb.Context(), db, noTables); err != nil {
		tb.Fatal(err)
	}
	return db
}

func queueOn(tb testing.TB, db *sqldb.DB) *Queue {
	tb.Helper()
	queue, err := New(Settings{DB: db, Workers: 8, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	return queue
}

// running works steps until stop is called, which returns what Run returned.
func running(tb testing.TB, queue *Queue, work func(context.Context, core.Step) error) (stop func() error) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan error, 1)
	go func() { done <- queue.Run(ctx, work) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	tb.Cleanup(func() { stop() })
	return stop
}

func enqueue(tb testing.TB, db *sqldb.DB, queue *Queue, due time.Time, steps ...core.Step) {
	tb.Helper()
	err := db.InTx(tb.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
		for _, step := range steps {
			if err := queue.Enqueue(ctx, tx, step, due); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}

func deliverSteps(n int) []core.Step {
	steps := make([]core.Step, n)
	for i := range steps {
		steps[i] = core.Step{Kind: core.StepDeliver, Generation: core.GenerationOf(core.EventKey(rune('a' + i)))}
	}
	return steps
}

func TestStepsAreWorkedOnceIfTheirTransactionCommits(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := opened(t, url)
		queue := queueOn(t, db)
		steps := deliverSteps(20)
		fault := errors.New("rolled back")
		err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			if err := queue.Enqueue(ctx, tx, core.Step{Kind: core.StepDeliver, Generation: "rolledback00"}, time.Now()); err != nil {
				return err
			}
			return fault
		})
		if !errors.Is(err, fault) {
			t.Fatal(err)
		}
		enqueue(t, db, queue, time.Now(), steps...)
		worked := make(chan core.Step, 100)
		work := func(_ context.Context, step core.Step) error { worked <- step; return nil }
		stop := running(t, queue, work)
		stopOther := stop
		if db.Dialect() == sqldb.PostgreSQL {
			stopOther = running(t, queueOn(t, db), work)
		}
		var got []core.Step
		for range steps {
			select {
			case step := <-worked:
				got = append(got, step)
			case <-time.After(20 * time.Second):
				t.Fatalf("%d of %d steps were worked", len(got), len(steps))
			}
		}
		if err := errors.Join(stop(), stopOther()); err != nil {
			t.Fatal(err)
		}
		close(worked)
		for step := range worked {
			t.Errorf("%v was worked a second time, or although it was rolled back", step)
		}
		for _, step := range steps {
			if !slices.Contains(got, step) {
				t.Errorf("%v was not worked", step)
			}
		}
	})
}

func TestAStepThatFailsIsTriedAgain(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := opened(t, url)
		queue := queueOn(t, db)
		tries := make(chan struct{}, 10)
		running(t, queue, func(context.Context, core.Step) error {
			tries <- struct{}{}
			if len(tries) == 1 {
				return errors.New("the store did not answer")
			}
			return nil
		})
		enqueue(t, db, queue, time.Now(), core.Step{Kind: core.StepRender})
		deadline := time.After(30 * time.Second)
		for len(tries) < 2 {
			select {
			case <-deadline:
				t.Fatal("it was tried once")
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
}

func TestOnlyStepsThatAreDueCountAsWaiting(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := opened(t, url)
		queue := queueOn(t, db)
		render := core.Step{Kind: core.StepRender}
		enqueue(t, db, queue, time.Now(), render, render, core.Step{Kind: core.StepDeliver, Generation: "aaaaaaaaaaaa"})
		enqueue(t, db, queue, time.Now().Add(time.Hour), render)
		var waiting int
		err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) (err error) {
			waiting, err = queue.Waiting(ctx, tx)
			return err
		})
		if err != nil || waiting != 2 {
			t.Errorf("waiting are %d (%v), want 2", waiting, err)
		}
	})
}

// A process that died in the middle of a step leaves it running for ever; on SQLite the
// next start drops it, because the studio makes the steps that are needed.
func TestRecoverDropsWhatTheDeadWereRunning(t *testing.T) {
	db := opened(t, sqldbtest.SQLite(t))
	queue := queueOn(t, db)
	enqueue(t, db, queue, time.Now(), core.Step{Kind: core.StepRender}, core.Step{Kind: core.StepRender})
	set := func(query string) {
		t.Helper()
		err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := tx.ExecContext(ctx, query)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	set(`UPDATE river_job SET state = 'running' WHERE id = (SELECT MIN(id) FROM river_job)`)
	set(`INSERT INTO river_leader (leader_id, elected_at, expires_at, name) VALUES ('dead', CURRENT_TIMESTAMP, '2999-01-01 00:00:00', 'default')`)
	if err := queue.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	var jobs, leaders int
	if err := db.Read().QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM river_job), (SELECT COUNT(*) FROM river_leader)`).Scan(&jobs, &leaders); err != nil {
		t.Fatal(err)
	}
	if jobs != 1 || leaders != 0 {
		t.Errorf("%d steps and %d leaders are left, want 1 and 0", jobs, leaders)
	}
}

func TestStopWaitsForARunningStep(t *testing.T) {
	db := opened(t, sqldbtest.SQLite(t))
	queue := queueOn(t, db)
	begun, end := make(chan struct{}), make(chan struct{})
	ended := false
	stop := running(t, queue, func(ctx context.Context, _ core.Step) error {
		close(begun)
		select {
		case <-end:
			ended = true
		case <-ctx.Done():
		}
		return nil
	})
	enqueue(t, db, queue, time.Now(), core.Step{Kind: core.StepRender})
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	select {
	case <-stopped:
		t.Fatal("it stopped in the middle of a step")
	case <-time.After(200 * time.Millisecond):
	}
	close(end)
	if err := <-stopped; err != nil || !ended {
		t.Errorf("stopped with %v, step ended: %v", err, ended)
	}
}

// BenchmarkPickUp is the time from a commit to the step's start:
//
//	go test -run - -bench PickUp ./core/jobs
func BenchmarkPickUp(b *testing.B) {
	for name, database := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.PostgreSQL} {
		b.Run(name, func(b *testing.B) {
			db := opened(b, database(b))
			queue := queueOn(b, db)
			started := make(chan time.Time)
			stop := running(b, queue, func(context.Context, core.Step) error { started <- time.Now(); return nil })
			var waits []time.Duration
			for b.Loop() {
				enqueue(b, db, queue, time.Now(), core.Step{Kind: core.StepRender})
				committed := time.Now()
				waits = append(waits, (<-started).Sub(committed))
			}
			stop()
			slices.Sort(waits)
			b.ReportMetric(float64(waits[len(waits)/2].Microseconds())/1000, "ms-p50")
			b.ReportMetric(float64(waits[len(waits)*95/100].Microseconds())/1000, "ms-p95")
		})
	}
}
