package sqldb_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"imaginebot/core/sqldb"
	"imaginebot/core/sqldb/sqldbtest"
)

func TestOpenRefusesWrongURLs(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, url := range []string{
		"",
		"data/imaginebot.db",
		"sqlite",
		"sqlite:",
		"sqlite::memory:",
		"sqlite:file::memory:",
		"sqlite:data/x.db?mode=memory",
		"sqlite://data/x.db",
		"mysql://bot:hunter2@localhost/bot",
		"hunter2",
		"postgres://bot:hunter2@localhost/bot?sslmode=hunter2",
		"postgres://bot:hun/ter2@localhost/bot",
		"postgresql://bot:hunter2@localhost:hunter2/bot",
		"postgres://bot@localhost/bot?password=hunter2&pool_max_conns=many",
	} {
		t.Run(url, func(t *testing.T) {
			for name, open := range map[string]func(context.Context, sqldb.Settings) (*sqldb.DB, error){
				"Open": sqldb.Open, "OpenReadOnly": sqldb.OpenReadOnly,
			} {
				db, err := open(t.Context(), sqldb.Settings{URL: url})
				if db != nil || !errors.Is(err, sqldb.ErrURL) {
					t.Fatalf("%s = %v, %v, want ErrURL", name, db, err)
				}
				if strings.Contains(err.Error(), "ter2") {
					t.Errorf("%s tells the password: %v", name, err)
				}
			}
		})
	}
	if left, err := os.ReadDir("."); err != nil || len(left) != 0 {
		t.Errorf("refused URLs left %v, %v", left, err)
	}
}

func TestOpenTellsNoPasswordWhenTheServerIsAway(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	// Port 1 of the loopback refuses connections.
	_, err := sqldb.Open(ctx, sqldb.Settings{URL: "postgres://bot:hunter2@127.0.0.1:1/pictures"})
	if err == nil || errors.Is(err, sqldb.ErrURL) {
		t.Fatalf("err = %v, want an outage", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error tells the password: %v", err)
	}
	if !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("the error does not name the host: %v", err)
	}
}

func TestOpenCreatesPrivateFiles(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "new", "with 100% #odd & name.db")
	db := openMigrated(t, "sqlite:"+file)
	if err := db.InTx(t.Context(), addAccount("a")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
		stat, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && stat.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", entry.Name(), stat.Mode())
		}
	}
	base := filepath.Base(file)
	want := strings.Join([]string{base, base + "-shm", base + "-wal", base + ".lock"}, "\n")
	if got := strings.Join(names, "\n"); got != want {
		t.Errorf("files\n%s\nwant\n%s", got, want)
	}
}

func TestOpenRelativeAndThroughLink(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege on Windows")
	}
	t.Chdir(t.TempDir())
	open(t, "sqlite:data/bot.db")
	if err := os.Symlink(filepath.Join("data", "bot.db"), "link.db"); err != nil {
		t.Fatal(err)
	}
	if _, err := sqldb.Open(t.Context(), sqldb.Settings{URL: "sqlite:link.db"}); !errors.Is(err, sqldb.ErrInUse) {
		t.Errorf("the same file by another name: %v, want ErrInUse", err)
	}
}

func TestOpenRefusesForeignFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(file, []byte(strings.Repeat("no database\n", 200)), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time shows that the first left no lock
		_, err := sqldb.Open(t.Context(), sqldb.Settings{URL: "sqlite:" + file})
		if err == nil || errors.Is(err, sqldb.ErrInUse) || !strings.Contains(err.Error(), "not a database") {
			t.Errorf("err = %v, want that it is not a database", err)
		}
	}
}

func TestSQLiteConnectionSettings(t *testing.T) {
	db := open(t, sqldbtest.SQLite(t))
	ctx := t.Context()
	tests := []struct {
		pragma, writer, reader string
	}{
		{"journal_mode", "wal", "wal"},
		{"synchronous", "2", "2"}, // FULL
		{"foreign_keys", "1", "1"},
		{"busy_timeout", "5000", "5000"},
		{"query_only", "0", "1"},
	}
	for _, test := range tests {
		var writer, reader string
		if err := db.Writer().QueryRowContext(ctx, "PRAGMA "+test.pragma).Scan(&writer); err != nil {
			t.Fatal(err)
		}
		if err := db.Read().QueryRowContext(ctx, "PRAGMA "+test.pragma).Scan(&reader); err != nil {
			t.Fatal(err)
		}
		if writer != test.writer || reader != test.reader {
			t.Errorf("%s is %s to write, %s to read, want %s and %s", test.pragma, writer, reader, test.writer, test.reader)
		}
	}
	if got := db.Writer().Stats().MaxOpenConnections; got != 1 {
		t.Errorf("%d writers, want 1", got)
	}
}

