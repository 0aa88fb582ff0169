package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"imaginebot/bots"
	"imaginebot/core"
)

// Deliver tells what came of a generation: pictures as a new message, which notifies, in
// place of the one that waited; anything else by an edit of that one.
func (b *Bot) Deliver(ctx context.Context, to core.ReplyTo, outcome core.Outcome, prior core.Receipt) (core.Receipt, error) {
	if b.fault != nil {
		return prior, b.fault
	}
	at, err := parseReplyTo(to)
	if err != nil {
		return prior, &core.Error{Kind: core.Gone, Err: err}
	}
	id := outcome.Generation.ID
	watch := b.watches.enter(id)
	defer b.watches.leave(watch)
	unlock, err := watch.lock(ctx)
	if err != nil {
		return prior, err
	}
	defer unlock()
	watch.told = true
	waits, err := b.waitingAt(ctx, id)
	if err != nil {
		return prior, err
	}
	reply := bots.Tell(outcome)
	s := &showing{
		Bot: b, to: at.place(), id: id, generation: id, images: outcome.Generation.Images(),
		caption: write(reply.Text, b.Studio.Now(), maxCaption), keys: keyboardOf(reply.Buttons),
	}
	if err := s.recall(ctx, prior); err != nil {
		return prior, err
	}
	if reply.Outcome == nil {
		err = b.tellText(ctx, s, reply, waits)
	} else if err = s.show(ctx); err == nil {
		err = b.clear(ctx, waits)
	}
	err = judge(err)
	if err != nil && core.KindOf(err) == core.Gone && waits != nil {
		b.remove(ctx, waits.Chat, waits.Message)
	}
	return s.sent.receipt(), err
}

// tellText tells of an end without pictures.
func (b *Bot) tellText(ctx context.Context, s *showing, reply bots.Reply, waits *placeholder) error {
	if waits != nil {
		err := b.rest.EditMessageText(ctx, waits.Chat, waits.Message, write(reply.Text, b.Studio.Now(), maxText), s.keys)
		switch faultOf(err) {
		case faultMessageGone, faultMigrated: // a new one, then
		case faultNotModified:
			return nil
		default:
			return err
		}
	}
	s.images, s.caption = nil, write(reply.Text, b.Studio.Now(), maxText)
	return s.show(ctx)
}

// clear deletes the message that waited. Where that cannot be, it stays: the picture is there.
func (b *Bot) clear(ctx context.Context, waits *placeholder) error {
	if waits == nil {
		return nil
	}
	err := b.rest.DeleteMessage(ctx, waits.Chat, waits.Message)
	switch faultOf(err) {
	case faultOutage, faultFlood:
		return err
	case faultMessageGone:
		return nil
	}
	if err != nil {
		b.Log.Info("telegram placeholder not deleted", "platform", platform, "err", err)
	}
	return nil
}

// judge says what the core can do about an error of Telegram's.
func judge(err error) error {
	var failed *apiError
	switch {
	case err == nil, !errors.As(err, &failed):
		return err
	case nobodyThere(err):
		return &core.Error{Kind: core.Gone, Err: err}
	}
	switch faultOf(err) {
	case faultFlood, faultOutage, faultUnauthorised, faultConflict:
		return &core.Error{Kind: core.Busy, After: failed.RetryAfter, Err: err}
	}
	return err
}

// Progress shows that work goes on: "sending a photo…" above the chat.
func (b *Bot) Progress(ctx context.Context, to core.ReplyTo, _ core.Progress) error {
	if b.fault != nil {
		return b.fault
	}
	at, err := parseReplyTo(to)
	if err != nil {
		return err
	}
	b.act(ctx, at)
	return nil
}

// sent is how far a showing has come.
type sent struct {
	Chat   int64   `json:"chat,omitempty"` // the supergroup that the group has become
	Mode   mode    `json:"mode,omitempty"`
	Parts  [][]int `json:"parts,omitempty"`  // the messages of each part that is there
	Trying bool    `json:"trying,omitempty"` // the next part may be there too
	Tries  int     `json:"tries,omitempty"`  // how often anything was sent; tells the later of two records
}

// receipt is the record as the core keeps it.
func (s sent) receipt() core.Receipt {
	raw, err := json.Marshal(s)
	if err != nil { // numbers can always be written
		return ""
	}
	return core.Receipt(raw)
}

// parseSent reads what receipt wrote; what cannot be read says nothing.
func parseSent(raw string) sent {
	var s sent
	if raw == "" || json.Unmarshal([]byte(raw), &s) != nil {
		return sent{}
	}
	return s
}

// sentFor is how long the record of a showing is kept.
const sentFor = 24 * time.Hour

func sentNote(id core.GenerationID) string { return "telegram:sent:" + string(id) }

// recall finds how far an earlier attempt came: as it said itself, or, if it was killed, as
// it noted on the way.
func (s *showing) recall(ctx context.Context, prior core.Receipt) error {
	noted, err := s.Store.Note(ctx, sentNote(s.id))
	if err != nil {
		return err
	}
	for _, record := range []sent{parseSent(string(prior)), parseSent(noted)} {
		if record.Tries > s.sent.Tries {
			s.sent = record
		}
	}
	return nil
}

// note records, before something is sent, that it is about to be.
func (s *showing) note(ctx context.Context) error {
	next := s.sent
	next.Trying = true
	next.Tries++
	if err := s.Store.PutNote(ctx, sentNote(s.id), string(next.receipt()), s.Studio.Now().Add(sentFor)); err != nil {
		return err
	}
	if s.sent.Trying {
		s.OnRepeat()
	}
	s.sent = next
	return nil
}
