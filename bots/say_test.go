package bots

import (
	"context"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"imaginebot/core"
	"imaginebot/core/coretest"
)

var update = flag.Bool("update", false, "write the golden files anew")

var refusedScene = coretest.Scene{After: &core.Error{Kind: core.Refused}}

// allReasons are the reasons of the core and of this package, read from their sources, so
// that none is forgotten.
func allReasons(t *testing.T) []core.Reason {
	t.Helper()
	constant := regexp.MustCompile(`(?m)^\s+[rR]eason\w+\s+(?:core\.)?Reason\s+= "([^"]+)"`)
	var reasons []core.Reason
	for _, file := range []string{"../core/error.go", "text.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range constant.FindAllStringSubmatch(string(source), -1) {
			reasons = append(reasons, core.Reason(found[1]))
		}
	}
	if len(reasons) < 40 {
		t.Fatalf("only %d reasons were found", len(reasons))
	}
	return reasons
}

// full is an error with everything in it that an excuse may speak of.
func full(kind core.Kind, reason core.Reason) *core.Error {
	return &core.Error{
		Kind: kind, Reason: reason, Option: "--n", Value: "@everyone <b>", Allowed: []string{"1:1", "16:9"}, Limit: 25_000_000, RetryAt: noon,
	}
}

func TestEveryKindHasASentence(t *testing.T) {
	for kind := core.Internal; core.ParseKind(kind.String()) == kind; kind++ {
		if kinds[kind] == nil {
			t.Errorf("%s has none", kind)
			continue
		}
		readable(t, refusal(full(kind, ""), about{id: "0123456789ab"}, true))
		readable(t, refusal(&core.Error{Kind: kind}, about{id: "0123456789ab"}, false))
	}
	if last := core.Cancelled; kinds[last] == nil || len(kinds) != int(last)+1 {
		t.Errorf("%d kinds have sentences", len(kinds))
	}
}

func TestEveryReasonHasASentence(t *testing.T) {
	all := allReasons(t)
	for _, reason := range all {
		if reasons[reason] == nil {
			t.Errorf("%q has none", reason)
			continue
		}
		readable(t, refusal(full(core.Invalid, reason), about{words: "a cat"}, true))
		bare := full(core.Invalid, reason)
		bare.Allowed, bare.RetryAt = nil, time.Time{}
		readable(t, refusal(bare, about{}, true))
	}
	if len(all) != len(reasons) {
		t.Errorf("%d reasons, but %d sentences", len(all), len(reasons))
	}
}

// readable fails a text that has holes, or foreign words outside a span of their own.
func readable(t *testing.T, text Text) {
	t.Helper()
	whole := text.String()
	for _, hole := range []string{"  ", " .", "%!", "..", " ,"} {
		if strings.Contains(strings.ReplaceAll(whole, "…", ""), hole) {
			t.Errorf("%q has a hole", whole)
		}
	}
	if !strings.ContainsAny(whole[len(whole)-1:], ".?!abcdefghijklmnopqrstuvwxyz0123456789") {
		t.Errorf("%q breaks off", whole)
	}
	for _, span := range text {
		if span.Style == Plain && strings.Contains(span.Text, "@everyone") && span.Text != "@everyone <b>" {
			t.Errorf("%q is mixed with foreign text", span.Text)
		}
	}
}

func TestHelp(t *testing.T) {
	const file = "testdata/help.txt"
	help := sayHelp()
	got := help.String() + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the help has changed; go test ./bots -update writes it anew:\n%s", got)
	}
	if length := help.length(); length > maxList {
		t.Errorf("the help has %d characters", length)
	}
}

func TestTheExamplesOfTheHelp(t *testing.T) {
	for _, command := range Commands() {
		for _, example := range command.Examples {
			r := newRoom(t)
			call := r.call(command.Name, example)
			if command.Name == "edit" || strings.Contains(example, "--control") {
				call.Pictures = map[string]core.Attachment{"image": picture(8, 6)}
			}
			reply := r.answer(t, call)
			if command.Paints && reply.Submitted == "" || strings.Contains(reply.Text.String(), "No model matches") {
				t.Errorf("/%s %s: %q", command.Name, example, reply.Text)
			}
		}
	}
}

func TestModels(t *testing.T) {
	r := newRoom(t)
	for search, says := range map[string][]string{
		"":               {"dall-e-3-t2i", "flux-kontext-pro · 0.04 PTC · /edit · needs a picture", "flux-general · 0.1 PTC · /flux · LoRAs, ControlNet"},
		"cogview-4-t2i":  {"Zhipu", "0.02 PTC", "1024x1024 768x1344"},
		"stable":         {"≈0.15 PTC", "as the picture"},
		"doubao":         {"sides 256–768"},
		"hidream":        {"any shape"},
		"302ai-lora-t2i": {"may need inputs"},
		"@everyone <b>":  {"No model matches @everyone <b>. Nearest: "},
		"flux-kontext":   {"/edit"},
		"ideogram 0.04":  {"ideogram-v2a-t2i", "ideogram-v2a-turbo-t2i"},
	} {
		reply := r.answer(t, r.call("models", search))
		for _, words := range says {
			if !strings.Contains(reply.Text.String(), words) {
				t.Errorf("%q: %q does not say %q", search, reply.Text, words)
			}
		}
		if length := reply.Text.length(); length > maxList || !reply.Quiet {
			t.Errorf("%q: %d characters", search, length)
		}
	}
}

