package core_test

import (
	"strings"
	"testing"

	"imaginebot/core"
)

func TestDefaultPresets(t *testing.T) {
	presets := core.DefaultPresets()
	if len(presets.LoRAs) == 0 || len(presets.ControlNets) == 0 {
		t.Fatalf("%d LoRAs and %d ControlNets", len(presets.LoRAs), len(presets.ControlNets))
	}
	flux := find(t, "flux-general")
	for _, p := range presets.LoRAs {
		lora, err := presets.LoRA(strings.ToUpper(p.Name), nil)
		request := core.Request{Prompt: "a prompt", Count: 1, LoRAs: []core.LoRA{lora}}
		if invalid := request.Validate(flux, false, false); err != nil || invalid != nil || lora.Path != p.Path || lora.Scale != p.Scale || lora.Scale == 0 {
			t.Errorf("%s: %+v, %v, %v", p.Name, lora, err, invalid)
		}
	}
	for _, p := range presets.ControlNets {
		control, err := presets.ControlNet(p.Name, nil)
		request := core.Request{Prompt: "a prompt", Count: 1, Control: &control}
		if invalid := request.Validate(flux, false, true); err != nil || invalid != nil || control.Path != p.Path {
			t.Errorf("%s: %+v, %v, %v", p.Name, control, err, invalid)
		}
	}
}

func TestLoRAByNameIDOrURL(t *testing.T) {
	presets := core.DefaultPresets()
	half := 0.5
	for name, want := range map[string]core.LoRA{
		"realism":                   {Name: "realism", Path: "XLabs-AI/flux-RealismLora", Scale: 0.5},
		"Somebody/Some.Thing_1":     {Name: "Somebody/Some.Thing_1", Path: "Somebody/Some.Thing_1", Scale: 0.5},
		"https://example.org/a?b=c": {Name: "https://example.org/a?b=c", Path: "https://example.org/a?b=c", Scale: 0.5},
	} {
		if got, err := presets.LoRA(name, &half); got != want || err != nil {
			t.Errorf("%s is %+v, %v", name, got, err)
		}
	}
	if got, _ := presets.LoRA("Somebody/Thing", nil); got.Scale != 1 {
		t.Errorf("without a preset and a weight the scale is %v, want 1", got.Scale)
	}
	for _, name := range []string{
		"", "realizm", "http://example.org/a", "https://", "https:///path", "https://user:word@example.org/a", "ftp://example.org",
		"a/b/c", "/a", "a/", "../secret", "file:///etc/passwd", "https://example.org/" + strings.Repeat("x", 500), "a b/c",
	} {
		_, err := presets.LoRA(name, nil)
		if refusal := core.AsError(err); err == nil || refusal.Kind != core.Invalid || refusal.Reason != core.ReasonLoRA || len(refusal.Allowed) != 5 {
			t.Errorf("LoRA(%q): %+v", name, err)
		}
	}
	_, err := presets.ControlNet("cany", nil)
	if refusal := core.AsError(err); refusal.Reason != core.ReasonControl || len(refusal.Allowed) == 0 || refusal.Allowed[0] != "canny" {
		t.Errorf("a ControlNet that is not there: %+v", refusal)
	}
}

func TestParsePresets(t *testing.T) {
	good := `{"loras": [{"name": "one", "path": "owner/one", "scale": 0}], "controlnets": [{"name": "two", "path": "https://example.org/two", "scale": 2}]}`
	if presets, err := core.ParsePresets([]byte(good)); err != nil || len(presets.LoRAs) != 1 || len(presets.ControlNets) != 1 {
		t.Errorf("%+v, %v", presets, err)
	}
	_, err := core.ParsePresets([]byte(`{"loras": [{"name": "a b", "path": "o/p", "scale": 1}, {"name": "fine", "path": "o/p", "scale": 1},
		{"name": "high", "path": "o/p", "scale": 4.5}], "controlnets": [{"name": "c", "path": "nowhere", "scale": 1}, {"name": "", "path": "o/p", "scale": 1}]}`))
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{`"a b"`, `"high"`, `"c"`, `""`} {
		if !strings.Contains(err.Error(), "preset "+name) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
	if strings.Contains(err.Error(), "fine") {
		t.Errorf("the error names what is fine: %v", err)
	}
	for _, text := range []string{``, `[]`, `{"loras": {}}`} {
		if _, err := core.ParsePresets([]byte(text)); err == nil {
			t.Errorf("%q is taken for presets", text)
		}
	}
}

// A preset that parses must be one that a request may use.
func TestPresetsThatParseAreUsable(t *testing.T) {
	for what, text := range map[string]string{
		"a ControlNet over the scale of ControlNets": `{"controlnets": [{"name": "c", "path": "o/p", "scale": 3}]}`,
		"two presets of one name":                    `{"loras": [{"name": "a", "path": "o/p", "scale": 1}, {"name": "A", "path": "o/q", "scale": 1}]}`,
	} {
		if _, err := core.ParsePresets([]byte(text)); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}
