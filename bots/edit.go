package bots

import (
	"context"
	"strconv"

	"imaginebot/core"
)

// The models of edit, as people may choose them.
const kontextPro, kontextMax = "flux-kontext-pro", "flux-kontext-max"

// edit changes a picture by words, with Kontext.
func edit() Command {
	return Command{
		Name:  "edit",
		About: "Change a picture by words",
		Words: "instruction",
		Options: []Option{
			{Name: "instruction", About: "What to change; flags such as --max work too", Required: true, MaxRunes: core.MaxPrompt},
			{Name: "image", About: "The picture; without one, your newest picture here", Type: Picture},
			{
				Name: "model", About: "Who edits", Choices: []string{kontextPro, kontextMax},
				Flags: []string{"model"}, Short: map[string]string{"max": kontextMax}, Sample: kontextMax,
			},
			aspectOption(),
			{Name: "seed", About: "The same number gives the same picture again", Type: Integer, Min: 0, Max: core.MaxSeed, Flags: []string{"seed"}, Sample: "7"},
			formatOption(),
			privateOption(),
		},
		Examples: []string{"make it night", "a watercolour of this --max"},
		Paints:   true,
		Run:      runEdit,
	}
}

func runEdit(ctx context.Context, d *Desk, call Call) (Reply, error) {
	if call.Words == "" {
		return AskWhatToChange(), nil
	}
	sub, err := d.askEdit(call)
	if err != nil {
		return Reply{}, d.refuse(err)
	}
	return d.submit(ctx, call, sub)
}

func (d *Desk) askEdit(call Call) (core.Submission, error) {
	model, err := d.model(call.Options["model"], d.EditModel, core.Kontext)
	if err != nil {
		return core.Submission{}, err
	}
	aspect, _, err := shape(call, model)
	image := call.attachment("image")
	return core.Submission{
		Image:  image,
		Newest: image == nil, Unseen: call.Place.Private,
		Request: core.Request{
			Model: model.ID, Prompt: call.Words, Aspect: aspect, Seed: seed(call.Options["seed"]),
			Format: core.Format(call.Options["format"]), Count: 1,
		},
	}, err
}

func seed(plain string) *int64 {
	number, err := strconv.ParseInt(plain, 10, 64)
	if err != nil {
		return nil
	}
	return &number
}
