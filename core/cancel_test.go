package core_test

import (
	"slices"
	"testing"
	"time"

	"imaginebot/core"
	"imaginebot/core/coretest"
)

func TestCancelBeforeThePaidCall(t *testing.T) {
	for name, c := range map[string]struct{ prepared bool }{"waiting": {false}, "being prepared": {true}} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, h *house) {
				gate := make(chan struct{})
				h.renderer.Next(coretest.Scene{Preparing: gate}, coretest.Scene{Preparing: gate})
				g := h.submit(h.ask("ada", text, count(2)))
				if c.prepared {
					h.run(2)
					h.pass(time.Second)
				}
				done, err := h.Cancel(t.Context(), person("ada"), g.ID)
				if err != nil || !slices.Equal(done, []core.Cancellation{{ID: g.ID, Begun: false}}) {
					t.Fatalf("%v, %v", done, err)
				}
				h.uses(0, 0, 0)
				close(gate)
				h.pass(time.Second)
				h.work()
				h.is(g.ID, core.CancelledWhole, core.TakeCancelled, core.TakeCancelled)
				h.told(1)
				if h.renderer.Paid() != 0 {
					t.Errorf("%d calls were paid", h.renderer.Paid())
				}
			})
		})
	}
}

func TestCancelAfterThePaidCallBegan(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		gate := make(chan struct{})
		h.renderer.For(0, coretest.Scene{Working: gate})
		g := h.submit(h.ask("ada", text, count(2)))
		h.run(1) // the second take waits
		h.pass(time.Second)
		done, err := h.Cancel(t.Context(), person("ada"), "")
		if err != nil || !slices.Equal(done, []core.Cancellation{{ID: g.ID, Begun: true}}) {
			t.Fatalf("%v, %v", done, err)
		}
		close(gate)
		h.pass(time.Second)
		h.is(g.ID, core.KeptForOwner, core.TakeRendered, core.TakeCancelled)
		h.uses(1, 25_000, 25_000)
		h.told(1)
		if _, err := h.Show(t.Context(), person("ada"), g.ID); err != nil {
			t.Errorf("it is charged and not kept: %v", err)
		}
	})
}

// A call that the provider did not take was no paid call: what was called off meanwhile
// is not tried again.
func TestCancelOfACallThatDidNotRun(t *testing.T) {
	for _, kind := range []core.Kind{core.Busy, core.Paused} {
		t.Run(kind.String(), func(t *testing.T) {
			story(t, func(t *testing.T, h *house) {
				gate := make(chan struct{})
				h.renderer.Next(coretest.Scene{Working: gate, After: fails(kind)})
				g := h.submit(h.ask("ada", text))
				h.run(1)
				h.pass(time.Second)
				_, err := h.Cancel(t.Context(), person("ada"), g.ID)
				h.must(err)
				close(gate)
				h.pass(5 * time.Minute)
				h.is(g.ID, core.CancelledWhole, core.TakeCancelled)
				h.uses(0, 0, 0)
				if paid := h.renderer.Paid(); paid != 1 {
					t.Errorf("after it was called off it was tried again: %d calls", paid)
				}
			})
		})
	}
}

// What is finished and only on its way cannot be called off.
func TestCancelOfWhatIsRendered(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		gate := make(chan struct{})
		h.courier.Next(coretest.Answer{Working: gate})
		g := h.submit(h.ask("ada", text))
		h.run(1)
		h.pass(time.Second)
		done, err := h.Cancel(t.Context(), person("ada"), "")
		if err == nil {
			t.Errorf("called off: %v", done)
		}
		close(gate)
		h.pass(time.Second)
		h.is(g.ID, core.Delivered, core.TakeRendered)
	})
}

func TestCancelOfWhatIsNotOnesOwn(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		g := h.submit(h.ask("ada", text))
		_, err := h.Cancel(t.Context(), person("bob"), g.ID)
		h.refusal(err, core.Forbidden, core.ReasonNotYours)
		_, err = h.Cancel(t.Context(), person("bob"), "")
		h.refusal(err, core.NotFound, core.ReasonNothingToCancel)
		_, err = h.Cancel(t.Context(), person("ada"), "000000000000")
		h.refusal(err, core.NotFound, core.ReasonNothingToCancel)
		h.work()
		h.is(g.ID, core.Delivered, core.TakeRendered)
		_, err = h.Cancel(t.Context(), person("ada"), g.ID)
		h.refusal(err, core.NotFound, core.ReasonNothingToCancel)
		_, err = h.Cancel(t.Context(), person("ada"), "")
		h.refusal(err, core.NotFound, core.ReasonNothingToCancel)
		h.uses(1, 25_000, 25_000)
	})
}

func TestCancelAll(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		var ids []core.GenerationID
		for range 3 {
			ids = append(ids, h.submit(h.ask("ada", text)).ID)
			h.pass(time.Second)
		}
		other := h.submit(h.ask("bob", text))
		done, err := h.Cancel(t.Context(), person("ada"), "")
		h.must(err)
		for i, c := range done {
			if c.ID != ids[i] || c.Begun {
				t.Errorf("%+v", c)
			}
		}
		if len(done) != 3 {
			t.Errorf("%d are called off", len(done))
		}
		h.work()
		h.is(other.ID, core.Delivered, core.TakeRendered)
		h.told(4)
		h.uses(0, 0, 25_000)
	})
}
