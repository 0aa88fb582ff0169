// Package sqldb opens the bot's database, SQLite or PostgreSQL, from one URL,
// and hides which of the two it is behind a transaction that both the store
// and the queue can join.
//
//	db, err := sqldb.Open(ctx, sqldb.Settings{URL: "sqlite:data/imaginebot.db", Log: log})
//	err = sqldb.Migrate(ctx, db, store.Migrations)
//	err = db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
//		// the store's SQL through tx; the queue's insert through tx.SQL() or tx.Pgx()
//	})
//
// It leaves to core/store what the tables mean and to core/jobs what the queue
// does. It knows neither, but it migrates both, see below.
//
// What surprises:
//
//   - The function given to InTx may run more than once: when PostgreSQL reports
//     a deadlock or SQLite that somebody else writes, the transaction is rolled
//     back and begun anew. It must touch nothing but its transaction.
//   - The first statement that fails ends the transaction, on SQLite too, where
//     the database itself would go on. Swallowing the error does not help: InTx
//     then refuses to commit. So one text behaves alike on both.
//   - Inside a transaction touch only the transaction. SQLite has a single
//     writer: a second InTx would wait for the first for ever, and is therefore
//     refused at once, on PostgreSQL too. Read does not see what the transaction
//     wrote, and on PostgreSQL takes a second connection out of the same pool.
//   - Close a query's rows before the next statement: PostgreSQL's connection is
//     busy until then, SQLite's is not.
//   - A failure of the commit itself (a connection that broke at that moment)
//     leaves the outcome unknown; only writes that carry their own key may be
//     repeated after it.
//
// # Locking a row
//
// FOR UPDATE exists only in PostgreSQL, and one text must serve both. Write the
// row first: an upsert, or an update of the row, takes PostgreSQL's row lock
// until the end of the transaction, also when the row did not exist before, and
// costs SQLite nothing, whose writer is alone anyway. What is read after it is
// what every earlier holder of the lock committed. The example of InTx shows
// it; without it PostgreSQL let four times the allowance through.
//
// # Why
//
// One process owns a SQLite file. The queue puts back at once what a crash left
// running, which is right only if nobody else can be running it; hence an
// operating system's lock on a file beside the database, which ends with the
// process however it ends. The lock file itself stays: removing it would let
// two processes hold locks on two files of one name. The file must lie on a
// local disk; neither the lock nor the write-ahead log works over NFS.
//
// SQLite commits with synchronous=FULL: about half the transactions a second of
// NORMAL, but an answer that was given survives a power cut, and money is worth
// it. BEGIN IMMEDIATE, because a transaction that reads first and then wants to
// write cannot wait for a writer, it can only fail. Reads outside transactions
// have connections of their own, which cannot write.
//
// On PostgreSQL database/sql is a view of the pgx pool: one pool, one limit, and
// a transaction begun by pgx on the connection that database/sql has pinned. The
// store writes through database/sql, the queue through pgx, one commit ends both.
//
// River's tables are migrated here although nothing else here knows the queue:
// migrating at once from several processes is unsafe for both sets of files,
// and two sets under two locks would let one process run the store's new tables
// with the queue's old ones.
package sqldb
