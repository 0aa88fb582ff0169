package core

import "time"

// TakeState is how far a take has come.
type TakeState string

// The states of a take: queued → begun → (ticketed) → rendered; or failed, or cancelled.
const (
	TakeQueued    TakeState = "queued"    // nothing paid; with a Holder: being prepared
	TakeBegun     TakeState = "begun"     // the paid call begins: from here its end may be unknown
	TakeTicketed  TakeState = "ticketed"  // the provider's ticket is stored: can be resumed
	TakeRendered  TakeState = "rendered"  // the picture is stored and charged
	TakeFailed    TakeState = "failed"    // given back
	TakeCancelled TakeState = "cancelled" // given back before the paid call
)

// Ended reports whether nothing more will happen to the take.
func (s TakeState) Ended() bool {
	return s == TakeRendered || s == TakeFailed || s == TakeCancelled
}

// Ticket is what a renderer needs to fetch the result of a paid call that was made
// earlier, perhaps by a process that has died since. Opaque to the core.
type Ticket string

// HolderID names one running process of the bot. What it holds is freed when its
// heartbeat stops; every state change names the holder that makes it.
type HolderID string

// Take is one paid call of a generation and its picture.
type Take struct {
	Index     int
	State     TakeState
	Price     PTC
	Holder    HolderID  // who works on it; "" is nobody
	Ticket    Ticket    // of TakeTicketed; erased at the end, since it may open the picture to whoever has it
	Attempts  int       // how often it was put back
	DueAt     time.Time // not before; zero is at once, whatever another machine's clock says
	ClaimedAt time.Time // when a holder last took it up
	EndedAt   time.Time
	Image     *Image // when rendered
	Kind      Kind   // when failed
	Reason    Reason // when failed
}

// running reports whether it counts against its model's limit of calls at once: from
// its claim, and while a ticket is out.
func (t Take) running() bool { return t.Holder != "" || t.State == TakeTicketed }

// claimable reports whether a holder may take it up.
func (t Take) claimable() bool {
	return t.Holder == "" && (t.State == TakeQueued || t.State == TakeTicketed)
}
