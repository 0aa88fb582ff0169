package telegram

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"imaginebot/bots/telegram/telegramtest"
	"imaginebot/core"
	"imaginebot/core/coretest"
)

func TestWordsBecomeAPicture(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	hand := make(chan struct{})
	h.renderer.Next(coretest.Scene{Preparing: hand})
	asked := h.send(h.ann, h.chat, telegramtest.Text("a red fox"))

	placeholder := h.awaitThat(h.chat, func(m telegramtest.Message) bool { return waits(m) && strings.Contains(m.Text, "0.025 PTC") })
	if !placeholder.Silent || placeholder.ReplyTo != asked.ID {
		t.Errorf("the placeholder is %+v, want a silent reply to %d", placeholder, asked.ID)
	}
	waitFor(t, "an action is shown", func() bool { return len(h.server.Actions(h.chat)) > 0 })
	if action := h.server.Actions(h.chat)[0].Action; action != "upload_photo" {
		t.Errorf("the action is %q", action)
	}
	close(hand)
	picture := h.awaitPhotos(h.chat, 1)[0]
	if picture.Silent || picture.ReplyTo != asked.ID || !hasButton(picture, "Again") {
		t.Errorf("the picture is %+v, want an audible reply to %d with buttons", picture, asked.ID)
	}
	if left := len(h.said(h.chat)); left != 2 {
		t.Errorf("%d messages of the bot's are left, want the greeting and the picture", left)
	}
	if name := h.server.Calls("sendPhoto")[0].Uploads[0].Name; name != string(h.only().ID)+".png" {
		t.Errorf("the file is called %q", name)
	}
}

func TestPlaceholderComesBeforeTheOrder(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	h.store.OnCommit(func() {
		if len(h.store.Ledger()) > 0 && !slices.ContainsFunc(h.server.History(h.chat), waits) && len(h.server.Calls("deleteMessage")) == 0 {
			t.Error("something was reserved before anything was to be seen")
		}
	})
	h.send(h.ann, h.chat, telegramtest.Text("a red fox"))
	h.awaitPhotos(h.chat, 1)
	h.store.OnCommit(nil)
}

func TestPrivateMessagesThatEdit(t *testing.T) {
	sent := coretest.PNG(40, 30)
	for _, test := range []struct {
		name string
		send func(h *house)
	}{
		{"a photo with words", func(h *house) {
			h.send(h.ann, h.chat, telegramtest.Photo(sent), telegramtest.Caption("make it night"))
		}},
		{"a file with words", func(h *house) {
			h.send(h.ann, h.chat, telegramtest.Document("x.png", sent), telegramtest.Caption("make it night"))
		}},
		{"a file of unknown kind", func(h *house) {
			h.send(h.ann, h.chat, telegramtest.Document("x", sent), telegramtest.MIME("application/octet-stream"), telegramtest.Caption("make it night"))
		}},
		{"a command under a photo", func(h *house) {
			h.send(h.ann, h.chat, telegramtest.Photo(sent), telegramtest.Caption("/edit make it night"))
		}},
		{"a command in reply to a photo", func(h *house) {
			photo := h.send(h.ann, h.chat, telegramtest.Photo(sent))
			h.await(h.chat, "What shall I change")
			h.settled()
			h.send(h.ann, h.chat, telegramtest.Text("/edit make it night"), telegramtest.Reply(photo))
		}},
		{"words in reply to a photo", func(h *house) {
			photo := h.send(h.ann, h.chat, telegramtest.Photo(sent))
			h.await(h.chat, "What shall I change")
			h.settled()
			h.send(h.ann, h.chat, telegramtest.Text("make it night"), telegramtest.Reply(photo))
		}},
		{"words in reply to the question", func(h *house) {
			h.send(h.ann, h.chat, telegramtest.Photo(sent))
			question := h.awaitThat(h.chat, func(m telegramtest.Message) bool { return m.Asks })
			h.settled()
			h.send(h.ann, h.chat, telegramtest.Text("make it night"), telegramtest.Reply(question))
		}},
		{"the next words after the question", func(h *house) {
			h.send(h.ann, h.chat, telegramtest.Document("x.jpeg", sent))
			h.await(h.chat, "What shall I change")
			h.settled()
			h.send(h.ann, h.chat, telegramtest.Text("/quota"))
			h.await(h.chat, "This month")
			h.send(h.ann, h.chat, telegramtest.Text("make it night"))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := started(t, telegramtest.Settings{})
			test.send(h)
			h.awaitPhotos(h.chat, 1)
			h.startedFrom(sent)
			if g := h.only(); g.Request.Prompt != "make it night" || g.Request.Model != "flux-kontext-pro" {
				t.Errorf("the request is %+v", g.Request)
			}
			h.settled()
			h.send(h.ann, h.chat, telegramtest.Text("a red fox")) // the question is over
			h.awaitPhotos(h.chat, 2)
			if g := h.generations()[1]; g.Request.Image != nil || g.Request.Model != "flux-dev-t2i" {
				t.Errorf("the next words became %+v", g.Request)
			}
		})
	}
}

