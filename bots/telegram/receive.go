package telegram

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"imaginebot/bots"
	"imaginebot/core"
)

// heardKinds are the updates that are asked for: https://core.telegram.org/bots/api#update.
// Without edited_message an edited message is not even heard, let alone a new request.
var heardKinds = []string{"message", "callback_query"}

// accept stores what is for the bot of a batch of updates, in one transaction, and begins to
// work on what is new.
func (b *Bot) accept(ctx context.Context, batch []rawUpdate) error {
	working, leave, err := b.shift.enter()
	if err != nil {
		return err
	}
	defer leave()
	var events []core.Event
	for _, raw := range batch {
		update, err := decodeUpdate(raw.Raw)
		if err != nil {
			b.Log.Warn("telegram update not understood", "platform", platform, "err", err)
			continue
		}
		if key, ok := b.keyOf(update); ok {
			events = append(events, core.Event{Key: key, Platform: platform, Raw: raw.Raw, At: time.Now()})
		}
	}
	if len(events) == 0 {
		return nil
	}
	fresh, err := b.Studio.Accept(ctx, events)
	if err != nil {
		return err
	}
	for _, event := range fresh {
		b.shift.start(working, func(ctx context.Context) { b.work(ctx, event, false) })
	}
	b.shift.breathe(ctx)
	return nil
}

// keyOf is an update's event key; ok is false where it is certainly not for the bot.
// https://core.telegram.org/bots/features#privacy-mode tells what a bot hears in groups.
func (b *Bot) keyOf(update Update) (key core.EventKey, ok bool) {
	if query := update.Callback; query != nil {
		return core.EventKey("telegram:" + b.id + ":cb:" + query.ID), true
	}
	m := update.Message
	if m == nil || !fromPerson(m) {
		return "", false
	}
	if m.Chat.Type != "private" {
		words := words(m)
		if !strings.HasPrefix(strings.TrimSpace(words), "/") && !strings.Contains(words, "@") && !b.replies(m) && !b.named(m) && m.Album == "" {
			return "", false
		}
	}
	return core.EventKey(fmt.Sprintf("telegram:%s:%d:%d", b.id, m.Chat.ID, m.ID)), true
}

// fromPerson tells whether a message can be a request at all: from a person, or from an
// administrator who hides behind the group; not from a bot or a channel.
func fromPerson(m *Message) bool {
	switch {
	case m.From == nil, m.Chat.Type == "channel":
		return false
	case m.SenderChat != nil: // a channel's post may be forwarded to the group where it is discussed
		return m.SenderChat.Type != "channel"
	}
	return !m.From.IsBot
}

func words(m *Message) string { return m.Text + m.Caption }

// replies tells whether a message is a reply to one of the bot's own.
func (b *Bot) replies(m *Message) bool {
	return m.ReplyTo != nil && m.ReplyTo.From != nil && strconv.FormatInt(m.ReplyTo.From.ID, 10) == b.id
}

// named tells whether a message mentions the bot by name rather than username.
func (b *Bot) named(m *Message) bool {
	return slices.ContainsFunc(append(m.Entities, m.CaptionEntities...), func(e Entity) bool {
		return e.Type == "text_mention" && e.User != nil && strconv.FormatInt(e.User.ID, 10) == b.id
	})
}

// Receive works an accepted event that a dead process has left.
func (b *Bot) Receive(ctx context.Context, event core.Event) { b.work(ctx, event, true) }

// turn is one event while it is worked.
type turn struct {
	*Bot
	key     core.EventKey
	adopted bool    // an earlier process may have begun to answer
	to      address // where the answer goes
	now     func() time.Time
	waiting *placeholder // the message that stands in for what was asked for
	watch   *watch       // over the generation that may come of this
}

// work answers an event, and records that it was answered unless it was interrupted.
func (b *Bot) work(ctx context.Context, event core.Event, adopted bool) {
	if b.fault != nil {
		b.Log.Error("telegram event not answered", "platform", platform, "err", b.fault)
		return
	}
	t := &turn{Bot: b, key: event.Key, adopted: adopted, now: b.Studio.Now}
	finished := false
	defer func() {
		if fault := recover(); fault != nil {
			b.Log.Error("telegram event broke off", "platform", platform, "generation", core.GenerationOf(t.key), "err", core.Panicked(fault))
			finished = t.apologise(ctx)
		}
		if finished {
			b.done(ctx, t.key)
		}
	}()
	finished = t.read(ctx, event.Raw) && ctx.Err() == nil
}

// done ends an event, even if the bot is told to stop just now.
func (b *Bot) done(ctx context.Context, key core.EventKey) {
	b.insist(ctx, "telegram event not ended", func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
		defer cancel()
		return b.Studio.Done(ctx, key)
	})
}

// read works what an event says; finished is false where others will finish it.
func (t *turn) read(ctx context.Context, raw json.RawMessage) (finished bool) {
	if pieces, ok := readAlbum(raw); ok {
		t.hear(ctx, pieces)
		return true
	}
	update, err := decodeUpdate(raw)
	switch {
	case err != nil:
		t.Log.Warn("telegram update not understood", "platform", platform, "err", err)
	case update.Callback != nil:
		t.tap(ctx, update.Callback)
	case update.Message != nil && update.Message.Album != "":
		return t.gather(ctx, update.Message, raw)
	case update.Message != nil:
		t.hear(ctx, []*Message{update.Message})
	}
	return true
}

// asker is who asks: a person, or the group itself for an administrator who hides behind it,
// because one and the same user stands for all of those in all groups.
func asker(m *Message) core.UserID {
	if m.SenderChat != nil {
		return userID(m.SenderChat.ID)
	}
	return userID(m.From.ID)
}

func userID(id int64) core.UserID {
	return core.NewUserID(platform, strconv.FormatInt(id, 10))
}

// where is the place of a call or tap, as the core and ALLOW know it.
func where(chat Chat, user core.UserID) bots.Place {
	id := strconv.FormatInt(chat.ID, 10)
	return bots.Place{
		ID:      "telegram:" + id,
		Private: chat.Type == "private",
		Origins: []string{user.String(), "telegram-chat:" + id},
	}
}
