package core_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"imaginebot/core"
)

func TestTidy(t *testing.T) {
	for text, want := range map[string]string{
		"  a cat \n": "a cat", "a\x00b": "ab", "bad \xff bytes": "bad \uFFFD bytes", "\u00a0cat\u2003": "cat", " \x00 ": "", "猫🐈": "猫🐈",
	} {
		r := core.Request{Prompt: text, Negative: text}
		r.Tidy()
		if r.Prompt != want || r.Negative != want || r.Count != 1 {
			t.Errorf("%q is tidied to %q and %q, count %d, want %q and 1", text, r.Prompt, r.Negative, r.Count, want)
		}
	}
}

// A number that is not allowed is refused; only one that was not given has a default.
func TestTidyKeepsACountThatWasGiven(t *testing.T) {
	for _, count := range []int{-1, 4, 5} {
		r := core.Request{Prompt: "a cat", Count: count}
		r.Tidy()
		if r.Count != count {
			t.Errorf("a count of %d became %d", count, r.Count)
		}
	}
}

func FuzzTidy(f *testing.F) {
	f.Add("a cat")
	f.Add(" \x00\xff ")
	f.Fuzz(func(t *testing.T, text string) {
		r := core.Request{Prompt: text}
		r.Tidy()
		once := r.Prompt
		r.Tidy()
		if r.Prompt != once || !utf8.ValidString(once) || strings.Contains(once, "\x00") {
			t.Errorf("%q is tidied to %q, then %q", text, once, r.Prompt)
		}
	})
}

func TestValidate(t *testing.T) {
	number := func(f float64) *float64 { return &f }
	seed := func(n int64) *int64 { return &n }
	const unified, general, kontext = "flux-dev-t2i", "flux-general", "flux-kontext-pro"
	control := &core.ControlNet{Name: "c", Path: "o/p", Scale: 1}
	for _, c := range []struct {
		name          string
		model         string
		change        func(*core.Request)
		image, second bool
		reason        core.Reason
		option        string
	}{
		{"as little as can be", unified, func(*core.Request) {}, false, false, "", ""},
		{"empty", unified, func(r *core.Request) { r.Prompt = "" }, false, false, core.ReasonEmptyPrompt, ""},
		{"4000 characters", unified, func(r *core.Request) { r.Prompt = strings.Repeat("猫", 4000) }, false, false, "", ""},
		{"4001 characters", unified, func(r *core.Request) { r.Prompt = strings.Repeat("a", 4001) }, false, false, core.ReasonLongPrompt, "prompt"},
		{"4001 negative", unified, func(r *core.Request) { r.Negative = strings.Repeat("a", 4001) }, false, false, core.ReasonLongPrompt, "negative"},
		{"count 4", unified, func(r *core.Request) { r.Count = 4 }, false, false, "", ""},
		{"count 5", unified, func(r *core.Request) { r.Count = 5 }, false, false, core.ReasonCount, ""},
		{"count 0", unified, func(r *core.Request) { r.Count = 0 }, false, false, core.ReasonCount, ""},
		{"png", unified, func(r *core.Request) { r.Format = core.PNG }, false, false, "", ""},
		{"webp", unified, func(r *core.Request) { r.Format = core.WebP }, false, false, core.ReasonFormat, ""},
		{"format of flux", general, func(r *core.Request) { r.Format = core.PNG }, false, false, core.ReasonOption, "format"},
		{"seed of unified", unified, func(r *core.Request) { r.Seed = seed(1) }, false, false, core.ReasonOption, "seed"},
		{"seed 0", kontext, func(r *core.Request) { r.Seed = seed(0) }, true, false, "", ""},
		{"seed at its end", kontext, func(r *core.Request) { r.Seed = seed(core.MaxSeed) }, true, false, "", ""},
		{"seed over it", kontext, func(r *core.Request) { r.Seed = seed(core.MaxSeed + 1) }, true, false, core.ReasonNumber, "seed"},
		{"seed below 0", kontext, func(r *core.Request) { r.Seed = seed(-1) }, true, false, core.ReasonNumber, "seed"},
		{"negative of kontext", kontext, func(r *core.Request) { r.Negative = "dogs" }, true, false, core.ReasonOption, "negative"},
		{"negative of flux", general, func(r *core.Request) { r.Negative = "dogs" }, false, false, "", ""},
		{"steps of unified", unified, func(r *core.Request) { r.Steps = 20 }, false, false, core.ReasonOption, "steps"},
		{"steps 50", general, func(r *core.Request) { r.Steps = 50 }, false, false, "", ""},
		{"steps 51", general, func(r *core.Request) { r.Steps = 51 }, false, false, core.ReasonNumber, "steps"},
		{"steps below 1", general, func(r *core.Request) { r.Steps = -1 }, false, false, core.ReasonNumber, "steps"},
		{"guidance 0", general, func(r *core.Request) { r.Guidance = number(0) }, false, false, "", ""},
		{"guidance 20", general, func(r *core.Request) { r.Guidance = number(20) }, false, false, "", ""},
		{"guidance over 20", general, func(r *core.Request) { r.Guidance = number(20.01) }, false, false, core.ReasonNumber, "guidance"},
		{"guidance not a number", general, func(r *core.Request) { r.Guidance = number(math.NaN()) }, false, false, core.ReasonNumber, "guidance"},
		{"guidance of kontext", kontext, func(r *core.Request) { r.Guidance = number(1) }, true, false, core.ReasonOption, "guidance"},
		{"lora of unified", unified, func(r *core.Request) { r.LoRAs = make([]core.LoRA, 1) }, false, false, core.ReasonOption, "lora"},
		{"lora too heavy", general, func(r *core.Request) { r.LoRAs = []core.LoRA{{Scale: 4.1}} }, false, false, core.ReasonNumber, "lora-scale"},
		{"lora not a number", general, func(r *core.Request) { r.LoRAs = []core.LoRA{{Scale: math.NaN()}} }, false, false, core.ReasonNumber, "lora-scale"},
		{"eight loras", general, func(r *core.Request) { r.LoRAs = make([]core.LoRA, 8) }, false, false, "", ""},
		{"nine loras", general, func(r *core.Request) { r.LoRAs = make([]core.LoRA, 9) }, false, false, core.ReasonNumber, "lora"},
		{"control", general, func(r *core.Request) { r.Control = control }, false, true, "", ""},
		{"control without its picture", general, func(r *core.Request) { r.Control = control }, false, false, core.ReasonControlImage, ""},
		{"its picture without control", general, func(*core.Request) {}, false, true, core.ReasonControlImage, ""},
		{"control too heavy", general, func(r *core.Request) { r.Control = &core.ControlNet{Scale: 2.5} }, false, true, core.ReasonNumber, "control-scale"},
		{"control of unified", unified, func(r *core.Request) { r.Control = control }, false, true, core.ReasonOption, "control"},
		{"no picture for an edit", kontext, func(*core.Request) {}, false, false, core.ReasonNeedsImage, ""},
		{"a picture for text only", unified, func(*core.Request) {}, true, false, core.ReasonTakesNoImage, ""},
		{"a shape", unified, func(r *core.Request) { r.Aspect = shape("16:9") }, false, false, "", ""},
		{"a shape and a size", unified, func(r *core.Request) { r.Aspect, r.Size = shape("1:1"), size("512x512") }, false, false, core.ReasonAspectAndSize, ""},
		{"a size that is not taken", general, func(r *core.Request) { r.Size = size("100x100") }, false, false, core.ReasonSize, ""},
	} {
		r := core.Request{Model: c.model, Prompt: "a cat", Count: 1}
		c.change(&r)
		err := r.Validate(find(t, c.model), c.image, c.second)
		refusal := &core.Error{}
		if err != nil {
			refusal = core.AsError(err)
			if want := core.Invalid; refusal.Kind != want && c.reason != core.ReasonLongPrompt {
				t.Errorf("%s: %v, want Invalid", c.name, err)
			}
			if refusal.Reason == core.ReasonOption && len(refusal.Allowed) == 0 {
				t.Errorf("%s: nothing is named that takes it", c.name)
			}
		}
		if refusal.Reason != c.reason || refusal.Option != c.option {
			t.Errorf("%s: refused for %q, option %q, want %q, %q", c.name, refusal.Reason, refusal.Option, c.reason, c.option)
		}
	}
}

