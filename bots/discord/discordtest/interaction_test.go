package discordtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imaginebot/bots/discord/discordtest"
)

var picture = discordtest.File{Name: "cat.png", Content: []byte("\x89PNG\r\n\x1a\nnot much of a picture")}

// The story the fake exists for: a command, a deferral, a picture, a button, a form.
func TestStory(t *testing.T) {
	s := start(t, discordtest.Settings{})
	ctx := within(t)
	ada, eve, cats := s.User("ada"), s.User("eve"), s.Guild("zoo").Channel("cats")
	b := connect(t, s, intents)
	b.register(imagine)
	b.serving(func(i interaction) {
		switch i.Type {
		case 2:
			b.call("POST", i.callback(), `{"type":5,"data":{"flags":64}}`)
			b.upload("PATCH", b.webhook(i)+"/messages/@original", `{"content":"done","allowed_mentions":{"parse":[]},
				"attachments":[{"id":"0","description":"a cat"}],
				"components":[{"type":1,"components":[{"type":2,"style":1,"label":"Again","custom_id":"again"},{"type":2,"style":2,"emoji":{"name":"🗑"},"custom_id":"del","disabled":true}]}]}`, picture)
		case 3:
			b.call("POST", i.callback(), `{"type":9,"data":{"custom_id":"form","title":"Again","components":[
				{"type":18,"label":"Words","component":{"type":4,"custom_id":"words","style":2,"value":"a cat","max_length":50}},
				{"type":1,"components":[{"type":4,"custom_id":"seed","style":1,"label":"Seed","required":false}]}]}}`)
		case 5:
			b.call("POST", i.callback(), `{"type":7,"data":{"content":"formed","components":[]}}`)
			b.call("POST", b.webhook(i), `{"content":"and more","flags":64}`)
		}
	})

	i, err := s.Command(ctx, ada, cats, "imagine", discordtest.Options{"prompt": "a cat"})
	if err != nil {
		t.Fatal(err)
	}
	if i.AckType() != 5 || i.AckAfter() <= 0 || i.AckAfter() > time.Second || !i.Ephemeral() {
		t.Errorf("acknowledged with %d after %v, ephemeral %v", i.AckType(), i.AckAfter(), i.Ephemeral())
	}
	done, err := i.Wait(ctx, func(m discordtest.Message) bool { return !m.Loading })
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(done.Attachments[0].Bytes(), picture.Content) || done.Attachments[0].Description != "a cat" || done.Edits != 0 {
		t.Errorf("answered %+v", done)
	}
	if seen := s.Messages(cats, eve); len(seen) != 0 {
		t.Errorf("a stranger sees an ephemeral answer: %+v", seen)
	}
	if seen := s.Messages(cats, ada); len(seen) != 1 || !seen[0].Ephemeral || seen[0].For != ada {
		t.Errorf("ada sees %+v", seen)
	}
	if _, err := s.Click(ctx, eve, done, "again"); err == nil {
		t.Error("a stranger pressed a button of an ephemeral message")
	}
	for _, words := range []string{"nothing like that", ""} { // "" finds "Again", the first
		if _, err := s.Click(ctx, ada, done, words); (err == nil) != (words == "") {
			t.Errorf("a click on %q: %v", words, err)
		}
	}

	click, err := s.Click(ctx, ada, done, "again")
	if err != nil {
		t.Fatal(err)
	}
	want := &discordtest.Modal{CustomID: "form", Title: "Again", Fields: []discordtest.Field{
		{CustomID: "words", Label: "Words", Value: "a cat", Required: true, Long: true, Max: 50},
		{CustomID: "seed", Label: "Seed", Max: 4000},
	}}
	if diff := cmp.Diff(want, click.Modal(), cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".inLabel" }, cmp.Ignore())); diff != "" {
		t.Error(diff)
	}
	for name, values := range map[string]map[string]string{
		"too long": {"words": strings.Repeat("x", 51)}, "empty": {"words": ""}, "no such field": {"hat": "x"},
	} {
		if _, err := s.SubmitModal(ctx, ada, click, values); err == nil {
			t.Errorf("a form %s was sent", name)
		}
	}
	form, err := s.SubmitModal(ctx, ada, click, map[string]string{"Words": "a dog", "seed": "7"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := form.Wait(ctx, func(m discordtest.Message) bool { return m.Content == "and more" && m.Ephemeral }); err != nil {
		t.Error(err)
	}
	if m, ok := form.Response(); !ok || m.ID != done.ID || m.Content != "formed" || len(m.Buttons) != 0 || m.Edits != 1 {
		t.Errorf("updated to %+v", m)
	}
	if f := form.Followups(); len(f) != 1 || f[0].Text() != "and more" {
		t.Errorf("followed by %+v", f)
	}
	if err := s.Remove(done); err != nil {
		t.Error(err)
	}
	if _, ok := form.Response(); ok {
		t.Error("a removed answer still stands")
	}
	blameless(t, s)
}

func TestWhatAnInteractionTells(t *testing.T) {
	s := start(t, discordtest.Settings{AttachmentLimit: 1234})
	ctx := within(t)
	ada, zoo := s.User("ada"), s.Guild("zoo")
	ada.Locale = "de"
	zoo.Grant(ada, discordtest.PermissionManageMessages)
	cats := zoo.Channel("cats")
	cats.SetAppPermissions(discordtest.PermissionViewChannel)
	b := connect(t, s, 0)
	b.register(imagine)
	got := make(chan interaction, 2)
	b.serving(func(i interaction) {
		b.call("POST", i.callback(), `{"type":5}`)
		got <- i
	})

	for _, where := range []*discordtest.Channel{cats, s.DM(ada)} {
		if _, err := s.Command(ctx, ada, where, "imagine", discordtest.Options{"prompt": "a cat"}); err != nil {
			t.Fatal(err)
		}
	}
	guild, direct := <-got, <-got
	if guild.User != nil || guild.Member == nil || guild.Member.User.ID != ada.ID || guild.Member.Permissions == "" || guild.Guild != zoo.ID || guild.Context != 0 || guild.AppPerm != "1024" {
		t.Errorf("in a guild: %+v", guild)
	}
	if direct.User == nil || direct.User.ID != ada.ID || direct.Member != nil || direct.Guild != "" || direct.Context != 1 {
		t.Errorf("direct: %+v", direct)
	}
	if guild.Locale != "de" || guild.Limit != 1234 {
		t.Errorf("locale %s, limit %d", guild.Locale, guild.Limit)
	}
	blameless(t, s)
}

func TestOptions(t *testing.T) {
	s := start(t, discordtest.Settings{})
	ctx := within(t)
	ada, eve, cats := s.User("ada"), s.User("eve"), s.Guild("zoo").Channel("cats")
	b := connect(t, s, 0)
	b.register(imagine)
	got := make(chan string, 1)
	b.serving(func(i interaction) {
		b.call("POST", i.callback(), `{"type":4,"data":{"content":"ok"}}`)
		got <- string(i.Data)
	})
	for name, test := range map[string]struct {
		command string
		options discordtest.Options
		want    string // in the data; "" is refused
	}{
		"all":                 {"imagine", discordtest.Options{"count": 2, "prompt": "x", "private": true, "scale": 1.5, "format": "JPEG"}, `"options":[{"name":"prompt","type":3,"value":"x"},{"name":"format","type":3,"value":"jpeg"},{"name":"count","type":4,"value":2},{"name":"scale","type":10,"value":1.5},{"name":"private","type":5,"value":true}]`},
		"by a choice's value": {"imagine", discordtest.Options{"prompt": "x", "format": "png"}, `"value":"png"`},
		"a file":              {"imagine", discordtest.Options{"prompt": "x", "image": discordtest.File{Name: "a b.png", Content: []byte("x"), Declared: 99}}, `"filename":"a_b.png"`},
		"a file that lies":    {"imagine", discordtest.Options{"prompt": "x", "image": discordtest.File{Name: "a.png", Content: []byte("x"), Declared: 99}}, `"size":99`},
		"subcommand":          {"admin grant", discordtest.Options{"who": eve}, `"options":[{"name":"grant","options":[{"name":"who","type":6,"value":"` + eve.ID + `"}],"type":1}]`},
		"required missing":    {"imagine", nil, ""},
		"empty string":        {"imagine", discordtest.Options{"prompt": ""}, ""},
		"too long":            {"imagine", discordtest.Options{"prompt": strings.Repeat("x", 101)}, ""},
		"wrong type":          {"imagine", discordtest.Options{"prompt": 5}, ""},
		"no such choice":      {"imagine", discordtest.Options{"prompt": "x", "format": "gif"}, ""},
		"too many":            {"imagine", discordtest.Options{"prompt": "x", "count": 5}, ""},
		"a fraction":          {"imagine", discordtest.Options{"prompt": "x", "count": 1.5}, ""},
		"too big":             {"imagine", discordtest.Options{"prompt": "x", "scale": 2.6}, ""},
		"no such option":      {"imagine", discordtest.Options{"prompt": "x", "hat": "y"}, ""},
		"no such command":     {"paint", nil, ""},
		"no such subcommand":  {"admin revoke", nil, ""},
		"group as an option":  {"admin", discordtest.Options{"grant": "x"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Command(ctx, ada, cats, test.command, test.options)
			if (err == nil) != (test.want != "") {
				t.Fatalf("error %v", err)
			}
			if err == nil {
				if d := <-got; !strings.Contains(d, test.want) {
					t.Errorf("got %s\nwant %s", d, test.want)
				}
			}
		})
	}
	blameless(t, s)
}

func TestAutocomplete(t *testing.T) {
	s := start(t, discordtest.Settings{})
	ctx := within(t)
	ada, cats := s.User("ada"), s.Guild("zoo").Channel("cats")
	b := connect(t, s, 0)
	b.register(imagine)
	answers := make(chan string, 1)
	b.serving(func(i interaction) {
		if !strings.Contains(string(i.Data), `{"focused":true,"name":"model","type":3,"value":"fl"}`) {
			t.Errorf("data %s", i.Data)
		}
		if a := b.call("POST", i.callback(), <-answers); a.Status != 204 {
			b.call("POST", i.callback(), `{"type":8,"data":{"choices":[]}}`)
		}
	})
	ask := func() ([]discordtest.Choice, error) {
		return s.Autocomplete(ctx, ada, cats, "imagine", discordtest.Options{"prompt": "x", "model": "fl"}, "model")
	}
	answers <- `{"type":8,"data":{"choices":[{"name":"Flux","value":"flux-dev"}]}}`
	choices, err := ask()
	if diff := cmp.Diff([]discordtest.Choice{{Name: "Flux", Value: "flux-dev"}}, choices); err != nil || diff != "" {
		t.Error(err, diff)
	}
	blameless(t, s)
	if _, err := s.Autocomplete(ctx, ada, cats, "imagine", nil, "prompt"); err == nil {
		t.Error("an option without autocomplete suggested something")
	}

	many := strings.Repeat(`{"name":"x","value":"y"},`, 26)
	for _, wrong := range []string{
		`{"type":8,"data":{"choices":[` + strings.TrimSuffix(many, ",") + `]}}`,
		`{"type":8,"data":{"choices":[{"name":"","value":"y"}]}}`,
		`{"type":8,"data":{"choices":[{"name":"x","value":""}]}}`,
		`{"type":5}`,
	} {
		before := len(s.Violations())
		answers <- wrong
		if choices, err := ask(); err != nil || len(choices) != 0 {
			t.Errorf("%s: %v %v", wrong, choices, err)
		}
		if got := len(s.Violations()) - before; got != 1 {
			t.Errorf("%s: %d violations", wrong, got)
		}
	}
}

// command gives a command without waiting and returns what the bot received.
func command(t *testing.T, s *discordtest.Server, b *bot, ctx context.Context, u *discordtest.User, where *discordtest.Channel) (interaction, func() (*discordtest.Interaction, error)) {
	t.Helper()
	type outcome struct {
		i   *discordtest.Interaction
		err error
	}
	result := make(chan outcome, 1)
	go func() {
		i, err := s.Command(ctx, u, where, "imagine", discordtest.Options{"prompt": "x"})
		result <- outcome{i, err}
	}()
	return b.interaction(), func() (*discordtest.Interaction, error) { o := <-result; return o.i, o.err }
}

func TestCallbackRules(t *testing.T) {
	for name, test := range map[string]struct {
		body   string
		status int
		code   int
	}{
		"message":               {`{"type":4,"data":{"content":"x"}}`, 204, 0},
		"deferred":              {`{"type":5}`, 204, 0},
		"deferred ephemeral":    {`{"type":5,"data":{"flags":64}}`, 204, 0},
		"deferred, other flags": {`{"type":5,"data":{"flags":4}}`, 400, 50035},
		"deferred with content": {`{"type":5,"data":{"content":"x"}}`, 400, 50035},
		"update of nothing":     {`{"type":7,"data":{"content":"x"}}`, 400, 50035},
		"deferred update":       {`{"type":6}`, 400, 50035},
		"suggestions":           {`{"type":8,"data":{"choices":[]}}`, 400, 50035},
		"unknown type":          {`{"type":50}`, 400, 50035},
		"empty":                 {`{"type":4,"data":{"content":" "}}`, 400, 50006},
		"form without fields":   {`{"type":9,"data":{"custom_id":"x","title":"y","components":[]}}`, 400, 50035},
		"form without title":    {`{"type":9,"data":{"custom_id":"x","title":"","components":[{"type":1,"components":[{"type":4,"custom_id":"w","style":1,"label":"l"}]}]}}`, 400, 50035},
		"form, label missing":   {`{"type":9,"data":{"custom_id":"x","title":"y","components":[{"type":1,"components":[{"type":4,"custom_id":"w","style":1}]}]}}`, 400, 50035},
		"form, input twice":     {`{"type":9,"data":{"custom_id":"x","title":"y","components":[{"type":1,"components":[{"type":4,"custom_id":"w","style":1,"label":"l"}]},{"type":1,"components":[{"type":4,"custom_id":"w","style":1,"label":"l"}]}]}}`, 400, 50035},
		"not JSON":              {`{`, 400, 50109},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, discordtest.Settings{AckWithin: 100 * time.Millisecond})
			b := connect(t, s, 0)
			b.register(imagine)
			i, wait := command(t, s, b, within(t), s.User("ada"), s.DM(s.User("ada")))
			a := b.call("POST", i.callback(), test.body)
			if a.Status != test.status || a.Code != test.code {
				t.Errorf("answered %d %d, want %d %d: %s", a.Status, a.Code, test.status, test.code, a.Raw)
			}
			if a.Headers.Get("X-RateLimit-Remaining") == "" {
				t.Error("no rate limit headers")
			}
			_, err := wait()
			if (err == nil) != (test.status == 204) || err != nil && !errors.Is(err, discordtest.ErrNotResponding) {
				t.Errorf("the person saw %v", err)
			}
			if got := len(s.Violations()); test.status == 204 && got != 0 || test.status != 204 && got != 2 {
				t.Errorf("violations %q", s.Violations())
			}
		})
	}
}

