// Package store keeps the product in SQL: it is core.Store on SQLite and on PostgreSQL, with
// one text for both.
//
//	err := sqldb.Migrate(ctx, db, store.Migrations)
//	kept := store.New(db, queue)
//
// The tables stand in migrations, the queries in queries, and package rows is what sqlc
// makes of the two. What is left here is the translation between rows and the nouns of
// package core (generation.go), and what a transaction locks, and when. It leaves every rule
// to core, the steps to the queue that joins its transactions, and the difference between the two
// databases to sqldb.
//
// What surprises: a transaction remembers what it has loaded, and Save writes only
// what differs from it.
//
// # Locks
//
// Locks are rows that are written, as sqldb explains, and are taken in this order, so
// that transactions wait for each other and not in a circle:
//
//	the turn of the queue or of the inbox → the account → the generation → the tallies
//
// and the tallies as they stand in LockTallies and AddTallies: the account's day, its
// month, the bot's day. Who enters a request has the account's lock and may still wait for the
// tallies; who ends a take has the generation's and wants nothing but the tallies. A deadlock
// that comes to pass all the same costs PostgreSQL's second; sqldb begins anew.
//
// # Why
//
// Usage is read from tallies, which are sums of the ledger written with it, because summing
// up a month of entries for every request would grow with the month. The ledger stays the
// truth: an ending is added only to a reservation that was made just so, and once.
//
// What is unfinished is counted, not tallied. It is bounded by Plan.Queue, a partial index
// holds nothing else, and the queue is read from that same index in the order of its
// lines: 2000 takes and their claim in 4 ms. Finding the head of each line in SQL was slower on one of the
// two databases, whichever way it was asked.
//
// The columns account_id, model and created_at of takes repeat what their generation
// says, for the same index; newest_at of generations is the answer to NewestImage, worked
// out when something changes, because pictures are asked for by when they came, and they
// come from three places.
package store
