package coretest

import (
	"context"
	"slices"
	"sync"
	"time"

	"imaginebot/core"
)

// Store is a core.Store in memory. Transactions run one at a time, as on SQLite, and
// reads beside them see what was committed before.
type Store struct {
	now  func() time.Time
	turn chan struct{} // who holds the token runs a transaction

	mu       sync.Mutex
	kept     *tables       // committed: replaced, never changed
	changed  chan struct{} // closed at the next commit
	down     error
	onCommit func()
}

// NewStore makes an empty store. Its clock decides which notes and steps are due.
func NewStore(now func() time.Time) *Store { return newStore(now, &tables{}) }

func newStore(now func() time.Time, kept *tables) *Store {
	return &Store{now: now, turn: make(chan struct{}, 1), kept: kept, changed: make(chan struct{})}
}

// Fork is a store with what is committed now: what a kill at this moment would leave.
// Steps that were being worked wait again.
func (s *Store) Fork() *Store {
	kept := s.committed().clone()
	for i := range kept.steps {
		kept.steps[i].working = false
	}
	return newStore(s.now, kept)
}

// Break makes every call fail with err, like a database that does not answer; nil mends it.
func (s *Store) Break(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = err
}

// OnCommit has do called after every transaction that changed something.
func (s *Store) OnCommit(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onCommit = do
}

// Ledger are the entries that were booked, in order.
func (s *Store) Ledger() []core.Entry { return slices.Clone(s.committed().ledger) }

func (s *Store) committed() *tables {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept
}

// read is what is committed, unless the store is broken or nobody waits any more.
func (s *Store) read(ctx context.Context) (*tables, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return nil, s.down
	}
	return s.kept, ctx.Err()
}

// InTx implements core.Store.
func (s *Store) InTx(ctx context.Context, do func(ctx context.Context, tx core.Tx) error) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	if _, err := s.read(ctx); err != nil {
		return err
	}
	if err := do(ctx, &tx{s.committed().clone()}); err != nil {
		return err
	}
	again := &tx{s.committed().clone()}
	if err := do(ctx, again); err != nil {
		return err
	}
	if _, err := s.read(ctx); err != nil {
		return err
	}
	s.commit(again.tables)
	return nil
}

func (s *Store) begin(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) end() { <-s.turn }

func (s *Store) commit(next *tables) {
	s.mu.Lock()
	s.kept = next
	close(s.changed)
	s.changed = make(chan struct{})
	tell := s.onCommit
	s.mu.Unlock()
	if tell != nil {
		tell()
	}
}

// Generation implements core.Store.
func (s *Store) Generation(ctx context.Context, id core.GenerationID) (core.Generation, error) {
	kept, err := s.read(ctx)
	if err != nil {
		return core.Generation{}, err
	}
	return kept.generation(id)
}

// Usage implements core.Store.
func (s *Store) Usage(ctx context.Context, user core.UserID, now time.Time) (core.AccountID, core.Usage, error) {
	kept, err := s.read(ctx)
	if err != nil {
		return "", core.Usage{}, err
	}
	account := kept.accounts[user]
	return account, kept.usage(account, now), nil
}

// NewestImage implements core.Store.
func (s *Store) NewestImage(ctx context.Context, account core.AccountID, place string, private bool) (core.Image, error) {
	kept, err := s.read(ctx)
	if err != nil {
		return core.Image{}, err
	}
	var newest core.Image
	var at time.Time
	consider := func(image *core.Image, then time.Time) {
		if image != nil && (newest.Key == "" || !then.Before(at)) {
			newest, at = *image, then
		}
	}
	for _, g := range kept.oldestFirst() {
		if g.Account != account || g.Place != place || g.Purged || g.Request.Private && !private {
			continue
		}
		if !g.InputsGone {
			consider(g.Request.ControlImage, g.CreatedAt)
			consider(g.Request.Image, g.CreatedAt)
		}
		for _, t := range g.Takes {
			consider(t.Image, t.EndedAt)
		}
	}
	if newest.Key == "" {
		return core.Image{}, &core.Error{Kind: core.NotFound}
	}
	return newest, nil
}

// Unfinished implements core.Store.
func (s *Store) Unfinished(ctx context.Context, account core.AccountID) ([]core.GenerationID, error) {
	return s.open(ctx, func(_ *tables, g core.Generation) bool { return g.Account == account })
}

// Kept implements core.Store.
func (s *Store) Kept(ctx context.Context, account core.AccountID) ([]core.GenerationID, error) {
	kept, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var ids []core.GenerationID
	for _, g := range slices.Backward(kept.oldestFirst()) {
		if g.Account == account && g.Undelivered() && len(ids) < 10 {
			ids = append(ids, g.ID)
		}
	}
	return ids, nil
}

// Orphans implements core.Store.
func (s *Store) Orphans(ctx context.Context) ([]core.GenerationID, error) {
	return s.open(ctx, func(kept *tables, g core.Generation) bool {
		dead := func(holder core.HolderID) bool {
			_, alive := kept.holders[holder]
			return holder != "" && !alive
		}
		return dead(g.Holder) || slices.ContainsFunc(g.Takes, func(t core.Take) bool { return dead(t.Holder) })
	})
}

// Overdue implements core.Store.
func (s *Store) Overdue(ctx context.Context, before time.Time) ([]core.GenerationID, error) {
	return s.open(ctx, func(_ *tables, g core.Generation) bool { return g.CreatedAt.Before(before) })
}

// Untold implements core.Store.
func (s *Store) Untold(ctx context.Context, before time.Time) ([]core.GenerationID, error) {
	return s.open(ctx, func(_ *tables, g core.Generation) bool {
		return g.TakesEnded() && g.Holder == "" && g.DueAt.Before(before)
	})
}

// Spoiled implements core.Store.
func (s *Store) Spoiled(ctx context.Context, inputs, results time.Time) ([]core.GenerationID, error) {
	ids, err := s.pick(ctx, func(_ *tables, g core.Generation) bool {
		given := g.Request.Image != nil || g.Request.ControlImage != nil
		return g.State != core.Open &&
			(given && !g.InputsGone && g.EndedAt.Before(inputs) ||
				len(g.Images()) > 0 && !g.Purged && g.EndedAt.Before(results))
	})
	return ids[:min(len(ids), atMost)], err
}

func (s *Store) open(ctx context.Context, which func(*tables, core.Generation) bool) ([]core.GenerationID, error) {
	return s.pick(ctx, func(kept *tables, g core.Generation) bool { return g.State == core.Open && which(kept, g) })
}

func (s *Store) pick(ctx context.Context, which func(*tables, core.Generation) bool) ([]core.GenerationID, error) {
	kept, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var ids []core.GenerationID
	for _, g := range kept.oldestFirst() {
		if which(kept, g) {
			ids = append(ids, g.ID)
		}
	}
	return ids, nil
}

// Note implements core.Store.
func (s *Store) Note(ctx context.Context, key string) (string, error) {
	kept, err := s.read(ctx)
	if err != nil {
		return "", err
	}
	if kept := kept.notes[key]; s.now().Before(kept.expires) {
		return kept.value, nil
	}
	return "", nil
}

// PutNote implements core.Store.
func (s *Store) PutNote(ctx context.Context, key, value string, expires time.Time) error {
	return s.InTx(ctx, func(_ context.Context, t core.Tx) error {
		t.(*tx).notes[key] = note{value, expires}
		return nil
	})
}
