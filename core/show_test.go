package core_test

import (
	"errors"
	"testing"
	"time"

	"imaginebot/core"
)

// Who may do what with a picture: its owner everything, whoever is in the place where it
// was made openly may look, and to all others it is not there.
func TestWhoMaySee(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		open := h.submit(h.ask("ada", text)).ID
		closed := h.submit(h.ask("ada", text, private)).ID
		h.work()
		const there = "platform:there"
		for _, c := range []struct {
			who, place         string
			id                 core.GenerationID
			original, owner    bool
			show, del, delMods core.Kind
		}{
			{"ada", here, open, true, true, 0, 0, 0},
			{"ada", there, open, true, true, 0, 0, 0},
			{"ada", there, closed, true, true, 0, 0, 0},
			{"bob", here, open, true, false, core.Forbidden, core.Forbidden, 0},
			{"bob", there, open, false, false, core.Forbidden, core.Forbidden, core.Forbidden},
			{"bob", here, closed, false, false, core.Forbidden, core.Forbidden, 0},
			{"bob", here, "000000000000", false, false, core.NotFound, core.NotFound, core.NotFound},
		} {
			name := c.who + " in " + c.place + " of " + string(c.id)
			_, err := h.Original(t.Context(), person(c.who), c.place, c.id)
			if (err == nil) != c.original || err != nil && core.KindOf(err) != core.NotFound {
				t.Errorf("%s: original: %v", name, err)
			}
			outcome, err := h.Show(t.Context(), person(c.who), c.id)
			if (err == nil) != c.owner || err != nil && core.KindOf(err) != c.show || err == nil && outcome.Generation.ID != c.id {
				t.Errorf("%s: show: %v", name, err)
			}
			if c.owner {
				continue // what deleting does is another story
			}
			for moderator, kind := range map[bool]core.Kind{false: c.del, true: c.delMods} {
				erased, err := h.Delete(t.Context(), person(c.who), c.place, moderator, c.id)
				if erased || (err == nil) != (kind == 0) || err != nil && core.KindOf(err) != kind {
					t.Errorf("%s: delete as moderator %v: %v, %v", name, moderator, erased, err)
				}
			}
		}
		if kept := h.pictures.Keys(); len(kept) != 2 {
			t.Errorf("kept %q", kept)
		}
	})
}

func TestDeleteErases(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		g := h.submit(h.ask("ada", kontext))
		h.work()
		erased, err := h.Delete(t.Context(), person("ada"), "platform:there", false, g.ID)
		if !erased || err != nil {
			t.Fatalf("%v, %v", erased, err)
		}
		if kept := h.pictures.Keys(); len(kept) != 0 {
			t.Errorf("kept %q", kept)
		}
		_, err = h.Show(t.Context(), person("ada"), g.ID)
		h.refusal(err, core.NotFound, core.ReasonPictureGone)
		_, err = h.Original(t.Context(), person("ada"), here, g.ID)
		h.refusal(err, core.NotFound, core.ReasonPictureGone)
		if _, err := h.Delete(t.Context(), person("ada"), here, false, g.ID); err != nil {
			t.Errorf("once more: %v", err)
		}
		h.uses(1, 80_000, 80_000)
	})
}

// What was called erased is erased: if the bytes could not be deleted, they are later.
func TestDeleteThatFailsIsMadeGood(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.Keep = 50 * time.Hour
		g := h.submit(h.ask("ada", kontext))
		h.work()
		h.pictures.Break(errors.New("the bucket does not answer"))
		if erased, err := h.Delete(t.Context(), person("ada"), here, false, g.ID); err == nil {
			t.Errorf("erased %v, without an error", erased)
		}
		h.pictures.Break(nil)
		if _, err := h.Delete(t.Context(), person("ada"), here, false, g.ID); err != nil {
			t.Errorf("once more: %v", err)
		}
		if kept := h.pictures.Keys(); len(kept) != 0 {
			t.Errorf("kept %q", kept)
		}
		second := h.submit(h.ask("ada", text))
		h.work()
		h.pictures.Break(errors.New("the bucket does not answer"))
		h.run(1)
		h.pass(h.Keep + time.Hour)
		h.pictures.Break(nil)
		h.pass(time.Hour)
		if kept := h.pictures.Keys(); len(kept) != 0 || !h.generation(second.ID).Purged {
			t.Errorf("an hour after its time kept %q", kept)
		}
	})
}

// Who deletes what is still being made has it called off: nothing may be kept afterwards
// that nobody ever deletes.
func TestDeleteOfWhatIsUnfinished(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.Keep = 50 * time.Hour
		g := h.submit(h.ask("ada", text, count(2)))
		_, err := h.Delete(t.Context(), person("ada"), here, false, g.ID)
		h.run(1)
		h.pass(h.Keep + time.Hour)
		if kept := h.pictures.Keys(); len(kept) != 0 {
			t.Errorf("deleted with %v, and two days later kept %q", err, kept)
		}
	})
}

func TestPicturesGoInTime(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.Keep = 50 * time.Hour
		g := h.submit(h.ask("ada", kontext))
		unasked := h.submit(h.ask("ada", text))
		h.run(1)
		h.pass(time.Minute)
		h.told(2)
		h.pass(core.InputsKeep - 20*time.Minute)
		if kept := h.pictures.Keys(); len(kept) != 3 {
			t.Errorf("within a day kept %q", kept)
		}
		h.pass(time.Hour)
		if kept := h.pictures.Keys(); len(kept) != 2 || !h.generation(g.ID).InputsGone || h.generation(g.ID).Purged {
			t.Errorf("after a day kept %q", kept)
		}
		if _, err := h.Show(t.Context(), person("ada"), g.ID); err != nil {
			t.Error(err)
		}
		h.pass(h.Keep - core.InputsKeep - 2*time.Hour)
		if kept := h.pictures.Keys(); len(kept) != 2 {
			t.Errorf("within their time kept %q", kept)
		}
		h.pass(3 * time.Hour)
		if kept := h.pictures.Keys(); len(kept) != 0 || !h.generation(g.ID).Purged || !h.generation(unasked.ID).Purged {
			t.Errorf("after their time kept %q", kept)
		}
		_, err := h.Show(t.Context(), person("ada"), g.ID)
		h.refusal(err, core.NotFound, core.ReasonPictureGone)
	})
}

// A month of results that is shorter than the day of inputs does not shorten the day.
func TestInputsStayTheirDay(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		h.Keep = time.Hour
		g := h.submit(h.ask("ada", kontext))
		h.run(1)
		h.pass(2 * time.Hour)
		if got := h.generation(g.ID); !got.Purged || got.InputsGone {
			t.Errorf("after two hours the result is gone: %v, what went in: %v", got.Purged, got.InputsGone)
		}
		h.pass(core.InputsKeep)
		if kept := h.pictures.Keys(); len(kept) != 0 {
			t.Errorf("after a day kept %q", kept)
		}
	})
}

func TestShowOfARetiredModel(t *testing.T) {
	story(t, func(t *testing.T, h *house) {
		g := h.submit(h.ask("ada", text))
		h.work()
		h.Catalog = core.Catalog{}
		outcome, err := h.Show(t.Context(), person("ada"), g.ID)
		if err != nil || outcome.Model.ID != text {
			t.Errorf("%+v, %v", outcome.Model, err)
		}
	})
}
