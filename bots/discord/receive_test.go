package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"imaginebot/bots/discord/discordtest"
	"imaginebot/core"
	"imaginebot/core/coretest"
)

// stuck is a database that does not answer until it is freed.
type stuck struct {
	core.Store
	free chan struct{}
}

func (s *stuck) InTx(ctx context.Context, do func(context.Context, core.Tx) error) error {
	select {
	case <-s.free:
		return s.Store.InTx(ctx, do)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Note lets the bot get ready.
func (s *stuck) Note(context.Context, string) (string, error) { return "", nil }

// The acknowledgement and the suggestions wait for no database.
func TestTheDatabaseIsStuck(t *testing.T) {
	t.Parallel()
	free := make(chan struct{})
	r := newRig(t, options{
		server: fake(t, discordtest.Settings{AckWithin: time.Second}),
		store:  func(s core.Store) core.Store { return &stuck{s, free} },
	})
	i := r.command(r.room, "imagine", fox)
	if i.AckType() != 5 || i.Ephemeral() {
		t.Errorf("acknowledged with type %d", i.AckType())
	}
	choices, err := r.server.Autocomplete(t.Context(), r.ann, r.room, "imagine", discordtest.Options{"prompt": "x", "model": "ideogram"}, "model")
	if err != nil || len(choices) == 0 || !strings.HasPrefix(choices[0].Name, "ideogram") {
		t.Errorf("suggestions %v, %v", choices, err)
	}
	shapes, err := r.server.Autocomplete(t.Context(), r.ann, r.room, "imagine", discordtest.Options{"prompt": "x", "model": "luma-t2i", "aspect": "16"}, "aspect")
	if err != nil || !slices.Equal(shapes, []discordtest.Choice{{Name: "16:9", Value: "16:9"}}) {
		t.Errorf("suggestions %v, %v", shapes, err)
	}
	close(free)
	r.answer(i, "a red fox", "0.025 PTC")
	r.ends(i, core.Delivered)
}

// What the database does not accept costs nothing and is not done later.
func TestTheDatabaseIsDown(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{})})
	r.store.Break(errors.New("no disk"))
	i := r.command(r.room, "imagine", fox)
	message := r.answer(i, "Sorry", "Nothing was charged")
	r.store.Break(nil)
	if !message.Ephemeral || len(message.Buttons) > 0 || r.renderer.Paid() > 0 || len(r.store.Ledger()) > 0 {
		t.Errorf("%+v, %d paid", message, r.renderer.Paid())
	}
	if strings.Contains(r.log.String(), "red fox") {
		t.Errorf("the prompt is in the log: %s", r.log)
	}
}

// fragile panics when it is asked for the allowance, until it is mended.
type fragile struct {
	core.Store
	mended *atomic.Bool
}

func (f fragile) Usage(ctx context.Context, user core.UserID, now time.Time) (core.AccountID, core.Usage, error) {
	if !f.mended.Load() {
		panic("about a red fox")
	}
	return f.Store.Usage(ctx, user, now)
}

func TestPanicsAreAnswered(t *testing.T) {
	t.Parallel()
	mended := new(atomic.Bool)
	r := newRig(t, options{server: fake(t, discordtest.Settings{}), store: func(s core.Store) core.Store { return fragile{s, mended} }})
	for name, given := range map[string]discordtest.Options{"imagine": fox, "quota": {}} {
		i := r.command(r.room, name, given)
		if message := r.answer(i, "Sorry", "Nothing was charged"); !message.Ephemeral {
			t.Errorf("everybody reads that /%s broke off", name)
		}
	}
	// The next one is heard.
	mended.Store(true)
	r.answer(r.command(r.room, "help", nil), "/imagine")
	until(t, "nothing is left in the inbox", func() bool { return len(r.inbox()) == 0 })
	if log := r.log.String(); !strings.Contains(log, "an interaction broke off") || strings.Contains(log, "red fox") {
		t.Errorf("log: %s", log)
	}
}

// inbox is what another process would adopt if this one died.
func (r *rig) inbox() []core.Event {
	r.t.Helper()
	var left []core.Event
	err := r.store.Fork().InTx(r.t.Context(), func(ctx context.Context, tx core.Tx) (err error) {
		left, err = tx.AdoptEvents(ctx, "heir", []core.Platform{home})
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return left
}

// An acknowledgement whose end is unknown is made again.
func TestAcknowledgementIsRepeated(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]discordtest.Trouble{
		"dropped before": discordtest.DropBefore(),
		"dropped after":  discordtest.DropAfter(),
		"502":            discordtest.BadGateway(),
		"429":            discordtest.RateLimited(20*time.Millisecond, false),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{server: fake(t, discordtest.Settings{})})
			r.server.Script(discordtest.Match{Method: "POST", Path: "/interactions/*/*/callback"}, trouble, 1)
			i := r.command(r.room, "imagine", fox)
			r.answer(i, "a red fox", "0.025 PTC")
			if r.renderer.Paid() != 1 {
				t.Errorf("%d paid", r.renderer.Paid())
			}
		})
	}
}

