package render

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/semaphore"

	"imaginebot/core"
	"imaginebot/core/ai302"
	"imaginebot/core/fetch"
)

// Settings of a Renderer. Client, Door and Pictures are required.
type Settings struct {
	Client   *ai302.Client
	Door     *fetch.Door // the room of the client's base: results may lie beside the API
	Pictures core.Pictures
	Log      *slog.Logger // nil is silent

	Memory int64         // bytes for pictures on their way to the provider; 256 MiB if zero
	Limit  time.Duration // of one Render or Resume; 10 min if zero
	Pause  time.Duration // before a result is fetched a second time, then doubling; 1 s if zero
}

// Renderer makes pictures. It is safe for concurrent use.
type Renderer struct {
	Settings
	memory *semaphore.Weighted
}

var _ core.Renderer = (*Renderer)(nil)

// New makes a Renderer.
func New(settings Settings) *Renderer {
	if settings.Log == nil {
		settings.Log = slog.New(slog.DiscardHandler)
	}
	if settings.Memory <= 0 {
		settings.Memory = 256 << 20
	}
	if settings.Limit <= 0 {
		settings.Limit = 10 * time.Minute
	}
	if settings.Pause <= 0 {
		settings.Pause = time.Second
	}
	return &Renderer{Settings: settings, memory: semaphore.NewWeighted(settings.Memory)}
}

// Render makes the picture that is ordered: one paid call at most, and none if order.Begin
// fails.
func (r *Renderer) Render(ctx context.Context, order core.Order) (core.Image, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Limit)
	defer cancel()
	paid, err := r.submit(ctx, order)
	if err != nil {
		return core.Image{}, err
	}
	kept, err := r.keep(ctx, order, paid)
	if err != nil {
		return core.Image{}, err
	}
	return r.finish(ctx, order, paid, kept)
}

// Resume fetches the picture of a ticket. It costs nothing.
func (r *Renderer) Resume(ctx context.Context, order core.Order, text core.Ticket) (core.Image, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Limit)
	defer cancel()
	var paid ticket
	if err := json.Unmarshal([]byte(text), &paid); err != nil {
		return core.Image{}, &core.Error{Kind: core.Ambiguous, Err: errors.New("the ticket cannot be read")}
	}
	return r.finish(ctx, order, paid, true)
}

// ticket is what a paid call came to, as it is stored: an id to ask after, or where the
// finished picture is.
type ticket struct {
	Endpoint  core.Endpoint `json:"endpoint,omitempty"`
	ID        string        `json:"id,omitempty"`
	URL       string        `json:"url,omitempty"`
	Submitted time.Time     `json:"submitted"`

	inline []byte // the picture itself, which is not stored here
}

// submit makes the paid call.
func (r *Renderer) submit(ctx context.Context, order core.Order) (ticket, error) {
	switch order.Model.Endpoint {
	case core.FluxGeneral:
		return r.submitFluxGeneral(ctx, order)
	case core.Kontext:
		return r.submitKontext(ctx, order)
	default:
		return r.generate(ctx, order)
	}
}

// begin says that the paid call comes next.
func begin(ctx context.Context, order core.Order) error {
	if err := order.Begin(ctx); err != nil {
		return fmt.Errorf("begin the paid call: %w", err)
	}
	return nil
}

// keep stores the ticket, if there is one to store. The error is ErrLost.
func (r *Renderer) keep(ctx context.Context, order core.Order, paid ticket) (kept bool, err error) {
	if paid.inline != nil {
		return false, nil
	}
	text, err := json.Marshal(paid)
	if err == nil {
		err = order.Keep(ctx, core.Ticket(text))
	}
	if errors.Is(err, core.ErrLost) {
		return false, fmt.Errorf("keep the ticket: %w", err)
	}
	if err != nil {
		r.Log.Error("a ticket was not stored", "generation", order.Generation, "take", order.Take, "model", order.Model.ID, "err", err)
	}
	return err == nil, nil
}

// finish awaits what was paid for and stores it.
func (r *Renderer) finish(ctx context.Context, order core.Order, paid ticket, kept bool) (core.Image, error) {
	picture, err := r.await(ctx, paid)
	if err != nil {
		return core.Image{}, afterwards(err, kept)
	}
	image, err := r.store(ctx, order, picture)
	if err != nil {
		return core.Image{}, afterwards(err, kept)
	}
	return image, nil
}

func (r *Renderer) await(ctx context.Context, paid ticket) (ai302.Picture, error) {
	switch {
	case paid.inline != nil:
		return ai302.Picture{Bytes: paid.inline}, nil
	case paid.URL != "":
		return ai302.Picture{URL: paid.URL}, nil
	case paid.Endpoint == core.FluxGeneral:
		done, err := r.Client.AwaitTask(ctx, paid.ID)
		if err != nil {
			return ai302.Picture{}, err
		}
		return done.Pictures[0], nil
	case paid.Endpoint == core.Kontext:
		answer, err := r.Client.AwaitKontext(ctx, paid.ID, paid.Submitted)
		return answer.Picture, err
	}
	return ai302.Picture{}, &core.Error{Kind: core.Ambiguous, Err: errors.New("the ticket is of an unknown kind")}
}

// finished is the ticket of a call that came back with a picture.
func finished(picture ai302.Picture) ticket {
	return ticket{URL: picture.URL, Submitted: time.Now().UTC(), inline: picture.Bytes}
}

// pending is the ticket of a call that came back with an id.
func pending(endpoint core.Endpoint, id string) ticket {
	return ticket{Endpoint: endpoint, ID: id, Submitted: time.Now().UTC()}
}
