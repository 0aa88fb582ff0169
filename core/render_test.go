package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"imaginebot/core"
	"imaginebot/core/coretest"
)

func fails(kind core.Kind) error { return &core.Error{Kind: kind} }

func TestOneOfThreeFails(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.renderer.For(1, coretest.Scene{After: fails(core.Refused)})
		g := h.submit(h.ask("ada", text, count(3)))
		h.uses(3, 75_000, 75_000)
		h.work()
		h.is(g.ID, core.Delivered, core.TakeRendered, core.TakeFailed, core.TakeRendered)
		outcome := h.told(1)
		if failed := outcome.Failed(); len(failed) != 1 || failed[0].Index != 1 || failed[0].Kind != core.Refused {
			t.Errorf("failed: %+v", failed)
		}
		if len(outcome.Generation.Images()) != 2 || outcome.Generation.Charged() != 50_000 {
			t.Errorf("%d pictures for %v", len(outcome.Generation.Images()), outcome.Generation.Charged())
		}
		h.uses(2, 50_000, 75_000) // whether moderated work is billed is unknown: the budget bears it
		if outcome.Left.Images != 23 {
			t.Errorf("%d are left after it", outcome.Left.Images)
		}
	})
}

func TestEveryTakeFails(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.renderer.Next(coretest.Scene{Before: fails(core.Invalid)}, coretest.Scene{After: fails(core.NoModel)})
		g := h.submit(h.ask("ada", text, count(2)))
		h.work()
		h.is(g.ID, core.RefusedWhole, core.TakeFailed, core.TakeFailed)
		if failed := h.told(1).Failed(); failed[0].Kind != core.Invalid || failed[1].Kind != core.NoModel {
			t.Errorf("failed: %+v", failed)
		}
		h.uses(0, 0, 0)
	})
}

func TestBusyIsPutBackAndTriedAgain(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.renderer.Next(coretest.Scene{After: &core.Error{Kind: core.Busy, After: 7 * time.Second}})
		g := h.submit(h.ask("ada", text))
		h.work()
		take := h.is(g.ID, core.Open, core.TakeQueued).Takes[0]
		if wait := time.Until(take.DueAt); wait != 7*time.Second || take.Attempts != 1 || take.Holder != "" {
			t.Errorf("due in %v, %+v", wait, take)
		}
		h.uses(1, 25_000, 25_000)
		h.pass(7*time.Second - time.Millisecond)
		h.work()
		h.is(g.ID, core.Open, core.TakeQueued)
		h.pass(time.Millisecond)
		h.work()
		h.is(g.ID, core.Delivered, core.TakeRendered)
		h.told(1)
	})
}

func TestBusyWithoutAHintBacksOff(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		for range 8 {
			h.renderer.Next(coretest.Scene{Before: fails(core.Busy)})
		}
		h.renderer.Next(coretest.Scene{Before: &core.Error{Kind: core.Busy, After: time.Hour}})
		g := h.submit(h.ask("ada", text))
		var waits []time.Duration
		for range 9 {
			h.work()
			wait := time.Until(h.generation(g.ID).Takes[0].DueAt)
			waits = append(waits, wait)
			h.pass(wait + time.Millisecond) // the store keeps whole ones
		}
		for i, wait := range waits {
			most := min(2*time.Second<<i, time.Minute)
			if wait < most/2-time.Millisecond || wait > most {
				t.Errorf("the %d. wait is %v, want at most %v and at least half of it", i+1, wait, most)
			}
		}
		if waits[8].Round(time.Second) != time.Minute {
			t.Errorf("a hint of an hour is taken for %v, want a minute", waits[8])
		}
		h.work()
		h.told(1)
	})
}

func TestBusyToTheEnd(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		for range 200 {
			h.renderer.Next(coretest.Scene{Before: fails(core.Busy)})
		}
		g := h.submit(h.ask("ada", text))
		h.run(2)
		h.pass(core.Deadline - time.Minute)
		h.is(g.ID, core.Open, core.TakeQueued)
		h.pass(2 * time.Minute)
		take := h.is(g.ID, core.RefusedWhole, core.TakeFailed).Takes[0]
		if take.Kind != core.Busy || take.Reason != core.ReasonDeadline {
			t.Errorf("%+v", take)
		}
		h.told(1)
		h.uses(0, 0, 0)
	})
}

