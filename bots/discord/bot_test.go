package discord

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"imaginebot/bots"
	"imaginebot/bots/discord/discordtest"
	"imaginebot/core"
	"imaginebot/core/coretest"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	server := fake(t, discordtest.Settings{})
	r := newRig(t, options{server: server, idle: true})
	if err := r.bot.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if r.bot.Connected() {
		t.Error("connected without Run")
	}
	for _, path := range []string{"/users/@me", "/gateway/bot"} {
		server.Script(discordtest.Match{Method: "GET", Path: path}, discordtest.ServerError(500), 1)
		if err := r.bot.Check(t.Context()); err == nil {
			t.Errorf("all is well although %s fails", path)
		}
	}
	server.Script(discordtest.Match{Method: "GET", Path: "/users/@me"}, discordtest.ServerError(401), 1)
	if err := r.bot.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "DISCORD_TOKEN") || strings.Contains(err.Error(), testToken) {
		t.Errorf("a wrong token: %v", err)
	}
}

// What Discord refuses for good ends the bot.
func TestRunEndsWithARefusal(t *testing.T) {
	t.Parallel()
	server := discordtest.New(discordtest.Settings{Token: "another"})
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	r := newRig(t, options{server: server, idle: true})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := r.bot.Run(ctx)
	if err == nil || !strings.Contains(err.Error(), "DISCORD_TOKEN") || r.bot.Connected() {
		t.Errorf("%v, connected %v", err, r.bot.Connected())
	}
}

func TestSettingsThatCannotWork(t *testing.T) {
	b := New(Settings{Token: testToken, API: &url.URL{Scheme: "ftp", Host: "example.org"}, Log: slog.New(slog.DiscardHandler)})
	_, delivered := b.Deliver(t.Context(), core.ReplyTo{}, core.Outcome{}, "")
	for what, err := range map[string]error{
		"Run": b.Run(t.Context()), "Check": b.Check(t.Context()), "Deliver": delivered, "Progress": b.Progress(t.Context(), core.ReplyTo{}, core.Progress{}),
	} {
		if err == nil {
			t.Errorf("%s works", what)
		}
	}
	b.Receive(t.Context(), core.Event{}) // says so in the log
	if b.Connected() || b.Platform() != "discord" {
		t.Error("connected")
	}
}

// When the bot stops, what is being answered is finished, and the picture is delivered
// after that.
func TestStopping(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{})})
	i, open := r.painting(r.room, fox)
	slow := r.server.Script(discordtest.Match{Method: "PATCH", Path: "/webhooks/*/*/messages/@original"}, discordtest.Slow(time.Second), 1)
	help := r.command(r.room, "help", nil)
	until(t, "it is being answered", func() bool { return slow.Hits() == 1 })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if answer, ok := help.Response(); !ok || answer.Loading || !strings.Contains(answer.Text(), "/imagine") {
		t.Error("the answer was not finished")
	}
	open()
	r.answer(i, "a red fox", "0.025 PTC")
	r.ends(i, core.Delivered)
	if left := r.inbox(); len(left) > 0 {
		t.Errorf("%d events are left", len(left))
	}
}

// Two processes with one database and one token do everything once.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	server := fake(t, discordtest.Settings{})
	one := newRig(t, options{server: server})
	two := newRig(t, options{server: server, kept: one.store})
	two.bot.Pictures, two.renderer.Pictures = one.pictures, one.pictures
	until(t, "both are connected", func() bool { return one.bot.Connected() && two.bot.Connected() })
	for range 5 {
		i := one.command(one.room, "imagine", fox)
		one.ends(i, core.Delivered)
		one.answer(i, "a red fox", "0.025 PTC")
	}
	until(t, "nothing is left", func() bool { return len(one.inbox()) == 0 })
	if paid := one.renderer.Paid() + two.renderer.Paid(); paid != 5 {
		t.Errorf("%d paid", paid)
	}
	if seen := server.Messages(one.room, one.ann); len(seen) != 5 {
		t.Errorf("%d messages", len(seen))
	}
}

// told is the table of what Discord's errors mean to the core.
func TestTold(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want core.Kind
	}{
		"the answer was deleted":  {&restError{Status: 404, Code: 10008}, core.Gone},
		"the channel was deleted": {&restError{Status: 404, Code: 10003}, core.Gone},
		"no direct messages":      {&restError{Status: 403, Code: 50007}, core.Gone},
		"429":                     {&restError{Status: 429, RetryAfter: time.Second}, core.Busy},
		"500":                     {&restError{Status: 500}, core.Busy},
		"the network":             {errors.New("connection reset"), core.Busy},
		"in time":                 {context.DeadlineExceeded, core.Busy},
		"stopping":                {context.Canceled, core.Internal},
		"a wrong form":            {&restError{Status: 400, Code: 50035}, core.Internal},
		"a wrong token":           {&restError{Status: 401}, core.Internal},
		"no picture":              {&core.Error{Kind: core.NotFound}, core.NotFound},
	} {
		if got := core.KindOf(told(test.err)); got != test.want {
			t.Errorf("%s is %v, not %v", name, got, test.want)
		}
	}
	if told(nil) != nil {
		t.Error("nothing is an error")
	}
	if after := core.AsError(told(&restError{Status: 429, RetryAfter: 7 * time.Second})).After; after != 7*time.Second {
		t.Errorf("after %v", after)
	}
}

// A server that allows only a guild hears nobody else.
func TestOnlyWhoIsAllowed(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{})})
	r.bot.Desk = bots.NewDesk(func() bots.Settings {
		settings := r.bot.Desk.Settings
		settings.Allow = []string{"discord-guild:" + r.room.Guild.ID}
		return settings
	}())
	r.renderer.Next(coretest.Scene{})
	r.answer(r.command(r.room, "imagine", fox), "a red fox", "8x8")
	r.answer(r.command(r.dm, "imagine", fox), "reserved for certain people")
}
