package discord

import (
	"sync"
	"time"
)

// turns are the answers that are being written, by interaction: who writes one holds its
// turn, so that nothing overtakes the last word or comes after it.
type turns struct {
	mu    sync.Mutex
	open  map[string]*turn
	swept time.Time
}

// turn is held while one answer is written. Its fields belong to who holds it.
type turn struct {
	sync.Mutex
	over    bool      // the last word was written
	shown   time.Time // when it was last written, for the pace of progress
	message string    // the id of the answer's message, once it is known

	writers int // these two belong to turns
	since   time.Time
}

const (
	forgetTurn = time.Hour // well over the life of a token, and over core.Deadline
	sweepTurns = time.Minute
)

// enter finds the turn of an answer. It is remembered until all who entered have left
// and the last word is written, or for an hour.
func (t *turns) enter(interaction string, now time.Time) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		t.open = map[string]*turn{}
	}
	if now.Sub(t.swept) > sweepTurns {
		t.swept = now
		for id, turn := range t.open {
			if turn.writers == 0 && now.Sub(turn.since) > forgetTurn {
				delete(t.open, id)
			}
		}
	}
	found := t.open[interaction]
	if found == nil {
		found = &turn{since: now}
		t.open[interaction] = found
	}
	found.writers++
	return found
}

// leave ends what enter began; the turn is not held any more.
func (t *turns) leave(interaction string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	turn := t.open[interaction]
	if turn.writers--; turn.writers == 0 && turn.over {
		delete(t.open, interaction)
	}
}
