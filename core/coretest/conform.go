package coretest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"imaginebot/core"
)

// TestStore holds a core.Store to its contract. open gives an empty store each time, on
// whose steps nobody works; its clock must be the real one.
func TestStore(t *testing.T, open func(t *testing.T) core.Store) {
	for _, promise := range []struct {
		name string
		test func(*bench)
	}{
		{"a transaction is kept whole or not at all", keptWhole},
		{"a transaction that panics leaves the store as it was", panicked},
		{"an event is fresh once", freshOnce},
		{"only events of the dead are adopted", adoptedFromDead},
		{"at most a hundred events are adopted at once", adoptedByHundred},
		{"a user has one account", oneAccount},
		{"usage counts by UTC day and month", countedByPeriod},
		{"a refund goes to the reservation's day", refundedToItsDay},
		{"the budget is the whole bot's", budgetOfAll},
		{"what is unfinished counts until it ends", countedUntilEnd},
		{"every field of a generation comes back", roundTrip},
		{"empty fields stay empty", roundTripEmpty},
		{"what is not there is NotFound", notFound},
		{"a child is the newest of its parent and account", newestChild},
		{"the queue shows who is foremost", foremost},
		{"the queue shows what is running", runningAndServed},
		{"claimable is what is due and free", claimable},
		{"steps come with their transaction", stepsWithTx},
		{"holders live until they are buried", buried},
		{"orphans are what the dead hold", orphans},
		{"overdue is what is open and old", overdue},
		{"untold is what nobody tells", untold},
		{"spoiled is what has outlived its time", spoiled},
		{"spoiled are at most a hundred", spoiledByHundred},
		{"unfinished are the account's, oldest first", unfinished},
		{"kept are the account's undelivered ones, newest first", keptForOwner},
		{"old events are forgotten once they have ended", forgottenEvents},
		{"the newest picture is by account and place", newestImage},
		{"the newest picture is one that is still kept", newestKept},
		{"a note lasts until it expires", notes},
		{"as many as are allowed pass at once", raceForAllowance},
		{"as many as the budget allows pass at once", raceForBudget},
		{"a first sight is one account, however many look", raceForAccount},
		{"no change is lost", raceForChange},
		{"a take is claimed once", raceForTakes},
	} {
		t.Run(promise.name, func(t *testing.T) {
			promise.test(&bench{T: t, Store: open(t), start: time.Now().UTC().Truncate(time.Millisecond)})
		})
	}
}

// bench is a store under test and shorthand for what tests do to it.
type bench struct {
	*testing.T
	core.Store
	start time.Time
	made  int
}

const (
	ada, bob = "ada", "bob"
	here     = "platform:here"
)

// tx runs do in a transaction that must succeed.
func (b *bench) tx(do func(ctx context.Context, tx core.Tx) error) {
	b.Helper()
	if err := b.InTx(b.Context(), do); err != nil {
		b.Fatalf("transaction: %v", err)
	}
}

func person(name string) core.UserID { return core.NewUserID("platform", name) }

func (b *bench) account(name string) (account core.AccountID) {
	b.Helper()
	b.tx(func(ctx context.Context, tx core.Tx) (err error) {
		account, err = tx.Account(ctx, person(name))
		return err
	})
	return account
}

// want makes a generation of name in the state in which a request enters.
func (b *bench) want(name string, created time.Time, change ...func(*core.Generation)) (core.Generation, []core.Entry) {
	b.Helper()
	b.made++
	event := core.EventKey(fmt.Sprint("event ", b.made))
	g := core.Generation{
		ID: core.GenerationOf(event), Event: event, Account: b.account(name), User: person(name), Place: here,
		ReplyTo: core.ReplyTo{Platform: "platform", Address: "address"}, CreatedAt: created,
		Request: core.Request{Model: "model", Prompt: "a prompt", Count: 1},
	}
	for _, c := range change {
		c(&g)
	}
	g, entries := core.NewGeneration(g, price)
	for i := range g.Takes {
		g.Takes[i].DueAt = created
	}
	return g, entries
}

// enter stores what want makes, and books it.
func (b *bench) enter(name string, created time.Time, change ...func(*core.Generation)) core.Generation {
	b.Helper()
	g, entries := b.want(name, created, change...)
	b.tx(func(ctx context.Context, tx core.Tx) error { return errors.Join(tx.Add(ctx, g), tx.Book(ctx, entries)) })
	return g
}

// change loads a generation, changes it, saves it, and books what that gives.
func (b *bench) change(id core.GenerationID, change func(*core.Generation) []core.Entry) core.Generation {
	b.Helper()
	var changed core.Generation
	b.tx(func(ctx context.Context, tx core.Tx) error {
		g, err := tx.Load(ctx, id)
		if err != nil {
			return err
		}
		entries := change(&g)
		changed = g
		return errors.Join(tx.Save(ctx, g), tx.Book(ctx, entries))
	})
	return changed
}

// set is change without entries.
func (b *bench) set(id core.GenerationID, change func(*core.Generation)) {
	b.Helper()
	b.change(id, func(g *core.Generation) []core.Entry { change(g); return nil })
}

// finish renders every take of a generation at a moment and tells it then.
func (b *bench) finish(id core.GenerationID, at time.Time) core.Generation {
	b.Helper()
	return b.change(id, func(g *core.Generation) (entries []core.Entry) {
		for i := range g.Takes {
			settled, err := rendered(g, i, at.Add(time.Duration(i)*time.Second))
			b.must(err)
			entries = append(entries, settled...)
		}
		b.must(errors.Join(g.HoldDelivery("holder", at), g.End("holder", "", true, at)))
		return entries
	})
}

// rendered takes one take from queued to rendered.
func rendered(g *core.Generation, take int, at time.Time) ([]core.Entry, error) {
	if err := errors.Join(g.Claim(take, "holder", at), g.Begin(take, "holder")); err != nil {
		return nil, err
	}
	image := core.Image{Key: "out/" + string(g.ID) + string(rune('1'+take)), Format: core.PNG, Width: 8, Height: 8, Bytes: 70}
	return g.Rendered(take, "holder", image, at)
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) usage(name string, now time.Time) core.Usage {
	b.Helper()
	account, usage, err := b.Store.Usage(b.Context(), person(name), now)
	b.must(err)
	b.tx(func(ctx context.Context, tx core.Tx) error {
		within, err := tx.Usage(ctx, account, now)
		if within != usage {
			b.Errorf("usage in a transaction is %+v, beside it %+v", within, usage)
		}
		return err
	})
	return usage
}

func (b *bench) same(what string, got, want []core.GenerationID, err error) {
	b.Helper()
	b.must(err)
	if !slices.Equal(got, want) {
		b.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// alike compares ids whose order is not promised.
func (b *bench) alike(what string, got, want []core.GenerationID, err error) {
	b.Helper()
	b.same(what, slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want)), err)
}

func private(g *core.Generation) { g.Request.Private = true }

func count(n int) func(*core.Generation) { return func(g *core.Generation) { g.Request.Count = n } }

func model(name string) func(*core.Generation) {
	return func(g *core.Generation) { g.Request.Model = name }
}

func in(place string) func(*core.Generation) { return func(g *core.Generation) { g.Place = place } }

func given(key string) func(*core.Generation) {
	return func(g *core.Generation) {
		g.Request.Image = &core.Image{Key: key, Format: core.JPEG, Width: 4, Height: 3, Bytes: 99}
	}
}
