package discord

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/bwmarrin/discordgo"

	"imaginebot/bots"
	"imaginebot/core"
)

const (
	// lastWords is what events have to be finished when the bot stops.
	lastWords = 3 * time.Second
	// acceptWithin is how long the database may take to accept an event.
	acceptWithin = 10 * time.Second
	// answerWithin is how long an answer may take; most of it is for fetching pictures.
	answerWithin = 6 * time.Minute
	// between two attempts to acknowledge, of which there are three seconds.
	beforeNextAck = 150 * time.Millisecond
	// insistFor is how long an answer is tried to be shown.
	insistFor = time.Minute
)

// visit is one interaction while it is answered.
type visit struct {
	interaction
	*Bot
	to     address
	kind   discordgo.InteractionResponseType // how it is acknowledged
	turn   *turn
	known  bool // it is acknowledged
	queued bool // what was asked for comes by itself
}

// hear takes an interaction from the gateway: first it is acknowledged, whatever the
// database does, then accepted and answered.
func (b *Bot) hear(ctx context.Context, e event) {
	if e.Kind != "INTERACTION_CREATE" || ctx.Err() != nil {
		return
	}
	i, err := parseInteraction(e.Raw)
	if err != nil {
		b.Log.Warn("an interaction was not understood", platform, "err", err)
		return
	}
	ctx, cancel := linger(ctx, lastWords)
	defer cancel()
	if i.Type == discordgo.InteractionApplicationCommandAutocomplete {
		b.suggest(ctx, i)
		return
	}
	v := &visit{interaction: i, Bot: b}
	defer v.recovered(ctx)
	v.kind, v.to = b.manner(i)
	if v.known = v.acknowledge(ctx); !v.known {
		return
	}
	leave, ok := b.begin(ctx)
	if !ok {
		return
	}
	defer leave()
	if v.accept(ctx, e.Raw) {
		v.work(ctx)
	}
}

// begin waits until there is room to work one more event; leave ends that.
func (b *Bot) begin(ctx context.Context) (leave func(), ok bool) {
	select {
	case b.slots <- struct{}{}:
		return func() { <-b.slots }, true
	case <-ctx.Done():
		return nil, false
	}
}

// Receive works an accepted event that a dead process has left. That process has
// acknowledged it.
func (b *Bot) Receive(ctx context.Context, event core.Event) {
	if b.fault != nil {
		b.Log.Error("an interaction was not answered", platform, "err", b.fault)
		return
	}
	i, err := parseInteraction(event.Raw)
	if err != nil { // it was understood when it was accepted
		b.Log.Error("an interaction was not understood", platform, "err", err)
		b.done(ctx, event.Key)
		return
	}
	leave, ok := b.begin(ctx)
	if !ok {
		return
	}
	defer leave()
	v := &visit{interaction: i, Bot: b, known: true}
	defer v.recovered(ctx)
	v.kind, v.to = b.manner(i)
	v.work(ctx)
}

// manner says how an interaction is acknowledged, and where it is answered then.
func (b *Bot) manner(i interaction) (discordgo.InteractionResponseType, address) {
	kind, ephemeral := i.acknowledged(b.Desk)
	return kind, i.address(ephemeral)
}

// linger is a context that lives a little longer than ctx.
func linger(ctx context.Context, little time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		late := time.AfterFunc(little, cancel)
		context.AfterFunc(longer, func() { late.Stop() })
	})
	return longer, func() { stop(); cancel() }
}

// suggest completes what a person is typing, from memory.
func (b *Bot) suggest(ctx context.Context, i interaction) {
	say := struct {
		Choices []choice `json:"choices"`
	}{[]choice{}}
	if option, ok := i.focused(); ok {
		for _, known := range b.Desk.Complete(i.call(b.fetch), option.Name, option.text()) {
			say.Choices = append(say.Choices, choice{known.Label, known.Value})
		}
	}
	if err := b.rest.callback(ctx, i.ID, i.Token, discordgo.InteractionApplicationCommandAutocompleteResult, say); err != nil {
		b.Log.Debug("suggestions were not shown", platform, "err", err)
	}
}

// fetch opens an attachment, whose address comes from Discord itself.
func (b *Bot) fetch(ctx context.Context, address string) (io.ReadCloser, error) {
	return b.Door.Open(ctx, address, core.LimitsIn)
}

