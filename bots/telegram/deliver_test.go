package telegram

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"imaginebot/bots"
	"imaginebot/bots/telegram/telegramtest"
	"imaginebot/core"
	"imaginebot/core/coretest"
)

// made puts pictures into the house and makes the outcome of a generation of them.
func (h *house) made(pictures ...[]byte) core.Outcome {
	h.t.Helper()
	id := core.GenerationOf(core.EventKey(h.t.Name()))
	g := core.Generation{ID: id, User: userID(h.ann.ID), Place: "telegram:1", Request: core.Request{Model: "flux-dev-t2i", Prompt: "a fox", Count: len(pictures)}}
	for i, content := range pictures {
		image, err := h.pictures.Put(h.t.Context(), fmt.Sprintf("out/%s-%d", id, i+1), bytes.NewReader(content), core.LimitsOut)
		if err != nil {
			h.t.Fatal(err)
		}
		g.Takes = append(g.Takes, core.Take{Index: i, State: core.TakeRendered, Image: &image, Price: 25_000})
	}
	return core.Outcome{Generation: g, Model: core.Model{ID: "flux-dev-t2i"}}
}

// failed is the outcome of a generation without pictures.
func (h *house) failed() core.Outcome {
	outcome := h.made()
	outcome.Generation.Takes = []core.Take{{State: core.TakeFailed, Kind: core.Refused}}
	return outcome
}

// deliver delivers to Ann.
func (h *house) deliver(outcome core.Outcome, prior core.Receipt) (core.Receipt, error) {
	return h.bot.Deliver(h.t.Context(), address{Chat: h.ann.ID}.replyTo(), outcome, prior)
}

// met is a house without a running bot, in whose private chat with Ann the bot may write.
func met(t *testing.T) *house {
	h := open(t, telegramtest.Settings{})
	if _, err := h.ann.Start(""); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) mustDeliver(outcome core.Outcome, prior core.Receipt) core.Receipt {
	h.t.Helper()
	receipt, err := h.deliver(outcome, prior)
	if err != nil {
		h.t.Fatal(err)
	}
	return receipt
}

func (h *house) repeated(want int) {
	h.t.Helper()
	if got := int(h.repeats.Load()); got != want {
		h.t.Errorf("%d repetitions were counted, want %d", got, want)
	}
}

func TestPhotoRules(t *testing.T) {
	heavy := append(coretest.PNG(9, 9), make([]byte, 10<<20)...) // decoders stop at the picture's end
	animation := []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")
	for _, test := range []struct {
		name    string
		picture []byte
		preview bool
	}{
		{"a square", coretest.PNG(64, 64), false},
		{"at the limits", coretest.PNG(9000, 1000), false},
		{"too large", coretest.PNG(9600, 500), true},
		{"too long", coretest.PNG(2001, 100), true},
		{"too many bytes", heavy, true},
		{"of another kind", animation, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := met(t)
			outcome := h.made(test.picture)
			h.mustDeliver(outcome, "")
			said := h.said(h.chat)
			if said[0].Photo == nil || !hasButton(said[0], "Original") || !strings.Contains(said[0].Caption, "a fox") {
				t.Fatalf("the picture is %+v", said[0])
			}
			if asItIs := bytes.Equal(said[0].Photo.Bytes, test.picture); asItIs == test.preview {
				t.Errorf("the photo is the picture itself: %v", asItIs)
			}
			switch {
			case !test.preview && len(said) != 1:
				t.Errorf("there are %d messages", len(said))
			case test.preview && (len(said) != 2 || said[1].Document == nil || !bytes.Equal(said[1].Document.Bytes, test.picture) || said[1].ReplyTo != said[0].ID):
				t.Errorf("the untouched file does not follow: %d messages", len(said))
			}
			h.repeated(0)
		})
	}
}

func TestAPictureThatIsNoPhoto(t *testing.T) {
	undecodable := append([]byte(nil), coretest.PNG(6000, 5000)...)[:60]
	for name, test := range map[string]struct {
		picture []byte
		trouble telegramtest.Trouble
	}{
		"no preview can be made":        {undecodable, telegramtest.Trouble{}},
		"telegram cannot read it":       {coretest.PNG(9, 9), telegramtest.Fail(400, "Bad Request: IMAGE_PROCESS_FAILED")},
		"telegram finds it too big":     {coretest.PNG(9, 9), telegramtest.Fail(413, "Request Entity Too Large")},
		"photos are not allowed there":  {coretest.PNG(9, 9), telegramtest.Fail(400, "Bad Request: not enough rights to send photos to the chat")},
		"telegram dislikes its measure": {coretest.PNG(9, 9), telegramtest.Fail(400, "Bad Request: PHOTO_INVALID_DIMENSIONS")},
	} {
		t.Run(name, func(t *testing.T) {
			h := met(t)
			h.server.Script(telegramtest.Match{Method: "sendPhoto"}, test.trouble, 1)
			h.mustDeliver(h.made(test.picture), "")
			said := h.said(h.chat)
			if len(said) != 1 || said[0].Document == nil || !bytes.Equal(said[0].Document.Bytes, test.picture) || !hasButton(said[0], "Again") {
				t.Errorf("the bot said %+v", said)
			}
			h.repeated(0)
		})
	}
}

