package core_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"imaginebot/core"
	"imaginebot/core/coretest"
)

func TestDeliveryIsPostponedAndGoesOn(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.courier.Next(
			coretest.Answer{Err: errors.New("connection reset"), Receipt: "first half"},
			coretest.Answer{Err: &core.Error{Kind: core.Busy, After: 30 * time.Second}, Receipt: "first half, more"},
			coretest.Answer{Receipt: "whole"},
		)
		g := h.submit(h.ask("ada", text))
		h.run(1)
		h.pass(10 * time.Second)
		got := h.is(g.ID, core.Open, core.TakeRendered)
		if got.Holder != "" || got.Attempts != 2 || got.Receipt != "first half, more" {
			t.Errorf("held by %q after %d attempts, receipt %q", got.Holder, got.Attempts, got.Receipt)
		}
		h.pass(15 * time.Second)
		h.told(0)
		h.pass(15 * time.Second)
		if got := h.is(g.ID, core.Delivered, core.TakeRendered); got.Receipt != "whole" {
			t.Errorf("receipt %q", got.Receipt)
		}
		priors := []core.Receipt{"", "first half", "first half, more"}
		for i, delivery := range h.courier.Deliveries() {
			if delivery.Prior != priors[i] {
				t.Errorf("the %d. attempt goes on after %q, want %q", i+1, delivery.Prior, priors[i])
			}
		}
		if h.renderer.Paid() != 1 {
			t.Errorf("%d calls were paid", h.renderer.Paid())
		}
		h.uses(1, 25_000, 25_000)
	})
}

// A platform that says when to come back is obeyed, also when that is long.
func TestRetryAfterOfAPlatformIsObeyed(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.courier.Next(coretest.Answer{Err: &core.Error{Kind: core.Busy, After: 10 * time.Minute}})
		g := h.submit(h.ask("ada", text))
		h.run(1)
		h.pass(10*time.Minute - time.Second)
		if calls := len(h.courier.Deliveries()); calls != 1 {
			t.Errorf("%d attempts before the platform wants another", calls)
		}
		h.pass(time.Minute)
		h.is(g.ID, core.Delivered, core.TakeRendered)
	})
}

func TestGoneIsKeptForItsOwner(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.courier.Next(coretest.Answer{Err: fails(core.Gone)}, coretest.Answer{Err: fails(core.Gone)})
		h.renderer.For(0, coretest.Scene{}, coretest.Scene{After: fails(core.Refused)})
		kept := h.submit(h.ask("ada", text))
		h.pass(time.Second)
		refused := h.submit(h.ask("ada", text))
		h.run(1)
		h.pass(time.Hour)
		h.is(kept.ID, core.KeptForOwner, core.TakeRendered)
		h.is(refused.ID, core.RefusedWhole, core.TakeFailed)
		h.uses(1, 25_000, 50_000)
		if calls := len(h.courier.Deliveries()); calls != 2 {
			t.Errorf("%d attempts, want one for each", calls)
		}
		if waiting, err := h.Kept(t.Context(), person("ada")); err != nil || !slices.Equal(waiting, []core.GenerationID{kept.ID}) {
			t.Errorf("kept are %v, %v", waiting, err)
		}
		if outcome, err := h.Show(t.Context(), person("ada"), kept.ID); err != nil || len(outcome.Generation.Images()) != 1 {
			t.Errorf("shown %+v, %v", outcome, err)
		}
		if waiting, err := h.Kept(t.Context(), person("ada")); err != nil || len(waiting) != 0 {
			t.Errorf("kept although it was shown: %v, %v", waiting, err)
		}
	})
}

func TestPlatformDownToTheDeadline(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		for range 1000 {
			h.courier.Next(coretest.Answer{Err: errors.New("502")})
		}
		g := h.submit(h.ask("ada", text))
		h.run(1)
		h.pass(core.Deadline - time.Minute)
		h.is(g.ID, core.Open, core.TakeRendered)
		h.pass(3 * time.Minute)
		h.is(g.ID, core.KeptForOwner, core.TakeRendered)
		if h.renderer.Paid() != 1 || len(h.courier.Deliveries()) < 20 {
			t.Errorf("%d calls were paid, %d deliveries tried", h.renderer.Paid(), len(h.courier.Deliveries()))
		}
		h.uses(1, 25_000, 25_000)
	})
}

func TestAdapterThatIsOff(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		g := h.submit(h.ask("ada", text, func(s *core.Submission) { s.ReplyTo.Platform = "elsewhere" }))
		h.run(1)
		h.pass(core.Deadline + 3*time.Minute)
		h.is(g.ID, core.KeptForOwner, core.TakeRendered)
		h.told(0)
	})
}

// A database that is away for a while must not leave an outcome untold for ever: the
// process that held it lives on, so nobody else takes it up.
func TestDatabaseAwayWhileDelivering(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		gate := make(chan struct{})
		h.courier.Next(coretest.Answer{Working: gate})
		g := h.submit(h.ask("ada", text))
		h.run(2)
		h.pass(time.Second)
		h.store.Break(down)
		close(gate)
		h.pass(20 * time.Second)
		h.store.Break(nil)
		h.pass(core.Deadline)
		h.pass(5 * time.Minute)
		if got := h.generation(g.ID); got.State == core.Open {
			t.Errorf("half an hour later it is still %s, held by %q", got.State, got.Holder)
		}
	})
}