func TestAcknowledgedTwice(t *testing.T) {
	s := start(t, discordtest.Settings{})
	b := connect(t, s, 0)
	b.register(imagine)
	ada := s.User("ada")
	i, wait := command(t, s, b, within(t), ada, s.DM(ada))
	b.call("POST", i.callback(), `{"type":5}`)
	if a := b.call("POST", i.callback(), `{"type":5}`); a.Status != 400 || a.Code != 40060 {
		t.Errorf("answered %d %d", a.Status, a.Code)
	}
	if _, err := wait(); err != nil {
		t.Error(err)
	}
	blamed(t, s, "40060")
	if a := b.call("POST", "/interactions/"+i.ID+"/other/callback", `{"type":5}`); a.Code != 50027 {
		t.Errorf("with another token: %d", a.Code)
	}
}

// Two processes on one token both receive an interaction; that the slower one is refused is nobody's fault.
func TestTwoProcesses(t *testing.T) {
	s := start(t, discordtest.Settings{})
	b, other := connect(t, s, 0), connect(t, s, 0)
	b.register(imagine)
	ada := s.User("ada")
	i, wait := command(t, s, b, within(t), ada, s.DM(ada))
	same := other.interaction()
	b.call("POST", i.callback(), `{"type":5}`)
	if a := other.call("POST", same.callback(), `{"type":5}`); a.Code != 40060 {
		t.Errorf("the second got %d", a.Code)
	}
	if _, err := wait(); err != nil {
		t.Error(err)
	}
	blameless(t, s)
}