func TestPausedIsHeldAndGivenBack(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		for range 200 {
			h.renderer.Next(coretest.Scene{After: fails(core.Paused)})
		}
		g := h.submit(h.ask("ada", text))
		other := h.submit(h.ask("bob", text))
		h.run(2)
		h.pass(time.Second)
		_, _, err := h.Submit(t.Context(), h.ask("carol", text))
		if refusal := h.refusal(err, core.Paused, ""); !refusal.RetryAt.After(time.Now()) {
			t.Errorf("again at %v", refusal.RetryAt)
		}
		h.pass(core.PauseLimit - 30*time.Second)
		h.is(g.ID, core.Open, core.TakeQueued)
		h.uses(1, 25_000, 50_000)
		h.told(0)
		h.pass(time.Minute)
		h.is(g.ID, core.RefusedWhole, core.TakeFailed)
		h.is(other.ID, core.RefusedWhole, core.TakeFailed)
		h.told(2)
		h.uses(0, 0, 0)
		if h.pauses != 1 {
			t.Errorf("the operator was told %d times", h.pauses)
		}
	})
}

func TestPauseThatIsMended(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		for range 4 {
			h.renderer.Next(coretest.Scene{After: fails(core.Paused)})
		}
		g := h.submit(h.ask("ada", text))
		h.run(2)
		h.pass(3 * time.Minute)
		h.is(g.ID, core.Delivered, core.TakeRendered)
		h.submit(h.ask("ada", text))
		h.pass(time.Second)
		h.told(2)
		h.renderer.Next(coretest.Scene{After: fails(core.Paused)})
		h.submit(h.ask("ada", text))
		h.pass(time.Minute)
		h.told(3)
		if h.pauses != 2 {
			t.Errorf("the operator was told %d times of two pauses", h.pauses)
		}
	})
}

// Telling the operator may take its time: it must not cost the time in which the
// database is told.
func TestSlowWordToTheOperatorLosesNothing(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.onPause = func(ctx context.Context) { <-ctx.Done() }
		h.renderer.Next(coretest.Scene{After: fails(core.Paused)})
		g := h.submit(h.ask("ada", text))
		h.run(1)
		h.pass(time.Minute)
		h.is(g.ID, core.Delivered, core.TakeRendered)
	})
}

func TestAmbiguousIsRefundedAndBookedUncertain(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.Plan.Concurrent = -1
		for range core.MaxUncertain {
			h.renderer.Next(coretest.Scene{After: fails(core.Ambiguous)})
		}
		for i := range core.MaxUncertain {
			g := h.submit(h.ask("ada", text))
			h.work()
			h.is(g.ID, core.RefusedWhole, core.TakeFailed)
			h.uses(0, 0, core.PTC(i+1)*25_000)
		}
		if h.renderer.Paid() != core.MaxUncertain {
			t.Errorf("%d calls were paid", h.renderer.Paid())
		}
		_, _, err := h.Submit(t.Context(), h.ask("ada", text))
		if refusal := h.refusal(err, core.OverQuota, core.ReasonUncertain); !refusal.RetryAt.Equal(core.NextDay(time.Now())) {
			t.Errorf("again at %v", refusal.RetryAt)
		}
		h.submit(h.ask("bob", text))
		h.pass(24 * time.Hour)
		h.submit(h.ask("ada", text))
		h.must(h.Recover(t.Context()))
		h.work()
	})
}

