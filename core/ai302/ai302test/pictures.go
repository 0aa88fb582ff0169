package ai302test

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// shown is a picture on the foreign host. It is drawn when it is fetched.
type shown struct {
	draw   DrawRequest
	result Result
	until  time.Time // zero: for ever
}

// publish puts a picture on the foreign host and gives its URL. One with a
// lifetime is signed, so that a leaked URL can be told.
func (s *Server) publish(draw DrawRequest, result Result, life time.Duration) string {
	ending, query := ".png", ""
	if draw.JPEG {
		ending = ".jpeg"
	}
	path := "/pictures/" + s.next() + ending
	one := shown{draw: draw, result: result}
	if life > 0 {
		one.until = time.Now().Add(life)
		query = "?se=" + strconv.FormatInt(one.until.Unix(), 10) + "&sig=signature" + s.next()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pictures[path+query] = one
	return s.foreignURL + path + query
}

// serveForeign is the host of pictures, which knows no key.
func (s *Server) serveForeign(w http.ResponseWriter, r *http.Request) {
	where := r.URL.RequestURI()
	if r.Header.Get("Authorization") != "" {
		s.note("the key was sent to the foreign host")
	}
	if strings.HasSuffix(r.URL.Path, "/get_result") {
		s.note("polling_url was followed")
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	one, there := s.pictures[where]
	s.mu.Unlock()
	c := s.arrive(Call{Endpoint: PictureGet, Model: one.draw.Model, Prompt: one.draw.Prompt})
	t := s.trouble(PictureGet, one.draw.Model, one.draw.Prompt)
	if t.Result != 0 {
		one.result = t.Result
	}
	content, isUpload := s.uploaded(s.foreignURL + where)
	end := func(status int, o Outcome) { s.update(c, func(c *Call) { c.Status, c.Outcome = status, o }) }
	switch {
	case !pass(r.Context(), t.Wait, t.Until):
		end(0, Abandoned)
	case t.Drop:
		s.drop(w, c)
	case t.Status != 0:
		s.strike(w, c, t)
	case isUpload:
		end(http.StatusOK, Answered)
		_, _ = w.Write(content)
	case !there || one.result == Gone || !one.until.IsZero() && time.Now().After(one.until):
		end(http.StatusNotFound, Refused)
		http.NotFound(w, r)
	default:
		end(http.StatusOK, Answered)
		s.show(w, one)
	}
}

// endlessly is how much an Endless picture has: more than the product takes.
const endlessly = 60 << 20

func (s *Server) show(w http.ResponseWriter, one shown) {
	if one.result == NotAPicture {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write([]byte("<!doctype html><title>not a picture</title>"))
		return
	}
	content := s.settings.Draw(one.draw.within(s.settings.MaxSide))
	kind := http.DetectContentType(content)
	if one.result == WrongType {
		kind = map[bool]string{true: "image/jpeg", false: "image/png"}[kind == "image/png"]
	}
	w.Header().Set("Content-Type", kind)
	if _, err := w.Write(content); err != nil || one.result != Endless {
		return
	}
	for sent, block := 0, bytes.Repeat([]byte{0}, 1<<20); sent < endlessly; sent += len(block) {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}
