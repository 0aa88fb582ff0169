package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"imaginebot/bots"
	"imaginebot/core"
)

// patience is how long an answer that a person waits for is tried to be sent.
const patience = 2 * time.Minute

// placeholder is a message that stands in for what was asked for.
type placeholder struct {
	Chat    int64 `json:"chat"`
	Message int   `json:"message"`
}

// waitingFor is how long it is remembered which message waits: longer than a generation lives.
const waitingFor = 24 * time.Hour

func waitingNote(id core.GenerationID) string { return "telegram:waiting:" + string(id) }

// wait puts a silent message in place of what was asked for, and remembers it for whoever
// delivers. A message that a dead process has put there stays.
func (t *turn) wait(ctx context.Context, to address, reply bots.Reply) error {
	id := core.GenerationOf(t.key)
	if t.adopted {
		earlier, err := t.waitingAt(ctx, id)
		if err != nil {
			return err
		}
		if earlier != nil && earlier.Chat == to.Chat {
			t.waiting = earlier
			return nil
		}
	}
	at := to.place()
	at.Silent = true
	send := func() (Message, error) {
		return t.rest.SendMessage(ctx, at, write(reply.Text, t.now(), maxText), keyboardOf(reply.Buttons))
	}
	sent, err := send()
	if moved := movedTo(err); moved != 0 {
		if to == t.to {
			t.to = address{Chat: moved}
		}
		at = place{Chat: moved, Silent: true}
		sent, err = send()
	}
	if err != nil {
		return err
	}
	t.waiting = &placeholder{Chat: at.Chat, Message: sent.ID}
	raw, err := json.Marshal(t.waiting)
	if err == nil {
		err = t.Store.PutNote(ctx, waitingNote(id), string(raw), t.now().Add(waitingFor))
	}
	if err != nil {
		t.Log.Error("telegram placeholder not remembered", "platform", platform, "generation", id, "err", err)
	}
	return nil
}

// waitingAt is the message that waits for a generation; nil if none is known of.
func (b *Bot) waitingAt(ctx context.Context, id core.GenerationID) (*placeholder, error) {
	raw, err := b.Store.Note(ctx, waitingNote(id))
	var found placeholder
	if err != nil || raw == "" || json.Unmarshal([]byte(raw), &found) != nil {
		return nil, err
	}
	return &found, nil
}

// say sends a reply: in place of the message that waits if there is one, else as a message
// of its own.
func (t *turn) say(ctx context.Context, reply bots.Reply) {
	switch {
	case ctx.Err() != nil: // whoever adopts the event answers
	case reply.Submitted != "":
		t.sayQueued(ctx, reply)
	case reply.Outcome != nil:
		t.present(ctx, reply)
	case t.waiting == nil:
		t.send(ctx, reply)
	case t.waiting.Chat != t.to.Chat:
		t.remove(ctx, t.waiting.Chat, t.waiting.Message)
		t.send(ctx, reply)
	default:
		t.replace(ctx, reply)
	}
}

// sayQueued tells what was queued, unless its end is being told already.
func (t *turn) sayQueued(ctx context.Context, reply bots.Reply) {
	if t.waiting != nil && t.waiting.Chat != t.to.Chat { // the person alone can see it, and cancel it there
		t.send(ctx, bots.Reply{Text: reply.Text})
		return
	}
	unlock, err := t.watch.lock(ctx)
	if err != nil {
		return
	}
	defer unlock()
	switch {
	case t.watch.told:
		return
	case t.waiting == nil:
		err = t.wait(ctx, t.to, reply)
		t.act(ctx, t.to)
	default:
		err = t.edit(ctx, reply)
	}
	if err != nil { // the end will be told all the same
		t.Log.Info("telegram placeholder not shown", "platform", platform, "generation", reply.Submitted, "err", err)
	}
}

// edit makes the message that waits say something else. Doing it twice does no harm.
func (t *turn) edit(ctx context.Context, reply bots.Reply) error {
	err := t.rest.EditMessageText(ctx, t.waiting.Chat, t.waiting.Message, write(reply.Text, t.now(), maxText), keyboardOf(reply.Buttons))
	if faultOf(err) == faultNotModified {
		return nil
	}
	return err
}

// replace makes the message that waits the answer.
func (t *turn) replace(ctx context.Context, reply bots.Reply) {
	gone := false
	t.persist(ctx, "telegram reply not shown", func(place) error {
		err := t.edit(ctx, reply)
		if gone = faultOf(err) == faultMessageGone || faultOf(err) == faultMigrated; gone {
			return nil
		}
		return err
	})
	if gone {
		t.send(ctx, reply)
	}
}

// send sends a reply as a message of its own.
func (t *turn) send(ctx context.Context, reply bots.Reply) {
	t.persist(ctx, "telegram reply not sent", func(to place) error {
		_, err := t.rest.SendMessage(ctx, to, write(reply.Text, t.now(), maxText), keyboardOf(reply.Buttons))
		return err
	})
}