func TestNotAcknowledged(t *testing.T) {
	const patience = 50 * time.Millisecond
	s := start(t, discordtest.Settings{AckWithin: patience})
	ctx := within(t)
	ada := s.User("ada")
	b := connect(t, s, 0)
	b.register(imagine)

	i, wait := command(t, s, b, ctx, ada, s.DM(ada))
	if _, err := wait(); !errors.Is(err, discordtest.ErrNotResponding) {
		t.Fatalf("a silent bot: %v", err)
	}
	blamed(t, s, "not acknowledged")
	if a := b.call("POST", i.callback(), `{"type":5}`); a.Status != 404 || a.Code != 10062 {
		t.Errorf("too late: %d %d", a.Status, a.Code)
	}
	if a := b.call("PATCH", b.webhook(i)+"/messages/@original", `{"content":"x"}`); a.Code != 10015 {
		t.Errorf("without an acknowledgement: %d", a.Code)
	}

	// A bot that is down, or whose acknowledgement meets trouble, is not to blame.
	before := len(s.Violations())
	s.Script(discordtest.Match{Path: "/interactions/*/*/callback"}, discordtest.BadGateway(), 1)
	i, wait = command(t, s, b, ctx, ada, s.DM(ada))
	if a := b.call("POST", i.callback(), `{"type":5}`); a.Status != 502 || !strings.Contains(string(a.Raw), "<html>") {
		t.Errorf("scripted: %d %s", a.Status, a.Raw)
	}
	if _, err := wait(); !errors.Is(err, discordtest.ErrNotResponding) {
		t.Errorf("in trouble: %v", err)
	}
	i, wait = command(t, s, b, ctx, ada, s.DM(ada))
	s.DropGateway()
	if _, err := wait(); !errors.Is(err, discordtest.ErrNotResponding) {
		t.Errorf("died meanwhile: %v", err)
	}
	s.ForgetSessions()
	if _, err := s.Command(ctx, ada, s.DM(ada), "imagine", discordtest.Options{"prompt": "x"}); !errors.Is(err, discordtest.ErrNotResponding) {
		t.Errorf("nobody there: %v", err)
	}
	if got := s.Violations()[before:]; len(got) != 0 {
		t.Errorf("violations %q of %s", got, i.ID)
	}
}

