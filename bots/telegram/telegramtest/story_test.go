package telegramtest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imaginebot/bots/telegram/telegramtest"
)

func TestPrivateStory(t *testing.T) {
	s, b := start(t, telegramtest.Settings{})
	ann := s.User("Ann", "de")
	chat := s.Private(ann)

	refused(t, b.call("sendMessage", "chat_id", jsonText(chat.ID), "text", "hello?"), 403, "can't initiate conversation")
	refused(t, b.call("sendMessage", "chat_id", "12", "text", "hello?"), 400, "chat not found")

	if _, err := ann.Start("show_7"); err != nil {
		t.Fatal(err)
	}
	picture := jpegOf(t, 600, 400)
	sent, err := ann.Send(chat, telegramtest.Photo(picture), telegramtest.Caption("more blue"))
	if err != nil {
		t.Fatal(err)
	}
	list := b.updates()
	if len(list) != 2 || list[0].Message.Text != "/start show_7" || list[1].Message.Caption != "more blue" {
		t.Fatalf("updates: %s", jsonText(list))
	}
	if list[1].ID != list[0].ID+1 {
		t.Errorf("update ids %d and %d do not follow each other", list[0].ID, list[1].ID)
	}
	sizes := list[1].Message.Photo
	if len(sizes) != 3 || sizes[0].Width >= sizes[1].Width || sizes[2].Width != 600 || sizes[2].Size != len(picture) {
		t.Fatalf("sizes: %s", jsonText(sizes))
	}
	if got := b.download(sizes[2].ID); !bytes.Equal(got, picture) {
		t.Error("the largest size of a person's photo is not what was sent")
	}
	small, err := jpeg.DecodeConfig(bytes.NewReader(b.download(sizes[0].ID)))
	if err != nil || small.Width != 90 || small.Height != 60 {
		t.Errorf("the smallest size is %dx%d (%v)", small.Width, small.Height, err)
	}

	reply := b.call("sendMessage", "chat_id", jsonText(chat.ID), "parse_mode", "HTML", "text", " <b>Cancel</b> me, @somebody? ",
		"disable_notification", "true",
		"reply_parameters", fmt.Sprintf(`{"message_id":%d}`, sent.ID),
		"reply_markup", `{"inline_keyboard":[[{"text":"✖ Cancel","callback_data":"c:1"}]]}`)
	id := b.messageID(reply)
	seen, err := s.WaitMessage(soon(t), chat, func(m telegramtest.Message) bool { return m.FromBot })
	if err != nil {
		t.Fatal(err)
	}
	want := telegramtest.Message{
		ID: id, Chat: chat.ID, From: s.Bot().ID, FromBot: true, Text: "Cancel me, @somebody?", ReplyTo: sent.ID, Silent: true,
		Preview:  true,
		Entities: []telegramtest.Entity{{Type: "bold", Length: 6}, {Type: "mention", Offset: 11, Length: 9}},
		Buttons:  [][]telegramtest.Button{{{Text: "✖ Cancel", Data: "c:1"}}},
		Sent:     seen.Sent,
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("message as seen (-want +got):\n%s", diff)
	}
	if !seen.Has("mention") || seen.Has("text_mention") {
		t.Error("the mention was not found")
	}

	press, err := ann.Press(seen, "Cancel")
	if err != nil {
		t.Fatal(err)
	}
	list = b.updates()
	if len(list) != 1 || list[0].Query == nil || list[0].Query.Data != "c:1" || list[0].Query.Message.ID != id {
		t.Fatalf("updates: %s", jsonText(list))
	}
	b.call("answerCallbackQuery", "callback_query_id", press.ID, "text", "Cancelled", "show_alert", "true")
	told, err := press.Wait(soon(t))
	if err != nil || told.Text != "Cancelled" || !told.Alert || told.User != ann.ID {
		t.Errorf("answer %+v (%v)", told, err)
	}
	if _, err := ann.Press(seen, "Again"); err == nil || !strings.Contains(err.Error(), "no button") {
		t.Errorf("pressing what is not there: %v", err)
	}

	b.call("sendChatAction", "chat_id", jsonText(chat.ID), "action", "upload_photo")
	if actions := s.Actions(chat); len(actions) != 1 || actions[0].Action != "upload_photo" {
		t.Errorf("actions %+v", actions)
	}
	b.call("deleteMessage", "chat_id", jsonText(chat.ID), "message_id", strconv.Itoa(id))
	if got := len(s.Messages(chat)); got != 2 {
		t.Errorf("%d messages are left, want Ann's two", got)
	}
	if history := s.History(chat); len(history) != 3 || !history[2].Deleted {
		t.Errorf("history %+v", history)
	}
}

