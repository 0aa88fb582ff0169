package telegramtest

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// marked is what Telegram makes of a text: plain words and what they mean.
type marked struct {
	text     string
	entities []Entity
	bare     bool // an & that begins no entity: Telegram shows it, a bot that escapes never sends it
}

// tags are the ones of https://core.telegram.org/bots/api#html-style and the entity each makes.
var tags = map[string]string{
	"b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
	"s": "strikethrough", "strike": "strikethrough", "del": "strikethrough",
	"span": "spoiler", "tg-spoiler": "spoiler", "a": "text_link", "tg-emoji": "custom_emoji", "tg-time": "date_time",
	"code": "code", "pre": "pre", "blockquote": "blockquote",
}

// openTag is a tag whose end has not come yet.
type openTag struct {
	name   string
	entity Entity
	start  int // where its text begins, in bytes of the plain text
}

func badMarkup(format string, args ...any) error {
	return bad("can't parse entities: "+format, args...)
}

// parseHTML reads Telegram's HTML as strictly as Telegram does.
func parseHTML(source string) (marked, error) {
	var (
		out   marked
		plain strings.Builder
		units int
		open  []openTag
	)
	write := func(text string) {
		plain.WriteString(text)
		units += utf16Len(text)
	}
	for at := 0; at < len(source); {
		switch {
		case source[at] == '&':
			text, length := htmlEntity(source[at:])
			out.bare = out.bare || length == 1
			write(text)
			at += length
		case source[at] != '<':
			_, length := utf8.DecodeRuneInString(source[at:])
			write(source[at : at+length])
			at += length
		default:
			end := strings.IndexByte(source[at:], '>')
			if end < 0 {
				return marked{}, badMarkup("Unclosed start tag at byte offset %d", at)
			}
			tag := source[at+1 : at+end]
			if closing, ok := strings.CutPrefix(tag, "/"); ok {
				if len(open) == 0 {
					return marked{}, badMarkup("Unexpected end tag at byte offset %d", at)
				}
				last := open[len(open)-1]
				if name := strings.ToLower(strings.TrimSpace(closing)); name != last.name {
					return marked{}, badMarkup("Unmatched end tag at byte offset %d, expected \"</%s>\", found \"</%s>\"", at, last.name, name)
				}
				open = open[:len(open)-1]
				if e := last.entity; units > e.Offset {
					e.Length = units - e.Offset
					if e.Type == "text_link" && e.URL == "" {
						e.URL = plain.String()[last.start:]
					}
					out.entities = append(out.entities, e)
				}
			} else {
				started, err := startTag(tag, at)
				if err != nil {
					return marked{}, err
				}
				started.entity.Offset, started.start = units, plain.Len()
				open = append(open, started)
			}
			at += end + 1
		}
	}
	if len(open) > 0 {
		return marked{}, badMarkup("Can't find end tag corresponding to start tag \"%s\"", open[len(open)-1].name)
	}
	out.text = plain.String()
	return out.finish(), nil
}

var attribute = regexp.MustCompile(`([a-zA-Z-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?`)

// startTag reads the inside of <…>.
func startTag(tag string, at int) (openTag, error) {
	name, rest, _ := strings.Cut(strings.TrimRight(tag, " "), " ")
	name = strings.ToLower(name)
	entity, known := tags[name]
	if !known {
		return openTag{}, badMarkup("Unsupported start tag \"%s\" at byte offset %d", name, at)
	}
	started := openTag{name: name, entity: Entity{Type: entity}}
	given := map[string]string{}
	for _, found := range attribute.FindAllStringSubmatch(rest, -1) {
		value := marked{}
		for raw := found[2] + found[3] + found[4]; raw != ""; {
			text, length := raw[:1], 1
			if raw[0] == '&' {
				text, length = htmlEntity(raw)
			}
			value.text += text
			raw = raw[length:]
		}
		given[strings.ToLower(found[1])] = value.text
	}
	switch name {
	case "span":
		if given["class"] != "tg-spoiler" {
			return openTag{}, badMarkup("Tag \"span\" must have class \"tg-spoiler\" at byte offset %d", at)
		}
	case "a":
		started.entity.URL = given["href"]
		if id, ok := strings.CutPrefix(given["href"], "tg://user?id="); ok {
			user, err := strconv.ParseInt(id, 10, 64)
			if err == nil {
				started.entity = Entity{Type: "text_mention", User: user}
			}
		}
	case "tg-emoji":
		started.entity.Emoji = given["emoji-id"]
	case "tg-time":
		unix, err := strconv.ParseInt(given["unix"], 10, 64)
		if err != nil {
			return openTag{}, badMarkup("Tag \"tg-time\" must have attribute \"unix\" at byte offset %d", at)
		}
		started.entity.Unix = unix
	case "code":
		started.entity.Language = strings.TrimPrefix(given["class"], "language-")
	case "blockquote":
		if _, ok := given["expandable"]; ok {
			started.entity.Type = "expandable_blockquote"
		}
	}
	return started, nil
}

