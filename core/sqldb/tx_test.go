package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"imaginebot/core/sqldb"
	"imaginebot/core/sqldb/sqldbtest"
)

var errOwn = errors.New("own error")

func TestInTxCommitsAndRollsBack(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		if err := db.InTx(t.Context(), addAccount("a")); err != nil {
			t.Fatal(err)
		}
		err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			if err := addAccount("b")(ctx, tx); err != nil {
				return err
			}
			return errOwn
		})
		if !errors.Is(err, errOwn) {
			t.Errorf("err = %v, want the function's own", err)
		}
		wantAccounts(t, db, "a")
		wantUsable(t, db)
	})
}

func TestInTxRollsBackOnPanic(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		func() {
			defer func() {
				if got := recover(); got != "boom" {
					t.Errorf("recovered %v", got)
				}
			}()
			_ = db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
				if err := addAccount("a")(ctx, tx); err != nil {
					return err
				}
				panic("boom")
			})
		}()
		wantAccounts(t, db)
		wantUsable(t, db)
	})
}

func TestInTxRollsBackOnGoexit(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
				if err := addAccount("a")(ctx, tx); err != nil {
					return err
				}
				runtime.Goexit()
				return nil
			})
		}()
		<-ended
		wantAccounts(t, db)
		wantUsable(t, db)
	})
}

// endless is a statement that runs until it is interrupted.
func endless(db *sqldb.DB) string {
	if db.Dialect() == sqldb.PostgreSQL {
		return `SELECT pg_sleep(600)`
	}
	return `WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n`
}

func TestInTxWhenTheContextEnds(t *testing.T) {
	tests := map[string]func(ctx context.Context, db *sqldb.DB, tx *sqldb.Tx, cancel context.CancelFunc) error{
		"before an Exec": func(ctx context.Context, _ *sqldb.DB, tx *sqldb.Tx, cancel context.CancelFunc) error {
			cancel()
			return addAccount("b")(ctx, tx)
		},
		"before a QueryRow": func(ctx context.Context, _ *sqldb.DB, tx *sqldb.Tx, cancel context.CancelFunc) error {
			cancel()
			var accounts int
			return tx.QueryRowContext(ctx, `SELECT count(*) FROM account`).Scan(&accounts)
		},
		"before the end": func(_ context.Context, _ *sqldb.DB, _ *sqldb.Tx, cancel context.CancelFunc) error {
			cancel()
			return nil
		},
		"before an error that nobody heeds": func(ctx context.Context, _ *sqldb.DB, tx *sqldb.Tx, cancel context.CancelFunc) error {
			cancel()
			_ = addAccount("b")(ctx, tx)
			_ = addAccount("c")(context.WithoutCancel(ctx), tx)
			return nil
		},
		"in a statement": func(ctx context.Context, db *sqldb.DB, tx *sqldb.Tx, cancel context.CancelFunc) error {
			// The statement never ends by itself, so it is running whenever this fires.
			defer time.AfterFunc(50*time.Millisecond, cancel).Stop()
			_, err := tx.ExecContext(ctx, endless(db))
			return err
		},
		"with an error of one's own": func(_ context.Context, _ *sqldb.DB, _ *sqldb.Tx, cancel context.CancelFunc) error {
			cancel()
			return errOwn
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, db *sqldb.DB) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
					if err := addAccount("a")(ctx, tx); err != nil {
						return err
					}
					return test(ctx, db, tx, cancel)
				})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("err = %v, want that the context ended", err)
				}
				if strings.HasPrefix(name, "with an error") && !errors.Is(err, errOwn) {
					t.Errorf("err = %v lost the function's own", err)
				}
				wantAccounts(t, db)
				wantUsable(t, db)
			})
		})
	}
}

// The pool would throw a connection away rather than lend it out inside a
// transaction; a rollback that works saves making a new one.
func TestRollbackKeepsTheConnection(t *testing.T) {
	db := openMigrated(t, sqldbtest.PostgreSQL(t))
	made := db.Pool().Stat().NewConnsCount()
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			if err := addAccount("a")(ctx, tx); err != nil {
				return err
			}
			cancel()
			return errOwn
		})
		if !errors.Is(err, errOwn) {
			t.Fatal(err)
		}
	}
	if more := db.Pool().Stat().NewConnsCount() - made; more != 0 {
		t.Errorf("%d connections made for 5 rollbacks", more)
	}
}

