package telegramtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// User is a person with Telegram's app in hand. The exported fields never change.
type User struct {
	ID        int64 // beyond 32 bits, as real ones are
	FirstName string
	Username  string // without @, may be empty
	Language  string // may be empty

	s     *Server
	isBot bool
}

// User makes a person who has never met the bot. The language is an IETF tag such as "en" or "pt-br"; some people's apps
// tell none.
func (s *Server) User(name, language string) *User {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := &User{s: s, ID: 5_000_000_001 + int64(len(s.users)), FirstName: name, Language: language}
	if plain := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), ""); plain != "" {
		user.Username = plain + "_" + strconv.Itoa(len(s.users)+1)
	}
	s.users[user.ID] = user
	return user
}

// wire is the person as https://core.telegram.org/bots/api#user.
func (u *User) wire() map[string]any {
	w := map[string]any{"id": u.ID, "is_bot": u.isBot, "first_name": u.FirstName}
	if u.Username != "" {
		w["username"] = u.Username
	}
	if u.Language != "" {
		w["language_code"] = u.Language
	}
	return w
}

// Part is one thing a person puts into a message.
type Part func(*post)

// Parts make one message.
type Parts []Part

// post is a message while a person writes it.
type post struct {
	text, caption    string
	photo, document  []byte
	name, mime       string
	reply            int
	thread           int
	spoiler, hidden  bool
	sticker          string
	forwarded        *message
	hasPhoto, hasDoc bool
}

// Text is the words of a message without a picture.
func Text(text string) Part { return func(p *post) { p.text = text } }

// Photo is a picture as the app sends it from the gallery: the bot gets it in several sizes, the largest unchanged.
func Photo(picture []byte) Part { return func(p *post) { p.photo, p.hasPhoto = picture, true } }

// Document is a file, byte for byte; its type is guessed from the name unless MIME says another.
func Document(name string, content []byte) Part {
	return func(p *post) { p.name, p.document, p.hasDoc = name, content, true }
}

// MIME is what the app claims a document to be, true or not.
func MIME(kind string) Part { return func(p *post) { p.mime = kind } }

// Caption is the words under a photo or document.
func Caption(text string) Part { return func(p *post) { p.caption = text } }

// Reply makes the message an answer to another one of the same chat.
func Reply(to Message) Part { return func(p *post) { p.reply = to.ID } }

// Thread puts the message into a forum's topic.
func Thread(topic int) Part { return func(p *post) { p.thread = topic } }

// Spoiler covers the photo.
func Spoiler() Part { return func(p *post) { p.spoiler = true } }

// Sticker is a message that is one sticker.
func Sticker(emoji string) Part { return func(p *post) { p.sticker = emoji } }

// Anonymous sends in the name of the group, as administrators may: the user is then the same one in all groups.
func Anonymous() Part { return func(p *post) { p.hidden = true } }

