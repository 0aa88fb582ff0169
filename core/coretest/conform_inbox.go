package coretest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"imaginebot/core"
)

func keptWhole(b *bench) {
	account := b.account(ada)
	g, entries := b.want(ada, b.start)
	undone := errors.New("undone")
	err := b.InTx(b.Context(), func(ctx context.Context, tx core.Tx) error {
		_, err := tx.AddEvents(ctx, []core.Event{{Key: "event", Platform: "platform", Raw: []byte("raw"), At: b.start}}, "holder")
		return errors.Join(err, tx.Add(ctx, g), tx.Book(ctx, entries),
			tx.Beat(ctx, "holder", b.start), tx.Enqueue(ctx, core.Step{Kind: core.StepRender}, b.start), undone)
	})
	if !errors.Is(err, undone) {
		b.Errorf("a transaction that was undone ended in %v, want the error it was undone for", err)
	}
	if _, err := b.Generation(b.Context(), g.ID); core.KindOf(err) != core.NotFound {
		b.Errorf("its generation: %v, want NotFound", err)
	}
	if used := b.usage(ada, b.start); used != (core.Usage{}) {
		b.Errorf("its reservation counts: %+v", used)
	}
	b.tx(func(ctx context.Context, tx core.Tx) error {
		holders, err := tx.Holders(ctx)
		steps, stepErr := tx.RenderSteps(ctx, b.start)
		if len(holders) != 0 || steps != 0 {
			b.Errorf("its heartbeat and steps are there: %v, %d", holders, steps)
		}
		again, accountErr := tx.Account(ctx, person(ada))
		if again != account {
			b.Errorf("the account became %q, was %q", again, account)
		}
		return errors.Join(err, stepErr, accountErr)
	})
	if fresh := b.accept("holder", "event"); len(fresh) != 1 {
		b.Error("its event is there")
	}
}

func panicked(b *bench) {
	g, _ := b.want(ada, b.start)
	func() {
		defer func() {
			if recover() == nil {
				b.Error("the panic was swallowed")
			}
		}()
		_ = b.InTx(b.Context(), func(ctx context.Context, tx core.Tx) error {
			if err := tx.Add(ctx, g); err != nil {
				return err
			}
			panic("on purpose")
		})
	}()
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
	defer cancel()
	if _, err := b.Generation(ctx, g.ID); core.KindOf(err) != core.NotFound {
		b.Errorf("what it did: %v, want NotFound", err)
	}
	b.must(b.InTx(ctx, func(ctx context.Context, tx core.Tx) error { return tx.Add(ctx, g) }))
}

// accept stores events with these keys and returns the keys of the fresh ones.
func (b *bench) accept(holder core.HolderID, keys ...core.EventKey) (fresh []core.EventKey) {
	b.Helper()
	b.tx(func(ctx context.Context, tx core.Tx) error {
		fresh = nil
		var events []core.Event
		for _, key := range keys {
			events = append(events, b.event(key))
		}
		added, err := tx.AddEvents(ctx, events, holder)
		for _, e := range added {
			fresh = append(fresh, e.Key)
		}
		return err
	})
	return fresh
}

func (b *bench) event(key core.EventKey) core.Event {
	raw := []byte("raw form of " + string(key) + "\x00\xff")
	return core.Event{Key: key, Platform: "platform", Raw: raw, At: b.start}
}

func (b *bench) adopt(holder core.HolderID) (adopted []core.Event) {
	b.Helper()
	b.tx(func(ctx context.Context, tx core.Tx) (err error) {
		adopted, err = tx.AdoptEvents(ctx, holder, []core.Platform{"platform", "other"})
		return err
	})
	slices.SortFunc(adopted, func(x, y core.Event) int { return strings.Compare(string(x.Key), string(y.Key)) })
	return adopted
}

func (b *bench) beat(holder core.HolderID, at time.Time) {
	b.Helper()
	b.tx(func(ctx context.Context, tx core.Tx) error { return tx.Beat(ctx, holder, at) })
}

func (b *bench) bury(living core.HolderID, before time.Time) {
	b.Helper()
	b.tx(func(ctx context.Context, tx core.Tx) error { return tx.Bury(ctx, living, before) })
}

