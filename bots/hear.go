package bots

import (
	"regexp"
	"strings"
)

// Message is a message as a person wrote it, where there is no form for commands.
type Message struct {
	Text      string // or the picture's caption
	Me        string // the bot's name on the platform, without @
	Addressed bool   // certainly meant for the bot: a private chat, a reply to its own picture, a mention that the adapter saw
	Picture   bool   // it has a picture, or is a reply to one
}

// Heard is what a message asks for.
type Heard struct {
	Command  string
	Words    string
	Question bool // a picture came without words: answer with AskWhatToChange
}

// commandName is a command at the beginning of a text, and the bot that it names.
var commandName = regexp.MustCompile(`^/([A-Za-z][A-Za-z0-9_]{0,31})(?:@([A-Za-z0-9_]+))?(?:\s|$)`)

// Hear says what a message asks for: "/imagine a cat" and "/imagine@me a cat" ask for
// themselves, plain words are a prompt, and words with a picture say how to edit it.
// ok is false where the message is not for this bot.
func Hear(m Message) (heard Heard, ok bool) {
	text := strings.TrimSpace(m.Text)
	if found := commandName.FindStringSubmatch(text); found != nil {
		name, bot := strings.ToLower(found[1]), found[2]
		_, known := Find(name)
		named := bot != "" && strings.EqualFold(bot, m.Me)
		if bot != "" && !named || !known && !named && !m.Addressed {
			return Heard{}, false
		}
		return Heard{Command: name, Words: strings.TrimSpace(text[len(found[0]):])}, true
	}
	words, mentioned := withoutMention(text, m.Me)
	switch {
	case !mentioned && !m.Addressed, words == "" && !mentioned && !m.Picture:
		return Heard{}, false
	case words == "" && m.Picture:
		return Heard{Question: true}, true
	case words == "":
		return Heard{Command: "help"}, true
	case m.Picture:
		return Heard{Command: "edit", Words: words}, true
	}
	return Heard{Command: "imagine", Words: words}, true
}

// withoutMention takes "@me" out of text where it is a word of its own, perhaps with a
// comma or colon after it.
func withoutMention(text, me string) (words string, mentioned bool) {
	if me == "" {
		return text, false
	}
	mention := regexp.MustCompile(`(?i)(^|\s)@` + regexp.QuoteMeta(me) + `(?:[,:]?\s+|[,:.!?]?$)`)
	if !mention.MatchString(text) {
		return text, false
	}
	return strings.TrimSpace(mention.ReplaceAllString(text, "$1")), true
}
