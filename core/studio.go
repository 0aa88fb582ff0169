package core

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Store keeps everything that must outlive the process. It is safe for concurrent use.
// Reads outside a transaction see what was committed before they began.
type Store interface {
	// InTx runs do in one transaction: all of it is kept, or nothing. do may run
	// several times, so it changes nothing but the transaction; it uses only tx.
	InTx(ctx context.Context, do func(ctx context.Context, tx Tx) error) error

	// Generation reads one generation; the error is NotFound where there is none.
	Generation(ctx context.Context, id GenerationID) (Generation, error)
	// Usage reads what counts for user at now, and the account, "" if it has none yet.
	Usage(ctx context.Context, user UserID, now time.Time) (AccountID, Usage, error)
	// NewestImage is the newest picture that was made for or received from account in
	// place and is still kept, private requests' pictures only if private is set; the
	// error is NotFound where there is none.
	NewestImage(ctx context.Context, account AccountID, place string, private bool) (Image, error)
	// Unfinished are the account's open generations, oldest first.
	Unfinished(ctx context.Context, account AccountID) ([]GenerationID, error)

	// Kept are the account's generations whose pictures are kept because they could not be
	// delivered, newest first, at most ten.
	Kept(ctx context.Context, account AccountID) ([]GenerationID, error)

	// Orphans are open generations of which a holder without heartbeat holds something.
	Orphans(ctx context.Context) ([]GenerationID, error)
	// Overdue are open generations created before a moment.
	Overdue(ctx context.Context, before time.Time) ([]GenerationID, error)
	// Untold are open generations whose takes have all ended, that nobody is telling,
	// and whose delivery was due before a moment.
	Untold(ctx context.Context, before time.Time) ([]GenerationID, error)
	// Spoiled are generations that ended before inputs and have InputsGone unset though
	// pictures went in, or ended before results and have Purged unset though they have
	// pictures; at most a hundred.
	Spoiled(ctx context.Context, inputs, results time.Time) ([]GenerationID, error)

	// Note reads what PutNote wrote under key; "" if nothing, or if its time is up.
	Note(ctx context.Context, key string) (string, error)
	// PutNote keeps a short text of an adapter's until expires, in place of an earlier one.
	PutNote(ctx context.Context, key, value string, expires time.Time) error
}

// Tx is a transaction of a Store.
type Tx interface {
	// AddEvents stores events for holder and returns those that were not there before.
	AddEvents(ctx context.Context, events []Event, holder HolderID) ([]Event, error)
	// EndEvent records that an event was answered, and erases its raw form.
	EndEvent(ctx context.Context, key EventKey) error
	// ForgetEvents erases the events that ended and came before a moment.
	ForgetEvents(ctx context.Context, before time.Time) error
	// AdoptEvents gives events of these platforms whose holder has no heartbeat to holder, a
	// hundred at most.
	AdoptEvents(ctx context.Context, holder HolderID, platforms []Platform) ([]Event, error)

	// Account is the account of user, made at first sight, and locked until the end
	// of the transaction: who holds the lock alone decides on its allowance.
	Account(ctx context.Context, user UserID) (AccountID, error)
	// Usage reads what counts for account at now, and locks the bot's budget of that day.
	Usage(ctx context.Context, account AccountID, now time.Time) (Usage, error)
	// Book writes entries to the ledger and their effects to what Usage reads.
	Book(ctx context.Context, entries []Entry) error

	// Add inserts a new generation with its takes.
	Add(ctx context.Context, g Generation) error
	// Load reads a generation and locks it until the end of the transaction; the error
	// is NotFound where there is none.
	Load(ctx context.Context, id GenerationID) (Generation, error)
	// Save writes what may change of a loaded generation and of its takes.
	Save(ctx context.Context, g Generation) error
	// Child is the newest generation that account asked for as Again of parent; the
	// error is NotFound where there is none.
	Child(ctx context.Context, account AccountID, parent GenerationID) (Generation, error)

	// Queue locks the queue until the end of the transaction, so that one claim is made at
	// a time, and reads the foremost claimable take of each account and model, and how
	// many paid calls of each model are running.
	Queue(ctx context.Context, now time.Time) (waiting []Waiting, running map[string]int, err error)
	// Claimable counts the takes that could be claimed at now.
	Claimable(ctx context.Context, now time.Time) (int, error)
	// Enqueue makes a step due at a moment, in this transaction.
	Enqueue(ctx context.Context, step Step, due time.Time) error
	// RenderSteps counts the StepRenders that wait for a worker and are due at now. One that
	// is being worked holds its take already.
	RenderSteps(ctx context.Context, now time.Time) (int, error)

	// Beat is holder's heartbeat.
	Beat(ctx context.Context, holder HolderID, now time.Time) error
	// Bury forgets every holder but the living one whose last heartbeat is older than a moment.
	Bury(ctx context.Context, living HolderID, before time.Time) error
	// Holders are the holders that are not buried.
	Holders(ctx context.Context) (map[HolderID]bool, error)
}

