package preview

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	_ "image/gif" // the kinds of picture that are stored
	"image/jpeg"
	_ "image/png"
	"io"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"
	"golang.org/x/sync/semaphore"

	"imaginebot/core"
)

// Preview is a picture that keeps within bounds.
type Preview struct {
	Bytes []byte
	Image core.Image // what they are; without a key
}

const (
	// maxPixels of one picture are decoded, as many as a stored one may have.
	maxPixels = 50_000_000
	// atOnce is how many pixels the process decodes at a time, if not of one picture alone.
	atOnce = 24_000_000
	// maxJPEG is the longest side of a JPEG, and bounds the white around a picture too.
	maxJPEG = 65_535
)

// gate lets so many pixels in.
var gate = semaphore.NewWeighted(atOnce)

// Fit makes a picture within bounds of the picture that open gives, which is read twice.
// It waits its turn while ctx lasts. Errors: Invalid where the picture cannot be decoded
// (an animated WebP cannot), TooBig where it has more than 50 megapixels or nothing
// recognisable of it fits into the bytes, and those of open.
func Fit(ctx context.Context, open func() (io.ReadCloser, error), bounds Bounds) (Preview, error) {
	size, err := measure(open)
	if err != nil {
		return Preview{}, err
	}
	if size.Pixels() > maxPixels {
		return Preview{}, &core.Error{Kind: core.TooBig, Reason: core.ReasonPicturePixels, Limit: maxPixels}
	}
	bounds = bounds.within(maxJPEG, maxPixels)
	_, canvas := bounds.layout(size, 1)
	weight := min(size.Pixels()+canvas.Pixels(), atOnce)
	if err := gate.Acquire(ctx, weight); err != nil {
		return Preview{}, err
	}
	defer gate.Release(weight)
	original, err := decode(open, size)
	if err != nil {
		return Preview{}, err
	}
	return press(ctx, original, bounds)
}

// within tightens bounds to what can be made at all.
func (b Bounds) within(side int, pixels int64) Bounds {
	if b.MaxSide <= 0 || b.MaxSide > side {
		b.MaxSide = side
	}
	if b.MaxPixels <= 0 || b.MaxPixels > pixels {
		b.MaxPixels = pixels
	}
	return b
}

func measure(open func() (io.ReadCloser, error)) (core.Size, error) {
	file, err := open()
	if err != nil {
		return core.Size{}, err
	}
	defer file.Close()
	in := &watched{from: file}
	picture, err := core.Measure(in)
	if in.fault != nil {
		return core.Size{}, in.fault
	}
	return picture.Size(), err
}

func decode(open func() (io.ReadCloser, error), size core.Size) (image.Image, error) {
	file, err := open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in := &watched{from: file}
	picture, _, err := image.Decode(in)
	switch {
	case in.fault != nil:
		return nil, in.fault
	case err != nil:
		return nil, &core.Error{Kind: core.Invalid, Reason: core.ReasonNoPicture, Err: err}
	case picture.Bounds() != image.Rect(0, 0, size.Width, size.Height):
		// The first frame of an animation may cover a part of it only.
		whole := white(size)
		draw.Draw(whole, picture.Bounds(), picture, picture.Bounds().Min, draw.Over)
		return whole, nil
	}
	return picture, nil
}

// watched remembers a fault of reading, which a decoder takes for one of the picture.
type watched struct {
	from  io.Reader
	fault error
}

// Read reads on.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.from.Read(p)
	if err != nil && err != io.EOF {
		w.fault = err
	}
	return n, err
}

// qualities of the JPEG are tried from the best on; below the last one a smaller picture
// looks better.
var qualities = []int{90, 80, 70}

// press makes the picture smaller until it keeps within the bounds.
func press(ctx context.Context, original image.Image, bounds Bounds) (Preview, error) {
	size := core.Size{Width: original.Bounds().Dx(), Height: original.Bounds().Dy()}
	for shrink := 1.0; ; shrink *= 0.7 {
		content, canvas := bounds.layout(size, shrink)
		if min(shrink*float64(size.Width), shrink*float64(size.Height)) < 1 && shrink < 1 {
			return Preview{}, &core.Error{Kind: core.TooBig, Reason: core.ReasonPictureBytes, Limit: bounds.MaxBytes}
		}
		if err := ctx.Err(); err != nil {
			return Preview{}, err
		}
		page := mount(original, content, canvas)
		for _, quality := range qualities {
			text, fits, err := encode(page, quality, bounds.MaxBytes)
			if err != nil {
				return Preview{}, err
			}
			if fits {
				return Preview{Bytes: text, Image: core.Image{
					Format: core.JPEG, Width: canvas.Width, Height: canvas.Height, Bytes: int64(len(text)),
				}}, nil
			}
		}
	}
}

// mount scales a picture to its new size and puts it on the middle of a white canvas.
func mount(original image.Image, content, canvas core.Size) image.Image {
	for original.Bounds().Dx() >= 2*content.Width && original.Bounds().Dx() > 1 || original.Bounds().Dy() >= 2*content.Height && original.Bounds().Dy() > 1 {
		original = halved(original, content)
	}
	page := white(canvas)
	left, top := (canvas.Width-content.Width)/2, (canvas.Height-content.Height)/2
	draw.ApproxBiLinear.Scale(page, image.Rect(left, top, left+content.Width, top+content.Height), original, original.Bounds(), draw.Over, nil)
	return page
}

// halved is a picture with half the width and half the height, or as much of that as
// leaves it no smaller than least.
func halved(original image.Image, least core.Size) image.Image {
	half := core.Size{
		Width:  max(least.Width, (original.Bounds().Dx()+1)/2),
		Height: max(least.Height, (original.Bounds().Dy()+1)/2),
	}
	page := white(half)
	draw.ApproxBiLinear.Scale(page, page.Bounds(), original, original.Bounds(), draw.Over, nil)
	return page
}

func white(size core.Size) *image.RGBA {
	page := image.NewRGBA(image.Rect(0, 0, size.Width, size.Height))
	draw.Draw(page, page.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	return page
}

// encode writes a JPEG of at most limit bytes; 0 is no limit.
func encode(page image.Image, quality int, limit int64) (text []byte, fits bool, err error) {
	out := &bounded{limit: limit}
	err = jpeg.Encode(out, page, &jpeg.Options{Quality: quality})
	if out.full {
		return nil, false, nil
	}
	return out.text.Bytes(), err == nil, err
}

// bounded takes no more than its limit.
type bounded struct {
	text  bytes.Buffer
	limit int64
	full  bool
}

var errFull = errors.New("no room left")

// Write refuses what does not fit.
func (b *bounded) Write(p []byte) (int, error) {
	if b.limit > 0 && int64(b.text.Len()+len(p)) > b.limit {
		b.full = true
		return 0, errFull
	}
	return b.text.Write(p)
}
