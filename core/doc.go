// Package core is the product: it turns what a person asks for on a chat platform
// into pictures, and keeps the promises made on the way. It does no I/O itself; what
// it needs of the world are the ports in studio.go, and it knows no platform by name.
//
// # The life of a picture
//
// An adapter hears an Event and hands it to [Studio.Accept]: from the commit of that
// transaction on, the event is answered whatever happens to the process. The adapter parses it
// and calls [Studio.Submit], which looks at the allowance before it fetches anything, stores
// the input pictures, and then, in one transaction, locks the account, applies the
// allowance rule, books the reservation, stores the [Generation] with its takes, and
// queues a [Step] for each [Take]. A step is a permission to work, not an order: the worker that
// gets it claims the fairest take there is ([Fairest]). It records that the paid call
// begins before it begins, stores the provider's [Ticket] before it waits, and stores the
// picture before it charges for it. Who renders the last take delivers the
// generation through the platform's [Courier] and records the [Receipt].
//
//	take:        queued ──▶ begun ──▶ ticketed ──▶ rendered
//	               │          │           │
//	               │          ├───────────┴──────▶ failed
//	               └──▶ cancelled, failed
//
//	generation:  open ──▶ delivered | kept | refused | cancelled
//
// # What holds when things break
//
// Every change of a generation is one transaction (change.go), carries the ledger
// entries that belong to it, and creates the steps that it calls for, so none of the three can
// be there without the others. Every change names the process that makes it: a
// process that has lost what it held gets [ErrLost] and stops.
//
//   - Killed before the event is stored: it was never accepted; Telegram sends it again.
//   - Killed after it: the next process adopts the event and works it from the start. The
//     generation's id follows from the event's key, so nothing is made twice.
//   - Killed while a take is queued or being prepared: it is claimed anew.
//   - Killed between the record that a paid call begins and its answer: whether it ran is
//     unknown. It is not sent again; the person is told and gets the allowance back, and
//     the cost is booked as uncertain against the bot's budget.
//   - Killed after a ticket was stored: the result is fetched by the ticket, for free.
//   - Killed after the picture was stored: it is delivered by whoever adopts it. On a
//     platform where a delivery cannot be repeated without a trace, a kill between the
//     sending and its record may show the picture twice, never not at all.
//   - The provider is busy: the take waits its turn. Key or balance fail: takes are held for
//     [PauseLimit] and new requests are refused at once. All else by [Rule].
//   - A platform does not take the result: tried again until [Deadline], then kept for
//     [Studio.Show].
//   - The database does not answer: nothing is accepted, nothing is begun; a picture that
//     was just paid and cannot be recorded ends as a call of unknown end.
//
// # Why
//
// A step does not name a take because fairness is then a rule of ours (fair.go) and not of
// the queue: otherwise twenty requests of one person stand in front of everybody's next.
//
// The rows of the store are the truth and steps are hints: a step too many finds nothing to do,
// and [Studio.Recover] and the sweep make those that are missing. For the same
// reason a worker that delivers leaves no second step behind for the case of its death:
// what it held is freed when its heartbeat stops, and that makes the step.
//
// Money is whole micro-PTC, because sums of floats do not agree with themselves.
package core
