package telegramtest

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of messages. https://core.telegram.org/bots/api#sendmessage and the methods beside it
const (
	maxText     = 4096
	maxCaption  = 1024
	maxData     = 64 // bytes of callback_data
	maxAnswer   = 200
	maxButtons  = 100
	maxPerAlbum = 10
)

// methods are the ones this fake knows.
var methods = map[string]method{
	"getMe":                  getMe,
	"getUpdates":             getUpdates,
	"setWebhook":             setWebhook,
	"deleteWebhook":          deleteWebhook,
	"getWebhookInfo":         getWebhookInfo,
	"setMyCommands":          setMyCommands,
	"getMyCommands":          getMyCommands,
	"deleteMyCommands":       deleteMyCommands,
	"sendMessage":            sendMessage,
	"sendPhoto":              sendPhoto,
	"sendDocument":           sendDocument,
	"sendMediaGroup":         sendMediaGroup,
	"editMessageText":        editMessageText,
	"editMessageCaption":     editMessageCaption,
	"editMessageMedia":       editMessageMedia,
	"editMessageReplyMarkup": editMessageReplyMarkup,
	"deleteMessage":          deleteMessage,
	"deleteMessages":         deleteMessages,
	"answerCallbackQuery":    answerCallbackQuery,
	"sendChatAction":         sendChatAction,
	"getFile":                getFile,
	"getChat":                getChat,
	"getChatMember":          getChatMember,
}

// overLimit refuses what a bot could have known to be too much. The caller holds the lock.
func (s *Server) overLimit(c *call, format string, args ...any) error {
	r := bad(format, args...)
	s.violateLocked("%s: over a limit: %s", c.method, r.Description)
	return r
}

// sendMessage is https://core.telegram.org/bots/api#sendmessage.
func sendMessage(_ context.Context, s *Server, c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.draft(c)
	if err != nil {
		return nil, err
	}
	if err := s.setText(c, m); err != nil {
		return nil, err
	}
	m.chat.add(m)
	s.change()
	return m.wire(), nil
}

// setText puts the call's text into the message.
func (s *Server) setText(c *call, m *message) error {
	words, err := s.mark(c, c.text("text"), c.text("parse_mode"), c.text("entities"))
	switch {
	case err != nil:
		return err
	case words.text == "":
		return s.overLimit(c, "message text is empty")
	case utf16Len(words.text) > maxText:
		return s.overLimit(c, "message is too long")
	}
	var preview struct {
		Disabled bool `json:"is_disabled"`
	}
	if err := c.object("link_preview_options", &preview); err != nil {
		return err
	}
	m.Text, m.Caption, m.Entities, m.Preview = words.text, "", words.entities, !preview.Disabled
	return nil
}

// setCaption puts words under the message's photo or document.
func (s *Server) setCaption(c *call, m *message, text, mode, entities string) error {
	words, err := s.mark(c, text, mode, entities)
	switch {
	case err != nil:
		return err
	case utf16Len(words.text) > maxCaption:
		return s.overLimit(c, "message caption is too long")
	}
	m.Text, m.Caption, m.Entities = "", words.text, words.entities
	return nil
}

// mark makes plain words of a text. The caller holds the lock.
func (s *Server) mark(c *call, text, mode, entities string) (marked, error) {
	switch strings.ToLower(mode) {
	case "":
		words := marked{text: text}
		if entities != "" && entities != "null" {
			if err := json.Unmarshal([]byte(entities), &words.entities); err != nil {
				return marked{}, bad("can't parse entities JSON object")
			}
		}
		return words.finish(), nil
	case "html":
		words, err := parseHTML(text)
		if err != nil {
			s.violateLocked("%s: malformed markup: %v", c.method, err)
			return marked{}, err
		}
		if words.bare {
			s.violateLocked("%s: an & that was not escaped", c.method)
		}
		words.entities = slices.DeleteFunc(words.entities, func(e Entity) bool {
			return e.Type == "text_mention" && s.users[e.User] == nil // Telegram drops mentions of strangers
		})
		return words, nil
	default:
		s.violateLocked("%s: this fake reads no parse_mode %q", c.method, mode)
		return marked{}, bad("unsupported parse_mode")
	}
}

// sendPhoto is https://core.telegram.org/bots/api#sendphoto.
func sendPhoto(_ context.Context, s *Server, c *call) (any, error) { return s.sendMedia(c, "photo") }

// sendDocument is https://core.telegram.org/bots/api#senddocument.
func sendDocument(_ context.Context, s *Server, c *call) (any, error) {
	return s.sendMedia(c, "document")
}

