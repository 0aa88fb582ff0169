package bots

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"imaginebot/core"
)

// imagine makes a picture from words, with any model of the unified endpoint.
func imagine() Command {
	return Command{
		Name:  "imagine",
		About: "Make a picture from words",
		Words: "prompt",
		Options: []Option{
			{Name: "prompt", About: "What the picture shows; flags such as --ar 16:9 work too", Required: true, MaxRunes: core.MaxPrompt},
			{Name: "model", About: "Who paints; type to search by name, vendor or price", Flags: []string{"model"}, MaxRunes: 80, Sample: "luma-t2i", Complete: completeModel},
			aspectOption(),
			sizeOption(),
			negativeOption(),
			{Name: "image", About: "A picture to start from, for models that take one", Type: Picture},
			formatOption(),
			countOption(),
			privateOption(),
		},
		Examples: []string{"a red fox in the snow --ar 16:9", "a paper boat --model luma-t2i --n 2"},
		Paints:   true,
		Run:      runImagine,
	}
}

func runImagine(ctx context.Context, d *Desk, call Call) (Reply, error) {
	sub, err := d.askImagine(call)
	if err != nil {
		return Reply{}, d.refuse(err)
	}
	return d.submit(ctx, call, sub)
}

func (d *Desk) askImagine(call Call) (core.Submission, error) {
	image := call.attachment("image")
	model, err := d.imagineModel(call.Options["model"], image != nil)
	if err != nil {
		return core.Submission{}, err
	}
	aspect, size, err := shape(call, model)
	return core.Submission{
		Image: image,
		Request: core.Request{
			Model: model.ID, Prompt: call.Words, Negative: call.Options["negative"], Aspect: aspect, Size: size,
			Format: core.Format(call.Options["format"]), Count: integer(call.Options["count"]),
		},
	}, err
}

// imagineModel is the model that paints. With a picture, a model of words alone gives way to
// its sibling that takes one.
func (d *Desk) imagineModel(named string, picture bool) (core.Model, error) {
	model, err := d.model(named, d.DefaultModel, core.Unified)
	if err != nil || !picture || model.RequiresImage {
		return model, err
	}
	if sibling, ok := d.Catalog.Sibling(model); ok {
		return sibling, nil
	}
	takers := d.Catalog.IDs(func(m core.Model) bool { return m.RequiresImage && m.Endpoint == core.Unified && !m.Hidden })
	return model, &core.Error{Kind: core.Invalid, Reason: core.ReasonTakesNoImage, Value: model.ID, Allowed: core.Nearest(model.ID, takers, 5)}
}

// completeModel searches the models of imagine by name, vendor and price.
func completeModel(d *Desk, _ Call, typed string) []Choice {
	unified := func(m core.Model) bool { return m.Endpoint == core.Unified }
	found := d.Catalog.Search(typed, unified)
	if len(found) == 0 {
		for _, id := range core.Nearest(typed, d.Catalog.IDs(func(m core.Model) bool { return unified(m) && !m.Hidden }), 5) {
			if model, err := d.Catalog.Find(id); err == nil {
				found = append(found, model)
			}
		}
	}
	var choices []Choice
	for _, model := range found {
		choices = append(choices, Choice{shorten(fmt.Sprintf("%s · %s · %s", model.ID, model.Vendor, price(model)), maxChoice), model.ID})
	}
	return choices
}

// completeAspect lists the shapes that the chosen model takes.
func completeAspect(d *Desk, call Call, typed string) []Choice {
	command, _ := Find(call.Command)
	named := call.Options["model"]
	_, flags := command.scan(call.Words)
	for _, f := range flags {
		if f.option.Name == "model" && named == "" {
			named = f.value
		}
	}
	var model core.Model
	var err error
	if command.Name == "edit" {
		model, err = d.model(named, d.EditModel, core.Kontext)
	} else {
		model, err = d.imagineModel(named, call.attachment("image") != nil)
	}
	if err != nil {
		return nil
	}
	var choices []Choice
	for _, shape := range texts(model.Aspects()) {
		if strings.HasPrefix(shape, strings.TrimSpace(typed)) {
			choices = append(choices, Choice{shape, shape})
		}
	}
	return choices
}

// integer reads an Integer in its plain form; zero where there is none.
func integer(plain string) int {
	number, _ := strconv.Atoi(plain)
	return number
}

// number reads a Number in its plain form; nil where there is none.
func number(plain string) *float64 {
	value, err := strconv.ParseFloat(plain, 64)
	if err != nil {
		return nil
	}
	return &value
}
