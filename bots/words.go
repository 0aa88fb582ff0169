package bots

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"imaginebot/core"
)

// say joins texts, spans and strings, which are Plain, to one Text.
func say(parts ...any) Text {
	var text Text
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			text = append(text, Span{Text: part})
		case Span:
			text = append(text, part)
		case Text:
			text = append(text, part...)
		}
	}
	return text
}

// maxForeign is how much of a foreign word is repeated to people.
const maxForeign = 60

// code is what people may type or copy, on one line and shortened.
func code(text string) Span { return Span{Style: Code, Text: shorten(text, maxForeign)} }

func bold(text string) Span { return Span{Style: Bold, Text: text} }

// codes are alternatives with words around them: "Use a, b or c."; nothing where there are none.
func codes(before string, list []string, last, after string) Text {
	if len(list) == 0 {
		return nil
	}
	text := say(before)
	for i, one := range list {
		switch {
		case i > 0 && i == len(list)-1:
			text = say(text, " ", last, " ")
		case i > 0:
			text = say(text, ", ")
		}
		text = append(text, code(one))
	}
	return say(text, after)
}

// sentences puts a space between those that say anything.
func sentences(list ...Text) Text {
	var text Text
	for _, one := range list {
		if len(text) > 0 && len(one) > 0 {
			text = say(text, " ")
		}
		text = append(text, one...)
	}
	return text
}

// when is a moment to wait for; nothing where it is not known.
func when(before string, at time.Time, after string) Text {
	if at.IsZero() {
		return nil
	}
	return say(before, Span{Style: When, At: at}, after)
}

func ptc(amount core.PTC) string { return amount.String() + " PTC" }

// price is what a picture of a model costs; an assumed one is marked.
func price(m core.Model) string {
	if m.Price == nil {
		return "≈" + ptc(m.Cost())
	}
	return ptc(m.Cost())
}

// plural is "1 picture" or "2 pictures".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return decimal(n) + " " + one + "s"
}

// shorten makes a foreign text one line of at most n characters.
func shorten(text string, n int) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\uFFFD"), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return strings.TrimSpace(string(runes[:max(n-1, 0)])) + "…"
}

// length counts a text as the stricter platform does, in UTF-16 units:
// https://core.telegram.org/api/entities#entity-length
func (t Text) length() int {
	n := 0
	for _, span := range t {
		if span.Style == When {
			n += 30 // "in 3 hours (2006-01-02 15:04)"
			continue
		}
		n += len(utf16.Encode([]rune(span.Text)))
	}
	return n
}
