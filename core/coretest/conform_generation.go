package coretest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"imaginebot/core"
)

// sameTime compares moments to the millisecond, and that they are in UTC.
var sameTime = cmp.Comparer(func(a, b time.Time) bool {
	return a.UnixMilli() == b.UnixMilli() && a.IsZero() == b.IsZero() && a.Location() == b.Location()
})

var sameGeneration = cmp.Options{
	sameTime, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b core.UserID) bool { return a == b }),
}

// full is a new generation without an empty field that a new one may have.
func (b *bench) full() core.Generation {
	seed, guidance := int64(core.MaxSeed), 3.5
	parent := b.enter(ada, b.start.Add(-time.Minute))
	g, _ := b.want(ada, b.start.Add(123456*time.Nanosecond), count(2), func(g *core.Generation) {
		g.ReplyTo = core.ReplyTo{Platform: "platform", Address: `{"token":"a'b\"c\\d","n":1}`}
		g.Parent = parent.ID
		g.Request = core.Request{
			Model: "model", Prompt: "a cat, 'quoted' \"twice\" \\ 猫 🐈\u200d⬛\nשלום $1 ?; --", Negative: "dogs",
			Aspect: core.Aspect{Width: 16, Height: 9}, Size: core.Size{Width: 1344, Height: 768}, Format: core.JPEG,
			Count: 2, Seed: &seed, Steps: 28, Guidance: &guidance, Private: true,
			LoRAs:        []core.LoRA{{Name: "one", Path: "owner/one", Scale: 0.8}, {Name: "two", Path: "https://example.org/two", Scale: 0.05}},
			Control:      &core.ControlNet{Name: "canny", Path: "owner/canny", Scale: 0.6},
			Image:        &core.Image{Key: "in/image", Format: core.WebP, Width: 10, Height: 20, Bytes: 3_000_000_000},
			ControlImage: &core.Image{Key: "in/control", Format: core.PNG, Width: 30, Height: 40, Bytes: 4},
		}
	})
	return g
}

// aged is g with every field changed that may change.
func aged(g core.Generation, now time.Time) core.Generation {
	g.State, g.CancelAsked, g.Holder, g.Attempts = core.KeptForOwner, true, "a holder", 7
	g.DueAt, g.EndedAt, g.Receipt = now.Add(time.Minute), now.Add(time.Hour), `{"messages":["1","2"]}`
	g.InputsGone, g.Purged = true, true
	g.Takes = slices.Clone(g.Takes)
	for i := range g.Takes {
		g.Takes[i] = core.Take{
			Index: i, State: core.TakeFailed, Price: g.Takes[i].Price, Holder: core.HolderID(fmt.Sprint("holder ", i)),
			Ticket: core.Ticket(fmt.Sprint(`{"id":"é`, i, `"}`)), Attempts: i + 1, DueAt: now.Add(time.Second),
			ClaimedAt: now.Add(2 * time.Second), EndedAt: now.Add(3*time.Second + 456*time.Microsecond),
			Image: &core.Image{Key: fmt.Sprint("out/", i), Format: core.PNG, Width: 1, Height: 2, Bytes: 3},
			Kind:  core.NoModel, Reason: core.ReasonDeadline,
		}
	}
	return g
}

func roundTrip(b *bench) {
	g := b.full()
	b.tx(func(ctx context.Context, tx core.Tx) error { return tx.Add(ctx, g) })
	b.comesBack("added", g)
	g = aged(g, b.start)
	for _, field := range emptyFields(reflect.ValueOf(g), "Generation") {
		if field != "Generation.Takes[0].Index" {
			b.Errorf("the example leaves %s empty: what is not set is not tested", field)
		}
	}
	b.tx(func(ctx context.Context, tx core.Tx) error {
		if _, err := tx.Load(ctx, g.ID); err != nil {
			return err
		}
		return tx.Save(ctx, g)
	})
	b.comesBack("saved", g)
	for _, kind := range []core.Kind{core.Internal, core.Cancelled} {
		g.Takes[0].Kind = kind
		b.set(g.ID, func(stored *core.Generation) { stored.Takes[0].Kind = kind })
		b.comesBack("with kind "+kind.String(), g)
	}
}

func roundTripEmpty(b *bench) {
	zero, none := int64(0), 0.0
	g, _ := b.want(ada, b.start, func(g *core.Generation) { g.Request.Seed, g.Request.Guidance = &zero, &none })
	b.tx(func(ctx context.Context, tx core.Tx) error { return tx.Add(ctx, g) })
	b.comesBack("with numbers that are zero", g)
	g, _ = b.want(ada, b.start)
	b.tx(func(ctx context.Context, tx core.Tx) error { return tx.Add(ctx, g) })
	b.comesBack("with as little as there can be", g)
	full := b.full()
	full = aged(full, b.start)
	fresh := full
	fresh.State, fresh.CancelAsked, fresh.Holder, fresh.Attempts, fresh.DueAt = core.Open, false, "", 0, time.Time{}
	fresh.Receipt, fresh.InputsGone, fresh.Purged, fresh.EndedAt = "", false, false, time.Time{}
	fresh.Takes = []core.Take{{Index: 0, State: core.TakeQueued, Price: price}, {Index: 1, State: core.TakeQueued, Price: price}}
	b.tx(func(ctx context.Context, tx core.Tx) error { return tx.Add(ctx, fresh) })
	b.set(full.ID, func(g *core.Generation) { *g = full })
	b.set(full.ID, func(g *core.Generation) { *g = fresh })
	b.comesBack("emptied again", fresh)
}

