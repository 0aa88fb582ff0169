// Package sqldbtest gives every test an empty database of its own, on both
// kinds: a SQLite file in the test's folder, and on the PostgreSQL server that
// TEST_POSTGRES_URL names a database that is dropped again when the test ends.
// Without that variable the PostgreSQL half is skipped, saying so.
//
// It hands out URLs and opens nothing, so that a test opens the database the way
// the program does, as often as it likes, or gives the URL to a child process.
// What it opened it closes before it ends.
package sqldbtest

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// serverLimit bounds creating and dropping a database; a loaded machine takes a
// second for it.
const serverLimit = 30 * time.Second

// Each runs the test on SQLite and on PostgreSQL, each with the URL of an empty
// database.
func Each(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, PostgreSQL(t)) })
}

// SQLite is the URL of a file that does not exist yet.
func SQLite(tb testing.TB) string {
	tb.Helper()
	return "sqlite:" + filepath.Join(tb.TempDir(), "test.db")
}

// PostgreSQL creates a database and is its URL. It skips the test when there is
// no server.
func PostgreSQL(tb testing.TB) string {
	tb.Helper()
	server := os.Getenv("TEST_POSTGRES_URL")
	if server == "" {
		tb.Skip("not run on PostgreSQL: TEST_POSTGRES_URL is not set")
	}
	address, err := url.Parse(server)
	if err != nil {
		tb.Fatal("TEST_POSTGRES_URL is not a URL")
	}
	name := "imaginebot_test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	run(tb, server, `CREATE DATABASE `+name)
	// With force, so that a test that failed in the middle leaves nothing either.
	tb.Cleanup(func() { run(tb, server, `DROP DATABASE `+name+` WITH (FORCE)`) })
	address.Path = "/" + name
	return address.String()
}

// run says one thing to the server. Cleanups run after the test's own context
// has ended, hence another one.
func run(tb testing.TB, server, statement string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), serverLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		tb.Fatalf("connect to TEST_POSTGRES_URL: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}
