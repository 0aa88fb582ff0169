package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"imaginebot/core"
	"imaginebot/core/sqldb"
	"imaginebot/core/store/rows"
)

//go:generate sqlc generate

//go:embed migrations/*.sql
var embedded embed.FS

// Migrations are the store's tables, for sqldb.Migrate and sqldb.Inspect.
var Migrations = migrations()

func migrations() fs.FS {
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic("embedded migrations: " + err.Error()) // a broken build: every test would see it
	}
	return files
}

// enqueuer is the queue, as the store needs it: it joins the store's transactions.
type enqueuer interface {
	Enqueue(ctx context.Context, tx *sqldb.Tx, step core.Step, due time.Time) error
	// Waiting counts the StepRenders that wait for a worker.
	Waiting(ctx context.Context, tx *sqldb.Tx) (int, error)
}

// Store is core.Store in SQL. It is safe for concurrent use.
type Store struct {
	db    *sqldb.DB
	queue enqueuer
}

// New makes a Store on a database that is migrated before the Store is used.
func New(db *sqldb.DB, queue enqueuer) *Store { return &Store{db, queue} }

// InTx implements core.Store. do runs again when the database gave the transaction up
// for another's sake.
func (s *Store) InTx(ctx context.Context, do func(ctx context.Context, tx core.Tx) error) error {
	return s.db.InTx(ctx, func(ctx context.Context, on *sqldb.Tx) error {
		return do(ctx, &tx{on: on, rows: rows.New(on), queue: s.queue, kept: map[core.GenerationID]changeable{}})
	})
}

// read is for reading outside transactions.
func (s *Store) read() *rows.Queries { return rows.New(s.db.Read()) }

// Generation implements core.Store.
func (s *Store) Generation(ctx context.Context, id core.GenerationID) (core.Generation, error) {
	return whole(ctx, s.read(), id)
}

// Usage implements core.Store.
func (s *Store) Usage(ctx context.Context, user core.UserID, now time.Time) (core.AccountID, core.Usage, error) {
	read := s.read()
	account, err := read.AccountOf(ctx, user.String())
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", core.Usage{}, fmt.Errorf("read account: %w", err)
	}
	day, month := core.Day(now), core.Month(now)
	tallies, err := read.Tallies(ctx, rows.TalliesParams{Account: account, Bot: botScope, Day: day, Month: month})
	if err != nil {
		return "", core.Usage{}, fmt.Errorf("read usage: %w", err)
	}
	usage, err := usageOf(ctx, read, account, tallies)
	return core.AccountID(account), usage, err
}

// NewestImage implements core.Store.
func (s *Store) NewestImage(ctx context.Context, account core.AccountID, place string, private bool) (core.Image, error) {
	read := s.read()
	id, err := read.Newest(ctx, rows.NewestParams{AccountID: string(account), Place: place, Private: private})
	if err != nil {
		return core.Image{}, fmt.Errorf("read newest picture: %w", orNotFound(err))
	}
	g, err := whole(ctx, read, core.GenerationID(id))
	if err != nil {
		return core.Image{}, err
	}
	image, _ := newest(g)
	if image == nil { // deleted meanwhile
		return core.Image{}, &core.Error{Kind: core.NotFound}
	}
	return *image, nil
}

// Unfinished implements core.Store.
func (s *Store) Unfinished(ctx context.Context, account core.AccountID) ([]core.GenerationID, error) {
	return listed(s.read().Unfinished(ctx, string(account)))
}

// Kept implements core.Store.
func (s *Store) Kept(ctx context.Context, account core.AccountID) ([]core.GenerationID, error) {
	return listed(s.read().Kept(ctx, string(account)))
}

// Orphans implements core.Store.
func (s *Store) Orphans(ctx context.Context) ([]core.GenerationID, error) {
	return listed(s.read().Orphans(ctx))
}

// Overdue implements core.Store.
func (s *Store) Overdue(ctx context.Context, before time.Time) ([]core.GenerationID, error) {
	return listed(s.read().Overdue(ctx, millis(before)))
}

// Untold implements core.Store.
func (s *Store) Untold(ctx context.Context, before time.Time) ([]core.GenerationID, error) {
	return listed(s.read().Untold(ctx, millis(before)))
}

// Spoiled implements core.Store.
func (s *Store) Spoiled(ctx context.Context, inputs, results time.Time) ([]core.GenerationID, error) {
	return listed(s.read().Spoiled(ctx, rows.SpoiledParams{Inputs: millis(inputs), Results: millis(results)}))
}

func listed(found []string, err error) ([]core.GenerationID, error) {
	if err != nil {
		return nil, fmt.Errorf("list generations: %w", err)
	}
	ids := make([]core.GenerationID, len(found))
	for i, id := range found {
		ids[i] = core.GenerationID(id)
	}
	return ids, nil
}

// Note implements core.Store.
func (s *Store) Note(ctx context.Context, key string) (string, error) {
	value, err := s.read().Note(ctx, rows.NoteParams{Key: key, Now: millis(time.Now())})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read note: %w", err)
	}
	return value, nil
}

// PutNote implements core.Store. It clears away the notes whose time is up.
func (s *Store) PutNote(ctx context.Context, key, value string, expires time.Time) error {
	err := s.db.InTx(ctx, func(ctx context.Context, on *sqldb.Tx) error {
		write := rows.New(on)
		if err := write.DropNotes(ctx, millis(time.Now())); err != nil {
			return err
		}
		return write.PutNote(ctx, rows.PutNoteParams{Key: key, Value: value, ExpiresAt: millis(expires)})
	})
	if err != nil {
		return fmt.Errorf("write note: %w", err)
	}
	return nil
}

// orNotFound makes a missing row the error that core knows.
func orNotFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return &core.Error{Kind: core.NotFound}
	}
	return err
}
