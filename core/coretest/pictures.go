package coretest

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"io"
	"maps"
	"slices"
	"sync"

	"imaginebot/core"
)

// Pictures is core.Pictures in memory.
type Pictures struct {
	mu   sync.Mutex
	kept map[string][]byte
	down error
}

// NewPictures makes a place for pictures with none in it.
func NewPictures() *Pictures { return &Pictures{kept: map[string][]byte{}} }

// Break makes every call fail with err; nil mends it.
func (p *Pictures) Break(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = err
}

// Keys are the keys under which there is a picture, sorted.
func (p *Pictures) Keys() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.kept))
}

// Put implements core.Pictures.
func (p *Pictures) Put(ctx context.Context, key string, r io.Reader, limits core.Limits) (core.Image, error) {
	content, err := io.ReadAll(limits.Cap(r))
	if err != nil {
		return core.Image{}, err
	}
	measured, err := core.Measure(bytes.NewReader(content))
	if err != nil {
		return core.Image{}, err
	}
	measured.Key, measured.Bytes = key, int64(len(content))
	if err := limits.Check(measured); err != nil {
		return core.Image{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down != nil {
		return core.Image{}, p.down
	}
	p.kept[key] = content
	return measured, ctx.Err()
}

// Open implements core.Pictures.
func (p *Pictures) Open(_ context.Context, key string) (io.ReadCloser, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	content, found := p.kept[key]
	switch {
	case p.down != nil:
		return nil, p.down
	case !found:
		return nil, &core.Error{Kind: core.NotFound}
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

// Copy implements core.Pictures.
func (p *Pictures) Copy(_ context.Context, image core.Image, key string) (core.Image, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	content, found := p.kept[image.Key]
	switch {
	case p.down != nil:
		return core.Image{}, p.down
	case !found:
		return core.Image{}, &core.Error{Kind: core.NotFound}
	}
	p.kept[key] = content
	image.Key = key
	return image, nil
}

// Delete implements core.Pictures.
func (p *Pictures) Delete(_ context.Context, keys ...string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range keys {
		if p.down == nil {
			delete(p.kept, key)
		}
	}
	return p.down
}

// PNG is a picture of one colour.
func PNG(width, height int) []byte {
	canvas := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.White})
	var out bytes.Buffer
	if err := png.Encode(&out, canvas); err != nil {
		panic("a picture that cannot be encoded: " + err.Error()) // only without width or height
	}
	return out.Bytes()
}