// download fetches a file as a bot does.
func (b *bot) download(id string) []byte {
	b.t.Helper()
	a := b.call("getFile", "file_id", id)
	var found struct {
		Path string `json:"file_path"`
		Size int    `json:"file_size"`
	}
	if err := json.Unmarshal(a.Result, &found); err != nil {
		b.t.Fatalf("getFile: %+v", a)
	}
	response, err := b.client.Get(b.s.URL() + "/file/bot" + b.s.Token() + "/" + found.Path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	var content bytes.Buffer
	if _, err := content.ReadFrom(response.Body); err != nil || response.StatusCode != http.StatusOK || content.Len() != found.Size {
		b.t.Fatalf("download: %s, %d of %d bytes, %v", response.Status, content.Len(), found.Size, err)
	}
	return content.Bytes()
}

func TestPicturesOfTheBot(t *testing.T) {
	s, b := start(t, telegramtest.Settings{Path: "/tg"})
	ann := s.User("Ann", "")
	if _, err := ann.Start(""); err != nil {
		t.Fatal(err)
	}
	chat, id := s.Private(ann), jsonText(ann.ID)
	picture := pngOf(t, 2600, 150)

	b.messageID(b.upload("sendPhoto", "photo", "fox.png", picture, "chat_id", id, "caption", "a fox", "has_spoiler", "true"))
	photo := s.Messages(chat)[1]
	if photo.Photo == nil || !bytes.Equal(photo.Photo.Bytes, picture) || photo.Caption != "a fox" || !photo.Spoiler ||
		photo.Photo.Width != 2600 {
		t.Fatalf("photo %+v", photo)
	}
	shrunk := b.download(photo.Photo.ID)
	if size, err := jpeg.DecodeConfig(bytes.NewReader(shrunk)); err != nil || size.Width != 2560 {
		t.Errorf("the photo comes back as %+v (%v), not recompressed", size, err)
	}

	b.messageID(b.upload("sendDocument", "file", "fox.png", picture, "chat_id", id, "document", "attach://file"))
	document := s.Messages(chat)[2]
	if document.Document == nil || document.Document.Name != "fox.png" || document.Document.MIME != "image/png" {
		t.Fatalf("document %+v", document)
	}
	if got := b.download(document.Document.ID); !bytes.Equal(got, picture) {
		t.Error("a document's bytes changed")
	}

	b.messageID(b.call("sendPhoto", "chat_id", id, "photo", photo.Photo.ID))
	if again := s.Messages(chat)[3]; again.Photo.ID != photo.Photo.ID || !bytes.Equal(again.Photo.Bytes, picture) {
		t.Errorf("sent again by file_id: %+v", again.Photo)
	}
	refused(t, b.call("sendDocument", "chat_id", id, "document", photo.Photo.ID), 400, "can't use file of type photo as document")
	refused(t, b.call("sendPhoto", "chat_id", id, "photo", "AgACunknown"), 400, "wrong file identifier")
	refused(t, b.call("getFile", "file_id", "AgACunknown"), 400, "wrong file_id")

	album := b.upload("sendMediaGroup", "second", "b.png", picture, "chat_id", id, "media",
		`[{"type":"photo","media":"`+photo.Photo.ID+`","caption":"both"},{"type":"photo","media":"attach://second"}]`)
	if !album.OK {
		t.Fatal(album.Description)
	}
	list := s.Messages(chat)[4:]
	if len(list) != 2 || list[0].Album == "" || list[0].Album != list[1].Album || list[0].Caption != "both" {
		t.Errorf("album %+v", list)
	}
	refused(t, b.call("sendMediaGroup", "chat_id", id, "media",
		`[{"type":"photo","media":"`+photo.Photo.ID+`"},{"type":"document","media":"`+document.Document.ID+`"}]`), 400, "can't be mixed")

	if uploads := s.Calls("sendPhoto")[0].Uploads; len(uploads) != 1 || uploads[0].Size != len(picture) {
		t.Errorf("uploads in the log: %+v", uploads)
	}
}

func TestEdits(t *testing.T) {
	s, b := start(t, telegramtest.Settings{})
	ann := s.User("Ann", "en")
	words, err := ann.Start("")
	if err != nil {
		t.Fatal(err)
	}
	chat, id := s.Private(ann), jsonText(ann.ID)
	buttons := `{"inline_keyboard":[[{"text":"Again","callback_data":"a"}]]}`
	text := strconv.Itoa(b.messageID(b.call("sendMessage", "chat_id", id, "text", "waiting", "reply_markup", buttons)))

	refused(t, b.call("editMessageText", "chat_id", id, "message_id", text, "text", "waiting", "reply_markup", buttons), 400, "message is not modified")
	refused(t, b.call("editMessageCaption", "chat_id", id, "message_id", text, "caption", "x"), 400, "there is no caption")
	refused(t, b.call("editMessageText", "chat_id", id, "message_id", "999", "text", "x"), 400, "message to edit not found")
	refused(t, b.call("editMessageText", "chat_id", id, "message_id", strconv.Itoa(words.ID), "text", "x"), 400, "message can't be edited")
	b.messageID(b.call("editMessageText", "chat_id", id, "message_id", text, "text", "waiting", "link_preview_options", `{"is_disabled":true}`))
	if m := s.Messages(chat)[1]; len(m.Buttons) != 0 || m.Edited.IsZero() || m.Preview {
		t.Errorf("an edit without reply_markup keeps %+v", m)
	}
	b.messageID(b.call("editMessageReplyMarkup", "chat_id", id, "message_id", text, "reply_markup", buttons))
	b.messageID(b.upload("editMessageMedia", "p", "p.png", pngOf(t, 10, 10), "chat_id", id, "message_id", text,
		"media", `{"type":"photo","media":"attach://p","caption":"done"}`))
	m := s.Messages(chat)[1]
	if m.Text != "" || m.Caption != "done" || m.Photo == nil {
		t.Errorf("a text edited into a picture: %+v", m)
	}
	refused(t, b.call("editMessageText", "chat_id", id, "message_id", text, "text", "x"), 400, "there is no text")
	b.messageID(b.call("editMessageCaption", "chat_id", id, "message_id", text, "caption", "<i>done</i>", "parse_mode", "html"))

	b.call("deleteMessages", "chat_id", id, "message_ids", "["+text+",999]")
	refused(t, b.call("deleteMessage", "chat_id", id, "message_id", text), 400, "message to delete not found")
}

func TestGroupPrivacy(t *testing.T) {
	tests := []struct {
		name     string
		settings telegramtest.Settings
		group    telegramtest.GroupSettings
		heard    []string
	}{
		{"privacy on", telegramtest.Settings{}, telegramtest.GroupSettings{},
			[]string{"/imagine a", "/imagine@imagine_test_bot b", "to the bot"}},
		{"privacy off", telegramtest.Settings{PrivacyOff: true}, telegramtest.GroupSettings{Supergroup: true},
			[]string{"/imagine a", "/imagine@imagine_test_bot b", "/imagine@other_bot c", "chatter", "hey @imagine_test_bot", "to the bot", "to Bob"}},
		{"an administrator", telegramtest.Settings{}, telegramtest.GroupSettings{BotAdmin: true},
			[]string{"/imagine a", "/imagine@imagine_test_bot b", "/imagine@other_bot c", "chatter", "hey @imagine_test_bot", "to the bot", "to Bob"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, b := start(t, test.settings)
			ann, bob := s.User("Ann", ""), s.User("Bob", "")
			test.group.Title, test.group.Members = "Foxes", []*telegramtest.User{ann, bob}
			group := s.Group(test.group)
			joined := b.updates()
			if len(joined) < 2 || joined[0].Member.New.Status != "member" || joined[1].Message.Joined[0].ID != s.Bot().ID {
				t.Fatalf("joining: %s", jsonText(joined))
			}
			b.messageID(b.call("sendMessage", "chat_id", jsonText(group.ID), "text", "here I am"))
			mine := s.Messages(group)[1]
			his, err := bob.Send(group, telegramtest.Text("chatter"))
			if err != nil {
				t.Fatal(err)
			}
			for _, parts := range []telegramtest.Parts{
				{telegramtest.Text("/imagine a")},
				{telegramtest.Text("/imagine@imagine_test_bot b")},
				{telegramtest.Text("/imagine@other_bot c")},
				{telegramtest.Text("hey @imagine_test_bot")},
				{telegramtest.Text("to the bot"), telegramtest.Reply(mine)},
				{telegramtest.Text("to Bob"), telegramtest.Reply(his)},
			} {
				if _, err := ann.Send(group, parts...); err != nil {
					t.Fatal(err)
				}
			}
			heard := map[string]bool{}
			for _, u := range b.updates() {
				heard[u.Message.Text] = true
			}
			want := map[string]bool{}
			for _, text := range test.heard {
				want[text] = true
			}
			if diff := cmp.Diff(want, heard); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGroupLife(t *testing.T) {
	s, b := start(t, telegramtest.Settings{})
	ann, bob, eve := s.User("Ann", ""), s.User("Bob", ""), s.User("Eve", "")
	group := s.Group(telegramtest.GroupSettings{Title: "Foxes", Members: []*telegramtest.User{ann, bob}, WithoutBot: true})
	id := jsonText(group.ID)
	refused(t, b.call("sendMessage", "chat_id", id, "text", "x"), 403, "bot is not a member of the group chat")
	group.AddBot()
	b.messageID(b.call("sendMessage", "chat_id", id, "text", "x"))
	if _, err := eve.Send(group, telegramtest.Text("/imagine")); err == nil {
		t.Error("a stranger wrote into the group")
	}
	group.Join(eve)
	if _, err := eve.Send(group, telegramtest.Text("/imagine"), telegramtest.Anonymous()); err != nil {
		t.Error(err)
	}
	group.Promote(bob)
	for user, status := range map[*telegramtest.User]string{ann: "creator", bob: "administrator", eve: "member", s.Bot(): "member"} {
		a := b.call("getChatMember", "chat_id", id, "user_id", jsonText(user.ID))
		if !strings.Contains(string(a.Result), `"status":"`+status+`"`) {
			t.Errorf("%s is %s, want %s", user.FirstName, a.Result, status)
		}
	}
	if a := b.call("getChat", "chat_id", id); !strings.Contains(string(a.Result), `"Foxes"`) {
		t.Errorf("getChat: %+v", a)
	}
	theirs, err := bob.Send(group, telegramtest.Text("/cancel"))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, b.call("deleteMessage", "chat_id", id, "message_id", strconv.Itoa(theirs.ID)), 400, "message can't be deleted")
	group.PromoteBot()
	if a := b.call("deleteMessage", "chat_id", id, "message_id", strconv.Itoa(theirs.ID)); !a.OK {
		t.Errorf("an administrator may delete: %s", a.Description)
	}
	refused(t, b.call("sendMessage", "chat_id", id, "text", "x", "reply_parameters", jsonText(map[string]any{"message_id": theirs.ID})),
		400, "message to be replied not found")
	b.messageID(b.call("sendMessage", "chat_id", id, "text", "x",
		"reply_parameters", jsonText(map[string]any{"message_id": theirs.ID, "allow_sending_without_reply": true})))

	bigger := group.Migrate()
	moved := b.call("sendMessage", "chat_id", id, "text", "x")
	refused(t, moved, 400, "upgraded to a supergroup")
	if moved.Parameters.MigrateTo != bigger.ID {
		t.Errorf("migrate_to_chat_id is %d, want %d", moved.Parameters.MigrateTo, bigger.ID)
	}
	b.messageID(b.call("sendMessage", "chat_id", jsonText(bigger.ID), "text", "x"))
	bigger.KickBot()
	refused(t, b.call("sendMessage", "chat_id", jsonText(bigger.ID), "text", "x"), 403, "bot was kicked from the supergroup chat")

	var trail []string
	for _, u := range b.updates() {
		switch {
		case u.Member != nil:
			trail = append(trail, u.Member.Old.Status+"→"+u.Member.New.Status)
		case u.Message.Sender != nil:
			trail = append(trail, "anonymous "+u.Message.Text)
		case u.Message.MigrateTo != 0:
			trail = append(trail, "migrated")
		default:
			trail = append(trail, u.Message.Text)
		}
	}
	want := []string{"left→member", "", "anonymous /imagine", "/cancel", "member→administrator", "migrated", "", "administrator→kicked"}
	if diff := cmp.Diff(want, trail); diff != "" {
		t.Errorf("what the bot heard (-want +got):\n%s", diff)
	}
}

func TestForum(t *testing.T) {
	s, b := start(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	forum := s.Group(telegramtest.GroupSettings{Title: "Forum", Members: []*telegramtest.User{ann}, Forum: true})
	id := jsonText(forum.ID)
	topic := forum.Topic("pictures")
	asked, err := ann.Send(forum, telegramtest.Text("/imagine a"), telegramtest.Thread(topic))
	if err != nil {
		t.Fatal(err)
	}
	list := b.updates()
	if last := list[len(list)-1].Message; last.Thread != topic || !last.InTopic {
		t.Errorf("the thread of a message in a topic: %s", jsonText(last))
	}
	b.messageID(b.call("sendMessage", "chat_id", id, "text", "in the topic", "message_thread_id", strconv.Itoa(topic)))
	b.messageID(b.call("sendMessage", "chat_id", id, "text", "in the topic", "reply_parameters", jsonText(map[string]any{"message_id": asked.ID})))
	b.messageID(b.call("sendMessage", "chat_id", id, "text", "in general"))
	for _, m := range s.Messages(forum) {
		if want := map[string]int{"in the topic": topic}[m.Text]; m.FromBot && m.Thread != want {
			t.Errorf("%q is in thread %d, want %d", m.Text, m.Thread, want)
		}
	}
	for _, thread := range []string{"1", "77"} {
		refused(t, b.call("sendMessage", "chat_id", id, "text", "x", "message_thread_id", thread), 400, "message thread not found")
	}
	if a := b.call("sendChatAction", "chat_id", id, "action", "typing", "message_thread_id", "1"); !a.OK {
		t.Errorf("a chat action takes the general topic: %s", a.Description)
	}
	forum.DeleteTopic(topic)
	refused(t, b.call("sendMessage", "chat_id", id, "text", "x", "message_thread_id", strconv.Itoa(topic)), 400, "message thread not found")

	plain := s.Group(telegramtest.GroupSettings{Title: "No forum", Members: []*telegramtest.User{ann}, Supergroup: true})
	first, err := ann.Send(plain, telegramtest.Text("/imagine a"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := ann.Send(plain, telegramtest.Text("/imagine b"), telegramtest.Reply(first))
	if err != nil || second.Thread != first.ID {
		t.Fatalf("a reply in a supergroup is in thread %d (%v), want %d", second.Thread, err, first.ID)
	}
	refused(t, b.call("sendMessage", "chat_id", jsonText(plain.ID), "text", "x", "message_thread_id", strconv.Itoa(second.Thread)),
		400, "message thread not found")
}

func TestWhatElsePeopleSend(t *testing.T) {
	s, b := start(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	chat := s.Private(ann)
	words, err := ann.Send(chat, telegramtest.Text("a fox"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ann.Album(chat,
		telegramtest.Parts{telegramtest.Photo(jpegOf(t, 50, 50)), telegramtest.Caption("like these"), telegramtest.Spoiler()},
		telegramtest.Parts{telegramtest.Photo(jpegOf(t, 60, 50))},
	); err != nil {
		t.Fatal(err)
	}
	if _, err := ann.Edit(words, "two foxes"); err != nil {
		t.Fatal(err)
	}
	if _, err := ann.Forward(chat, words); err != nil {
		t.Fatal(err)
	}
	if _, err := ann.Send(chat, telegramtest.Sticker("🦊")); err != nil {
		t.Fatal(err)
	}
	lie, err := ann.Send(chat, telegramtest.Document("a?b.notes", []byte("no picture")), telegramtest.MIME("image/png"))
	if err != nil || lie.Document.MIME != "image/png" {
		t.Fatalf("document %+v (%v)", lie, err)
	}
	list := b.updates()
	if len(list) != 7 {
		t.Fatalf("%d updates: %s", len(list), jsonText(list))
	}
	if list[1].Message.Group == "" || list[1].Message.Group != list[2].Message.Group || list[1].Message.Caption != "like these" {
		t.Errorf("album: %s", jsonText(list[1:3]))
	}
	if list[3].Edited.Text != "two foxes" || list[4].Message.Origin.Type != "user" || list[5].Message.Sticker.Emoji != "🦊" {
		t.Errorf("edit, forward, sticker: %s", jsonText(list[3:6]))
	}
	if got := b.download(list[6].Message.Document.ID); string(got) != "no picture" {
		t.Errorf("document %q", got)
	}
	big, err := ann.Send(chat, telegramtest.Document("big.png", make([]byte, 20<<20+1)))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, b.call("getFile", "file_id", big.Document.ID), 400, "file is too big")

	for name, parts := range map[string]telegramtest.Parts{
		"nothing":          {},
		"no picture":       {telegramtest.Photo([]byte("text"))},
		"too long":         {telegramtest.Text(strings.Repeat("x", 4097))},
		"an unknown topic": {telegramtest.Text("x"), telegramtest.Thread(9)},
		"an unknown reply": {telegramtest.Text("x"), telegramtest.Reply(telegramtest.Message{ID: 99})},
	} {
		if _, err := ann.Send(chat, parts...); err == nil {
			t.Errorf("%s was sent", name)
		}
	}
	if _, err := s.User("Bob", "").Send(chat, telegramtest.Text("x")); err == nil {
		t.Error("Bob wrote in Ann's private chat")
	}
	if _, err := ann.Forward(chat, telegramtest.Message{}); err == nil {
		t.Error("a message of no chat was forwarded")
	}
	if err := ann.Delete(words); err != nil {
		t.Fatal(err)
	}
	refused(t, b.call("sendMessage", "chat_id", jsonText(chat.ID), "text", "x", "reply_parameters", jsonText(map[string]any{"message_id": words.ID})),
		400, "message to be replied not found")
}

func TestBlockingAndLinks(t *testing.T) {
	s, b := start(t, telegramtest.Settings{})
	ann := s.User("Ann", "")
	id := jsonText(ann.ID)
	if _, err := ann.Follow("https://t.me/imagine_test_bot?start=show_9"); err != nil {
		t.Fatal(err)
	}
	ann.Block()
	refused(t, b.call("sendMessage", "chat_id", id, "text", "x"), 403, "bot was blocked by the user")
	if _, err := ann.Send(s.Private(ann), telegramtest.Text("x")); err == nil {
		t.Error("one cannot write to a bot one blocked")
	}
	if _, err := ann.Start(""); err != nil {
		t.Fatal(err)
	}
	b.messageID(b.call("sendMessage", "chat_id", id, "text", "x"))
	list := b.updates()
	if len(list) != 4 || list[0].Message.Text != "/start show_9" || list[1].Member.New.Status != "kicked" ||
		list[2].Member.New.Status != "member" || list[3].Message.Text != "/start" {
		t.Errorf("updates: %s", jsonText(list))
	}
	for _, link := range []string{"https://t.me/other_bot?start=1", "https://example.org/imagine_test_bot", "https://t.me/imagine_test_bot?start=a+b"} {
		if _, err := ann.Follow(link); err == nil {
			t.Errorf("%s led to the bot", link)
		}
	}
}
