package botstest

import (
	"log/slog"
	"testing"

	"imaginebot/bots"
	"imaginebot/core"
)

// Person is somebody in front of the bot. All are in one room, which is no private chat;
// each has a private chat with the bot besides, and has said hello there.
type Person string

// The people. Mo may delete others' messages in the room.
const (
	Ann Person = "Ann"
	Bob Person = "Bob"
	Mo  Person = "Mo"
)

// People are all of them.
func People() []Person { return []Person{Ann, Bob, Mo} }

// Line is a command as a person gives it in the room.
type Line struct {
	Command string
	Words   string // the option that the command's Words names; flags in it
	Picture []byte // a PNG for the command's picture option; nil is none
}

// Message is a message of the bot's as it stands now.
type Message struct {
	ID       string   // the stage's own, for Tap
	Text     string   // as it reads: escapes undone, markup not spelt out; of an album, its caption
	Pictures [][]byte // photos and files, as the bot uploaded them
	Buttons  []string // labels
	Pings    bool     // its text notified or linked somebody, a role or everyone
}

// Stage is a platform's stand-in with the adapter under test connected to it. Its
// methods fail the test where the platform would not let a person do that.
type Stage interface {
	// Give gives a command in the room.
	Give(t testing.TB, who Person, line Line)
	// Tap presses the button with this label under a message that who has seen.
	Tap(t testing.TB, who Person, message Message, label string)
	// Seen are the bot's messages that who can see now, in the room and in private,
	// oldest first, with all edits; deleted ones are gone. What the bot
	// answers to a tap in passing (a toast, an ephemeral reply) counts as a message.
	Seen(t testing.TB, who Person) []Message
}

// Replier is a Stage where people edit a picture by a plain reply to it.
type Replier interface {
	Reply(t testing.TB, who Person, to Message, words string)
}

// House is what a stage's adapter works for.
type House struct {
	Studio   *core.Studio // for the stage to Connect its adapter to
	Desk     *bots.Desk
	Pictures core.Pictures
	Log      *slog.Logger
}