func TestReadDoesNotWriteOnSQLite(t *testing.T) {
	db := openMigrated(t, sqldbtest.SQLite(t))
	_, err := db.Read().ExecContext(t.Context(), `INSERT INTO account (id, touched) VALUES ('a', 1)`)
	if err == nil {
		t.Error("Read wrote")
	}
	wantAccounts(t, db)
}

func TestMaxConns(t *testing.T) {
	url := sqldbtest.PostgreSQL(t)
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	own := url + separator + "pool_max_conns=7"
	for _, test := range []struct {
		settings sqldb.Settings
		want     int32
	}{
		{sqldb.Settings{URL: url}, 16},
		{sqldb.Settings{URL: own}, 7},
		{sqldb.Settings{URL: own, MaxConns: 3}, 3},
	} {
		db := openWith(t, test.settings)
		if got := db.Pool().Config().MaxConns; got != test.want {
			t.Errorf("pool of %d, want %d", got, test.want)
		}
	}
}

func TestSQLiteFileHasOneOwner(t *testing.T) {
	url := sqldbtest.SQLite(t)
	file := strings.TrimPrefix(url, "sqlite:")
	kill := startChild(t, url)

	_, err := sqldb.Open(t.Context(), sqldb.Settings{URL: url})
	if !errors.Is(err, sqldb.ErrInUse) || !strings.Contains(err.Error(), file) {
		t.Fatalf("while another process runs: %v, want ErrInUse and the file's name", err)
	}

	looking, err := sqldb.OpenReadOnly(t.Context(), sqldb.Settings{URL: url})
	if err != nil {
		t.Fatalf("to look at it while another process runs: %v", err)
	}
	wantAccounts(t, looking, "committed")
	if err := looking.Close(); err != nil {
		t.Error(err)
	}

	kill()
	db := open(t, url)
	wantAccounts(t, db, "committed")
	wantUsable(t, db)
}

func TestCloseGivesTheFileBack(t *testing.T) {
	url := sqldbtest.SQLite(t)
	for range 3 {
		db, err := sqldb.Open(t.Context(), sqldb.Settings{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// Nothing waits in the write-ahead log: the file alone can be copied.
	if _, err := os.Stat(strings.TrimPrefix(url, "sqlite:") + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("write-ahead log after Close: %v", err)
	}
}

func TestOpenReadOnly(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		db := openMigrated(t, url)
		if err := db.InTx(t.Context(), addAccount("a")); err != nil {
			t.Fatal(err)
		}
		looking, err := sqldb.OpenReadOnly(t.Context(), sqldb.Settings{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		defer looking.Close()
		if err := looking.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		wantAccounts(t, looking, "a")
		if err := looking.InTx(t.Context(), addAccount("b")); err == nil {
			t.Error("a transaction wrote")
		}
		if _, err := looking.Read().ExecContext(t.Context(), `DELETE FROM account`); err == nil {
			t.Error("Read wrote")
		}
		wantAccounts(t, looking, "a")
	})
}

func TestOpenReadOnlyCreatesNothing(t *testing.T) {
	folder := t.TempDir()
	_, err := sqldb.OpenReadOnly(t.Context(), sqldb.Settings{URL: "sqlite:" + filepath.Join(folder, "data", "x.db")})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("err = %v, want fs.ErrNotExist", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestOpenReadOnlyAfterCleanStop(t *testing.T) {
	url := sqldbtest.SQLite(t)
	db, err := sqldb.Open(t.Context(), sqldb.Settings{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	if err := sqldb.Migrate(t.Context(), db, files); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	looking, err := sqldb.OpenReadOnly(t.Context(), sqldb.Settings{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	wantAccounts(t, looking)
	// A bot may start while somebody looks.
	open(t, url)
	if err := looking.Close(); err != nil {
		t.Error(err)
	}
}

func TestPingIsBounded(t *testing.T) {
	db := openWith(t, sqldb.Settings{URL: sqldbtest.PostgreSQL(t), MaxConns: 1})
	if err := db.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The only connection is busy, so no answer can come.
	err := db.InTx(t.Context(), func(ctx context.Context, _ *sqldb.Tx) error {
		return db.Ping(context.WithoutCancel(ctx))
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v, want that the time is over", err)
	}
}

func TestPingDoesNotWaitForTheWriter(t *testing.T) {
	db := open(t, sqldbtest.SQLite(t))
	err := db.InTx(t.Context(), func(ctx context.Context, _ *sqldb.Tx) error { return db.Ping(ctx) })
	if err != nil {
		t.Error(err)
	}
}
