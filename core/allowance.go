package core

import "time"

// Plan is what people may use. A negative number is no limit; zero is none at all.
type Plan struct {
	ImagesPerDay int // per account, UTC day
	PTCPerMonth  PTC // per account, UTC month
	Concurrent   int // unfinished generations per account
	BudgetPerDay PTC // the whole bot, UTC day
	Queue        int // unfinished takes of the whole bot
}

// MaxUncertain is how many refunds of paid calls whose end is unknown an account
// may have on one UTC day; then it waits for the next, because each may have cost us.
const MaxUncertain = 5

// Usage is what is counted against a Plan at a moment, reservations included.
type Usage struct {
	Images     int // of the account, this UTC day
	Spent      PTC // of the account, this UTC month
	Unfinished int // generations of the account
	Uncertain  int // refunds of unknown end to the account, this UTC day
	BotSpent   PTC // the whole bot, this UTC day
	Queued     int // unfinished takes of the whole bot
}

// Admit is the allowance rule: whether images more pictures at price in all may be
// reserved on top of usage. The error names the first limit in the way and when
// it gives way.
func (p Plan) Admit(usage Usage, images int, price PTC, now time.Time) error {
	over := func(limit, would int64) bool { return limit >= 0 && would > limit }
	switch {
	case over(int64(p.ImagesPerDay), int64(usage.Images+images)):
		return &Error{Kind: OverQuota, Reason: ReasonImagesToday, Limit: int64(p.ImagesPerDay), RetryAt: NextDay(now)}
	case over(int64(p.PTCPerMonth), int64(usage.Spent+price)):
		return &Error{Kind: OverQuota, Reason: ReasonMoneyMonth, Limit: int64(p.PTCPerMonth), RetryAt: NextMonth(now)}
	case over(int64(p.Concurrent), int64(usage.Unfinished+1)):
		return &Error{Kind: OverQuota, Reason: ReasonConcurrent, Limit: int64(p.Concurrent)}
	case usage.Uncertain >= MaxUncertain:
		return &Error{Kind: OverQuota, Reason: ReasonUncertain, Limit: MaxUncertain, RetryAt: NextDay(now)}
	case over(int64(p.BudgetPerDay), int64(usage.BotSpent+price)):
		return &Error{Kind: BudgetSpent, RetryAt: NextDay(now)}
	case over(int64(p.Queue), int64(usage.Queued+images)):
		return &Error{Kind: QueueFull}
	}
	return nil
}

// Allowance is what is left to an account; a negative number is no limit.
type Allowance struct {
	Images    int
	PTC       PTC
	Used      Usage
	Plan      Plan
	DayEnds   time.Time
	MonthEnds time.Time
}

// Left is what a plan leaves after usage.
func (p Plan) Left(usage Usage, now time.Time) Allowance {
	left := Allowance{Images: -1, PTC: -1, Used: usage, Plan: p, DayEnds: NextDay(now), MonthEnds: NextMonth(now)}
	if p.ImagesPerDay >= 0 {
		left.Images = max(0, p.ImagesPerDay-usage.Images)
	}
	if p.PTCPerMonth >= 0 {
		left.PTC = max(0, p.PTCPerMonth-usage.Spent)
	}
	return left
}

// Day and Month name the periods that a reservation made at t belongs to, in UTC.
func Day(t time.Time) string   { return t.UTC().Format("2006-01-02") }
func Month(t time.Time) string { return t.UTC().Format("2006-01") } // see Day

// NextDay is when the UTC day of now ends.
func NextDay(now time.Time) time.Time {
	year, month, day := now.UTC().Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
}

// NextMonth is when the UTC month of now ends.
func NextMonth(now time.Time) time.Time {
	year, month, _ := now.UTC().Date()
	return time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
}

// EntryKind says what an Entry of the ledger does.
type EntryKind string

// The kinds of entry.
const (
	Reserve   EntryKind = "reserve"   // a take was accepted: counted at once
	Settle    EntryKind = "settle"    // its picture is there: the reservation is final
	Refund    EntryKind = "refund"    // given back to the account and to the budget
	Uncertain EntryKind = "uncertain" // given back to the account; the budget bears the cost
)

// Entry is one line of the ledger, written once and never changed. A take has one
// Reserve and at most one of the others.
type Entry struct {
	Kind       EntryKind
	Account    AccountID
	Generation GenerationID
	Take       int
	Amount     PTC    // never negative
	Unknown    bool   // Uncertain because the end of a paid call is unknown: counts to MaxUncertain
	Day, Month string // of the reservation
	At         time.Time
}

// Effect is what the entry changes in Usage: Images, Spent and Uncertain of its account,
// BotSpent of the bot, in the entry's own Day and Month.
func (e Entry) Effect() Usage {
	switch e.Kind {
	case Reserve:
		return Usage{Images: 1, Spent: e.Amount, BotSpent: e.Amount}
	case Refund:
		return Usage{Images: -1, Spent: -e.Amount, BotSpent: -e.Amount}
	case Uncertain:
		back := Usage{Images: -1, Spent: -e.Amount}
		if e.Unknown {
			back.Uncertain = 1
		}
		return back
	}
	return Usage{}
}
