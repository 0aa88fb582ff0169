// Package coretest holds what stands in for the world in tests of the core and of the
// adapters: a [Store] in memory, a scripted [Renderer], a recording [Courier] and
// [Pictures] in memory. [TestStore] is what every core.Store has to pass, this one and
// the one in SQL alike.
//
// It leaves all rules to package core: the Store keeps what it is given and answers what
// it is asked. Only the ledger is watched: a second ending of a reservation is an error.
//
// The surprise: the Store runs every transaction twice and throws the first run
// away, as a database may after a conflict. Whoever changes more than the transaction is
// found out at once.
//
// # Why
//
// What is committed is never changed but replaced, so that [Store.Fork] can keep any
// moment at no cost. A kill of the process is then an assignment: a test forks the store
// at the moment in question and starts the next process on the fork.
package coretest
