package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"

	"imaginebot/core"
	"imaginebot/core/sqldb"
)

// Times of the queue.
const (
	fetchCooldown  = 20 * time.Millisecond // River's default of 100 ms gives waits over 500 ms
	pollSQLite     = 25 * time.Millisecond // nobody tells a poller on SQLite that there is work
	pollPostgreSQL = 50 * time.Millisecond // River notifies at most once in a fetchCooldown; the rest is found by polling
	stepTimeout    = 20 * time.Minute      // longer than any rendering and its delivery may take
	rescueAfter    = 30 * time.Minute      // River demands more than stepTimeout
	keepDone       = 10 * time.Minute      // rows of finished steps
	attempts       = 10
	longestRetry   = 30 * time.Second
	// stopWithin is how long running steps may go on once the queue is told to stop.
	stopWithin = 15 * time.Second
	// cancelled steps have this long to store what they know.
	lastWords = 4 * time.Second
)

// Settings of a Queue.
type Settings struct {
	DB      *sqldb.DB
	Workers int // pictures rendered at once, and as many deliveries
	Log     *slog.Logger
}

// Queue keeps steps until they are worked. It is safe for concurrent use.
type Queue struct {
	settings Settings
	river    client
	work     atomic.Pointer[func(context.Context, core.Step) error]
}

// client is River's, whichever database it is for.
type client interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	insert(ctx context.Context, tx *sqldb.Tx, args stepArgs, opts *river.InsertOpts) error
}

// stepArgs is a step as River stores it.
type stepArgs struct {
	Step       core.StepKind     `json:"step"`
	Generation core.GenerationID `json:"generation,omitempty"`
}

// Kind is the name under which River knows steps; it stands in the database.
func (stepArgs) Kind() string { return "step" }

// New makes a Queue. Steps can be enqueued at once; they are worked while Run runs.
func New(settings Settings) (*Queue, error) {
	q := &Queue{settings: settings}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{queue: q}); err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	config := &river.Config{
		CompletedJobRetentionPeriod: keepDone,
		DiscardedJobRetentionPeriod: keepDone,
		FetchCooldown:               fetchCooldown,
		FetchPollInterval:           pollPostgreSQL,
		JobTimeout:                  stepTimeout,
		Logger:                      slog.New(quiet{settings.Log.Handler()}),
		MaxAttempts:                 attempts,
		RescueStuckJobsAfter:        rescueAfter,
		RetryPolicy:                 retry{},
		SoftStopTimeout:             stopWithin,
		Queues: map[string]river.QueueConfig{
			string(core.StepRender):  {MaxWorkers: settings.Workers},
			string(core.StepDeliver): {MaxWorkers: settings.Workers},
		},
		Workers: workers,
	}
	var err error
	if settings.DB.Dialect() == sqldb.SQLite {
		config.FetchPollInterval = pollSQLite
		q.river, err = open(riversqlite.New(settings.DB.Writer()), config, func(tx *sqldb.Tx) *sql.Tx { return tx.SQL() })
	} else {
		q.river, err = open(riverpgxv5.New(settings.DB.Pool()), config, func(tx *sqldb.Tx) pgx.Tx { return tx.Pgx() })
	}
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	return q, nil
}

// Enqueue makes a step due at a moment, if tx commits.
func (q *Queue) Enqueue(ctx context.Context, tx *sqldb.Tx, step core.Step, due time.Time) error {
	opts := &river.InsertOpts{Queue: string(step.Kind)}
	if due.After(time.Now()) {
		opts.ScheduledAt = due
	}
	if err := q.river.insert(ctx, tx, stepArgs{step.Kind, step.Generation}, opts); err != nil {
		return fmt.Errorf("enqueue %s: %w", step.Kind, err)
	}
	return nil
}

// Waiting counts the render steps that a worker may take at once. Those that are
// running are not among them: they have found their take already, or are about to.
func (q *Queue) Waiting(ctx context.Context, tx *sqldb.Tx) (int, error) {
	var waiting int
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM river_job WHERE state = 'available' AND queue = $1`, string(core.StepRender)).Scan(&waiting)
	return waiting, err
}

// Recover frees what a crash has left of the queue. On SQLite this process is the only one,
// so whatever is running or leading belongs to the dead. On PostgreSQL a leader's
// lease ends by itself, and a step that died with its process is replaced by the studio.
func (q *Queue) Recover(ctx context.Context) error {
	if q.settings.DB.Dialect() != sqldb.SQLite {
		return nil
	}
	err := q.settings.DB.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM river_leader`); err != nil {
			return err
		}
		// The studio gives every take that needs one a new step.
		_, err := tx.ExecContext(ctx, `DELETE FROM river_job WHERE state = 'running'`)
		return err
	})
	if err != nil {
		return fmt.Errorf("recover the queue: %w", err)
	}
	return nil
}

// Run works steps until ctx ends. Then it takes up no more, gives the running ones 15 s,
// cancels those that are left and returns when they have said what they know.
func (q *Queue) Run(ctx context.Context, work func(context.Context, core.Step) error) error {
	q.work.Store(&work)
	if err := q.river.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the queue: %w", err)
	}
	<-ctx.Done()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin+lastWords)
	defer cancel()
	if err := q.river.Stop(stopping); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("stop the queue: %w", err)
	}
	return nil
}

// worker hands River's jobs to the studio.
type worker struct {
	river.WorkerDefaults[stepArgs]
	queue *Queue
}

func (w *worker) Work(ctx context.Context, job *river.Job[stepArgs]) error {
	work := *w.queue.work.Load()
	return work(ctx, core.Step{Kind: job.Args.Step, Generation: job.Args.Generation})
}

// retry waits 1, 2, 4 … seconds: River's own policy waits hours after a few failures.
type retry struct{}

func (retry) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(min(time.Second<<min(len(job.Errors), 10), longestRetry))
}