// acknowledge tells Discord that an answer will come. Where a second attempt finds that
// the first one had come through, or that another process was faster, all is well: which of
// the processes works the event is for the inbox to decide.
func (v *visit) acknowledge(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, discordgo.InteractionDeadline)
	defer cancel()
	var say any
	if v.kind == discordgo.InteractionResponseDeferredChannelMessageWithSource {
		say = &post{Flags: v.flags()}
	}
	for {
		err := v.rest.callback(ctx, v.ID, v.Token, v.kind, say)
		if err == nil || alreadyAcknowledged(err) {
			return true
		}
		if core.KindOf(told(err)) != core.Busy || !sleep(ctx, beforeNextAck) {
			v.Log.Warn("an interaction was not acknowledged", platform, "generation", core.GenerationOf(v.key()), "err", err)
			return false
		}
	}
}

func (v *visit) flags() discordgo.MessageFlags {
	if v.to.Ephemeral {
		return discordgo.MessageFlagsEphemeral
	}
	return 0
}

// accept stores the event in the inbox; where that fails nothing will be done, and the
// person is told so. It reports whether the event is this process's to work.
func (v *visit) accept(ctx context.Context, raw []byte) bool {
	within, cancel := context.WithTimeout(ctx, acceptWithin)
	defer cancel()
	fresh, err := v.Studio.Accept(within, []core.Event{{Key: v.key(), Platform: home, Raw: raw, At: v.Now()}})
	if err != nil {
		v.Log.Error("an interaction was not accepted", platform, "generation", core.GenerationOf(v.key()), "err", err)
		v.show(ctx, sorry(v.key()))
	}
	return len(fresh) > 0
}

// work answers an accepted event. If the process has to stop before that is done, the
// event stays for the next one.
func (v *visit) work(ctx context.Context) {
	v.turn = v.turns.enter(v.ID, v.Now())
	defer v.turns.leave(v.ID)
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	reply := v.reply(within)
	v.queued = reply.Submitted != ""
	if v.show(ctx, reply); ctx.Err() == nil {
		v.done(ctx, v.key())
	}
}

func (v *visit) reply(ctx context.Context) bots.Reply {
	if v.paints() && !v.mayAttach() {
		return bots.Reply{Text: sayMayNotAttach(), Quiet: true}
	}
	if v.Type == discordgo.InteractionApplicationCommand {
		call := v.call(v.fetch)
		call.ReplyTo = v.to.replyTo()
		return v.Desk.Answer(ctx, call)
	}
	return v.Desk.Tap(ctx, bots.Tap{
		Button: v.button(), Event: v.key(), User: v.user(), Place: v.place(), ReplyTo: v.to.replyTo(),
	})
}

// done records that an event was answered, even when the bot is just stopping.
func (b *Bot) done(ctx context.Context, key core.EventKey) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if err := b.Studio.Done(ctx, key); err != nil {
		b.Log.Error("an event was not ended", platform, "generation", core.GenerationOf(key), "err", err)
	}
}

// show shows a reply: in the answer that waits, or beside the message that was tapped.
func (v *visit) show(ctx context.Context, reply bots.Reply) {
	if v.to.expired(v.Now()) { // of an event that was adopted late
		return
	}
	if err := v.put(ctx, reply); err != nil && ctx.Err() == nil {
		v.Log.Warn("an answer was not shown", platform, "generation", core.GenerationOf(v.key()), "err", err)
	}
}

func (v *visit) put(ctx context.Context, reply bots.Reply) error {
	ctx, cancel := context.WithTimeout(ctx, insistFor)
	defer cancel()
	var err error
	switch {
	case reply.Submitted != "":
		return v.wait(ctx, reply)
	case v.kind == discordgo.InteractionResponseDeferredMessageUpdate:
		if reply.Remove {
			err = v.removeTapped(ctx)
		}
		return errors.Join(err, v.whisper(ctx, reply))
	case reply.Quiet && !v.to.Ephemeral:
		// A further message to the person alone: the first one would take the
		// visibility of the answer that is taken back.
		err = insist(ctx, func() error { return v.rest.remove(ctx, v.to.Application, v.to.Token, original) })
		if messageGone(err) {
			err = nil
		}
		return errors.Join(err, v.whisper(ctx, reply))
	}
	return v.answer(ctx, reply)
}

