package core

import (
	"context"
	"sync"
	"time"
)

// showings are the generations whose progress this process shows: each once, however
// many of its takes are being rendered.
type showings struct {
	mu sync.Mutex
	of map[GenerationID]*showing
}

// showing ends when nobody renders for it any more, or when the outcome is told.
type showing struct {
	takes  int
	cancel context.CancelFunc
	done   chan struct{}
}

// showProgress shows that work goes on, until stop is called, which waits for a showing
// that is under way: nothing comes after the final message.
func (s *Studio) showProgress(ctx context.Context, g Generation) (stop func()) {
	s.showings.mu.Lock()
	defer s.showings.mu.Unlock()
	one, known := s.showings.of[g.ID]
	if !known {
		// It outlives the step that has begun it: another take may still be rendered.
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		one = &showing{cancel: cancel, done: make(chan struct{})}
		s.showings.of[g.ID] = one
		go func() {
			defer close(one.done)
			s.keepShowing(ctx, g)
		}()
	}
	one.takes++
	return func() {
		s.showings.mu.Lock()
		one.takes--
		last := one.takes == 0
		s.showings.mu.Unlock()
		if last {
			s.hush(g.ID, one)
		}
	}
}

// hush ends what shows the progress of a generation, and waits for it.
func (s *Studio) hush(id GenerationID, one *showing) {
	s.showings.mu.Lock()
	if one == nil {
		one = s.showings.of[id]
	}
	if one != nil && s.showings.of[id] == one {
		delete(s.showings.of, id)
	}
	s.showings.mu.Unlock()
	if one != nil {
		one.cancel()
		<-one.done
	}
}

func (s *Studio) keepShowing(ctx context.Context, g Generation) {
	seat, found := s.seats[g.ReplyTo.Platform]
	if !found {
		return
	}
	tick := time.NewTicker(quietFor)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// It may have been ended by another process, or called off.
		now, err := s.Store.Generation(ctx, g.ID)
		if err != nil || now.State != Open || now.TakesEnded() {
			continue
		}
		progress := Progress{Generation: g.ID, Request: g.Request, Waited: s.Now().Sub(g.CreatedAt)}
		if err := seat.courier.Progress(ctx, g.ReplyTo, progress); err != nil && ctx.Err() == nil {
			s.Log.Debug("progress was not shown", "generation", g.ID, "err", err)
		}
	}
}
