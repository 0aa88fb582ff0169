package telegram

import (
	"context"
	"encoding/json"
	"strconv"

	"imaginebot/bots"
	"imaginebot/core"
)

// maxToast is how long the answer to a tap may be:
// https://core.telegram.org/bots/api#answercallbackquery
const maxToast = 200

// tap does what a button says.
func (t *turn) tap(ctx context.Context, query *CallbackQuery) {
	if query.Message == nil {
		t.toast(ctx, query, bots.Reply{})
		return
	}
	chat := query.Message.Chat
	t.to = address{Chat: chat.ID, Topic: query.Message.Topic(), Message: query.Message.ID}
	t.watch = t.watches.enter(core.GenerationOf(t.key))
	defer t.watches.leave(t.watch)
	pressed, _ := bots.ParseButton(query.Data) // the desk refuses what is no button
	user := userID(query.From.ID)
	tap := bots.Tap{Button: pressed, Event: t.key, User: user, Place: where(chat, user), ReplyTo: t.to.replyTo()}
	tap.Place.Moderator = pressed.Action == bots.Delete && !tap.Place.Private && t.moderates(ctx, chat.ID, query.From.ID, pressed.Generation)
	reply := t.Desk.Tap(ctx, tap)
	if ctx.Err() != nil {
		return
	}
	said := t.toast(ctx, query, reply)
	switch words := reply.Submitted == "" && reply.Outcome == nil; {
	case reply.Remove:
		t.removeAll(ctx, *query.Message)
		return
	case said:
		return
	case words && !tap.Place.Private: // too long or too late for a toast, and not for everybody
		t.to = address{Chat: query.From.ID}
	}
	t.say(ctx, reply)
}

// toast answers a tap at once, so that the button does not look stuck; said is true where it
// said all there is to say, for the person who tapped alone.
func (t *turn) toast(ctx context.Context, query *CallbackQuery, reply bots.Reply) (said bool) {
	var answer queryAnswer
	words := plain(reply.Text, t.now())
	if fits := reply.Submitted == "" && reply.Outcome == nil && units(words) <= maxToast; fits {
		answer = queryAnswer{Text: words, Alert: !reply.Remove && words != ""}
	}
	if err := t.rest.AnswerCallbackQuery(ctx, query.ID, answer); err != nil {
		t.Log.Info("telegram tap not answered in time", "platform", platform, "err", err)
		return false
	}
	return answer.Text != ""
}

// moderates asks whether somebody may delete others' messages, unless the picture is their own:
// https://core.telegram.org/bots/api#chatmember
func (t *turn) moderates(ctx context.Context, chat, user int64, id core.GenerationID) bool {
	if g, err := t.Store.Generation(ctx, id); err != nil || g.User == userID(user) {
		return false
	}
	member, err := t.rest.GetChatMember(ctx, chat, user)
	if err != nil {
		t.Log.Info("telegram does not say who moderates", "platform", platform, "err", err)
	}
	return member.Status == "creator" || member.Status == "administrator"
}

// companionsNote is where the messages are remembered that belong to the one with the buttons.
func companionsNote(chat int64, message int) string {
	return "telegram:companions:" + strconv.FormatInt(chat, 10) + ":" + strconv.Itoa(message)
}

// remember notes which messages go when the one with the buttons is deleted.
func (b *Bot) remember(ctx context.Context, chat int64, message int, companions []int) {
	raw, err := json.Marshal(companions)
	if err == nil {
		err = b.Store.PutNote(ctx, companionsNote(chat, message), string(raw), b.Studio.Now().Add(b.Studio.Keep))
	}
	if err != nil {
		b.Log.Error("telegram messages not remembered", "platform", platform, "err", err)
	}
}

// removeAll deletes a message and those that belong to it.
func (t *turn) removeAll(ctx context.Context, m Message) {
	raw, err := t.Store.Note(ctx, companionsNote(m.Chat.ID, m.ID))
	if err != nil {
		t.Log.Error("telegram messages not recalled", "platform", platform, "err", err)
	}
	var companions []int
	if raw != "" {
		if err := json.Unmarshal([]byte(raw), &companions); err != nil {
			t.Log.Error("telegram messages not recalled", "platform", platform, "err", err)
		}
	}
	for _, message := range append(companions, m.ID) {
		t.persist(ctx, "telegram message not deleted", func(place) error {
			err := t.rest.DeleteMessage(ctx, m.Chat.ID, message)
			if faultOf(err) == faultMessageGone {
				return nil
			}
			return err
		})
	}
}