func (s *Server) sendMedia(c *call, kind string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.draft(c)
	if err != nil {
		return nil, err
	}
	if err := s.setCaption(c, m, c.text("caption"), c.text("parse_mode"), c.text("caption_entities")); err != nil {
		return nil, err
	}
	source := c.text(kind)
	if source == "" && c.files[kind] != nil {
		source = "attach://" + kind
	}
	if err := s.setMedia(c, m, kind, source, c.text("thumbnail")); err != nil {
		return nil, err
	}
	m.Spoiler = c.flag("has_spoiler")
	m.chat.add(m)
	s.change()
	return m.wire(), nil
}

// setMedia makes the message one with a photo or document: an upload or a file_id.
// https://core.telegram.org/bots/api#sending-files
func (s *Server) setMedia(c *call, m *message, kind, source, thumbnail string) error {
	if name, ok := strings.CutPrefix(thumbnail, "attach://"); ok {
		c.used[name] = true
	}
	found, err := s.media(c, kind, source)
	if err != nil {
		return err
	}
	m.photo, m.file = nil, nil
	if kind == "photo" {
		m.photo = found
	} else {
		m.file = found
	}
	return nil
}

func (s *Server) media(c *call, kind, source string) (*file, error) {
	field, attached := strings.CutPrefix(source, "attach://")
	switch {
	case source == "":
		return nil, bad("there is no %s in the request", kind)
	case attached:
		part := c.files[field]
		if part == nil {
			return nil, bad("can't parse InputMedia: media not found")
		}
		c.used[field] = true
		if len(part.bytes) == 0 {
			return nil, bad("file must be non-empty")
		}
		if kind == "document" {
			return s.document(part.name, "", part.bytes), nil
		}
		made, err := s.photo(part.bytes, true)
		if err != nil {
			s.violateLocked("%s: %v", c.method, err)
		}
		return made, err
	case strings.HasPrefix(source, "http://"), strings.HasPrefix(source, "https://"):
		s.violateLocked("%s: this fake fetches no URLs", c.method)
		return nil, bad("failed to get HTTP URL content")
	}
	known := s.files.byID[source]
	switch {
	case known == nil:
		return nil, bad("wrong file identifier/HTTP URL specified")
	case known.kind != kind:
		return nil, bad("can't use file of type %s as %s", known.kind, kind)
	default:
		return known, nil
	}
}

