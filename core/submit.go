package core

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// UploadPrice is what handing a control picture to the provider costs, per take.
const UploadPrice PTC = 1000

// Twice is how long a second Again of the same picture by the same person is taken for
// the same tap, even if the first has ended.
const Twice = 5 * time.Second

// Attachment is a picture that a person sent and that nobody has fetched yet.
type Attachment struct {
	Name string
	Size int64 // as declared; 0 if unknown, and not to be trusted
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// Submission is a request on its way in.
type Submission struct {
	Event   EventKey
	User    UserID
	Place   string
	ReplyTo ReplyTo
	Request Request

	Image        *Attachment // the picture to start from
	ControlImage *Attachment // the picture that Request.Control follows
	Newest       bool        // instead of Image: the newest picture of this person here
	Unseen       bool        // nobody else reads what is answered here, so Newest may be a private one

	parent Generation // of Again
}

// Submit reserves the allowance for a request and queues its takes. Nothing is fetched
// before the allowance was looked at, and nothing is kept of a request that is refused.
// The same event twice gives the same generation; fresh tells whether this call made it.
func (s *Studio) Submit(ctx context.Context, sub Submission) (g Generation, fresh bool, err error) {
	defer func() {
		if err != nil {
			s.OnRefuse(KindOf(err))
		}
	}()
	sub.Request.Tidy()
	model, err := s.Catalog.Find(sub.Request.Model)
	if err != nil {
		return Generation{}, false, err
	}
	sub.Request.Model = model.ID
	price := model.Cost()
	if sub.Request.Control != nil {
		price += UploadPrice
	}
	g = Generation{
		ID: GenerationOf(sub.Event), Event: sub.Event, User: sub.User, Place: sub.Place, ReplyTo: sub.ReplyTo,
		Parent: sub.parent.ID, CreatedAt: s.Now().UTC(),
	}
	if known, err := s.Store.Generation(ctx, g.ID); KindOf(err) != NotFound {
		return known, false, err
	}
	if err := s.mayAsk(ctx, sub, model, price); err != nil {
		return Generation{}, false, err
	}
	if sub.Request, err = s.takeIn(ctx, g.ID, sub); err != nil {
		return Generation{}, false, err
	}
	g.Request = sub.Request
	known, fresh, err := s.enter(ctx, g, price)
	if err != nil {
		s.dropInputs(ctx, g)
		return Generation{}, false, fmt.Errorf("submit %s: %w", g.ID, err)
	}
	if !fresh && known.ID != g.ID {
		s.dropInputs(ctx, g)
	}
	return known, fresh, nil
}

// mayAsk refuses what can be refused without fetching anything.
func (s *Studio) mayAsk(ctx context.Context, sub Submission, model Model, price PTC) error {
	hasImage := sub.Image != nil || sub.Newest || sub.Request.Image != nil
	hasControlImage := sub.ControlImage != nil || sub.Request.ControlImage != nil
	if err := sub.Request.Validate(model, hasImage, hasControlImage); err != nil {
		return err
	}
	if err := s.pause.refuses(s.Now()); err != nil {
		return err
	}
	_, usage, err := s.Store.Usage(ctx, sub.User, s.Now())
	if err != nil {
		return err
	}
	if twice := sub.parent.ID != ""; twice {
		return nil // whether it is the same tap is for the transaction to say, before the rule
	}
	return s.Plan.Admit(usage, sub.Request.Count, price*PTC(sub.Request.Count), s.Now())
}

// takeIn stores the request's input pictures under the generation's own keys.
func (s *Studio) takeIn(ctx context.Context, id GenerationID, sub Submission) (Request, error) {
	request := sub.Request
	var err error
	switch {
	case sub.Image != nil:
		request.Image, err = s.fetch(ctx, *sub.Image, inputKey(id, "image"))
	case sub.Newest:
		var newest Image
		account, _, usageErr := s.Store.Usage(ctx, sub.User, s.Now())
		if usageErr != nil {
			return request, usageErr
		}
		if newest, err = s.Store.NewestImage(ctx, account, sub.Place, sub.Request.Private || sub.Unseen); KindOf(err) == NotFound {
			return request, &Error{Kind: Invalid, Reason: ReasonNothingToEdit}
		} else if err == nil {
			request.Image, err = s.copyIn(ctx, newest, inputKey(id, "image"))
		}
	case request.Image != nil:
		request.Image, err = s.copyIn(ctx, *request.Image, inputKey(id, "image"))
	}
	if err != nil {
		return request, err
	}
	switch {
	case sub.ControlImage != nil:
		request.ControlImage, err = s.fetch(ctx, *sub.ControlImage, inputKey(id, "control"))
	case request.ControlImage != nil:
		request.ControlImage, err = s.copyIn(ctx, *request.ControlImage, inputKey(id, "control"))
	}
	if err != nil && request.Image != nil {
		s.dropInputs(ctx, Generation{ID: id, Request: request})
	}
	return request, err
}

func (s *Studio) fetch(ctx context.Context, attachment Attachment, key string) (*Image, error) {
	if attachment.Size > LimitsIn.Bytes {
		return nil, &Error{Kind: TooBig, Reason: ReasonPictureBytes, Limit: LimitsIn.Bytes}
	}
	body, err := attachment.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	image, err := s.Pictures.Put(ctx, key, body, LimitsIn)
	if err != nil {
		return nil, err
	}
	if image.Format == GIF {
		return nil, &Error{Kind: Invalid, Reason: ReasonNoPicture, Err: s.Pictures.Delete(ctx, key)}
	}
	return &image, nil
}

func (s *Studio) copyIn(ctx context.Context, image Image, key string) (*Image, error) {
	copied, err := s.Pictures.Copy(ctx, image, key)
	if KindOf(err) == NotFound {
		return nil, &Error{Kind: NotFound, Reason: ReasonPictureGone}
	}
	if err != nil {
		return nil, err
	}
	return &copied, nil
}

// enter makes the generation, in one transaction: whole or not at all.
func (s *Studio) enter(ctx context.Context, g Generation, price PTC) (known Generation, fresh bool, err error) {
	err = s.Store.InTx(ctx, func(ctx context.Context, tx Tx) error {
		known, fresh = Generation{}, false
		g := g
		if g.Account, err = tx.Account(ctx, g.User); err != nil {
			return err
		}
		if known, err = s.sameAsk(ctx, tx, g); KindOf(err) != NotFound {
			return err
		}
		usage, err := tx.Usage(ctx, g.Account, g.CreatedAt)
		if err != nil {
			return err
		}
		if err := s.Plan.Admit(usage, g.Request.Count, price*PTC(g.Request.Count), g.CreatedAt); err != nil {
			return err
		}
		made, entries := NewGeneration(g, price)
		if err := tx.Add(ctx, made); err != nil {
			return err
		}
		if err := s.book(ctx, tx, Generation{}, made, entries); err != nil {
			return err
		}
		known, fresh = made, true
		return tx.EndEvent(ctx, g.Event)
	})
	return known, fresh, err
}

// sameAsk finds the generation that this one would repeat: the same event, or the same
// tap of Again. The error is NotFound where there is none.
func (s *Studio) sameAsk(ctx context.Context, tx Tx, g Generation) (Generation, error) {
	known, err := tx.Load(ctx, g.ID)
	if KindOf(err) != NotFound {
		return known, err
	}
	if g.Parent == "" {
		return Generation{}, err
	}
	child, err := tx.Child(ctx, g.Account, g.Parent)
	if err != nil {
		return Generation{}, err
	}
	if child.State != Open && g.CreatedAt.Sub(child.CreatedAt) > Twice {
		return Generation{}, &Error{Kind: NotFound}
	}
	return child, tx.EndEvent(ctx, g.Event)
}

// dropInputs deletes the pictures of a request that was not accepted. Where it may have been,
// by another attempt at the same event or by a commit whose answer was lost, they stay.
func (s *Studio) dropInputs(ctx context.Context, g Generation) {
	if _, err := s.Store.Generation(context.WithoutCancel(ctx), g.ID); KindOf(err) != NotFound {
		return
	}
	if err := s.Pictures.Delete(context.WithoutCancel(ctx), g.inputKeys()...); err != nil {
		s.Log.Warn("input pictures were not deleted", "generation", g.ID, "err", err)
	}
}

func inputKey(id GenerationID, name string) string { return "in/" + string(id) + "-" + name }

func outputKey(id GenerationID, take int) string { return fmt.Sprintf("out/%s-%d", id, take+1) }

func (g Generation) inputKeys() []string {
	var keys []string
	for _, image := range []*Image{g.Request.Image, g.Request.ControlImage} {
		if image != nil {
			keys = append(keys, image.Key)
		}
	}
	return keys
}

// Allowance is what is left to user.
func (s *Studio) Allowance(ctx context.Context, user UserID) (Allowance, error) {
	_, usage, err := s.Store.Usage(ctx, user, s.Now())
	return s.Plan.Left(usage, s.Now()), err
}

// pause remembers that the operator's key or balance needs care.
type pause struct {
	mu    sync.Mutex
	until time.Time
	told  bool
}

// pauseFor is how long new requests are refused after the provider last said so; the
// takes that are held try again in that time, and so notice when it is mended.
const pauseFor = time.Minute

func (p *pause) refuses(now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Before(p.until) {
		return &Error{Kind: Paused, RetryAt: p.until}
	}
	return nil
}

// begin reports whether the operator is to be told.
func (p *pause) begin(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := !p.told
	p.until, p.told = now.Add(pauseFor), true
	return first
}

func (p *pause) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until, p.told = time.Time{}, false
}
