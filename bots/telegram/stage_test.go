package telegram

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"imaginebot/bots/botstest"
	"imaginebot/bots/telegram/telegramspec"
	"imaginebot/bots/telegram/telegramtest"
	"imaginebot/core"
)

// stage is Telegram with the bot in it, and one group where everybody is.
type stage struct {
	server *telegramtest.Server
	bot    *Bot
	people map[botstest.Person]*telegramtest.User
	room   *telegramtest.Chat
	inChat map[int64]*telegramtest.Chat
}

func TestStories(t *testing.T) {
	botstest.TestStories(t, func(t *testing.T, house botstest.House) botstest.Stage { return openStage(t, house) })
}

func openStage(t *testing.T, house botstest.House) *stage {
	server := fake(t, telegramtest.Settings{})
	s := &stage{server: server, people: map[botstest.Person]*telegramtest.User{}, inChat: map[int64]*telegramtest.Chat{}}
	var members []*telegramtest.User
	for _, who := range botstest.People() {
		user := server.User(string(who), "en")
		s.people[who] = user
		members = append([]*telegramtest.User{user}, members...) // the last one, Mo, created the group
	}
	s.bot = newBot(t, server, Settings{Desk: house.Desk, Studio: house.Studio, Store: house.Studio.Store, Pictures: house.Pictures, Log: house.Log})
	run(t, s.bot)
	for _, user := range members {
		if _, err := user.Start(""); err != nil {
			t.Fatal(err)
		}
		if _, err := server.WaitMessage(soon(t), server.Private(user), func(m telegramtest.Message) bool { return m.FromBot }); err != nil {
			t.Fatal(err)
		}
	}
	s.room = server.Group(telegramtest.GroupSettings{Title: "Room", Members: members, Supergroup: true})
	return s
}

// fake is a Telegram that must end without violations.
func fake(t *testing.T, settings telegramtest.Settings) *telegramtest.Server {
	t.Helper()
	if spec := telegramspec.FromEnv(t); spec != nil {
		settings.Checker = spec
	}
	server := telegramtest.New(settings)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Close()
		for _, violation := range server.Violations() {
			t.Errorf("violation: %s", violation)
		}
	})
	return server
}

// newBot makes a bot at a fake, seated at its studio.
func newBot(t *testing.T, server *telegramtest.Server, settings Settings) *Bot {
	t.Helper()
	base, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	settings.Token, settings.API, settings.Files = server.Token(), base, base.JoinPath("file")
	b := New(settings)
	t.Cleanup(b.rest.client.Transport.(*http.Transport).CloseIdleConnections)
	settings.Studio.Connect(b.Platform(), b, b.Receive)
	return b
}

// run runs a bot until the test ends, or until stop is called.
func run(t *testing.T, b *Bot) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the bot ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// Give implements botstest.Stage.
func (s *stage) Give(t testing.TB, who botstest.Person, line botstest.Line) {
	t.Helper()
	words := strings.TrimSpace("/" + line.Command + " " + line.Words)
	parts := telegramtest.Parts{telegramtest.Text(words)}
	if line.Picture != nil {
		parts = telegramtest.Parts{telegramtest.Photo(line.Picture), telegramtest.Caption(words)}
	}
	if _, err := s.people[who].Send(s.room, parts...); err != nil {
		t.Fatal(err)
	}
}

// Reply implements botstest.Replier.
func (s *stage) Reply(t testing.TB, who botstest.Person, to botstest.Message, words string) {
	t.Helper()
	if _, err := s.people[who].Send(s.room, telegramtest.Text(words), telegramtest.Reply(s.find(t, to.ID))); err != nil {
		t.Fatal(err)
	}
}

// Tap implements botstest.Stage.
func (s *stage) Tap(t testing.TB, who botstest.Person, message botstest.Message, label string) {
	t.Helper()
	if _, err := s.people[who].Press(s.find(t, message.ID), label); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) find(t testing.TB, id string) telegramtest.Message {
	t.Helper()
	for _, chat := range s.inChat {
		for _, m := range s.server.Messages(chat) {
			if messageName(m) == id {
				return m
			}
		}
	}
	t.Fatalf("there is no message %s", id)
	return telegramtest.Message{}
}

func messageName(m telegramtest.Message) string { return fmt.Sprintf("%d/%d", m.Chat, m.ID) }

// Seen implements botstest.Stage.
func (s *stage) Seen(t testing.TB, who botstest.Person) []botstest.Message {
	user := s.people[who]
	var seen []botstest.Message
	for _, chat := range []*telegramtest.Chat{s.room, s.server.Private(user)} {
		s.inChat[chat.ID] = chat
		for _, m := range s.server.Messages(chat) {
			if m.FromBot {
				seen = append(seen, asSeen(m))
			}
		}
	}
	for _, answer := range s.server.Answers() {
		if answer.User == user.ID && answer.Text != "" {
			seen = append(seen, botstest.Message{Text: answer.Text})
		}
	}
	return seen
}

func asSeen(m telegramtest.Message) botstest.Message {
	one := botstest.Message{
		ID: messageName(m), Text: strings.ReplaceAll(m.Words(), joiner, ""), Pings: m.Has("mention") || m.Has("text_mention"),
	}
	for _, file := range []*telegramtest.File{m.Photo, m.Document} {
		if file != nil {
			one.Pictures = append(one.Pictures, file.Bytes)
		}
	}
	for _, row := range m.Buttons {
		for _, button := range row {
			one.Buttons = append(one.Buttons, button.Text)
		}
	}
	return one
}

var (
	_ botstest.Replier = (*stage)(nil)
	_ core.Courier     = (*Bot)(nil)
)