func TestNeitherPhotoNorFile(t *testing.T) {
	h := met(t)
	h.server.Script(telegramtest.Match{Method: "sendPhoto"}, telegramtest.Fail(413, "Request Entity Too Large"), 1)
	h.server.Script(telegramtest.Match{Method: "sendDocument"}, telegramtest.Fail(413, "Request Entity Too Large"), 1)
	h.mustDeliver(h.made(coretest.PNG(9, 9)), "")
	if said := h.said(h.chat); len(said) != 1 || said[0].Photo == nil || bytes.Equal(said[0].Photo.Bytes, coretest.PNG(9, 9)) {
		t.Errorf("the bot said %+v, want a preview", said)
	}
}

func TestSeveralPictures(t *testing.T) {
	h := met(t)
	pictures := [][]byte{coretest.PNG(9, 9), coretest.PNG(2100, 100), coretest.PNG(11, 9)}
	outcome := h.made(pictures...)
	outcome.Generation.Takes = append(outcome.Generation.Takes, core.Take{Index: 3, State: core.TakeFailed, Kind: core.Refused, Price: 25_000})
	h.mustDeliver(outcome, "")
	said := h.said(h.chat)
	if len(said) != 5 {
		t.Fatalf("the bot said %+v", said)
	}
	for i, m := range said[:3] {
		if m.Photo == nil || m.Album != said[0].Album || m.Album == "" || (i == 0) != strings.Contains(m.Caption, "Picture 4 failed") {
			t.Errorf("photo %d is %+v", i, m)
		}
		if asItIs := bytes.Equal(m.Photo.Bytes, pictures[i]); asItIs != (i != 1) {
			t.Errorf("photo %d is the picture itself: %v", i, asItIs)
		}
	}
	if keys := said[3]; !hasButton(keys, "Again") || keys.ReplyTo != said[0].ID {
		t.Errorf("the buttons are under %+v", keys)
	}
	if file := said[4]; file.Document == nil || !bytes.Equal(file.Document.Bytes, pictures[1]) || file.Document.Name != string(outcome.Generation.ID)+"-2.png" {
		t.Errorf("the file is %+v", file)
	}
}

func TestDeliveryErrors(t *testing.T) {
	for name, test := range map[string]struct {
		trouble telegramtest.Trouble
		kind    core.Kind
		after   time.Duration
		again   bool // a second attempt is counted as a repetition
	}{
		"flood":                 {telegramtest.Flood(7 * time.Second), core.Busy, 7 * time.Second, false},
		"a bad gateway":         {telegramtest.BadGateway(), core.Busy, 0, true},
		"an internal error":     {telegramtest.Fail(500, "Internal Server Error"), core.Busy, 0, true},
		"no answer":             {telegramtest.DropBefore(), core.Busy, 0, true},
		"a revoked token":       {telegramtest.Fail(401, "Unauthorized"), core.Busy, 0, false},
		"blocked":               {telegramtest.Fail(403, "Forbidden: bot was blocked by the user"), core.Gone, 0, false},
		"never started":         {telegramtest.Fail(403, "Forbidden: bot can't initiate conversation with a user"), core.Gone, 0, false},
		"kicked":                {telegramtest.Fail(403, "Forbidden: bot was kicked from the group chat"), core.Gone, 0, false},
		"chat not found":        {telegramtest.Fail(400, "Bad Request: chat not found"), core.Gone, 0, false},
		"the topic was deleted": {telegramtest.Fail(400, "Bad Request: message thread not found"), core.Gone, 0, false},
		"something unheard of":  {telegramtest.Fail(400, "Bad Request: the moon is full"), core.Internal, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := met(t)
			outcome := h.made(coretest.PNG(9, 9))
			h.server.Script(telegramtest.Match{Method: "sendPhoto"}, test.trouble, 1)
			receipt, err := h.deliver(outcome, "")
			if known := core.AsError(err); err == nil || known.Kind != test.kind || known.After != test.after {
				t.Fatalf("the error is %v after %v, want %v after %v", err, known.After, test.kind, test.after)
			}
			if strings.Contains(err.Error(), h.server.Token()) {
				t.Error("the token is in the error")
			}
			h.mustDeliver(outcome, receipt)
			if said := h.said(h.chat); len(said) != 1 {
				t.Errorf("the bot said %+v", said)
			}
			if got := h.repeats.Load() == 1; got != test.again {
				t.Errorf("a repetition was counted: %v", got)
			}
		})
	}
}

