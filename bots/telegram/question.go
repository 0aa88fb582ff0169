package telegram

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"imaginebot/bots"
)

const (
	// askedFor is how long a question may be answered by a reply to it.
	askedFor = 24 * time.Hour
	// nextFor is how long the next words in a private chat are taken for the answer.
	nextFor = 10 * time.Minute
)

// ask asks what to change in a picture, and remembers which one that was.
func (t *turn) ask(ctx context.Context, m *Message, about subject) {
	var asked photo
	if about.picture != nil {
		asked = *about.picture
	}
	raw, err := json.Marshal(asked)
	if err != nil { // strings and numbers can always be written
		return
	}
	notes := map[string]time.Duration{}
	if m.Chat.Type == "private" {
		notes[askedNote(m.Chat.ID, 0)] = nextFor
	}
	var question Message
	if !t.persist(ctx, "telegram question not asked", func(to place) (err error) {
		question, err = t.rest.askReply(ctx, to, write(bots.AskWhatToChange().Text, t.now(), maxText))
		return err
	}) {
		return
	}
	notes[askedNote(m.Chat.ID, question.ID)] = askedFor
	for note, lasts := range notes {
		if err := t.Store.PutNote(ctx, note, string(raw), t.now().Add(lasts)); err != nil {
			t.Log.Error("telegram question not remembered", "platform", platform, "err", err)
		}
	}
}

// askReply sends a message to which the person's app begins a reply at once:
// https://core.telegram.org/bots/api#forcereply
func (r *rest) askReply(ctx context.Context, to place, text markup) (Message, error) {
	params := to.params(nil)
	setText(params, text)
	setJSON(params, "reply_markup", map[string]bool{"force_reply": true, "selective": true})
	var sent Message
	return sent, r.call(ctx, "sendMessage", params, nil, &sent)
}

// recall is the picture that a question was about; nil if there is no such question.
func (t *turn) recall(ctx context.Context, note string) *photo {
	raw, err := t.Store.Note(ctx, note)
	if err != nil {
		t.Log.Error("telegram question not recalled", "platform", platform, "err", err)
	}
	var asked photo
	if raw == "" || json.Unmarshal([]byte(raw), &asked) != nil {
		return nil
	}
	return &asked
}

// forgetNext ends the question that the next words in a private chat would answer.
func (t *turn) forgetNext(ctx context.Context, chat int64) {
	if err := t.Store.PutNote(ctx, askedNote(chat, 0), "", t.now()); err != nil {
		t.Log.Error("telegram question not forgotten", "platform", platform, "err", err)
	}
}

// askedNote is the note under which a question is remembered; message 0 is whatever is said next.
func askedNote(chat int64, message int) string {
	return "telegram:asked:" + strconv.FormatInt(chat, 10) + ":" + strconv.Itoa(message)
}
