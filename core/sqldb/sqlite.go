package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// One writer: SQLite has one anyway, and waiting in database/sql obeys the
	// context while waiting in SQLite does not.
	sqliteWriters = 1
	// Four readers: chat commands that look something up, the metrics, a probe.
	sqliteReaders = 4
)

// openSQLite creates what is missing, takes the file for this process, and
// opens the two pools.
func (db *DB) openSQLite(ctx context.Context, file string) error {
	// Prompts and the ledger are nobody else's: SQLite gives its side files the
	// permissions of the database, so it is enough to make that one private.
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	created, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := created.Close(); err != nil {
		return err
	}
	path, err := realPath(file)
	if err != nil {
		return err
	}
	db.owned, err = own(path + ".lock")
	if errors.Is(err, ErrInUse) {
		return fmt.Errorf("sqlite file %s is %w", file, err)
	}
	if err != nil {
		return err
	}

	const durable = "_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	db.writer, err = openFile(path, sqliteWriters, "_txlock=immediate", durable)
	if err != nil {
		return err
	}
	// The first connection turns the file to WAL, before readers look at it.
	if err := db.writer.PingContext(ctx); err != nil {
		return fmt.Errorf("sqlite file %s: %w", file, err)
	}
	db.reader, err = openFile(path, sqliteReaders, "_pragma=query_only(1)")
	return err
}

// openSQLiteReadOnly opens an existing file. SQLite may leave its two side files
// behind when nobody else has it open; the next start clears them away.
func (db *DB) openSQLiteReadOnly(file string) error {
	path, err := realPath(file)
	if err != nil {
		return err
	}
	db.reader, err = openFile(path, sqliteReaders, "mode=ro", "_txlock=immediate")
	db.writer = db.reader
	return err
}

// realPath is the absolute path behind links, so that one file has one lock
// whatever it is called by.
func realPath(file string) (string, error) {
	target, err := filepath.EvalSymlinks(file)
	if err != nil {
		return "", err
	}
	return filepath.Abs(target)
}

// openFile makes a pool over a file. The connections stay open, they cost
// little and opening one is slow.
func openFile(path string, conns int, options ...string) (*sql.DB, error) {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/… is /C:/… in a file URL, see https://sqlite.org/uri.html
	}
	options = append(options, "_pragma=busy_timeout(5000)", "_pragma=foreign_keys(1)")
	address := url.URL{Scheme: "file", Path: path, RawQuery: strings.Join(options, "&")}
	pool, err := sql.Open("sqlite", address.String())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	return pool, nil
}

// sqliteBusy reports whether another connection, of a foreign program, kept the
// file for longer than the busy timeout.
func sqliteBusy(err error) bool {
	var failed *sqlite.Error
	// The low byte is the primary code, the rest says which kind of busy.
	return errors.As(err, &failed) && failed.Code()&0xff == sqlite3.SQLITE_BUSY
}
