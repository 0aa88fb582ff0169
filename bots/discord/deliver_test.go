package discord

import (
	"bytes"
	"image"
	"image/png"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"imaginebot/bots"
	"imaginebot/bots/discord/discordtest"
	"imaginebot/core"
	"imaginebot/core/coretest"
)

// painting gives /imagine, whose picture waits for the hand to be opened, and returns when
// the person has been told to wait.
func (r *rig) painting(where *discordtest.Channel, given discordtest.Options) (i *discordtest.Interaction, open func()) {
	r.t.Helper()
	hand := make(chan struct{})
	r.renderer.Next(coretest.Scene{Working: hand})
	i = r.command(where, "imagine", given)
	r.answer(i, "flux-dev-t2i", "will paint")
	turn := r.bot.turns.enter(i.ID, r.clock.now())
	turn.Lock() // until the bot itself knows that it is written
	message := turn.message
	turn.Unlock()
	r.bot.turns.leave(i.ID)
	if message == "" {
		r.t.Fatal("the bot does not know what it has written")
	}
	return i, func() { close(hand) }
}

var fox = discordtest.Options{"prompt": "a red fox"}

// What goes wrong on the way does not make a second picture, and nobody pays twice.
func TestDeliveryIsRepeated(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		trouble discordtest.Trouble
	}{
		{"429", discordtest.RateLimited(50*time.Millisecond, false)},
		{"429 for longer than a call waits", discordtest.RateLimited(6*time.Second, false)},
		{"500", discordtest.ServerError(500)},
		{"502", discordtest.BadGateway()},
		{"dropped before", discordtest.DropBefore()},
		{"dropped after", discordtest.DropAfter()},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{server: fake(t, discordtest.Settings{})})
			i, open := r.painting(r.room, fox)
			trouble := r.server.Script(answerPath, test.trouble, 1)
			open()
			message := r.answer(i, "a red fox", "0.025 PTC")
			r.ends(i, core.Delivered)
			if len(message.Attachments) != 1 || !bytes.Equal(message.Attachments[0].Bytes(), coretest.PNG(8, 8)) {
				t.Errorf("%d files", len(message.Attachments))
			}
			if trouble.Hits() != 1 || r.renderer.Paid() != 1 || len(r.server.Messages(r.room, r.ann)) != 1 {
				t.Errorf("%d troubles, %d paid, %d messages", trouble.Hits(), r.renderer.Paid(), len(r.server.Messages(r.room, r.ann)))
			}
		})
	}
}

func TestAnswerIsGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{})})
	i, open := r.painting(r.room, fox)
	waiting, _ := i.Response()
	if err := r.server.Remove(waiting); err != nil {
		t.Fatal(err)
	}
	open()
	g := r.ends(i, core.KeptForOwner)
	if messages := r.server.Messages(r.room, r.ann); len(messages) > 0 {
		t.Errorf("the person has deleted the answer, and there is %q", messages[0].Text())
	}
	shown := r.answer(r.command(r.room, "show", discordtest.Options{"id": string(g.ID)}), "a red fox")
	if !shown.Ephemeral || len(shown.Attachments) != 1 || len(shown.Buttons) != 3 {
		t.Errorf("shown: %+v", shown)
	}
}