// Start presses the bot's start button, or follows a link with a payload. It unblocks the bot if it was blocked.
// https://core.telegram.org/bots/features#deep-linking
func (u *User) Start(payload string) (Message, error) {
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{0,64}$`).MatchString(payload) {
		return Message{}, fmt.Errorf("a start payload cannot be %q", payload)
	}
	u.Unblock()
	return u.Send(u.s.Private(u), Text(strings.TrimSpace("/start "+payload)))
}

// Follow opens a link to the bot, such as a button's https://t.me/…?start=…, and presses start.
func (u *User) Follow(link string) (Message, error) {
	to, err := url.Parse(link)
	if err != nil || to.Host != "t.me" || !strings.EqualFold(strings.Trim(to.Path, "/"), u.s.bot.Username) {
		return Message{}, fmt.Errorf("%q does not lead to the bot", link)
	}
	return u.Start(to.Query().Get("start"))
}

// Block makes the bot unable to write to this person, of which it is told.
func (u *User) Block() {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	u.s.privateLocked(u).setBot("kicked", u)
	u.s.change()
}

// Unblock undoes Block.
func (u *User) Unblock() {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	chat := u.s.privateLocked(u)
	if chat.botIs == "kicked" {
		chat.setBot("member", u)
		u.s.change()
	}
}

// Send says something in a chat; writing to the bot in private lets the bot answer. The error tells what the app would
// not have let the person do.
func (u *User) Send(chat *Chat, parts ...Part) (Message, error) {
	list, err := u.Album(chat, parts)
	if err != nil {
		return Message{}, err
	}
	return list[0], nil
}

// Album sends several photos or documents at once: one message each, tied by one media_group_id.
func (u *User) Album(chat *Chat, each ...Parts) ([]Message, error) {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	var list []*message
	for _, parts := range each {
		m, err := u.write(chat, parts)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	if len(list) > 1 {
		u.s.albums++
		for _, m := range list {
			m.Album = strconv.Itoa(13_000_000_000_000_000 + u.s.albums)
		}
	}
	if chat.kind == "private" && chat.botIs == "" {
		chat.botIs = "member"
	}
	views := make([]Message, 0, len(list))
	for _, m := range list {
		chat.add(m)
		u.s.tell(chat, "message", m)
		views = append(views, m.view())
	}
	u.s.change()
	return views, nil
}

// write makes a message of the parts. The caller holds the lock.
func (u *User) write(chat *Chat, parts Parts) (*message, error) {
	var p post
	for _, part := range parts {
		part(&p)
	}
	if err := u.mayWrite(chat); err != nil {
		return nil, err
	}
	s := u.s
	m := &message{Message: Message{From: u.ID, Thread: p.thread, Spoiler: p.spoiler, Preview: true}, author: u, chat: chat}
	if p.hidden {
		m.author, m.as = &User{s: s, ID: 1_087_968_824, FirstName: "Group", Username: "GroupAnonymousBot", isBot: true}, chat
		m.From = m.author.ID
	}
	if p.thread != 0 && chat.topics[p.thread] == "" {
		return nil, fmt.Errorf("there is no topic %d", p.thread)
	}
	if p.reply != 0 {
		replied := chat.find(p.reply)
		if replied == nil {
			return nil, fmt.Errorf("message %d is not there to be replied to", p.reply)
		}
		m.answer(replied)
	}
	switch {
	case p.forwarded != nil:
		m.forward(p.forwarded)
		return m, nil
	case p.sticker != "":
		m.extra = s.sticker(p.sticker)
	case p.hasPhoto:
		made, err := s.photo(p.photo, false)
		if err != nil {
			return nil, fmt.Errorf("the app refuses the photo: %w", err)
		}
		m.photo = made
	case p.hasDoc:
		m.file = s.document(p.name, p.mime, p.document)
	case p.text == "":
		return nil, errors.New("a message needs a text, a photo, a document or a sticker")
	}
	m.setWords(p.text, p.caption)
	if utf16Len(m.Text) > maxText || utf16Len(m.Caption) > maxCaption {
		return nil, errors.New("the app would send so long a text as several messages")
	}
	return m, nil
}

func (m *message) setWords(text, caption string) {
	words := marked{text: text + caption}.finish()
	m.Text, m.Caption, m.Entities = words.text, "", words.entities
	if m.photo != nil || m.file != nil {
		m.Text, m.Caption = "", words.text
	}
}

func (m *message) forward(from *message) {
	m.Text, m.Caption, m.Entities, m.photo, m.file = from.Text, from.Caption, from.Entities, from.photo, from.file
	m.extra = map[string]any{}
	maps.Copy(m.extra, from.extra)
	m.extra["forward_origin"] = map[string]any{"type": "user", "date": from.Sent.Unix(), "sender_user": from.author.wire()}
}

// mayWrite tells whether the person may say anything here at all. The caller holds the lock.
func (u *User) mayWrite(chat *Chat) error {
	status := chat.people[u.ID]
	switch {
	case chat.movedTo != nil:
		return errors.New("the group became a supergroup; write there")
	case chat.kind == "private" && chat.person != u:
		return errors.New("this is somebody else's private chat")
	case chat.kind == "private" && chat.botIs == "kicked":
		return errors.New("this person blocked the bot")
	case chat.kind != "private" && (status == "" || status == "left"):
		return fmt.Errorf("%s is not a member of %q", u.FirstName, chat.Title)
	default:
		return nil
	}
}

func (s *Server) sticker(emoji string) map[string]any {
	x := s.files.add(&file{kind: "sticker", name: "sticker.webp", width: 512, height: 512, bytes: []byte("RIFF....WEBP")})
	w := x.wire()
	w["type"], w["is_animated"], w["is_video"], w["emoji"] = "regular", false, false, emoji
	return map[string]any{"sticker": w}
}

// Forward sends a copy of a message, with a note of where it is from, to a chat.
func (u *User) Forward(chat *Chat, from Message) (Message, error) {
	u.s.mu.Lock()
	original := u.s.chats[from.Chat].find(from.ID)
	u.s.mu.Unlock()
	if original == nil {
		return Message{}, fmt.Errorf("message %d is not there to be forwarded", from.ID)
	}
	return u.Send(chat, func(p *post) { p.forwarded = original })
}

// Edit changes the words of the person's own message.
func (u *User) Edit(old Message, words string) (Message, error) {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	chat := u.s.chats[old.Chat]
	m := chat.find(old.ID)
	if m == nil || m.author != u {
		return Message{}, fmt.Errorf("message %d is not %s's to edit", old.ID, u.FirstName)
	}
	m.setWords(words, "")
	m.Edited = time.Now()
	u.s.tell(chat, "edited_message", m)
	u.s.change()
	return m.view(), nil
}

// Delete takes a message away for everybody; Telegram tells bots nothing about it.
func (u *User) Delete(old Message) error {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	chat := u.s.chats[old.Chat]
	m := chat.find(old.ID)
	if m == nil || (m.author != u && chat.kind != "private" && chat.people[u.ID] == "member") {
		return fmt.Errorf("message %d is not %s's to delete", old.ID, u.FirstName)
	}
	m.Deleted = true
	u.s.change()
	return nil
}

// Answer is what the bot said to the press of a button.
type Answer struct {
	Query string
	User  int64
	Text  string
	Alert bool // shown as a window rather than in passing
	URL   string
	At    time.Time
}

// Press is a button pressed and not answered yet.
type Press struct {
	ID string // callback_query_id
	s  *Server
	q  *query
}

// Tap presses the first button whose label contains the given words and waits for the bot's answer to it.
func (u *User) Tap(ctx context.Context, on Message, label string) (Answer, error) {
	press, err := u.Press(on, label)
	if err != nil {
		return Answer{}, err
	}
	return press.Wait(ctx)
}

// Press presses a button without waiting. A button that is a link is not pressed but opened: use Follow with its URL.
func (u *User) Press(on Message, label string) (*Press, error) {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	chat := u.s.chats[on.Chat]
	m := chat.find(on.ID)
	if m == nil {
		return nil, fmt.Errorf("message %d is not there to be tapped", on.ID)
	}
	if err := u.mayWrite(chat); err != nil {
		return nil, err
	}
	for _, button := range slices.Concat(m.Buttons...) {
		if button.Data == "" || !strings.Contains(button.Text, label) {
			continue
		}
		u.s.presses++
		q := &query{id: strconv.FormatInt(4_300_000_000_000_000_000+u.s.presses*7919, 10), user: u.ID}
		u.s.queries = capped(u.s.queries, keepQueries, q)
		if chat.closedToBot() == nil {
			u.s.push("callback_query", map[string]any{
				"id": q.id, "from": u.wire(), "message": m.wire(), "chat_instance": strconv.FormatInt(-chat.ID, 10),
				"data": button.Data,
			})
		}
		u.s.change()
		return &Press{ID: q.id, s: u.s, q: q}, nil
	}
	return nil, fmt.Errorf("message %d has no button %q but %v", on.ID, label, m.Buttons)
}

// Wait blocks until the bot answers the press.
func (p *Press) Wait(ctx context.Context) (Answer, error) {
	var answer Answer
	err := p.s.await(ctx, func() bool {
		p.s.mu.Lock()
		defer p.s.mu.Unlock()
		if p.q.answer == nil {
			return false
		}
		answer = *p.q.answer
		return true
	})
	if err != nil {
		return Answer{}, fmt.Errorf("no answer to the press of a button: %w", err)
	}
	return answer, nil
}
