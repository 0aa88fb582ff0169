package bots

import (
	"context"

	"imaginebot/core"
)

// cancel calls off what a person is waiting for.
func cancel() Command {
	return Command{
		Name:     "cancel",
		About:    "Call off what you are waiting for",
		Words:    "id",
		Options:  []Option{{Name: "id", About: "Which one; without it, all of yours", MaxRunes: 40}},
		Examples: []string{"", "4k7m2p9qx3ra"},
		Quiet:    true,
		Run:      runCancel,
	}
}

func runCancel(ctx context.Context, d *Desk, call Call) (Reply, error) {
	var id core.GenerationID
	if call.Words != "" {
		var ok bool
		if id, ok = core.ParseGenerationID(call.Words); !ok {
			return Reply{}, &core.Error{Kind: core.Invalid, Reason: reasonID, Value: call.Words}
		}
	}
	cancelled, err := d.Studio.Cancel(ctx, call.User, id)
	if err != nil && len(cancelled) == 0 {
		return Reply{}, err
	}
	if err != nil { // some are called off, and the person is told so
		d.logFault(ctx, call, err)
	}
	return Reply{Text: sayCancelled(cancelled)}, nil
}
