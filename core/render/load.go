package render

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"imaginebot/core"
	"imaginebot/core/ai302"
	"imaginebot/core/preview"
)

// inputs is what every endpoint takes. Pictures that people send are within it; those
// that a model has made, and that are edited further, may be larger.
var inputs = preview.Bounds{
	MaxBytes:  ai302.MaxPicture,
	MaxPixels: core.LimitsIn.Pixels,
	Formats:   []core.Format{core.PNG, core.JPEG, core.WebP},
}

// copies is how often a picture is in memory while it is sent: itself, in base64, and in
// the JSON around that, which grows by doubling.
const copies = 4

// load reads an input picture, nil where there is none, when there is memory for it, which
// it keeps until release.
func (r *Renderer) load(ctx context.Context, image *core.Image) (picture []byte, release func(), err error) {
	if image == nil {
		return nil, func() {}, nil
	}
	weight := min(copies*min(image.Bytes, inputs.MaxBytes), r.Memory)
	if err := r.memory.Acquire(ctx, weight); err != nil {
		return nil, nil, err
	}
	release = func() { r.memory.Release(weight) }
	if picture, err = r.read(ctx, *image); err != nil {
		release()
		return nil, nil, fmt.Errorf("read the input picture: %w", err)
	}
	return picture, release, nil
}

func (r *Renderer) read(ctx context.Context, image core.Image) ([]byte, error) {
	open := func() (io.ReadCloser, error) { return r.Pictures.Open(ctx, image.Key) }
	if preview.Needs(image, inputs) {
		smaller, err := preview.Fit(ctx, open, inputs)
		return smaller.Bytes, err
	}
	file, err := open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	whole := bytes.NewBuffer(make([]byte, 0, image.Bytes+bytes.MinRead))
	_, err = whole.ReadFrom(core.LimitsIn.Cap(file))
	return whole.Bytes(), err
}
