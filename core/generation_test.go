package core_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"imaginebot/core"
)

func newGeneration(count int) (core.Generation, []core.Entry) {
	return core.NewGeneration(core.Generation{
		ID: "0123456789ab", Account: "account", CreatedAt: noon, Request: core.Request{Model: "m", Prompt: "p", Count: count},
	}, 40_000)
}

func TestNewGeneration(t *testing.T) {
	g, entries := newGeneration(3)
	if g.State != core.Open || len(g.Takes) != 3 || len(entries) != 3 || g.Begun() || g.TakesEnded() {
		t.Fatalf("%+v, %d entries", g, len(entries))
	}
	for i, e := range entries {
		want := core.Entry{Kind: core.Reserve, Account: "account", Generation: g.ID, Take: i, Amount: 40_000, Day: "2026-02-28", Month: "2026-02", At: noon}
		if e != want || g.Takes[i].State != core.TakeQueued || g.Takes[i].Index != i || g.Takes[i].Price != 40_000 {
			t.Errorf("take %d: %+v, booked %+v", i, g.Takes[i], e)
		}
	}
}

func TestGenerationOf(t *testing.T) {
	seen := map[core.GenerationID]bool{}
	for i := range 1000 {
		id := core.GenerationOf(core.EventKey(fmt.Sprint("event ", i)))
		typed := "  #" + strings.ToUpper(string(id)) + " "
		if back, ok := core.ParseGenerationID(typed); !ok || back != id || seen[id] || len(id) != 12 {
			t.Errorf("%q typed as %q is %q, %v", id, typed, back, ok)
		}
		if again := core.GenerationOf(core.EventKey(fmt.Sprint("event ", i))); again != id {
			t.Errorf("one event is %q and %q", id, again)
		}
		seen[id] = true
	}
	for _, text := range []string{"", "abc", "0123456789abc", "0123456789a", "0123456789a!", "0123456789aé", "'; drop --x"} {
		if id, ok := core.ParseGenerationID(text); ok {
			t.Errorf("%q is taken for the id %q", text, id)
		}
	}
}

// at is a generation whose take is in a state, held by me where somebody must.
func at(t testing.TB, state core.TakeState) core.Generation {
	t.Helper()
	g, _ := newGeneration(1)
	step := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	if state == core.TakeCancelled {
		g.Cancel(noon)
		return g
	}
	step(g.Claim(0, "me", noon))
	if state == core.TakeQueued {
		return g
	}
	if state == core.TakeFailed {
		_, err := g.Fail(0, "me", &core.Error{Kind: core.Invalid}, noon)
		step(err)
		return g
	}
	step(g.Begin(0, "me"))
	if state == core.TakeBegun {
		return g
	}
	if state == core.TakeTicketed {
		step(g.Keep(0, "me", "ticket"))
		return g
	}
	_, err := g.Rendered(0, "me", core.Image{Key: "k"}, noon)
	step(err)
	return g
}

var takeStates = []core.TakeState{core.TakeQueued, core.TakeBegun, core.TakeTicketed, core.TakeRendered, core.TakeFailed, core.TakeCancelled}