func TestQuestionAboutTheNewestPicture(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	h.send(h.ann, h.chat, telegramtest.Text("a red fox"))
	h.awaitPhotos(h.chat, 1)
	h.send(h.ann, h.chat, telegramtest.Text("/edit"))
	h.await(h.chat, "What shall I change")
	h.settled()
	h.send(h.ann, h.chat, telegramtest.Text("make it night"))
	h.awaitPhotos(h.chat, 2)
	h.startsFrom(h.generations()[1], coretest.PNG(8, 8))
}

func TestARefusedAnswerMayBeGivenAgain(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	sent := coretest.PNG(40, 30)
	h.send(h.ann, h.chat, telegramtest.Photo(sent))
	h.await(h.chat, "What shall I change")
	h.settled()
	h.send(h.ann, h.chat, telegramtest.Text("make it night --nonsense"))
	h.await(h.chat, "I know no flag")
	h.send(h.ann, h.chat, telegramtest.Text("make it night"))
	h.awaitPhotos(h.chat, 1)
	h.startedFrom(sent)
}

func TestRefusalReplacesThePlaceholder(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	h.send(h.ann, h.chat, telegramtest.Text("a fox --model nonsense"))
	h.await(h.chat, "I know no model")
	h.settled()
	if said := h.said(h.chat); len(said) != 2 || len(said[1].Buttons) > 0 || said[1].Edited.IsZero() {
		t.Errorf("the bot said %+v, want the greeting and one edited message", said)
	}
	if sent := len(h.server.Calls("sendMessage")); sent != 2 {
		t.Errorf("%d messages were sent, want 2", sent)
	}
}

func TestWhatIsNotForTheBot(t *testing.T) {
	h := open(t, telegramtest.Settings{PrivacyOff: true})
	h.work()
	h.greet(h.ann)
	bob := h.server.User("Bob", "en")
	group := h.server.Group(telegramtest.GroupSettings{Title: "Room", Members: []*telegramtest.User{h.ann, bob}, Supergroup: true, BotAdmin: true})
	h.send(h.ann, group, telegramtest.Text("/quota"))
	own := h.await(group, "This month")
	photo := h.send(bob, group, telegramtest.Photo(coretest.PNG(9, 9)))
	first := h.send(bob, group, telegramtest.Text("hello everybody"))
	if _, err := bob.Edit(first, "/imagine an edited fox"); err != nil {
		t.Fatal(err)
	}
	for _, parts := range []telegramtest.Parts{
		{telegramtest.Text("what a day, mail me@example.org")},
		{telegramtest.Text("/imagine@other_bot a fox")},
		{telegramtest.Text("/weather")},
		{telegramtest.Text("/weather@other_bot")},
		{telegramtest.Sticker("🦊")},
		{telegramtest.Sticker("🦊"), telegramtest.Reply(own)},
		{telegramtest.Text("thanks"), telegramtest.Reply(own)},
		{telegramtest.Text("nice"), telegramtest.Reply(photo)},
		{telegramtest.Photo(coretest.PNG(9, 9)), telegramtest.Caption("look")},
		{telegramtest.Document("minutes.pdf", []byte("%PDF-1.7"))},
	} {
		h.send(bob, group, parts...)
	}
	if _, err := bob.Album(group, telegramtest.Parts{telegramtest.Photo(coretest.PNG(9, 9))}, telegramtest.Parts{telegramtest.Photo(coretest.PNG(9, 9))}); err != nil {
		t.Fatal(err)
	}
	h.send(h.ann, h.chat, telegramtest.Sticker("🦊"))
	h.send(h.ann, h.chat, telegramtest.Document("minutes.pdf", []byte("%PDF-1.7")), telegramtest.Caption("read this"))
	channel := `{"message_id":7,"date":1,"chat":{"id":-1001,"type":"channel","title":"News"},"text":"/imagine a fox"}`
	forwarded := `{"message_id":999,"date":1,"from":{"id":777000,"is_bot":false,"first_name":"Telegram"},
		"sender_chat":{"id":-1001,"type":"channel","title":"News"},"chat":{"id":` + userID(group.ID).Local() + `,"type":"supergroup","title":"Room"},"text":"/imagine a fox"}`
	for kind, raw := range map[string]string{"channel_post": channel, "message": forwarded, "edited_message": channel, "poll": `{"id":"1"}`} {
		h.server.Inject(map[string]json.RawMessage{kind: json.RawMessage(raw)})
	}
	h.settled()
	if said := h.said(group); len(said) != 1 {
		t.Errorf("the bot said %+v", said)
	}
	if said := h.said(h.chat); len(said) != 1 {
		t.Errorf("the bot said %+v in private", said)
	}
	if list := h.generations(); len(list) > 0 {
		t.Errorf("there are generations: %+v", list)
	}
}