func TestARepeatedDeliveryGoesOn(t *testing.T) {
	h := met(t)
	outcome := h.made(coretest.PNG(9, 9), coretest.PNG(2100, 100))
	h.server.Script(telegramtest.Match{Method: "sendMessage"}, telegramtest.Flood(time.Second), 1)
	receipt, err := h.deliver(outcome, "")
	if core.KindOf(err) != core.Busy {
		t.Fatal(err)
	}
	h.server.Script(telegramtest.Match{Method: "sendDocument"}, telegramtest.BadGateway(), 1)
	if receipt, err = h.deliver(outcome, receipt); core.KindOf(err) != core.Busy {
		t.Fatal(err)
	}
	receipt = h.mustDeliver(outcome, receipt)
	h.repeated(1)
	h.mustDeliver(outcome, receipt) // nothing is left to be told
	if said := h.said(h.chat); len(said) != 4 || len(h.server.Calls("sendMediaGroup")) != 1 {
		t.Errorf("the bot said %+v", said)
	}
	if again := h.mustDeliver(outcome, "not JSON"); again == "" {
		t.Error("what the notes know was not used")
	}
}

func TestAKillBetweenSendAndRecord(t *testing.T) {
	h := met(t)
	outcome := h.made(coretest.PNG(9, 9))
	h.mustDeliver(outcome, "")
	h.mustDeliver(outcome, "") // nobody wrote down what the first one returned
	if said := h.said(h.chat); len(said) != 2 {
		t.Errorf("the bot said %+v, want a second copy rather than none", said)
	}
	h.repeated(1)
}

func TestAnEndWithoutPicturesIsAnEdit(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	h.renderer.Next(coretest.Scene{After: &core.Error{Kind: core.Refused}})
	h.send(h.ann, h.chat, telegramtest.Text("something dubious"))
	h.await(h.chat, "safety filter")
	h.settled()
	if said := h.said(h.chat); len(said) != 2 || len(said[1].Buttons) > 0 {
		t.Errorf("the bot said %+v", said)
	}
	g := h.only()
	outcome := core.Outcome{Generation: g, Model: core.Model{ID: "flux-dev-t2i"}}
	if _, err := h.bot.Deliver(t.Context(), g.ReplyTo, outcome, ""); err != nil { // once more changes nothing
		t.Error(err)
	}
	h.repeated(0)
}

func TestAnEndWhoseMessageIsGone(t *testing.T) {
	h := met(t)
	outcome := h.failed()
	turn := &turn{Bot: h.bot, key: core.EventKey(t.Name()), now: time.Now, to: address{Chat: h.ann.ID}}
	if err := turn.wait(t.Context(), turn.to, bots.Placeholder(core.GenerationOf(turn.key))); err != nil {
		t.Fatal(err)
	}
	if err := h.ann.Delete(h.said(h.chat)[0]); err != nil {
		t.Fatal(err)
	}
	h.mustDeliver(outcome, "")
	if said := h.said(h.chat); len(said) != 1 || !strings.Contains(said[0].Text, "safety filter") {
		t.Errorf("the bot said %+v", said)
	}
}

func TestALatePlaceholderStaysBehindTheEnd(t *testing.T) {
	h := met(t)
	turn := &turn{Bot: h.bot, key: core.EventKey(t.Name()), now: time.Now, to: address{Chat: h.ann.ID}}
	turn.watch = h.bot.watches.enter(core.GenerationOf(turn.key))
	defer h.bot.watches.leave(turn.watch)
	h.mustDeliver(h.made(coretest.PNG(9, 9)), "")
	late := bots.Placeholder(core.GenerationOf(turn.key))
	late.Submitted = core.GenerationOf(turn.key)
	turn.say(t.Context(), late)
	if said := h.said(h.chat); len(said) != 1 || said[0].Photo == nil {
		t.Errorf("the bot said %+v", said)
	}
}

