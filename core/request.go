package core

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a request.
const (
	MaxPrompt   = 4000 // characters, of a prompt and of a negative prompt
	MaxCount    = 4    // pictures of one request
	MaxSteps    = 50
	MaxGuidance = 20
	MaxSeed     = math.MaxUint32 // as Kontext's engine counts
	maxLoRAs    = 8
)

// Format is a picture's encoding.
type Format string

// The formats. A result may be asked for in PNG or JPEG; the others only come in.
const (
	PNG  Format = "png"
	JPEG Format = "jpeg"
	WebP Format = "webp"
	GIF  Format = "gif"
)

// LoRA is an adaptation of Flux and the weight it has.
type LoRA struct {
	Name  string  `json:"name"`
	Path  string  `json:"path"`
	Scale float64 `json:"scale"`
}

// ControlNet guides Flux by a control picture.
type ControlNet struct {
	Name  string  `json:"name"`
	Path  string  `json:"path"`
	Scale float64 `json:"scale"`
}

// Request is what a person asks for, whole and checked; it is kept with its
// generation, so that Again can ask the same. Zero fields were not asked for.
type Request struct {
	Model    string      `json:"model"`
	Prompt   string      `json:"prompt"`
	Negative string      `json:"negative,omitempty"`
	Aspect   Aspect      `json:"aspect,omitzero"`
	Size     Size        `json:"size,omitzero"`
	Format   Format      `json:"format,omitempty"`
	Count    int         `json:"count"`
	Seed     *int64      `json:"seed,omitempty"`
	Steps    int         `json:"steps,omitempty"`
	Guidance *float64    `json:"guidance,omitempty"`
	LoRAs    []LoRA      `json:"loras,omitempty"`
	Control  *ControlNet `json:"control,omitempty"`
	Private  bool        `json:"private,omitempty"`

	Image        *Image `json:"image,omitempty"`         // the picture to start from
	ControlImage *Image `json:"control_image,omitempty"` // the picture that Control follows
}

// Tidy makes text from outside fit to be kept and sent: valid UTF-8 without NUL
// and without space around it.
func (r *Request) Tidy() {
	for _, text := range []*string{&r.Prompt, &r.Negative} {
		*text = strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(*text, "\uFFFD"), "\x00", ""))
	}
	if r.Count == 0 {
		r.Count = 1
	}
}

// Validate says whether model can do what is asked; hasImage and hasControlImage
// tell whether those pictures are there or to come. The error is Invalid or TooBig
// and says what to change.
func (r Request) Validate(model Model, hasImage, hasControlImage bool) error {
	if r.Prompt == "" {
		return &Error{Kind: Invalid, Reason: ReasonEmptyPrompt}
	}
	for option, text := range map[string]string{"prompt": r.Prompt, "negative": r.Negative} {
		if utf8.RuneCountInString(text) > MaxPrompt {
			return &Error{Kind: TooBig, Reason: ReasonLongPrompt, Option: option, Limit: MaxPrompt}
		}
	}
	if r.Count < 1 || r.Count > MaxCount {
		return &Error{Kind: Invalid, Reason: ReasonCount, Value: fmt.Sprint(r.Count), Limit: MaxCount}
	}
	if r.Format != "" && r.Format != PNG && r.Format != JPEG {
		return &Error{Kind: Invalid, Reason: ReasonFormat, Value: string(r.Format), Allowed: []string{string(PNG), string(JPEG)}}
	}
	if err := r.validateOptions(model); err != nil {
		return err
	}
	if err := r.validatePictures(model, hasImage, hasControlImage); err != nil {
		return err
	}
	_, _, err := model.Shape(r.Aspect, r.Size)
	return err
}

// validateOptions refuses what the model's endpoint has no field for, and numbers out of range.
func (r Request) validateOptions(model Model) error {
	takes := func(option string, asked bool, endpoints ...Endpoint) error {
		if !asked || slices.Contains(endpoints, model.Endpoint) {
			return nil
		}
		return &Error{Kind: Invalid, Reason: ReasonOption, Option: option, Value: model.ID, Allowed: endpointNames(endpoints)}
	}
	for _, err := range []error{
		takes("seed", r.Seed != nil, Kontext),
		takes("negative", r.Negative != "", Unified, FluxGeneral),
		takes("format", r.Format != "", Unified, Kontext),
		takes("steps", r.Steps != 0, FluxGeneral),
		takes("guidance", r.Guidance != nil, FluxGeneral),
		takes("lora", len(r.LoRAs) > 0, FluxGeneral),
		takes("control", r.Control != nil, FluxGeneral),
	} {
		if err != nil {
			return err
		}
	}
	if len(r.LoRAs) > maxLoRAs {
		return &Error{Kind: Invalid, Reason: ReasonNumber, Option: "lora", Value: fmt.Sprint(len(r.LoRAs)), Allowed: []string{fmt.Sprintf("at most %d", maxLoRAs)}}
	}
	if r.Seed != nil {
		if err := inRange("seed", float64(*r.Seed), 0, MaxSeed); err != nil {
			return err
		}
	}
	if r.Steps != 0 {
		if err := inRange("steps", float64(r.Steps), 1, MaxSteps); err != nil {
			return err
		}
	}
	if r.Guidance != nil {
		if err := inRange("guidance", *r.Guidance, 0, MaxGuidance); err != nil {
			return err
		}
	}
	for _, lora := range r.LoRAs {
		if err := inRange("lora-scale", lora.Scale, 0, MaxLoRAScale); err != nil {
			return err
		}
	}
	if r.Control != nil {
		return inRange("control-scale", r.Control.Scale, 0, MaxControlScale)
	}
	return nil
}

func (r Request) validatePictures(model Model, hasImage, hasControlImage bool) error {
	switch {
	case model.RequiresImage && !hasImage:
		return &Error{Kind: Invalid, Reason: ReasonNeedsImage, Value: model.ID}
	case !model.RequiresImage && hasImage:
		return &Error{Kind: Invalid, Reason: ReasonTakesNoImage, Value: model.ID}
	case (r.Control != nil) != hasControlImage:
		return &Error{Kind: Invalid, Reason: ReasonControlImage}
	}
	return nil
}

// inRange refuses a number that is not from low to high, NaN included.
func inRange(option string, value, low, high float64) error {
	if value >= low && value <= high {
		return nil
	}
	return &Error{Kind: Invalid, Reason: ReasonNumber, Option: option, Value: strconv.FormatFloat(value, 'f', -1, 64), Allowed: []string{fmt.Sprintf("%.0f–%.0f", low, high)}}
}

// endpointNames says which commands take an option, for people.
func endpointNames(endpoints []Endpoint) []string {
	var out []string
	for _, endpoint := range endpoints {
		out = append(out, map[Endpoint]string{Unified: "/imagine", FluxGeneral: "/flux", Kontext: "/edit"}[endpoint])
	}
	return out
}
