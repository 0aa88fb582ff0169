package sqldb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// ErrNewerSchema means that a newer release has migrated the database: this one
// would misread it.
var ErrNewerSchema = errors.New("the database was migrated by a newer release")

// Schema says how far a database is migrated: the store's files and River's,
// each as what the database has (0 for nothing) and what this program brings.
type Schema struct {
	Store, StoreLatest int64
	Queue, QueueLatest int64
}

// Pending reports whether Migrate would change the database.
func (s Schema) Pending() bool { return s.Store < s.StoreLatest || s.Queue < s.QueueLatest }

// Newer reports whether the database is ahead of this program.
func (s Schema) Newer() bool { return s.Store > s.StoreLatest || s.Queue > s.QueueLatest }

// Migrate brings the database to the schema this program knows: first the
// store's files, goose's SQL files at the root of files, one text for both
// kinds of database; then River's tables. Processes that start together do it
// one after the other, each file is applied in a transaction of its own. It
// returns an error that wraps ErrNewerSchema, and changes nothing, when the
// database is ahead of this program.
func Migrate(ctx context.Context, db *DB, files fs.FS) error {
	if db.pool != nil {
		unlock, err := db.lockMigrations(ctx)
		if err != nil {
			return fmt.Errorf("wait for another process's migration: %w", err)
		}
		defer unlock()
	}
	schema, err := Inspect(ctx, db, files)
	if err != nil {
		return err
	}
	if schema.Newer() {
		return fmt.Errorf("%w: it has schema %d and queue schema %d, this release knows %d and %d",
			ErrNewerSchema, schema.Store, schema.Queue, schema.StoreLatest, schema.QueueLatest)
	}
	if !schema.Pending() {
		return nil
	}
	start := time.Now()
	store, err := db.storeFiles(files)
	if err != nil {
		return err
	}
	if _, err := store.Up(ctx); err != nil {
		return fmt.Errorf("migrate the store's tables: %w", err)
	}
	queue, err := db.queueFiles()
	if err != nil {
		return err
	}
	if err := queue.up(ctx); err != nil {
		return fmt.Errorf("migrate the queue's tables: %w", err)
	}
	db.log.InfoContext(ctx, "database migrated", "ms", time.Since(start).Milliseconds())
	return nil
}

// Inspect reports how far the database is migrated. It only reads.
func Inspect(ctx context.Context, db *DB, files fs.FS) (Schema, error) {
	var schema Schema
	store, err := db.storeFiles(files)
	if err != nil {
		return schema, err
	}
	sources := store.ListSources()
	schema.StoreLatest = sources[len(sources)-1].Version
	queue, err := db.queueFiles()
	if err != nil {
		return schema, err
	}
	schema.QueueLatest = queue.latest

	schema.Store, err = db.version(ctx, goose.DefaultTablename, `SELECT max(version_id) FROM goose_db_version WHERE is_applied`)
	if err != nil {
		return schema, fmt.Errorf("read the schema's version: %w", err)
	}
	// Early versions of the table have no column for the line, and we use one line only.
	schema.Queue, err = db.version(ctx, "river_migration", `SELECT max(version) FROM river_migration`)
	if err != nil {
		return schema, fmt.Errorf("read the queue schema's version: %w", err)
	}
	return schema, nil
}

// version reads a version out of a table that need not exist yet.
func (db *DB) version(ctx context.Context, table, query string) (int64, error) {
	exists := `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = $1`
	if db.dialect == PostgreSQL {
		exists = `SELECT count(*) FROM pg_class WHERE oid = to_regclass($1)`
	}
	var tables int
	if err := db.reader.QueryRowContext(ctx, exists, table).Scan(&tables); err != nil || tables == 0 {
		return 0, err
	}
	var version *int64 // NULL while the table is empty
	if err := db.reader.QueryRowContext(ctx, query).Scan(&version); err != nil || version == nil {
		return 0, err
	}
	return *version, nil
}

// storeFiles reads the store's migrations.
func (db *DB) storeFiles(files fs.FS) (*goose.Provider, error) {
	dialect := goose.DialectSQLite3
	if db.dialect == PostgreSQL {
		dialect = goose.DialectPostgres
	}
	provider, err := goose.NewProvider(dialect, db.writer, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, fmt.Errorf("read the store's migrations: %w", err)
	}
	return provider, nil
}

// queueFiles are River's own migrations for this kind of database.
func (db *DB) queueFiles() (queueMigrations, error) {
	config := &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)}
	if db.pool != nil {
		return describe(rivermigrate.New(riverpgxv5.New(db.pool), config))
	}
	return describe(rivermigrate.New(riversqlite.New(db.writer), config))
}

type queueMigrations struct {
	latest int64
	up     func(context.Context) error
}

func describe[Tx any](migrator *rivermigrate.Migrator[Tx], err error) (queueMigrations, error) {
	if err != nil {
		return queueMigrations{}, fmt.Errorf("read the queue's migrations: %w", err)
	}
	versions := migrator.AllVersions()
	return queueMigrations{
		latest: int64(versions[len(versions)-1].Version),
		up: func(ctx context.Context) error {
			_, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
			return err
		},
	}, nil
}

const (
	// migrationLock is the number all our processes agree on ("imagine" in ASCII).
	migrationLock int64 = 0x696d6167696e65
	// migrationPoll is how often a waiting process looks again.
	migrationPoll = 100 * time.Millisecond
)

// lockMigrations waits for the advisory lock, on a connection of its own that
// holds it until unlock or the end of the process. It asks again and again
// instead of waiting inside PostgreSQL, because a waiting statement would hold
// up the very migration it waits for, if that builds an index concurrently.
func (db *DB) lockMigrations(ctx context.Context) (unlock func(), err error) {
	conn, err := pgx.ConnectConfig(ctx, db.pool.Config().ConnConfig)
	if err != nil {
		return nil, err
	}
	unlock = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
		defer cancel()
		_ = conn.Close(ctx)
	}
	poll := time.NewTicker(migrationPoll)
	defer poll.Stop()
	for {
		var locked bool
		if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, migrationLock).Scan(&locked); err != nil {
			unlock()
			return nil, err
		}
		if locked {
			return unlock, nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			unlock()
			return nil, context.Cause(ctx)
		}
	}
}
