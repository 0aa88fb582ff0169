package bots

import (
	"context"
	"strconv"
	"strings"

	"imaginebot/core"
)

// flux makes a picture from words with Flux, guided by LoRAs and a ControlNet.
func flux() Command {
	return Command{
		Name:  "flux",
		About: "Make a picture with Flux, LoRAs and ControlNet",
		Words: "prompt",
		Options: []Option{
			{Name: "prompt", About: "What the picture shows; flags such as --lora realism:0.8 work too", Required: true, MaxRunes: core.MaxPrompt},
			sizeOption(),
			{Name: "steps", About: "How long to paint, 1 to 50", Type: Integer, Min: 1, Max: core.MaxSteps, Flags: []string{"steps"}, Sample: "28"},
			{Name: "guidance", About: "How closely to follow the words, 0 to 20", Type: Number, Min: 0, Max: core.MaxGuidance, Flags: []string{"guidance"}, Sample: "3.5"},
			negativeOption(),
			{
				Name: "lora", About: "Styles: names, Hugging Face ids or https URLs, each perhaps with :weight", MaxRunes: 2000,
				Flags: []string{"lora"}, Many: true, Sample: "realism:0.8", Complete: completeLoRA,
			},
			{Name: "lora_scale", About: "Weight of the LoRAs that have none of their own, 0 to 4", Type: Number, Min: 0, Max: core.MaxLoRAScale, Flags: []string{"lora-scale"}, Sample: "0.8"},
			{
				Name: "control", About: "ControlNet for a picture sent along: a name, Hugging Face id or https URL", MaxRunes: 600,
				Flags: []string{"control"}, Sample: "canny", Complete: completeControl,
			},
			{Name: "control_image", About: "The picture that the ControlNet follows", Type: Picture},
			{Name: "control_scale", About: "Weight of the ControlNet, 0 to 2", Type: Number, Min: 0, Max: core.MaxControlScale, Flags: []string{"control-scale"}, Sample: "0.6"},
			countOption(),
			privateOption(),
		},
		Examples: []string{"an old sailor --lora realism:0.8 --steps 40", "a castle --control canny"},
		Paints:   true,
		Run:      runFlux,
	}
}

func runFlux(ctx context.Context, d *Desk, call Call) (Reply, error) {
	sub, err := d.askFlux(call)
	if err != nil {
		return Reply{}, d.refuse(err)
	}
	return d.submit(ctx, call, sub)
}

func (d *Desk) askFlux(call Call) (core.Submission, error) {
	const fluxModel = "flux-general"
	model, err := d.model(fluxModel, fluxModel, core.FluxGeneral)
	if err != nil { // the operator's catalogue has turned it into something else
		return core.Submission{}, &core.Error{Kind: core.NoModel, Err: err}
	}
	_, size, err := shape(call, model)
	if err != nil {
		return core.Submission{}, err
	}
	loras, err := d.loras(call.Options["lora"], number(call.Options["lora_scale"]))
	if err != nil {
		return core.Submission{}, err
	}
	control, err := d.control(call.Options["control"], number(call.Options["control_scale"]))
	return core.Submission{
		ControlImage: call.attachment("control_image"),
		Request: core.Request{
			Model: model.ID, Prompt: call.Words, Negative: call.Options["negative"], Size: size,
			Steps: integer(call.Options["steps"]), Guidance: number(call.Options["guidance"]),
			LoRAs: loras, Control: control, Count: integer(call.Options["count"]),
		},
	}, err
}

// loras reads a list of LoRAs; scale is the weight of those that name none.
func (d *Desk) loras(list string, scale *float64) ([]core.LoRA, error) {
	var loras []core.LoRA
	for _, part := range strings.Split(list, ",") {
		name, own := weighted(part)
		if name == "" {
			continue
		}
		if own == nil {
			own = scale
		}
		lora, err := d.Presets.LoRA(name, own)
		if err != nil {
			return nil, err
		}
		loras = append(loras, lora)
	}
	if scale != nil && len(loras) == 0 {
		return nil, &core.Error{Kind: core.Invalid, Reason: reasonAlone, Option: "lora-scale", Value: "lora"}
	}
	return loras, nil
}

// control reads a ControlNet; scale is its weight if its name has none.
func (d *Desk) control(text string, scale *float64) (*core.ControlNet, error) {
	name, own := weighted(text)
	if own == nil {
		own = scale
	}
	switch {
	case name == "" && scale != nil:
		return nil, &core.Error{Kind: core.Invalid, Reason: reasonAlone, Option: "control-scale", Value: "control"}
	case name == "":
		return nil, nil
	}
	control, err := d.Presets.ControlNet(name, own)
	if err != nil {
		return nil, err
	}
	return &control, nil
}

// weighted parts "name:0.8" into name and weight. The colons in "https://host:8443/path"
// begin no weight: one can only follow the path.
func weighted(text string) (name string, weight *float64) {
	text = strings.TrimSpace(text)
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return text, nil
	}
	if _, address, isURL := strings.Cut(text[:colon], "://"); strings.Contains(text, "://") && (!isURL || !strings.Contains(address, "/")) {
		return text, nil
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(text[colon+1:]), 64)
	if err != nil {
		return text, nil
	}
	return strings.TrimSpace(text[:colon]), &value
}

func completeLoRA(d *Desk, _ Call, typed string) []Choice {
	earlier, last := "", typed
	if comma := strings.LastIndexByte(typed, ','); comma >= 0 {
		earlier, last = strings.TrimSpace(typed[:comma+1])+" ", typed[comma+1:]
	}
	return completePreset(d.Presets.LoRAs, earlier, last)
}

func completeControl(d *Desk, _ Call, typed string) []Choice {
	return completePreset(d.Presets.ControlNets, "", typed)
}

// completePreset lists the presets whose name or description holds what was typed last, after
// what was typed before it. A text that names no preset is offered as it is: it
// may be a Hugging Face id or a URL.
func completePreset(presets []core.Preset, earlier, last string) []Choice {
	word := strings.ToLower(strings.TrimSpace(last))
	var choices []Choice
	for _, preset := range presets {
		value := earlier + preset.Name
		if strings.Contains(strings.ToLower(preset.Name+" "+preset.About), word) && len([]rune(value)) <= maxChoice {
			choices = append(choices, Choice{shorten(value+" · "+preset.About, maxChoice), value})
		}
	}
	if asTyped := earlier + strings.TrimSpace(last); len(choices) == 0 && len([]rune(asTyped)) <= maxChoice {
		choices = append(choices, Choice{asTyped, asTyped})
	}
	return choices
}
