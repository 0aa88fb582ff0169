package ai302test_test

import (
	"bytes"
	"image"
	_ "image/jpeg"
	"image/png"
	"testing"

	"imaginebot/core/ai302/ai302test"
)

func decode(t *testing.T, content []byte) (image.Image, string) {
	t.Helper()
	picture, kind, err := image.Decode(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return picture, kind
}

func TestDrawings(t *testing.T) {
	for name, draw := range map[string]func(ai302test.DrawRequest) []byte{"poster": ai302test.Poster, "noise": ai302test.Noise} {
		t.Run(name, func(t *testing.T) {
			base := ai302test.DrawRequest{Prompt: "a heron", Model: "m", Width: 120, Height: 90}
			first := draw(base)
			if !bytes.Equal(first, draw(base)) {
				t.Error("alike requests give different bytes")
			}
			for what, change := range map[string]func(*ai302test.DrawRequest){
				"prompt": func(d *ai302test.DrawRequest) { d.Prompt = "a crane" },
				"model":  func(d *ai302test.DrawRequest) { d.Model = "n" },
				"seed":   func(d *ai302test.DrawRequest) { d.Seed = 1 },
				"size":   func(d *ai302test.DrawRequest) { d.Width = 121 },
				"format": func(d *ai302test.DrawRequest) { d.JPEG = true },
			} {
				other := base
				change(&other)
				if bytes.Equal(first, draw(other)) {
					t.Errorf("another %s gives the same picture", what)
				}
			}
			picture, kind := decode(t, first)
			if picture.Bounds() != image.Rect(0, 0, 120, 90) || kind != "png" {
				t.Errorf("%s %s", picture.Bounds(), kind)
			}
			base.JPEG = true
			if _, kind := decode(t, draw(base)); kind != "jpeg" {
				t.Errorf("asked for JPEG, got %s", kind)
			}
			for _, tiny := range []ai302test.DrawRequest{{Width: 1, Height: 1}, {Width: 1, Height: 300}, {Width: 300, Height: 1}} {
				decode(t, draw(tiny))
			}
		})
	}
}

// What lies above the hills must still be the input's, a third tinted.
func TestEditDerivesFromItsInput(t *testing.T) {
	white := image.NewGray(image.Rect(0, 0, 30, 30))
	for i := range white.Pix {
		white.Pix[i] = 255
	}
	brightness := func(input []byte) uint32 {
		picture, _ := decode(t, ai302test.Poster(ai302test.DrawRequest{Prompt: "make it blue", Width: 90, Height: 90, Input: input}))
		r, g, b, _ := picture.At(45, 2).RGBA()
		return (r + g + b) / 3 >> 8
	}
	black := image.NewGray(white.Rect)
	light, dark := brightness(encodePNG(t, white)), brightness(encodePNG(t, black))
	if light < 170 || dark > 85 {
		t.Errorf("a white input has brightness %d, a black one %d", light, dark)
	}
}

func TestNoiseIsAsLargeAsItsPixels(t *testing.T) {
	if n := len(ai302test.Noise(ai302test.DrawRequest{Width: 1024, Height: 1024})); n < 1<<20 || n > 1<<20+1<<15 {
		t.Errorf("%d bytes", n)
	}
}

func encodePNG(t *testing.T, picture image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