func TestRequestInJSON(t *testing.T) {
	seed, guidance := int64(0), 0.0
	for name, request := range map[string]core.Request{
		"empty": {},
		"full": {
			Model: "m", Prompt: "p", Negative: "n", Aspect: shape("16:9"), Size: size("10x20"), Format: core.JPEG, Count: 2,
			Seed: &seed, Steps: 3, Guidance: &guidance, LoRAs: []core.LoRA{{Name: "a", Path: "b/c", Scale: 0.5}},
			Control: &core.ControlNet{Name: "d", Path: "e/f", Scale: 0.25}, Private: true,
			Image: &core.Image{Key: "in/a", Format: core.WebP, Width: 1, Height: 2, Bytes: 3}, ControlImage: &core.Image{Key: "in/b"},
		},
	} {
		text, err := json.Marshal(request)
		var back core.Request
		if err != nil || json.Unmarshal(text, &back) != nil {
			t.Fatalf("%s: %s, %v", name, text, err)
		}
		if diff := cmp.Diff(request, back); diff != "" {
			t.Errorf("%s, kept as %s (-want +got):\n%s", name, text, diff)
		}
	}
}

func TestRefusalNamesNumbersPlainly(t *testing.T) {
	seed := int64(4294967296)
	r := core.Request{Prompt: "a cat", Count: 1, Seed: &seed}
	refusal := core.AsError(r.Validate(find(t, "flux-kontext-pro"), true, false))
	if refusal.Value != "4294967296" || len(refusal.Allowed) != 1 || refusal.Allowed[0] != "0–4294967295" {
		t.Errorf("a seed of %d is called %q, allowed %q", seed, refusal.Value, refusal.Allowed)
	}
}
