package core

import "context"

// Show is what came of user's own generation, to be told once more. Errors: NotFound
// where there is none, Forbidden where it is another's, NotFound with ReasonPictureGone
// where its pictures are not kept any more.
func (s *Studio) Show(ctx context.Context, user UserID, id GenerationID) (Outcome, error) {
	g, err := s.Store.Generation(ctx, id)
	if err != nil {
		return Outcome{}, err
	}
	if owner, err := s.owns(ctx, user, g); err != nil || !owner {
		return Outcome{}, orForbidden(err)
	}
	if g.Undelivered() {
		g, err = s.change(ctx, id, func(g *Generation) ([]Entry, error) {
			g.State = Delivered
			return nil, nil
		})
		if err != nil {
			return Outcome{}, err
		}
	}
	return s.shown(ctx, g)
}

// Kept are user's generations that could not be delivered, newest first, to be offered
// until Show brings them back.
func (s *Studio) Kept(ctx context.Context, user UserID) ([]GenerationID, error) {
	account, _, err := s.Store.Usage(ctx, user, s.Now())
	if err != nil || account == "" {
		return nil, err
	}
	return s.Store.Kept(ctx, account)
}

// Original is Show for anybody who may see the generation in place.
func (s *Studio) Original(ctx context.Context, user UserID, place string, id GenerationID) (Outcome, error) {
	g, err := s.visible(ctx, id, user, place)
	if err != nil {
		return Outcome{}, err
	}
	return s.shown(ctx, g)
}

func (s *Studio) shown(ctx context.Context, g Generation) (Outcome, error) {
	if g.Purged {
		return Outcome{}, &Error{Kind: NotFound, Reason: ReasonPictureGone}
	}
	return s.outcome(ctx, g)
}

// Delete erases the pictures of a generation for its owner; one that is still rendered is
// called off instead, and erased is false. A moderator of the place may have the message
// removed: then the pictures stay with their owner, and erased is false. Others are Forbidden.
func (s *Studio) Delete(ctx context.Context, user UserID, place string, moderator bool, id GenerationID) (erased bool, err error) {
	g, err := s.Store.Generation(ctx, id)
	if err != nil {
		return false, err
	}
	owner, err := s.owns(ctx, user, g)
	switch {
	case err != nil:
		return false, err
	case owner && !g.TakesEnded():
		_, err := s.cancel(ctx, user, id)
		return false, err
	case owner:
		return true, s.purge(ctx, g.ID, true)
	case moderator && g.Place == place:
		return false, nil
	}
	return false, &Error{Kind: Forbidden, Reason: ReasonNotYours}
}

// outcome is what is told of a generation.
func (s *Studio) outcome(ctx context.Context, g Generation) (Outcome, error) {
	left, err := s.Allowance(ctx, g.User)
	if err != nil {
		return Outcome{}, err
	}
	model, err := s.Catalog.Find(g.Request.Model)
	if err != nil { // the operator has taken it out of the catalogue since
		model = Model{ID: g.Request.Model}
	}
	kept, err := s.Store.Kept(ctx, g.Account)
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Generation: g, Model: model, Left: left, Kept: kept}, nil
}