// Renderer turns a take's request into a stored picture through the provider. It is
// safe for concurrent use. Every error is an Error or Internal; one that is not of Kind
// Ambiguous, Refused or Gone says that nothing was paid, or that the order has a
// ticket and may be resumed.
type Renderer interface {
	// Render makes the picture. It calls order.Begin right before the paid call, and
	// makes none if that fails; and order.Keep with a ticket before it waits for a result.
	// It stores the picture in Pictures under order.Key.
	Render(ctx context.Context, order Order) (Image, error)
	// Resume fetches the picture of a ticket that was kept. It may be called any
	// number of times and costs nothing.
	Resume(ctx context.Context, order Order, ticket Ticket) (Image, error)
}

// Order is one take for a Renderer.
type Order struct {
	Generation GenerationID
	Take       int
	Request    Request
	Model      Model
	Key        string // where in Pictures the result goes, without an ending
	Begin      func(ctx context.Context) error
	Keep       func(ctx context.Context, ticket Ticket) error
}

// Courier carries outcomes to people on one platform. It is safe for concurrent use.
type Courier interface {
	// Deliver tells outcome at to. prior is what an earlier, broken attempt returned,
	// so that nothing is told twice; the receipt is kept even when there is an error.
	// Errors: Gone where there is nobody to tell any more, Busy (After) where it may
	// work later; any other is tried again for a while.
	Deliver(ctx context.Context, to ReplyTo, outcome Outcome, prior Receipt) (Receipt, error)
	// Progress shows that work goes on. It may fail and be forgotten; it is never
	// called at the same time as Deliver for one generation, nor after it.
	Progress(ctx context.Context, to ReplyTo, progress Progress) error
}

// Pictures keeps picture bytes under keys. It is safe for concurrent use.
type Pictures interface {
	// Put stores what r gives if it is a picture within limits, and measures it. An
	// earlier picture under the key is replaced. Errors: Invalid, TooBig, and those of r.
	Put(ctx context.Context, key string, r io.Reader, limits Limits) (Image, error)
	// Open reads a picture; the error is NotFound where there is none.
	Open(ctx context.Context, key string) (io.ReadCloser, error)
	// Copy stores the picture at image.Key a second time, under key.
	Copy(ctx context.Context, image Image, key string) (Image, error)
	// Delete removes pictures; those that are not there are no error.
	Delete(ctx context.Context, keys ...string) error
}

// Step is a permission to work, kept in the queue: it says that there is something to
// do, and the generations say what.
type Step struct {
	Kind       StepKind
	Generation GenerationID // of StepDeliver
}

// StepKind says which work a step permits.
type StepKind string

// The kinds of step.
const (
	StepRender  StepKind = "render"  // work the fairest take that is claimable
	StepDeliver StepKind = "deliver" // tell what came of the generation
)

// Event is one thing that happened on a platform, as it came.
type Event struct {
	Key      EventKey
	Platform Platform
	Raw      []byte
	At       time.Time
}

// Settings of a Studio.
type Settings struct {
	Store    Store
	Renderer Renderer
	Pictures Pictures
	Catalog  Catalog
	Plan     Plan
	Keep     time.Duration // how long finished pictures stay
	Holder   HolderID      // this process
	Alone    bool          // no other process can be using the store
	Log      *slog.Logger
	Now      func() time.Time // nil: time.Now
	OnStep   func(kind StepKind, model string, err error, took time.Duration)
	OnRefuse func(kind Kind)
	OnPause  func(ctx context.Context, why error) // key or balance need the operator; once a pause
}

// Studio is the product: it accepts events, submits requests, renders and delivers
// them, and keeps the promises between. It is safe for concurrent use.
type Studio struct {
	Settings
	seats    map[Platform]seat
	pause    pause
	showings showings
	alive    sync.WaitGroup
}

// seat is an adapter's place at the studio.
type seat struct {
	courier Courier
	receive func(context.Context, Event)
}

// NewStudio makes a Studio; Connect the adapters before it is used.
func NewStudio(settings Settings) *Studio {
	if settings.Now == nil {
		settings.Now = time.Now
	}
	if settings.OnStep == nil {
		settings.OnStep = func(StepKind, string, error, time.Duration) {}
	}
	if settings.OnRefuse == nil {
		settings.OnRefuse = func(Kind) {}
	}
	if settings.OnPause == nil {
		settings.OnPause = func(context.Context, error) {}
	}
	return &Studio{Settings: settings, seats: map[Platform]seat{}, showings: showings{of: map[GenerationID]*showing{}}}
}

// Connect seats an adapter: courier carries what is told on platform, and receive works
// an accepted event that a dead process has left, ending with Done as always.
func (s *Studio) Connect(platform Platform, courier Courier, receive func(context.Context, Event)) {
	s.seats[platform] = seat{courier, receive}
}

// Work does what a step permits. An error is a fault of the store: the queue tries again.
func (s *Studio) Work(ctx context.Context, step Step) error {
	if step.Kind == StepDeliver {
		return s.workDeliver(ctx, step.Generation)
	}
	return s.workRender(ctx)
}
