package telegramtest

import (
	"fmt"
	"time"
)

// Chat is a conversation: one person with the bot, or a group. The exported fields never change.
type Chat struct {
	ID    int64
	Title string // empty for a private chat

	s        *Server
	kind     string // private, group or supergroup
	forum    bool
	person   *User            // of a private chat
	people   map[int64]string // user id → creator, administrator, member or left
	botIs    string           // the bot's status here; in a private chat "" until the person presses start
	topics   map[int]string
	movedTo  *Chat
	actions  []Action
	last     int // the newest message id
	messages []*message
}

// GroupSettings describe a new group.
type GroupSettings struct {
	Title      string
	Members    []*User // the first one created it
	Supergroup bool
	Forum      bool // topics on; implies Supergroup
	BotAdmin   bool // an administrator bot hears everything
	WithoutBot bool // nobody has added the bot yet
}

// Private is the conversation of a person with the bot, whether or not anything was said in it yet.
func (s *Server) Private(user *User) *Chat {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.privateLocked(user)
}

func (s *Server) privateLocked(user *User) *Chat {
	chat := s.chats[user.ID]
	if chat == nil {
		chat = &Chat{ID: user.ID, s: s, kind: "private", person: user}
		s.chats[chat.ID] = chat
	}
	return chat
}

// Group makes a group and, unless told otherwise, adds the bot to it, of which the bot hears.
func (s *Server) Group(settings GroupSettings) *Chat {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups++
	chat := &Chat{
		ID: -4_000_000_000 - s.groups, Title: settings.Title, s: s, kind: "group",
		forum: settings.Forum, people: map[int64]string{}, botIs: "left", topics: map[int]string{},
	}
	if settings.Supergroup || settings.Forum {
		chat.kind, chat.ID = "supergroup", -1_002_000_000_000-s.groups
	}
	for i, member := range settings.Members {
		chat.people[member.ID] = "member"
		if i == 0 {
			chat.people[member.ID] = "creator"
		}
	}
	s.chats[chat.ID] = chat
	if !settings.WithoutBot {
		chat.setBot("member", s.founder(chat))
	}
	if settings.BotAdmin {
		chat.setBot("administrator", s.founder(chat))
	}
	s.change()
	return chat
}

// founder is who does what nobody in particular does; the caller holds the lock.
func (s *Server) founder(chat *Chat) *User {
	if chat.person != nil {
		return chat.person
	}
	for id, status := range chat.people {
		if status == "creator" {
			return s.users[id]
		}
	}
	return &User{s: s, ID: 777000, FirstName: "Telegram"}
}

// AddBot puts the bot into the group, again if it was kicked.
func (chat *Chat) AddBot() { chat.changeBot("member") }

// PromoteBot makes the bot an administrator: from now on it hears everything and may delete anything.
func (chat *Chat) PromoteBot() { chat.changeBot("administrator") }

// KickBot throws the bot out; of what follows it hears nothing.
func (chat *Chat) KickBot() { chat.changeBot("kicked") }

func (chat *Chat) changeBot(status string) {
	chat.s.mu.Lock()
	defer chat.s.mu.Unlock()
	chat.setBot(status, chat.s.founder(chat))
	chat.s.change()
}

// setBot changes the bot's membership and tells the bot. The caller holds the lock.
func (chat *Chat) setBot(status string, by *User) {
	s, before := chat.s, chat.botIs
	if before == status {
		return
	}
	if before == "" {
		before = "left"
	}
	chat.botIs = status
	s.push("my_chat_member", map[string]any{
		"chat": chat.wire(), "from": by.wire(), "date": time.Now().Unix(),
		"old_chat_member": chat.member(s.bot, before), "new_chat_member": chat.member(s.bot, status),
	})
	joined := (before == "left" || before == "kicked") && status != "left" && status != "kicked"
	if chat.kind != "private" && joined {
		chat.event(by, "new_chat_members", []any{s.bot.wire()})
	}
}

// Join makes a person a member of the group.
func (chat *Chat) Join(user *User) { chat.setPerson(user, "member") }

// Promote makes a member an administrator who may, for one, delete messages.
func (chat *Chat) Promote(user *User) { chat.setPerson(user, "administrator") }

func (chat *Chat) setPerson(user *User, status string) {
	chat.s.mu.Lock()
	defer chat.s.mu.Unlock()
	chat.people[user.ID] = status
	chat.s.change()
}

// Topic opens a topic in a forum and returns its message_thread_id.
func (chat *Chat) Topic(name string) int {
	chat.s.mu.Lock()
	defer chat.s.mu.Unlock()
	thread := chat.last + 1
	chat.topics[thread] = name
	chat.event(chat.s.founder(chat), "forum_topic_created", map[string]any{"name": name, "icon_color": 0x6FB9F0})
	chat.s.change()
	return thread
}

