package config

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAllow(t *testing.T) {
	var a Allow
	if err := a.UnmarshalText([]byte("discord-guild:1, telegram-chat:-1001,telegram-chat:5,discord:2,telegram:3,discord:2")); err != nil {
		t.Fatal(err)
	}
	want := Allow{
		DiscordGuilds: []string{"1"},
		TelegramChats: []string{"-1001", "5"},
		DiscordUsers:  []string{"2"},
		TelegramUsers: []string{"3"},
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Error(diff)
	}
	if a.Everyone() || !(Allow{}).Everyone() {
		t.Error("a list is for everyone, or none is not")
	}
}

func TestIDsAreWhatThePlatformsHave(t *testing.T) {
	tests := []struct {
		id                        string
		snowflake, telegram, chat bool
	}{
		{"1", true, true, true},
		{"-1", false, false, true},
		{"9223372036854775807", true, true, true},
		{"-9223372036854775807", false, false, true},
		{"18446744073709551615", true, false, false},
		{"18446744073709551616", false, false, false},
		{"0", false, false, false},
		{"-0", false, false, false},
		{"--1", false, false, false},
		{"01", false, false, false},
		{"+1", false, false, false},
		{"", false, false, false},
		{"1_0", false, false, false},
		{"@name", false, false, false},
	}
	for _, test := range tests {
		if isSnowflake(test.id) != test.snowflake || isUserID(test.id) != test.telegram || isChatID(test.id) != test.chat {
			t.Errorf("%q: Discord %v, Telegram user %v, Telegram chat %v", test.id, isSnowflake(test.id), isUserID(test.id), isChatID(test.id))
		}
	}
}

// No text that is accepted lets everyone in, each id is a number, and the list
// survives being printed and read.
func FuzzAllow(f *testing.F) {
	for _, seed := range []string{"discord:1", "discord-guild:1,telegram-chat:-5, telegram:7", ",", "", " ", "discord:", "discord:1,", "telegram:-1", "discord:1:2", "DISCORD:1", "discord:١"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var a Allow
		if err := a.UnmarshalText([]byte(text)); err != nil {
			if !a.Everyone() {
				t.Errorf("%q is refused and yet half read", text)
			}
			return
		}
		if a.Everyone() {
			t.Fatalf("%q lets everyone in", text)
		}
		for _, entry := range strings.Split(a.String(), ",") {
			_, id, _ := strings.Cut(entry, ":")
			if _, err := strconv.ParseUint(strings.TrimPrefix(id, "-"), 10, 64); err != nil {
				t.Errorf("%q has the id %q", text, id)
			}
		}
		var again Allow
		if err := again.UnmarshalText([]byte(a.String())); err != nil {
			t.Fatalf("%q prints as %q: %v", text, a, err)
		}
		if diff := cmp.Diff(a, again); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	})
}

func FuzzFetchAllow(f *testing.F) {
	for _, seed := range []string{"host:80", "[::1]:80,10.0.0.1:1", "http://a:1", "a:0", "*:80", "[fe80::1%eth0]:80", "a b:1", "HOST:080"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var h, again HostPorts
		if h.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(h.String())); err != nil {
			t.Fatalf("%q prints as %q: %v", text, h, err)
		}
		if diff := cmp.Diff(h, again); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	})
}
