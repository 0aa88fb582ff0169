package core

import (
	"fmt"
	"slices"
	"strings"
)

// Endpoint is the way of asking 302.AI that a model needs.
type Endpoint string

// The three endpoints. Which one a request takes follows from its model.
const (
	Unified     Endpoint = ""             // POST /302/image/generate
	FluxGeneral Endpoint = "flux-general" // POST /302/submit/flux-general
	Kontext     Endpoint = "kontext"      // POST /flux/v1/{model}
)

// Model is one row of the catalogue: what the provider's documentation says of a
// model, what it costs, and how we treat it. The JSON form is that of CATALOG_FILE.
type Model struct {
	ID             string   `json:"id"`
	Vendor         string   `json:"vendor"`
	Family         string   `json:"family"`
	Kind           string   `json:"kind"` // "t2i" or "i2i"
	Endpoint       Endpoint `json:"endpoint,omitempty"`
	SizeRule       SizeRule `json:"size_rule"`
	RequiresImage  bool     `json:"requires_image,omitempty"`
	SupportsAspect *bool    `json:"supports_aspect_ratio,omitempty"` // nil: not documented
	SupportsSize   *bool    `json:"supports_dimensions,omitempty"`   // nil: not documented
	Price          *PTC     `json:"ptc,omitempty"`                   // per picture; nil: unknown
	Hidden         bool     `json:"hidden,omitempty"`                // usable by name, not offered
	Concurrent     int      `json:"concurrent,omitempty"`            // calls at once per key; 0: no limit of its own
}

// Cost is what one picture of this model is counted at.
func (m Model) Cost() PTC {
	if m.Price == nil {
		return UnknownPrice
	}
	return *m.Price
}

// The words of SizeRule.Type, as in the provider's documentation.
const (
	AnySize    = "none"            // no rule documented
	SizeList   = "sizes"           // one of Sizes
	AspectList = "aspect_ratios"   // one of Aspects
	SizeRange  = "dimension_range" // both sides from Min to Max
)

// SizeRule says which shapes a model takes. Anything else the provider replaces by
// the Fallback without a word, which is why nothing else is ever sent.
type SizeRule struct {
	Type     string   `json:"type"`
	Sizes    []Size   `json:"sizes,omitempty"`
	Aspects  []Aspect `json:"aspect_ratios,omitempty"`
	Min      int      `json:"min,omitempty"`
	Max      int      `json:"max,omitempty"`
	Step     int      `json:"step,omitempty"`     // sides are multiples of it; 0 means 1
	Fallback fallback `json:"fallback,omitempty"` // "1024x1024", "1:1", or a side in pixels
}

// fallback is a size, an aspect or a side, whichever the rule is about.
type fallback string

// UnmarshalJSON takes a string, a number or null.
func (f *fallback) UnmarshalJSON(text []byte) error {
	*f = fallback(strings.Trim(string(text), `"`))
	if *f == "null" {
		*f = ""
	}
	return nil
}

// Sides that are allowed where no rule is documented: what Flux takes, which most of
// these models are or resemble, up to the provider's largest documented side.
const (
	anyMin, anyMax = 256, 2048
	// Side lengths that image models were trained on are multiples of this.
	latentStep = 32
	// The longest side that an aspect is turned into where no rule is documented.
	latentMax = 1440
)

// commonAspects are offered where no rule is documented.
var commonAspects = []Aspect{{1, 1}, {16, 9}, {9, 16}, {4, 3}, {3, 4}, {3, 2}, {2, 3}, {21, 9}, {9, 21}}

