package sqldb_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"imaginebot/core/sqldb"
	"imaginebot/core/sqldb/sqldbtest"
)

func inspect(t *testing.T, db *sqldb.DB, files fs.FS) sqldb.Schema {
	t.Helper()
	schema, err := sqldb.Inspect(t.Context(), db, files)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestMigrate(t *testing.T) {
	first := fstest.MapFS{"00001_account.sql": files["00001_account.sql"]}
	sqldbtest.Each(t, func(t *testing.T, url string) {
		messages := make(warned, 10)
		db := openWith(t, sqldb.Settings{URL: url, Log: slog.New(messages)})
		queue := inspect(t, db, files).QueueLatest
		if queue < 7 {
			t.Errorf("River brings schema %d", queue)
		}
		steps := []struct {
			files          fs.FS
			before, after  sqldb.Schema
			pending, newer bool
			err            error
		}{
			{files: first, pending: true,
				before: sqldb.Schema{StoreLatest: 1, QueueLatest: queue},
				after:  sqldb.Schema{Store: 1, StoreLatest: 1, Queue: queue, QueueLatest: queue}},
			{files: files, pending: true,
				before: sqldb.Schema{Store: 1, StoreLatest: 2, Queue: queue, QueueLatest: queue},
				after:  sqldb.Schema{Store: 2, StoreLatest: 2, Queue: queue, QueueLatest: queue}},
			{files: files,
				before: sqldb.Schema{Store: 2, StoreLatest: 2, Queue: queue, QueueLatest: queue},
				after:  sqldb.Schema{Store: 2, StoreLatest: 2, Queue: queue, QueueLatest: queue}},
			{files: first, newer: true, err: sqldb.ErrNewerSchema,
				before: sqldb.Schema{Store: 2, StoreLatest: 1, Queue: queue, QueueLatest: queue},
				after:  sqldb.Schema{Store: 2, StoreLatest: 1, Queue: queue, QueueLatest: queue}},
		}
		for i, step := range steps {
			before := inspect(t, db, step.files)
			if diff := cmp.Diff(step.before, before); diff != "" {
				t.Errorf("step %d before (-want +got):\n%s", i, diff)
			}
			if before.Pending() != step.pending || before.Newer() != step.newer {
				t.Errorf("step %d: pending %v, newer %v", i, before.Pending(), before.Newer())
			}
			if err := sqldb.Migrate(t.Context(), db, step.files); !errors.Is(err, step.err) {
				t.Fatalf("step %d: %v, want %v", i, err, step.err)
			}
			if diff := cmp.Diff(step.after, inspect(t, db, step.files)); diff != "" {
				t.Errorf("step %d after (-want +got):\n%s", i, diff)
			}
		}
		if len(messages) != 2 {
			t.Errorf("%d log messages, want one for each of the two migrations", len(messages))
		}
		wantUsable(t, db)
	})
}

func TestMigrateRefusesNewerQueue(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE river_migration SET version = 1000 WHERE version = 7`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := sqldb.Migrate(t.Context(), db, files); !errors.Is(err, sqldb.ErrNewerSchema) {
			t.Errorf("err = %v, want ErrNewerSchema", err)
		}
	})
}

func TestMigrateLeavesNoHalfAppliedFile(t *testing.T) {
	broken := fstest.MapFS{"00001_account.sql": files["00001_account.sql"], "00002_generation.sql": {Data: []byte(`-- +goose Up
CREATE TABLE generation (id TEXT PRIMARY KEY);
INSERT INTO nowhere VALUES (1);
`)}}
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := open(t, url)
		err := sqldb.Migrate(t.Context(), db, broken)
		if err == nil || !strings.Contains(err.Error(), "version:2") {
			t.Fatalf("err = %v, want the file's version", err)
		}
		if got := inspect(t, db, files); got.Store != 1 || !got.Pending() {
			t.Errorf("after a broken file: %+v", got)
		}
		if err := sqldb.Migrate(t.Context(), db, files); err != nil {
			t.Errorf("with the file mended: %v", err)
		}
	})
}

// Each of River's files is a transaction of its own, so a crash can leave any of them the last.
func TestMigrateGoesOnBetweenRiversFiles(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := open(t, url)
		var err error
		options := &rivermigrate.MigrateOpts{MaxSteps: 1}
		config := &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)}
		for version := int64(1); ; version++ {
			if db.Dialect() == sqldb.SQLite {
				err = riverStep(t.Context(), riversqlite.New(db.Writer()), config, options)
			} else {
				err = riverStep(t.Context(), riverpgxv5.New(db.Pool()), config, options)
			}
			if err != nil {
				t.Fatal(err)
			}
			got := inspect(t, db, files)
			if got.Queue != version {
				t.Fatalf("queue schema %d, want %d", got.Queue, version)
			}
			if version == 4 { // the last before River's table changes its shape
				break
			}
		}
		if err := sqldb.Migrate(t.Context(), db, files); err != nil {
			t.Error(err)
		}
		if got := inspect(t, db, files); got.Pending() {
			t.Errorf("schema %+v", got)
		}
	})
}

func riverStep[T any](ctx context.Context, driver riverdriver.Driver[T], config *rivermigrate.Config, options *rivermigrate.MigrateOpts) error {
	migrator, err := rivermigrate.New(driver, config)
	if err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, options)
	return err
}

func TestInspectReadOnly(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := open(t, url)
		look := func() sqldb.Schema {
			looking, err := sqldb.OpenReadOnly(t.Context(), sqldb.Settings{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			defer looking.Close()
			return inspect(t, looking, files)
		}
		if got := look(); got.Store != 0 || got.Queue != 0 || !got.Pending() {
			t.Errorf("empty database: %+v", got)
		}
		if err := sqldb.Migrate(t.Context(), db, files); err != nil {
			t.Fatal(err)
		}
		if got := look(); got.Store != 2 || got.Pending() || got.Newer() {
			t.Errorf("migrated database: %+v", got)
		}
	})
}

// Several processes start together on one empty PostgreSQL database. Each of the
// pools stands for a process, and one connection a pool shows that waiting for
// the lock takes none of it.
func TestMigrateFromSeveralProcesses(t *testing.T) {
	url := sqldbtest.PostgreSQL(t)
	const processes = 4
	start := make(chan struct{})
	var ended sync.WaitGroup
	for range processes {
		db := openWith(t, sqldb.Settings{URL: url, MaxConns: 1})
		ended.Go(func() {
			<-start
			if err := sqldb.Migrate(t.Context(), db, files); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	ended.Wait()
	db := open(t, url)
	if got := inspect(t, db, files); got.Pending() || got.Newer() {
		t.Errorf("schema %+v", got)
	}
	wantUsable(t, db)
}

func TestMigrateStopsWaitingForTheLock(t *testing.T) {
	url := sqldbtest.PostgreSQL(t)
	db := open(t, url)
	other, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.WithoutCancel(t.Context()))
	if _, err := other.Exec(t.Context(), `SELECT pg_advisory_lock(x'696d6167696e65'::bigint)`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	if err := sqldb.Migrate(ctx, db, files); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v, want that the time is over", err)
	}
	if got := inspect(t, db, files); got.Store != 0 {
		t.Errorf("migrated without the lock: %+v", got)
	}
}
