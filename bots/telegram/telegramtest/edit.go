package telegramtest

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

const notModified = "message is not modified: specified new message content and reply markup are exactly the same " +
	"as a current content and reply markup of the message"

// edit changes one of the bot's own messages by way of a copy, so that a refused edit changes nothing.
func (s *Server) edit(c *call, change func(m *message) error) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	chat, err := s.chatOf(c)
	if err != nil {
		return nil, err
	}
	id, err := c.number("message_id")
	if err != nil {
		return nil, err
	}
	m := chat.find(int(id))
	switch {
	case m == nil:
		return nil, bad("message to edit not found")
	case !m.FromBot:
		return nil, bad("message can't be edited")
	}
	edited := *m
	if err := change(&edited); err != nil {
		return nil, err
	}
	if err := s.setMarkup(c, &edited); err != nil {
		return nil, err
	}
	same := edited.Text == m.Text && edited.Caption == m.Caption && slices.Equal(edited.Entities, m.Entities) &&
		edited.photo == m.photo && edited.file == m.file && slices.EqualFunc(edited.Buttons, m.Buttons, slices.Equal)
	if same {
		return nil, bad(notModified)
	}
	edited.Edited = time.Now()
	*m = edited
	s.change()
	return m.wire(), nil
}

// editMessageText is https://core.telegram.org/bots/api#editmessagetext.
func editMessageText(_ context.Context, s *Server, c *call) (any, error) {
	return s.edit(c, func(m *message) error {
		if m.Text == "" {
			return bad("there is no text in the message to edit")
		}
		return s.setText(c, m)
	})
}

// editMessageCaption is https://core.telegram.org/bots/api#editmessagecaption.
func editMessageCaption(_ context.Context, s *Server, c *call) (any, error) {
	return s.edit(c, func(m *message) error {
		if m.Text != "" {
			return bad("there is no caption in the message to edit")
		}
		return s.setCaption(c, m, c.text("caption"), c.text("parse_mode"), c.text("caption_entities"))
	})
}

// editMessageMedia is https://core.telegram.org/bots/api#editmessagemedia. It can turn a text into a picture.
func editMessageMedia(_ context.Context, s *Server, c *call) (any, error) {
	var media struct {
		Type     string          `json:"type"`
		Media    string          `json:"media"`
		Caption  string          `json:"caption"`
		Mode     string          `json:"parse_mode"`
		Entities json.RawMessage `json:"caption_entities"`
		Spoiler  bool            `json:"has_spoiler"`
		Thumb    string          `json:"thumbnail"`
	}
	if err := c.object("media", &media); err != nil {
		return nil, err
	}
	return s.edit(c, func(m *message) error {
		switch {
		case media.Type != "photo" && media.Type != "document":
			return bad("can't parse InputMedia: type %q is unsupported", media.Type)
		case m.Album != "" && (media.Type == "document") != (m.file != nil):
			return bad("document can't be mixed with other media types")
		}
		if err := s.setCaption(c, m, media.Caption, media.Mode, string(media.Entities)); err != nil {
			return err
		}
		m.Spoiler = media.Spoiler
		return s.setMedia(c, m, media.Type, media.Media, media.Thumb)
	})
}

// editMessageReplyMarkup is https://core.telegram.org/bots/api#editmessagereplymarkup.
func editMessageReplyMarkup(_ context.Context, s *Server, c *call) (any, error) {
	return s.edit(c, func(*message) error { return nil })
}

// deleteMessage is https://core.telegram.org/bots/api#deletemessage.
func deleteMessage(_ context.Context, s *Server, c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	chat, err := s.chatOf(c)
	if err != nil {
		return nil, err
	}
	id, err := c.number("message_id")
	if err != nil {
		return nil, err
	}
	m := chat.find(int(id))
	switch {
	case m == nil:
		return nil, bad("message to delete not found")
	case !chat.botMayDelete(m):
		return nil, bad("message can't be deleted")
	}
	m.Deleted = true
	s.change()
	return true, nil
}

func (chat *Chat) botMayDelete(m *message) bool {
	return m.FromBot || chat.kind == "private" || chat.botIs == "administrator"
}

// deleteMessages is https://core.telegram.org/bots/api#deletemessages; what is not there is passed over.
func deleteMessages(_ context.Context, s *Server, c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	chat, err := s.chatOf(c)
	if err != nil {
		return nil, err
	}
	var ids []int
	if err := c.object("message_ids", &ids); err != nil {
		return nil, err
	}
	if len(ids) < 1 || len(ids) > 100 {
		return nil, s.overLimit(c, "message identifiers must be 1 to 100")
	}
	for _, id := range ids {
		m := chat.find(id)
		switch {
		case m == nil:
		case !chat.botMayDelete(m):
			return nil, bad("message can't be deleted")
		default:
			m.Deleted = true
		}
	}
	s.change()
	return true, nil
}

// query is one press of a button that waits for its answer.
type query struct {
	id     string
	user   int64
	answer *Answer
	old    bool
}

// answerCallbackQuery is https://core.telegram.org/bots/api#answercallbackquery.
func answerCallbackQuery(_ context.Context, s *Server, c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.queries, func(q *query) bool { return q.id == c.text("callback_query_id") })
	tooOld := bad("query is too old and response timeout expired or query ID is invalid")
	if at < 0 || s.queries[at].old {
		return nil, tooOld
	}
	q := s.queries[at]
	switch {
	case q.answer != nil:
		s.violateLocked("answerCallbackQuery a second time for one press")
		return nil, tooOld
	case utf16Len(c.text("text")) > maxAnswer:
		return nil, s.overLimit(c, "MESSAGE_TOO_LONG")
	}
	q.answer = &Answer{Query: q.id, User: q.user, Text: c.text("text"), Alert: c.flag("show_alert"), URL: c.text("url"), At: time.Now()}
	s.answers = capped(s.answers, keepQueries, *q.answer)
	s.change()
	return true, nil
}

// ExpireQueries makes every press so far too old to be answered, as time does.
func (s *Server) ExpireQueries() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queries {
		q.old = true
	}
}
