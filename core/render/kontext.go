package render

import (
	"context"

	"imaginebot/core"
	"imaginebot/core/ai302"
)

// safetyTolerance of an edit, from 0, the strictest, to 6: the most that Black Forest Labs
// recommend where pictures of people go in.
const safetyTolerance = 2

// submitKontext hands in an edit, which is answered with an id.
//
// https://doc.302.ai/ and, for the fields, https://docs.bfl.ai/
func (r *Renderer) submitKontext(ctx context.Context, order core.Order) (ticket, error) {
	request := order.Request
	_, aspect, err := order.Model.Shape(request.Aspect, request.Size)
	if err != nil {
		return ticket{}, err
	}
	if request.Aspect.IsZero() {
		aspect = core.Aspect{} // the edit keeps the picture's own shape
	}
	picture, release, err := r.load(ctx, request.Image)
	if err != nil {
		return ticket{}, beforehand(err)
	}
	defer release()
	if err := begin(ctx, order); err != nil {
		return ticket{}, err
	}
	tolerance := safetyTolerance
	id, err := r.Client.SubmitKontext(ctx, order.Model.ID, ai302.KontextRequest{
		Prompt: request.Prompt, Image: picture, Seed: request.Seed, OutputFormat: string(request.Format),
		SafetyTolerance: &tolerance, AspectRatio: aspect.String(),
	})
	if err != nil {
		return ticket{}, atTheCall(err)
	}
	return pending(core.Kontext, id), nil
}
