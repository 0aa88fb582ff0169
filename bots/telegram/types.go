package telegram

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// rawUpdate is one update as Telegram sent it, told apart only as far as its id.
type rawUpdate struct {
	ID  int64
	Raw json.RawMessage
}

// Update is what this bot reads of https://core.telegram.org/bots/api#update; all pointers are nil in an update of a
// kind that it does not read.
type Update struct {
	ID       int64          `json:"update_id"`
	Message  *Message       `json:"message"`
	Edited   *Message       `json:"edited_message"`
	Callback *CallbackQuery `json:"callback_query"`
}

// Message is what this bot reads of https://core.telegram.org/bots/api#message.
type Message struct {
	ID              int            `json:"message_id"`
	Thread          int            `json:"message_thread_id"`
	InTopic         bool           `json:"is_topic_message"`
	From            *User          `json:"from"`
	SenderChat      *Chat          `json:"sender_chat"` // set for anonymous administrators and channels: From is then not a person
	Chat            Chat           `json:"chat"`
	Date            int64          `json:"date"` // 0 in a callback: the message is too old to be shown
	Text            string         `json:"text"`
	Entities        []Entity       `json:"entities"`
	Caption         string         `json:"caption"`
	CaptionEntities []Entity       `json:"caption_entities"`
	Photo           []PhotoSize    `json:"photo"` // ascending
	Document        *Document      `json:"document"`
	Album           string         `json:"media_group_id"`
	ReplyTo         *Message       `json:"reply_to_message"`
	Forwarded       *MessageOrigin `json:"forward_origin"`
	ViaBot          *User          `json:"via_bot"`
	MigrateTo       int64          `json:"migrate_to_chat_id"`
	MigrateFrom     int64          `json:"migrate_from_chat_id"`
}

// Topic is the forum topic to answer in, 0 for none. Replies in ordinary supergroups carry a thread id too, which no
// send method accepts.
func (m *Message) Topic() int {
	if !m.InTopic {
		return 0
	}
	return m.Thread
}

// Entity is https://core.telegram.org/bots/api#messageentity; offsets count UTF-16 units.
type Entity struct {
	Type   string `json:"type"`
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	User   *User  `json:"user"`
}

// MessageOrigin tells that a message was forwarded; of https://core.telegram.org/bots/api#messageorigin only the type.
type MessageOrigin struct {
	Type string `json:"type"`
}

