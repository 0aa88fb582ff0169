package discord

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"imaginebot/bots"
	"imaginebot/bots/botstest"
	"imaginebot/bots/discord/discordtest"
	"imaginebot/core/fetch"
)

func TestStories(t *testing.T) {
	var closing sync.WaitGroup // closing a session takes a second, which the next story does not wait for
	t.Cleanup(closing.Wait)
	botstest.TestStories(t, func(t *testing.T, house botstest.House) botstest.Stage {
		server := discordtest.New(discordtest.Settings{Token: testToken, Check: specs(t)})
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		room := server.Guild("house").Channel("room")
		stage := &stage{server: server, room: room}
		for _, who := range botstest.People() {
			server.DM(server.User(string(who)))
		}
		room.Guild.Grant(server.User(string(botstest.Mo)), discordtest.PermissionManageMessages)
		bot := New(Settings{
			Token: testToken, API: parsed(t, server.URL()), Desk: house.Desk, Studio: house.Studio, Store: house.Studio.Store,
			Pictures: house.Pictures, Door: fetch.New(fetch.Settings{}).Room(parsed(t, server.URL())), Log: house.Log,
		})
		house.Studio.Connect(bot.Platform(), bot, bot.Receive)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- bot.Run(ctx) }()
		t.Cleanup(func() {
			for _, violation := range server.Violations() {
				t.Error("violation:", violation)
			}
			cancel()
			closing.Go(func() {
				<-ended
				bot.rest.close()
				server.Close()
			})
		})
		until(t, "the bot is ready", func() bool { return bot.Connected() && len(server.Commands(nil)) > 0 })
		return stage
	})
}

func parsed(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// stage is one guild with one room, and direct messages.
type stage struct {
	server *discordtest.Server
	room   *discordtest.Channel
}

func (s *stage) Give(t testing.TB, who botstest.Person, line botstest.Line) {
	t.Helper()
	command, ok := bots.Find(line.Command)
	if !ok {
		t.Fatalf("there is no command %q", line.Command)
	}
	options := discordtest.Options{}
	if line.Words != "" {
		options[command.Words] = line.Words
	}
	if line.Picture != nil {
		at := slices.IndexFunc(command.Options, func(o bots.Option) bool { return o.Type == bots.Picture })
		options[command.Options[at].Name] = discordtest.File{Name: "picture.png", Content: line.Picture}
	}
	if _, err := s.server.Command(t.Context(), s.server.User(string(who)), s.room, line.Command, options); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) Tap(t testing.TB, who botstest.Person, message botstest.Message, label string) {
	t.Helper()
	user := s.server.User(string(who))
	channel, id, _ := strings.Cut(message.ID, "/")
	if _, err := s.server.Click(t.Context(), user, discordtest.Message{ChannelID: channel, ID: id}, label); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) Seen(t testing.TB, who botstest.Person) []botstest.Message {
	t.Helper()
	user := s.server.User(string(who))
	var seen []botstest.Message
	for _, channel := range []*discordtest.Channel{s.room, s.server.DM(user)} {
		for _, message := range s.server.Messages(channel, user) {
			if message.Author == s.server.Bot() && !message.Loading {
				seen = append(seen, read(message))
			}
		}
	}
	return seen
}

// read is a message as a person reads it.
func read(message discordtest.Message) botstest.Message {
	text, markup := unmarked(message.Text())
	out := botstest.Message{
		ID: message.ChannelID + "/" + message.ID, Text: text,
		Pings: len(message.Mentions) > 0 || bytes.Contains(message.JSON, []byte(`"mention_everyone":true`)) || pinging.MatchString(markup),
	}
	for _, file := range message.Attachments {
		out.Pictures = append(out.Pictures, file.Bytes())
	}
	for _, button := range message.Buttons {
		out.Buttons = append(out.Buttons, button.Label)
	}
	return out
}

// pinging is what Discord's client makes a mention or a link of.
var pinging = regexp.MustCompile(`<[@#:/a]|@everyone|@here|https?://\S|\]\(`)

// unmarked reads Discord's markup: text is what is seen, and active what is not escaped and
// not code, with dots for the rest.
func unmarked(markup string) (text, active string) {
	var seen, live strings.Builder
	for markup != "" {
		switch found := piece.FindStringSubmatch(markup); {
		case found == nil:
			_, size := utf8.DecodeRuneInString(markup)
			seen.WriteString(markup[:size])
			live.WriteString(markup[:size])
			markup = markup[size:]
			continue
		case found[1] != "": // escaped
			seen.WriteString(found[1])
			live.WriteRune('·')
			markup = markup[len(found[0]):]
		case found[2] != "": // code
			seen.WriteString(found[2])
			live.WriteRune('·')
			markup = markup[len(found[0]):]
		case found[3] != "": // a moment
			fmt.Fprintf(&seen, "at %s", found[3])
			markup = markup[len(found[0]):]
		default: // bold
			markup = markup[len(found[0]):]
		}
	}
	return seen.String(), live.String()
}

// piece is a piece of markup as our texts have it.
var piece = regexp.MustCompile("^(?:\\\\([^0-9A-Za-z\\s])|`([^`\\n]+)`|<t:(\\d+):R>|\\*\\*)")
