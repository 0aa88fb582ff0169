package telegram

import (
	"context"
	"strings"

	"imaginebot/bots"
	"imaginebot/core"
)

// hear answers a message, or the pieces of an album as if they were one.
func (t *turn) hear(ctx context.Context, pieces []*Message) {
	m := spokesman(pieces)
	t.to = address{Chat: m.Chat.ID, Topic: m.Topic(), Message: m.ID}
	me, err := t.me(ctx)
	if err != nil {
		return
	}
	about := t.subjectOf(ctx, m, pieces)
	if !about.own && m.Text == "" {
		return // a sticker, a video, one of Telegram's own messages
	}
	heard, ok := bots.Hear(bots.Message{
		Text: words(m), Me: me.Username, Picture: about.picture != nil,
		Addressed: m.Chat.Type == "private" || about.ours || t.named(m),
	})
	if !ok {
		return
	}
	if heard.Question || heard.Command == "edit" && heard.Words == "" {
		user := asker(m)
		refused, may := t.Desk.Asks(ctx, bots.Call{Command: "edit", Event: t.key, User: user, Place: where(m.Chat, user)})
		if !may {
			t.send(ctx, refused)
			return
		}
		t.ask(ctx, m, about)
		return
	}
	user := asker(m)
	call := bots.Call{
		Command: heard.Command, Words: heard.Words, Event: t.key, User: user, Place: where(m.Chat, user), More: len(pieces) - 1,
	}
	if about.picture != nil && !about.picture.newest() {
		call.Pictures = map[string]core.Attachment{"image": t.attachment(*about.picture)}
	}
	if !call.Place.Private {
		call.Privately = func(ctx context.Context) (core.ReplyTo, error) { return t.privately(ctx, m, me) }
	}
	newest := about.picture != nil && about.picture.newest()
	if edited := t.answer(ctx, call).Submitted != "" && call.Command == "edit"; (edited || newest) && call.Place.Private {
		t.forgetNext(ctx, m.Chat.ID)
	}
}

// spokesman is the piece of an album that speaks for it: the first, with the words of
// whichever has words.
func spokesman(pieces []*Message) *Message {
	first := *pieces[0]
	for _, piece := range pieces {
		if piece.Caption != "" {
			first.Caption, first.CaptionEntities = piece.Caption, piece.CaptionEntities
			break
		}
	}
	return &first
}

// answer does what a call asks for and says what came of it.
func (t *turn) answer(ctx context.Context, call bots.Call) bots.Reply {
	t.watch = t.watches.enter(core.GenerationOf(t.key))
	defer t.watches.leave(t.watch)
	command, _ := bots.Find(call.Command)
	private := !call.Place.Private && t.Desk.Private(call)
	if command.Paints && !private {
		err := t.wait(ctx, t.to, bots.Placeholder(core.GenerationOf(t.key)))
		switch {
		case nobodyThere(err):
			t.Log.Info("telegram has nobody to answer", "platform", platform, "err", err)
			return bots.Reply{}
		case err != nil: // what was queued is shown in its place
			t.Log.Info("telegram placeholder not shown", "platform", platform, "err", err)
		}
		t.act(ctx, t.to)
	}
	call.ReplyTo = t.to.replyTo()
	reply := t.Desk.Answer(ctx, call)
	t.say(ctx, reply)
	return reply
}

// privately sends what waits to the person's private chat, which is possible only if they
// have started the bot: https://core.telegram.org/bots/features#deep-linking
func (t *turn) privately(ctx context.Context, m *Message, me User) (core.ReplyTo, error) {
	noWay := &bots.NoPrivatePlace{Link: "https://t.me/" + me.Username + "?start=private"}
	if m.SenderChat != nil {
		return core.ReplyTo{}, noWay
	}
	to := address{Chat: m.From.ID}
	err := t.wait(ctx, to, bots.Placeholder(core.GenerationOf(t.key)))
	switch {
	case err == nil:
		t.act(ctx, to)
		return to.replyTo(), nil
	case nobodyThere(err):
		noWay.Err = err
		return core.ReplyTo{}, noWay
	}
	return core.ReplyTo{}, &core.Error{Kind: core.Busy, Err: err}
}

// subject is the picture that a message speaks of.
type subject struct {
	picture *photo // nil: none
	own     bool   // the message itself has it
	ours    bool   // the message is a reply to a picture or a question of the bot's
}

// subjectOf finds the picture that a message speaks of: its own, or else the one that it
// replies to, or the one that the bot has asked about.
func (t *turn) subjectOf(ctx context.Context, m *Message, pieces []*Message) subject {
	var about subject
	command := strings.HasPrefix(strings.TrimSpace(words(m)), "/")
	for _, piece := range pieces {
		if about.picture == nil {
			about.picture = pictureIn(piece)
		}
	}
	about.own = about.picture != nil
	switch {
	case m.ReplyTo != nil:
		replied := pictureIn(m.ReplyTo)
		if t.replies(m) {
			if replied = t.ownPictureIn(ctx, m.ReplyTo); replied == nil {
				replied = t.recall(ctx, askedNote(m.Chat.ID, m.ReplyTo.ID))
			}
			about.ours = replied != nil
		}
		if !about.own {
			about.picture = replied
		}
	case m.Chat.Type == "private" && !command && !about.own:
		about.picture = t.recall(ctx, askedNote(m.Chat.ID, 0))
	}
	return about
}
