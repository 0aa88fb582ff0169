package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"imaginebot/core"
	"imaginebot/core/coretest"
)

// moment is what a kill would have left at some time in a story.
type moment struct {
	name  string
	store *coretest.Store
	paid  map[coretest.TakeKey]int
	shown int
}

// record notes the moment after every commit, after every paid call before its answer,
// and after every delivery before its record.
func record(h *house) *[]moment {
	moments := &[]moment{}
	shown := 0
	note := func(name string) {
		*moments = append(*moments, moment{fmt.Sprintf("%s %d", name, len(*moments)), h.store.Fork(), h.renderer.PaidFor(), shown})
	}
	h.store.OnCommit(func() { note("commit") })
	h.renderer.OnPaid = func(core.Order) { note("paid") }
	h.courier.OnDelivered = func(core.Outcome) { shown++; note("shown") }
	return moments
}

// Killed at any moment, everything accepted goes on: nothing is paid twice, nothing is
// lost, and the ledger is whole. Steps are hints, so all of it holds without them too.
func TestKilledAtAnyMoment(t *testing.T) {
	for name, c := range map[string]struct {
		model  string
		count  int
		script func(h *house)
	}{
		"without a ticket":  {text, 2, func(*house) {}},
		"with a ticket":     {kontext, 2, func(h *house) { h.renderer.Next(coretest.Scene{Ticket: "one"}, coretest.Scene{Ticket: "two"}) }},
		"with one refused":  {text, 2, func(h *house) { h.renderer.For(1, coretest.Scene{After: fails(core.Refused)}) }},
		"with a busy one":   {text, 1, func(h *house) { h.renderer.Next(coretest.Scene{After: fails(core.Busy)}) }},
		"with a lost line":  {kontext, 1, func(h *house) { h.renderer.Next(coretest.Scene{Ticket: "one", After: errors.New("reset")}) }},
		"delivered at last": {text, 1, func(h *house) { h.courier.Next(coretest.Answer{Err: errors.New("502"), Receipt: "half"}) }},
	} {
		for _, hints := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, steps kept %v", name, hints), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := build(t, nil, nil, nil)
					c.script(h)
					moments := record(h)
					sub := h.ask("ada", c.model, count(c.count))
					_, err := h.Accept(t.Context(), []core.Event{{Key: sub.Event, Platform: "platform", Raw: []byte("raw"), At: time.Now()}})
					h.must(err)
					g := h.submit(sub)
					h.must(h.Done(t.Context(), sub.Event))
					for range 3 {
						h.work()
						h.pass(time.Minute)
					}
					h.store.OnCommit(nil)
					if h.generation(g.ID).State != core.Delivered || len(*moments) < 8 {
						t.Fatalf("the story without a kill ends %s after %d moments", h.generation(g.ID).State, len(*moments))
					}
					pictures := h.pictures
					for _, m := range *moments {
						survive(t, m, pictures, sub, g.ID, hints)
					}
				})
			})
		}
	}
}

// survive starts the next process on what a kill has left.
func survive(t *testing.T, m moment, pictures *coretest.Pictures, sub core.Submission, id core.GenerationID, hints bool) {
	wrong := func(format string, values ...any) {
		t.Errorf("killed at %s: %s", m.name, fmt.Sprintf(format, values...))
	}
	if !hints {
		if err := m.store.LoseSteps(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	next := build(t, m.store, pictures, nil)
	next.receive = func(ctx context.Context, event core.Event) {
		if event.Key != sub.Event || string(event.Raw) != "raw" {
			wrong("adopted %+v", event)
		}
		if _, _, err := next.Submit(ctx, sub); err != nil {
			wrong("%v", err)
		}
		if err := next.Done(ctx, event.Key); err != nil {
			wrong("%v", err)
		}
	}
	began := time.Now()
	next.run(2)
	next.pass(10 * time.Second)
	g := next.generation(id)
	if g.State == core.Open {
		wrong("ten seconds after the start it is open, with takes %+v", g.Takes)
	}
	next.close()
	checkLedger(t, m.store)
	for take, calls := range next.renderer.PaidFor() {
		m.paid[take] += calls
	}
	for _, take := range g.Takes {
		calls := m.paid[coretest.TakeKey{Generation: id, Take: take.Index}]
		// What the provider was too busy for was no paid call.
		if calls > 1+take.Attempts || take.State == core.TakeRendered && calls == 0 {
			wrong("take %d is %s and was paid %d times", take.Index, take.State, calls)
		}
	}
	told := len(next.courier.Told())
	switch {
	case m.shown+told == 0:
		wrong("nobody was told")
	case m.shown > 0 && told > 0 && !unrecorded(m):
		wrong("told twice")
	case told > 1:
		wrong("told %d times", told)
	}
	if took := time.Since(began); took > time.Minute {
		wrong("it took %v", took)
	}
	for _, fault := range next.courier.Faults() {
		wrong("%s", fault)
	}
}

// unrecorded: killed between a delivery and its record, it may be shown twice.
func unrecorded(m moment) bool {
	return len(m.name) > 5 && m.name[:5] == "shown"
}

// A process that stands still while others think it dead changes nothing when it goes on.
func TestStandstill(t *testing.T) {
	for name, c := range map[string]struct {
		scene func(gate chan struct{}) coretest.Scene
		model string
		take  core.TakeState
		paid  int
	}{
		"being prepared": {func(gate chan struct{}) coretest.Scene { return coretest.Scene{Preparing: gate} }, text, core.TakeRendered, 1},
		"begun":          {func(gate chan struct{}) coretest.Scene { return coretest.Scene{Working: gate} }, text, core.TakeFailed, 1},
		"ticketed": {func(gate chan struct{}) coretest.Scene {
			return coretest.Scene{Ticket: "ticket", Working: gate}
		}, kontext, core.TakeRendered, 1},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, h *house) {
				gate := make(chan struct{})
				h.renderer.Next(c.scene(gate))
				g := h.submit(h.ask("ada", c.model))
				worked := make(chan struct{})
				go func() {
					defer close(worked)
					h.work() // its heart does not beat: nobody runs it
				}()
				h.pass(30 * time.Second)
				other := build(t, h.store, h.pictures, func(s *core.Settings) { s.Alone = false })
				other.work()
				state := core.Delivered
				if c.take == core.TakeFailed {
					state = core.RefusedWhole
				}
				other.is(g.ID, state, c.take)
				before := other.generation(g.ID)
				close(gate)
				<-worked
				if after := other.generation(g.ID); after.State != before.State || after.Takes[0].State != before.Takes[0].State {
					t.Errorf("it went on and made it %s", after.Takes[0].State)
				}
				if paid := h.renderer.Paid() + other.renderer.Paid(); paid != c.paid {
					t.Errorf("%d calls were paid, want %d", paid, c.paid)
				}
				if told := len(h.courier.Told()) + len(other.courier.Told()); told != 1 {
					t.Errorf("told %d times", told)
				}
			})
		})
	}
}

