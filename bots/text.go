package bots

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"imaginebot/core"
)

// The reasons of errors in what a person typed, besides those of the core.
const (
	reasonUnknownCommand core.Reason = "unknown command" // Value, Allowed
	reasonNotAllowed     core.Reason = "not allowed here"
	reasonNoPrivatePlace core.Reason = "no private place"        // Value: a link that opens one, or ""
	reasonPrivateHere    core.Reason = "private picture here"    // Value: its id
	reasonUnknownFlag    core.Reason = "unknown flag"            // Value, Allowed
	reasonOtherFlag      core.Reason = "flag of another command" // Option, Allowed: those commands
	reasonNoValue        core.Reason = "flag without value"      // Option, Allowed: a sample
	reasonValue          core.Reason = "flag with value"         // Option that takes none
	reasonChoice         core.Reason = "choice"                  // Option, Value, Allowed
	reasonTwice          core.Reason = "given twice"             // Option, Allowed: the different values
	reasonAlone          core.Reason = "option alone"            // Option, Value: the option that it needs
	reasonID             core.Reason = "no id"                   // Value
	reasonButton         core.Reason = "unknown button"
)

// typedFlag is a flag as it stood in a text.
type typedFlag struct {
	name   string // without dashes
	option Option // that it stands for; without a name where the command has no such flag
	value  string
	reason core.Reason // why it cannot be read, if so
}

