package discordtest

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Message flags (https://discord.com/developers/docs/resources/message#message-object-message-flags).
const (
	flagSuppressEmbeds = 1 << 2
	flagEphemeral      = 1 << 6
	flagLoading        = 1 << 7
	flagSilent         = 1 << 12
	flagComponentsV2   = 1 << 15
)

// Message types (https://discord.com/developers/docs/resources/message#message-object-message-types).
const (
	messagePlain       = 0
	messageReply       = 19
	messageFromCommand = 20
	messageFromMenu    = 23
)

// message is a message as the server keeps it; every field is guarded by Server.mu.
type message struct {
	id          string
	kind        int
	channel     *Channel
	author      *User
	onlyFor     *User // an ephemeral message has one reader
	content     string
	embeds      []map[string]any
	components  []map[string]any
	attachments []*attachment
	inEmbeds    map[string]bool // ids of attachments that an embed shows
	inParts     map[string]bool // ids of attachments that a component shows
	flags       int
	mentions    []*User
	roles       []string
	everyone    bool
	reference   *message
	from        *Interaction
	nonce       any
	sent        time.Time
	edited      time.Time
	edits       int
}

// Message is a message as a person sees it, at one moment.
type Message struct {
	ID        string
	ChannelID string
	Author    *User
	Content   string
	Embeds    []Embed
	// Attachments are all files, those that an embed shows too.
	Attachments []Attachment
	Buttons     []Button
	Flags       int
	// Ephemeral messages are seen by For alone.
	Ephemeral bool
	For       *User
	// Loading is "imaginebot is thinking…": a deferred answer that is still to come.
	Loading bool
	// ReplyTo is the id of the message this one replies to.
	ReplyTo string
	// Mentions are those who were pinged.
	Mentions []*User
	Edits    int
	Sent     time.Time
	// JSON is the message object as the API tells it.
	JSON []byte
}

// Embed is what a person reads of an embed.
type Embed struct {
	Title, Description, Footer, Author, URL string
	// ImageURL is where the picture comes from, after attachment:// was resolved.
	ImageURL string
	Fields   []EmbedField
}

// EmbedField is one row or cell of an embed.
type EmbedField struct{ Name, Value string }

// Button is a button as a person sees it; Row counts from 0.
type Button struct {
	Label, Emoji, CustomID, URL string
	Style                       int
	Disabled                    bool
	Row                         int
}

// Text is everything readable in the message: content, embeds, text components, one a line.
func (m Message) Text() string {
	var lines []string
	add := func(texts ...string) {
		for _, t := range texts {
			if t != "" {
				lines = append(lines, t)
			}
		}
	}
	add(m.Content)
	for _, e := range m.Embeds {
		add(e.Author, e.Title, e.Description)
		for _, f := range e.Fields {
			add(f.Name, f.Value)
		}
		add(e.Footer)
	}
	var parts struct{ Components []map[string]any }
	_ = json.Unmarshal(m.JSON, &parts) // written by snapshot
	for c := range eachComponent(parts.Components) {
		if number(c["type"]) == partText {
			add(text(c["content"]))
		}
	}
	return strings.Join(lines, "\n")
}

// Button finds the first button whose label contains the words, letters' case aside.
func (m Message) Button(labelContains string) (Button, bool) {
	i := slices.IndexFunc(m.Buttons, func(b Button) bool {
		return strings.Contains(strings.ToLower(b.Label), strings.ToLower(labelContains))
	})
	if i < 0 {
		return Button{}, false
	}
	return m.Buttons[i], true
}

// snapshot copies the message for a person. The caller holds mu.
func (m *message) snapshot() Message {
	object := m.json()
	raw, _ := json.Marshal(object) // made of plain maps
	out := Message{
		ID: m.id, ChannelID: m.channel.ID, Author: m.author, Content: m.content, Flags: m.flags, For: m.onlyFor,
		Ephemeral: m.onlyFor != nil, Loading: m.flags&flagLoading != 0, Mentions: slices.Clone(m.mentions),
		Edits: m.edits, Sent: m.sent, JSON: raw,
	}
	if m.reference != nil {
		out.ReplyTo = m.reference.id
	}
	for _, e := range m.embeds {
		embed := Embed{
			Title: text(e["title"]), Description: text(e["description"]), URL: text(e["url"]), Footer: text(inside(e, "footer", "text")),
			Author: text(inside(e, "author", "name")), ImageURL: text(inside(e, "image", "url")),
		}
		for _, f := range list(e["fields"]) {
			embed.Fields = append(embed.Fields, EmbedField{text(f["name"]), text(f["value"])})
		}
		out.Embeds = append(out.Embeds, embed)
	}
	for _, a := range m.attachments {
		out.Attachments = append(out.Attachments, a.snapshot(m.inEmbeds[a.id] || m.inParts[a.id]))
	}
	row := -1
	for c := range eachComponent(m.components) {
		switch number(c["type"]) {
		case partRow:
			row++
		case partButton:
			out.Buttons = append(out.Buttons, Button{
				Label: text(c["label"]), Emoji: text(inside(c, "emoji", "name")), CustomID: text(c["custom_id"]), URL: text(c["url"]),
				Style: number(c["style"]), Disabled: c["disabled"] == true, Row: max(row, 0),
			})
		}
	}
	return out
}

const timestamp = "2006-01-02T15:04:05.000000-07:00"

// json is a message object (https://discord.com/developers/docs/resources/message#message-object).
func (m *message) json() map[string]any {
	o := m.plain()
	if m.reference != nil {
		reference := map[string]any{"type": 0, "channel_id": m.reference.channel.ID, "message_id": m.reference.id}
		if g := m.reference.channel.Guild; g != nil {
			reference["guild_id"] = g.ID
		}
		o["message_reference"] = reference
		o["referenced_message"] = nil // deleted meanwhile
		if m.reference.channel.find(m.reference.id) != nil {
			o["referenced_message"] = m.reference.plain()
		}
	}
	return o
}

// plain is the message without the one it replies to.
func (m *message) plain() map[string]any {
	mentions, attachments := []any{}, []any{}
	for _, u := range m.mentions {
		mentions = append(mentions, u.json())
	}
	for _, a := range m.attachments {
		if !m.inEmbeds[a.id] && !m.inParts[a.id] { // Discord leaves out what embeds and components show
			attachments = append(attachments, a.json())
		}
	}
	o := map[string]any{
		"id": m.id, "channel_id": m.channel.ID, "type": m.kind, "author": m.author.json(), "content": m.content,
		"embeds": orEmpty(m.embeds), "components": orEmpty(m.components), "attachments": attachments, "flags": m.flags,
		"mentions": mentions, "mention_roles": append([]string{}, m.roles...), "mention_everyone": m.everyone,
		"timestamp": m.sent.Format(timestamp), "edited_timestamp": nil, "pinned": false, "tts": false,
	}
	if !m.edited.IsZero() {
		o["edited_timestamp"] = m.edited.Format(timestamp)
	}
	if m.nonce != nil {
		o["nonce"] = m.nonce
	}
	if m.from != nil {
		o["application_id"], o["webhook_id"] = m.channel.server.app, m.channel.server.app
		o["interaction_metadata"] = m.from.metadata()
		if m.from.kind == interactionCommand {
			o["interaction"] = map[string]any{"id": m.from.ID, "type": m.from.kind, "name": m.from.command, "user": m.from.user.json()}
		}
	}
	return o
}

// post puts a new message into its channel and tells the bot of it. The caller holds mu.
func (s *Server) post(m *message) {
	m.id, m.sent = s.nextID(), s.now()
	c := m.channel
	if len(c.messages) == keptMessages {
		c.messages = slices.Delete(c.messages, 0, keptMessages/4)
	}
	c.messages = append(c.messages, m)
	s.announce("MESSAGE_CREATE", m)
}

// remove takes a message out of its channel.
func (s *Server) remove(m *message) {
	c := m.channel
	c.messages = slices.DeleteFunc(c.messages, func(o *message) bool { return o == m })
	if m.onlyFor == nil {
		gone := map[string]any{"id": m.id, "channel_id": c.ID}
		if c.Guild != nil {
			gone["guild_id"] = c.Guild.ID
		}
		s.dispatch("MESSAGE_DELETE", nil, func(se *session) any {
			if se.intents&c.messageIntent() == 0 {
				return nil
			}
			return gone
		})
	}
	s.touch()
}

// announce tells the bot of a message, as far as its intents allow
// (https://discord.com/developers/docs/events/gateway#message-content-intent).
func (s *Server) announce(event string, m *message) {
	if m.onlyFor != nil {
		return
	}
	s.dispatch(event, nil, func(se *session) any {
		if se.intents&m.channel.messageIntent() == 0 {
			return nil
		}
		o := m.json()
		m.hide(o, se.intents)
		if referenced, ok := o["referenced_message"].(map[string]any); ok {
			m.reference.hide(referenced, se.intents)
		}
		if g := m.channel.Guild; g != nil {
			o["guild_id"] = g.ID
			member := g.member(m.author)
			delete(member, "user")
			o["member"] = member
		}
		return o
	})
}

// hide empties what the bot may not read: it may always read its own messages, direct ones and those that mention it.
func (m *message) hide(o map[string]any, intents int) {
	bot := m.channel.server.bot
	if intents&intentMessageContent != 0 || m.author == bot || m.channel.With != nil || slices.Contains(m.mentions, bot) {
		return
	}
	o["content"], o["embeds"], o["attachments"], o["components"] = "", []any{}, []any{}, []any{}
}

func (c *Channel) messageIntent() int {
	if c.With != nil {
		return intentDirectMessages
	}
	return intentGuildMessages
}