// An error nobody expected, before and after the paid call began.
func TestInternalErrors(t *testing.T) {
	broken := errors.New("no space left")
	story(t, func(t *testing.T, h *house) {
		h.renderer.Next(coretest.Scene{Before: broken}, coretest.Scene{Before: broken})
		g := h.submit(h.ask("ada", text))
		h.run(1)
		h.pass(time.Minute)
		h.is(g.ID, core.Delivered, core.TakeRendered)
		h.renderer.Next(coretest.Scene{Before: broken}, coretest.Scene{Before: broken}, coretest.Scene{Before: broken})
		g = h.submit(h.ask("ada", text))
		h.pass(time.Minute)
		if take := h.is(g.ID, core.RefusedWhole, core.TakeFailed).Takes[0]; take.Kind != core.Internal {
			t.Errorf("%+v", take)
		}
		h.uses(1, 25_000, 25_000)
		h.renderer.Next(coretest.Scene{After: broken})
		g = h.submit(h.ask("ada", text))
		h.pass(time.Minute)
		if take := h.is(g.ID, core.RefusedWhole, core.TakeFailed).Takes[0]; take.Kind != core.Ambiguous {
			t.Errorf("%+v", take)
		}
		h.uses(1, 25_000, 50_000)
		if h.renderer.Paid() != 2 {
			t.Errorf("%d calls were paid", h.renderer.Paid())
		}
	})
}

func TestTicketIsResumedForNothing(t *testing.T) {
	broken := errors.New("connection reset")
	story(t, func(t *testing.T, h *house) {
		h.renderer.Next(coretest.Scene{Ticket: "ticket", After: broken}, coretest.Scene{After: broken})
		g := h.submit(h.ask("ada", kontext))
		h.run(1)
		h.pass(time.Minute)
		h.is(g.ID, core.Delivered, core.TakeRendered)
		if resumed := h.renderer.Resumed(); h.renderer.Paid() != 1 || len(resumed) != 2 || resumed[0] != "ticket" {
			t.Errorf("%d calls were paid, resumed %q", h.renderer.Paid(), resumed)
		}
		h.uses(1, 80_000, 80_000)
	})
}

// A ticket says that the call was paid for: if its picture cannot be had, the budget
// bears the cost.
func TestTicketWhoseResultIsLost(t *testing.T) {
	for name, cause := range map[string]error{"gone": fails(core.Gone), "an error of ours": errors.New("no space left")} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, h *house) {
				h.renderer.Next(coretest.Scene{Ticket: "ticket", After: cause}, coretest.Scene{After: cause}, coretest.Scene{After: cause}, coretest.Scene{After: cause})
				g := h.submit(h.ask("ada", kontext))
				h.run(1)
				h.pass(5 * time.Minute)
				h.is(g.ID, core.RefusedWhole, core.TakeFailed)
				h.uses(0, 0, 80_000)
			})
		})
	}
}

func TestModelAtItsLimitLetsOthersPass(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		gate := make(chan struct{})
		for range 6 {
			h.renderer.Next(coretest.Scene{Ticket: "ticket", Working: gate})
		}
		h.Plan.Concurrent = -1
		for range 6 {
			h.submit(h.ask("ada", kontext))
		}
		h.run(16)
		h.pass(time.Second)
		if paid := h.renderer.Paid(); paid != 4 {
			t.Errorf("%d run at once, want 4", paid)
		}
		h.submit(h.ask("bob", text))
		// The scenes that are left are for Kontext: let the other have one that is done.
		h.renderer.For(0, coretest.Scene{})
		h.pass(time.Second)
		h.told(1)
		close(gate)
		h.pass(time.Second)
		h.told(7)
	})
}

// A slot that is freed because the provider was busy is a slot for whoever waits.
func TestSlotOfOneThatIsPutBackIsFilled(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		gate := make(chan struct{})
		h.Plan.Concurrent = -1
		h.renderer.Next(coretest.Scene{Lasts: time.Second, Before: nil, After: &core.Error{Kind: core.Busy, After: time.Minute}})
		for range 3 {
			h.renderer.Next(coretest.Scene{Ticket: "ticket", Working: gate})
		}
		for range 5 {
			h.submit(h.ask("ada", kontext))
		}
		h.run(16)
		h.pass(500 * time.Millisecond)
		if paid := h.renderer.Paid(); paid != 4 {
			t.Fatalf("%d run at once, want 4", paid)
		}
		h.pass(time.Second)
		if paid := h.renderer.Paid(); paid != 5 {
			t.Errorf("%d were paid, want the fifth in the place of the one that was put back", paid)
		}
		close(gate)
		h.pass(2 * time.Minute)
		h.told(5)
	})
}

