package ai302test

import (
	"net/http"
	"strings"
)

// upload is POST /302/upload-file.
func (s *Server) upload(w http.ResponseWriter, r *http.Request, body []byte) {
	o := &order{endpoint: Upload}
	o.readForm(r, body, "file")
	if len(o.picture) == 0 {
		o.complain("there is no file")
	}
	if len(o.picture) > 50<<20 {
		o.complain("the file has more than 50 MB")
	}
	c := s.arrive(Call{Endpoint: Upload, Form: true, ImageBytes: len(o.picture)})
	s.free(w, r, c, func() (int, any) {
		if len(o.wrong) > 0 {
			s.note("upload refused: %s", strings.Join(o.wrong, "; "))
			return http.StatusBadRequest, map[string]any{"code": 400, "message": "parameter error"}
		}
		url := s.foreignURL + "/uploads/" + s.next()
		s.mu.Lock()
		s.uploads[url] = o.picture
		s.mu.Unlock()
		return http.StatusOK, map[string]any{"code": 200, "data": url, "message": "success"}
	})
}

// uploaded gives what was uploaded to a URL.
func (s *Server) uploaded(url string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, there := s.uploads[url]
	return content, there
}