// present shows the pictures of a reply.
func (t *turn) present(ctx context.Context, reply bots.Reply) {
	s := &showing{
		Bot: t.Bot, id: core.GenerationOf(t.key), generation: reply.Outcome.Generation.ID, images: reply.Outcome.Generation.Images(),
		caption: write(reply.Text, t.now(), maxCaption), keys: keyboardOf(reply.Buttons),
	}
	if reply.Files {
		s.sent.Mode = asFiles
	}
	if err := s.recall(ctx, ""); err != nil {
		t.Log.Error("telegram receipt not read", "platform", platform, "err", err)
	}
	var err error
	shown := t.persist(ctx, "telegram pictures not shown", func(to place) error {
		s.to = to
		err = s.show(ctx)
		return err
	})
	if !shown && !nobodyThere(err) && len(s.sent.Parts) == 0 {
		t.send(ctx, bots.Reply{Text: apology(s.id)})
	}
}

// persist tries to send something that a person waits for, until patience ends.
func (t *turn) persist(ctx context.Context, otherwise string, send func(to place) error) (sent bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for wait := firstBackoff; ; wait = min(2*wait, lastBackoff) {
		err := send(t.to.place())
		if err == nil {
			return true
		}
		if moved := movedTo(err); moved != 0 {
			t.to = address{Chat: moved}
		} else if fault := faultOf(err); fault != faultOutage && fault != faultFlood {
			t.Log.Warn(otherwise, "platform", platform, "err", err)
			return false
		}
		pause(ctx, max(jitter(wait), retryAfter(err)))
		if ctx.Err() != nil {
			t.Log.Warn(otherwise, "platform", platform, "err", err)
			return false
		}
	}
}

// remove deletes one of the bot's messages, if it is still there.
func (b *Bot) remove(ctx context.Context, chat int64, message int) {
	if err := b.rest.DeleteMessage(ctx, chat, message); err != nil && faultOf(err) != faultMessageGone {
		b.Log.Info("telegram message not deleted", "platform", platform, "err", err)
	}
}

// apologise answers what broke off, unless a generation came of it, which will be told.
func (t *turn) apologise(ctx context.Context) (finished bool) {
	defer func() {
		if fault := recover(); fault != nil {
			t.Log.Error("telegram apology broke off", "platform", platform, "err", core.Panicked(fault))
			finished = true
		}
	}()
	id := core.GenerationOf(t.key)
	if _, err := t.Store.Generation(ctx, id); core.KindOf(err) == core.NotFound && err != nil && t.to.Chat != 0 {
		t.say(ctx, bots.Reply{Text: apology(id)})
	}
	return ctx.Err() == nil
}

// apology is the words for what is our own fault.
func apology(id core.GenerationID) bots.Text {
	failed := core.Generation{ID: id, Takes: []core.Take{{State: core.TakeFailed, Kind: core.Internal}}}
	return bots.Tell(core.Outcome{Generation: failed}).Text
}

// act shows in the chat that a picture is on its way, for the next five seconds:
// https://core.telegram.org/bots/api#sendchataction
func (b *Bot) act(ctx context.Context, to address) {
	if err := b.rest.SendChatAction(ctx, to.Chat, to.Topic, "upload_photo"); err != nil {
		b.Log.Debug("telegram action not shown", "platform", platform, "err", err)
	}
}

// watches sees to it that nothing is written over the end of a generation.
type watches struct {
	mu   sync.Mutex
	open map[core.GenerationID]*watch
}

// watch is over the messages of one generation, while somebody may write to them.
type watch struct {
	id    core.GenerationID
	users int
	turn  chan struct{} // who holds the token writes
	told  bool          // its end is being told, or was
}

func (w *watches) enter(id core.GenerationID) *watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := w.open[id]
	if found == nil {
		found = &watch{id: id, turn: make(chan struct{}, 1)}
		if w.open == nil {
			w.open = map[core.GenerationID]*watch{}
		}
		w.open[id] = found
	}
	found.users++
	return found
}

func (w *watches) leave(one *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(w.open, one.id)
	}
}

func (w *watch) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case w.turn <- struct{}{}:
		return func() { <-w.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// nobodyThere tells whether an error says that nothing can be told at a place any more.
func nobodyThere(err error) bool {
	switch faultOf(err) {
	case faultBlocked, faultNeverStarted, faultChatGone, faultNoRights, faultTopicGone:
		return true
	}
	return false
}

// retryAfter is how long Telegram asks to wait, else 0.
func retryAfter(err error) time.Duration {
	var failed *apiError
	if errors.As(err, &failed) {
		return failed.RetryAfter
	}
	return 0
}

// movedTo is the supergroup that a group has become, else 0:
// https://core.telegram.org/bots/api#responseparameters
func movedTo(err error) int64 {
	var failed *apiError
	if errors.As(err, &failed) {
		return failed.MigrateTo
	}
	return 0
}