// Shape decides what is sent for the aspect or size that a person asked for,
// at most one of which is given: the size or the aspect to send, either of them
// zero where it is not to be sent.
// The error is Invalid and names what the model takes instead, nearest first.
func (m Model) Shape(aspect Aspect, size Size) (Size, Aspect, error) {
	switch {
	case !aspect.IsZero() && !size.IsZero():
		return Size{}, Aspect{}, &Error{Kind: Invalid, Reason: ReasonAspectAndSize}
	case !aspect.IsZero() && m.followsPicture():
		return Size{}, Aspect{}, &Error{Kind: Invalid, Reason: ReasonNoAspect, Value: aspect.String()}
	case !size.IsZero() && (m.followsPicture() || m.SizeRule.Type == AspectList):
		return Size{}, Aspect{}, &Error{Kind: Invalid, Reason: ReasonNoSize, Value: size.String(), Allowed: names(m.nearestAspects(size.Aspect()))}
	}
	switch m.SizeRule.Type {
	case SizeList:
		return m.listed(aspect, size)
	case AspectList:
		return m.listedAspect(aspect)
	case SizeRange:
		return m.ranged(aspect, size)
	default:
		return m.unruled(aspect, size)
	}
}

// followsPicture reports whether the result has the shape of the picture that goes in.
func (m Model) followsPicture() bool { return m.SupportsAspect != nil && !*m.SupportsAspect }

func (m Model) listed(aspect Aspect, size Size) (Size, Aspect, error) {
	if aspect.IsZero() && size.IsZero() {
		size, _ = ParseSize(string(m.SizeRule.Fallback))
		return size, Aspect{}, nil
	}
	var largest Size
	for _, allowed := range m.SizeRule.Sizes {
		if allowed == size {
			return size, Aspect{}, nil
		}
		if !aspect.IsZero() && aspect.distance(allowed.Aspect()) < 1e-9 && allowed.Pixels() > largest.Pixels() {
			largest = allowed
		}
	}
	switch {
	case !largest.IsZero():
		return largest, Aspect{}, nil
	case !aspect.IsZero():
		return Size{}, Aspect{}, &Error{Kind: Invalid, Reason: ReasonAspect, Value: aspect.String(), Allowed: names(m.nearestAspects(aspect))}
	}
	sizes := slices.Clone(m.SizeRule.Sizes)
	slices.SortStableFunc(sizes, nearer(func(s Size) float64 {
		return size.Aspect().distance(s.Aspect()) + abs(float64(size.Pixels()-s.Pixels()))/1e7
	}))
	return Size{}, Aspect{}, &Error{Kind: Invalid, Reason: ReasonSize, Value: size.String(), Allowed: names(sizes)}
}

func (m Model) listedAspect(aspect Aspect) (Size, Aspect, error) {
	if aspect.IsZero() {
		aspect, _ = ParseAspect(string(m.SizeRule.Fallback))
		return Size{}, aspect, nil
	}
	for _, allowed := range m.SizeRule.Aspects {
		if aspect.distance(allowed) < 1e-9 {
			return Size{}, allowed, nil
		}
	}
	return Size{}, Aspect{}, &Error{Kind: Invalid, Reason: ReasonAspect, Value: aspect.String(), Allowed: names(m.nearestAspects(aspect))}
}

func (m Model) ranged(aspect Aspect, size Size) (Size, Aspect, error) {
	rule := m.SizeRule
	step := max(rule.Step, 1)
	switch {
	case !size.IsZero():
		if size.within(rule.Min, rule.Max) && size.Width%step == 0 && size.Height%step == 0 {
			return size, Aspect{}, nil
		}
		nearest := Size{clampTo(size.Width, rule.Min, rule.Max, step), clampTo(size.Height, rule.Min, rule.Max, step)}
		return Size{}, Aspect{}, &Error{Kind: Invalid, Reason: ReasonSize, Value: size.String(),
			Allowed: []string{nearest.String(), rule.words()}}
	case !aspect.IsZero():
		if fit, ok := aspect.sizeWithin(rule.Min, rule.Max, step); ok {
			return fit, Aspect{}, nil
		}
		return Size{}, Aspect{}, &Error{Kind: Invalid, Reason: ReasonAspect, Value: aspect.String(), Allowed: names(m.nearestAspects(aspect))}
	}
	var side int
	fmt.Sscan(string(rule.Fallback), &side)
	return Size{side, side}, Aspect{}, nil
}

