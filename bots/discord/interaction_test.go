package discord

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/bwmarrin/discordgo"

	"imaginebot/bots"
	"imaginebot/core"
)

const inGuild = `{"id":"1","application_id":"2","token":"t","type":2,"version":1,"channel_id":"3","guild_id":"4","context":0,
	"member":{"user":{"id":"5","username":"ann"},"permissions":"8192"},"app_permissions":"32768","attachment_size_limit":10485760,
	"data":{"id":"6","type":1,"name":"flux","options":[
		{"type":3,"name":"prompt","value":"a \"fox\""},{"type":4,"name":"steps","value":28},{"type":10,"name":"guidance","value":3.5},
		{"type":5,"name":"private","value":true},{"type":11,"name":"control_image","value":"7"}],
		"resolved":{"attachments":{"7":{"id":"7","filename":"edges.png","size":99,"url":"https://cdn.example/7"}}}}}`

const inDM = `{"id":"1","application_id":"2","token":"t","type":2,"version":1,"channel_id":"3","context":1,"user":{"id":"5"},
	"data":{"name":"imagine","options":[{"type":3,"name":"prompt","value":"a fox"}]}}`

// A component of a kind that is not known yet.
const ofTomorrow = `{"id":"1","application_id":"2","token":"t","type":3,"version":1,"channel_id":"3","guild_id":"4","context":0,
	"member":{"user":{"id":"5"},"permissions":"0"},"message":{"id":"8","flags":64},
	"data":{"custom_id":"again:4k7m2p9qx3ra","component_type":9999,"values":[{"x":1}]}}`

func understood(t *testing.T, raw string) interaction {
	t.Helper()
	i, err := parseInteraction([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestCall(t *testing.T) {
	var opened string
	i := understood(t, inGuild)
	call := i.call(func(_ context.Context, address string) (io.ReadCloser, error) {
		opened = address
		return nil, errors.New("closed")
	})
	if call.Command != "flux" || call.Words != `a "fox"` || call.Event != "discord:1" || call.User.String() != "discord:5" {
		t.Errorf("%+v", call)
	}
	for name, want := range map[string]string{"steps": "28", "guidance": "3.5", "private": "true"} {
		if call.Options[name] != want {
			t.Errorf("%s is %q", name, call.Options[name])
		}
	}
	picture := call.Pictures["control_image"]
	if picture.Name != "edges.png" || picture.Size != 99 || opened != "" {
		t.Errorf("%+v, opened %q", picture, opened)
	}
	if _, err := picture.Open(t.Context()); err == nil || opened != "https://cdn.example/7" {
		t.Errorf("opened %q", opened)
	}
	if place := call.Place; place.ID != "discord:3" || place.Private || !place.Moderator || !slices.Equal(place.Origins, []string{"discord:5", "discord-guild:4"}) {
		t.Errorf("%+v", place)
	}
	if place := understood(t, inDM).place(); !place.Private || place.Moderator || !slices.Equal(place.Origins, []string{"discord:5"}) {
		t.Errorf("%+v", place)
	}
	group := understood(t, strings.Replace(inDM, `"context":1`, `"context":2`, 1))
	if group.place().Private {
		t.Error("others read along in a group")
	}
}

func TestUnknownComponents(t *testing.T) {
	i := understood(t, ofTomorrow)
	if want := (bots.Button{Action: bots.Again, Generation: "4k7m2p9qx3ra"}); i.button() != want {
		t.Errorf("%+v", i.button())
	}
}

func TestAcknowledged(t *testing.T) {
	desk := bots.NewDesk(bots.Settings{})
	const answer, update = discordgo.InteractionResponseDeferredChannelMessageWithSource, discordgo.InteractionResponseDeferredMessageUpdate
	tap := func(id string, flags string) string {
		return strings.NewReplacer("again:4k7m2p9qx3ra", id, `"flags":64`, `"flags":`+flags).Replace(ofTomorrow)
	}
	give := func(name, options string) string {
		return strings.NewReplacer(`"imagine"`, `"`+name+`"`, `"options":[{"type":3,"name":"prompt","value":"a fox"}]`, `"options":[`+options+`]`).Replace(inDM)
	}
	for _, test := range []struct {
		name, raw string
		kind      discordgo.InteractionResponseType
		ephemeral bool
	}{
		{"a picture", inDM, answer, false},
		{"a private picture", inGuild, answer, true},
		{"private by a flag", give("imagine", `{"type":3,"name":"prompt","value":"a fox --private"}`), answer, true},
		{"not private", give("imagine", `{"type":3,"name":"prompt","value":"a fox"},{"type":5,"name":"private","value":false}`), answer, false},
		{"a command that we do not have", give("nothing", ""), answer, true},
		{"once more", tap("again:4k7m2p9qx3ra", "0"), answer, false},
		{"once more of what nobody else sees", tap("again:4k7m2p9qx3ra", "64"), answer, true},
		{"the file", tap("original:4k7m2p9qx3ra", "0"), answer, true},
		{"delete", tap("delete:4k7m2p9qx3ra", "0"), update, true},
		{"cancel", tap("cancel:4k7m2p9qx3ra", "0"), update, true},
		{"forged", tap("delete:everything", "0"), answer, true},
	} {
		kind, ephemeral := understood(t, test.raw).acknowledged(desk)
		if kind != test.kind || ephemeral != test.ephemeral {
			t.Errorf("%s: type %d, ephemeral %v", test.name, kind, ephemeral)
		}
	}
	for _, name := range []string{"quota", "help", "models", "show", "cancel", "start"} {
		if _, ephemeral := understood(t, give(name, "")).acknowledged(desk); !ephemeral {
			t.Errorf("everybody sees the answer to /%s", name)
		}
	}
}

// Whatever comes, what is understood can be answered and what is not does not get into a log.
func FuzzInteraction(f *testing.F) {
	f.Add([]byte(inGuild))
	f.Add([]byte(inDM))
	f.Add([]byte(ofTomorrow))
	f.Add([]byte(`{"id":1}`))
	f.Add([]byte(`{"member":null,"user":null}`))
	desk := bots.NewDesk(bots.Settings{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		i, err := parseInteraction(raw)
		if err != nil {
			if !errors.Is(err, errNoInteraction) {
				t.Errorf("another error: %v", err)
			}
			return
		}
		kind, ephemeral := i.acknowledged(desk)
		if kind == 0 {
			t.Error("it is not acknowledged")
		}
		if _, err := parseReplyTo(i.address(ephemeral).replyTo()); err != nil {
			t.Errorf("nobody can be answered at %+v", i.address(ephemeral))
		}
		call := i.call(nil)
		if call.User.Platform() != home || call.Event == "" || call.Place.ID == "" {
			t.Errorf("%+v", call)
		}
		i.button()
		i.focused()
		if core.GenerationOf(call.Event) != core.GenerationOf(i.key()) {
			t.Error("two ids of one event")
		}
	})
}
