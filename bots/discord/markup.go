package discord

import (
	"fmt"
	"math"
	"net/url"
	"sort"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"imaginebot/bots"
)

// markup writes a text in Discord's markup, at most so many UTF-16 units of it; what is
// cut off leaves an ellipsis. Everything inside the spans reads as it stands there.
// https://discord.com/developers/docs/reference#message-formatting
func markup(text bots.Text, most int) string {
	whole := page{left: math.MaxInt}
	for _, span := range text {
		whole.write(span)
	}
	if units(whole.String()) <= most {
		return whole.String()
	}
	const ellipsis = "…"
	cut := page{left: most - units(ellipsis)}
	for _, span := range text {
		if !cut.write(span) {
			cut.writePart(span)
			break
		}
	}
	return cut.String() + ellipsis
}

// page is a text that has room for so many more UTF-16 units.
type page struct {
	strings.Builder
	left int
}

// write adds a span if there is room for all of it.
func (p *page) write(span bots.Span) bool {
	written := p.marked(span)
	if units(written) > p.left {
		return false
	}
	p.left -= units(written)
	p.WriteString(written)
	return true
}

// writePart adds as much of a span as there is room for, if it has no style.
func (p *page) writePart(span bots.Span) {
	if span.Style != bots.Plain {
		return
	}
	runes, before := visible(span.Text), p.last()
	fits := sort.Search(len(runes), func(n int) bool { return units(escaped(before, runes[:n+1])) > p.left })
	p.WriteString(escaped(before, runes[:fits]))
}

func (p *page) marked(span bots.Span) string {
	plain := func() string { return escaped(p.last(), visible(span.Text)) }
	switch span.Style {
	case bots.When:
		return fmt.Sprintf("<t:%d:R>", span.At.Unix())
	case bots.Bold:
		inner := strings.TrimSpace(span.Text)
		if inner == "" {
			return plain()
		}
		// Spaces stay outside: inside they would touch the asterisks.
		before, after, _ := strings.Cut(span.Text, inner)
		return before + "**" + escape(inner) + "**" + after
	case bots.Code:
		// Nothing can be escaped inside code, and two codes side by side would be one.
		inner := string(visible(span.Text))
		if p.last() == '`' || strings.TrimSpace(inner) == "" || strings.ContainsAny(inner, "`\n") {
			return plain()
		}
		return "`" + inner + "`"
	case bots.Link:
		address, err := url.Parse(span.URL)
		if err != nil || address.Scheme != "https" || address.Host == "" {
			return plain()
		}
		safe := strings.NewReplacer("<", "%3C", ">", "%3E", "(", "%28", ")", "%29", " ", "%20")
		return "[" + escape(span.Text) + "](<" + safe.Replace(address.String()) + ">)"
	}
	return plain()
}

// last is the last character, 0 at the beginning.
func (p *page) last() rune {
	if p.Len() == 0 {
		return 0
	}
	last, _ := utf8.DecodeLastRuneInString(p.String())
	return last
}

// escape makes a text that reads as it stands, wherever it stands.
func escape(text string) string { return escaped('*', visible(text)) }

// escaped puts a backslash before whatever could begin, make or end markup behind the
// character before.
func escaped(before rune, runes []rune) string {
	var b strings.Builder
	for n, r := range runes {
		var after rune // 0 at the end, where anything may follow
		if n+1 < len(runes) {
			after = runes[n+1]
		}
		if active(before, r, after) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
		before = r
	}
	return b.String()
}

// active reports whether a character may be part of markup between its neighbours.
func active(before, r, after rune) bool {
	switch r {
	case '\\', '*', '_', '~', '`', '|', // emphasis, code, spoilers
		'<', '>', // mentions, timestamps, emoji, links; quotes
		'[', ']', // masked links
		'@',           // @everyone and @here
		'#', '-', '+': // headings, subtext, lists
		return true
	case ':': // :smile: and https:, but not 16:9
		return !unicode.IsSpace(after) && !(unicode.IsDigit(before) && unicode.IsDigit(after))
	case '/': // invitations, which need no scheme
		return before != 0 && !unicode.IsSpace(before)
	case '.': // numbered lists
		return unicode.IsDigit(before) && (after == 0 || unicode.IsSpace(after))
	}
	return false
}

// visible are the characters of a text that can be seen, with those that join emoji and
// letters: what is invisible could hide a word's beginning or turn a line round.
func visible(text string) []rune {
	const nonJoiner, joiner = '\u200C', '\u200D'
	return []rune(strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == nonJoiner, r == joiner:
			return r
		case r == '\t', r == '\u2028', r == '\u2029':
			return ' '
		case unicode.Is(unicode.Cf, r), unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD")))
}

func units(text string) int { return len(utf16.Encode([]rune(text))) }
