package render

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"imaginebot/core"
	"imaginebot/core/ai302"
)

// tries of fetching one result: its host may need a moment.
const tries = 4

// store puts a result on the shelf, where order.Key says.
func (r *Renderer) store(ctx context.Context, order core.Order, picture ai302.Picture) (core.Image, error) {
	pause := r.Pause
	for try := 1; ; try++ {
		image, err := r.storeOnce(ctx, order.Key, picture)
		if err == nil || try == tries || !mayPass(picture, err) {
			return image, err
		}
		r.Log.Info("a result could not be stored yet", "generation", order.Generation, "take", order.Take, "model", order.Model.ID, "attempt", try, "err", err)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return core.Image{}, fmt.Errorf("%w, while waiting after: %v", ctx.Err(), err)
		case <-timer.C:
		}
		pause *= 2
	}
}

func (r *Renderer) storeOnce(ctx context.Context, key string, picture ai302.Picture) (core.Image, error) {
	body := io.NopCloser(bytes.NewReader(picture.Bytes))
	if picture.URL != "" {
		var err error
		if body, err = r.Door.Open(ctx, picture.URL, core.LimitsOut); err != nil {
			return core.Image{}, err
		}
	}
	defer body.Close()
	return r.Pictures.Put(ctx, key, body, core.LimitsOut)
}

// mayPass reports whether another try may do. What a host sent once, a page instead of a
// picture say, it need not send again; but a size does not shrink, and bytes do not change.
func mayPass(picture ai302.Picture, err error) bool {
	switch core.KindOf(err) {
	case core.TooBig:
		return false
	case core.Invalid:
		return picture.URL != ""
	}
	return true
}
