package core

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"slices"
	"strings"
	"time"
)

// Deadline is how long after its acceptance a generation may still end well; then what
// is not rendered is given back and the person is told.
const Deadline = 30 * time.Minute

// PauseLimit is how long a take waits for the operator to mend key or balance.
const PauseLimit = 15 * time.Minute

// EventKey identifies one event of a platform: the same event has the same key
// however often the platform sends it.
type EventKey string

// GenerationID names a generation, to people too: 12 letters and digits without
// the ones that are easily misread.
type GenerationID string

var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// GenerationOf is the id of the generation that an event asks for. It follows from
// the event, so that whatever a crash left behind is found again and not doubled.
func GenerationOf(event EventKey) GenerationID {
	sum := sha256.Sum256([]byte(event))
	return GenerationID(crockford.EncodeToString(sum[:8])[:12])
}

// ParseGenerationID reads an id as a person may have typed it.
func ParseGenerationID(text string) (GenerationID, bool) {
	text = strings.ToLower(strings.Trim(strings.TrimSpace(text), "`#"))
	if len(text) != 12 || strings.Trim(text, "0123456789abcdefghjkmnpqrstvwxyz") != "" {
		return "", false
	}
	return GenerationID(text), true
}

// State is how far a generation has come.
type State string

// The states of a generation: open → delivered | kept | refused | cancelled.
const (
	Open           State = "open"
	Delivered      State = "delivered" // its pictures, or what came of it, were told
	KeptForOwner   State = "kept"      // its pictures wait for /show
	RefusedWhole   State = "refused"   // no picture came of it; that was told, or could not be
	CancelledWhole State = "cancelled" // called off before anything was paid
)

// Generation is one request's life: the request, its one to four takes and its one reply.
// It is loaded, changed by the methods below and saved within one transaction; they are
// the only ones that change a state, and return the ledger entries that go with it.
type Generation struct {
	ID          GenerationID
	Event       EventKey
	Account     AccountID
	User        UserID
	Place       string // the chat it was asked in, "platform:id"
	ReplyTo     ReplyTo
	Parent      GenerationID // of Again: what is asked for again
	Request     Request
	State       State
	CancelAsked bool
	Holder      HolderID // who delivers it; "" is nobody
	Attempts    int      // deliveries that failed
	DueAt       time.Time
	Receipt     Receipt
	InputsGone  bool // the pictures that went in are deleted
	Purged      bool // all its pictures are deleted
	CreatedAt   time.Time
	EndedAt     time.Time
	Takes       []Take
}

// ErrLost tells a holder that what it worked on is no longer its own: it was cancelled,
// ended or given to another. It stops and tells nobody.
var ErrLost = errors.New("no longer held")

// NewGeneration makes an open generation whose takes are queued, and the entries that reserve them.
func NewGeneration(g Generation, price PTC) (Generation, []Entry) {
	g.State = Open
	g.Takes = make([]Take, g.Request.Count)
	var entries []Entry
	for i := range g.Takes {
		g.Takes[i] = Take{Index: i, State: TakeQueued, Price: price}
		entries = append(entries, g.entry(Reserve, i, g.CreatedAt))
	}
	return g, entries
}

func (g *Generation) entry(kind EntryKind, take int, now time.Time) Entry {
	return Entry{
		Kind: kind, Account: g.Account, Generation: g.ID, Take: take, Amount: g.Takes[take].Price,
		Day: Day(g.CreatedAt), Month: Month(g.CreatedAt), At: now,
	}
}

// Claim gives a queued or ticketed take that nobody holds to holder.
func (g *Generation) Claim(take int, holder HolderID, now time.Time) error {
	t := &g.Takes[take]
	if g.State != Open || !t.claimable() || t.DueAt.After(now) {
		return ErrLost
	}
	t.Holder, t.ClaimedAt = holder, now
	return nil
}

// Begin records that the paid call begins.
func (g *Generation) Begin(take int, holder HolderID) error {
	return g.change(take, holder, TakeBegun, TakeQueued)
}

// Keep stores the ticket of a paid call that was accepted.
func (g *Generation) Keep(take int, holder HolderID, ticket Ticket) error {
	g.Takes[take].Ticket = ticket
	return g.change(take, holder, TakeTicketed, TakeBegun)
}

// Rendered records that the take's picture is stored, and charges it.
func (g *Generation) Rendered(take int, holder HolderID, image Image, now time.Time) ([]Entry, error) {
	if err := g.change(take, holder, TakeRendered, TakeBegun, TakeTicketed); err != nil {
		return nil, err
	}
	t := &g.Takes[take]
	t.Image, t.Holder, t.Ticket, t.EndedAt = &image, "", "", now
	return []Entry{g.entry(Settle, take, now)}, nil
}

// PutBack makes a take wait until due: one whose paid call provably did not run is
// queued again, one with a ticket keeps it.
func (g *Generation) PutBack(take int, holder HolderID, due time.Time) error {
	t := &g.Takes[take]
	if t.State != TakeTicketed {
		if err := g.change(take, holder, TakeQueued, TakeQueued, TakeBegun); err != nil {
			return err
		}
	} else if t.Holder != holder {
		return ErrLost
	}
	t.Holder, t.DueAt = "", due
	t.Attempts++
	return nil
}

// Release gives up a take that can go on later just as it is: one that is being
// prepared, or one whose ticket is stored.
func (g *Generation) Release(take int, holder HolderID) error {
	t := &g.Takes[take]
	if t.Holder != holder || t.State != TakeQueued && t.State != TakeTicketed {
		return ErrLost
	}
	t.Holder = ""
	return nil
}