// scan takes the flags out of text. A flag begins a word with two hyphens, or with the
// dash that phones make of them, right before a letter: "well-known", "a -- b" and a lone
// dash are words like any other.
func (c Command) scan(text string) (words string, flags []typedFlag) {
	var kept strings.Builder
	wordBegins := true
	for text != "" {
		if name, after, ok := flagName(text); wordBegins && ok {
			var found typedFlag
			found, text = c.readFlag(name, after)
			flags = append(flags, found)
			left := strings.TrimRight(kept.String(), " \t")
			kept.Reset()
			kept.WriteString(left)
			if text = strings.TrimLeft(text, " \t"); left != "" && !strings.HasSuffix(left, "\n") && !strings.HasPrefix(text, "\n") {
				kept.WriteByte(' ')
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(text)
		kept.WriteString(text[:size])
		text = text[size:]
		wordBegins = unicode.IsSpace(r)
	}
	return strings.TrimSpace(kept.String()), flags
}

// flagName reads the name of a flag that text begins with. What follows it begins with
// "=", with space, or is empty.
func flagName(text string) (name, after string, ok bool) {
	for _, dash := range []string{"--", "—", "–"} {
		body, found := strings.CutPrefix(text, dash)
		if !found || body == "" || !isLetter(body[0]) {
			continue
		}
		end := strings.IndexFunc(body, func(r rune) bool { return r == '=' || unicode.IsSpace(r) })
		if end < 0 {
			end = len(body)
		}
		return strings.ReplaceAll(strings.ToLower(body[:end]), "_", "-"), body[end:], true
	}
	return "", "", false
}

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// readFlag reads the value of a flag from what stands after its name.
func (c Command) readFlag(name, after string) (f typedFlag, rest string) {
	option, fixed, known := c.flag(name)
	f = typedFlag{name: name, option: option, value: fixed}
	body, equals := strings.CutPrefix(after, "=")
	switch {
	case !known && equals:
		_, rest = nextWord(body)
		return f, rest
	case !known:
		return f, after
	case fixed != "" && equals:
		_, rest = nextWord(body)
		f.reason = reasonValue
		return f, rest
	case fixed != "":
		return f, after
	case option.Type == Boolean && !equals:
		f.value = "true"
		return f, after
	}
	f.value, rest = c.value(option, strings.TrimLeftFunc(body, unicode.IsSpace))
	if f.value == "" {
		f.reason = reasonNoValue
	}
	return f, rest
}

// value reads a flag's value: what stands in quotes, or else a word, or as many words as
// the option takes.
func (c Command) value(option Option, text string) (value, rest string) {
	if value, rest, ok := quoted(text); ok {
		return strings.TrimSpace(value), rest
	}
	for text != "" {
		if _, _, isFlag := flagName(text); isFlag {
			break
		}
		word, after := nextWord(text)
		if value != "" {
			value += " "
		}
		value += word
		text = after
		if more := option.Long || option.Many && strings.HasSuffix(value, ","); !more {
			break
		}
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
	}
	return strings.TrimRight(value, ",;"), text
}

func nextWord(text string) (word, rest string) {
	end := strings.IndexFunc(text, unicode.IsSpace)
	if end < 0 {
		return text, ""
	}
	return text[:end], text[end:]
}

// quoted reads a text in straight or curly quotes; phones mix them, so any double quote
// closes a double one. The closing quote ends a word, so that "it's" may stand inside.
func quoted(text string) (value, rest string, ok bool) {
	const double, single = `"“”„«»`, `'‘’‚`
	first, size := utf8.DecodeRuneInString(text)
	closing := ""
	switch {
	case text == "":
		return "", "", false
	case strings.ContainsRune(double, first):
		closing = double
	case strings.ContainsRune(single, first):
		closing = single
	default:
		return "", "", false
	}
	body := text[size:]
	for i, r := range body {
		if !strings.ContainsRune(closing, r) {
			continue
		}
		after := body[i+utf8.RuneLen(r):]
		if next, _ := utf8.DecodeRuneInString(after); after == "" || unicode.IsSpace(next) {
			return body[:i], after, true
		}
	}
	return "", "", false
}

// read brings a call's words and options together: flags leave the words, and Options
// then holds every value once, in its plain form. What cannot be, or is said in two ways that
// differ, is an Invalid error that names what would do.
func (c Command) read(call Call) (Call, error) {
	words := strings.TrimSpace(call.Words)
	given := map[string]string{}
	if len(c.flags()) > 0 {
		var flags []typedFlag
		words, flags = c.scan(words)
		for _, f := range flags {
			if err := c.put(given, f); err != nil {
				return call, err
			}
		}
	}
	for _, option := range c.Options {
		text := strings.TrimSpace(call.Options[option.Name])
		if text == "" || option.Type == Picture || option.Name == c.Words {
			continue
		}
		if err := option.put(given, option.Name, text); err != nil {
			return call, err
		}
	}
	if text := strings.TrimSpace(call.Options[c.Words]); words == "" && c.Words != "" {
		words = text
	}
	call.Words, call.Options = words, given
	return call, nil
}

// put adds a flag to what was given, or says what is wrong with it.
func (c Command) put(given map[string]string, f typedFlag) error {
	written := "--" + f.name
	switch {
	case f.option.Name == "":
		return c.unknownFlag(f.name)
	case f.reason == reasonNoValue:
		return &core.Error{Kind: core.Invalid, Reason: f.reason, Option: written, Allowed: append(slices.Clone(f.option.Choices), f.option.samples()...)}
	case f.reason != "":
		return &core.Error{Kind: core.Invalid, Reason: f.reason, Option: written}
	}
	return f.option.put(given, written, f.value)
}

func (c Command) unknownFlag(name string) error {
	var others []string
	for _, other := range Commands() {
		if _, _, takes := other.flag(name); takes {
			others = append(others, "/"+other.Name)
		}
	}
	if len(others) > 0 {
		return &core.Error{Kind: core.Invalid, Reason: reasonOtherFlag, Option: "--" + name, Value: "/" + c.Name, Allowed: others}
	}
	return &core.Error{Kind: core.Invalid, Reason: reasonUnknownFlag, Value: "--" + name, Allowed: core.Nearest("--"+name, c.flags(), 3)}
}

// put adds a value of the option, as it was written under a name, to what was given.
func (o Option) put(given map[string]string, written, text string) error {
	value, err := o.plain(written, text)
	if err != nil {
		return err
	}
	earlier, twice := given[o.Name]
	switch {
	case !twice:
		given[o.Name] = value
	case o.Many:
		given[o.Name] = earlier + "," + value
	case !strings.EqualFold(earlier, value):
		return &core.Error{Kind: core.Invalid, Reason: reasonTwice, Option: written, Allowed: []string{earlier, value}}
	}
	return nil
}

// plain is a value in its plain form: "true", "2", "0.8", "jpeg".
func (o Option) plain(written, text string) (string, error) {
	wrong := func(reason core.Reason, allowed ...string) error {
		return &core.Error{Kind: core.Invalid, Reason: reason, Option: written, Value: text, Allowed: allowed}
	}
	switch o.Type {
	case Integer:
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil || float64(number) < o.Min || float64(number) > o.Max {
			return "", wrong(core.ReasonNumber, "a whole number", o.bounds())
		}
		return strconv.FormatInt(number, 10), nil
	case Number:
		number, err := strconv.ParseFloat(text, 64)
		if err != nil || !(number >= o.Min && number <= o.Max) {
			return "", wrong(core.ReasonNumber, o.bounds())
		}
		return strconv.FormatFloat(number, 'f', -1, 64), nil
	case Boolean:
		switch strings.ToLower(text) {
		case "true", "yes", "on", "1":
			return "true", nil
		case "false", "no", "off", "0":
			return "false", nil
		}
		return "", wrong(reasonChoice, "true", "false")
	}
	if o.MaxRunes > 0 && utf8.RuneCountInString(text) > o.MaxRunes {
		return "", &core.Error{Kind: core.TooBig, Reason: core.ReasonLongPrompt, Option: written, Limit: int64(o.MaxRunes)}
	}
	if len(o.Choices) == 0 || o.Name == "model" { // the catalogue says more about a model
		return text, nil
	}
	plain := strings.ToLower(text)
	if alias, ok := o.Alias[plain]; ok {
		plain = alias
	}
	if !slices.Contains(o.Choices, plain) {
		return "", wrong(reasonChoice, core.Nearest(plain, o.Choices, 5)...)
	}
	return plain, nil
}

func (o Option) bounds() string {
	return strconv.FormatFloat(o.Min, 'f', -1, 64) + "–" + strconv.FormatFloat(o.Max, 'f', -1, 64)
}

func (o Option) samples() []string {
	if o.Sample == "" || len(o.Choices) > 0 {
		return nil
	}
	return []string{o.Sample}
}
