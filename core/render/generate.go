package render

import (
	"context"

	"imaginebot/core"
	"imaginebot/core/ai302"
)

// generate asks the unified interface, which answers with the picture.
//
// https://302ai-en.apifox.cn/286781078e0
func (r *Renderer) generate(ctx context.Context, order core.Order) (ticket, error) {
	request := order.Request
	size, aspect, err := order.Model.Shape(request.Aspect, request.Size)
	if err != nil {
		return ticket{}, err
	}
	picture, release, err := r.load(ctx, request.Image)
	if err != nil {
		return ticket{}, beforehand(err)
	}
	defer release()
	if err := begin(ctx, order); err != nil {
		return ticket{}, err
	}
	answer, err := r.Client.Generate(ctx, ai302.GenerateRequest{
		Prompt: request.Prompt, NegativePrompt: request.Negative, Model: order.Model.ID,
		Width: size.Width, Height: size.Height, AspectRatio: aspect.String(),
		OutputFormat: string(request.Format), Image: picture,
	})
	if err != nil {
		return ticket{}, atTheCall(err)
	}
	return finished(answer.Picture), nil
}