func freshOnce(b *bench) {
	b.beat("one", b.start)
	b.beat("two", b.start)
	if fresh := b.accept("one", "a", "b", "a"); !slices.Equal(fresh, []core.EventKey{"a", "b"}) {
		b.Errorf("fresh of a, b, a: %q", fresh)
	}
	if fresh := b.accept("two", "b", "c", "a", "d"); !slices.Equal(fresh, []core.EventKey{"c", "d"}) {
		b.Errorf("fresh of b, c, a, d after a and b: %q", fresh)
	}
	if fresh := b.accept("two"); len(fresh) != 0 {
		b.Errorf("fresh of none: %q", fresh)
	}
	for range 2 { // once more does no harm
		b.tx(func(ctx context.Context, tx core.Tx) error {
			return errors.Join(tx.EndEvent(ctx, "a"), tx.EndEvent(ctx, "never seen"))
		})
	}
	if fresh := b.accept("two", "a"); len(fresh) != 0 {
		b.Error("an event that was answered is fresh again")
	}
}

func adoptedFromDead(b *bench) {
	b.beat("dead", b.start.Add(-time.Hour))
	b.beat("alive", b.start)
	b.accept("dead", "answered", "left")
	b.accept("alive", "in work")
	b.tx(func(ctx context.Context, tx core.Tx) error {
		_, err := tx.AddEvents(ctx, []core.Event{{Key: "of an adapter that is off", Platform: "elsewhere", At: b.start}}, "dead")
		return err
	})
	b.tx(func(ctx context.Context, tx core.Tx) error { return tx.EndEvent(ctx, "answered") })

	if adopted := b.adopt("alive"); len(adopted) != 0 {
		b.Errorf("adopted from a holder that is not buried: %v", adopted)
	}
	b.bury("alive", b.start.Add(-time.Minute))
	if diff := cmp.Diff([]core.Event{b.event("left")}, b.adopt("alive"), sameTime); diff != "" {
		b.Errorf("adopted from a buried holder (-want +got):\n%s", diff)
	}
	if adopted := b.adopt("alive"); len(adopted) != 0 {
		b.Errorf("adopted twice: %v", adopted)
	}
	b.beat("third", b.start)
	b.bury("third", b.start.Add(time.Minute))
	if adopted := b.adopt("third"); len(adopted) != 2 {
		b.Errorf("after the adopter's own death there are %d to adopt, want what it had adopted and its own", len(adopted))
	}
}

func forgottenEvents(b *bench) {
	b.accept("one", "ended", "open")
	b.tx(func(ctx context.Context, tx core.Tx) error { return tx.EndEvent(ctx, "ended") })
	forget := func(before time.Time) {
		b.Helper()
		b.tx(func(ctx context.Context, tx core.Tx) error { return tx.ForgetEvents(ctx, before) })
	}
	forget(b.start)
	if fresh := b.accept("two", "ended", "open"); len(fresh) != 0 {
		b.Errorf("forgotten too early: %q", fresh)
	}
	forget(b.start.Add(time.Second))
	if fresh := b.accept("two", "ended", "open"); !slices.Equal(fresh, []core.EventKey{"ended"}) {
		b.Errorf("fresh after the ended one was forgotten: %q", fresh)
	}
}

func adoptedByHundred(b *bench) {
	b.beat("alive", b.start)
	var keys []core.EventKey
	for i := range 120 {
		keys = append(keys, core.EventKey(fmt.Sprint("event ", i)))
	}
	b.accept("dead", keys...)
	seen := map[core.EventKey]bool{}
	for _, want := range []int{100, 20, 0} {
		adopted := b.adopt("alive")
		if len(adopted) != want {
			b.Errorf("adopted %d, want %d", len(adopted), want)
		}
		for _, e := range adopted {
			seen[e.Key] = true
		}
	}
	if len(seen) != len(keys) {
		b.Errorf("%d different events were adopted, want %d", len(seen), len(keys))
	}
}