func TestPersonsOneWaitsForOneOfTwenty(t *testing.T) {
	for _, workers := range []int{1, 16} {
		story(t, func(t *testing.T, h *house) {
			h.Plan.Concurrent = -1
			for range 100 {
				h.renderer.Next(coretest.Scene{Lasts: 7 * time.Second})
			}
			for range 5 {
				h.submit(h.ask("ada", text, count(4)))
			}
			h.run(workers)
			h.pass(time.Second)
			g := h.submit(h.ask("bob", text))
			h.pass(7*time.Second + 7*time.Second)
			h.is(g.ID, core.Delivered, core.TakeRendered)
			h.pass(20 * 7 * time.Second)
			h.told(6)
		})
	}
}

// Steps are hints: what has lost its own is found by the sweep, however busy the bot is.
func TestLostStepsAreMadeAgainInABusyHouse(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.Plan.Concurrent = -1
		gate := make(chan struct{})
		for range 3 {
			h.renderer.Next(coretest.Scene{Working: gate})
			h.submit(h.ask("ada", text))
		}
		h.run(16)
		h.pass(time.Second)
		g := h.submit(h.ask("bob", text))
		h.must(h.store.LoseSteps(t.Context()))
		h.pass(time.Minute)
		if state := h.generation(g.ID).State; state != core.Delivered {
			t.Errorf("with three being rendered, the one whose step is lost is %s after a minute", state)
		}
		close(gate)
		h.pass(time.Minute)
		h.told(4)
	})
}

func TestStoppingHandsBackWhatIsNotPaid(t *testing.T) {
	for name, c := range map[string]struct {
		scene func(forever chan struct{}) coretest.Scene
		model string
		take  core.TakeState
	}{
		"being prepared": {func(forever chan struct{}) coretest.Scene { return coretest.Scene{Preparing: forever} }, text, core.TakeQueued},
		"with a ticket": {func(forever chan struct{}) coretest.Scene {
			return coretest.Scene{Ticket: "ticket", Working: forever}
		}, kontext, core.TakeTicketed},
		"paid and unknown": {func(forever chan struct{}) coretest.Scene { return coretest.Scene{Working: forever} }, text, core.TakeFailed},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, h *house) {
				h.renderer.Next(c.scene(make(chan struct{})))
				g := h.submit(h.ask("ada", c.model))
				h.run(1)
				h.pass(time.Second)
				h.close()
				take := h.is(g.ID, core.Open, c.take).Takes[0]
				if take.Holder != "" {
					t.Errorf("it is held by %q", take.Holder)
				}
				next := build(t, h.store.Fork(), h.pictures, nil)
				next.work()
				if told := next.told(1); c.take == core.TakeFailed && told.Failed()[0].Kind != core.Ambiguous {
					t.Errorf("told %+v", told.Failed())
				}
				if paid := h.renderer.Paid() + next.renderer.Paid(); paid != 1 {
					t.Errorf("%d calls were paid", paid)
				}
			})
		})
	}
}

// A fault in the renderer or the courier is one like any other: nothing stays held, and
// the person need not wait for the deadline.
func TestPanicsHoldNothing(t *testing.T) {
	t.Run("renderer", func(t *testing.T) {
		story(t, func(t *testing.T, h *house) {
			h.renderer.Next(coretest.Scene{Panics: "on purpose"})
			g := h.submit(h.ask("ada", text))
			workRecovered(h)
			h.run(1)
			h.pass(2 * time.Minute)
			h.is(g.ID, core.RefusedWhole, core.TakeFailed)
			h.told(1)
			h.logged("on purpose", 0) // a panic's own words may be a person's
		})
	})
	t.Run("courier", func(t *testing.T) {
		story(t, func(t *testing.T, h *house) {
			h.courier.Next(coretest.Answer{Panics: "on purpose"})
			g := h.submit(h.ask("ada", text))
			workRecovered(h)
			h.run(1)
			h.pass(core.Deadline + 5*time.Minute)
			if got := h.generation(g.ID); got.State == core.Open {
				t.Errorf("half an hour later it is still %s, held by %q", got.State, got.Holder)
			}
			h.logged("on purpose", 0)
		})
	})
}

// workRecovered works what is due as a queue does that recovers panics.
func workRecovered(h *house) {
	defer func() { _ = recover() }()
	_, _ = h.store.RunDue(h.t.Context(), h.Studio)
}