func TestALongListOfModels(t *testing.T) {
	all := core.DefaultCatalog().Models()
	for range 3 {
		all = append(all, all...)
	}
	text := sayModels(all)
	if !strings.Contains(text.String(), " more: /models ") || text.length() > maxList {
		t.Errorf("%d characters: %q", text.length(), text)
	}
}

func TestQuota(t *testing.T) {
	plan := core.Plan{ImagesPerDay: 25, PTCPerMonth: 5 * core.OnePTC, Concurrent: 3, BudgetPerDay: core.OnePTC}
	usage := core.Usage{Images: 3, Spent: 120_000, Unfinished: 1, Uncertain: 5, BotSpent: core.OnePTC}
	for _, test := range []struct {
		left core.Allowance
		want string
	}{
		{
			plan.Left(usage, noon), "Today: 3 pictures of 25, 22 left; renews 2026-05-05 00:00 UTC\n" +
				"This month: 0.12 PTC spent of 5, 4.88 left; renews 2026-06-01 00:00 UTC\n" +
				"Waiting: 1 request of 3 at once\n" +
				"Too many of your pictures were lost on the way today; you can go on 2026-05-05 00:00 UTC.\n" +
				"Today's budget for everyone here is used up; it renews 2026-05-05 00:00 UTC.",
		},
		{
			core.Plan{ImagesPerDay: -1, PTCPerMonth: -1, Concurrent: -1, BudgetPerDay: -1}.Left(core.Usage{}, noon),
			"Today: 0 pictures, no limit\nThis month: 0 PTC spent, no limit\nWaiting: 0 requests",
		},
	} {
		if got := sayQuota(test.left).String(); got != test.want {
			t.Errorf("got\n%s\nwant\n%s", got, test.want)
		}
	}
}

func TestCancelledEach(t *testing.T) {
	got := sayCancelled([]core.Cancellation{{ID: "a"}, {ID: "b", Begun: true}}).String()
	if want := "Cancelled a. Nothing was charged.\nToo late to stop b: what was begun is finished, charged and kept for /show b"; got != want {
		t.Errorf("%q", got)
	}
}

func TestCancelAll(t *testing.T) {
	r := newRoom(t)
	first, second := r.answer(t, r.call("imagine", "a cat")).Submitted, r.answer(t, r.call("imagine", "a dog")).Submitted
	reply := r.answer(t, r.call("cancel", ""))
	for _, id := range []core.GenerationID{first, second} {
		if !strings.Contains(reply.Text.String(), "Cancelled "+string(id)) {
			t.Errorf("%q does not name %s", reply.Text, id)
		}
	}
	r.work(t)
	for _, outcome := range r.courier.Told() {
		if reply := Tell(outcome); reply.Text.String() != "Cancelled. Nothing was charged." || len(reply.Buttons) > 0 {
			t.Errorf("%+v", reply)
		}
	}
}

func TestMeanwhile(t *testing.T) {
	id := core.GenerationOf("x")
	working := Working(core.Progress{Generation: id, Request: core.Request{Model: "luma-t2i"}, Waited: 12400 * time.Millisecond})
	if got := working.Text.String(); got != "🎨 luma-t2i is painting… 12s" {
		t.Errorf("%q", got)
	}
	for _, reply := range []Reply{working, Placeholder(id)} {
		if len(reply.Buttons) != 1 || reply.Buttons[0] != (Button{Cancel, id}) {
			t.Errorf("%+v", reply)
		}
	}
}

// What platforms take: https://discord.com/developers/docs/interactions/application-commands
// and https://core.telegram.org/bots/api#botcommand.
func TestTheTableFitsThePlatforms(t *testing.T) {
	name := regexp.MustCompile(`^[a-z0-9_]{1,32}$`)
	about := func(text string) bool { return text != "" && len([]rune(text)) <= 100 }
	for _, command := range Commands() {
		if !name.MatchString(command.Name) || !about(command.About) || command.Run == nil || len(command.Options) > 25 {
			t.Errorf("/%s: %q", command.Name, command.About)
		}
		if _, ok := command.Option(command.Words); ok != (command.Words != "") {
			t.Errorf("/%s: words are %q", command.Name, command.Words)
		}
		required := true
		for _, option := range command.Options {
			if !name.MatchString(option.Name) || !about(option.About) || len(option.Choices) > 25 || option.MaxRunes > 6000 {
				t.Errorf("/%s %s: %+v", command.Name, option.Name, option)
			}
			if option.Required && !required {
				t.Errorf("/%s %s is required after one that is not", command.Name, option.Name)
			}
			if len(option.Choices) > 0 && option.Complete != nil || option.Type == Picture && len(option.Flags) > 0 {
				t.Errorf("/%s %s has what excludes each other", command.Name, option.Name)
			}
			required = option.Required
		}
	}
	if _, ok := Find("nonsense"); ok {
		t.Error("there is a command called nonsense")
	}
}

func TestEveryCommandAnswers(t *testing.T) {
	for _, command := range Commands() {
		r := newRoom(t)
		reply := r.desk.Answer(context.Background(), r.call(command.Name, ""))
		if len(reply.Text) == 0 || reply.Quiet != command.Quiet {
			t.Errorf("/%s: %+v", command.Name, reply)
		}
	}
}
