package core

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

//go:embed data/presets.json
var embeddedPresets []byte

// Preset is a LoRA or a ControlNet that people may call by a short name.
// The JSON form is that of PRESETS_FILE.
type Preset struct {
	Name  string  `json:"name"`
	Path  string  `json:"path"`  // a Hugging Face id or an https URL
	Scale float64 `json:"scale"` // the weight when none is given
	About string  `json:"about,omitempty"`
}

// Presets are the LoRAs and ControlNets known by name.
type Presets struct {
	LoRAs       []Preset `json:"loras"`
	ControlNets []Preset `json:"controlnets"`
}

// DefaultPresets are the embedded ones.
func DefaultPresets() Presets {
	presets, err := ParsePresets(embeddedPresets)
	if err != nil {
		panic("embedded presets: " + err.Error()) // a broken build: every test would see it
	}
	return presets
}

// ParsePresets reads a PRESETS_FILE. The error names every row that cannot be.
func ParsePresets(text []byte) (Presets, error) {
	var presets Presets
	if err := json.Unmarshal(text, &presets); err != nil {
		return Presets{}, fmt.Errorf("not a JSON object of presets: %w", err)
	}
	var problems []error
	for _, list := range []struct {
		presets []Preset
		most    float64
	}{{presets.LoRAs, MaxLoRAScale}, {presets.ControlNets, MaxControlScale}} {
		known := map[string]bool{}
		for _, preset := range list.presets {
			if name := strings.ToLower(preset.Name); known[name] {
				problems = append(problems, fmt.Errorf("preset %q is there twice", preset.Name))
			} else {
				known[name] = true
			}
			if preset.Name == "" || strings.ContainsAny(preset.Name, ",: \t\n") || !validWeights(preset.Path) || preset.Scale < 0 || preset.Scale > list.most {
				problems = append(problems, fmt.Errorf("preset %q needs a name without space, comma or colon, a path and a scale from 0 to %v", preset.Name, list.most))
			}
		}
	}
	return presets, errors.Join(problems...)
}

// Bounds of the weights, our own: none is documented.
const (
	MaxLoRAScale    = 4
	MaxControlScale = 2
)

var (
	// huggingFaceID is "owner/name" as Hugging Face allows it.
	huggingFaceID = regexp.MustCompile(`^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}$`)
	// weightsURL is an https URL with a path, and without credentials or spaces.
	weightsURL = regexp.MustCompile(`^https://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?/[!-?A-~]+$`)
)

// validWeights reports whether path names weights that 302.AI can load: a Hugging
// Face id or an https URL. We never open it ourselves.
func validWeights(path string) bool {
	return huggingFaceID.MatchString(path) || len(path) <= 500 && weightsURL.MatchString(path)
}

// LoRA finds what a person means by a LoRA's name, Hugging Face id or https URL.
// scale is the weight they gave, or nil for the preset's own (1 without a preset).
func (p Presets) LoRA(name string, scale *float64) (LoRA, error) {
	preset, err := find(p.LoRAs, name, ReasonLoRA)
	if err != nil {
		return LoRA{}, err
	}
	return LoRA{Name: preset.Name, Path: preset.Path, Scale: valueOr(scale, preset.Scale)}, nil
}

// ControlNet is LoRA for ControlNets.
func (p Presets) ControlNet(name string, scale *float64) (ControlNet, error) {
	preset, err := find(p.ControlNets, name, ReasonControl)
	if err != nil {
		return ControlNet{}, err
	}
	return ControlNet{Name: preset.Name, Path: preset.Path, Scale: valueOr(scale, preset.Scale)}, nil
}

func find(list []Preset, name string, reason Reason) (Preset, error) {
	var known []string
	for _, preset := range list {
		if strings.EqualFold(preset.Name, name) {
			return preset, nil
		}
		known = append(known, preset.Name)
	}
	if validWeights(name) {
		return Preset{Name: name, Path: name, Scale: 1}, nil
	}
	return Preset{}, &Error{Kind: Invalid, Reason: reason, Value: name, Allowed: Nearest(name, known, 5)}
}

func valueOr[T any](value *T, otherwise T) T {
	if value == nil {
		return otherwise
	}
	return *value
}
