package bots

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"imaginebot/core"
	"imaginebot/core/coretest"

	"github.com/google/go-cmp/cmp"
)

const chat core.Platform = "chat"

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// room is a desk with a studio behind it, and a person in front.
type room struct {
	desk     *Desk
	store    *coretest.Store
	renderer *coretest.Renderer
	courier  *coretest.Courier
	pictures *coretest.Pictures
	log      bytes.Buffer
	refused  []core.Kind
	events   int
}

func newRoom(t *testing.T) *room {
	clock := func() time.Time { return noon }
	r := &room{store: coretest.NewStore(clock), courier: &coretest.Courier{}, pictures: coretest.NewPictures()}
	r.renderer = &coretest.Renderer{Pictures: r.pictures}
	log := slog.New(slog.NewTextHandler(&r.log, nil))
	catalog, err := core.DefaultCatalog().With([]byte(`[{"id":"luma-i2i","vendor":"Luma","kind":"i2i","requires_image":true,"ptc":0.05}]`))
	if err != nil {
		t.Fatal(err)
	}
	studio := core.NewStudio(core.Settings{
		Store: r.store, Renderer: r.renderer, Pictures: r.pictures, Catalog: catalog, Log: log, Now: clock, Keep: time.Hour, Holder: "room",
		Plan:     core.Plan{ImagesPerDay: 25, PTCPerMonth: 5 * core.OnePTC, Concurrent: 3, BudgetPerDay: 10 * core.OnePTC, Queue: -1},
		OnRefuse: func(kind core.Kind) { r.refused = append(r.refused, kind) },
	})
	studio.Connect(chat, r.courier, func(context.Context, core.Event) {})
	r.desk = NewDesk(Settings{
		Studio: studio, Catalog: catalog, Presets: core.DefaultPresets(), DefaultModel: "flux-dev-t2i", EditModel: kontextPro, Log: log,
	})
	return r
}

// call is one call of Ann's, in a group.
func (r *room) call(command, words string) Call {
	r.events++
	return Call{
		Command: command, Words: words, Event: core.EventKey(fmt.Sprintf("event %d", r.events)), User: core.NewUserID(chat, "ann"),
		Place: Place{ID: "chat:1", Origins: []string{"chat:ann", "chat-room:1"}}, ReplyTo: core.ReplyTo{Platform: chat, Address: "room"},
	}
}

func (r *room) answer(t *testing.T, call Call) Reply {
	t.Helper()
	return r.desk.Answer(t.Context(), call)
}

func (r *room) work(t *testing.T) {
	t.Helper()
	if _, err := r.store.RunDue(t.Context(), r.desk.Studio); err != nil {
		t.Fatal(err)
	}
}

// asked is the request of the generation that a reply has queued.
func (r *room) asked(t *testing.T, reply Reply) core.Request {
	t.Helper()
	g, err := r.store.Generation(t.Context(), reply.Submitted)
	if err != nil {
		t.Fatalf("%q: %v", reply.Text, err)
	}
	for _, image := range []*core.Image{g.Request.Image, g.Request.ControlImage} {
		if image != nil {
			image.Key = ""
		}
	}
	return g.Request
}

func picture(width, height int) core.Attachment {
	return core.Attachment{Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(coretest.PNG(width, height))), nil
	}}
}

