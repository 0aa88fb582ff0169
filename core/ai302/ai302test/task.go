package ai302test

import "net/http"

// fetchTask is GET /302/task/{id}/fetch.
func (s *Server) fetchTask(w http.ResponseWriter, r *http.Request, id string) {
	s.mu.Lock()
	j := s.tasks[id]
	s.mu.Unlock()
	if j == nil || j.kind != FluxGeneral {
		c := s.arrive(Call{Endpoint: TaskFetch})
		s.free(w, r, c, func() (int, any) { return http.StatusNotFound, envelope(-10010, "") })
		return
	}
	c := s.arrive(Call{Endpoint: TaskFetch, Prompt: j.prompt})
	s.free(w, r, c, func() (int, any) {
		s.mu.Lock()
		j.asked++
		unfinished := j.asked < j.trouble.Unfinished
		s.mu.Unlock()
		switch {
		case unfinished:
			return http.StatusOK, eightFields(id, "flux-general", "processing", "")
		case j.trouble.Failure != "":
			return http.StatusOK, eightFields(id, "flux-general", "failed", j.trouble.Failure)
		}
		answer := eightFields(id, "flux-general", "succeeded", "", s.jobPictures(j)...)
		if j.trouble.NSFW != nil {
			answer["has_nsfw_concepts"] = j.trouble.NSFW
		}
		return http.StatusOK, answer
	})
}
