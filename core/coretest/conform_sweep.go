package coretest

import (
	"errors"
	"time"

	"imaginebot/core"
)

func orphans(b *bench) {
	b.beat("alive", b.start)
	b.beat("dead", b.start.Add(-time.Hour))
	claim := func(g core.Generation, holder core.HolderID) core.GenerationID {
		b.set(g.ID, func(g *core.Generation) { b.must(g.Claim(0, holder, b.start)) })
		return g.ID
	}
	b.enter(ada, b.start)
	claim(b.enter(ada, b.start), "alive")
	taken := claim(b.enter(ada, b.start, count(2)), "dead")
	told := b.enter(ada, b.start)
	b.change(told.ID, func(g *core.Generation) []core.Entry {
		settled, err := rendered(g, 0, b.start)
		b.must(errors.Join(err, g.HoldDelivery("dead", b.start)))
		return settled
	})
	over := b.enter(ada, b.start)
	b.finish(over.ID, b.start)
	got, err := b.Orphans(b.Context())
	b.alike("orphans while the holder lives", got, nil, err)
	b.bury("alive", b.start.Add(-time.Minute))
	got, err = b.Orphans(b.Context())
	b.alike("orphans", got, []core.GenerationID{taken, told.ID}, err)
	b.set(taken, func(g *core.Generation) { b.must(g.Release(0, "dead")) })
	got, err = b.Orphans(b.Context())
	b.alike("orphans when one is freed", got, []core.GenerationID{told.ID}, err)
}

func overdue(b *bench) {
	old := b.enter(ada, b.start.Add(-time.Hour))
	older := b.enter(bob, b.start.Add(-2*time.Hour))
	b.finish(b.enter(ada, b.start.Add(-3*time.Hour)).ID, b.start)
	b.enter(ada, b.start)
	got, err := b.Overdue(b.Context(), b.start.Add(-30*time.Minute))
	b.alike("overdue", got, []core.GenerationID{older.ID, old.ID}, err)
	got, err = b.Overdue(b.Context(), old.CreatedAt)
	b.alike("overdue before a moment", got, []core.GenerationID{older.ID}, err)
}

func untold(b *bench) {
	made := func(due time.Time) core.GenerationID {
		g := b.enter(ada, b.start, count(2))
		b.change(g.ID, func(g *core.Generation) []core.Entry {
			settled, err := rendered(g, 0, b.start)
			b.must(err)
			g.DueAt = due
			return append(settled, g.Cancel(b.start)...)
		})
		return g.ID
	}
	never, long := made(time.Time{}), made(b.start.Add(-time.Minute))
	made(b.start.Add(time.Minute))
	held := made(time.Time{})
	b.set(held, func(g *core.Generation) { b.must(g.HoldDelivery("holder", b.start)) })
	halfway := b.enter(ada, b.start, count(2))
	b.change(halfway.ID, func(g *core.Generation) []core.Entry {
		settled, err := rendered(g, 0, b.start)
		b.must(err)
		return settled
	})
	b.finish(b.enter(ada, b.start).ID, b.start)
	got, err := b.Untold(b.Context(), b.start)
	b.alike("untold", got, []core.GenerationID{never, long}, err)
	got, err = b.Untold(b.Context(), b.start.Add(-time.Hour))
	b.alike("untold for an hour", got, []core.GenerationID{never}, err)
}

func spoiled(b *bench) {
	hour := func(n int) time.Time { return b.start.Add(time.Duration(n) * time.Hour) }
	inputs, results := hour(-24), hour(-720)
	end := func(at time.Time, changes ...func(*core.Generation)) core.GenerationID {
		return b.finish(b.enter(ada, at, changes...).ID, at).ID
	}
	refuse := func(at time.Time, changes ...func(*core.Generation)) core.GenerationID {
		g := b.enter(ada, at, changes...)
		b.change(g.ID, func(g *core.Generation) []core.Entry {
			back := g.Cancel(at)
			b.must(errors.Join(g.HoldDelivery("holder", at), g.End("holder", "", true, at)))
			return back
		})
		return g.ID
	}
	control := func(g *core.Generation) {
		g.Request.ControlImage = &core.Image{Key: "in/control", Format: core.PNG, Width: 1, Height: 1, Bytes: 1}
	}
	with, withControl := end(hour(-25), given("in/a")), end(hour(-25), control)
	refused := refuse(hour(-25), given("in/b"))
	end(hour(-23), given("in/c"))
	b.finish(b.enter(ada, hour(-30), given("in/h")).ID, hour(-23)) // the end counts, not the beginning
	end(hour(-25))
	b.enter(ada, hour(-800), given("in/d"))
	refuse(hour(-800))
	gone := end(hour(-25), given("in/e"))
	b.set(gone, func(g *core.Generation) { g.InputsGone = true })
	old := end(hour(-721))
	oldGone := end(hour(-721), given("in/f"))
	b.set(oldGone, func(g *core.Generation) { g.InputsGone = true })
	purged := end(hour(-721), given("in/g"))
	b.set(purged, func(g *core.Generation) { g.InputsGone, g.Purged = true, true })
	got, err := b.Spoiled(b.Context(), inputs, results)
	b.alike("spoiled", got, []core.GenerationID{with, withControl, refused, old, oldGone}, err)
}

