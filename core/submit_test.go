package core_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imaginebot/core"
	"imaginebot/core/coretest"
)

func TestFromSubmitToDelivery(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		sub := h.ask("ada", text)
		fresh, err := h.Accept(t.Context(), []core.Event{{Key: sub.Event, Platform: "platform", Raw: []byte("raw"), At: time.Now()}})
		h.must(err)
		if len(fresh) != 1 {
			t.Fatalf("%d events are fresh", len(fresh))
		}
		g := h.submit(sub)
		h.is(g.ID, core.Open, core.TakeQueued)
		h.uses(1, 25_000, 25_000)
		h.told(0)
		h.work()
		h.is(g.ID, core.Delivered, core.TakeRendered)
		h.uses(1, 25_000, 25_000)
		outcome := h.told(1)
		if outcome.Generation.ID != g.ID || outcome.Model.ID != text || outcome.Left.Images != 24 || len(outcome.Failed()) != 0 {
			t.Errorf("told %+v", outcome)
		}
		if image := outcome.Generation.Images()[0]; image.Size() != (core.Size{Width: 8, Height: 8}) || !slices.Contains(h.pictures.Keys(), image.Key) {
			t.Errorf("the picture is %+v, kept are %q", image, h.pictures.Keys())
		}
		if delivery := h.courier.Deliveries()[0]; delivery.To != sub.ReplyTo || delivery.Prior != "" {
			t.Errorf("told %+v after %q", delivery.To, delivery.Prior)
		}
		if h.renderer.Paid() != 1 || len(h.store.Steps()) != 0 {
			t.Errorf("%d calls were paid, %d steps are left", h.renderer.Paid(), len(h.store.Steps()))
		}
	})
}

func TestSameEventIsOneGeneration(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		sub := h.ask("ada", text)
		g := h.submit(sub)
		for _, when := range []string{"before", "after"} {
			again, fresh, err := h.Submit(t.Context(), sub)
			if err != nil || fresh || again.ID != g.ID {
				t.Errorf("once more %s its end: %s, fresh %v, %v", when, again.ID, fresh, err)
			}
			h.work()
		}
		h.told(1)
		h.uses(1, 25_000, 25_000)
		event := core.Event{Key: "twice", Platform: "platform"}
		for i, want := range []int{1, 0} {
			fresh, err := h.Accept(t.Context(), []core.Event{event})
			if len(fresh) != want || err != nil {
				t.Errorf("accepted for the %d. time: %d are fresh, %v", i+1, len(fresh), err)
			}
			h.must(h.Done(t.Context(), event.Key))
		}
	})
}

func TestSameEventAtOnce(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		sub := h.ask("ada", kontext)
		var mu sync.Mutex
		made := 0
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				_, fresh, err := h.Submit(t.Context(), sub)
				mu.Lock()
				defer mu.Unlock()
				if fresh {
					made++
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if made != 1 {
			t.Errorf("%d generations of one event", made)
		}
		h.work()
		h.told(1)
		h.uses(1, 80_000, 80_000)
	})
}

