package preview

import (
	"math"
	"slices"

	"imaginebot/core"
)

// Bounds are what somebody takes. A zero field bounds nothing.
type Bounds struct {
	MaxBytes  int64
	MaxPixels int64
	MaxSide   int           // of width and of height
	MaxSum    int           // of width and height together
	MaxRatio  float64       // of the longer side to the shorter, at least 1
	Formats   []core.Format // those that are taken; JPEG must be among them
}

// Needs reports whether a picture must be changed to keep within the bounds.
func Needs(picture core.Image, bounds Bounds) bool {
	return bounds.MaxBytes > 0 && picture.Bytes > bounds.MaxBytes ||
		len(bounds.Formats) > 0 && !slices.Contains(bounds.Formats, picture.Format) ||
		!bounds.hold(picture.Size())
}

// hold reports whether a size is within the bounds.
func (b Bounds) hold(size core.Size) bool {
	w, h := size.Width, size.Height
	return (b.MaxSide <= 0 || max(w, h) <= b.MaxSide) &&
		(b.MaxSum <= 0 || w+h <= b.MaxSum) &&
		(b.MaxPixels <= 0 || size.Pixels() <= b.MaxPixels) &&
		(b.MaxRatio <= 0 || float64(max(w, h)) <= b.MaxRatio*float64(min(w, h)))
}

// layout says how large a picture becomes and how large the white that it is put on: the
// largest within the bounds, at most shrink times its own sides.
func (b Bounds) layout(picture core.Size, shrink float64) (content, canvas core.Size) {
	for scale := shrink; ; scale *= 0.995 {
		content = core.Size{Width: scaled(picture.Width, scale), Height: scaled(picture.Height, scale)}
		canvas = content
		if b.MaxRatio >= 1 {
			least := int(math.Ceil(float64(max(content.Width, content.Height)) / b.MaxRatio))
			canvas = core.Size{Width: max(content.Width, least), Height: max(content.Height, least)}
		}
		if b.hold(canvas) || max(content.Width, content.Height) == 1 {
			return content, canvas
		}
	}
}

func scaled(side int, scale float64) int { return max(1, int(float64(side)*scale)) }
