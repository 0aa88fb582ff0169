// Package jobs makes steps durable, on River (https://riverqueue.com): a step is inserted in
// the transaction of the change that calls for it, worked by any process on the
// database, and tried again when the store failed it.
//
// What a step does is the studio's; this package knows only that there are two kinds
// and runs each on a queue of its own, so that deliveries do not wait for paintings.
//
// What surprises: a step that is lost, or worked twice, does no harm. The generations
// in the store are the truth; the studio's sweep makes the steps that are missing, and a step
// too many finds nothing to do. This is why a crash leaves so little to mend here, see
// [Queue.Recover], and why River's own rescue and retry times do not matter much.
//
// # Why
//
// River, because it inserts within our own transaction on SQLite and on PostgreSQL alike, and
// wakes other processes through LISTEN/NOTIFY. On SQLite it can only poll: the
// interval is short, because it is most of what we add to a picture's time.
package jobs
