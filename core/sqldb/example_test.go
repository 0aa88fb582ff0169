package sqldb_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing/fstest"

	"imaginebot/core/sqldb"
)

// One text locks an account's row on both databases: write it before reading
// what depends on it.
func ExampleDB_InTx() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "sqldb")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	db, err := sqldb.Open(ctx, sqldb.Settings{URL: "sqlite:" + filepath.Join(folder, "example.db")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	err = sqldb.Migrate(ctx, db, fstest.MapFS{"00001_account.sql": {Data: []byte(`-- +goose Up
CREATE TABLE account (id TEXT PRIMARY KEY, used BIGINT NOT NULL);`)}})
	if err != nil {
		fmt.Println(err)
		return
	}

	reserve := func(ctx context.Context, tx *sqldb.Tx) error {
		// Locks the row, also if it is new.
		_, err := tx.ExecContext(ctx, `INSERT INTO account (id, used) VALUES ($1, 0)
			ON CONFLICT (id) DO UPDATE SET used = account.used`, "alice")
		if err != nil {
			return err
		}
		var used int
		if err := tx.QueryRowContext(ctx, `SELECT used FROM account WHERE id = $1`, "alice").Scan(&used); err != nil {
			return err
		}
		if used == 2 {
			return fmt.Errorf("over quota")
		}
		_, err = tx.ExecContext(ctx, `UPDATE account SET used = used + 1 WHERE id = $1`, "alice")
		return err
	}
	for range 3 {
		fmt.Println(db.InTx(ctx, reserve))
	}
	// Output:
	// <nil>
	// <nil>
	// over quota
}
