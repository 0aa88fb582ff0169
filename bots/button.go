package bots

import (
	"context"
	"strings"

	"imaginebot/core"
)

// Action is what a button does.
type Action string

// The actions. Their words are in the buttons' labels.
const (
	Again    Action = "again"    // the same once more
	Original Action = "original" // the untouched file
	Delete   Action = "delete"
	Cancel   Action = "cancel" // while waiting
)

// Button is a button under a message. It carries all it needs, so it works after a restart.
type Button struct {
	Action     Action
	Generation core.GenerationID
}

var labels = map[Action]string{
	Again:    "🔁 Again",
	Original: "📄 Original",
	Delete:   "🗑 Delete",
	Cancel:   "✖ Cancel",
}

// Label is what stands on the button.
func (b Button) Label() string { return labels[b.Action] }

// ID is the button in the few bytes that platforms carry (Telegram: 64); ParseButton reads it.
func (b Button) ID() string { return string(b.Action) + ":" + string(b.Generation) }

// ParseButton reads an ID that came back; ok is false for anything else, which may be forged.
func ParseButton(id string) (b Button, ok bool) {
	action, generation, _ := strings.Cut(id, ":")
	if _, known := labels[Action(action)]; !known {
		return Button{}, false
	}
	parsed, ok := core.ParseGenerationID(generation)
	return Button{Action(action), parsed}, ok && string(parsed) == generation
}

// Tap does what a button says, for the person who tapped it. Refusals are for that
// person alone.
func (d *Desk) Tap(ctx context.Context, tap Tap) Reply {
	reply, err := d.tap(ctx, tap)
	if err != nil {
		call := Call{Event: tap.Event, User: tap.User, Place: tap.Place}
		reply = d.sorry(ctx, call, err, tap.Button.Action == Again)
		reply.Quiet = true
	}
	return reply
}

func (d *Desk) tap(ctx context.Context, tap Tap) (Reply, error) {
	if !d.allows(tap.Place) {
		return Reply{}, d.refuse(&core.Error{Kind: core.Forbidden, Reason: reasonNotAllowed})
	}
	switch tap.Button.Action {
	case Again:
		return d.again(ctx, tap)
	case Original:
		return d.original(ctx, tap)
	case Delete:
		erased, err := d.Studio.Delete(ctx, tap.User, tap.Place.ID, tap.Place.Moderator, tap.Button.Generation)
		if err != nil {
			return Reply{}, err
		}
		return Reply{Text: sayDeleted(erased), Remove: true, Quiet: true}, nil
	case Cancel:
		cancelled, err := d.Studio.Cancel(ctx, tap.User, tap.Button.Generation)
		if err != nil {
			return Reply{}, err
		}
		return Reply{Text: sayCancelled(cancelled), Quiet: true}, nil
	}
	return Reply{}, &core.Error{Kind: core.Invalid, Reason: reasonButton}
}

func (d *Desk) again(ctx context.Context, tap Tap) (Reply, error) {
	sub := core.Submission{Event: tap.Event, User: tap.User, Place: tap.Place.ID, ReplyTo: tap.ReplyTo}
	g, fresh, err := d.Studio.Again(ctx, tap.Button.Generation, sub)
	if err != nil {
		return Reply{}, err
	}
	// The same tap, worked once more after a crash, is not a second one.
	if !fresh && g.ID != core.GenerationOf(tap.Event) {
		return Reply{Text: sayTwice(), Quiet: true}, nil
	}
	return d.queued(g, 0, false), nil
}

func (d *Desk) original(ctx context.Context, tap Tap) (Reply, error) {
	outcome, err := d.Studio.Original(ctx, tap.User, tap.Place.ID, tap.Button.Generation)
	if err != nil {
		return Reply{}, err
	}
	if len(outcome.Generation.Images()) == 0 {
		return Reply{}, &core.Error{Kind: core.NotFound, Reason: core.ReasonPictureGone}
	}
	return Reply{Text: sayOriginal(outcome), Outcome: &outcome, Files: true, Quiet: true}, nil
}