// Every move of a take, from every state, by its holder and by another: what is not in
// the table is lost, and changes nothing.
func TestMovesOfATake(t *testing.T) {
	moves := []struct {
		name string
		from map[core.TakeState]core.TakeState
		move func(g *core.Generation, holder core.HolderID) error
	}{
		{"Begin", map[core.TakeState]core.TakeState{core.TakeQueued: core.TakeBegun}, func(g *core.Generation, h core.HolderID) error { return g.Begin(0, h) }},
		{"Keep", map[core.TakeState]core.TakeState{core.TakeBegun: core.TakeTicketed}, func(g *core.Generation, h core.HolderID) error { return g.Keep(0, h, "ticket") }},
		{"Rendered", map[core.TakeState]core.TakeState{core.TakeBegun: core.TakeRendered, core.TakeTicketed: core.TakeRendered}, func(g *core.Generation, h core.HolderID) error {
			_, err := g.Rendered(0, h, core.Image{Key: "k"}, noon)
			return err
		}},
		{"PutBack", map[core.TakeState]core.TakeState{core.TakeQueued: core.TakeQueued, core.TakeBegun: core.TakeQueued, core.TakeTicketed: core.TakeTicketed}, func(g *core.Generation, h core.HolderID) error {
			return g.PutBack(0, h, noon)
		}},
		{"Release", map[core.TakeState]core.TakeState{core.TakeQueued: core.TakeQueued, core.TakeTicketed: core.TakeTicketed}, func(g *core.Generation, h core.HolderID) error {
			return g.Release(0, h)
		}},
		{"Fail", map[core.TakeState]core.TakeState{core.TakeQueued: core.TakeFailed, core.TakeBegun: core.TakeFailed, core.TakeTicketed: core.TakeFailed}, func(g *core.Generation, h core.HolderID) error {
			_, err := g.Fail(0, h, &core.Error{Kind: core.Invalid}, noon)
			return err
		}},
	}
	for _, m := range moves {
		for _, state := range takeStates {
			for _, holder := range []core.HolderID{"me", "another", ""} {
				g := at(t, state)
				err := m.move(&g, holder)
				want, known := m.from[state]
				switch {
				case known && holder == "me":
					if err != nil || g.Takes[0].State != want {
						t.Errorf("%s of a take that is %s: %s, %v, want %s", m.name, state, g.Takes[0].State, err, want)
					}
				case !errors.Is(err, core.ErrLost) || g.Takes[0].State != state:
					t.Errorf("%s by %q of a take that is %s: %s, %v, want it lost", m.name, holder, state, g.Takes[0].State, err)
				}
			}
		}
	}
}

func TestClaim(t *testing.T) {
	g, _ := newGeneration(1)
	g.Takes[0].DueAt = noon
	if err := g.Claim(0, "early", noon.Add(-time.Second)); !errors.Is(err, core.ErrLost) {
		t.Errorf("claimed before it is due: %v", err)
	}
	if err := g.Claim(0, "me", noon); err != nil || g.Takes[0].Holder != "me" || !g.Takes[0].ClaimedAt.Equal(noon) {
		t.Errorf("%+v, %v", g.Takes[0], err)
	}
	if err := g.Claim(0, "another", noon); !errors.Is(err, core.ErrLost) || g.Takes[0].Holder != "me" {
		t.Errorf("claimed by two: %v", err)
	}
	for _, state := range []core.TakeState{core.TakeBegun, core.TakeRendered, core.TakeFailed, core.TakeCancelled} {
		g := at(t, state)
		g.Takes[0].Holder = ""
		if err := g.Claim(0, "me", noon); !errors.Is(err, core.ErrLost) {
			t.Errorf("claimed when %s: %v", state, err)
		}
	}
}

// What each Kind of error does to the money, from each state: what was surely paid stays
// with the budget, what surely was not goes back.
func TestFailBooks(t *testing.T) {
	for _, k := range kinds {
		for _, state := range []core.TakeState{core.TakeQueued, core.TakeBegun, core.TakeTicketed} {
			g := at(t, state)
			entries, err := g.Fail(0, "me", &core.Error{Kind: k.kind, Reason: core.ReasonDeadline}, noon)
			if err != nil || len(entries) != 1 {
				t.Fatalf("%v when %s: %v, %v", k.kind, state, entries, err)
			}
			want := core.Refund
			if k.allowance == core.UncertainFor || k.kind == core.Gone && state == core.TakeBegun || state == core.TakeTicketed {
				want = core.Uncertain
			}
			if entries[0].Kind != want {
				t.Errorf("%v when %s is booked as %s, want %s", k.kind, state, entries[0].Kind, want)
			}
			if got := entries[0].Unknown; got != (k.kind == core.Ambiguous) {
				t.Errorf("%v when %s counts as a refund of unknown end: %v", k.kind, state, got)
			}
			if take := g.Takes[0]; take.State != core.TakeFailed || take.Kind != k.kind || take.Reason != core.ReasonDeadline || take.Holder != "" || !take.EndedAt.Equal(noon) {
				t.Errorf("%v when %s: %+v", k.kind, state, take)
			}
		}
	}
}