func (m Model) unruled(aspect Aspect, size Size) (Size, Aspect, error) {
	switch {
	case !size.IsZero():
		if size.within(anyMin, anyMax) {
			return size, Aspect{}, nil
		}
		nearest := Size{clampTo(size.Width, anyMin, anyMax, 1), clampTo(size.Height, anyMin, anyMax, 1)}
		return Size{}, Aspect{}, &Error{Kind: Invalid, Reason: ReasonSize, Value: size.String(),
			Allowed: []string{nearest.String(), SizeRule{Min: anyMin, Max: anyMax}.words()}}
	case !aspect.IsZero():
		if fit, ok := aspect.sizeWithin(anyMin, latentMax, latentStep); ok {
			return fit, Aspect{}, nil
		}
		return Size{}, Aspect{}, &Error{Kind: Invalid, Reason: ReasonAspect, Value: aspect.String(), Allowed: names(m.nearestAspects(aspect))}
	}
	return Size{}, Aspect{}, nil
}

// Aspects are the shapes to offer for this model, in the documentation's order;
// none where the shape follows the picture.
func (m Model) Aspects() []Aspect {
	switch {
	case m.followsPicture():
		return nil
	case m.SizeRule.Type == AspectList:
		return m.SizeRule.Aspects
	case m.SizeRule.Type == SizeList:
		var shapes []Aspect
		for _, size := range m.SizeRule.Sizes {
			if !slices.Contains(shapes, size.Aspect()) {
				shapes = append(shapes, size.Aspect())
			}
		}
		return shapes
	}
	low, high, step := m.SizeRule.Min, m.SizeRule.Max, max(m.SizeRule.Step, 1)
	if m.SizeRule.Type != SizeRange {
		low, high, step = anyMin, latentMax, latentStep
	}
	var shapes []Aspect
	for _, shape := range commonAspects {
		if _, ok := shape.sizeWithin(low, high, step); ok {
			shapes = append(shapes, shape)
		}
	}
	return shapes
}

// Sizes says in words which sizes the model takes, for lists of models.
func (m Model) Sizes() string {
	switch {
	case m.followsPicture():
		return "as the picture"
	case m.SizeRule.Type == SizeList:
		return strings.Join(names(m.SizeRule.Sizes), " ")
	case m.SizeRule.Type == AspectList:
		return strings.Join(names(m.SizeRule.Aspects), " ")
	case m.SizeRule.Type == SizeRange:
		return m.SizeRule.words()
	}
	return "free"
}

func (m Model) nearestAspects(aspect Aspect) []Aspect {
	shapes := slices.Clone(m.Aspects())
	slices.SortStableFunc(shapes, nearer(aspect.distance))
	return shapes
}

func (r SizeRule) words() string {
	text := fmt.Sprintf("sides %d–%d", r.Min, r.Max)
	if r.Step > 1 {
		text += fmt.Sprintf(", multiples of %d", r.Step)
	}
	return text
}

func (s Size) within(low, high int) bool {
	return s.Width >= low && s.Width <= high && s.Height >= low && s.Height <= high
}

// clampTo is the multiple of step from low to high that is nearest to side.
func clampTo(side, low, high, step int) int {
	return min(max((side+step/2)/step*step, (low+step-1)/step*step), high/step*step)
}

func abs(x float64) float64 { return max(x, -x) }

// nearer orders by a distance, smallest first.
func nearer[T any](distance func(T) float64) func(a, b T) int {
	return func(a, b T) int {
		switch da, db := distance(a), distance(b); {
		case da < db:
			return -1
		case da > db:
			return 1
		}
		return 0
	}
}

func names[T fmt.Stringer](list []T) []string {
	out := make([]string, len(list))
	for i, one := range list {
		out[i] = one.String()
	}
	return out
}