// A transaction that reads first may write later whatever other programs do.
func TestInTxKeepsForeignWritersOut(t *testing.T) {
	url := sqldbtest.SQLite(t)
	db := openMigrated(t, url)
	foreign := openForeign(t, url)
	err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
		var accounts int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM account`).Scan(&accounts); err != nil {
			return err
		}
		if _, err := foreign.ExecContext(ctx, `INSERT INTO account (id, touched) VALUES ('foreign', 1)`); err == nil {
			t.Error("another program wrote in between")
		}
		return addAccount("own")(ctx, tx)
	})
	if err != nil {
		t.Error(err)
	}
	wantAccounts(t, db, "own")
}

// openForeign opens the file as another program would, say a shell, which does
// not wait for locks.
func openForeign(t *testing.T, url string) *sql.DB {
	t.Helper()
	foreign, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { foreign.Close() })
	foreign.SetMaxOpenConns(1)
	return foreign
}

func TestInTxStopsWaitingForTheWriter(t *testing.T) {
	db := openMigrated(t, sqldbtest.SQLite(t))
	err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
		waiting, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := db.InTx(waiting, addAccount("b")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("second transaction: %v, want that its time is over", err)
		}
		return addAccount("a")(ctx, tx)
	})
	if err != nil {
		t.Error(err)
	}
	wantAccounts(t, db, "a")
}

func TestInTxInsideItself(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := db.InTx(ctx, func(ctx context.Context, _ *sqldb.Tx) error {
			return db.InTx(ctx, addAccount("a"))
		})
		if err == nil || !strings.Contains(err.Error(), "inside a transaction") {
			t.Errorf("err = %v, want a refusal", err)
		}
		wantAccounts(t, db)
	})
}

func TestFailedStatementEndsTheTransaction(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		if err := db.InTx(t.Context(), addAccount("taken")); err != nil {
			t.Fatal(err)
		}
		fail := map[string]func(context.Context, *sqldb.Tx){
			"Exec": func(ctx context.Context, tx *sqldb.Tx) {
				_ = addAccount("taken")(ctx, tx)
			},
			"QueryRow": func(ctx context.Context, tx *sqldb.Tx) {
				var id string
				_ = tx.QueryRowContext(ctx, `INSERT INTO account (id, touched) VALUES ('taken', 1) RETURNING id`).Scan(&id)
			},
			"Query": func(ctx context.Context, tx *sqldb.Tx) {
				rows, err := tx.QueryContext(ctx, `SELECT nothing FROM account`)
				if err == nil {
					defer rows.Close()
					t.Errorf("a column that does not exist was read, %v", rows.Err())
				}
			},
			"Prepare": func(ctx context.Context, tx *sqldb.Tx) {
				statement, err := tx.PrepareContext(ctx, `SELECT nothing FROM account`)
				if err == nil {
					defer statement.Close()
					t.Error("a column that does not exist was prepared")
				}
			},
		}
		for name, fail := range fail {
			var after error
			err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
				if err := addAccount("before")(ctx, tx); err != nil {
					return err
				}
				fail(ctx, tx)
				after = addAccount("after")(ctx, tx)
				return nil
			})
			if err == nil || !strings.Contains(err.Error(), "commit after a failed statement") {
				t.Errorf("%s: err = %v, want a refusal to commit", name, err)
			}
			if after == nil {
				t.Errorf("%s: the next statement ran", name)
			}
		}
		wantAccounts(t, db, "taken")
		wantUsable(t, db)
	})
}

func TestFailedCommit(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		// The reference is checked at the commit, which SQLite then leaves undone.
		err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO generation (id, account, done) VALUES ('g', 'nobody', $1)`, true)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "commit transaction") {
			t.Errorf("err = %v, want that the commit failed", err)
		}
		wantUsable(t, db)
	})
}

func TestForgottenRowsDoNotHang(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		if err := db.InTx(t.Context(), addAccount("a")); err != nil {
			t.Fatal(err)
		}
		var rows *sql.Rows
		err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) (err error) {
			if err := addAccount("b")(ctx, tx); err != nil {
				return err
			}
			rows, err = tx.QueryContext(ctx, `SELECT id FROM account`)
			return err
		})
		defer rows.Close()
		// SQLite commits all the same, PostgreSQL's connection is busy: what
		// counts is that InTx returns, tells the truth and leaves the pool whole.
		t.Logf("InTx returned %v, the rows %v", err, rows.Err())
		if err == nil {
			wantAccounts(t, db, "a", "b")
		} else {
			wantAccounts(t, db, "a")
		}
		wantUsable(t, db)
	})
}

