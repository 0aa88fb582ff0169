package bots

import (
	"strings"
	"testing"

	"imaginebot/core"
)

func TestButtons(t *testing.T) {
	for action, label := range labels {
		button := Button{action, core.GenerationOf("x")}
		if got, ok := ParseButton(button.ID()); !ok || got != button {
			t.Errorf("%q became %v", button.ID(), got)
		}
		if len(button.ID()) > 64 || !strings.Contains(strings.ToLower(label), string(action)) {
			t.Errorf("%q with the label %q", button.ID(), label)
		}
	}
}

func FuzzParseButton(f *testing.F) {
	for _, seed := range []string{"again:0123456789ab", "again:0123456789AB", "again", "", "drop:0123456789ab", "again:`0123456789ab"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if button, ok := ParseButton(id); ok && button.ID() != id || !ok && button.Label() != "" && button.Generation != "" && button.ID() == id {
			t.Errorf("%q became %v, %v", id, button, ok)
		}
	})
}

func TestTapsOfOthers(t *testing.T) {
	r := newRoom(t)
	id := r.answer(t, r.call("imagine", "a cat --private")).Submitted
	r.work(t)
	bob := Tap{Event: "tap", User: core.NewUserID(chat, "bob"), Place: Place{ID: "chat:1", Moderator: true}}
	for action, says := range map[Action]string{
		Again:    "nothing like that",
		Original: "nothing like that",
		Cancel:   "somebody else",
		"drop":   "does nothing",
	} {
		bob.Button = Button{action, id}
		reply := r.desk.Tap(t.Context(), bob)
		if !reply.Quiet || reply.Outcome != nil || reply.Submitted != "" || !strings.Contains(reply.Text.String(), says) {
			t.Errorf("%s: %+v", action, reply)
		}
		if text := reply.Text.String(); len(text) > 200 {
			t.Errorf("%s: %q is too long for a toast", action, text)
		}
	}
	bob.Button, bob.Place.ID = Button{Delete, id}, "chat:2"
	if reply := r.desk.Tap(t.Context(), bob); reply.Remove || !strings.Contains(reply.Text.String(), "somebody else") {
		t.Errorf("a moderator of another place: %+v", reply)
	}
}

func TestTapsOnWhatIsGone(t *testing.T) {
	r := newRoom(t)
	call := r.call("imagine", "a cat")
	id := r.answer(t, call).Submitted
	r.work(t)
	tap := Tap{Button: Button{Delete, id}, Event: "tap", User: call.User, Place: call.Place}
	for range 2 {
		if reply := r.desk.Tap(t.Context(), tap); !reply.Remove || !reply.Quiet {
			t.Errorf("%+v", reply)
		}
	}
	tap.Button.Action = Original
	if reply := r.desk.Tap(t.Context(), tap); !strings.Contains(reply.Text.String(), "not kept any more") {
		t.Errorf("%+v", reply)
	}
	r.renderer.Next(refusedScene)
	failed := r.answer(t, r.call("imagine", "a dog")).Submitted
	r.work(t)
	tap.Button.Generation = failed
	if reply := r.desk.Tap(t.Context(), tap); reply.Outcome != nil {
		t.Errorf("%+v", reply)
	}
}