// comesBack reads a generation in and beside a transaction.
func (b *bench) comesBack(how string, want core.Generation) {
	b.Helper()
	got, err := b.Generation(b.Context(), want.ID)
	b.must(err)
	if diff := cmp.Diff(want, got, sameGeneration); diff != "" {
		b.Errorf("a generation %s, read (-want +got):\n%s", how, diff)
	}
	b.tx(func(ctx context.Context, tx core.Tx) error {
		got, err := tx.Load(ctx, want.ID)
		if diff := cmp.Diff(want, got, sameGeneration); diff != "" {
			b.Errorf("a generation %s, loaded (-want +got):\n%s", how, diff)
		}
		return err
	})
}

// emptyFields names the fields in v that hold nothing.
func emptyFields(v reflect.Value, name string) (empty []string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return emptyFields(v.Elem(), name)
		}
	case reflect.Slice:
		for i := range v.Len() {
			empty = append(empty, emptyFields(v.Index(i), fmt.Sprintf("%s[%d]", name, i))...)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() || v.Type() == reflect.TypeFor[core.UserID]() {
			break
		}
		for i := range v.NumField() {
			empty = append(empty, emptyFields(v.Field(i), name+"."+v.Type().Field(i).Name)...)
		}
		return empty
	}
	if v.IsZero() {
		empty = append(empty, name)
	}
	return empty
}

func notFound(b *bench) {
	b.enter(ada, b.start)
	_, err := b.Generation(b.Context(), "000000000000")
	if core.KindOf(err) != core.NotFound {
		b.Errorf("a generation that is not there: %v, want NotFound", err)
	}
	if _, err := b.Store.NewestImage(b.Context(), b.account(ada), here, true); core.KindOf(err) != core.NotFound {
		b.Errorf("a newest picture that is not there: %v, want NotFound", err)
	}
	if _, err := b.Store.NewestImage(b.Context(), "", here, true); core.KindOf(err) != core.NotFound {
		b.Errorf("a newest picture of nobody: %v, want NotFound", err)
	}
	b.tx(func(ctx context.Context, tx core.Tx) error {
		if _, err := tx.Load(ctx, "000000000000"); core.KindOf(err) != core.NotFound {
			b.Errorf("loaded what is not there: %v, want NotFound", err)
		}
		account, err := tx.Account(ctx, person(ada))
		if _, err := tx.Child(ctx, account, "000000000000"); core.KindOf(err) != core.NotFound {
			b.Errorf("a child that is not there: %v, want NotFound", err)
		}
		_, loadErr := tx.Load(ctx, "000000000000")
		if core.KindOf(loadErr) != core.NotFound {
			b.Errorf("the transaction does not go on after a NotFound: %v", loadErr)
		}
		return err
	})
}

func newestChild(b *bench) {
	parent := b.enter(ada, b.start)
	of := func(g *core.Generation) { g.Parent = parent.ID }
	b.enter(ada, b.start.Add(time.Second), of)
	second := b.enter(ada, b.start.Add(3*time.Second), of)
	b.enter(ada, b.start.Add(4*time.Second))
	others := b.enter(bob, b.start.Add(5*time.Second), of)
	b.finish(second.ID, b.start.Add(4*time.Second))
	for name, want := range map[string]core.GenerationID{ada: second.ID, bob: others.ID} {
		account := b.account(name)
		b.tx(func(ctx context.Context, tx core.Tx) error {
			child, err := tx.Child(ctx, account, parent.ID)
			if child.ID != want || len(child.Takes) != 1 {
				b.Errorf("the newest child for %s is %q with %d takes, want %q whole", name, child.ID, len(child.Takes), want)
			}
			return err
		})
	}
}

func (b *bench) queue(now time.Time) (waiting []core.Waiting, running map[string]int, claimable int) {
	b.Helper()
	b.tx(func(ctx context.Context, tx core.Tx) (err error) {
		waiting, running, err = tx.Queue(ctx, now)
		if err != nil {
			return err
		}
		claimable, err = tx.Claimable(ctx, now)
		return err
	})
	return waiting, running, claimable
}

// sortWaiting: the order of what the queue shows is not promised.
var sortWaiting = cmpopts.SortSlices(func(a, b core.Waiting) bool {
	return a.Account+core.AccountID(a.Model) < b.Account+core.AccountID(b.Model)
})

