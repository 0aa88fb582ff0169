package ai302test

import "net/http"

// balance is GET /dashboard/balance.
func (s *Server) balance(w http.ResponseWriter, r *http.Request) {
	c := s.arrive(Call{Endpoint: Balance})
	s.free(w, r, c, func() (int, any) {
		return http.StatusOK, map[string]any{"data": map[string]any{"balance": s.settings.Balance}}
	})
}
