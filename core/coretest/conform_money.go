package coretest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"imaginebot/core"
)

const price core.PTC = 40_000

func countedByPeriod(b *bench) {
	last := time.Date(2026, 1, 31, 23, 59, 59, 999e6, time.UTC)
	next := last.Add(time.Millisecond)
	b.enter(ada, last, count(3))
	b.enter(ada, next, count(2))
	b.enter(ada, next.AddDate(0, 0, 1), count(1))
	for _, at := range []struct {
		now  time.Time
		want core.Usage
	}{
		{last.AddDate(0, 0, -1), core.Usage{Spent: 3 * price}},
		{last, core.Usage{Images: 3, Spent: 3 * price, BotSpent: 3 * price}},
		{next, core.Usage{Images: 2, Spent: 3 * price, BotSpent: 2 * price}},
		{next.In(time.FixedZone("west", -5*3600)), core.Usage{Images: 2, Spent: 3 * price, BotSpent: 2 * price}},
		{next.AddDate(0, 0, 1), core.Usage{Images: 1, Spent: 3 * price, BotSpent: price}},
		{next.AddDate(0, 1, 0), core.Usage{}},
		{last.AddDate(1, 0, 0), core.Usage{}},
	} {
		at.want.Unfinished, at.want.Queued = 3, 6
		if got := b.usage(ada, at.now); got != at.want {
			b.Errorf("usage at %v is %+v, want %+v", at.now, got, at.want)
		}
	}
}

func refundedToItsDay(b *bench) {
	evening := time.Date(2026, 1, 31, 23, 59, 0, 0, time.UTC)
	morning := evening.Add(2 * time.Minute)
	g := b.enter(ada, evening, count(4))
	other := b.enter(ada, morning)
	b.change(g.ID, func(g *core.Generation) []core.Entry {
		var entries []core.Entry
		fail := func(take int, kind core.Kind) {
			b.must(errors.Join(g.Claim(take, "holder", morning), g.Begin(take, "holder")))
			given, err := g.Fail(take, "holder", &core.Error{Kind: kind}, morning)
			b.must(err)
			entries = append(entries, given...)
		}
		settled, err := rendered(g, 0, morning)
		b.must(err)
		entries = append(entries, settled...)
		fail(1, core.Invalid)
		fail(2, core.Ambiguous)
		fail(3, core.Refused)
		return entries
	})
	// One picture made, one given back, two whose cost stays with the budget, one of them
	// of unknown end.
	if got, want := b.usage(ada, evening), (core.Usage{Images: 1, Spent: price, BotSpent: 3 * price, Uncertain: 1, Unfinished: 2, Queued: 1}); got != want {
		b.Errorf("the evening counts %+v, want %+v", got, want)
	}
	if got, want := b.usage(ada, morning), (core.Usage{Images: 1, Spent: price, BotSpent: price, Unfinished: 2, Queued: 1}); got != want {
		b.Errorf("the morning counts %+v, want %+v", got, want)
	}
	b.change(other.ID, func(g *core.Generation) []core.Entry { return g.Cancel(morning) })
	if got, want := b.usage(ada, morning), (core.Usage{Unfinished: 2}); got != want {
		b.Errorf("after a refund of the morning it counts %+v, want %+v", got, want)
	}
}

func budgetOfAll(b *bench) {
	noon := time.Date(2026, 5, 5, 12, 0, 0, 0, time.UTC)
	b.enter(ada, noon, count(2))
	b.enter(bob, noon)
	want := core.Usage{Images: 1, Spent: price, BotSpent: 3 * price, Unfinished: 1, Queued: 3}
	if got := b.usage(bob, noon); got != want {
		b.Errorf("usage of one of two is %+v, want %+v", got, want)
	}
	_, got, err := b.Store.Usage(b.Context(), person("never seen"), noon)
	if want := (core.Usage{BotSpent: 3 * price, Queued: 3}); got != want || err != nil {
		b.Errorf("usage of a stranger is %+v, want %+v: %v", got, want, err)
	}
}

func countedUntilEnd(b *bench) {
	g := b.enter(ada, b.start, count(2))
	b.enter(ada, b.start)
	expect := func(when string, unfinished, queued int) {
		b.Helper()
		if got := b.usage(ada, b.start); got.Unfinished != unfinished || got.Queued != queued {
			b.Errorf("%s %d are unfinished and %d queued, want %d and %d", when, got.Unfinished, got.Queued, unfinished, queued)
		}
	}
	expect("at first", 2, 3)
	b.change(g.ID, func(g *core.Generation) []core.Entry {
		settled, err := rendered(g, 0, b.start)
		b.must(err)
		return settled
	})
	expect("with one rendered", 2, 2)
	b.set(g.ID, func(g *core.Generation) { b.must(errors.Join(g.Claim(1, "holder", b.start), g.Begin(1, "holder"))) })
	expect("with one begun", 2, 2)
	b.change(g.ID, func(g *core.Generation) []core.Entry {
		back, err := g.Fail(1, "holder", &core.Error{Kind: core.Invalid}, b.start)
		b.must(err)
		return back
	})
	expect("with nothing left to render", 2, 1)
	b.set(g.ID, func(g *core.Generation) {
		b.must(errors.Join(g.HoldDelivery("holder", b.start), g.End("holder", "", true, b.start)))
	})
	expect("when told", 1, 1)
}