func TestTokenExpires(t *testing.T) {
	now := time.Now()
	clock := make(chan time.Time, 1)
	clock <- now
	s := start(t, discordtest.Settings{Now: func() time.Time { n := <-clock; clock <- n; return n }})
	ctx := within(t)
	ada := s.User("ada")
	b := connect(t, s, 0)
	b.register(imagine)
	b.serving(func(i interaction) { b.call("POST", i.callback(), `{"type":4,"data":{"content":"x"}}`) })
	give := func() (*discordtest.Interaction, string) {
		t.Helper()
		i, err := s.Command(ctx, ada, s.DM(ada), "imagine", discordtest.Options{"prompt": "x"})
		if err != nil {
			t.Fatal(err)
		}
		requests := s.Requests()
		path := strings.Split(requests[len(requests)-1].Path, "/")
		return i, "/webhooks/" + s.ApplicationID() + "/" + path[3]
	}
	first, hook := give()
	if a := b.call("GET", hook+"/messages/@original", ""); a.Status != 200 {
		t.Errorf("alive: %d", a.Status)
	}
	first.ExpireToken()
	if a := b.call("GET", hook+"/messages/@original", ""); a.Status != 401 || a.Code != 50027 {
		t.Errorf("expired by hand: %d %d", a.Status, a.Code)
	}
	_, hook = give()
	<-clock
	clock <- now.Add(15*time.Minute + time.Second)
	if a := b.call("POST", hook, `{"content":"late"}`); a.Status != 401 || a.Code != 50027 {
		t.Errorf("expired by age: %d %d", a.Status, a.Code)
	}
	blameless(t, s)
}