func TestWhatIsForTheBotInGroups(t *testing.T) {
	h := started(t, telegramtest.Settings{PrivacyOff: true})
	sent := coretest.PNG(40, 30)
	group := h.server.Group(telegramtest.GroupSettings{Title: "Room", Members: []*telegramtest.User{h.ann}, Supergroup: true})
	me := h.server.Bot().Username
	want := 0
	for _, parts := range []telegramtest.Parts{
		{telegramtest.Text("/imagine a fox")},
		{telegramtest.Text("/imagine@" + strings.ToUpper(me) + " a fox")},
		{telegramtest.Text("@" + me + " a fox")},
		{telegramtest.Photo(sent), telegramtest.Caption("/edit@" + me + " night")},
		{telegramtest.Photo(sent), telegramtest.Caption("@" + me + " night")},
		{telegramtest.Text("/edit night"), telegramtest.Reply(h.send(h.ann, group, telegramtest.Photo(sent)))},
		{telegramtest.Text("hey @" + me + ", night"), telegramtest.Reply(h.send(h.ann, group, telegramtest.Document("x.png", sent)))},
	} {
		h.send(h.ann, group, parts...)
		want++
		photos := h.awaitPhotos(group, want)
		h.send(h.ann, group, telegramtest.Text("brighter"), telegramtest.Reply(photos[want-1]))
		want++
		h.awaitPhotos(group, want)
	}
	for i, g := range h.generations() {
		if edits := i%2 == 1 || i > 5; edits != (g.Request.Image != nil) {
			t.Errorf("generation %d is %+v", i, g.Request)
		}
		if i%2 == 1 {
			h.startsFrom(g, coretest.PNG(8, 8)) // as it was made, not as Telegram gives it back
		} else if i > 5 {
			h.startsFrom(g, sent)
		}
		if g.Place != where(Chat{ID: group.ID}, userID(h.ann.ID)).ID {
			t.Errorf("the place is %q", g.Place)
		}
	}
	h.send(h.ann, group, telegramtest.Text("/weather@"+me))
	h.await(group, "I know no command /weather")
	h.send(h.ann, group, telegramtest.Photo(sent), telegramtest.Caption("@"+me))
	question := h.await(group, "What shall I change")
	h.settled()
	h.send(h.ann, group, telegramtest.Text("night"), telegramtest.Reply(question))
	h.awaitPhotos(group, want+1)
	h.startsFrom(h.generations()[want], sent)
}

func TestRepliesToAnAlbumStartFromTheOriginals(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	h.send(h.ann, h.chat, telegramtest.Text("foxes --n 2"))
	photos := h.awaitPhotos(h.chat, 2)
	for i, photo := range photos {
		h.send(h.ann, h.chat, telegramtest.Text("make it night"), telegramtest.Reply(photo))
		h.awaitPhotos(h.chat, 3+i)
		edited := h.generations()[1+i]
		h.startsFrom(edited, coretest.PNG(8, 8)) // Telegram would give a JPEG back
	}
	for _, m := range h.server.Messages(h.chat) {
		if m.FromBot && m.Photo == nil && len(m.Buttons) > 0 { // the album's own buttons
			h.send(h.ann, h.chat, telegramtest.Text("make it day"), telegramtest.Reply(m))
			break
		}
	}
	h.awaitPhotos(h.chat, 5)
	h.startsFrom(h.generations()[3], coretest.PNG(8, 8))
}

func TestTopicsAreKept(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	forum := h.server.Group(telegramtest.GroupSettings{Title: "Forum", Members: []*telegramtest.User{h.ann}, Forum: true})
	topic := forum.Topic("Foxes")
	h.send(h.ann, forum, telegramtest.Text("/imagine a fox"), telegramtest.Thread(topic))
	photo := h.awaitPhotos(forum, 1)[0]
	if _, err := h.ann.Press(photo, "Original"); err != nil {
		t.Fatal(err)
	}
	h.awaitThat(forum, func(m telegramtest.Message) bool { return m.Document != nil })
	if _, err := h.ann.Press(photo, "Again"); err != nil {
		t.Fatal(err)
	}
	h.awaitPhotos(forum, 2)
	for _, m := range h.server.History(forum) {
		if m.FromBot && m.Thread != topic {
			t.Errorf("%+v is not in topic %d", m, topic)
		}
	}
	for _, action := range h.server.Actions(forum) {
		if action.Thread != topic {
			t.Errorf("an action is in topic %d", action.Thread)
		}
	}
}