func foremost(b *bench) {
	second := func(n int) time.Time { return b.start.Add(time.Duration(n) * time.Second) }
	older := b.enter(ada, second(0), count(2))
	newer := b.enter(ada, second(1), count(2))
	other := b.enter(ada, second(2), model("other"))
	others := b.enter(bob, second(3))
	later := b.enter("carol", second(4))
	b.set(later.ID, func(g *core.Generation) { g.Takes[0].DueAt = second(60) })
	ended := b.enter("dora", second(0))
	b.finish(ended.ID, second(1))

	line := func(g core.Generation, take int) core.Waiting {
		return core.Waiting{Generation: g.ID, Take: take, Account: g.Account, Model: g.Request.Model, CreatedAt: g.CreatedAt}
	}
	expect := func(when string, now time.Time, want ...core.Waiting) {
		b.Helper()
		got, _, _ := b.queue(now)
		if diff := cmp.Diff(want, got, sameTime, sortWaiting, cmpopts.EquateEmpty()); diff != "" {
			b.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	expect("the foremost of each account and model", second(10), line(older, 0), line(other, 0), line(others, 0))
	expect("when the last has become due", second(60), line(older, 0), line(other, 0), line(others, 0), line(later, 0))

	b.set(older.ID, func(g *core.Generation) { g.Takes[0].DueAt = second(60) })
	expect("one that waits is passed over", second(10), line(older, 1), line(other, 0), line(others, 0))

	b.set(newer.ID, func(g *core.Generation) {
		b.must(errors.Join(g.Claim(1, "holder", second(5)), g.Begin(1, "holder"), g.Keep(1, "holder", "ticket"), g.Release(1, "holder")))
	})
	paid := line(newer, 1)
	paid.Ticketed, paid.Served = true, second(5)
	otherNow := line(other, 0)
	otherNow.Served = second(5)
	expect("what is paid stands before what is older", second(10), paid, otherNow, line(others, 0))
}

func runningAndServed(b *bench) {
	second := func(n int) time.Time { return b.start.Add(time.Duration(n) * time.Second) }
	first := b.enter(ada, b.start, count(4))
	b.enter(ada, b.start, count(2), model("other"))
	b.enter(bob, b.start)
	claim := func(g core.Generation, take int, at time.Time) {
		b.set(g.ID, func(g *core.Generation) { b.must(g.Claim(take, "holder", at)) })
	}
	expect := func(when string, running map[string]int, held int, served time.Time) {
		b.Helper()
		waiting, gotRunning, _ := b.queue(second(30))
		if diff := cmp.Diff(running, gotRunning, cmpopts.EquateEmpty(), cmpopts.IgnoreMapEntries(func(_ string, n int) bool { return n == 0 })); diff != "" {
			b.Errorf("%s, running by model (-want +got):\n%s", when, diff)
		}
		for _, w := range waiting {
			wantHeld, wantServed := held, served
			if w.Account != first.Account {
				wantHeld, wantServed = 0, time.Time{}
			}
			if w.Running != wantHeld || !w.Served.Equal(wantServed) {
				b.Errorf("%s, %s has %d running and was served %v, want %d and %v", when, w.Account, w.Running, w.Served, wantHeld, wantServed)
			}
		}
	}
	expect("at first", nil, 0, time.Time{})
	claim(first, 0, second(1))
	expect("a take counts from its claim", map[string]int{"model": 1}, 1, second(1))
	claim(first, 1, second(2))
	b.set(first.ID, func(g *core.Generation) { b.must(g.Begin(1, "holder")) })
	expect("and when begun", map[string]int{"model": 2}, 2, second(2))
	b.set(first.ID, func(g *core.Generation) { b.must(g.Keep(1, "holder", "ticket")) })
	expect("and with a ticket", map[string]int{"model": 2}, 2, second(2))
	b.change(first.ID, func(g *core.Generation) []core.Entry {
		b.must(g.PutBack(0, "holder", second(60)))
		settled, err := g.Rendered(1, "holder", core.Image{Key: "out/1", Format: core.PNG, Width: 1, Height: 1, Bytes: 1}, second(3))
		b.must(err)
		return settled
	})
	expect("not when put back or ended", nil, 0, second(2))
}

func claimable(b *bench) {
	expect := func(when string, now time.Time, want int) {
		b.Helper()
		if _, _, got := b.queue(now); got != want {
			b.Errorf("%s %d takes are claimable, want %d", when, got, want)
		}
	}
	expect("at first", b.start, 0)
	g := b.enter(ada, b.start, count(4))
	b.enter(bob, b.start)
	b.finish(b.enter(bob, b.start).ID, b.start)
	expect("with five queued", b.start, 5)
	b.set(g.ID, func(g *core.Generation) {
		b.must(errors.Join(g.Claim(0, "holder", b.start), g.Claim(1, "holder", b.start), g.Begin(1, "holder"),
			g.Claim(2, "holder", b.start), g.Begin(2, "holder"), g.Keep(2, "holder", "ticket"), g.Release(2, "holder")))
		g.Takes[3].DueAt = b.start.Add(time.Minute)
	})
	expect("with one held, one begun, one ticketed, one to wait", b.start, 2)
	expect("when that has waited", b.start.Add(time.Minute), 3)
}
