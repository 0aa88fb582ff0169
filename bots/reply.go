package bots

import (
	"time"

	"imaginebot/core"
)

// Reply is an answer, whatever the platform.
type Reply struct {
	Text    Text
	Buttons []Button
	// Submitted is the generation that was queued: its Courier answers, and this reply
	// is only what stands there meanwhile. The Courier may have answered already: an
	// adapter whose messages would come over that answer keeps what Placeholder said.
	Submitted core.GenerationID
	// Outcome is to be shown now, pictures and all; Files asks for the untouched files.
	Outcome *core.Outcome
	Files   bool
	// Remove asks for the message under whose button the person tapped to be deleted.
	Remove bool
	// Quiet keeps the reply to the person alone, where the platform can do that.
	Quiet bool
}

// Text is what people read, in spans: adapters write each in their platform's own markup and
// escape what is inside, so that foreign text is never markup.
type Text []Span

// Span is a piece of Text.
type Span struct {
	Style Style
	Text  string    // of all styles but When
	URL   string    // of Link
	At    time.Time // of When
}

// Style says how a span is shown.
type Style uint8

// The styles. A newline in Plain is a line break.
const (
	Plain Style = iota
	Bold
	Code
	Link
	When // a moment, shown in relation to now: "in 3 hours"
)

// String is the text without styles, for logs and for places that take no markup.
func (t Text) String() string {
	var plain string
	for _, span := range t {
		if span.Style == When {
			plain += span.At.UTC().Format("2006-01-02 15:04 UTC")
			continue
		}
		plain += span.Text
	}
	return plain
}
