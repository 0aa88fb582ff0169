package core

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a picture's width and height in pixels; the zero Size is none.
type Size struct{ Width, Height int }

// ParseSize reads "1024x768"; an asterisk or the sign × does for the x.
func ParseSize(text string) (Size, bool) {
	width, height, found := strings.Cut(strings.NewReplacer("×", "x", "*", "x").Replace(strings.ToLower(text)), "x")
	w, errW := strconv.ParseUint(strings.TrimSpace(width), 10, 16)
	h, errH := strconv.ParseUint(strings.TrimSpace(height), 10, 16)
	return Size{int(w), int(h)}, found && errW == nil && errH == nil && w > 0 && h > 0
}

// IsZero reports whether no size is meant.
func (s Size) IsZero() bool { return s == Size{} }

// String is "1024x768", or nothing for the zero Size.
func (s Size) String() string {
	if s.IsZero() {
		return ""
	}
	return fmt.Sprintf("%dx%d", s.Width, s.Height)
}

// Aspect is the size's shape in lowest terms.
func (s Size) Aspect() Aspect {
	if s.IsZero() {
		return Aspect{}
	}
	a, b := s.Width, s.Height
	for b != 0 {
		a, b = b, a%b
	}
	return Aspect{s.Width / a, s.Height / a}
}

// Pixels is width × height.
func (s Size) Pixels() int64 { return int64(s.Width) * int64(s.Height) }

// MarshalText and UnmarshalText make a Size "1024x768" in JSON.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *Size) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*s = Size{}
		return nil
	}
	size, ok := ParseSize(string(text))
	if !ok {
		return fmt.Errorf("size %q is not WIDTHxHEIGHT", text)
	}
	*s = size
	return nil
}

// Aspect is a picture's shape, width to height; the zero Aspect is none.
type Aspect struct{ Width, Height int }

// ParseAspect reads "16:9"; "16/9" and "16x9" do as well. Sides are 1 to 99.
func ParseAspect(text string) (Aspect, bool) {
	width, height, found := strings.Cut(strings.NewReplacer("/", ":", "x", ":", "X", ":", "×", ":").Replace(text), ":")
	w, errW := strconv.ParseUint(strings.TrimSpace(width), 10, 8)
	h, errH := strconv.ParseUint(strings.TrimSpace(height), 10, 8)
	return Aspect{int(w), int(h)}, found && errW == nil && errH == nil && w > 0 && h > 0 && w < 100 && h < 100
}

// IsZero reports whether no aspect is meant.
func (a Aspect) IsZero() bool { return a == Aspect{} }

// String is "16:9", or nothing for the zero Aspect.
func (a Aspect) String() string {
	if a.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d:%d", a.Width, a.Height)
}

// MarshalText and UnmarshalText make an Aspect "16:9" in JSON.
func (a Aspect) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (a *Aspect) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*a = Aspect{}
		return nil
	}
	width, height, _ := strings.Cut(string(text), ":")
	w, errW := strconv.Atoi(width)
	h, errH := strconv.Atoi(height)
	if errW != nil || errH != nil || w < 1 || h < 1 {
		return fmt.Errorf("aspect %q is not WIDTH:HEIGHT", text)
	}
	*a = Aspect{w, h}
	return nil
}

func (a Aspect) ratio() float64 { return float64(a.Width) / float64(a.Height) }

// distance is how far two shapes are apart: 0 for the same, alike for 2:1 and 1:2 from 1:1.
func (a Aspect) distance(b Aspect) float64 { return math.Abs(math.Log(a.ratio() / b.ratio())) }

// SameShape reports whether two shapes differ by no more than an eye notices (3 %):
// providers round sides to multiples of 8 to 64 pixels.
func (a Aspect) SameShape(b Aspect) bool {
	return a.IsZero() || b.IsZero() || a.distance(b) <= 0.03
}

// sizeWithin is the size of this shape with sides from min to max that are
// multiples of step and about a megapixel, or as near to it as the sides allow.
// ok is false where the shape does not fit between min and max.
func (a Aspect) sizeWithin(min, max, step int) (best Size, ok bool) {
	const megapixel = 1024 * 1024
	lowest := math.Inf(1)
	for w := (min + step - 1) / step * step; w <= max; w += step {
		h := int(math.Round(float64(w)/a.ratio()/float64(step))) * step
		if h < min || h > max {
			continue
		}
		size := Size{w, h}
		wrong := a.distance(Aspect{w, h})
		if wrong > 0.03 {
			continue
		}
		// One percent of wrong shape weighs as much as a fifth of a megapixel.
		if cost := 20*wrong + math.Abs(float64(size.Pixels())-megapixel)/megapixel; cost < lowest {
			best, lowest, ok = size, cost, true
		}
	}
	return best, ok
}
