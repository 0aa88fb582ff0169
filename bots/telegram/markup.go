package telegram

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf16"

	"imaginebot/bots"
)

// How long a text and a caption may be, in UTF-16 units after the markup is read:
// https://core.telegram.org/bots/api#sendmessage, https://core.telegram.org/bots/api#sendphoto
const (
	maxText    = 4096
	maxCaption = 1024
)

// write makes Telegram's markup of a text: everything in it stands for itself, and what does
// not fit into limit is left out.
func write(text bots.Text, now time.Time, limit int) markup {
	var written strings.Builder
	for _, span := range text {
		words := span.Text
		if span.Style == bots.When {
			words = relative(span.At, now)
		}
		if span.Style != bots.Code { // in code Telegram finds no mentions
			words = withoutMentions(words)
		}
		words = strings.ToValidUTF8(words, "\uFFFD")
		fitting := cut(words, limit)
		limit -= units(fitting)
		written.WriteString(string(styled(span, escape(fitting))))
		if fitting != words {
			break
		}
	}
	return markup(written.String())
}

func styled(span bots.Span, words markup) markup {
	switch {
	case words == "":
		return ""
	case span.Style == bots.Bold:
		return "<b>" + words + "</b>"
	case span.Style == bots.Code:
		return "<code>" + words + "</code>"
	case span.Style == bots.Link && opens(span.URL):
		return `<a href="` + escape(span.URL) + `">` + words + "</a>"
	}
	return words
}

// opens reports whether an address may stand behind a link: one to a person (tg://user) would be a mention.
func opens(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && (parsed.Scheme == "https" || parsed.Scheme == "http") && parsed.Host != ""
}

// mention is what Telegram may take for one, in a superset of its own rules.
var mention = regexp.MustCompile(`@([\pL\pN_])`)

// joiner is U+2060, which is not seen and ends a mention before it begins.
const joiner = "\u2060"

func withoutMentions(words string) string { return mention.ReplaceAllString(words, "@"+joiner+"$1") }

// plain is a text for places that take no markup.
func plain(text bots.Text, now time.Time) string {
	var words strings.Builder
	for _, span := range text {
		if span.Style == bots.When {
			words.WriteString(relative(span.At, now))
			continue
		}
		words.WriteString(strings.ToValidUTF8(span.Text, "\uFFFD"))
	}
	return words.String()
}

// relative is a moment as seen from now: Telegram's clients do not count down.
func relative(at, now time.Time) string {
	left := at.Sub(now)
	clock := "15:04 UTC"
	if left >= 24*time.Hour {
		clock = "2 Jan 15:04 UTC"
	}
	clock = at.UTC().Format(clock)
	switch {
	case left < time.Minute:
		return "now"
	case left < time.Hour:
		return fmt.Sprintf("in %d min (%s)", left/time.Minute, clock)
	case left < 48*time.Hour:
		return fmt.Sprintf("in %d h (%s)", left.Round(time.Hour)/time.Hour, clock)
	}
	return fmt.Sprintf("in %d days (%s)", left.Round(24*time.Hour)/(24*time.Hour), clock)
}

// cut leaves out what is beyond limit UTF-16 units, and says so with an ellipsis.
func cut(words string, limit int) string {
	if units(words) <= limit {
		return words
	}
	left := limit - 1
	for at, r := range words {
		if left -= utf16.RuneLen(r); left < 0 && limit > 0 {
			return words[:at] + "…"
		}
	}
	return ""
}

// units is the length of a text as Telegram counts it.
func units(words string) int {
	n := 0
	for _, r := range words {
		n += utf16.RuneLen(r)
	}
	return n
}

// keyboardOf is a row of buttons.
func keyboardOf(buttons []bots.Button) keyboard {
	var row []button
	for _, one := range buttons {
		row = append(row, button{Text: one.Label(), Data: one.ID()})
	}
	if row == nil {
		return nil
	}
	return keyboard{row}
}