func TestCancelOrphanExpire(t *testing.T) {
	dead := func(h core.HolderID) bool { return h == "me" }
	late := noon.Add(core.Deadline)
	for _, c := range []struct {
		name  string
		do    func(g *core.Generation) []core.Entry
		state core.TakeState
		after core.TakeState
		entry core.EntryKind
	}{
		{"cancel", func(g *core.Generation) []core.Entry { return g.Cancel(noon) }, core.TakeQueued, core.TakeCancelled, core.Refund},
		{"cancel", func(g *core.Generation) []core.Entry { return g.Cancel(noon) }, core.TakeBegun, core.TakeBegun, ""},
		{"cancel", func(g *core.Generation) []core.Entry { return g.Cancel(noon) }, core.TakeTicketed, core.TakeTicketed, ""},
		{"cancel", func(g *core.Generation) []core.Entry { return g.Cancel(noon) }, core.TakeRendered, core.TakeRendered, ""},
		{"orphan", func(g *core.Generation) []core.Entry { return g.Orphan(dead, noon) }, core.TakeQueued, core.TakeQueued, ""},
		{"orphan", func(g *core.Generation) []core.Entry { return g.Orphan(dead, noon) }, core.TakeBegun, core.TakeFailed, core.Uncertain},
		{"orphan", func(g *core.Generation) []core.Entry { return g.Orphan(dead, noon) }, core.TakeTicketed, core.TakeTicketed, ""},
		{"orphan", func(g *core.Generation) []core.Entry { return g.Orphan(dead, noon) }, core.TakeRendered, core.TakeRendered, ""},
		{"expire", func(g *core.Generation) []core.Entry { return g.Expire(late) }, core.TakeQueued, core.TakeFailed, core.Refund},
		{"expire", func(g *core.Generation) []core.Entry { return g.Expire(late) }, core.TakeBegun, core.TakeFailed, core.Uncertain},
		{"expire", func(g *core.Generation) []core.Entry { return g.Expire(late) }, core.TakeTicketed, core.TakeFailed, core.Uncertain},
		{"expire", func(g *core.Generation) []core.Entry { return g.Expire(late) }, core.TakeRendered, core.TakeRendered, ""},
		{"expire too early", func(g *core.Generation) []core.Entry { return g.Expire(late.Add(-1)) }, core.TakeBegun, core.TakeBegun, ""},
	} {
		g := at(t, c.state)
		entries := c.do(&g)
		var booked core.EntryKind
		if len(entries) == 1 {
			booked = entries[0].Kind
		}
		if g.Takes[0].State != c.after || booked != c.entry || len(entries) > 1 {
			t.Errorf("%s of what is %s: %s, booked %q, want %s, %q", c.name, c.state, g.Takes[0].State, booked, c.after, c.entry)
		}
	}
	g := at(t, core.TakeTicketed)
	g.Orphan(dead, noon)
	if err := g.Claim(0, "another", noon); err != nil || g.Takes[0].Ticket != "ticket" {
		t.Errorf("what the dead had a ticket for is not to be had with it: %+v, %v", g.Takes[0], err)
	}
	alive := at(t, core.TakeBegun)
	alive.Orphan(func(core.HolderID) bool { return false }, noon)
	if alive.Takes[0].Holder != "me" {
		t.Error("the living lose what they hold")
	}
}