// sendMediaGroup is https://core.telegram.org/bots/api#sendmediagroup.
func sendMediaGroup(_ context.Context, s *Server, c *call) (any, error) {
	var album []struct {
		Type     string          `json:"type"`
		Media    string          `json:"media"`
		Caption  string          `json:"caption"`
		Mode     string          `json:"parse_mode"`
		Entities json.RawMessage `json:"caption_entities"`
		Spoiler  bool            `json:"has_spoiler"`
		Thumb    string          `json:"thumbnail"`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := c.object("media", &album); err != nil {
		return nil, err
	}
	if c.text("reply_markup") != "" {
		s.violateLocked("sendMediaGroup takes no reply_markup")
	}
	switch {
	case len(album) < 2:
		return nil, s.overLimit(c, "there are no messages to send")
	case len(album) > maxPerAlbum:
		return nil, s.overLimit(c, "too many messages to send as an album")
	}
	s.albums++
	group := strconv.Itoa(13_000_000_000_000_000 + s.albums)
	var list []*message
	for i, member := range album {
		if member.Type != "photo" && member.Type != "document" {
			return nil, bad("can't parse InputMedia: type %q is unsupported", member.Type)
		}
		if member.Type != album[0].Type {
			return nil, bad("document can't be mixed with other media types")
		}
		m, err := s.draft(c)
		if err != nil {
			return nil, err
		}
		if err := s.setCaption(c, m, member.Caption, member.Mode, string(member.Entities)); err != nil {
			return nil, err
		}
		if err := s.setMedia(c, m, member.Type, member.Media, member.Thumb); err != nil {
			var refused *refusal
			if errors.As(err, &refused) {
				why := strings.TrimPrefix(refused.Description, "Bad Request: ")
				return nil, bad("failed to send message #%d with the error message %q", i+1, why)
			}
			return nil, err
		}
		m.Album, m.Spoiler = group, member.Spoiler
		list = append(list, m)
	}
	wires := make([]any, 0, len(list))
	for _, m := range list {
		m.chat.add(m)
		wires = append(wires, m.wire())
	}
	s.change()
	return wires, nil
}

// chatOf finds the chat a call names and whether the bot may act there. The caller holds the lock.
func (s *Server) chatOf(c *call) (*Chat, error) {
	chat, err := s.lookUp(c)
	if err != nil {
		return nil, err
	}
	return chat, chat.closedToBot()
}

func (s *Server) lookUp(c *call) (*Chat, error) {
	text := c.text("chat_id")
	if text == "" {
		return nil, bad("chat_id is empty")
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, bad("chat not found")
	}
	if chat := s.chats[id]; chat != nil {
		return chat, nil
	}
	if user := s.users[id]; user != nil {
		return s.privateLocked(user), nil
	}
	return nil, bad("chat not found")
}

// draft begins a message of the bot with everything that the send methods have in common. The caller holds the lock.
func (s *Server) draft(c *call) (*message, error) {
	chat, err := s.chatOf(c)
	if err != nil {
		return nil, err
	}
	m := &message{Message: Message{From: s.bot.ID, FromBot: true}, author: s.bot, chat: chat}
	m.Silent = c.flag("disable_notification")
	thread, err := c.number("message_thread_id")
	if err != nil {
		return nil, err
	}
	m.Thread = int(thread)
	if m.Thread != 0 && chat.topics[m.Thread] == "" {
		return nil, bad("message thread not found")
	}
	if err := s.setReply(c, m); err != nil {
		return nil, err
	}
	return m, s.setMarkup(c, m)
}

// setReply obeys https://core.telegram.org/bots/api#replyparameters.
func (s *Server) setReply(c *call, m *message) error {
	var to struct {
		Message int  `json:"message_id"`
		Anyway  bool `json:"allow_sending_without_reply"`
	}
	if err := c.object("reply_parameters", &to); err != nil {
		return err
	}
	if to.Message == 0 {
		return nil
	}
	replied := m.chat.find(to.Message)
	if replied != nil && m.chat.forum && m.Thread != 0 && replied.Thread != m.Thread {
		return bad("message to be replied not found") // across topics it never goes without
	}
	if replied == nil {
		if to.Anyway {
			return nil
		}
		return bad("message to be replied not found")
	}
	m.answer(replied)
	return nil
}

// answer makes m a reply. In a forum it lands in the topic of what it replies to; in other supergroups a thread of
// replies has an id too, which is no topic and which no send method takes.
func (m *message) answer(replied *message) {
	m.ReplyTo = replied.ID
	switch {
	case m.chat.forum:
		m.Thread = replied.Thread
	case m.chat.kind == "supergroup" && replied.Thread != 0:
		m.Thread = replied.Thread
	case m.chat.kind == "supergroup":
		m.Thread = replied.ID
	}
}

// setMarkup obeys https://core.telegram.org/bots/api#inlinekeyboardmarkup; without reply_markup there are no buttons.
func (s *Server) setMarkup(c *call, m *message) error {
	var markup struct {
		Rows [][]struct {
			Text string  `json:"text"`
			Data *string `json:"callback_data"`
			URL  string  `json:"url"`
		} `json:"inline_keyboard"`
		Asks bool `json:"force_reply"`
	}
	if err := c.object("reply_markup", &markup); err != nil {
		return err
	}
	m.Buttons, m.Asks = nil, markup.Asks
	count := 0
	for _, row := range markup.Rows {
		var line []Button
		for _, given := range row {
			button := Button{Text: given.Text, URL: given.URL}
			to, err := url.Parse(given.URL)
			switch {
			case given.Text == "":
				return bad("can't parse inline keyboard button: the text must be non-empty")
			case given.Data == nil && given.URL == "":
				return bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
			case given.Data != nil && (*given.Data == "" || len(*given.Data) > maxData):
				return s.overLimit(c, "BUTTON_DATA_INVALID")
			case err != nil, given.URL != "" && to.Scheme != "https" && to.Scheme != "http" && to.Scheme != "tg":
				return bad("BUTTON_URL_INVALID")
			case given.Data != nil:
				button.Data = *given.Data
			}
			line = append(line, button)
			count++
		}
		m.Buttons = append(m.Buttons, line)
	}
	if count > maxButtons {
		return s.overLimit(c, "REPLY_MARKUP_TOO_LONG")
	}
	return nil
}

var chatActions = []string{
	"typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice", "upload_document",
	"choose_sticker", "find_location", "record_video_note", "upload_video_note",
}

// sendChatAction is https://core.telegram.org/bots/api#sendchataction. Unlike the others it takes thread 1, a forum's
// general topic.
func sendChatAction(_ context.Context, s *Server, c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	chat, err := s.chatOf(c)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(chatActions, c.text("action")) {
		return nil, bad("wrong parameter action in request")
	}
	thread, err := c.number("message_thread_id")
	if err != nil {
		return nil, err
	}
	if thread != 0 && chat.topics[int(thread)] == "" && (!chat.forum || thread != 1) {
		return nil, bad("message thread not found")
	}
	chat.actions = capped(chat.actions, keepActions, Action{Action: c.text("action"), Thread: int(thread), At: time.Now()})
	s.change()
	return true, nil
}