// DeleteTopic removes a topic with everything in it.
func (chat *Chat) DeleteTopic(thread int) {
	chat.s.mu.Lock()
	defer chat.s.mu.Unlock()
	delete(chat.topics, thread)
	for _, m := range chat.messages {
		if m.Thread == thread {
			m.Deleted = true
		}
	}
	chat.s.change()
}

// Migrate turns a group into a supergroup, which is another chat with another id; the old one refuses everything.
func (chat *Chat) Migrate() *Chat {
	s := chat.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups++
	moved := &Chat{
		ID: -1_002_000_000_000 - s.groups, Title: chat.Title, s: s, kind: "supergroup",
		people: chat.people, botIs: chat.botIs, topics: map[int]string{},
	}
	s.chats[moved.ID] = moved
	chat.event(s.founder(chat), "migrate_to_chat_id", moved.ID)
	moved.event(s.founder(chat), "migrate_from_chat_id", chat.ID)
	chat.movedTo = moved
	s.change()
	return moved
}

// event puts one of Telegram's own messages into the chat. The caller holds the lock.
func (chat *Chat) event(by *User, name string, content any) {
	m := &message{Message: Message{From: by.ID, Event: name}, author: by, extra: map[string]any{name: content}}
	if chat.topics[chat.last+1] != "" {
		m.Thread = chat.last + 1
	}
	chat.add(m)
	chat.s.tell(chat, "message", m)
}

// add gives the message its id and place. The caller holds the lock.
func (chat *Chat) add(m *message) {
	chat.last++
	m.ID, m.chat, m.Chat, m.Sent = chat.last, chat, chat.ID, time.Now()
	chat.messages = capped(chat.messages, keepMessages, m)
}

// find returns a message that is still there, nil also for no chat. The caller holds the lock.
func (chat *Chat) find(id int) *message {
	if chat == nil {
		return nil
	}
	for _, m := range chat.messages {
		if m.ID == id && !m.Deleted {
			return m
		}
	}
	return nil
}

// closedToBot says why the bot cannot act here, nil if it can. The caller holds the lock.
func (chat *Chat) closedToBot() error {
	switch {
	case chat.movedTo != nil:
		r := bad("group chat was upgraded to a supergroup chat")
		r.MigrateTo = chat.movedTo.ID
		return r
	case chat.kind == "private" && chat.botIs == "":
		return forbidden("bot can't initiate conversation with a user")
	case chat.kind == "private" && chat.botIs == "kicked":
		return forbidden("bot was blocked by the user")
	case chat.botIs == "kicked":
		return forbidden(fmt.Sprintf("bot was kicked from the %s chat", chat.kind))
	case chat.botIs == "left":
		return forbidden(fmt.Sprintf("bot is not a member of the %s chat", chat.kind))
	default:
		return nil
	}
}

// hears tells whether the bot is shown a person's message, by the rules of privacy mode.
// https://core.telegram.org/bots/features#privacy-mode
func (chat *Chat) hears(m *message) bool {
	if chat.closedToBot() != nil {
		return false
	}
	if chat.kind == "private" || chat.botIs == "administrator" || chat.s.settings.PrivacyOff || m.Event != "" {
		return true
	}
	if m.ReplyTo != 0 {
		if replied := chat.find(m.ReplyTo); replied != nil && replied.FromBot {
			return true
		}
	}
	return commandsFor(m.Words(), m.Entities, chat.s.bot.Username)
}

// wire is the chat as https://core.telegram.org/bots/api#chat.
func (chat *Chat) wire() map[string]any {
	if chat.kind == "private" {
		w := chat.person.wire()
		delete(w, "is_bot")
		delete(w, "language_code")
		w["type"] = "private"
		return w
	}
	w := map[string]any{"id": chat.ID, "type": chat.kind, "title": chat.Title}
	if chat.forum {
		w["is_forum"] = true
	}
	return w
}

// member is a user here as https://core.telegram.org/bots/api#chatmember.
func (chat *Chat) member(user *User, status string) map[string]any {
	w := map[string]any{"status": status, "user": user.wire()}
	switch status {
	case "kicked":
		w["until_date"] = 0
	case "creator":
		w["is_anonymous"] = false
	case "administrator":
		for _, right := range []string{
			"can_manage_chat", "can_delete_messages", "can_manage_video_chats", "can_restrict_members",
			"can_change_info", "can_invite_users", "can_pin_messages",
		} {
			w[right] = true
		}
		for _, right := range []string{
			"can_be_edited", "is_anonymous", "can_promote_members", "can_post_stories", "can_edit_stories", "can_delete_stories",
		} {
			w[right] = false
		}
	}
	return w
}