func TestWhatIsAskedFor(t *testing.T) {
	sent := &core.Image{Format: core.PNG, Width: 8, Height: 6, Bytes: int64(len(coretest.PNG(8, 6)))}
	half, seven, guidance := 0.5, int64(7), 3.5
	for _, test := range []struct {
		name, command, words string
		options              map[string]string
		picture              bool
		want                 core.Request
	}{
		{"words", "imagine", "a cat", nil, false, core.Request{Model: "flux-dev-t2i", Prompt: "a cat", Count: 1}},
		{
			"all of imagine", "imagine", "a cat --ar 3:2 --no dogs, rain --format jpg --n 3 --private --model ideogram-v2-t2i", nil, false,
			core.Request{Model: "ideogram-v2-t2i", Prompt: "a cat", Negative: "dogs, rain", Aspect: core.Aspect{Width: 3, Height: 2}, Format: core.JPEG, Count: 3, Private: true},
		},
		{
			"typed options", "imagine", "a cat", map[string]string{"size": "512x512", "model": "dall-e-2-t2i", "count": "2"}, false,
			core.Request{Model: "dall-e-2-t2i", Prompt: "a cat", Size: core.Size{Width: 512, Height: 512}, Count: 2},
		},
		{"a picture for a model of pictures", "imagine", "a cat --model 302ai-kolors-i2i", nil, true, core.Request{Model: "302ai-kolors-i2i", Prompt: "a cat", Count: 1, Image: sent}},
		{"a picture for a model with a sibling", "imagine", "a cat --model luma-t2i", nil, true, core.Request{Model: "luma-i2i", Prompt: "a cat", Count: 1, Image: sent}},
		{"an edit", "edit", "make it night", nil, true, core.Request{Model: kontextPro, Prompt: "make it night", Count: 1, Image: sent}},
		{
			"all of edit", "edit", "make it night --max --ar 16:9 --seed 7 --format png", nil, true,
			core.Request{Model: kontextMax, Prompt: "make it night", Aspect: core.Aspect{Width: 16, Height: 9}, Seed: &seven, Format: core.PNG, Count: 1, Image: sent},
		},
		{
			"all of flux", "flux", "x --size 512x512 --steps 20 --guidance 3.5 --no y --lora realism --lora a/b:2,https://h.example:8443/w.safetensors:0.25 --lora-scale 0.5 --control canny --control-scale 0.5 --n 2", nil, true,
			core.Request{
				Model: "flux-general", Prompt: "x", Negative: "y", Size: core.Size{Width: 512, Height: 512}, Steps: 20, Guidance: &guidance, Count: 2,
				LoRAs: []core.LoRA{
					{Name: "realism", Path: "XLabs-AI/flux-RealismLora", Scale: half},
					{Name: "a/b", Path: "a/b", Scale: 2},
					{Name: "https://h.example:8443/w.safetensors", Path: "https://h.example:8443/w.safetensors", Scale: 0.25},
				},
				Control:      &core.ControlNet{Name: "canny", Path: "InstantX/FLUX.1-dev-Controlnet-Canny", Scale: half},
				ControlImage: sent,
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRoom(t)
			call := r.call(test.command, test.words)
			call.Options = test.options
			if test.picture {
				call.Pictures = map[string]core.Attachment{"image": picture(8, 6)}
			}
			reply := r.answer(t, call)
			if got := r.asked(t, reply); !cmp.Equal(got, test.want) {
				t.Error(cmp.Diff(got, test.want))
			}
			if want := []Button{{Cancel, reply.Submitted}}; !slices.Equal(reply.Buttons, want) || reply.Submitted != core.GenerationOf(call.Event) {
				t.Errorf("buttons %v of %s", reply.Buttons, reply.Submitted)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name, command, words string
		picture              bool
		says                 []string
	}{
		{"no words", "imagine", "", false, []string{"a few words"}},
		{"a picture for a model of words", "imagine", "a cat", true, []string{"flux-dev-t2i paints from words alone", "/edit a cat", "stable-sd3-i2i"}},
		{"no picture for a model of pictures", "imagine", "a cat --model 302ai-kolors-i2i", false, []string{"302ai-kolors-i2i needs a picture"}},
		{"Kontext in imagine", "imagine", "a cat --model flux-kontext-max", false, []string{"Use /edit a cat"}},
		{"Flux-General in imagine", "imagine", "a cat --model flux-general", false, []string{"Use /flux a cat"}},
		{"another model in edit", "edit", "a cat --model luma-t2i", true, []string{"Use /imagine a cat"}},
		{"an unknown model in edit", "edit", "a cat --model kontext", true, []string{"Try flux-kontext-pro or flux-kontext-max"}},
		{"an aspect that is none", "imagine", "a cat --ar wide --model dall-e-3-t2i", false, []string{"aspect wide", "Try 1:1"}},
		{"a size that is none", "imagine", "a cat --size big --model dall-e-2-t2i", false, []string{"size big", "256x256"}},
		{"a size for a model of aspects", "imagine", "a cat --size 1600x900 --model luma-t2i", false, []string{"Try --ar 16:9"}},
		{"aspect and size", "imagine", "a cat --size 512x512 --ar 1:1", false, []string{"just one of them"}},
		{"an aspect for a model that follows the picture", "imagine", "a cat --ar 1:1 --model stable-sd3-i2i", true, []string{"takes no aspect"}},
		{"a weight without LoRA", "flux", "a cat --lora-scale 1", false, []string{"lora-scale does nothing without lora"}},
		{"a weight without control", "flux", "a cat --control-scale 1", false, []string{"control-scale does nothing without control"}},
		{"an unknown control", "flux", "a cat --control cany", true, []string{"no ControlNet cany", "canny"}},
		{"a heavy LoRA", "flux", "a cat --lora realism:9", false, []string{"lora-scale cannot be 9", "0–4"}},
		{"a picture without control", "flux", "a cat", true, []string{"--control canny"}},
		{"an unknown command", "imagin", "a cat", false, []string{"no command /imagin", "/imagine"}},
		{"an id that is none", "show", "x", false, []string{"x is no id of mine"}},
		{"no id", "show", "", false, []string{"I need the id"}},
		{"a picture that is not there", "show", "000000000000", false, []string{"nothing like that"}},
		{"an id to cancel that is none", "cancel", "x!", false, []string{"x! is no id of mine"}},
		{"nothing to cancel", "cancel", "", false, []string{"not waiting"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRoom(t)
			call := r.call(test.command, test.words)
			if test.picture {
				call.Pictures = map[string]core.Attachment{"image": picture(8, 6)}
			}
			reply := r.answer(t, call)
			for _, words := range test.says {
				if !strings.Contains(reply.Text.String(), words) {
					t.Errorf("%q does not say %q", reply.Text, words)
				}
			}
			command, _ := Find(test.command)
			if said := strings.Contains(reply.Text.String(), "Nothing was charged."); said != command.Paints {
				t.Errorf("%q", reply.Text)
			}
			if entries := r.store.Ledger(); len(entries) > 0 || reply.Submitted != "" || len(r.pictures.Keys()) > 0 {
				t.Errorf("%v was booked, %q submitted, %v kept", entries, reply.Submitted, r.pictures.Keys())
			}
			if command.Paints && len(r.refused) != 1 {
				t.Errorf("counted as refused: %v", r.refused)
			}
		})
	}
}

func TestOnlyWhoIsAllowed(t *testing.T) {
	r := newRoom(t)
	r.desk.Allow = []string{"chat-room:2", "chat:bob"}
	call := r.call("imagine", "a cat")
	if reply := r.answer(t, call); reply.Submitted != "" || !strings.Contains(reply.Text.String(), "reserved") {
		t.Errorf("a stranger was told %q", reply.Text)
	}
	tap := Tap{Button: Button{Again, "000000000000"}, Event: call.Event, User: call.User, Place: call.Place}
	if reply := r.desk.Tap(t.Context(), tap); !reply.Quiet || !strings.Contains(reply.Text.String(), "reserved") {
		t.Errorf("a stranger's tap was told %q", reply.Text)
	}
	if choices := r.desk.Complete(call, "model", ""); len(choices) > 0 {
		t.Errorf("a stranger was offered %d models", len(choices))
	}
	r.desk.Allow = []string{"chat-room:1"}
	if reply := r.answer(t, call); reply.Submitted == "" {
		t.Errorf("a guest was told %q", reply.Text)
	}
}

func TestPrivate(t *testing.T) {
	r := newRoom(t)
	for _, test := range []struct {
		command, words string
		options        map[string]string
		want           bool
	}{
		{"imagine", "a cat --private", nil, true},
		{"imagine", "a cat —private --modle x --private --n 9", nil, true},
		{"imagine", "a cat", map[string]string{"private": "true"}, true},
		{"imagine", "a cat --private=false", nil, false},
		{"imagine", "a private cat", nil, false},
		{"quota", "--private", nil, false},
		{"unknown", "--private", nil, false},
	} {
		if got := r.desk.Private(Call{Command: test.command, Words: test.words, Options: test.options}); got != test.want {
			t.Errorf("Private(%s %q %v) = %v", test.command, test.words, test.options, got)
		}
	}
}

func TestPrivateGoesElsewhere(t *testing.T) {
	r := newRoom(t)
	call := r.call("imagine", "a cat --private")
	call.Privately = func(context.Context) (core.ReplyTo, error) {
		return core.ReplyTo{Platform: chat, Address: "ann's own"}, nil
	}
	reply := r.answer(t, call)
	if !reply.Quiet || !strings.Contains(reply.Text.String(), "private chat") {
		t.Errorf("%+v", reply)
	}
	r.work(t)
	if to := r.courier.Deliveries()[0].To.Address; to != "ann's own" {
		t.Errorf("delivered to %s", to)
	}
	again := r.call("show", string(reply.Submitted))
	again.Privately = call.Privately
	if reply := r.answer(t, again); reply.Outcome != nil || !strings.Contains(reply.Text.String(), "others read along") {
		t.Errorf("shown to all: %+v", reply)
	}
	again.Place.Private = true
	if reply := r.answer(t, again); reply.Outcome == nil {
		t.Errorf("not shown: %q", reply.Text)
	}
}

func TestNoPrivatePlace(t *testing.T) {
	r := newRoom(t)
	call := r.call("imagine", "a cat --private")
	call.Privately = func(context.Context) (core.ReplyTo, error) {
		return core.ReplyTo{}, &NoPrivatePlace{Link: "https://chat.example/bot", Err: errors.New("never met")}
	}
	reply := r.answer(t, call)
	links := slices.IndexFunc(reply.Text, func(s Span) bool { return s.Style == Link && s.URL == "https://chat.example/bot" })
	if links < 0 || len(r.store.Ledger()) > 0 || !strings.Contains(reply.Text.String(), "Nothing was charged") {
		t.Errorf("%+v", reply)
	}
}

func TestFaultsAreOurs(t *testing.T) {
	r := newRoom(t)
	r.store.Break(errors.New("disk on fire"))
	call := r.call("imagine", "a cat")
	reply := r.answer(t, call)
	text, id := reply.Text.String(), string(core.GenerationOf(call.Event))
	if !strings.Contains(text, "Sorry") || !strings.Contains(text, id) || strings.Contains(text, "fire") {
		t.Errorf("%q", text)
	}
	if logged := r.log.String(); strings.Count(logged, "\n") != 1 || !strings.Contains(logged, "disk on fire") || !strings.Contains(logged, id) || strings.Contains(logged, "a cat") {
		t.Errorf("logged %q", logged)
	}
	r.log.Reset()
	stopping, cancel := context.WithCancel(t.Context())
	cancel()
	r.desk.Answer(stopping, call)
	if r.log.Len() > 0 {
		t.Errorf("logged while stopping: %q", &r.log)
	}
}

func TestTheSameCallTwice(t *testing.T) {
	r := newRoom(t)
	call := r.call("imagine", "a cat")
	first, second := r.answer(t, call), r.answer(t, call)
	if first.Submitted == "" || first.Submitted != second.Submitted || len(r.store.Ledger()) != 1 {
		t.Errorf("%s and %s, booked %v", first.Submitted, second.Submitted, r.store.Ledger())
	}
	r.work(t)
	tap := Tap{Button: Button{Again, first.Submitted}, Event: "tap 1", User: call.User, Place: call.Place, ReplyTo: call.ReplyTo}
	again, redone := r.desk.Tap(t.Context(), tap), r.desk.Tap(t.Context(), tap)
	if again.Submitted == "" || again.Submitted != redone.Submitted {
		t.Errorf("%+v and %+v", again, redone)
	}
	tap.Event = "tap 2"
	if twice := r.desk.Tap(t.Context(), tap); twice.Submitted != "" || !twice.Quiet || !strings.Contains(twice.Text.String(), "already") {
		t.Errorf("%+v", twice)
	}
}

func TestFurtherPicturesAreNamed(t *testing.T) {
	r := newRoom(t)
	call := r.call("edit", "make it night")
	call.Pictures, call.More = map[string]core.Attachment{"image": picture(8, 6)}, 2
	if reply := r.answer(t, call); !strings.Contains(reply.Text.String(), "the first of your 3 pictures") {
		t.Errorf("%q", reply.Text)
	}
	if reply := r.answer(t, r.call("edit", "--max")); !strings.Contains(reply.Text.String(), "What shall I change?") {
		t.Errorf("%q", reply.Text)
	}
	if reply := r.answer(t, r.call("imagine", "a cat --model 302ai-lora-t2i")); !strings.Contains(reply.Text.String(), "may need inputs") {
		t.Errorf("%q", reply.Text)
	}
}

func TestShow(t *testing.T) {
	r := newRoom(t)
	id := r.answer(t, r.call("imagine", "a cat")).Submitted
	if reply := r.answer(t, r.call("show", string(id))); reply.Outcome != nil || !strings.Contains(reply.Text.String(), "still being made") {
		t.Errorf("%+v", reply)
	}
	r.work(t)
	for _, call := range []Call{r.call("show", " `"+strings.ToUpper(string(id))+"` "), r.call("start", "show_"+string(id))} {
		if reply := r.answer(t, call); reply.Outcome == nil || len(reply.Buttons) != 3 || !reply.Quiet {
			t.Errorf("%s %q: %+v", call.Command, call.Words, reply)
		}
	}
	if reply := r.answer(t, r.call("start", "elsewhere")); !strings.Contains(reply.Text.String(), "Hello") {
		t.Errorf("%+v", reply)
	}
}

// What could not be delivered is offered with the next answer, whatever it is about.
func TestWhatIsKeptIsOffered(t *testing.T) {
	r := newRoom(t)
	r.courier.Next(coretest.Answer{Err: &core.Error{Kind: core.Gone}})
	kept := "/show " + string(r.answer(t, r.call("imagine", "a cat")).Submitted)
	r.work(t)
	for _, call := range []Call{r.call("quota", ""), r.call("imagine", "")} {
		if reply := r.answer(t, call); !strings.Contains(reply.Text.String(), kept) {
			t.Errorf("%s offers nothing: %q", call.Command, reply.Text)
		}
	}
	r.answer(t, r.call("imagine", "a dog"))
	r.work(t)
	told := r.courier.Told()
	if reply := Tell(told[len(told)-1]); !strings.Contains(reply.Text.String(), kept) {
		t.Errorf("the next picture offers nothing: %q", reply.Text)
	}
	r.answer(t, r.call("show", kept[len("/show "):]))
	if reply := r.answer(t, r.call("quota", "")); strings.Contains(reply.Text.String(), kept) {
		t.Errorf("it is offered although it was shown: %q", reply.Text)
	}
}

func TestComplete(t *testing.T) {
	r := newRoom(t)
	for _, test := range []struct {
		name, command, option, typed string
		words                        string
		options                      map[string]string
		count                        int // -1: any
		first                        Choice
	}{
		{"all models", "imagine", "model", "", "", nil, 25, Choice{"dall-e-3-t2i · OpenAI · 0.04 PTC", "dall-e-3-t2i"}},
		{"by vendor", "imagine", "model", "google", "", nil, 2, Choice{"google-v3-t2i · Google · 0.1 PTC", "google-v3-t2i"}},
		{"by price", "imagine", "model", "0.016", "", nil, 1, Choice{"dall-e-2-t2i · OpenAI · 0.016 PTC", "dall-e-2-t2i"}},
		{"of unknown price", "imagine", "model", "stable-v1", "", nil, 1, Choice{"stable-v1-t2i · Stability.ai · ≈0.15 PTC", "stable-v1-t2i"}},
		{"mistyped", "imagine", "model", "lumma-t2i", "", nil, 5, Choice{"luma-t2i · Luma · 0.05 PTC", "luma-t2i"}},
		{"models of another command", "imagine", "model", "flux-kontext-max", "", nil, 5, Choice{}},
		{"aspects of the default", "imagine", "aspect", "", "", nil, 9, Choice{"1:1", "1:1"}},
		{"aspects of the named", "imagine", "aspect", "", "", map[string]string{"model": "dall-e-3-t2i"}, 1, Choice{"1:1", "1:1"}},
		{"aspects of the flagged", "imagine", "aspect", "16", "a cat --model ideogram-v2-t2i", nil, 2, Choice{}},
		{"aspects of an unknown model", "imagine", "aspect", "", "", map[string]string{"model": "x"}, 0, Choice{}},
		{"aspects of edit", "edit", "aspect", "21", "", nil, 1, Choice{"21:9", "21:9"}},
		{"LoRAs", "flux", "lora", "", "", nil, 10, Choice{"realism · lifelike skin, light and lenses", "realism"}},
		{"a second LoRA", "flux", "lora", "realism:0.5, tar", "", nil, 1, Choice{"realism:0.5, tarot · tarot cards", "realism:0.5, tarot"}},
		{"a LoRA of one's own", "flux", "lora", "me/mine", "", nil, 1, Choice{"me/mine", "me/mine"}},
		{"controls", "flux", "control", "edges", "", nil, 2, Choice{"canny · keeps the edges of the control picture", "canny"}},
		{"what completes nothing", "imagine", "size", "", "", nil, 0, Choice{}},
		{"what is no option", "imagine", "x", "", "", nil, 0, Choice{}},
		{"what is no command", "x", "x", "", "", nil, 0, Choice{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			choices := r.desk.Complete(Call{Command: test.command, Words: test.words, Options: test.options}, test.option, test.typed)
			if len(choices) != test.count || test.first != (Choice{}) && choices[0] != test.first {
				t.Errorf("%d: %v", len(choices), choices)
			}
			for _, choice := range choices {
				if len([]rune(choice.Label)) > maxChoice || len([]rune(choice.Value)) > maxChoice || choice.Value == "" {
					t.Errorf("%+v", choice)
				}
			}
		})
	}
	if choices := r.desk.Complete(Call{Command: "imagine", Options: map[string]string{"model": "luma-t2i"}, Pictures: map[string]core.Attachment{"image": {}}}, "aspect", "9:"); len(choices) != 2 {
		t.Errorf("aspects of the sibling: %v", choices)
	}
	if choices := r.desk.Complete(Call{Command: "flux"}, "lora", strings.Repeat("x", 200)); len(choices) > 0 {
		t.Errorf("a value that is too long: %v", choices)
	}
}

func TestWeighted(t *testing.T) {
	for text, want := range map[string]string{
		"realism": "realism", "realism:0.8": "realism 0.8", " realism : 2 ": "realism 2", "realism:x": "realism:x", "": "",
		"a/b:1": "a/b 1", "https://h/w": "https://h/w", "https://h/w:0.5": "https://h/w 0.5", "https://h:8443/w": "https://h:8443/w",
		"https://h:8443/w:1.5": "https://h:8443/w 1.5", "https://h:8443": "https://h:8443", ":1": " 1",
	} {
		name, weight := weighted(text)
		if weight != nil {
			name += fmt.Sprintf(" %v", *weight)
		}
		if name != want {
			t.Errorf("weighted(%q) = %q, want %q", text, name, want)
		}
	}
}
