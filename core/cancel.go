package core

import "context"

// Cancellation says what became of a generation that its owner called off.
type Cancellation struct {
	ID    GenerationID
	Begun bool // too late to give everything back: what was begun is finished and kept
}

// Cancel calls off user's unfinished generation with this id, or all of them where id is
// "". What was not begun is given back. Errors: NotFound where there is nothing
// unfinished, Forbidden where the generation is another's.
func (s *Studio) Cancel(ctx context.Context, user UserID, id GenerationID) ([]Cancellation, error) {
	ids := []GenerationID{id}
	if id == "" {
		account, _, err := s.Store.Usage(ctx, user, s.Now())
		if err != nil {
			return nil, err
		}
		if ids, err = s.Store.Unfinished(ctx, account); err != nil {
			return nil, err
		}
	}
	var done []Cancellation
	for _, id := range ids {
		g, err := s.cancel(ctx, user, id)
		if err != nil {
			return done, err
		}
		if g.State == Open && g.CancelAsked {
			done = append(done, Cancellation{g.ID, g.Begun()})
		}
	}
	if len(done) == 0 {
		return nil, &Error{Kind: NotFound, Reason: ReasonNothingToCancel}
	}
	return done, nil
}

func (s *Studio) cancel(ctx context.Context, user UserID, id GenerationID) (Generation, error) {
	g, err := s.Store.Generation(ctx, id)
	if KindOf(err) == NotFound {
		return g, &Error{Kind: NotFound, Reason: ReasonNothingToCancel}
	}
	if err != nil {
		return g, err
	}
	if owner, err := s.owns(ctx, user, g); err != nil || !owner {
		return g, orForbidden(err)
	}
	return s.change(ctx, id, func(g *Generation) ([]Entry, error) { return g.Cancel(s.Now()), nil })
}

func orForbidden(err error) error {
	if err != nil {
		return err
	}
	return &Error{Kind: Forbidden, Reason: ReasonNotYours}
}
