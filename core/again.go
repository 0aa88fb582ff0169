package core

import "context"

// Again submits once more what an earlier generation was asked for, on the allowance of
// the person who asks now. The same person's second ask while the first is unfinished,
// or within Twice, is the first: fresh is false.
func (s *Studio) Again(ctx context.Context, parent GenerationID, sub Submission) (g Generation, fresh bool, err error) {
	earlier, err := s.visible(ctx, parent, sub.User, sub.Place)
	if err != nil {
		return Generation{}, false, err
	}
	sub.parent, sub.Request = earlier, earlier.Request
	return s.Submit(ctx, sub)
}

// visible reads a generation that user may see in place: one's own, or another's that
// was not private and was made in this very place. For all others it is NotFound.
func (s *Studio) visible(ctx context.Context, id GenerationID, user UserID, place string) (Generation, error) {
	g, err := s.Store.Generation(ctx, id)
	if err != nil {
		return Generation{}, err
	}
	owner, err := s.owns(ctx, user, g)
	if err != nil {
		return Generation{}, err
	}
	if !owner && (g.Request.Private || g.Place != place) {
		return Generation{}, &Error{Kind: NotFound}
	}
	return g, nil
}

func (s *Studio) owns(ctx context.Context, user UserID, g Generation) (bool, error) {
	account, _, err := s.Store.Usage(ctx, user, s.Now())
	return err == nil && account != "" && account == g.Account, err
}
