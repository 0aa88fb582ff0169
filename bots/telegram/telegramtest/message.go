package telegramtest

import (
	"slices"
	"time"
)

// Message is one message as its readers see it, a copy that does not change any more. The byte slices are shared: read
// them, do not write to them.
type Message struct {
	ID       int
	Chat     int64
	From     int64 // user id
	FromBot  bool  // from the bot under test
	Thread   int   // message_thread_id, 0 outside of topics and reply threads
	Text     string
	Caption  string
	Entities []Entity // of the text or the caption, markup and what Telegram found by itself
	Photo    *File    // as it was uploaded
	Document *File
	Album    string // media_group_id
	ReplyTo  int    // message id
	Silent   bool   // sent with disable_notification
	Preview  bool   // a link in it may be shown with a preview
	Spoiler  bool
	Buttons  [][]Button
	Asks     bool   // sent with force_reply
	Event    string // the kind of one of Telegram's own messages, such as new_chat_members
	Sent     time.Time
	Edited   time.Time // zero if never
	Deleted  bool      // only in History
}

// File is an uploaded picture or document.
type File struct {
	ID     string // file_id; of a photo, that of its largest size
	Name   string // empty for photos
	MIME   string
	Width  int // of photos
	Height int
	Bytes  []byte // as uploaded; nil once they were forgotten
}

// Button is one button under a message.
type Button struct{ Text, Data, URL string }

// Entity is a span of text with a meaning; offsets and lengths count UTF-16 units.
// https://core.telegram.org/bots/api#messageentity
type Entity struct {
	Type   string `json:"type"`
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	URL    string `json:"url,omitempty"`
	User   int64  `json:"-"` // of a text_mention

	Language string `json:"language,omitempty"`
	Emoji    string `json:"custom_emoji_id,omitempty"`
	Unix     int64  `json:"unix_time,omitempty"`
}

// Words is the text or the caption, whichever the message has.
func (m Message) Words() string { return m.Text + m.Caption }

// Has tells whether an entity of this type is in the message: "mention" and "text_mention" are those that ping.
func (m Message) Has(entity string) bool {
	return slices.ContainsFunc(m.Entities, func(e Entity) bool { return e.Type == entity })
}

// message is a Message with what only the server knows about it.
type message struct {
	Message
	chat   *Chat
	author *User
	as     *Chat          // the chat in whose name it was sent, for anonymous administrators
	photo  *file          // its largest size
	file   *file          // the document
	extra  map[string]any // fields shown to the bot as they are: events, stickers, forwards
}

// view is the copy that observers get. The caller holds the lock.
func (m *message) view() Message {
	v := m.Message
	v.Entities = slices.Clone(v.Entities)
	v.Buttons = slices.Clone(v.Buttons)
	v.Photo, v.Document = m.photo.seen(), m.file.seen()
	return v
}

// wire is the message as https://core.telegram.org/bots/api#message. The caller holds the lock.
func (m *message) wire() map[string]any { return m.wireDeep(true) }

func (m *message) wireDeep(withReply bool) map[string]any {
	w := map[string]any{
		"message_id": m.ID, "from": m.author.wire(), "chat": m.chat.wire(), "date": m.Sent.Unix(),
	}
	for name, value := range m.extra {
		w[name] = value
	}
	if m.as != nil {
		w["sender_chat"] = m.as.wire()
	}
	if m.Thread != 0 {
		w["message_thread_id"] = m.Thread
		if m.chat.forum {
			w["is_topic_message"] = true
		}
	}
	if !m.Edited.IsZero() {
		w["edit_date"] = m.Edited.Unix()
	}
	if m.Album != "" {
		w["media_group_id"] = m.Album
	}
	if m.Spoiler {
		w["has_media_spoiler"] = true
	}
	m.wireContent(w)
	if len(m.Buttons) > 0 {
		w["reply_markup"] = map[string]any{"inline_keyboard": wireButtons(m.Buttons)}
	}
	if replied := m.chat.find(m.ReplyTo); withReply && replied != nil {
		w["reply_to_message"] = replied.wireDeep(false) // one level, as in reality
	}
	return w
}

func (m *message) wireContent(w map[string]any) {
	entities := "caption_entities"
	switch {
	case m.Text != "":
		w["text"], entities = m.Text, "entities"
	case m.Caption != "":
		w["caption"] = m.Caption
	}
	if len(m.Entities) > 0 {
		w[entities] = m.wireEntities()
	}
	if m.photo != nil {
		sizes := make([]any, 0, len(m.photo.sizes))
		for _, size := range m.photo.sizes {
			sizes = append(sizes, size.wire())
		}
		w["photo"] = sizes
	}
	if m.file != nil {
		w["document"] = m.file.wire()
	}
}

func (m *message) wireEntities() []any {
	list := make([]any, 0, len(m.Entities))
	for _, e := range m.Entities {
		if e.Type != "text_mention" {
			list = append(list, e)
			continue
		}
		list = append(list, map[string]any{
			"type": e.Type, "offset": e.Offset, "length": e.Length, "user": m.chat.s.users[e.User].wire(),
		})
	}
	return list
}

func wireButtons(rows [][]Button) [][]map[string]any {
	wire := make([][]map[string]any, 0, len(rows))
	for _, row := range rows {
		line := make([]map[string]any, 0, len(row))
		for _, button := range row {
			w := map[string]any{"text": button.Text}
			if button.URL != "" {
				w["url"] = button.URL
			} else {
				w["callback_data"] = button.Data
			}
			line = append(line, w)
		}
		wire = append(wire, line)
	}
	return wire
}