func TestTokenIsDead(t *testing.T) {
	t.Parallel()
	t.Run("a message in the channel", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, options{server: fake(t, discordtest.Settings{})})
		i, open := r.painting(r.room, discordtest.Options{"prompt": "a red fox for " + r.server.User("Bob").Mention()})
		i.ExpireToken()
		open()
		message := r.await(r.room, "a red fox", "0.025 PTC")
		r.ends(i, core.Delivered)
		if len(message.Mentions) != 1 || message.Mentions[0] != r.ann || len(message.Attachments) != 1 || len(message.Buttons) != 3 {
			t.Errorf("it pings %v, has %d files and %d buttons", message.Mentions, len(message.Attachments), len(message.Buttons))
		}
		until(t, "nothing waits any more", func() bool { return len(r.server.Messages(r.room, r.ann)) == 1 })
	})
	t.Run("a private picture in direct messages", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, options{server: fake(t, discordtest.Settings{})})
		i, open := r.painting(r.room, discordtest.Options{"prompt": "a red fox", "private": true})
		i.ExpireToken()
		open()
		message := r.await(r.dm, "flux-dev-t2i", "0.025 PTC")
		r.ends(i, core.Delivered)
		if len(message.Attachments) != 1 || message.Attachments[0].Description != "" || strings.Contains(message.Text(), "fox") {
			t.Errorf("%q with %d files", message.Text(), len(message.Attachments))
		}
		for _, other := range r.server.Messages(r.room, r.server.User("Bob")) {
			t.Errorf("others see %q", other.Text())
		}
	})
	t.Run("a private picture that finds nobody", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, options{server: fake(t, discordtest.Settings{})})
		r.ann.CloseDMs()
		i, open := r.painting(r.room, discordtest.Options{"prompt": "a red fox --private"})
		i.ExpireToken()
		open()
		r.ends(i, core.KeptForOwner)
	})
	t.Run("no way into the channel", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, options{server: fake(t, discordtest.Settings{})})
		i, open := r.painting(r.room, fox)
		i.ExpireToken()
		r.room.SetAppPermissions(discordtest.PermissionViewChannel)
		open()
		r.await(r.dm, "a red fox", "0.025 PTC")
		r.ends(i, core.Delivered)
	})
	t.Run("the channel is deleted", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, options{server: fake(t, discordtest.Settings{})})
		i, open := r.painting(r.room, fox)
		i.ExpireToken()
		r.room.Delete()
		open()
		r.ends(i, core.KeptForOwner)
	})
	t.Run("in direct messages", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, options{server: fake(t, discordtest.Settings{})})
		i, open := r.painting(r.dm, discordtest.Options{"prompt": "a red fox", "private": true})
		i.ExpireToken()
		open()
		r.await(r.dm, "0.025 PTC")
		r.ends(i, core.Delivered)
	})
	t.Run("after a quarter of an hour nobody tries the token", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, options{server: fake(t, discordtest.Settings{})})
		i, open := r.painting(r.room, fox)
		before := r.calls("PATCH", "/webhooks/")
		r.clock.advance(15 * time.Minute)
		open()
		r.await(r.room, "a red fox", "0.025 PTC")
		r.ends(i, core.Delivered)
		if tried := r.calls("PATCH", "/webhooks/") - before; tried > 0 {
			t.Errorf("the token was tried %d times", tried)
		}
	})
	t.Run("the message comes once, though its answer is lost", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, options{server: fake(t, discordtest.Settings{})})
		i, open := r.painting(r.room, fox)
		i.ExpireToken()
		lost := r.server.Script(discordtest.Match{Method: "POST", Path: "/channels/*/messages"}, discordtest.DropAfter(), 1)
		open()
		r.ends(i, core.Delivered)
		until(t, "nothing waits any more", func() bool { return len(r.server.Messages(r.room, r.ann)) == 1 })
		if lost.Hits() != 1 {
			t.Error("no answer was lost")
		}
	})
}

// Progress keeps its pace, and nothing comes after the last word.
func TestProgress(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{})})
	i, open := r.painting(r.room, fox)
	g := r.generation(i)
	progress := core.Progress{Generation: g.ID, Request: g.Request, Waited: 7 * time.Second}
	show := func() {
		t.Helper()
		if err := r.bot.Progress(t.Context(), g.ReplyTo, progress); err != nil {
			t.Fatal(err)
		}
	}
	turn := r.bot.turns.enter(i.ID, r.clock.now())
	show()
	if now, _ := i.Response(); !strings.Contains(now.Text(), "will paint") {
		t.Errorf("progress came at once: %q", now.Text())
	}
	r.clock.advance(progressPace)
	show()
	if now, _ := i.Response(); !strings.Contains(now.Text(), "is painting… 7s") || len(now.Buttons) != 1 {
		t.Errorf("no progress: %q", now.Text())
	}
	// An answer that is being written at that moment is not waited for.
	turn.Lock()
	r.clock.advance(progressPace)
	progress.Waited = 9 * time.Second
	show()
	if now, _ := i.Response(); strings.Contains(now.Text(), "9s") {
		t.Error("progress overtook what was being written")
	}
	turn.Unlock()
	open()
	final := r.answer(i, "a red fox", "0.025 PTC")
	r.ends(i, core.Delivered)
	r.clock.advance(progressPace)
	show()
	r.bot.turns.leave(i.ID)
	if now, _ := i.Response(); now.Text() != final.Text() {
		t.Errorf("after the last word came %q", now.Text())
	}
}

