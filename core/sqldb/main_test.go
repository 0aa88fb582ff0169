package sqldb_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"imaginebot/core/sqldb"
	"imaginebot/core/sqldb/sqldbtest"
)

// childURL turns the test binary into the other process of a test.
const childURL = "SQLDB_TEST_CHILD_URL"

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		child(url)
		return
	}
	goleak.VerifyTestMain(m)
}

// files are migrations in the one text that serves both databases.
var files = fstest.MapFS{
	"00001_account.sql": {Data: []byte(`-- +goose Up
CREATE TABLE account (
	id      TEXT PRIMARY KEY,
	touched BIGINT NOT NULL
);
`)},
	"00002_generation.sql": {Data: []byte(`-- +goose Up
CREATE TABLE generation (
	id      TEXT PRIMARY KEY,
	account TEXT NOT NULL REFERENCES account (id) DEFERRABLE INITIALLY DEFERRED,
	done    BOOLEAN NOT NULL,
	picture BYTEA
);
CREATE INDEX generation_account ON generation (account);
`)},
}

// open opens a database for the length of the test.
func open(tb testing.TB, url string) *sqldb.DB {
	tb.Helper()
	return openWith(tb, sqldb.Settings{URL: url})
}

func openWith(tb testing.TB, settings sqldb.Settings) *sqldb.DB {
	tb.Helper()
	db, err := sqldb.Open(context.Background(), settings)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return db
}

// openMigrated opens a database with the tables of files in it.
func openMigrated(tb testing.TB, url string) *sqldb.DB {
	tb.Helper()
	db := open(tb, url)
	if err := sqldb.Migrate(tb.Context(), db, files); err != nil {
		tb.Fatal(err)
	}
	return db
}

// each runs a test on both kinds of database, opened and migrated.
func each(t *testing.T, test func(t *testing.T, db *sqldb.DB)) {
	t.Helper()
	sqldbtest.Each(t, func(t *testing.T, url string) { test(t, openMigrated(t, url)) })
}

func addAccount(id string) func(context.Context, *sqldb.Tx) error {
	return func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO account (id, touched) VALUES ($1, $2)`, id, 1)
		return err
	}
}

// wantAccounts checks what is committed.
func wantAccounts(t *testing.T, db *sqldb.DB, want ...string) {
	t.Helper()
	rows, err := db.Read().QueryContext(t.Context(), `SELECT id FROM account ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		got = append(got, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("accounts %v, want %v", got, want)
	}
}

// wantUsable checks that no transaction was left open and no connection broken:
// more transactions than there are connections pass, and on PostgreSQL the
// server sees none of ours waiting inside a transaction.
func wantUsable(t *testing.T, db *sqldb.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for range 20 {
		err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE account SET touched = touched + 1`)
			return err
		})
		if err != nil {
			t.Fatalf("transaction afterwards: %v", err)
		}
	}
	if db.Dialect() != sqldb.PostgreSQL {
		return
	}
	// A connection that was given up in the middle of a statement takes a moment to close.
	for {
		var left int
		err := db.Read().QueryRowContext(ctx, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND state LIKE 'idle in transaction%'`).Scan(&left)
		out := db.Pool().Stat().AcquiredConns()
		if err != nil {
			t.Fatalf("%d transactions left open, %d connections out: %v", left, out, err)
		}
		if left == 0 && out == 0 {
			return
		}
	}
}

// child opens and migrates the database, commits one account, begins another
// one, says so, and waits inside that transaction until it is killed.
func child(url string) {
	ctx := context.Background()
	db, err := sqldb.Open(ctx, sqldb.Settings{URL: url})
	if err == nil {
		err = sqldb.Migrate(ctx, db, files)
	}
	if err == nil {
		err = db.InTx(ctx, addAccount("committed"))
	}
	if err == nil {
		err = db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			if err := addAccount("begun")(ctx, tx); err != nil {
				return err
			}
			fmt.Println("ready")
			_, err := os.Stdin.Read(make([]byte, 1))
			return err
		})
	}
	fmt.Println(err)
}

// startChild starts the other process and returns when it is ready, with the
// means to kill it.
func startChild(t *testing.T, url string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childURL+"="+url)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = stdin.Close()
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	return kill
}