// htmlEntity reads one &…; and returns what it stands for and how many bytes it takes; what is none stands for itself.
func htmlEntity(source string) (string, int) {
	end := strings.IndexByte(source, ';')
	if end < 0 || end > 10 {
		return "&", 1
	}
	switch name := source[1:end]; {
	case name == "lt":
		return "<", end + 1
	case name == "gt":
		return ">", end + 1
	case name == "amp":
		return "&", end + 1
	case name == "quot":
		return `"`, end + 1
	case strings.HasPrefix(name, "#"):
		digits, radix := name[1:], 10
		if strings.HasPrefix(digits, "x") {
			digits, radix = digits[1:], 16
		}
		if code, err := strconv.ParseUint(digits, radix, 21); err == nil && code != 0 && utf8.ValidRune(rune(code)) {
			return string(rune(code)), end + 1
		}
	}
	return "&", 1
}

// finish does what Telegram does to every text: it trims, drops spans that became empty, joins code with the pre around
// it, finds mentions, commands, links and hashtags outside of code, and sorts.
func (m marked) finish() marked {
	left := utf16Len(m.text) - utf16Len(strings.TrimLeftFunc(m.text, unicode.IsSpace))
	m.text = strings.TrimSpace(m.text)
	length := utf16Len(m.text)
	var entities []Entity
	for _, e := range m.entities {
		start, end := max(e.Offset-left, 0), min(e.Offset-left+e.Length, length)
		if start >= end {
			continue
		}
		e.Offset, e.Length = start, end-start
		entities = append(entities, e)
	}
	for i, pre := range entities {
		for _, code := range entities {
			if pre.Type == "pre" && code.Type == "code" && code.Offset == pre.Offset && code.Length == pre.Length {
				entities[i].Language = code.Language
			}
		}
	}
	entities = slices.DeleteFunc(entities, func(code Entity) bool {
		return code.Type == "code" && slices.ContainsFunc(entities, func(pre Entity) bool {
			return pre.Type == "pre" && pre.Offset == code.Offset && pre.Length == code.Length
		})
	})
	m.entities = append(entities, detect(m.text, entities)...)
	slices.SortStableFunc(m.entities, func(a, b Entity) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(b.Length, a.Length))
	})
	return m
}

// found are the meanings that Telegram reads into plain words, whoever wrote them. A mention in a bot's own message pings
// like any other.
var found = []struct {
	entity  string
	pattern *regexp.Regexp
}{
	{"url", regexp.MustCompile(`https?://[^\s<>"]+[^\s<>".,;:!?)]`)},
	{"mention", regexp.MustCompile(`@[A-Za-z0-9_]{4,32}`)},
	{"bot_command", regexp.MustCompile(`/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?`)},
	{"hashtag", regexp.MustCompile(`#[\pL\pN_]*\pL[\pL\pN_]*`)},
}

func detect(text string, taken []Entity) []Entity {
	var list []Entity
	for _, kind := range found {
		for _, span := range kind.pattern.FindAllStringIndex(text, -1) {
			before, _ := utf8.DecodeLastRuneInString(text[:span[0]])
			after, _ := utf8.DecodeRuneInString(text[span[1]:])
			if wordly(before) || wordly(after) || (kind.entity == "bot_command" && (beside(before) || beside(after))) {
				continue
			}
			e := Entity{Type: kind.entity, Offset: utf16Len(text[:span[0]]), Length: utf16Len(text[span[0]:span[1]])}
			inside := func(other Entity) bool {
				quiet := other.Type == "code" || other.Type == "pre" || other.Type == "text_link" || other.Type == "url" ||
					other.Type == "bot_command"
				return quiet && e.Offset < other.Offset+other.Length && other.Offset < e.Offset+e.Length
			}
			if !slices.ContainsFunc(taken, inside) && !slices.ContainsFunc(list, inside) {
				list = append(list, e)
			}
		}
	}
	return list
}

// beside tells whether a character next to a slash keeps it from beginning a command.
func beside(r rune) bool { return r == '/' || r == '<' || r == '>' }

func wordly(r rune) bool {
	return r != utf8.RuneError && (r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r))
}

// commandsFor tells whether a text holds a command that is for this bot: one with its name or with none.
func commandsFor(text string, entities []Entity, username string) bool {
	return slices.ContainsFunc(entities, func(e Entity) bool {
		if e.Type != "bot_command" {
			return false
		}
		_, to, addressed := strings.Cut(spanned(text, e), "@")
		return !addressed || strings.EqualFold(to, username)
	})
}

// spanned is the text an entity spans.
func spanned(text string, e Entity) string {
	units := utf16.Encode([]rune(text))
	return string(utf16.Decode(units[e.Offset : e.Offset+e.Length]))
}

func utf16Len(text string) int {
	units := 0
	for _, r := range text {
		units += utf16.RuneLen(r)
	}
	return units
}
