package core

import "time"

// Waiting is the foremost claimable take of one account and one model.
type Waiting struct {
	Generation GenerationID
	Take       int
	Account    AccountID
	Model      string
	Ticketed   bool      // already paid: only to be resumed
	CreatedAt  time.Time // of its generation
	Running    int       // takes of the account that are held by somebody
	Served     time.Time // when a take of the account was last claimed; zero if never
}

// Fairest picks the take that is worked next: what is paid already goes first; then the
// account with the fewest takes running, of these the one served longest ago, and of
// its takes the oldest. A model at its limit of running calls is passed over.
// So a person's one request waits for at most one picture of another's twenty.
func Fairest(waiting []Waiting, running map[string]int, limit func(model string) int) (Waiting, bool) {
	var best Waiting
	found := false
	for _, candidate := range waiting {
		most := limit(candidate.Model)
		if !candidate.Ticketed && most > 0 && running[candidate.Model] >= most {
			continue
		}
		if !found || candidate.before(best) {
			best, found = candidate, true
		}
	}
	return best, found
}

func (w Waiting) before(other Waiting) bool {
	switch {
	case w.Ticketed != other.Ticketed:
		return w.Ticketed
	case w.Running != other.Running:
		return w.Running < other.Running
	case !w.Served.Equal(other.Served):
		return w.Served.Before(other.Served)
	}
	return w.CreatedAt.Before(other.CreatedAt)
}
