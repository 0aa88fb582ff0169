package bots

import (
	"context"
	"log/slog"
	"slices"

	"imaginebot/core"
)

// Settings of a Desk.
type Settings struct {
	Studio       *core.Studio
	Catalog      core.Catalog
	Presets      core.Presets
	DefaultModel string   // of imagine
	EditModel    string   // of edit
	Allow        []string // as in ALLOW; empty: everyone
	Log          *slog.Logger
}

// Desk answers calls and taps, alike on all platforms. It is safe for concurrent use.
type Desk struct{ Settings }

// NewDesk makes a Desk.
func NewDesk(settings Settings) *Desk { return &Desk{settings} }

// Answer does what a call asks for and says what came of it. The same call may be
// answered again after a crash: what it asked for is then not done twice.
func (d *Desk) Answer(ctx context.Context, call Call) Reply {
	quiet := d.Private(call)
	command, err := d.find(call)
	if err == nil {
		quiet = quiet || command.Quiet
		call, err = command.read(call)
	}
	if err != nil {
		reply := d.sorry(ctx, call, d.refuse(err), command.Paints)
		reply.Quiet = quiet
		return reply
	}
	reply, err := command.Run(ctx, d, call)
	if err != nil {
		reply = d.sorry(ctx, call, err, command.Paints)
	}
	if reply.Submitted == "" && reply.Outcome == nil { // those offer it under the picture
		reply.Text = d.offerKept(ctx, call, reply.Text)
	}
	reply.Quiet = reply.Quiet || quiet
	return reply
}

// offerKept adds to a text which pictures of the person could not be delivered. Where
// that cannot be read, the next answer will do.
func (d *Desk) offerKept(ctx context.Context, call Call, text Text) Text {
	kept, err := d.Studio.Kept(ctx, call.User)
	if err != nil || len(kept) == 0 {
		return text
	}
	return say(text, "\n", sayKept(kept))
}

func (d *Desk) find(call Call) (Command, error) {
	if !d.allows(call.Place) {
		return Command{}, &core.Error{Kind: core.Forbidden, Reason: reasonNotAllowed}
	}
	command, ok := Find(call.Command)
	if !ok {
		var known []string
		for _, command := range Commands() {
			known = append(known, "/"+command.Name)
		}
		return Command{}, &core.Error{Kind: core.Invalid, Reason: reasonUnknownCommand, Value: "/" + call.Command, Allowed: core.Nearest("/"+call.Command, known, 3)}
	}
	return command, nil
}

// Asks is the answer to a picture that came without words: a question, or a refusal for those
// who may not use the bot.
func (d *Desk) Asks(ctx context.Context, call Call) (reply Reply, asks bool) {
	if _, err := d.find(call); err != nil {
		return d.sorry(ctx, call, d.refuse(err), false), false
	}
	return AskWhatToChange(), true
}

// allows is the rule of ALLOW: one of the place's origins is named there.
func (d *Desk) allows(place Place) bool {
	return len(d.Allow) == 0 || slices.ContainsFunc(place.Origins, func(origin string) bool { return slices.Contains(d.Allow, origin) })
}

// Private reports whether a call asks for an answer that its person alone sees. It
// looks at nothing but the call, so that it can be asked before anything is acknowledged.
func (d *Desk) Private(call Call) bool {
	command, _ := Find(call.Command)
	option, ok := command.Option("private")
	if !ok {
		return false
	}
	_, flags := command.scan(call.Words)
	for _, f := range flags {
		if plain, err := option.plain("", f.value); f.option.Name == option.Name && err == nil && plain == "true" {
			return true
		}
	}
	plain, err := option.plain("", call.Options[option.Name])
	return err == nil && plain == "true"
}

// Complete lists at most 25 values that a person who has typed so far may mean, best first.
func (d *Desk) Complete(call Call, option, typed string) []Choice {
	command, _ := Find(call.Command)
	known, ok := command.Option(option)
	if !ok || known.Complete == nil || !d.allows(call.Place) {
		return nil
	}
	choices := known.Complete(d, call, typed)
	return choices[:min(len(choices), maxChoices)]
}