func TestTxCarriesBothTypesOfRow(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		picture := []byte{0, 1, 0xff}
		err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			if err := addAccount("a")(ctx, tx); err != nil {
				return err
			}
			insert, err := tx.PrepareContext(ctx, `INSERT INTO generation (id, account, done, picture) VALUES ($1, $3, $2, $4)`)
			if err != nil {
				return err
			}
			defer insert.Close()
			if _, err = insert.ExecContext(ctx, "g1", true, "a", picture); err != nil {
				return err
			}
			_, err = insert.ExecContext(ctx, "g2", false, "a", nil)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]bool{"g1": true, "g2": false} {
			var done bool
			var got []byte
			err := db.Read().QueryRowContext(t.Context(), `SELECT done, picture FROM generation WHERE id = $1`, id).Scan(&done, &got)
			if err != nil || done != want || (string(got) == string(picture)) != want {
				t.Errorf("%s: done %v, picture %v, %v", id, done, got, err)
			}
		}
	})
}

// warned hands over what is logged.
type warned chan slog.Record

func (w warned) Enabled(context.Context, slog.Level) bool           { return true }
func (w warned) WithAttrs([]slog.Attr) slog.Handler                 { return w }
func (w warned) WithGroup(string) slog.Handler                      { return w }
func (w warned) Handle(_ context.Context, record slog.Record) error { w <- record; return nil }

func TestDeadlockIsRunAgain(t *testing.T) {
	url := sqldbtest.PostgreSQL(t)
	openMigrated(t, url)
	messages := make(warned, 10)
	db := openWith(t, sqldb.Settings{URL: url, Log: slog.New(messages)})
	for _, id := range []string{"a", "b"} {
		if err := db.InTx(t.Context(), addAccount(id)); err != nil {
			t.Fatal(err)
		}
	}
	// Each holds its own row until the other holds its, then wants the other's.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var both, ended sync.WaitGroup
	both.Add(2)
	for _, ids := range [][]any{{"a", "b"}, {"b", "a"}} {
		met := sync.OnceFunc(func() { both.Done(); both.Wait() })
		ended.Go(func() {
			err := db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
				for _, id := range ids {
					if _, err := tx.ExecContext(ctx, `UPDATE account SET touched = touched + 1 WHERE id = $1`, id); err != nil {
						return errors.New("hidden: " + err.Error())
					}
					met()
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	ended.Wait()
	var touched int
	err := db.Read().QueryRowContext(ctx, `SELECT sum(touched) FROM account`).Scan(&touched)
	if err != nil || touched != 6 {
		t.Errorf("touched %d times in all, %v, want 6", touched, err)
	}
	if len(messages) != 1 {
		t.Errorf("%d warnings, want one for the transaction that gave way", len(messages))
	}
}

func TestSerializationFailureIsRunAgainButNotForEver(t *testing.T) {
	db := openMigrated(t, sqldbtest.PostgreSQL(t))
	for fail, want := range map[int]string{0: "", 1: "", 4: "", 5: "40001"} {
		runs := 0
		err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			runs++
			if runs > fail {
				return addAccount(fmt.Sprint(fail))(ctx, tx)
			}
			_, err := tx.ExecContext(ctx, `DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$`)
			return err
		})
		if want == "" && (err != nil || runs != fail+1) {
			t.Errorf("%d failures: %v after %d runs", fail, err, runs)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want) || runs != 5) {
			t.Errorf("%d failures: %v after %d runs, want %s after 5", fail, err, runs, want)
		}
	}
	wantAccounts(t, db, "0", "1", "4")
}

func TestBusyFileIsTriedAgain(t *testing.T) {
	url := sqldbtest.SQLite(t)
	messages := make(warned, 10)
	db := openWith(t, sqldb.Settings{URL: url, Log: slog.New(messages)})
	if err := sqldb.Migrate(t.Context(), db, files); err != nil {
		t.Fatal(err)
	}
	<-messages // of the migration
	// Somebody else writes for longer than we wait.
	if _, err := db.Writer().ExecContext(t.Context(), `PRAGMA busy_timeout = 1`); err != nil {
		t.Fatal(err)
	}
	foreign := openForeign(t, url)
	if _, err := foreign.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- db.InTx(t.Context(), addAccount("a")) }()
	select {
	case record := <-messages:
		if record.Message != "transaction runs again" {
			t.Errorf("message %q", record.Message)
		}
	case err := <-done:
		t.Fatalf("gave up: %v", err)
	}
	if _, err := foreign.ExecContext(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	wantAccounts(t, db, "a")
}

type renderArgs struct {
	Take string `json:"take"`
}

func (renderArgs) Kind() string { return "render" }

// River's row and ours are committed together or not at all, whichever database it is.
func TestTxIsSharedWithRiver(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		var enqueue func(context.Context, *sqldb.Tx) error
		if db.Dialect() == sqldb.SQLite {
			client, err := river.NewClient(riversqlite.New(db.Writer()), &river.Config{})
			if err != nil {
				t.Fatal(err)
			}
			enqueue = insertInto(client, (*sqldb.Tx).SQL)
		} else {
			client, err := river.NewClient(riverpgxv5.New(db.Pool()), &river.Config{})
			if err != nil {
				t.Fatal(err)
			}
			enqueue = insertInto[pgx.Tx](client, (*sqldb.Tx).Pgx)
		}
		for _, end := range []error{nil, errOwn} {
			err := db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
				if err := addAccount(fmt.Sprint("a ", end))(ctx, tx); err != nil {
					return err
				}
				if err := enqueue(ctx, tx); err != nil {
					return err
				}
				// The transaction sees what the other half of it wrote.
				var jobs int
				if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM river_job`).Scan(&jobs); err != nil {
					return err
				}
				if end == nil && jobs != 1 {
					t.Errorf("%d jobs inside the transaction", jobs)
				}
				return end
			})
			if !errors.Is(err, end) {
				t.Fatal(err)
			}
		}
		wantAccounts(t, db, "a <nil>")
		var jobs int
		if err := db.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM river_job`).Scan(&jobs); err != nil || jobs != 1 {
			t.Errorf("%d jobs, %v, want 1", jobs, err)
		}
		wantUsable(t, db)
	})
}