// PhotoSize is https://core.telegram.org/bots/api#photosize. Size is in bytes, 0 if Telegram does not tell.
type PhotoSize struct {
	FileID string `json:"file_id"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Size   int64  `json:"file_size"`
}

// Document is https://core.telegram.org/bots/api#document. Name and MIME are the sender's claims.
type Document struct {
	FileID string `json:"file_id"`
	Name   string `json:"file_name"`
	MIME   string `json:"mime_type"`
	Size   int64  `json:"file_size"`
}

// User is https://core.telegram.org/bots/api#user.
type User struct {
	ID        int64  `json:"id"`
	IsBot     bool   `json:"is_bot"`
	FirstName string `json:"first_name"`
	Username  string `json:"username"`
	Language  string `json:"language_code"`
	HearsAll  bool   `json:"can_read_all_group_messages"` // of the bot itself: privacy mode is off
}

// Chat is https://core.telegram.org/bots/api#chat.
type Chat struct {
	ID       int64  `json:"id"`
	Type     string `json:"type"` // private, group, supergroup or channel
	Title    string `json:"title"`
	Username string `json:"username"`
	IsForum  bool   `json:"is_forum"`
}

// CallbackQuery is https://core.telegram.org/bots/api#callbackquery.
type CallbackQuery struct {
	ID      string   `json:"id"`
	From    User     `json:"from"`
	Message *Message `json:"message"`
	Data    string   `json:"data"`
}

// ChatMember is https://core.telegram.org/bots/api#chatmember.
type ChatMember struct {
	Status string `json:"status"` // creator, administrator, member, restricted, left or kicked
	User   User   `json:"user"`
}

// File is https://core.telegram.org/bots/api#file; Path is what rest.Open takes.
type File struct {
	FileID string `json:"file_id"`
	Size   int64  `json:"file_size"`
	Path   string `json:"file_path"`
}

// BotCommand is https://core.telegram.org/bots/api#botcommand.
type BotCommand struct {
	Command     string `json:"command"`
	Description string `json:"description"`
}

// decodeUpdate reads an update as far as it makes sense: a field of an unexpected type is as good as absent, and a
// message without an id or a chat, or a callback without an id, is none.
func decodeUpdate(raw json.RawMessage) (Update, error) {
	var u Update
	if err := decodeLeniently(raw, &u); err != nil {
		return Update{}, fmt.Errorf("telegram update: %w", err)
	}
	u.Message, u.Edited = usable(u.Message), usable(u.Edited)
	if u.Callback != nil {
		u.Callback.Message = usable(u.Callback.Message)
		if u.Callback.ID == "" || u.Callback.From.ID == 0 {
			u.Callback = nil
		}
	}
	return u, nil
}

func usable(m *Message) *Message {
	if m == nil || m.ID == 0 || m.Chat.ID == 0 {
		return nil
	}
	m.ReplyTo = usable(m.ReplyTo)
	return m
}

// decodeLeniently passes over fields of unexpected types, which encoding/json leaves empty.
func decodeLeniently(raw json.RawMessage, v any) error {
	err := json.Unmarshal(raw, v)
	var odd *json.UnmarshalTypeError
	if errors.As(err, &odd) && odd.Field != "" {
		return nil
	}
	return err
}

// apiError is a call that Telegram refused or did not answer.
type apiError struct {
	Method      string
	Code        int           // Telegram's error_code or the HTTP status; 0 without an answer
	Description string        // Telegram's words, for logs and faultOf; never shown to people
	RetryAfter  time.Duration // what Telegram asks to wait, else 0
	MigrateTo   int64         // the supergroup that the group has become, else 0
	Sent        bool          // what was asked may have been done
	cause       error         // without the token
}

// Error names the method, never the URL: that holds the token.
func (e *apiError) Error() string {
	switch {
	case e.Code == 0 && e.cause != nil:
		return fmt.Sprintf("telegram %s: %v", e.Method, e.cause)
	case e.Description == "":
		return fmt.Sprintf("telegram %s: %d %s", e.Method, e.Code, http.StatusText(e.Code))
	default:
		return fmt.Sprintf("telegram %s: %d %s", e.Method, e.Code, e.Description)
	}
}

// Unwrap lets errors.Is find a context's end.
func (e *apiError) Unwrap() error { return e.cause }

// maybeSent tells whether a failed call may have done what was asked, so that repeating it could do it twice.
func maybeSent(err error) bool {
	var failed *apiError
	return errors.As(err, &failed) && failed.Sent
}

// fault is what a caller can do something about.
type fault int

const (
	faultUnknown      fault = iota
	faultOutage             // no answer or a 5xx: try later, see maybeSent
	faultFlood              // too many requests: wait RetryAfter
	faultConflict           // another poller, or a webhook
	faultUnauthorised       // the token is wrong or was revoked
	faultBlocked            // the person blocked the bot or is no more
	faultNeverStarted       // the person never pressed start
	faultChatGone           // the chat is no more or the bot is not in it
	faultMigrated           // the group became the supergroup MigrateTo
	faultNoRights           // the bot may not do this here
	faultTopicGone
	faultReplyGone   // what is replied to was deleted
	faultMessageGone // what is edited or deleted is not there, or too old for it
	faultNotModified // an edit that changes nothing: as good as done
	faultOldQuery    // the press of a button is no longer waiting for an answer
	faultTooBig
	faultBadPhoto // Telegram does not take the picture as a photo: send it as a file
	faultBadFile  // a file_id that no longer works: upload again
)

// faults tells a fault from Telegram's words, which its documentation does not list; the first row that fits counts. The
// words are those of https://github.com/tdlib/telegram-bot-api and of Telegram's servers behind it.
var faults = []struct {
	code  int
	words string
	fault fault
}{
	{http.StatusTooManyRequests, "", faultFlood},
	{http.StatusConflict, "", faultConflict},
	{http.StatusUnauthorized, "", faultUnauthorised},
	{http.StatusNotFound, "method not found", faultUnknown}, // a self-hosted server older than the method
	{http.StatusNotFound, "", faultUnauthorised},            // the answer to a token of the wrong shape
	{http.StatusRequestEntityTooLarge, "", faultTooBig},
	{http.StatusForbidden, "bot was blocked", faultBlocked},
	{http.StatusForbidden, "user is deactivated", faultBlocked},
	{http.StatusForbidden, "can't initiate conversation", faultNeverStarted},
	{http.StatusForbidden, "bot was kicked", faultChatGone},
	{http.StatusForbidden, "bot is not a member", faultChatGone},
	{http.StatusForbidden, "the group chat was deleted", faultChatGone},
	{http.StatusForbidden, "", faultNoRights},
	{http.StatusBadRequest, "chat not found", faultChatGone},
	{http.StatusBadRequest, "peer_id_invalid", faultChatGone},
	{http.StatusBadRequest, "upgraded to a supergroup", faultMigrated},
	{http.StatusBadRequest, "not enough rights", faultNoRights},
	{http.StatusBadRequest, "have no rights", faultNoRights},
	{http.StatusBadRequest, "chat_write_forbidden", faultNoRights},
	{http.StatusBadRequest, "chat_send_", faultNoRights},
	{http.StatusBadRequest, "thread not found", faultTopicGone},
	{http.StatusBadRequest, "topic_closed", faultTopicGone},
	{http.StatusBadRequest, "topic_deleted", faultTopicGone},
	{http.StatusBadRequest, "message to be replied not found", faultReplyGone},
	{http.StatusBadRequest, "replied message not found", faultReplyGone},
	{http.StatusBadRequest, "message is not modified", faultNotModified},
	{http.StatusBadRequest, "message to edit not found", faultMessageGone},
	{http.StatusBadRequest, "message to delete not found", faultMessageGone},
	{http.StatusBadRequest, "message can't be", faultMessageGone},
	{http.StatusBadRequest, "message_id_invalid", faultMessageGone},
	{http.StatusBadRequest, "query is too old", faultOldQuery},
	{http.StatusBadRequest, "query_id_invalid", faultOldQuery},
	{http.StatusBadRequest, "file is too big", faultTooBig},
	{http.StatusBadRequest, "photo_invalid_dimensions", faultBadPhoto},
	{http.StatusBadRequest, "image_process_failed", faultBadPhoto},
	{http.StatusBadRequest, "photo_ext_invalid", faultBadPhoto},
	{http.StatusBadRequest, "photo_save_file_invalid", faultBadPhoto},
	{http.StatusBadRequest, "wrong file identifier", faultBadFile},
	{http.StatusBadRequest, "wrong file_id", faultBadFile},
	{http.StatusBadRequest, "wrong remote file", faultBadFile},
	{http.StatusBadRequest, "can't use file of type", faultBadFile},
}

// faultOf tells what went wrong with a call; faultUnknown also for an error that is not Telegram's.
func faultOf(err error) fault {
	var failed *apiError
	if !errors.As(err, &failed) {
		return faultUnknown
	}
	if failed.RetryAfter > 0 {
		return faultFlood
	}
	if failed.Code == 0 || failed.Code >= http.StatusInternalServerError {
		return faultOutage
	}
	words := strings.ToLower(failed.Description)
	for _, row := range faults {
		if row.code == failed.Code && strings.Contains(words, row.words) {
			return row.fault
		}
	}
	return faultUnknown
}
