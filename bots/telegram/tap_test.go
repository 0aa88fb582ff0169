package telegram

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"imaginebot/bots/telegram/telegramtest"
	"imaginebot/core/coretest"
)

func TestTapsAreAnswered(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	bob := h.server.User("Bob", "en")
	group := h.server.Group(telegramtest.GroupSettings{Title: "Room", Members: []*telegramtest.User{h.ann, bob}, Supergroup: true})
	h.send(h.ann, group, telegramtest.Text("/imagine a fox"))
	photo := h.awaitPhotos(group, 1)[0]

	answer, err := bob.Tap(soon(t), photo, "Delete")
	if err != nil || !answer.Alert || !strings.Contains(answer.Text, "somebody else") {
		t.Errorf("the answer is %+v (%v)", answer, err)
	}
	if answer, err = h.ann.Tap(soon(t), photo, "Original"); err != nil || answer.Text != "" {
		t.Errorf("the answer is %+v (%v)", answer, err)
	}
	file := h.awaitThat(group, func(m telegramtest.Message) bool { return m.Document != nil })
	if file.ReplyTo != photo.ID || file.Document.Name != string(h.only().ID)+".png" || string(file.Document.Bytes) != string(coretest.PNG(8, 8)) {
		t.Errorf("the original is %+v", file)
	}
	if answer, err = h.ann.Tap(soon(t), photo, "Delete"); err != nil || answer.Alert || !strings.Contains(answer.Text, "Deleted") {
		t.Errorf("the answer is %+v (%v)", answer, err)
	}
	waitFor(t, "the photo is gone", func() bool {
		return !slices.ContainsFunc(h.said(group), func(m telegramtest.Message) bool { return m.ID == photo.ID })
	})
	if asked := len(h.server.Calls("getChatMember")); asked != 1 {
		t.Errorf("Telegram was asked %d times who moderates, want once, for Bob", asked)
	}
	if said := h.said(group); len(said) != 1 {
		t.Errorf("the group sees %+v", said)
	}
}

func TestAgainLeavesNothingBehindWhereItIsRefused(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	h.send(h.ann, h.chat, telegramtest.Text("a fox"))
	photo := h.awaitPhotos(h.chat, 1)[0]
	hand := make(chan struct{})
	h.renderer.Next(coretest.Scene{Preparing: hand})
	if answer, err := h.ann.Tap(soon(t), photo, "Again"); err != nil || answer.Text != "" {
		t.Fatalf("the answer is %+v (%v)", answer, err)
	}
	placeholder := h.awaitThat(h.chat, waits)
	if placeholder.ReplyTo != photo.ID || !placeholder.Silent {
		t.Errorf("the placeholder is %+v", placeholder)
	}
	answer, err := h.ann.Tap(soon(t), photo, "Again")
	if err != nil || !answer.Alert || !strings.Contains(answer.Text, "on its way already") {
		t.Errorf("the answer is %+v (%v)", answer, err)
	}
	close(hand)
	h.awaitPhotos(h.chat, 2)
	words := slices.DeleteFunc(h.server.History(h.chat), func(m telegramtest.Message) bool { return !m.FromBot || m.Text == "" })
	if len(words) != 3 {
		t.Errorf("the bot said %+v, want the greeting and two placeholders", words)
	}
}

func TestDeleteTakesTheWholeAlbum(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	h.send(h.ann, h.chat, telegramtest.Text("foxes --n 3"))
	h.awaitPhotos(h.chat, 3)
	keyed := h.awaitThat(h.chat, func(m telegramtest.Message) bool { return hasButton(m, "Delete") })
	if _, err := h.ann.Tap(soon(t), keyed, "Delete"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "all is gone but the greeting", func() bool { return len(h.said(h.chat)) == 1 })
}

func TestTapsThatAreStrange(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	h.send(h.ann, h.chat, telegramtest.Text("a fox"))
	photo := h.awaitPhotos(h.chat, 1)[0]
	from := `"from":{"id":` + userID(h.ann.ID).Local() + `,"is_bot":false,"first_name":"Ann"},"chat_instance":"1"`
	chat := `"chat":{"id":` + userID(h.ann.ID).Local() + `,"type":"private","first_name":"Ann"}`
	for _, raw := range []string{
		`{"id":"1",` + from + `,"data":"again:` + string(h.only().ID) + `"}`,                                                   // no message
		`{"id":"2",` + from + `,"data":"nonsense","message":{"message_id":1,"date":0,` + chat + `}}`,                           // no button of ours
		`{"id":"3",` + from + `,"data":"delete:000000000000","message":{"message_id":1,"date":0,` + chat + `}}`,                // no generation
		`{"id":"4",` + from + `,"data":"cancel:` + string(h.only().ID) + `","message":{"message_id":1,"date":0,` + chat + `}}`, // nothing to cancel
	} {
		h.server.Inject(map[string]json.RawMessage{"callback_query": json.RawMessage(raw)})
	}
	// The fake has not seen these presses and says that they are too old: the words come as messages.
	h.await(h.chat, "does nothing any more")
	h.await(h.chat, "nothing like that here")
	h.await(h.chat, "not waiting for anything")
	h.settled()
	if list := h.generations(); len(list) != 1 {
		t.Errorf("%d generations", len(list))
	}
	if _, err := h.ann.Press(photo, "Again"); err != nil {
		t.Fatal(err)
	}
	h.awaitPhotos(h.chat, 2)
}

func TestALateRefusalStaysPrivate(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	bob := h.server.User("Bob", "en")
	h.greet(bob)
	group := h.server.Group(telegramtest.GroupSettings{Title: "Room", Members: []*telegramtest.User{h.ann, bob}, Supergroup: true})
	h.send(h.ann, group, telegramtest.Text("/imagine a fox"))
	photo := h.awaitPhotos(group, 1)[0]
	h.server.Script(telegramtest.Match{Method: "answerCallbackQuery"}, telegramtest.Fail(400, "Bad Request: query is too old and response timeout expired or query ID is invalid"), 1)
	if _, err := bob.Press(photo, "Delete"); err != nil {
		t.Fatal(err)
	}
	h.await(h.server.Private(bob), "somebody else")
	if said := h.said(group); len(said) != 1 {
		t.Errorf("the group sees %+v", said)
	}
}