func insertInto[T any](client *river.Client[T], of func(*sqldb.Tx) T) func(context.Context, *sqldb.Tx) error {
	return func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := client.InsertTx(ctx, of(tx), renderArgs{Take: "t"}, nil)
		return err
	}
}

// 38 requests of one new account at once, and an allowance of 10: the write that
// comes first makes the others wait, on both databases, in one text.
func TestQuotaRace(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		const requests, allowance = 38, 10
		errOverQuota := errors.New("over quota")
		start := make(chan struct{})
		results := make(chan error, requests)
		for i := range requests {
			go func() {
				<-start
				results <- db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
					used, err := lockAndCount(ctx, tx, "a")
					if err != nil {
						return err
					}
					if used >= allowance {
						return errOverQuota
					}
					return reserve(ctx, tx, fmt.Sprint("g", i), "a")
				})
			}()
		}
		close(start)
		passed := 0
		for range requests {
			switch err := <-results; {
			case err == nil:
				passed++
			case !errors.Is(err, errOverQuota):
				t.Error(err)
			}
		}
		var stored int
		if err := db.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM generation`).Scan(&stored); err != nil {
			t.Fatal(err)
		}
		if passed != allowance || stored != allowance {
			t.Errorf("%d passed and %d are stored, want %d", passed, stored, allowance)
		}
	})
}

// lockAndCount takes the account's row, made if need be, and counts what it used.
func lockAndCount(ctx context.Context, tx *sqldb.Tx, account string) (used int, err error) {
	_, err = tx.ExecContext(ctx, `INSERT INTO account (id, touched) VALUES ($1, 1)
		ON CONFLICT (id) DO UPDATE SET touched = account.touched + 1`, account)
	if err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, `SELECT count(*) FROM generation WHERE account = $1`, account).Scan(&used)
	return used, err
}

func reserve(ctx context.Context, tx *sqldb.Tx, generation, account string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO generation (id, account, done) VALUES ($1, $2, $3)`, generation, account, false)
	return err
}

// BenchmarkReserve measures transactions that lock an account, count, and store a
// generation, from eight callers with an account each.
func BenchmarkReserve(b *testing.B) {
	for kind, newURL := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.PostgreSQL} {
		b.Run(kind, func(b *testing.B) {
			db := openMigrated(b, newURL(b))
			const callers = 8
			next := make(chan int)
			var ended sync.WaitGroup
			for caller := range callers {
				account := fmt.Sprint("a", caller)
				ended.Go(func() {
					for n := range next {
						err := db.InTx(b.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
							if _, err := lockAndCount(ctx, tx, account); err != nil {
								return err
							}
							return reserve(ctx, tx, fmt.Sprint("g", n), account)
						})
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			n := 0
			for b.Loop() {
				next <- n
				n++
			}
			close(next)
			ended.Wait()
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "tx/s")
		})
	}
}