func TestPrivatelyInAGroup(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	bob := h.server.User("Bob", "en")
	group := h.server.Group(telegramtest.GroupSettings{Title: "Room", Members: []*telegramtest.User{h.ann, bob}})
	h.send(h.ann, group, telegramtest.Text("/imagine a secret fox --private"))
	h.awaitPhotos(h.chat, 1)
	note := h.await(group, "private chat")
	if len(note.Buttons) > 0 || len(h.said(group)) != 1 {
		t.Errorf("the group sees %+v", h.said(group))
	}
	id := string(h.only().ID)
	h.send(h.ann, group, telegramtest.Text("/show "+id))
	h.await(group, "others read along")

	h.send(bob, group, telegramtest.Text("/imagine a secret hen --private"))
	refused := h.await(group, "I cannot write to you privately")
	at := slices.IndexFunc(refused.Entities, func(e telegramtest.Entity) bool { return e.Type == "text_link" })
	if at < 0 {
		t.Fatalf("there is no link in %+v", refused)
	}
	h.only() // nothing of Bob's was spent
	if _, err := bob.Follow(refused.Entities[at].URL); err != nil {
		t.Fatal(err)
	}
	h.await(h.server.Private(bob), "Hello")
	h.send(bob, group, telegramtest.Text("/imagine a secret hen --private --model nonsense"))
	h.await(group, "I know no model")
	h.send(bob, group, telegramtest.Text("/imagine a secret hen --private"))
	h.awaitPhotos(h.server.Private(bob), 1)
}

func TestNobodyThere(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	group := h.server.Group(telegramtest.GroupSettings{Title: "Room", Members: []*telegramtest.User{h.ann}})
	h.server.Script(telegramtest.Match{Method: "sendMessage", Chat: group.ID}, telegramtest.Fail(400, "Bad Request: not enough rights to send text messages to the chat"), 1)
	h.send(h.ann, group, telegramtest.Text("/imagine a fox"))
	if _, err := h.server.WaitRequest(soon(t), func(r telegramtest.Request) bool { return r.Chat == group.ID && r.Code == 400 }); err != nil {
		t.Fatal(err)
	}
	h.settled()
	if list := h.generations(); len(list) > 0 {
		t.Errorf("%d generations, though nobody can be answered", len(list))
	}
}

func TestAPictureThatCannotBeFetched(t *testing.T) {
	for name, test := range map[string]struct {
		match   telegramtest.Match
		trouble telegramtest.Trouble
		says    string
	}{
		"too big":  {telegramtest.Match{Method: "getFile"}, telegramtest.Fail(400, "Bad Request: file is too big"), "over 20 MiB"},
		"gone":     {telegramtest.Match{Method: "getFile"}, telegramtest.Fail(400, "Bad Request: wrong file_id or the file is temporarily unavailable"), "not kept any more"},
		"no route": {telegramtest.Match{Method: "file"}, telegramtest.Fail(502, "Bad Gateway"), "could not fetch"},
		"cut off":  {telegramtest.Match{Method: "file"}, telegramtest.DropAfter(), "could not fetch"},
	} {
		t.Run(name, func(t *testing.T) {
			h := started(t, telegramtest.Settings{})
			h.server.Script(test.match, test.trouble, 1)
			h.send(h.ann, h.chat, telegramtest.Photo(coretest.PNG(9, 9)), telegramtest.Caption("make it night"))
			h.await(h.chat, test.says)
			if list := h.generations(); len(list) > 0 {
				t.Errorf("%d generations", len(list))
			}
			if strings.Contains(h.log.String(), h.server.Token()[len(h.server.Token())-10:]) {
				t.Error("the token is in the log")
			}
		})
	}
}

func TestAnonymousAdministrators(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	group := h.server.Group(telegramtest.GroupSettings{Title: "Room", Members: []*telegramtest.User{h.ann}, Supergroup: true})
	h.send(h.ann, group, telegramtest.Text("/imagine a fox"), telegramtest.Anonymous())
	h.awaitPhotos(group, 1)
	if got := h.only().User; got != userID(group.ID) {
		t.Errorf("the request is on %v, want the group", got)
	}
	h.send(h.ann, group, telegramtest.Text("/imagine a fox --private"), telegramtest.Anonymous())
	h.await(group, "I cannot write to you privately")
}

func TestPlace(t *testing.T) {
	got := where(Chat{ID: -100123, Type: "supergroup"}, userID(42))
	if got.ID != "telegram:-100123" || got.Private || !slices.Equal(got.Origins, []string{"telegram:42", "telegram-chat:-100123"}) {
		t.Errorf("the place is %+v", got)
	}
	if !where(Chat{ID: 42, Type: "private"}, core.UserID{}).Private {
		t.Error("a private chat is not private")
	}
}