func TestRefusedBeforeAnythingIsFetched(t *testing.T) {
	for name, c := range map[string]struct {
		plan   func(*core.Plan)
		change func(*core.Submission)
		kind   core.Kind
		reason core.Reason
	}{
		"no pictures left":  {func(p *core.Plan) { p.ImagesPerDay = 0 }, func(*core.Submission) {}, core.OverQuota, core.ReasonImagesToday},
		"no money left":     {func(p *core.Plan) { p.PTCPerMonth = 79_999 }, func(*core.Submission) {}, core.OverQuota, core.ReasonMoneyMonth},
		"too many at once":  {func(p *core.Plan) { p.Concurrent = 0 }, func(*core.Submission) {}, core.OverQuota, core.ReasonConcurrent},
		"no budget left":    {func(p *core.Plan) { p.BudgetPerDay = 100_000 }, count(2), core.BudgetSpent, ""},
		"a full queue":      {func(p *core.Plan) { p.Queue = 1 }, count(2), core.QueueFull, ""},
		"a wrong shape":     {func(*core.Plan) {}, func(s *core.Submission) { s.Request.Aspect = shape("7:1") }, core.Invalid, core.ReasonAspect},
		"no prompt":         {func(*core.Plan) {}, func(s *core.Submission) { s.Request.Prompt = " \x00" }, core.Invalid, core.ReasonEmptyPrompt},
		"an unknown model":  {func(*core.Plan) {}, func(s *core.Submission) { s.Request.Model = "no such" }, core.Invalid, core.ReasonUnknownModel},
		"declared too big":  {func(*core.Plan) {}, func(s *core.Submission) { s.Image.Size = 20<<20 + 1 }, core.TooBig, core.ReasonPictureBytes},
		"too many of them":  {func(*core.Plan) {}, count(5), core.Invalid, core.ReasonCount},
		"a picture for two": {func(*core.Plan) {}, func(s *core.Submission) { s.ControlImage = s.Image }, core.Invalid, core.ReasonControlImage},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, h *house) {
				h.Plan = plan
				c.plan(&h.Plan)
				opened := 0
				sub := h.ask("ada", kontext)
				sub.Image = picture(&opened)
				c.change(&sub)
				_, fresh, err := h.Submit(t.Context(), sub)
				h.refusal(err, c.kind, c.reason)
				if fresh || opened != 0 || len(h.pictures.Keys()) != 0 || len(h.store.Steps()) != 0 || len(h.store.Ledger()) != 0 {
					t.Errorf("fresh %v, opened %d times, kept %q, booked %v", fresh, opened, h.pictures.Keys(), h.store.Ledger())
				}
				if !slices.Equal(h.refused, []core.Kind{c.kind}) {
					t.Errorf("counted as refused: %v", h.refused)
				}
			})
		})
	}
}

func TestInputsOfARefusedRequestGo(t *testing.T) {
	broken := errors.New("connection reset")
	control := func(s *core.Submission) {
		s.Request.Model = "flux-general"
		s.Image = nil
		s.Request.Control = &core.ControlNet{Name: "canny", Path: "o/p", Scale: 1}
		s.ControlImage = picture(nil)
	}
	for name, c := range map[string]struct {
		change func(*core.Submission)
		kind   core.Kind
		reason core.Reason
	}{
		"no picture": {func(s *core.Submission) {
			s.Image.Open = func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader("<html>not found</html>")), nil
			}
		}, core.Invalid, core.ReasonNoPicture},
		"cannot be opened": {func(s *core.Submission) {
			s.Image.Open = func(context.Context) (io.ReadCloser, error) { return nil, broken }
		}, core.Internal, ""},
		"bigger than declared": {func(s *core.Submission) {
			s.Image.Size = 10
			s.Image.Open = func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(strings.NewReader(string(coretest.PNG(4, 4))), strings.NewReader(strings.Repeat("x", 20<<20)))), nil
			}
		}, core.TooBig, core.ReasonPictureBytes},
		"too many pixels": {func(s *core.Submission) {
			s.Image.Open = func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader(string(coretest.PNG(5001, 4000)))), nil
			}
		}, core.TooBig, core.ReasonPicturePixels},
		"second cannot be opened": {func(s *core.Submission) {
			control(s)
			s.ControlImage.Open = func(context.Context) (io.ReadCloser, error) { return nil, broken }
		}, core.Internal, ""},
		"nothing to edit": {func(s *core.Submission) { s.Image, s.Newest = nil, true }, core.Invalid, core.ReasonNothingToEdit},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, h *house) {
				sub := h.ask("ada", kontext)
				c.change(&sub)
				_, _, err := h.Submit(t.Context(), sub)
				h.refusal(err, c.kind, c.reason)
				if kept := h.pictures.Keys(); len(kept) != 0 || len(h.store.Ledger()) != 0 {
					t.Errorf("kept %q, booked %v", kept, h.store.Ledger())
				}
			})
		})
	}
	t.Run("raced out of the allowance", func(t *testing.T) {
		story(t, func(t *testing.T, h *house) {
			h.Plan.Concurrent = 1
			sub := h.ask("ada", kontext)
			open := sub.Image.Open
			sub.Image.Open = func(ctx context.Context) (io.ReadCloser, error) {
				h.submit(h.ask("ada", text)) // while the picture is being fetched
				return open(ctx)
			}
			_, _, err := h.Submit(t.Context(), sub)
			h.refusal(err, core.OverQuota, core.ReasonConcurrent)
			if kept := h.pictures.Keys(); len(kept) != 0 {
				t.Errorf("kept %q", kept)
			}
			h.work()
		})
	})
}

