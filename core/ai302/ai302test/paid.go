package ai302test

import (
	"net/http"
	"strings"
)

// paid runs an order: refuses it, gets into trouble with it, or does the work
// and answers with what finish makes of it.
func (s *Server) paid(w http.ResponseWriter, r *http.Request, o *order, knownModel bool, finish func(Trouble) any) {
	o.draw.Prompt, o.draw.Model = o.prompt, o.model
	mark := o.mark()
	c := s.arrive(Call{Endpoint: o.endpoint, Model: o.model, Prompt: o.prompt, Fields: o.fields, Form: o.form, ImageBytes: len(o.picture)})
	if !s.admit(w, r, c) {
		return
	}
	s.mu.Lock()
	again := s.unsure[mark] && !s.repeats
	s.mu.Unlock()
	if again {
		s.note("%s %s was sent again although its first end was unknown", o.endpoint, o.model)
	}
	switch {
	case len(o.wrong) > 0:
		s.note("%s %s refused: %s", o.endpoint, o.model, strings.Join(o.wrong, "; "))
		s.turnAway(w, c, http.StatusUnprocessableEntity, -10003, strings.Join(o.wrong, "; "))
		return
	case !knownModel:
		s.turnAway(w, c, http.StatusServiceUnavailable, -10008, "")
		return
	}
	for _, what := range o.replaced {
		s.note("silently replaced: %s", what)
	}

	t := s.trouble(o.endpoint, o.model, o.prompt)
	spoilt := t.Spoil != 0 && t.Spoil != BOM
	if t.Drop || spoilt || t.Status >= 500 && t.Code != -10008 {
		s.doubt(mark)
	}
	if !t.AfterRun && (t.Drop || t.Status != 0) {
		if !pass(r.Context(), t.Wait, t.Until) {
			s.doubt(mark)
		}
		s.breakDown(w, c, t)
		return
	}
	s.update(c, func(c *Call) { c.Executed = true })
	o.draw.Seed += s.ran(mark)
	stays := pass(r.Context(), s.settings.Delay+t.Wait, t.Until)
	switch {
	case !stays:
		s.doubt(mark)
		s.update(c, func(c *Call) { c.Outcome = Abandoned })
	case t.Drop || t.Status != 0:
		s.breakDown(w, c, t)
	default:
		s.answer(w, r, c, t.Spoil, http.StatusOK, finish(t))
	}
}

func (s *Server) breakDown(w http.ResponseWriter, c *Call, t Trouble) {
	if t.Drop {
		s.drop(w, c)
		return
	}
	s.strike(w, c, t)
}

// doubt remembers a body whose end its sender cannot know.
func (s *Server) doubt(mark string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsure[mark] = true
}

// ran counts a body's runs and gives how many there were before.
func (s *Server) ran(mark string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[mark]++
	return int64(s.seen[mark] - 1)
}