func TestWebhookMessages(t *testing.T) {
	s := start(t, discordtest.Settings{})
	ctx := within(t)
	ada := s.User("ada")
	b := connect(t, s, 0)
	b.register(imagine)
	answers := make(chan string, 1)
	interactions := make(chan interaction, 1)
	b.serving(func(i interaction) {
		b.call("POST", i.callback(), <-answers)
		interactions <- i
	})
	give := func(answer string) (*discordtest.Interaction, string) {
		t.Helper()
		answers <- answer
		i, err := s.Command(ctx, ada, s.DM(ada), "imagine", discordtest.Options{"prompt": "x"})
		if err != nil {
			t.Fatal(err)
		}
		return i, b.webhook(<-interactions)
	}

	// The first follow-up of a deferral is its answer, whatever its flags say.
	i, hook := give(`{"type":5}`)
	if a := b.call("GET", hook+"/messages/@original", ""); a.JSON["flags"] != float64(128) {
		t.Errorf("while thinking: %s", a.Raw)
	}
	b.call("POST", hook, `{"content":"first","flags":64}`)
	if m, _ := i.Response(); m.Content != "first" || m.Ephemeral || m.Loading || len(i.Followups()) != 0 {
		t.Errorf("answered %+v", m)
	}
	second := b.call("POST", hook, `{"content":"second"}`)
	id := fmt.Sprint(second.JSON["id"])
	if a := b.call("PATCH", hook+"/messages/"+id, `{"content":"changed"}`); a.Status != 200 || a.JSON["content"] != "changed" {
		t.Errorf("a follow-up edited: %s", a.Raw)
	}
	if a := b.call("PATCH", hook+"/messages/"+id, `{"content":""}`); a.Code != 50006 {
		t.Errorf("edited to nothing: %d", a.Code)
	}
	if a := b.call("DELETE", hook+"/messages/"+id, ""); a.Status != 204 {
		t.Errorf("deleted: %d", a.Status)
	}
	for _, path := range []string{"/messages/" + id, "/messages/123"} {
		if a := b.call("PATCH", hook+path, `{"content":"x"}`); a.Code != 10008 {
			t.Errorf("%s: %d", path, a.Code)
		}
	}
	b.call("DELETE", hook+"/messages/@original", "")
	if a := b.call("PATCH", hook+"/messages/@original", `{"content":"x"}`); a.Status != 404 || a.Code != 10008 {
		t.Errorf("a deleted answer: %d %d", a.Status, a.Code)
	}
	blamed(t, s, "50006")

	_, hook = give(`{"type":4,"data":{"content":"x"}}`)
	if a := b.call("GET", strings.Replace(hook, s.ApplicationID(), "123", 1)+"/messages/@original", ""); a.Code != 10015 {
		t.Errorf("another's webhook: %d", a.Code)
	}
}