// Whom Discord tells that the bot does not respond gets nothing and pays nothing.
func TestNotAcknowledged(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{AckWithin: time.Second})})
	r.server.Script(discordtest.Match{Method: "POST", Path: "/interactions/*/*/callback"}, discordtest.Refused(10062), 1)
	if _, err := r.server.Command(t.Context(), r.ann, r.room, "imagine", fox); !errors.Is(err, discordtest.ErrNotResponding) {
		t.Fatal(err)
	}
	if len(r.inbox()) > 0 || r.renderer.Paid() > 0 {
		t.Error("it was done nevertheless")
	}
}

// What the bot may not show is refused before anything is spent.
func TestMayNotAttach(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{})})
	i := r.command(r.room, "imagine", fox)
	message := r.answer(i, "a red fox", "0.025 PTC")
	r.room.SetAppPermissions(discordtest.PermissionViewChannel | discordtest.PermissionSendMessages)
	paid := r.renderer.Paid()
	for _, refused := range []*discordtest.Interaction{
		r.command(r.room, "imagine", fox),
		r.command(r.room, "edit", discordtest.Options{"instruction": "make it night"}),
		r.click(r.ann, message, "Again"),
		r.click(r.ann, message, "Original"),
	} {
		if answer := r.answer(refused, "Attach Files", "Nothing was charged"); !answer.Ephemeral {
			t.Error("everybody reads it")
		}
	}
	if r.renderer.Paid() != paid {
		t.Error("it was paid")
	}
	r.answer(r.command(r.room, "help", nil), "/imagine")
}

// Nobody believes what a file says of itself.
func TestAttachments(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{})})
	whale := append(coretest.PNG(8, 8), make([]byte, core.LimitsIn.Bytes)...)
	for _, test := range []struct {
		name    string
		file    discordtest.File
		says    string
		fetched bool
	}{
		{"as it says", discordtest.File{Name: "p.png", Content: coretest.PNG(40, 30)}, "flux-kontext-pro", true},
		{"declared too big", discordtest.File{Name: "p.png", Content: coretest.PNG(40, 30), Declared: core.LimitsIn.Bytes + 1}, "over 20 MiB", false},
		{"too big, and declared small", discordtest.File{Name: "p.png", Content: whale, Declared: 1000}, "over 20 MiB", true},
		{"no picture", discordtest.File{Name: "p.png", Content: []byte("#!/bin/sh"), ContentType: "image/png"}, "no picture that I can read", true},
	} {
		before := r.calls("GET", "/attachments/")
		i := r.command(r.room, "edit", discordtest.Options{"instruction": "make it night", "image": test.file})
		r.answer(i, test.says)
		if fetched := r.calls("GET", "/attachments/") > before; fetched != test.fetched {
			t.Errorf("%s: fetched %v", test.name, fetched)
		}
	}
	if r.renderer.Paid() != 1 {
		t.Errorf("%d paid", r.renderer.Paid())
	}
}

// Over the allowance nothing is fetched.
func TestAllowanceBeforeAttachments(t *testing.T) {
	t.Parallel()
	plan := plenty
	plan.ImagesPerDay = 0
	r := newRig(t, options{server: fake(t, discordtest.Settings{}), plan: plan})
	i := r.command(r.room, "edit", discordtest.Options{"instruction": "x", "image": discordtest.File{Name: "p.png", Content: coretest.PNG(4, 3)}})
	message := r.answer(i, "a day", "Nothing was charged")
	if !strings.Contains(message.Text(), "<t:") || !strings.Contains(message.Text(), ":R>") {
		t.Errorf("no time of renewal in %q", message.Text())
	}
	if r.calls("GET", "/attachments/") > 0 {
		t.Error("the picture was fetched")
	}
}

func TestDirectMessages(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{})})
	i := r.command(r.dm, "imagine", fox)
	message := r.answer(i, "a red fox", "0.025 PTC")
	if g := r.ends(i, core.Delivered); g.Place != "discord:"+r.dm.ID || g.User.String() != "discord:"+r.ann.ID {
		t.Errorf("place %s, user %s", g.Place, g.User)
	}
	r.click(r.ann, message, "Delete")
	until(t, "the picture is gone", func() bool { _, there := i.Response(); return !there && len(r.pictures.Keys()) == 0 })
}

// A refusal of a tap is for who tapped, and the answer that was begun for it is taken back.
func TestRefusedTaps(t *testing.T) {
	t.Parallel()
	plan := plenty
	plan.ImagesPerDay = 1
	r := newRig(t, options{server: fake(t, discordtest.Settings{}), plan: plan})
	message := r.answer(r.command(r.room, "imagine", fox), "a red fox", "0.025 PTC")
	again := r.click(r.ann, message, "Again")
	if refusal := r.answer(again, "1 picture a day", "Nothing was charged"); !refusal.Ephemeral {
		t.Error("everybody reads it")
	}
	bob := r.server.User("Bob")
	if refusal := r.answer(r.click(bob, message, "Delete"), "somebody else"); !refusal.Ephemeral || refusal.For != bob {
		t.Error("everybody reads it")
	}
	if seen := r.server.Messages(r.room, r.server.User("Cleo")); len(seen) != 1 || len(seen[0].Attachments) != 1 {
		t.Errorf("others see %d messages", len(seen))
	}
}

