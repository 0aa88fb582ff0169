package render

import (
	"context"

	"imaginebot/core"
	"imaginebot/core/ai302"
)

// What is sent where the person asked for nothing, since Flux-General wants every field:
// the provider's own defaults.
const (
	defaultSteps    = 28
	defaultGuidance = 3.5
	defaultSide     = 1024 // where the catalogue has no rule either
)

// submitFluxGeneral asks Flux with LoRAs and a ControlNet, which answers with the picture
// or, after half a minute, with an id.
//
// https://302ai-en.apifox.cn/api-232136668
func (r *Renderer) submitFluxGeneral(ctx context.Context, order core.Order) (ticket, error) {
	request := order.Request
	size, _, err := order.Model.Shape(request.Aspect, request.Size)
	if err != nil {
		return ticket{}, err
	}
	if size.IsZero() {
		size = core.Size{Width: defaultSide, Height: defaultSide}
	}
	wish := ai302.FluxGeneralRequest{
		Prompt: request.Prompt, NegativePrompt: request.Negative,
		Steps: defaultSteps, Guidance: defaultGuidance, Width: size.Width, Height: size.Height,
	}
	if request.Steps > 0 {
		wish.Steps = request.Steps
	}
	if request.Guidance != nil {
		wish.Guidance = *request.Guidance
	}
	for _, lora := range request.LoRAs {
		wish.LoRAs = append(wish.LoRAs, ai302.LoRA{Path: lora.Path, Scale: lora.Scale})
	}
	if control := request.Control; control != nil {
		address, err := r.uploadControl(ctx, request.ControlImage)
		if err != nil {
			return ticket{}, beforehand(err)
		}
		wish.Control = &ai302.ControlNet{ImageURL: address, Path: control.Path, Scale: control.Scale}
	}
	if err := begin(ctx, order); err != nil {
		return ticket{}, err
	}
	answer, err := r.Client.SubmitFluxGeneral(ctx, wish)
	if err != nil {
		return ticket{}, atTheCall(err)
	}
	if answer.Done {
		return finished(answer.Pictures[0]), nil
	}
	return pending(core.FluxGeneral, answer.ID), nil
}

// uploadControl puts the control picture where the provider's models can fetch it.
//
// https://doc.302.ai/
func (r *Renderer) uploadControl(ctx context.Context, image *core.Image) (address string, err error) {
	if image == nil {
		return "", &core.Error{Kind: core.Invalid, Reason: core.ReasonControlImage}
	}
	picture, release, err := r.load(ctx, image)
	if err != nil {
		return "", err
	}
	defer release()
	format := core.Sniff(picture)
	return r.Client.UploadFile(ctx, "control"+format.Ending(), format.Type(), picture)
}