// wait shows that what was asked for is queued, unless it is there already. Another
// process may write the end at the same time, and be overwritten: then it is written again.
func (v *visit) wait(ctx context.Context, reply bots.Reply) error {
	v.turn.Lock()
	defer v.turn.Unlock()
	if v.turn.over || v.ended(ctx, reply.Submitted) {
		return nil
	}
	posts, err := v.compose(ctx, reply, roomFor(v.to.FileLimit))
	if err != nil {
		return err
	}
	// Not insisted upon: while that lasts, the end may come.
	answer, err := v.rest.edit(ctx, v.to.Application, v.to.Token, original, posts[0])
	if err == nil {
		v.turn.shown, v.turn.message = v.Now(), answer.ID
	}
	if !v.ended(ctx, reply.Submitted) {
		return err
	}
	outcome, err := v.Studio.Show(ctx, v.user(), reply.Submitted)
	if err != nil {
		return err
	}
	return v.answer(ctx, bots.Tell(outcome))
}

// ended reports whether there is nothing to wait for any more.
func (v *visit) ended(ctx context.Context, id core.GenerationID) bool {
	g, err := v.Store.Generation(ctx, id)
	return err == nil && (g.State != core.Open || g.TakesEnded())
}

// answer makes the waiting answer the reply.
func (v *visit) answer(ctx context.Context, reply bots.Reply) error {
	return v.send(ctx, reply, func(p *post) error {
		return insist(ctx, func() error {
			_, err := v.rest.edit(ctx, v.to.Application, v.to.Token, original, p)
			return err
		})
	})
}

// whisper is a further message for the person alone.
func (v *visit) whisper(ctx context.Context, reply bots.Reply) error {
	return v.send(ctx, reply, func(p *post) error {
		p.Flags = discordgo.MessageFlagsEphemeral
		_, err := v.rest.followUp(ctx, v.to.Application, v.to.Token, p)
		return err
	})
}

// send puts a reply out with first, and the files that had no room in further messages to
// the person alone.
func (v *visit) send(ctx context.Context, reply bots.Reply, first func(*post) error) error {
	room := roomFor(v.to.FileLimit)
	for {
		posts, err := v.compose(ctx, reply, room)
		if err == nil {
			err = first(posts[0])
		}
		for n := 1; n < len(posts) && err == nil; n++ {
			posts[n].Flags = discordgo.MessageFlagsEphemeral
			_, err = v.rest.followUp(ctx, v.to.Application, v.to.Token, posts[n])
		}
		tight, ok := room.tighter()
		switch {
		case err == nil || reply.Outcome == nil:
			return err
		case tooLarge(err) && ok:
			room = tight
		case notPermitted(err):
			reply = bots.Reply{Text: sayMayNotAttach()}
		case core.KindOf(err) == core.NotFound: // deleted since it was looked up
			return errors.Join(err, first(&post{Content: markup(sorry(v.key()).Text, maxContent)}))
		default:
			return err
		}
	}
}

// removeTapped deletes the message under whose button the person has tapped.
func (v *visit) removeTapped(ctx context.Context) error {
	err := insist(ctx, func() error { return v.rest.remove(ctx, v.to.Application, v.to.Token, original) })
	if err != nil && !messageGone(err) && v.Message != nil && !v.unseen() {
		err = insist(ctx, func() error { return v.rest.removeFrom(ctx, v.ChannelID, v.Message.ID) })
	}
	if messageGone(err) {
		return nil
	}
	return err
}

// insist does what may be repeated until it succeeds, or fails for good, or ctx ends.
func insist(ctx context.Context, do func() error) error {
	for attempt := 1; ; attempt++ {
		err := do()
		known := core.AsError(told(err))
		if err == nil || known.Kind != core.Busy || !sleep(ctx, max(known.After, backoff(attempt))) {
			return err
		}
	}
}

// recovered survives a panic: it is logged, and the person still gets an answer. The
// panic's own words are logged only if they are the runtime's: others may quote a prompt.
func (v *visit) recovered(ctx context.Context) {
	fault := recover()
	if fault == nil {
		return
	}
	v.Log.Error("an interaction broke off", platform, "generation", core.GenerationOf(v.key()), "err", core.Panicked(fault))
	if v.queued {
		return
	}
	if !v.known {
		v.kind, v.to = discordgo.InteractionResponseDeferredChannelMessageWithSource, v.address(true)
		if !v.acknowledge(ctx) {
			return
		}
	}
	v.show(ctx, sorry(v.key()))
	v.done(ctx, v.key())
}