// A request that was accepted keeps its pictures, whatever becomes of a second attempt
// to submit the same event.
func TestInputsOfAnAcceptedRequestStay(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		sub := h.ask("ada", kontext)
		open := sub.Image.Open
		late := sub
		late.Image = &core.Attachment{Open: func(ctx context.Context) (io.ReadCloser, error) {
			h.submit(sub) // the other attempt wins
			h.store.Break(down)
			return open(ctx)
		}}
		if _, _, err := h.Submit(t.Context(), late); !errors.Is(err, down) {
			t.Fatalf("%v, want that the database is down", err)
		}
		h.store.Break(nil)
		if kept := h.pictures.Keys(); len(kept) != 1 {
			t.Errorf("of the accepted request there is kept %q", kept)
		}
		h.work()
		h.told(1)
	})
}

func TestNewestPictureIsEdited(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		first := h.submit(h.ask("ada", text))
		h.work()
		first = h.generation(first.ID)
		newest := func(s *core.Submission) { s.Image, s.Newest = nil, true }
		edit := h.submit(h.ask("ada", kontext, newest))
		if edit.Request.Image == nil || edit.Request.Image.Size() != first.Takes[0].Image.Size() {
			t.Fatalf("edits %+v", edit.Request.Image)
		}
		h.work()
		h.told(2)
	})
}

func TestFiftyAtOncePayFive(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.Plan.ImagesPerDay, h.Plan.Concurrent = 5, -1
		var mu sync.Mutex
		accepted := 0
		var all sync.WaitGroup
		for range 50 {
			sub := h.ask("ada", text)
			all.Go(func() {
				_, fresh, err := h.Submit(t.Context(), sub)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil && fresh:
					accepted++
				case core.KindOf(err) != core.OverQuota:
					t.Error(err)
				}
			})
		}
		all.Wait()
		h.run(4)
		h.pass(time.Minute)
		if accepted != 5 || h.renderer.Paid() != 5 {
			t.Errorf("%d were accepted and %d paid, want 5", accepted, h.renderer.Paid())
		}
		h.told(5)
		h.uses(5, 125_000, 125_000)
	})
}

func TestControlPictureHasItsPrice(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		sub := h.ask("ada", "flux-general", count(2), func(s *core.Submission) {
			s.Request.Control, s.ControlImage = &core.ControlNet{Name: "canny", Path: "o/p", Scale: 1}, picture(nil)
		})
		g := h.submit(sub)
		if g.Takes[0].Price != 100_000+core.UploadPrice {
			t.Errorf("a take costs %v", g.Takes[0].Price)
		}
		h.uses(2, 202_000, 202_000)
		h.work()
		h.told(1)
	})
}

func TestDatabaseDownAcceptsNothing(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.store.Break(down)
		if _, err := h.Accept(t.Context(), []core.Event{{Key: "event"}}); !errors.Is(err, down) {
			t.Errorf("accepted: %v", err)
		}
		if _, _, err := h.Submit(t.Context(), h.ask("ada", text)); !errors.Is(err, down) {
			t.Errorf("submitted: %v", err)
		}
		if _, err := h.Allowance(t.Context(), person("ada")); !errors.Is(err, down) {
			t.Errorf("allowance: %v", err)
		}
		h.store.Break(nil)
		h.uses(0, 0, 0)
	})
}