func TestWithResponse(t *testing.T) {
	s := start(t, discordtest.Settings{})
	b := connect(t, s, 0)
	b.register(imagine)
	ada := s.User("ada")
	i, wait := command(t, s, b, within(t), ada, s.DM(ada))
	a := b.call("POST", i.callback()+"?with_response=true", `{"type":5,"data":{"flags":64}}`)
	told, _ := a.JSON["interaction"].(map[string]any)
	if a.Status != 200 || told["response_message_ephemeral"] != true || told["response_message_loading"] != true || told["response_message_id"] == nil {
		t.Errorf("answered %s", a.Raw)
	}
	if _, err := wait(); err != nil {
		t.Error(err)
	}
	blameless(t, s)
}

func TestMessageCommand(t *testing.T) {
	s := start(t, discordtest.Settings{})
	ctx := within(t)
	ada, cats := s.User("ada"), s.Guild("zoo").Channel("cats")
	b := connect(t, s, 0)
	b.register(imagine)
	got := make(chan string, 1)
	b.serving(func(i interaction) {
		b.call("POST", i.callback(), `{"type":4,"data":{"content":"x"}}`)
		got <- string(i.Data)
	})
	said, err := s.Say(ada, cats, discordtest.Words{Text: "look", Files: []discordtest.File{picture}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.MessageCommand(ctx, ada, said, "Edit image"); err != nil {
		t.Fatal(err)
	}
	if d := <-got; !strings.Contains(d, `"target_id":"`+said.ID+`"`) || !strings.Contains(d, `"filename":"cat.png"`) {
		t.Errorf("data %s", d)
	}
	if _, err := s.MessageCommand(ctx, ada, said, "imagine"); err == nil {
		t.Error("a slash command in the menu of a message")
	}
	blameless(t, s)
}

// What a message shows in any way is readable, and its files are there.
func TestText(t *testing.T) {
	s := start(t, discordtest.Settings{})
	b := connect(t, s, 0)
	cats := s.Guild("zoo").Channel("cats")
	b.call("POST", "/channels/"+cats.ID+"/messages", `{"content":"a","embeds":[{"author":{"name":"b"},"title":"c","description":"d","fields":[{"name":"e","value":"f"}],"footer":{"text":"g"}}]}`)
	b.upload("POST", "/channels/"+cats.ID+"/messages", `{"flags":32768,"components":[
		{"type":17,"components":[{"type":10,"content":"h"},{"type":12,"items":[{"media":{"url":"attachment://cat.png"}}]}]},
		{"type":1,"components":[{"type":2,"style":1,"label":"l","custom_id":"one"}]},
		{"type":1,"components":[{"type":2,"style":1,"label":"m","custom_id":"two"}]}]}`, picture)
	seen := s.Messages(cats, s.User("ada"))
	if len(seen) != 2 || seen[0].Text() != "a\nb\nc\nd\ne\nf\ng" || seen[1].Text() != "h" {
		t.Fatalf("reads %+v", seen)
	}
	if m := seen[1]; len(m.Attachments) != 1 || !m.Attachments[0].Shown || len(m.Buttons) != 2 || m.Buttons[1].Row != 1 {
		t.Errorf("sees %+v", m)
	}
	blameless(t, s)
}

// The fake forgets old files rather than fill the memory.
func TestForgetsFiles(t *testing.T) {
	s := start(t, discordtest.Settings{KeepBytes: 100})
	b := connect(t, s, 0)
	ada, cats := s.User("ada"), s.Guild("zoo").Channel("cats")
	var said []discordtest.Message
	for range 3 {
		m, err := s.Say(ada, cats, discordtest.Words{Files: []discordtest.File{{Name: "a.bin", Content: make([]byte, 50)}}})
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, m)
	}
	for n, want := range []int{404, 200, 200} {
		response, err := b.client.Get(said[n].Attachments[0].URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("file %d: %d", n, response.StatusCode)
		}
	}
}

func TestAttachments(t *testing.T) {
	s := start(t, discordtest.Settings{AttachmentLimit: 100})
	b := connect(t, s, 0)
	cats := s.Guild("zoo").Channel("cats")
	messages := "/channels/" + cats.ID + "/messages"

	a := b.upload("POST", messages, `{"embeds":[{"title":"t","image":{"url":"attachment://cat.png"}}]}`, picture, discordtest.File{Name: "other.txt", Content: []byte("hi")})
	if shown, _ := a.JSON["attachments"].([]any); a.Status != 200 || len(shown) != 1 {
		t.Fatalf("an attachment of an embed is not left out: %s", a.Raw)
	}
	m, err := s.WaitMessage(within(t), cats, func(discordtest.Message) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Attachments) != 2 || !m.Attachments[0].Shown || m.Embeds[0].ImageURL != m.Attachments[0].URL {
		t.Errorf("a person sees %+v", m)
	}
	for status, url := range map[int]string{200: m.Embeds[0].ImageURL, 404: s.URL() + "/attachments/1/2/x.png"} {
		response, err := b.client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != status || status == 200 && !bytes.Equal(got, picture.Content) {
			t.Errorf("%d: %q", response.StatusCode, got)
		}
	}

	edit := messages + "/" + m.ID
	if a := b.upload("PATCH", edit, `{"content":"more"}`, discordtest.File{Name: "third.txt", Content: []byte("3")}); a.Status != 200 {
		t.Errorf("added: %s", a.Raw)
	}
	names := func() (out []string) {
		for _, m := range s.Messages(cats, s.User("ada")) {
			for _, a := range m.Attachments {
				out = append(out, a.Filename)
			}
		}
		return out
	}
	if diff := cmp.Diff([]string{"cat.png", "other.txt", "third.txt"}, names()); diff != "" {
		t.Error("version 9 adds files:", diff)
	}
	b.upload("PATCH", edit, `{"embeds":[],"attachments":[{"id":"`+m.Attachments[1].ID+`"},{"id":"0","filename":"new.png"}]}`, picture)
	if diff := cmp.Diff([]string{"other.txt", "new.png"}, names()); diff != "" {
		t.Error("only what is listed stays:", diff)
	}
	b.call("PATCH", edit, `{"attachments":[]}`)
	if got := names(); got != nil {
		t.Errorf("an empty list left %q", got)
	}
	blameless(t, s)

	if a := b.upload("POST", messages, `{}`, discordtest.File{Name: "big", Content: make([]byte, 101)}); a.Status != http.StatusRequestEntityTooLarge || a.Code != 40005 {
		t.Errorf("too large: %d %d", a.Status, a.Code)
	}
	blameless(t, s) // a limit to run into, not a mistake
	for name, body := range map[string]string{
		"no such file":            `{"attachments":[{"id":"7"}]}`,
		"an embed of nothing":     `{"embeds":[{"image":{"url":"attachment://dog.png"}}]}`,
		"an embed of odd schemes": `{"embeds":[{"image":{"url":"ftp://x"}}]}`,
	} {
		if a := b.upload("POST", messages, body, picture); a.Code != 50035 {
			t.Errorf("%s: %d", name, a.Code)
		}
	}
	if requests := s.Requests(); requests[0].Files[0] != "cat.png" || !requests[0].Authorized || !strings.Contains(string(requests[0].JSON), "attachment://cat.png") {
		t.Errorf("logged %+v", requests[0])
	}
}