func TestEnd(t *testing.T) {
	for _, c := range []struct {
		name   string
		state  core.TakeState
		cancel bool
		told   bool
		want   core.State
	}{
		{"told", core.TakeRendered, false, true, core.Delivered},
		{"not told", core.TakeRendered, false, false, core.KeptForOwner},
		{"called off after the paid call", core.TakeRendered, true, true, core.KeptForOwner},
		{"failed and told", core.TakeFailed, false, true, core.RefusedWhole},
		{"failed and not told", core.TakeFailed, false, false, core.RefusedWhole},
		{"called off in time", core.TakeCancelled, true, true, core.CancelledWhole},
	} {
		g := at(t, c.state)
		g.CancelAsked = c.cancel
		if err := errors.Join(g.HoldDelivery("me", noon), g.End("me", "receipt", c.told, noon)); err != nil {
			t.Fatal(err)
		}
		if g.State != c.want || g.Receipt != "receipt" || g.Holder != "" || !g.EndedAt.Equal(noon) {
			t.Errorf("%s: %+v, want %s", c.name, g, c.want)
		}
		for name, err := range map[string]error{
			"held again": g.HoldDelivery("me", noon), "ended again": g.End("me", "", true, noon), "postponed": g.PostponeDelivery("me", "", noon),
		} {
			if !errors.Is(err, core.ErrLost) {
				t.Errorf("%s: %s after its end: %v", c.name, name, err)
			}
		}
		if entries := g.Cancel(noon); len(entries) != 0 || g.State != c.want {
			t.Errorf("%s: called off after its end: %v, %s", c.name, entries, g.State)
		}
	}
}

func TestLeaseOfADelivery(t *testing.T) {
	unfinished := at(t, core.TakeBegun)
	if err := unfinished.HoldDelivery("me", noon); !errors.Is(err, core.ErrLost) {
		t.Errorf("told before it has ended: %v", err)
	}
	g := at(t, core.TakeRendered)
	if err := g.HoldDelivery("me", noon); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"held": g.HoldDelivery("another", noon), "ended": g.End("another", "", true, noon), "postponed": g.PostponeDelivery("another", "", noon),
	} {
		if !errors.Is(err, core.ErrLost) || g.Holder != "me" {
			t.Errorf("%s by another: %v", name, err)
		}
	}
	if err := g.PostponeDelivery("me", "half", noon.Add(time.Minute)); err != nil || g.Receipt != "half" || g.Attempts != 1 {
		t.Errorf("%+v, %v", g, err)
	}
	if err := g.HoldDelivery("another", noon); !errors.Is(err, core.ErrLost) {
		t.Errorf("told before it is due again: %v", err)
	}
	if err := g.HoldDelivery("another", noon.Add(time.Minute)); err != nil {
		t.Error(err)
	}
}

// ledger runs random moves of two processes and a reaper on one generation.
type ledger struct {
	g       core.Generation
	now     time.Time
	booked  []core.Entry
	allowed core.Usage
}

