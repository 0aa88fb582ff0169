package sqldbtest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"imaginebot/core/sqldb"
	"imaginebot/core/sqldb/sqldbtest"
)

func TestEveryTestHasADatabaseOfItsOwn(t *testing.T) {
	for range 2 { // the second finds the first one's table gone
		sqldbtest.Each(t, func(t *testing.T, url string) {
			db, err := sqldb.Open(t.Context(), sqldb.Settings{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			err = db.InTx(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
				_, err := tx.ExecContext(ctx, `CREATE TABLE mine (id TEXT)`)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPostgreSQLIsDroppedAfterTheTest(t *testing.T) {
	var url string
	t.Run("test", func(t *testing.T) { url = sqldbtest.PostgreSQL(t) })
	if url == "" {
		t.Skip("not run on PostgreSQL: TEST_POSTGRES_URL is not set")
	}
	const invalidCatalogName = "3D000"
	var failed *pgconn.PgError
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		conn.Close(t.Context())
	}
	if !errors.As(err, &failed) || failed.Code != invalidCatalogName {
		t.Errorf("connecting to it: %v, want that it does not exist", err)
	}
}