// Fail ends a take for the reason of err, and gives its allowance back as err's Kind rules.
func (g *Generation) Fail(take int, holder HolderID, err *Error, now time.Time) ([]Entry, error) {
	if t := g.Takes[take]; t.State.Ended() || t.Holder != holder || holder == "" {
		return nil, ErrLost
	}
	return g.failed(take, err, now), nil
}

func (g *Generation) failed(take int, err *Error, now time.Time) []Entry {
	t := &g.Takes[take]
	entry := g.entry(Refund, take, now)
	// A ticket is a call that was paid for, and a result can only be Gone after one.
	paid := t.State == TakeTicketed || t.State == TakeBegun && err.Kind == Gone
	if paid || err.Kind.Rule().Allowance == UncertainFor {
		entry.Kind, entry.Unknown = Uncertain, err.Kind == Ambiguous
	}
	t.State, t.Holder, t.Ticket, t.EndedAt, t.Kind, t.Reason = TakeFailed, "", "", now, err.Kind, err.Reason
	return []Entry{entry}
}

// change moves a take that holder holds from one of the states to another.
func (g *Generation) change(take int, holder HolderID, to TakeState, from ...TakeState) error {
	t := &g.Takes[take]
	for _, state := range from {
		if t.State == state && t.Holder == holder && holder != "" {
			t.State = to
			return nil
		}
	}
	return ErrLost
}

// Cancel calls off every take whose paid call has not begun. Others are finished,
// charged and kept for their owner. Nothing is left to call off when all have ended.
func (g *Generation) Cancel(now time.Time) []Entry {
	if g.State != Open || g.TakesEnded() {
		return nil
	}
	g.CancelAsked = true
	var entries []Entry
	for i := range g.Takes {
		if t := &g.Takes[i]; t.State == TakeQueued {
			t.State, t.Holder, t.EndedAt, t.Kind = TakeCancelled, "", now, Cancelled
			entries = append(entries, g.entry(Refund, i, now))
		}
	}
	return entries
}

// Orphan frees what holders that are dead held: what was not begun is queued again, what
// has a ticket can be resumed, and a call that was begun without an answer has an unknown end.
func (g *Generation) Orphan(dead func(HolderID) bool, now time.Time) []Entry {
	var entries []Entry
	for i := range g.Takes {
		t := &g.Takes[i]
		if t.Holder == "" || !dead(t.Holder) {
			continue
		}
		t.Holder = ""
		if t.State == TakeBegun {
			entries = append(entries, g.failed(i, &Error{Kind: Ambiguous}, now)...)
		}
	}
	if g.Holder != "" && dead(g.Holder) {
		g.Holder = ""
	}
	return entries
}

// Expire ends what has not ended by the Deadline, and frees a delivery that has been held
// for so long that nobody can be at it any more.
func (g *Generation) Expire(now time.Time) []Entry {
	if now.Before(g.CreatedAt.Add(Deadline)) {
		return nil
	}
	if now.After(g.CreatedAt.Add(Deadline + 2*deliverWithin)) {
		g.Holder = ""
	}
	var entries []Entry
	for i := range g.Takes {
		switch g.Takes[i].State {
		case TakeQueued:
			entries = append(entries, g.failed(i, &Error{Kind: Busy, Reason: ReasonDeadline}, now)...)
		case TakeBegun, TakeTicketed:
			entries = append(entries, g.failed(i, &Error{Kind: Ambiguous, Reason: ReasonDeadline}, now)...)
		}
	}
	return entries
}

// TakesEnded reports whether nothing more will be rendered.
func (g *Generation) TakesEnded() bool {
	for _, t := range g.Takes {
		if !t.State.Ended() {
			return false
		}
	}
	return true
}

// Begun reports whether a paid call of it was begun.
func (g *Generation) Begun() bool {
	for _, t := range g.Takes {
		if t.State == TakeBegun || t.State == TakeTicketed || t.State == TakeRendered {
			return true
		}
	}
	return false
}

func (g Generation) clone() Generation {
	g.Takes = slices.Clone(g.Takes)
	return g
}

// Undelivered reports whether its pictures are kept because they could not be told of.
func (g *Generation) Undelivered() bool {
	return g.State == KeptForOwner && !g.CancelAsked && !g.Purged
}

// Images are its pictures, in the order of the takes.
func (g *Generation) Images() []Image {
	var images []Image
	for _, t := range g.Takes {
		if t.Image != nil {
			images = append(images, *t.Image)
		}
	}
	return images
}

// Charged is what its pictures cost.
func (g *Generation) Charged() PTC {
	var sum PTC
	for _, t := range g.Takes {
		if t.State == TakeRendered {
			sum += t.Price
		}
	}
	return sum
}

// HoldDelivery takes the lease for telling what came of it.
func (g *Generation) HoldDelivery(holder HolderID, now time.Time) error {
	if !g.tellable() || g.DueAt.After(now) {
		return ErrLost
	}
	g.Holder = holder
	return nil
}

// PostponeDelivery gives the lease back after a delivery that did not succeed.
func (g *Generation) PostponeDelivery(holder HolderID, receipt Receipt, due time.Time) error {
	if g.State != Open || g.Holder != holder {
		return ErrLost
	}
	g.Holder, g.Receipt, g.DueAt = "", receipt, due
	g.Attempts++
	return nil
}

// End records what became of it: told, or kept where it could not be told.
func (g *Generation) End(holder HolderID, receipt Receipt, told bool, now time.Time) error {
	if g.State != Open || g.Holder != holder {
		return ErrLost
	}
	g.Holder, g.Receipt, g.EndedAt = "", receipt, now
	switch {
	case len(g.Images()) > 0 && told && !g.CancelAsked:
		g.State = Delivered
	case len(g.Images()) > 0:
		g.State = KeptForOwner
	case g.CancelAsked:
		g.State = CancelledWhole
	default:
		g.State = RefusedWhole
	}
	return nil
}
