package sqldb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// defaultMaxConns is explained at Settings.MaxConns.
const defaultMaxConns = 16

// openPostgreSQL makes the pool and database/sql's view of it. Connections are
// made when they are needed.
func (db *DB) openPostgreSQL(ctx context.Context, address string, maxConns int, readOnly bool) error {
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		// pgx masks passwords as well as it can, which it says is not always.
		return fmt.Errorf("%w: the postgres URL cannot be read; percent-encode @ : / ? # %% in user and password, and check the parameters", ErrURL)
	}
	switch {
	case maxConns > 0:
		config.MaxConns = int32(maxConns)
	case !strings.Contains(address, "pool_max_conns="):
		config.MaxConns = defaultMaxConns
	}
	if readOnly {
		// A statement, not a startup parameter: connection poolers refuse those.
		config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `SET default_transaction_read_only = on`)
			return err
		}
	}
	db.pool, err = pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	db.writer = stdlib.OpenDBFromPool(db.pool)
	db.reader = db.writer
	return nil
}

// postgresConflict reports whether PostgreSQL gave one of two transactions up
// for the other's sake, see https://www.postgresql.org/docs/current/errcodes-appendix.html
func postgresConflict(err error) bool {
	const serializationFailure, deadlockDetected = "40001", "40P01"
	var failed *pgconn.PgError
	return errors.As(err, &failed) && (failed.Code == serializationFailure || failed.Code == deadlockDetected)
}