func TestDatabaseAwayWhileRendering(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		gate := make(chan struct{})
		h.renderer.Next(coretest.Scene{Working: gate})
		g := h.submit(h.ask("ada", text))
		h.run(2)
		h.pass(time.Second)
		h.store.Break(down)
		close(gate)
		h.pass(20 * time.Second)
		h.store.Break(nil)
		h.pass(core.Deadline)
		h.pass(time.Minute)
		if got := h.generation(g.ID); got.State == core.Open || h.renderer.Paid() != 1 {
			t.Errorf("it is %s and %d calls were paid", got.State, h.renderer.Paid())
		}
		h.told(1)
	})
}

// Big pictures and slow lines: a delivery has its minutes, also when it follows right
// after the rendering.
func TestDeliveryMayTakeItsTime(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		gate := make(chan struct{})
		h.courier.Next(coretest.Answer{Working: gate})
		g := h.submit(h.ask("ada", text))
		h.run(1)
		h.pass(2 * time.Minute)
		close(gate)
		h.pass(time.Second)
		if deliveries := h.courier.Deliveries(); len(deliveries) != 1 || deliveries[0].Err != nil {
			t.Errorf("%d attempts, the first ended with %v", len(deliveries), deliveries[0].Err)
		}
		h.is(g.ID, core.Delivered, core.TakeRendered)
	})
}

// A delivery that is broken off because the process must stop is finished by the next.
func TestStoppingWhileDelivering(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.courier.Next(coretest.Answer{Working: make(chan struct{}), Receipt: "half"})
		g := h.submit(h.ask("ada", text))
		h.run(1)
		h.pass(time.Second)
		began := time.Now()
		h.close()
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v to stop", took)
		}
		if got := h.is(g.ID, core.Open, core.TakeRendered); got.Holder != "" || got.Receipt != "half" {
			t.Errorf("held by %q, receipt %q", got.Holder, got.Receipt)
		}
		next := build(t, h.store, h.pictures, nil)
		next.work()
		next.is(g.ID, core.Delivered, core.TakeRendered)
		if delivery := next.courier.Deliveries(); len(delivery) != 1 || delivery[0].Prior != "half" {
			t.Errorf("delivered %+v", delivery)
		}
	})
}

func TestDeliveryIsTriedOnceAtATime(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		gate := make(chan struct{})
		h.courier.Next(coretest.Answer{Working: gate})
		g := h.submit(h.ask("ada", text))
		h.run(4)
		h.pass(time.Minute)
		for range 3 {
			h.must(h.Work(t.Context(), core.Step{Kind: core.StepDeliver, Generation: g.ID}))
		}
		close(gate)
		h.pass(time.Second)
		h.must(h.Work(t.Context(), core.Step{Kind: core.StepDeliver, Generation: g.ID}))
		h.must(h.Work(t.Context(), core.Step{Kind: core.StepDeliver, Generation: "000000000000"}))
		if calls := len(h.courier.Deliveries()); calls != 1 {
			t.Errorf("%d deliveries", calls)
		}
		h.is(g.ID, core.Delivered, core.TakeRendered)
	})
}

func TestProgress(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.courier.ProgressLasts = 2 * time.Second
		h.renderer.Next(coretest.Scene{Lasts: 10 * time.Second})
		quick := h.submit(h.ask("bob", text))
		h.renderer.For(0, coretest.Scene{Lasts: 2 * time.Second})
		h.run(1)
		h.pass(2500 * time.Millisecond)
		h.is(quick.ID, core.Delivered, core.TakeRendered)
		if shown := h.courier.Shown(); len(shown) != 0 {
			t.Errorf("progress of what took two seconds: %+v", shown)
		}
		g := h.submit(h.ask("ada", text))
		h.pass(time.Minute)
		h.is(g.ID, core.Delivered, core.TakeRendered)
		shown := h.courier.Shown()
		if len(shown) != 3 || shown[0].Generation != g.ID || shown[0].Waited != 3*time.Second || shown[2].Waited != 9*time.Second || shown[0].Request.Prompt != "a cat" {
			t.Errorf("shown %+v", shown)
		}
	})
}

// However many takes there are, a message is edited every three seconds and not more often.
func TestProgressOfFourTakesIsShownOnce(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		for range 4 {
			h.renderer.Next(coretest.Scene{Lasts: 10 * time.Second})
		}
		h.submit(h.ask("ada", text, count(4)))
		h.run(4)
		h.pass(time.Minute)
		if shown := h.courier.Shown(); len(shown) != 3 {
			t.Errorf("shown %d times in ten seconds, want 3", len(shown))
		}
	})
}

// The final word stays the final word, also when the work it ends is not over yet.
func TestProgressNeverFollowsADelivery(t *testing.T) {
	for name, end := range map[string]func(h *house, id core.GenerationID){
		"called off while it is prepared": func(h *house, id core.GenerationID) {
			_, err := h.Cancel(h.t.Context(), person("ada"), id)
			h.must(err)
		},
		"past its deadline": func(h *house, _ core.GenerationID) { h.pass(core.Deadline) },
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, h *house) {
				gate := make(chan struct{})
				h.renderer.Next(coretest.Scene{Preparing: gate})
				g := h.submit(h.ask("ada", text))
				h.run(2)
				h.pass(4 * time.Second)
				end(h, g.ID)
				h.pass(20 * time.Second)
				h.told(1)
				close(gate)
				h.pass(time.Minute)
				h.told(1)
				if h.renderer.Paid() != 0 {
					t.Errorf("%d calls were paid", h.renderer.Paid())
				}
			})
		})
	}
}