func TestDeliveryFollowsTheGroup(t *testing.T) {
	h := open(t, telegramtest.Settings{})
	group := h.server.Group(telegramtest.GroupSettings{Title: "Room", Members: []*telegramtest.User{h.ann}})
	asked := h.send(h.ann, group, telegramtest.Text("/imagine a fox"))
	moved := group.Migrate()
	to := address{Chat: group.ID, Message: asked.ID}.replyTo()
	receipt, err := h.bot.Deliver(t.Context(), to, h.failed(), "")
	if err != nil || parseSent(string(receipt)).Chat != moved.ID {
		t.Fatalf("the receipt is %s (%v)", receipt, err)
	}
	begun := sent{Chat: moved.ID, Tries: 9}.receipt()
	if _, err := h.bot.Deliver(t.Context(), to, h.made(coretest.PNG(9, 9), coretest.PNG(9, 10)), begun); err != nil {
		t.Fatal(err)
	}
	if said := h.said(moved); len(said) != 4 || !hasButton(said[3], "Again") {
		t.Errorf("the supergroup sees %+v", said)
	}
}

func TestRepliesFollowTheGroup(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	group := h.server.Group(telegramtest.GroupSettings{Title: "Room", Members: []*telegramtest.User{h.ann}})
	h.settled()
	quota := h.send(h.ann, group, telegramtest.Text("/quota"))
	h.await(group, "This month")
	moved := group.Migrate()
	h.settled()
	turn := &turn{Bot: h.bot, key: "telegram:x", now: time.Now, to: address{Chat: group.ID, Message: quota.ID}}
	if err := turn.wait(t.Context(), turn.to, bots.Placeholder(core.GenerationOf(turn.key))); err != nil || turn.to.Chat != moved.ID {
		t.Errorf("the answer goes to %+v (%v)", turn.to, err)
	}
	turn.to, turn.waiting = address{Chat: group.ID, Message: quota.ID}, nil
	turn.say(t.Context(), bots.Placeholder(core.GenerationOf(turn.key)))
	if said := h.said(moved); len(said) != 2 {
		t.Errorf("the supergroup sees %+v", said)
	}
}

func TestAddressesOfNobody(t *testing.T) {
	h := open(t, telegramtest.Settings{})
	if _, err := h.bot.Deliver(t.Context(), core.ReplyTo{Platform: platform, Address: "nonsense"}, h.made(), ""); core.KindOf(err) != core.Gone {
		t.Errorf("the error is %v", err)
	}
	if err := h.bot.Progress(t.Context(), core.ReplyTo{}, core.Progress{}); !errors.Is(err, errAddress) {
		t.Errorf("the error is %v", err)
	}
}

func TestProgressIsAnAction(t *testing.T) {
	h := open(t, telegramtest.Settings{})
	forum := h.server.Group(telegramtest.GroupSettings{Title: "Forum", Members: []*telegramtest.User{h.ann}, Forum: true})
	topic := forum.Topic("Foxes")
	if err := h.bot.Progress(t.Context(), address{Chat: forum.ID, Topic: topic, Message: 7}.replyTo(), core.Progress{}); err != nil {
		t.Fatal(err)
	}
	if shown := h.server.Actions(forum); len(shown) != 1 || shown[0].Action != "upload_photo" || shown[0].Thread != topic {
		t.Errorf("the actions are %+v", shown)
	}
	if said := h.said(forum); len(said) != 0 {
		t.Errorf("the bot said %+v", said)
	}
}

func TestAnAlbumIsShownAgain(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	h.send(h.ann, h.chat, telegramtest.Text("foxes --n 2"))
	h.awaitPhotos(h.chat, 2)
	h.server.Script(telegramtest.Match{Method: "sendMediaGroup"}, telegramtest.Flood(time.Second), 1)
	h.send(h.ann, h.chat, telegramtest.Text("/show "+string(h.only().ID)))
	h.awaitPhotos(h.chat, 4)
	h.settled()
	keyed := slices.DeleteFunc(h.said(h.chat), func(m telegramtest.Message) bool { return !hasButton(m, "Delete") })
	if len(keyed) != 2 {
		t.Errorf("there are %d rows of buttons", len(keyed))
	}
}

func TestAPictureThatCannotBeShown(t *testing.T) {
	h := started(t, telegramtest.Settings{})
	h.send(h.ann, h.chat, telegramtest.Text("a fox"))
	h.awaitPhotos(h.chat, 1)
	h.pictures.Break(errors.New("the disk is gone"))
	h.send(h.ann, h.chat, telegramtest.Text("/show "+string(h.only().ID)))
	h.await(h.chat, "something broke on my side")
}
