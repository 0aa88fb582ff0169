package discord

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"imaginebot/bots"
	"imaginebot/bots/discord/discordtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestCommandsGolden(t *testing.T) {
	got, err := json.MarshalIndent(commands(true), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	golden := filepath.Join("testdata", "commands.json")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the commands are not those of %s; see what has changed after go test -run %s -update", golden, t.Name())
	}
}

// https://discord.com/developers/docs/interactions/application-commands#registering-a-command
func TestCommandsKeepTheLimits(t *testing.T) {
	list := commands(false)
	if len(list) != len(bots.Commands()) {
		t.Errorf("%d commands of %d", len(list), len(bots.Commands()))
	}
	for _, command := range list {
		size := utf8.RuneCountInString(command.Name + command.Description)
		if n := utf8.RuneCountInString(command.Description); n < 1 || n > 100 || len(command.Options) > 25 {
			t.Errorf("/%s: a description of %d characters, %d options", command.Name, n, len(command.Options))
		}
		optional := false
		for _, option := range command.Options {
			size += utf8.RuneCountInString(option.Name + option.Description)
			if n := utf8.RuneCountInString(option.Description); n < 1 || n > 100 {
				t.Errorf("/%s %s: a description of %d characters", command.Name, option.Name, n)
			}
			if option.Required && optional {
				t.Errorf("/%s %s: required after optional", command.Name, option.Name)
			}
			optional = optional || !option.Required
			if option.MaxLength > 6000 || len(option.Choices) > 25 || len(option.Choices) > 0 && option.Autocomplete {
				t.Errorf("/%s %s: %+v", command.Name, option.Name, option)
			}
		}
		if size > 8000 {
			t.Errorf("/%s has %d characters", command.Name, size)
		}
		if command.Contexts != nil || command.Installs != nil {
			t.Errorf("/%s of a guild says where it is", command.Name)
		}
	}
}

// scopes are how many commands there are, everywhere and in the guild.
func (r *rig) scopes() (global, guild int) {
	return len(r.server.Commands(nil)), len(r.server.Commands(r.room.Guild))
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	server := fake(t, discordtest.Settings{})
	all := len(bots.Commands())
	guild := server.Guild("house").ID

	first := newRig(t, options{server: server})
	until(t, "the commands are everywhere", func() bool { global, in := first.scopes(); return global == all && in == 0 })
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	puts := first.calls("PUT", "/applications/")
	if puts != 1 {
		t.Errorf("%d overwrites", puts)
	}

	again := newRig(t, options{server: server, kept: first.store, idle: true})
	if err := again.bot.registerOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if more := again.calls("PUT", "/applications/") - puts; more != 0 {
		t.Errorf("nothing has changed, and there are %d overwrites", more)
	}

	elsewhere := newRig(t, options{server: server, kept: first.store, guilds: []string{guild}, idle: true})
	if err := elsewhere.bot.registerOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if global, in := elsewhere.scopes(); global != 0 || in != all || !strings.Contains(elsewhere.log.String(), "commands of another scope cleared") {
		t.Errorf("%d everywhere, %d in the guild; %s", global, in, elsewhere.log)
	}

	back := newRig(t, options{server: server, kept: first.store, idle: true})
	if err := back.bot.registerOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if global, in := back.scopes(); global != all || in != 0 || !strings.Contains(back.log.String(), "commands of another scope cleared") {
		t.Errorf("%d everywhere, %d in the guild; %s", global, in, back.log)
	}
	if ids, err := back.bot.guilds(t.Context()); err != nil || len(ids) > 0 {
		t.Errorf("remembered: %v, %v", ids, err)
	}
}

// A guild that the bot has left is no trouble when its commands are to go, but is when they
// are to come.
func TestRegistrationInAGuildThatIsGone(t *testing.T) {
	t.Parallel()
	server := fake(t, discordtest.Settings{})
	const gone = "424242"
	r := newRig(t, options{server: server, guilds: []string{gone}, idle: true})
	if err := r.bot.registerOnce(t.Context()); err == nil || !strings.Contains(err.Error(), "guild "+gone) {
		t.Errorf("%v", err)
	}
	later := newRig(t, options{server: server, kept: r.store, idle: true})
	if err := later.bot.registerOnce(t.Context()); err != nil {
		t.Error(err)
	}
	if global, _ := later.scopes(); global != len(bots.Commands()) {
		t.Errorf("%d commands", global)
	}
}

// What fails is tried again, and people are heard meanwhile.
func TestRegistrationIsRepeated(t *testing.T) {
	t.Parallel()
	server := fake(t, discordtest.Settings{})
	first := newRig(t, options{server: server})
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	look := discordtest.Match{Method: "GET", Path: "/applications/*"}
	trouble := server.Script(look, discordtest.RateLimited(7*time.Second, false), -1)
	r := newRig(t, options{server: server, kept: first.store})
	until(t, "it has failed", func() bool { return trouble.Hits() > 0 })
	r.answer(r.command(r.room, "help", nil), "/imagine")
	trouble.Stop()
	broken := server.Script(look, discordtest.ServerError(500), 1)
	again := newRig(t, options{server: server, kept: first.store})
	until(t, "it has been tried once more", func() bool { return broken.Hits() == 1 && again.calls("GET", "/applications/") > 2 })
	if !strings.Contains(again.log.String(), "the commands are not registered") {
		t.Errorf("log: %s", again.log)
	}
}

// The database holds up nothing but what it is needed for.
func TestRegistrationWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{server: fake(t, discordtest.Settings{}), idle: true})
	r.store.Break(errors.New("no disk"))
	if err := r.bot.registerOnce(t.Context()); err == nil {
		t.Error("the guilds were not read, and nobody says so")
	}
	if global, _ := r.scopes(); global != len(bots.Commands()) {
		t.Errorf("%d commands", global)
	}
}

// Discord says more than it was told, and says nothing in several ways; what matters differs.
func TestSame(t *testing.T) {
	told, err := json.Marshal(commands(true))
	if err != nil {
		t.Fatal(err)
	}
	var said []map[string]any
	if err := json.Unmarshal(told, &said); err != nil {
		t.Fatal(err)
	}
	for _, command := range said {
		command["id"], command["version"], command["dm_permission"], command["default_member_permissions"] = "1", "2", true, nil
		command["contexts"] = []int{2, 1, 0}
		if command["options"] == nil {
			command["options"] = []any{}
		}
	}
	said[0], said[1] = said[1], said[0]
	for _, test := range []struct {
		name   string
		change func()
		want   bool
	}{
		{"said in other words", func() {}, true},
		{"a description", func() { said[0]["description"] = "other" }, false},
		{"hidden from members", func() { said[0]["description"], said[1]["default_member_permissions"] = bots.Commands()[1].About, "0" }, false},
		{"one more", func() {
			said[1]["default_member_permissions"] = nil
			said = append(said, map[string]any{"type": 3, "name": "Old", "description": ""})
		}, false},
	} {
		test.change()
		raw, err := json.Marshal(said)
		if err != nil {
			t.Fatal(err)
		}
		var have []registered
		if err := json.Unmarshal(raw, &have); err != nil {
			t.Fatal(err)
		}
		if same(have, commands(true)) != test.want {
			t.Errorf("%s: not %v", test.name, test.want)
		}
	}
}