// A heartbeat does not wait for anything: a process that is busy sweeping is not dead.
func TestHeartBeatsWhileSweeping(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.Keep = time.Hour
		for range 3 {
			h.submit(h.ask("ada", text))
		}
		h.work()
		slow := &slowPictures{Pictures: h.pictures, lasts: 20 * time.Second}
		h.Studio.Pictures = slow
		gate := make(chan struct{})
		h.pass(2 * time.Hour)
		h.renderer.Next(coretest.Scene{Working: gate})
		h.run(1)
		h.pass(10*time.Minute - time.Second) // just before what is spoiled is deleted
		g := h.submit(h.ask("ada", text))
		h.pass(45 * time.Second)
		other := build(t, h.store, h.pictures, func(s *core.Settings) { s.Alone = false })
		if take := other.generation(g.ID).Takes[0]; take.State != core.TakeBegun {
			t.Errorf("another process took it for dead: the take is %s", take.State)
		}
		close(gate)
		h.pass(time.Minute)
		h.is(g.ID, core.Delivered, core.TakeRendered)
	})
}

// slowPictures takes its time to delete.
type slowPictures struct {
	*coretest.Pictures
	lasts time.Duration
}

func (s *slowPictures) Delete(ctx context.Context, keys ...string) error {
	time.Sleep(s.lasts)
	return s.Pictures.Delete(ctx, keys...)
}

func TestEventsOfTheDeadAreAdopted(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		var events []core.Event
		for i := range 3 {
			events = append(events, core.Event{Key: core.EventKey(fmt.Sprint("left ", i)), Platform: "platform", Raw: []byte("raw"), At: time.Now()})
		}
		_, err := h.Accept(t.Context(), events)
		h.must(err)
		h.must(h.Done(t.Context(), events[0].Key))

		next := build(t, h.store.Fork(), h.pictures, nil)
		next.receive = func(ctx context.Context, event core.Event) {
			if event.Key == "left 1" {
				panic("on purpose")
			}
			next.must(next.Done(ctx, event.Key))
		}
		next.run(1)
		next.pass(time.Minute)
		if len(next.received) != 2 {
			t.Errorf("received %v", next.received)
		}
		next.logged("an adopted event was not worked", 1)
		next.close()
	})
}

// An adapter that is off in this process leaves its events to a process where it is on.
func TestEventsOfAnotherAdapterAreLeft(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		_, err := h.Accept(t.Context(), []core.Event{{Key: "left", Platform: "elsewhere", Raw: []byte("raw"), At: time.Now()}})
		h.must(err)
		store := h.store.Fork()
		wrong := build(t, store, h.pictures, nil)
		wrong.run(1)
		wrong.pass(time.Minute)
		right := build(t, store, h.pictures, func(s *core.Settings) { s.Alone = false })
		received := 0
		right.Connect("elsewhere", right.courier, func(context.Context, core.Event) { received++ })
		right.run(1)
		right.pass(time.Minute)
		if received != 1 {
			t.Errorf("received %d times by the process that has the adapter", received)
		}
		right.close()
		wrong.close()
	})
}

func TestStartWithADatabaseThatIsDown(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.store.Break(down)
		if err := h.Recover(t.Context()); !errors.Is(err, down) {
			t.Errorf("%v", err)
		}
		h.run(1)
		h.pass(time.Minute)
		h.store.Break(nil)
		h.submit(h.ask("ada", text))
		h.pass(time.Second)
		h.told(1)
	})
}