func oneAccount(b *bench) {
	account, usage, err := b.Store.Usage(b.Context(), person(ada), b.start)
	if account != "" || usage != (core.Usage{}) || err != nil {
		b.Errorf("before the first sight: %q, %+v, %v", account, usage, err)
	}
	first := b.account(ada)
	if first == "" || b.account(ada) != first {
		b.Errorf("the account of one person is %q, then %q", first, b.account(ada))
	}
	if b.account(bob) == first {
		b.Error("two persons have one account")
	}
	var elsewhere core.AccountID
	b.tx(func(ctx context.Context, tx core.Tx) (err error) {
		elsewhere, err = tx.Account(ctx, core.NewUserID("elsewhere", ada))
		return err
	})
	if elsewhere == first {
		b.Error("the same id on two platforms is one account")
	}
	if account, _, _ := b.Store.Usage(b.Context(), person(ada), b.start); account != first {
		b.Errorf("read beside a transaction the account is %q, want %q", account, first)
	}
}

func stepsWithTx(b *bench) {
	render := core.Step{Kind: core.StepRender}
	g := b.enter(ada, b.start)
	undone := errors.New("undone")
	steps := func(want int) {
		b.Helper()
		b.tx(func(ctx context.Context, tx core.Tx) error {
			got, err := tx.RenderSteps(ctx, b.start)
			if got != want {
				b.Errorf("%d render steps, want %d", got, want)
			}
			return err
		})
	}
	steps(0)
	b.tx(func(ctx context.Context, tx core.Tx) error {
		return errors.Join(tx.Enqueue(ctx, render, b.start), tx.Enqueue(ctx, render, b.start),
			tx.Enqueue(ctx, core.Step{Kind: core.StepDeliver, Generation: g.ID}, b.start))
	})
	b.tx(func(ctx context.Context, tx core.Tx) error { return tx.Enqueue(ctx, render, b.start.Add(time.Hour)) })
	steps(2)
	err := b.InTx(b.Context(), func(ctx context.Context, tx core.Tx) error {
		if err := tx.Enqueue(ctx, render, b.start); err != nil {
			return err
		}
		if got, err := tx.RenderSteps(ctx, b.start); got != 3 || err != nil {
			b.Errorf("its own transaction sees %d steps, want 3: %v", got, err)
		}
		return undone
	})
	if !errors.Is(err, undone) {
		b.Errorf("undone with %v", err)
	}
	steps(2)
}

func buried(b *bench) {
	b.beat("first", b.start)
	b.beat("late", b.start.Add(-time.Minute))
	b.beat("own", b.start.Add(-time.Hour))
	holders := func(want ...core.HolderID) {
		b.Helper()
		b.tx(func(ctx context.Context, tx core.Tx) error {
			got, err := tx.Holders(ctx)
			for _, holder := range want {
				if !got[holder] {
					b.Errorf("%q is buried", holder)
				}
			}
			if len(got) != len(want) {
				b.Errorf("holders are %v, want %q", got, want)
			}
			return err
		})
	}
	holders("first", "late", "own")
	b.bury("own", b.start.Add(-2*time.Hour))
	holders("first", "late", "own")
	b.bury("own", b.start.Add(-time.Second))
	holders("first", "own")
	b.beat("late", b.start)
	b.beat("first", b.start.Add(time.Minute))
	b.bury("own", b.start.Add(time.Second))
	holders("first", "own")
}

func notes(b *bench) {
	read := func(key, want string) {
		b.Helper()
		if got, err := b.Note(b.Context(), key); got != want || err != nil {
			b.Errorf("note %q is %q, want %q: %v", key, got, want, err)
		}
	}
	read("key", "")
	soon := time.Now().Add(time.Hour)
	b.must(b.PutNote(b.Context(), "key", "value ' \" \\ é 🖼", soon))
	b.must(b.PutNote(b.Context(), "other", "another", soon))
	read("key", "value ' \" \\ é 🖼")
	b.must(b.PutNote(b.Context(), "key", "", soon))
	read("key", "")
	b.must(b.PutNote(b.Context(), "key", "newer", soon))
	read("key", "newer")
	b.must(b.PutNote(b.Context(), "key", "over", time.Now().Add(-time.Second)))
	read("key", "")
	b.must(b.PutNote(b.Context(), "key", "back", soon))
	read("key", "back")
	read("other", "another")
}