// The picture may be there before the person is told to wait.
func TestTheEndBeforeTheWaiting(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{})})
	i := r.command(r.room, "imagine", fox)
	r.ends(i, core.Delivered)
	r.answer(i, "a red fox", "0.025 PTC")
	visit := &visit{Bot: r.bot, turn: r.bot.turns.enter(i.ID, r.clock.now())}
	visit.to, _ = parseReplyTo(r.generation(i).ReplyTo)
	defer r.bot.turns.leave(i.ID)
	before := r.calls("PATCH", "/webhooks/")
	queued := bots.Reply{Submitted: r.generation(i).ID}
	if err := visit.wait(t.Context(), queued); err != nil {
		t.Fatal(err)
	}
	if r.calls("PATCH", "/webhooks/") != before {
		t.Error("the picture was taken away again")
	}
}

func TestAddressOfNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{}), idle: true})
	for _, to := range []core.ReplyTo{{}, {Platform: home, Address: "{}"}, {Platform: "other", Address: "{}"}} {
		if _, err := r.bot.Deliver(t.Context(), to, core.Outcome{}, ""); core.KindOf(err) != core.Gone {
			t.Errorf("%v: %v", to, err)
		}
		if err := r.bot.Progress(t.Context(), to, core.Progress{}); err == nil {
			t.Errorf("%v: progress was shown to nobody", to)
		}
	}
}

// Pictures that are too big are shown smaller, and the reason is said.
func TestTooBigToShow(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		limit int64
		taken discordtest.Trouble
		side  int
	}{
		{"over the limit", 40_000, discordtest.Slow(0), 120},
		{"Discord takes less than it says", 0, discordtest.Refused(40005), 1000},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			big := noisy(t, test.side)
			r := newRig(t, options{server: fake(t, discordtest.Settings{AttachmentLimit: test.limit}), paints: big})
			i, open := r.painting(r.room, fox)
			r.server.Script(answerPath, test.taken, 1)
			open()
			message := r.answer(i, "a red fox", "Discord takes", "this is a smaller copy")
			if len(message.Attachments) != 1 || message.Attachments[0].ContentType != "image/jpeg" || message.Attachments[0].Size >= int64(len(big)) {
				t.Errorf("%+v", message.Attachments)
			}
			file := r.answer(r.click(r.ann, message, "Original"), "The original file")
			if fits := test.limit == 0; fits != (len(file.Attachments) == 1) || !fits != strings.Contains(file.Text(), "cannot be sent") {
				t.Errorf("%d files, %q", len(file.Attachments), file.Text())
			}
		})
	}
}

// noisy is a picture that cannot be compressed.
func noisy(t *testing.T, side int) []byte {
	t.Helper()
	canvas, random := image.NewNRGBA(image.Rect(0, 0, side, side)), rand.New(rand.NewPCG(1, 2))
	for n := range canvas.Pix {
		canvas.Pix[n] = uint8(random.Uint32())
	}
	var out bytes.Buffer
	if err := png.Encode(&out, canvas); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// After an album of four, each picture is there once, in order, described by its words.
func TestAlbum(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{})})
	i := r.command(r.room, "imagine", discordtest.Options{"prompt": "four hens", "count": 4})
	g := r.ends(i, core.Delivered)
	message := r.answer(i, "four hens", "4 pictures")
	var names []string
	for _, file := range message.Attachments {
		names = append(names, file.Filename)
		if file.Description != "four hens" {
			t.Errorf("%s is described as %q", file.Filename, file.Description)
		}
	}
	id := string(g.ID)
	if want := []string{id + "-1.png", id + "-2.png", id + "-3.png", id + "-4.png"}; !slices.Equal(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
}