// maxChoices is how many suggestions a platform shows; maxChoice how long one may be:
// https://discord.com/developers/docs/interactions/application-commands#application-command-object-application-command-option-choice-structure
const maxChoices, maxChoice = 25, 100

// submit queues what a call asks for. A private answer needs a place of its own, which
// is looked for before anything is spent.
func (d *Desk) submit(ctx context.Context, call Call, sub core.Submission) (Reply, error) {
	sub.Event, sub.User, sub.Place, sub.ReplyTo = call.Event, call.User, call.Place.ID, call.ReplyTo
	sub.Request.Private = call.private()
	elsewhere := sub.Request.Private && !call.Place.Private && call.Privately != nil
	if elsewhere {
		to, err := call.Privately(ctx)
		if err != nil {
			return Reply{}, d.refuse(err)
		}
		sub.ReplyTo = to
	}
	g, _, err := d.Studio.Submit(ctx, sub)
	if err != nil {
		return Reply{}, err
	}
	return d.queued(g, call.More, elsewhere), nil
}

// queued says that a generation waits to be made.
func (d *Desk) queued(g core.Generation, more int, elsewhere bool) Reply {
	model, err := d.Catalog.Find(g.Request.Model)
	if err != nil {
		model = core.Model{ID: g.Request.Model}
	}
	return Reply{Text: sayQueued(g, model, more, elsewhere), Buttons: []Button{{Cancel, g.ID}}, Submitted: g.ID}
}

// model finds the model of a command: the one that was named, or else the command's own.
func (d *Desk) model(named, otherwise string, endpoint core.Endpoint) (core.Model, error) {
	if named == "" {
		named = otherwise
	}
	fits := func(m core.Model) bool { return m.Endpoint == endpoint && !m.Hidden }
	model, err := d.Catalog.Find(named)
	switch {
	case err != nil:
		return model, &core.Error{Kind: core.Invalid, Reason: core.ReasonUnknownModel, Value: named, Allowed: core.Nearest(named, d.Catalog.IDs(fits), 5)}
	case model.Endpoint != endpoint:
		return model, &core.Error{Kind: core.Invalid, Reason: core.ReasonWrongModel, Value: model.ID, Allowed: []string{commandOf(model)}}
	}
	return model, nil
}

// commandOf is the command that a model belongs to.
func commandOf(m core.Model) string {
	switch m.Endpoint {
	case core.FluxGeneral:
		return "/flux"
	case core.Kontext:
		return "/edit"
	}
	return "/imagine"
}

// shape reads the options aspect and size; the model tells what would do instead.
func shape(call Call, model core.Model) (aspect core.Aspect, size core.Size, err error) {
	if text := call.Options["aspect"]; text != "" {
		var ok bool
		if aspect, ok = core.ParseAspect(text); !ok {
			return aspect, size, &core.Error{Kind: core.Invalid, Reason: core.ReasonAspect, Value: text, Allowed: texts(model.Aspects())}
		}
	}
	if text := call.Options["size"]; text != "" {
		var ok bool
		if size, ok = core.ParseSize(text); !ok {
			return aspect, size, &core.Error{Kind: core.Invalid, Reason: core.ReasonSize, Value: text, Allowed: []string{model.Sizes()}}
		}
	}
	return aspect, size, nil
}

func texts[T interface{ String() string }](list []T) []string {
	var out []string
	for _, one := range list {
		out = append(out, one.String())
	}
	return out
}

// refuse counts a refusal that the studio has not seen.
func (d *Desk) refuse(err error) error {
	d.Studio.OnRefuse(core.KindOf(err))
	return err
}

// sorry says why something was not done.
func (d *Desk) sorry(ctx context.Context, call Call, err error, paints bool) Reply {
	d.logFault(ctx, call, err)
	return Reply{Text: refusal(core.AsError(err), about{words: call.Words, id: core.GenerationOf(call.Event)}, paints)}
}

// logFault logs what is our own fault: here alone, so that it is logged once.
func (d *Desk) logFault(ctx context.Context, call Call, err error) {
	if core.KindOf(err) == core.Internal && ctx.Err() == nil {
		d.Log.Error("a call was not answered", "platform", call.User.Platform(), "generation", core.GenerationOf(call.Event), "err", err)
	}
}
