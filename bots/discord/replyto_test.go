package discord

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"imaginebot/core"
)

var somewhere = address{
	Version: addressVersion, Application: "11", Interaction: "175928847299117063", Token: "secret-token", Channel: "12",
	Guild: "13", User: "14", Ephemeral: true, FileLimit: 10 << 20,
}

func FuzzReplyTo(f *testing.F) {
	f.Add(somewhere.replyTo().Address)
	f.Add(`{"v":1,"app":"1","id":"2","token":"t","channel":"3","user":"4"}`)
	f.Add(`{"v":2}`)
	f.Add(`{"v":1,"app":"1","id":"x","token":"t","channel":"3","user":"4"}`)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseReplyTo(core.ReplyTo{Platform: home, Address: text})
		if err != nil {
			if strings.Contains(err.Error(), text) && len(text) > len("address") {
				t.Errorf("the error repeats the address: %v", err)
			}
			return
		}
		again, err := parseReplyTo(a.replyTo())
		if err != nil || again != a {
			t.Errorf("%+v was written and read as %+v, %v", a, again, err)
		}
		if !areSnowflakes(a.Application, a.Interaction, a.Channel, a.User) {
			t.Errorf("ids that are none: %+v", a)
		}
	})
}

func TestReplyTo(t *testing.T) {
	got, err := parseReplyTo(somewhere.replyTo())
	if err != nil || got != somewhere {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{
		"", "{}", "null", strings.Replace(somewhere.replyTo().Address, `"v":1`, `"v":9`, 1),
		strings.Replace(somewhere.replyTo().Address, `"14"`, `"../14"`, 1), strings.Replace(somewhere.replyTo().Address, `secret-token`, ``, 1),
	} {
		if _, err := parseReplyTo(core.ReplyTo{Platform: home, Address: text}); err == nil {
			t.Errorf("%q is an address", text)
		}
	}
	if _, err := parseReplyTo(core.ReplyTo{Platform: "other", Address: somewhere.replyTo().Address}); err == nil {
		t.Error("an address of another platform")
	}
}

// The example of Discord's own documentation: https://discord.com/developers/docs/reference#snowflakes
func TestTheAgeOfATokenIsInTheID(t *testing.T) {
	began := time.UnixMilli(1462015105796)
	if got := born(somewhere.Interaction); !got.Equal(began) {
		t.Errorf("born at %v", got)
	}
	for after, want := range map[time.Duration]bool{0: false, 14*time.Minute + 49*time.Second: false, 14*time.Minute + 51*time.Second: true, time.Hour: true} {
		if somewhere.expired(began.Add(after)) != want {
			t.Errorf("after %v: expired is not %v", after, want)
		}
	}
}

func TestAddressesAreNotLogged(t *testing.T) {
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "to", somewhere, "also", somewhere.replyTo())
	if strings.Contains(out.String(), somewhere.Token) {
		t.Errorf("the log has the token: %s", out.String())
	}
}