func spoiledByHundred(b *bench) {
	for range 101 {
		b.finish(b.enter(ada, b.start).ID, b.start)
	}
	after := b.start.Add(time.Hour)
	for _, want := range []int{100, 1} {
		ids, err := b.Spoiled(b.Context(), after, after)
		b.must(err)
		if len(ids) != want {
			b.Fatalf("%d are spoiled, want %d", len(ids), want)
		}
		for _, id := range ids {
			b.set(id, func(g *core.Generation) { g.Purged = true })
		}
	}
}

func keptForOwner(b *bench) {
	keep := func(g core.Generation, change func(*core.Generation)) core.GenerationID {
		b.finish(g.ID, b.start.Add(time.Hour))
		b.set(g.ID, func(g *core.Generation) {
			g.State = core.KeptForOwner
			change(g)
		})
		return g.ID
	}
	as := func(*core.Generation) {}
	older := keep(b.enter(ada, b.start), as)
	newer := keep(b.enter(ada, b.start.Add(time.Minute)), as)
	keep(b.enter(ada, b.start), func(g *core.Generation) { g.Purged = true })
	keep(b.enter(ada, b.start), func(g *core.Generation) { g.CancelAsked = true })
	keep(b.enter(bob, b.start), as)
	b.finish(b.enter(ada, b.start).ID, b.start)
	got, err := b.Kept(b.Context(), b.account(ada))
	b.same("kept", got, []core.GenerationID{newer, older}, err)
	got, err = b.Kept(b.Context(), "")
	b.same("kept of nobody", got, nil, err)
}

func unfinished(b *bench) {
	newer := b.enter(ada, b.start.Add(time.Minute))
	older := b.enter(ada, b.start)
	b.enter(bob, b.start)
	b.finish(b.enter(ada, b.start).ID, b.start)
	begun := b.enter(ada, b.start.Add(2*time.Minute))
	b.set(begun.ID, func(g *core.Generation) {
		b.must(errors.Join(g.Claim(0, "holder", begun.CreatedAt), g.Begin(0, "holder")))
	})
	got, err := b.Unfinished(b.Context(), older.Account)
	b.same("unfinished", got, []core.GenerationID{older.ID, newer.ID, begun.ID}, err)
	got, err = b.Unfinished(b.Context(), "")
	b.same("unfinished of nobody", got, nil, err)
}

func (b *bench) newest(name, place, want string) {
	b.Helper()
	image, err := b.Store.NewestImage(b.Context(), b.account(name), place, true)
	if want == "" {
		if core.KindOf(err) != core.NotFound {
			b.Errorf("the newest picture of %s in %s is %q, want none: %v", name, place, image.Key, err)
		}
		return
	}
	b.must(err)
	if image.Key != want {
		b.Errorf("the newest picture of %s in %s is %q, want %q", name, place, image.Key, want)
	}
}

func newestImage(b *bench) {
	minute := func(n int) time.Time { return b.start.Add(time.Duration(n) * time.Minute) }
	first := b.finish(b.enter(ada, minute(0), given("in/first")).ID, minute(1))
	b.newest(ada, here, first.Takes[0].Image.Key)
	b.newest(ada, "platform:there", "")
	b.newest(bob, here, "")
	b.enter(bob, minute(2), given("in/bob"))
	b.enter(ada, minute(2), given("in/there"), in("platform:there"))
	b.newest(ada, here, first.Takes[0].Image.Key)
	b.newest(ada, "platform:there", "in/there")
	b.newest(bob, here, "in/bob")

	second := b.enter(ada, minute(3), given("in/second"), private, count(2))
	b.newest(ada, here, "in/second")
	whole := core.Image{Key: "out/second", Format: core.JPEG, Width: 640, Height: 480, Bytes: 12345}
	b.change(second.ID, func(g *core.Generation) []core.Entry {
		b.must(errors.Join(g.Claim(0, "holder", minute(4)), g.Begin(0, "holder")))
		settled, err := g.Rendered(0, "holder", whole, minute(4))
		b.must(err)
		return settled
	})
	if got, err := b.Store.NewestImage(b.Context(), second.Account, here, false); got.Key != first.Takes[0].Image.Key || err != nil {
		b.Errorf("the newest picture that others may see is %+v, want the first: %v", got, err)
	}
	if got, err := b.Store.NewestImage(b.Context(), second.Account, here, true); got != whole || err != nil {
		b.Errorf("the newest picture is %+v, want %+v: %v", got, whole, err)
	}
	b.enter(ada, minute(5))
	b.newest(ada, here, "out/second")
}

func newestKept(b *bench) {
	minute := func(n int) time.Time { return b.start.Add(time.Duration(n) * time.Minute) }
	first := b.finish(b.enter(ada, minute(0)).ID, minute(1))
	second := b.finish(b.enter(ada, minute(2), given("in/second")).ID, minute(3))
	third := b.enter(ada, minute(4), given("in/third"))
	b.newest(ada, here, "in/third")
	b.set(third.ID, func(g *core.Generation) { g.InputsGone = true })
	b.newest(ada, here, second.Takes[0].Image.Key)
	b.set(second.ID, func(g *core.Generation) { g.InputsGone, g.Purged = true, true })
	b.newest(ada, here, first.Takes[0].Image.Key)
	b.set(first.ID, func(g *core.Generation) { g.InputsGone, g.Purged = true, true })
	b.newest(ada, here, "")
}