// A private picture stays so when it is made again.
func TestAgainInPrivate(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{})})
	message := r.answer(r.command(r.room, "imagine", discordtest.Options{"prompt": "a red fox", "private": true}), "8x8", "0.025 PTC")
	again := r.click(r.ann, message, "Again")
	if second := r.answer(again, "8x8", "0.025 PTC"); !second.Ephemeral || len(second.Attachments) != 1 {
		t.Errorf("%+v", second)
	}
	gone := r.click(r.ann, message, "Delete")
	r.answer(gone, "Deleted")
	until(t, "the picture is gone", func() bool {
		return !slices.ContainsFunc(r.server.Messages(r.room, r.ann), func(m discordtest.Message) bool { return m.ID == message.ID })
	})
}

// A button that is none of ours any more is answered.
func TestUnknownButton(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{})})
	i := r.command(r.room, "quota", nil)
	r.answer(i, "Today")
	old := &post{Content: "old", Components: []discordgo.MessageComponent{discordgo.ActionsRow{Components: []discordgo.MessageComponent{
		discordgo.Button{Label: "Old", Style: discordgo.PrimaryButton, CustomID: "old:1"},
	}}}}
	if _, err := r.bot.rest.send(t.Context(), r.room.ID, old); err != nil {
		t.Fatal(err)
	}
	tap := r.click(r.ann, r.await(r.room, "old"), "Old")
	if message := r.answer(tap, "does nothing any more"); !message.Ephemeral {
		t.Error("everybody reads it")
	}
}

// A process that adopts an event answers it, whatever it was.
func TestReceiveAfterACrash(t *testing.T) {
	t.Parallel()
	server := fake(t, discordtest.Settings{})
	free := make(chan struct{})
	dead := newRig(t, options{server: server, store: func(s core.Store) core.Store { return &accepting{stuck: stuck{s, free}} }})
	imagine := dead.command(dead.room, "imagine", fox)
	quota := dead.command(dead.room, "quota", nil)
	until(t, "both are accepted", func() bool { return len(dead.inbox()) == 2 })
	if err := dead.stop(); err != nil { // gives up after three seconds, like a kill
		t.Fatal(err)
	}
	if left := len(dead.inbox()); left != 2 {
		t.Fatalf("%d events are left", left)
	}

	heir := newRig(t, options{server: server, kept: dead.store.Fork(), idle: true})
	for _, event := range dead.inbox() {
		if err := heir.store.InTx(t.Context(), func(ctx context.Context, tx core.Tx) error {
			_, err := tx.AdoptEvents(ctx, "heir", []core.Platform{home})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		heir.bot.Receive(t.Context(), event)
	}
	heir.answer(imagine, "a red fox", "0.025 PTC")
	if message := heir.answer(quota, "Today"); !message.Ephemeral {
		t.Error("everybody reads the quota")
	}
	heir.ends(imagine, core.Delivered)
	if left := heir.inbox(); len(left) > 0 {
		t.Errorf("%d events are left", len(left))
	}
}

// accepting is a database that stops answering once an event is accepted.
type accepting struct{ stuck }

func (s *accepting) InTx(ctx context.Context, do func(context.Context, core.Tx) error) error {
	return s.Store.InTx(ctx, do)
}

func (s *accepting) Usage(ctx context.Context, _ core.UserID, _ time.Time) (core.AccountID, core.Usage, error) {
	<-ctx.Done()
	return "", core.Usage{}, ctx.Err()
}

func TestTheSameEventTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{})})
	r.renderer.Next(coretest.Scene{})
	i := r.command(r.room, "imagine", fox)
	g := r.ends(i, core.Delivered)
	at, err := parseReplyTo(g.ReplyTo)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]any{
		"id": at.Interaction, "application_id": at.Application, "token": at.Token, "type": 2, "channel_id": at.Channel,
		"user": map[string]any{"id": at.User}, "data": map[string]any{"name": "imagine", "options": []any{map[string]any{"name": "prompt", "value": "a red fox"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	before := r.answer(i, "a red fox")
	r.bot.Receive(t.Context(), core.Event{Key: g.Event, Platform: home, Raw: raw})
	if after := r.answer(i, "a red fox"); after.Text() != before.Text() || r.renderer.Paid() != 1 {
		t.Errorf("%q, %d paid", after.Text(), r.renderer.Paid())
	}
}

// Nothing secret is in the log, not even at its most talkative.
func TestTheLogKeepsSecrets(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{})})
	i, open := r.painting(r.room, discordtest.Options{"prompt": "a secret fox"})
	r.server.Script(answerPath, discordtest.ServerError(500), 1)
	open()
	r.answer(i, "a secret fox", "8x8")
	at, err := parseReplyTo(r.generation(i).ReplyTo)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{testToken, at.Token, "secret fox"} {
		if bytes.Contains([]byte(r.log.String()), []byte(secret)) {
			t.Errorf("%q is in the log: %s", secret, r.log)
		}
	}
}
