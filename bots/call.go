package bots

import (
	"context"

	"imaginebot/core"
)

// Call is one command as a person gave it, whatever the platform.
type Call struct {
	Command  string
	Words    string                     // free text, flags in it; Discord: the option that Command.Words names
	Options  map[string]string          // typed options by name, as text: "true", "16:9", "0.8"
	Pictures map[string]core.Attachment // attachments by the option's name; "image" where the platform has no names
	More     int                        // further pictures of an album, which are not used
	Event    core.EventKey
	User     core.UserID
	Place    Place
	ReplyTo  core.ReplyTo
	// Privately finds where an answer for this person alone can go, where the place is
	// not private and has no answers that others do not see. The error says why there is
	// no such place, best as a NoPrivatePlace. nil: ReplyTo will do.
	Privately func(ctx context.Context) (core.ReplyTo, error)
}

// Place is where a call was made.
type Place struct {
	ID        string   // "platform:chat"
	Private   bool     // nobody else reads it
	Origins   []string // what ALLOW may name: the person, the chat, the guild, "platform:id" or "platform-guild:id"
	Moderator bool     // the person may delete others' messages here
}

// Tap is a press of one of our buttons.
type Tap struct {
	Button  Button
	Event   core.EventKey
	User    core.UserID
	Place   Place
	ReplyTo core.ReplyTo // where a new picture would be told
}

// NoPrivatePlace is the error of Call.Privately where the person has no private chat with
// the bot yet.
type NoPrivatePlace struct {
	Link string // opens one; "" if there is no such link
	Err  error  // what the platform said, if it was asked; for the log
}

// Error is for logs.
func (e *NoPrivatePlace) Error() string { return "no private chat with this person" }

// Unwrap makes it Forbidden, and keeps the cause.
func (e *NoPrivatePlace) Unwrap() error {
	return &core.Error{Kind: core.Forbidden, Reason: reasonNoPrivatePlace, Value: e.Link, Err: e.Err}
}

// attachment is the picture for the option with this name; where the platform names no
// options, a command's only picture is called "image".
func (c Call) attachment(name string) *core.Attachment {
	for _, known := range []string{name, "image"} {
		if attachment, ok := c.Pictures[known]; ok {
			return &attachment
		}
	}
	return nil
}

// private reports what a call whose options have been read says of it.
func (c Call) private() bool { return c.Options["private"] == "true" }
