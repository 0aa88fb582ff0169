package bots

import (
	"context"

	"imaginebot/core"
)

// show brings a picture back.
func show() Command {
	return Command{
		Name:     "show",
		About:    "Bring one of your pictures back",
		Words:    "id",
		Options:  []Option{{Name: "id", About: "The id that stands under the picture", Required: true, MaxRunes: 40}},
		Examples: []string{"4k7m2p9qx3ra"},
		Quiet:    true,
		Run:      runShow,
	}
}

func runShow(ctx context.Context, d *Desk, call Call) (Reply, error) {
	id, ok := core.ParseGenerationID(call.Words)
	if !ok {
		return Reply{}, &core.Error{Kind: core.Invalid, Reason: reasonID, Value: call.Words}
	}
	outcome, err := d.Studio.Show(ctx, call.User, id)
	if err != nil {
		return Reply{}, err
	}
	// Where Quiet cannot keep the others from seeing, a private picture stays away.
	if outcome.Generation.Request.Private && !call.Place.Private && call.Privately != nil {
		return Reply{}, &core.Error{Kind: core.Forbidden, Reason: reasonPrivateHere, Value: string(id)}
	}
	if g := outcome.Generation; g.State == core.Open && !g.TakesEnded() {
		return Reply{Text: sayUnfinished(g), Buttons: []Button{{Cancel, g.ID}}}, nil
	}
	return told(outcome), nil
}
