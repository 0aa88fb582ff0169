package coretest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"imaginebot/core"
)

// tx is a core.Tx on a copy of the tables that only it can see.
type tx struct{ *tables }

func (t *tx) AddEvents(_ context.Context, events []core.Event, holder core.HolderID) ([]core.Event, error) {
	var fresh []core.Event
	for _, e := range events {
		if _, known := t.events[e.Key]; known {
			continue
		}
		t.events[e.Key] = event{Event: e, holder: holder, order: len(t.events)}
		fresh = append(fresh, e)
	}
	return fresh, nil
}

func (t *tx) EndEvent(_ context.Context, key core.EventKey) error {
	if e, known := t.events[key]; known {
		e.ended, e.Raw = true, nil
		t.events[key] = e
	}
	return nil
}

func (t *tx) ForgetEvents(_ context.Context, before time.Time) error {
	maps.DeleteFunc(t.events, func(_ core.EventKey, e event) bool { return e.ended && e.At.Before(before) })
	return nil
}

func (t *tx) AdoptEvents(_ context.Context, holder core.HolderID, platforms []core.Platform) ([]core.Event, error) {
	var left []event
	for _, e := range t.events {
		if _, alive := t.holders[e.holder]; !alive && !e.ended && slices.Contains(platforms, e.Platform) {
			left = append(left, e)
		}
	}
	slices.SortFunc(left, func(a, b event) int { return cmp.Compare(a.order, b.order) })
	var adopted []core.Event
	for _, e := range left[:min(len(left), atMost)] {
		e.holder = holder
		t.events[e.Key] = e
		inMillis(&e.At)
		adopted = append(adopted, e.Event)
	}
	return adopted, nil
}

func (t *tx) Account(_ context.Context, user core.UserID) (core.AccountID, error) {
	if _, known := t.accounts[user]; !known {
		t.accounts[user] = core.AccountID(fmt.Sprintf("account-%d", len(t.accounts)+1))
	}
	return t.accounts[user], nil
}

func (t *tx) Usage(_ context.Context, account core.AccountID, now time.Time) (core.Usage, error) {
	return t.usage(account, now), nil
}

func (t *tx) Book(_ context.Context, entries []core.Entry) error {
	for _, e := range entries {
		reserved, ended := false, false
		for _, earlier := range t.ledger {
			if earlier.Generation == e.Generation && earlier.Take == e.Take {
				reserved = reserved || earlier.Kind == core.Reserve
				ended = ended || earlier.Kind != core.Reserve
			}
		}
		if ended || reserved == (e.Kind == core.Reserve) {
			return fmt.Errorf("ledger: %s of take %d of %s does not follow what is booked", e.Kind, e.Take, e.Generation)
		}
		t.ledger = append(t.ledger, e)
		effect, day, month := e.Effect(), period{e.Account, e.Day}, period{e.Account, e.Month}
		of := t.days[day]
		of.Images += effect.Images
		of.Uncertain += effect.Uncertain
		t.days[day] = of
		t.months[month] += effect.Spent
		t.budget[e.Day] += effect.BotSpent
	}
	return nil
}

func (t *tx) Add(_ context.Context, g core.Generation) error {
	if _, known := t.generations[g.ID]; known {
		return fmt.Errorf("generation %s is there already", g.ID)
	}
	t.generations[g.ID] = stored(g)
	return nil
}

func (t *tx) Load(_ context.Context, id core.GenerationID) (core.Generation, error) {
	return t.generation(id)
}

func (t *tx) Save(_ context.Context, g core.Generation) error {
	if _, err := t.generation(g.ID); err != nil {
		return err
	}
	t.generations[g.ID] = stored(g)
	return nil
}

func (t *tx) Child(_ context.Context, account core.AccountID, parent core.GenerationID) (core.Generation, error) {
	for _, g := range slices.Backward(t.oldestFirst()) {
		if g.Account == account && g.Parent == parent {
			return stored(g), nil
		}
	}
	return core.Generation{}, &core.Error{Kind: core.NotFound}
}

func (t *tx) Queue(_ context.Context, now time.Time) ([]core.Waiting, map[string]int, error) {
	running, held, served := map[string]int{}, map[core.AccountID]int{}, map[core.AccountID]time.Time{}
	var claimable []core.Waiting
	for _, g := range t.oldestFirst() {
		for _, take := range g.Takes {
			if take.Holder != "" {
				held[g.Account]++
			}
			// A take counts from its claim, else two that are being prepared at once would
			// pass the limit together; and while a ticket is out, whoever holds it.
			if take.Holder != "" || take.State == core.TakeTicketed {
				running[g.Request.Model]++
			}
			if take.ClaimedAt.After(served[g.Account]) {
				served[g.Account] = take.ClaimedAt
			}
			if waits(g, take, now) {
				claimable = append(claimable, core.Waiting{
					Generation: g.ID, Take: take.Index, Account: g.Account, Model: g.Request.Model,
					Ticketed: take.State == core.TakeTicketed, CreatedAt: g.CreatedAt,
				})
			}
		}
	}
	slices.SortStableFunc(claimable, func(a, b core.Waiting) int {
		return cmp.Compare(number(b.Ticketed), number(a.Ticketed))
	})
	var foremost []core.Waiting
	seen := map[period]bool{}
	for _, w := range claimable {
		if line := (period{w.Account, w.Model}); !seen[line] {
			seen[line] = true
			w.Running, w.Served = held[w.Account], served[w.Account]
			foremost = append(foremost, w)
		}
	}
	return foremost, running, nil
}

func (t *tx) Claimable(_ context.Context, now time.Time) (int, error) {
	count := 0
	for _, g := range t.generations {
		for _, take := range g.Takes {
			count += number(waits(g, take, now))
		}
	}
	return count, nil
}

func waits(g core.Generation, t core.Take, now time.Time) bool {
	return g.State == core.Open && t.Holder == "" && !t.DueAt.After(now) &&
		(t.State == core.TakeQueued || t.State == core.TakeTicketed)
}

func number(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (t *tx) Enqueue(_ context.Context, s core.Step, due time.Time) error {
	t.stepsMade++
	t.steps = append(t.steps, step{DueStep: DueStep{s, due}, number: t.stepsMade})
	return nil
}

func (t *tx) RenderSteps(_ context.Context, now time.Time) (int, error) {
	count := 0
	for _, s := range t.steps {
		count += number(s.Kind == core.StepRender && !s.working && !s.Due.After(now))
	}
	return count, nil
}

func (t *tx) Beat(_ context.Context, holder core.HolderID, now time.Time) error {
	t.holders[holder] = now
	return nil
}

func (t *tx) Bury(_ context.Context, living core.HolderID, before time.Time) error {
	for holder, beat := range t.holders {
		if holder != living && beat.Before(before) {
			delete(t.holders, holder)
		}
	}
	return nil
}

func (t *tx) Holders(context.Context) (map[core.HolderID]bool, error) {
	alive := map[core.HolderID]bool{}
	for holder := range t.holders {
		alive[holder] = true
	}
	return alive, nil
}
