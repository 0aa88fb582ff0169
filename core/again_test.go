package core_test

import (
	"sync"
	"testing"
	"time"

	"imaginebot/core"
)

func (h *house) again(name string, parent core.GenerationID, changes ...func(*core.Submission)) (core.Generation, bool) {
	h.t.Helper()
	g, fresh, err := h.Again(h.t.Context(), parent, h.ask(name, text, changes...))
	h.must(err)
	return g, fresh
}

func TestAgainTwiceIsOnce(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		parent := h.submit(h.ask("ada", text))
		h.work()
		first, fresh := h.again("ada", parent.ID)
		if !fresh || first.ID == parent.ID || first.Parent != parent.ID || first.Request.Prompt != "a cat" {
			t.Fatalf("again: %+v, fresh %v", first, fresh)
		}
		h.pass(time.Minute)
		if second, fresh := h.again("ada", parent.ID); fresh || second.ID != first.ID {
			t.Errorf("while the first is unfinished: %s, fresh %v", second.ID, fresh)
		}
		h.work()
		if _, fresh := h.again("ada", parent.ID); !fresh {
			t.Error("after the first has ended, more than 5 s after it was asked for: not fresh")
		}
		h.work()
		if _, fresh := h.again("ada", parent.ID); fresh {
			t.Error("the first has ended, but within 5 s of its tap: fresh")
		}
		h.pass(core.Twice + time.Millisecond)
		if _, fresh := h.again("ada", parent.ID); !fresh {
			t.Error("after 5 s: not fresh")
		}
		h.work()
		h.told(4)
		h.uses(4, 100_000, 100_000)
	})
}

func TestAgainAtOnceBuysOnce(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		parent := h.submit(h.ask("ada", kontext))
		h.work()
		var mu sync.Mutex
		made := 0
		var all sync.WaitGroup
		for range 20 {
			sub := h.ask("ada", text)
			all.Go(func() {
				_, fresh, err := h.Again(t.Context(), parent.ID, sub)
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
		h.work()
		if made != 1 || h.renderer.Paid() != 2 {
			t.Errorf("%d were made and %d paid", made, h.renderer.Paid())
		}
		// The picture that went in: the parent's and the child's own, none of the others'.
		if kept := h.pictures.Keys(); len(kept) != 4 {
			t.Errorf("kept %q", kept)
		}
	})
}

func TestAgainIsOnTheAllowanceOfWhoAsks(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		parent := h.submit(h.ask("ada", text))
		h.work()
		if _, fresh := h.again("bob", parent.ID); !fresh {
			t.Error("another's tap is not fresh")
		}
		h.work()
		h.uses(1, 25_000, 50_000)
		h.Plan.ImagesPerDay = 1
		_, _, err := h.Again(t.Context(), parent.ID, h.ask("ada", text))
		h.refusal(err, core.OverQuota, core.ReasonImagesToday)
	})
}

func TestAgainCopiesThePictureThatWentIn(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		parent := h.submit(h.ask("ada", kontext))
		h.work()
		child, _ := h.again("ada", parent.ID)
		if child.Request.Image == nil || child.Request.Image.Key == parent.Request.Image.Key {
			t.Fatalf("the child's picture is %+v", child.Request.Image)
		}
		h.work()
		h.pass(time.Minute)
		h.must(h.pictures.Delete(t.Context(), parent.Request.Image.Key))
		_, _, err := h.Again(t.Context(), parent.ID, h.ask("ada", text))
		h.refusal(err, core.NotFound, core.ReasonPictureGone)
		h.uses(2, 160_000, 160_000)
	})
}

func TestAgainOfWhatOneMayNotSee(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		open := h.submit(h.ask("ada", text))
		closed := h.submit(h.ask("ada", text, private))
		h.work()
		there := func(s *core.Submission) { s.Place = "platform:there" }
		for name, sub := range map[string]core.Submission{
			"another's, in another place": h.ask("bob", text, there),
			"one that is not there":       h.ask("ada", text),
			"another's private":           h.ask("bob", text),
		} {
			id := open.ID
			switch name {
			case "one that is not there":
				id = "000000000000"
			case "another's private":
				id = closed.ID
			}
			_, _, err := h.Again(t.Context(), id, sub)
			if core.KindOf(err) != core.NotFound || err == nil {
				t.Errorf("%s: %v, want NotFound", name, err)
			}
		}
		if _, fresh := h.again("ada", open.ID, there); !fresh {
			t.Error("one's own, in another place: not fresh")
		}
		h.work()
	})
}