// race runs do so many times at once.
func race(n int, do func(i int)) {
	var all sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-gate
			do(i)
		})
	}
	close(gate)
	all.Wait()
}

// reserve enters a generation if the plan admits it, as core does.
func (b *bench) reserve(plan core.Plan, g core.Generation, entries []core.Entry) error {
	return b.InTx(b.Context(), func(ctx context.Context, tx core.Tx) error {
		account, err := tx.Account(ctx, g.User)
		if err != nil {
			return err
		}
		usage, err := tx.Usage(ctx, account, g.CreatedAt)
		if err != nil {
			return err
		}
		if err := plan.Admit(usage, 1, price, g.CreatedAt); err != nil {
			return err
		}
		return errors.Join(tx.Add(ctx, g), tx.Book(ctx, entries), tx.Enqueue(ctx, core.Step{Kind: core.StepRender}, g.CreatedAt))
	})
}

func (b *bench) raceToReserve(plan core.Plan, people func(i int) string, refusal core.Kind, want int) {
	const runners = 40
	var wanted [runners]core.Generation
	var entries [runners][]core.Entry
	for i := range runners {
		wanted[i], entries[i] = b.want(people(i), b.start)
	}
	var mu sync.Mutex
	passed := 0
	race(runners, func(i int) {
		err := b.reserve(plan, wanted[i], entries[i])
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			passed++
		case core.KindOf(err) != refusal:
			b.Errorf("refused with %v, want %v", err, refusal)
		}
	})
	if passed != want {
		b.Errorf("%d passed, want %d", passed, want)
	}
	usage := b.usage(people(0), b.start)
	if usage.BotSpent != core.PTC(want)*price || usage.Queued != want {
		b.Errorf("afterwards the bot has spent %v on %d, want %v on %d", usage.BotSpent, usage.Queued, core.PTC(want)*price, want)
	}
	b.tx(func(ctx context.Context, tx core.Tx) error {
		steps, err := tx.RenderSteps(ctx, b.start)
		if steps != want {
			b.Errorf("%d steps for %d reservations", steps, want)
		}
		return err
	})
}

func raceForAllowance(b *bench) {
	plan := core.Plan{ImagesPerDay: 5, PTCPerMonth: -1, Concurrent: -1, BudgetPerDay: -1, Queue: -1}
	b.raceToReserve(plan, func(int) string { return ada }, core.OverQuota, 5)
}

func raceForBudget(b *bench) {
	plan := core.Plan{ImagesPerDay: -1, PTCPerMonth: -1, Concurrent: -1, BudgetPerDay: 7 * price, Queue: -1}
	b.raceToReserve(plan, func(i int) string { return fmt.Sprint("person ", i) }, core.BudgetSpent, 7)
}

func raceForAccount(b *bench) {
	var mu sync.Mutex
	accounts := map[core.AccountID]bool{}
	race(20, func(int) {
		var account core.AccountID
		err := b.InTx(b.Context(), func(ctx context.Context, tx core.Tx) (err error) {
			account, err = tx.Account(ctx, person(ada))
			return err
		})
		mu.Lock()
		defer mu.Unlock()
		accounts[account] = true
		if err != nil {
			b.Error(err)
		}
	})
	if len(accounts) != 1 {
		b.Errorf("one person has %d accounts", len(accounts))
	}
}

func raceForChange(b *bench) {
	g := b.enter(ada, b.start)
	const runners = 30
	race(runners, func(int) {
		err := b.InTx(b.Context(), func(ctx context.Context, tx core.Tx) error {
			g, err := tx.Load(ctx, g.ID)
			if err != nil {
				return err
			}
			g.Attempts++
			return tx.Save(ctx, g)
		})
		if err != nil {
			b.Error(err)
		}
	})
	if after, err := b.Generation(b.Context(), g.ID); after.Attempts != runners || err != nil {
		b.Errorf("of %d changes %d are left: %v", runners, after.Attempts, err)
	}
}

func raceForTakes(b *bench) {
	const most, free = 2, 6
	b.enter(ada, b.start, count(4), model("limited"))
	b.enter(bob, b.start, count(2), model("limited"))
	b.enter(ada, b.start, count(3))
	b.enter(bob, b.start, count(3))
	limit := func(name string) int {
		if name == "limited" {
			return most
		}
		return 0
	}
	var mu sync.Mutex
	claimed := map[TakeKey]int{}
	models := map[string]int{}
	race(25, func(i int) {
		var next core.Waiting
		var found bool
		err := b.InTx(b.Context(), func(ctx context.Context, tx core.Tx) error {
			waiting, running, err := tx.Queue(ctx, b.start)
			if err != nil {
				return err
			}
			if next, found = core.Fairest(waiting, running, limit); !found {
				return nil
			}
			g, err := tx.Load(ctx, next.Generation)
			if err != nil {
				return err
			}
			if err := g.Claim(next.Take, core.HolderID(fmt.Sprint("holder ", i)), b.start); err != nil {
				return err
			}
			return tx.Save(ctx, g)
		})
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			b.Error(err)
		} else if found {
			claimed[TakeKey{next.Generation, next.Take}]++
			models[next.Model]++
		}
	})
	for take, times := range claimed {
		if times != 1 {
			b.Errorf("take %v was claimed %d times", take, times)
		}
	}
	if models["limited"] != most || models["model"] != free {
		b.Errorf("claimed %v, want %d of the limited model and %d of the other", models, most, free)
	}
}
