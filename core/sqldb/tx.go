package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// attempts of a transaction that meets another one; the pauses between them
	// sum up to a third of a second, longer than our transactions take.
	attempts = 5
	// endLimit bounds a commit or rollback on PostgreSQL, which the caller's
	// context does not: an interrupted commit would leave its outcome unknown.
	endLimit = 10 * time.Second
)

var errNested = errors.New("transaction inside a transaction")

// InTx runs fn in a transaction: committed when fn returns nil, rolled back when
// it returns an error, panics, or when ctx ends first. fn may run several times,
// see the package's documentation; it must use the context and the transaction
// it is given and nothing else of the database. InTx waits for the database as
// long as ctx allows.
func (db *DB) InTx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	if ctx.Value(inside{db}) != nil {
		return errNested
	}
	for attempt := 1; ; attempt++ {
		again, err := db.attempt(ctx, fn)
		if !again || attempt == attempts {
			return err
		}
		db.log.WarnContext(ctx, "transaction runs again", "attempt", attempt, "err", err)
		pause := time.NewTimer(time.Duration(rand.Int64N(int64(20*time.Millisecond) << attempt)))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// inside marks the context of a transaction of a database.
type inside struct{ db *DB }

// attempt runs fn once and says whether running it again may help.
func (db *DB) attempt(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) (again bool, err error) {
	ctx, cancel := context.WithCancel(context.WithValue(ctx, inside{db}, true))
	defer cancel()
	tx, err := db.begin(ctx)
	if err != nil {
		return conflict(err), fmt.Errorf("begin transaction: %w", err)
	}
	defer tx.end(ctx, cancel)

	err = fn(ctx, tx)
	switch {
	case ctx.Err() != nil && err == nil:
		err = context.Cause(ctx)
	case ctx.Err() != nil && !errors.Is(err, ctx.Err()):
		// The drivers speak of a bad connection or a finished transaction.
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	case err == nil && tx.failed != nil:
		err = fmt.Errorf("commit after a failed statement: %w", tx.failed)
	case err == nil:
		if err = tx.commit(ctx); err != nil {
			err = fmt.Errorf("commit transaction: %w", err)
		}
	}
	return conflict(err) || conflict(tx.failed), err
}

func conflict(err error) bool { return postgresConflict(err) || sqliteBusy(err) }

// Tx is a transaction under way. It belongs to one goroutine and to the function
// given to InTx, and satisfies Querier.
type Tx struct {
	on     Querier
	failed error // the first statement that failed

	sql  *sql.Tx   // SQLite's
	conn *sql.Conn // PostgreSQL's connection, pinned
	pgx  pgx.Tx    // the transaction begun on it
}

// SQL is the transaction for River's SQLite driver; nil on PostgreSQL.
func (tx *Tx) SQL() *sql.Tx { return tx.sql }

// Pgx is the transaction for River's pgx driver; nil on SQLite.
func (tx *Tx) Pgx() pgx.Tx { return tx.pgx }

// ExecContext runs a statement that returns no rows.
func (tx *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	result, err := tx.on.ExecContext(ctx, query, args...)
	tx.note(err)
	return result, err
}

// PrepareContext prepares a statement, which ends with the transaction.
func (tx *Tx) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	statement, err := tx.on.PrepareContext(ctx, query)
	tx.note(err)
	return statement, err
}

// QueryContext runs a query. Its rows have to be closed before the next
// statement and before the transaction ends.
func (tx *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := tx.on.QueryContext(ctx, query, args...)
	tx.note(err)
	return rows, err
}

// QueryRowContext runs a query for at most one row.
func (tx *Tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	row := tx.on.QueryRowContext(ctx, query, args...)
	tx.note(row.Err())
	return row
}

// note ends the transaction with its first failed statement. PostgreSQL does so
// itself. SQLite would go on after most failures, and after some (a full disk,
// an interrupt) has already rolled back and would commit what follows one by one.
func (tx *Tx) note(err error) {
	if err == nil || tx.failed != nil {
		return
	}
	tx.failed = err
	if tx.sql != nil {
		// What fails here has been rolled back already.
		_ = tx.sql.Rollback()
	}
}

func (db *DB) begin(ctx context.Context) (*Tx, error) {
	if db.pool == nil {
		tx, err := db.writer.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		return &Tx{on: tx, sql: tx}, nil
	}
	conn, err := db.writer.Conn(ctx)
	if err != nil {
		return nil, err
	}
	tx := &Tx{on: conn, conn: conn}
	err = conn.Raw(func(driver any) (err error) {
		tx.pgx, err = driver.(*stdlib.Conn).Conn().Begin(ctx)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return tx, nil
}

func (tx *Tx) commit(ctx context.Context) error {
	if tx.sql != nil {
		return tx.sql.Commit()
	}
	return tx.onPinned(ctx, tx.pgx.Commit)
}

// end rolls back what was not committed and gives the connection back. Errors
// say that there was nothing left to roll back, or that the connection is
// broken: then pgx closes it and the pool drops it, and with it the transaction.
func (tx *Tx) end(ctx context.Context, cancel context.CancelFunc) {
	if tx.sql != nil {
		_ = tx.sql.Rollback()
		return
	}
	_ = tx.onPinned(ctx, tx.pgx.Rollback)
	// Rows that fn forgot hold the connection until their context ends.
	cancel()
	_ = tx.conn.Close()
}

// onPinned ends the PostgreSQL transaction if its connection is still ours: when
// a context ends, database/sql may have thrown the connection away, and then
// nobody may touch it any more. Raw knows, and keeps others off meanwhile.
func (tx *Tx) onPinned(ctx context.Context, end func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
	defer cancel()
	return tx.conn.Raw(func(any) error { return end(ctx) })
}
