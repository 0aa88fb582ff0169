package ai302test

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// kontext is POST /flux/v1/{model}.
func (s *Server) kontext(w http.ResponseWriter, r *http.Request, body []byte, model string) {
	o := &order{endpoint: Kontext, model: model}
	o.readJSON(r, body, "prompt", "input_image", "seed", "output_format", "prompt_upsampling", "safety_tolerance", "aspect_ratio")
	if o.prompt = o.text("prompt", true); strings.TrimSpace(o.prompt) == "" {
		o.complain("prompt is empty")
	}
	switch given := o.text("input_image", true); {
	case strings.HasPrefix(given, "data:"):
		o.complain("input_image has a data: prefix")
	case given == "":
		o.complain("input_image is empty")
	case !isURL(given, "http", "https"):
		o.takeBase64("input_image", given)
	}
	o.draw.Seed, _ = o.whole("seed", false)
	o.format()
	if value, there := o.fields["prompt_upsampling"]; there && value != true && value != false {
		o.complain("prompt_upsampling must be a boolean")
	}
	if n, _ := o.whole("safety_tolerance", false); n < 0 || n > 6 {
		o.complain("safety_tolerance must be between 0 and 6")
	}
	if aspect := o.text("aspect_ratio", false); aspect != "" {
		w, h := aspectSize(aspect)
		if w*7 < h*3 || h*7 < w*3 || w == 0 {
			o.complain("aspect_ratio must be between 9:21 and 21:9")
		}
		o.draw.Width, o.draw.Height = w, h
	}
	o.checkPicture()
	known := slices.Contains([]string{"flux-kontext-pro", "flux-kontext-max"}, model)
	s.paid(w, r, o, known, func(t Trouble) any { return s.kontextTicket(o, t) })
}

// kontextTicket is the answer. Its polling_url points at the foreign host, as in
// 302.AI's own example.
func (s *Server) kontextTicket(o *order, t Trouble) any {
	id := "5015d102-09e0-44e9-8ede-" + s.next()
	s.mu.Lock()
	s.tasks[id] = &job{kind: Kontext, model: o.model, prompt: o.prompt, trouble: t, draw: o.draw}
	s.mu.Unlock()
	ticket := map[string]any{"id": id, "polling_url": s.foreignURL + "/v1/get_result?id=" + id}
	if t.NoID {
		ticket["id"] = ""
	}
	return ticket
}

// kontextResult is GET /flux/v1/get_result?id=.
func (s *Server) kontextResult(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	s.mu.Lock()
	j := s.tasks[id]
	s.mu.Unlock()
	if j == nil || j.kind != Kontext {
		c := s.arrive(Call{Endpoint: KontextResult})
		s.free(w, r, c, func() (int, any) { return http.StatusOK, state(id, "Task not found", nil) })
		return
	}
	c := s.arrive(Call{Endpoint: KontextResult, Model: j.model, Prompt: j.prompt})
	s.free(w, r, c, func() (int, any) { return http.StatusOK, s.kontextState(id, j) })
}

func (s *Server) kontextState(id string, j *job) any {
	s.mu.Lock()
	asked := j.asked
	word := ""
	switch {
	case s.held:
		word = "Pending"
	case asked < len(j.trouble.States):
		word = j.trouble.States[asked]
	case asked < s.settings.KontextPolls:
		word = "Pending"
	}
	// A word that is an end stays what it is.
	if low := strings.ToLower(word); !s.held && !strings.HasSuffix(low, "moderated") && low != "error" && low != "failed" {
		j.asked++
	}
	url := j.url
	s.mu.Unlock()
	if word != "" {
		return state(id, word, nil)
	}
	if url == "" {
		url = s.publish(j.draw, j.trouble.Result, s.settings.SampleTTL)
		s.mu.Lock()
		j.url = url
		s.mu.Unlock()
	}
	now := float64(time.Now().Unix())
	return state(id, "Ready", map[string]any{"sample": url, "seed": j.draw.Seed, "prompt": j.prompt, "duration": 1.5, "start_time": now, "end_time": now})
}

func state(id, word string, result any) any {
	return map[string]any{"id": id, "status": word, "result": result, "progress": nil, "details": nil, "preview": nil}
}