// Each take has exactly one reservation and at most one end of it, an ended generation
// exactly one for each, and no balance is ever negative.
func TestLedgerOfRandomLives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &ledger{now: noon}
		var reserved []core.Entry
		l.g, reserved = newGeneration(rapid.IntRange(1, 4).Draw(t, "count"))
		l.book(t, reserved)
		holder := rapid.SampledFrom([]core.HolderID{"one", "two"})
		take := func() int { return rapid.IntRange(0, len(l.g.Takes)-1).Draw(t, "take") }
		move := func(do func(holder core.HolderID) ([]core.Entry, error)) func(*rapid.T) {
			return func(t *rapid.T) {
				by := holder.Draw(t, "holder")
				before := clone(l.g)
				entries, err := do(by)
				if err != nil {
					// A transaction is undone.
					l.g = before
					if !errors.Is(err, core.ErrLost) {
						t.Fatal(err)
					}
					return
				}
				l.book(t, entries)
			}
		}
		moves := map[string]func(*rapid.T){
			"claim": move(func(h core.HolderID) ([]core.Entry, error) { return nil, l.g.Claim(take(), h, l.now) }),
			"begin": move(func(h core.HolderID) ([]core.Entry, error) { return nil, l.g.Begin(take(), h) }),
			"keep":  move(func(h core.HolderID) ([]core.Entry, error) { return nil, l.g.Keep(take(), h, "ticket") }),
			"render": move(func(h core.HolderID) ([]core.Entry, error) {
				return l.g.Rendered(take(), h, core.Image{Key: "k"}, l.now)
			}),
			"putback": move(func(h core.HolderID) ([]core.Entry, error) {
				return nil, l.g.PutBack(take(), h, l.now.Add(time.Second))
			}),
			"release": move(func(h core.HolderID) ([]core.Entry, error) { return nil, l.g.Release(take(), h) }),
			"fail": move(func(h core.HolderID) ([]core.Entry, error) {
				kind := rapid.SampledFrom(kinds).Draw(t, "kind").kind
				return l.g.Fail(take(), h, &core.Error{Kind: kind}, l.now)
			}),
			"cancel": move(func(core.HolderID) ([]core.Entry, error) { return l.g.Cancel(l.now), nil }),
			"orphan": move(func(h core.HolderID) ([]core.Entry, error) {
				return l.g.Orphan(func(other core.HolderID) bool { return other == h }, l.now), nil
			}),
			"expire":   move(func(core.HolderID) ([]core.Entry, error) { return l.g.Expire(l.now), nil }),
			"hold":     move(func(h core.HolderID) ([]core.Entry, error) { return nil, l.g.HoldDelivery(h, l.now) }),
			"postpone": move(func(h core.HolderID) ([]core.Entry, error) { return nil, l.g.PostponeDelivery(h, "r", l.now) }),
			"end": move(func(h core.HolderID) ([]core.Entry, error) {
				return nil, l.g.End(h, "r", rapid.Bool().Draw(t, "told"), l.now)
			}),
			"time": func(t *rapid.T) {
				l.now = l.now.Add(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 20 * time.Minute}).Draw(t, "passes"))
			},
			"": l.check,
		}
		t.Repeat(moves)
	})
}

func clone(g core.Generation) core.Generation {
	g.Takes = append([]core.Take(nil), g.Takes...)
	return g
}

func (l *ledger) book(t *rapid.T, entries []core.Entry) {
	for _, e := range entries {
		if e.Day != core.Day(noon) || e.Month != core.Month(noon) || e.Amount != 40_000 || e.Account != "account" {
			t.Errorf("booked %+v, not as it was reserved", e)
		}
		effect := e.Effect()
		l.allowed.Images += effect.Images
		l.allowed.Spent += effect.Spent
		l.allowed.BotSpent += effect.BotSpent
		l.booked = append(l.booked, e)
	}
}

func (l *ledger) check(t *rapid.T) {
	images := 0
	for i, take := range l.g.Takes {
		booked := map[core.EntryKind]int{}
		ends := 0
		for _, e := range l.booked {
			if e.Take == i {
				booked[e.Kind]++
				if e.Kind != core.Reserve {
					ends++
				}
			}
		}
		if booked[core.Reserve] != 1 || ends > 1 || (ends == 1) != take.State.Ended() || (booked[core.Settle] == 1) != (take.State == core.TakeRendered) {
			t.Errorf("take %d is %s and booked %v", i, take.State, booked)
		}
		if take.State.Ended() && take.Holder != "" || take.State == core.TakeBegun && take.Holder == "" {
			t.Errorf("take %d is %s and held by %q", i, take.State, take.Holder)
		}
		if (take.Image != nil) != (take.State == core.TakeRendered) {
			t.Errorf("take %d is %s with the picture %v", i, take.State, take.Image)
		}
		if ends == 0 || booked[core.Settle] == 1 {
			images++
		}
	}
	if l.allowed.Images != images || l.allowed.Spent != core.PTC(images)*40_000 || l.allowed.BotSpent < l.allowed.Spent {
		t.Errorf("%d pictures are reserved or made and the balance is %+v", images, l.allowed)
	}
	if l.g.State != core.Open && !l.g.TakesEnded() {
		t.Errorf("it is %s, and not all its takes have ended", l.g.State)
	}
	if charged := l.g.Charged(); charged != core.PTC(len(l.g.Images()))*40_000 {
		t.Errorf("%v is charged for %d pictures", charged, len(l.g.Images()))
	}
}
