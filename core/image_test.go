package core_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"image"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"imaginebot/core"
)

// pictures are one real picture of each encoding, with its size.
func pictures(t testing.TB) map[string]struct {
	bytes  []byte
	format core.Format
	size   core.Size
} {
	t.Helper()
	canvas := image.NewPaletted(image.Rect(0, 0, 31, 17), palette.Plan9)
	for i := range canvas.Pix {
		canvas.Pix[i] = byte(i)
	}
	var asPNG, asJPEG, asGIF bytes.Buffer
	if err := errors.Join(png.Encode(&asPNG, canvas), jpeg.Encode(&asJPEG, canvas, nil), gif.Encode(&asGIF, canvas, nil)); err != nil {
		t.Fatal(err)
	}
	decoded := func(text string) []byte {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	type picture = struct {
		bytes  []byte
		format core.Format
		size   core.Size
	}
	return map[string]picture{
		"png":  {asPNG.Bytes(), core.PNG, core.Size{Width: 31, Height: 17}},
		"jpeg": {asJPEG.Bytes(), core.JPEG, core.Size{Width: 31, Height: 17}},
		"gif":  {asGIF.Bytes(), core.GIF, core.Size{Width: 31, Height: 17}},
		// One pixel each: lossy, lossless, and lossy with an extended header.
		"webp lossy":    {decoded("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA"), core.WebP, core.Size{Width: 1, Height: 1}},
		"webp lossless": {decoded("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="), core.WebP, core.Size{Width: 1, Height: 1}},
		"webp extended": {extended(decoded("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA"), 300, 70_000), core.WebP, core.Size{Width: 300, Height: 70_000}},
	}
}

// extended puts a header of the extended WebP format before the chunks of a simple one.
func extended(simple []byte, width, height uint32) []byte {
	chunk := make([]byte, 18)
	copy(chunk, "VP8X\x0a\x00\x00\x00")
	copy(chunk[12:15], little24(width-1))
	copy(chunk[15:18], little24(height-1))
	out := append([]byte("RIFF\x00\x00\x00\x00WEBP"), chunk...)
	out = append(out, simple[12:]...)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}

func little24(n uint32) []byte { return []byte{byte(n), byte(n >> 8), byte(n >> 16)} }

func TestMeasure(t *testing.T) {
	for name, p := range pictures(t) {
		for how, r := range map[string]io.Reader{
			"at once": bytes.NewReader(p.bytes), "byte by byte": iotest.OneByteReader(bytes.NewReader(p.bytes)),
			"with its end": iotest.DataErrReader(bytes.NewReader(p.bytes)),
		} {
			got, err := core.Measure(r)
			if err != nil || got.Format != p.format || got.Size() != p.size {
				t.Errorf("%s read %s is %+v, want %s %v: %v", name, how, got, p.format, p.size, err)
			}
		}
		if got := core.Sniff(p.bytes[:12]); got != p.format {
			t.Errorf("the first 12 bytes of %s are %q", name, got)
		}
	}
}

func TestMeasureRefusesWhatIsNoPicture(t *testing.T) {
	refused := map[string][]byte{
		"nothing": nil, "text": []byte("<html>502 Bad Gateway</html>, and quite a lot more of it"), "zeros": make([]byte, 100),
		"svg": []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`), "bmp": []byte("BM" + strings.Repeat("\x00", 60)),
		"sound in riff": []byte("RIFF\x24\x00\x00\x00WAVEfmt " + strings.Repeat("\x00", 30)),
	}
	for name, p := range pictures(t) {
		for _, cut := range []int{3, 8, 11, 12, 15, 20} {
			refused[name+" cut short"+strings.Repeat("!", cut)] = p.bytes[:cut]
		}
	}
	png := pictures(t)["png"].bytes
	flat := bytes.Clone(png)
	copy(flat[16:24], make([]byte, 8)) // no width, no height, and a wrong sum
	refused["png without sides"] = flat
	refused["png called jpeg"] = append([]byte("\xff\xd8\xff"), png[3:]...)
	refused["webp of an unknown chunk"] = []byte("RIFF\x24\x00\x00\x00WEBPNOPE" + strings.Repeat("\x01", 30))
	for name, content := range refused {
		got, err := core.Measure(bytes.NewReader(content))
		if core.KindOf(err) != core.Invalid || core.AsError(err).Reason != core.ReasonNoPicture || err == nil {
			t.Errorf("%s is %+v: %v, want Invalid", name, got, err)
		}
	}
}

// A connection that breaks says nothing about the picture: it may be whole next time.
func TestMeasurePassesOnWhatTheReaderSays(t *testing.T) {
	broken := errors.New("connection reset")
	for name, p := range pictures(t) {
		for _, after := range []int{0, 5, 12, 20, 29} {
			r := io.MultiReader(bytes.NewReader(p.bytes[:after]), iotest.ErrReader(broken))
			if _, err := core.Measure(r); !errors.Is(err, broken) || core.KindOf(err) != core.Internal {
				t.Errorf("%s broken after %d bytes: %v, want what the reader said", name, after, err)
			}
		}
	}
	// A header longer than what Sniff looks at: comments of 60 kB before the size.
	p := pictures(t)["jpeg"].bytes
	comment := append([]byte{0xff, 0xfe, 0xea, 0x60}, make([]byte, 0xea60-2)...)
	long := append(append(bytes.Clone(p[:2]), comment...), p[2:]...)
	if got, err := core.Measure(bytes.NewReader(long)); err != nil || got.Width != 31 {
		t.Errorf("a picture with a long comment: %+v, %v", got, err)
	}
	if _, err := core.Measure(io.MultiReader(bytes.NewReader(long[:5000]), iotest.ErrReader(broken))); !errors.Is(err, broken) || core.KindOf(err) != core.Internal {
		t.Errorf("broken within the comment: %v, want what the reader said", err)
	}
	limits := core.Limits{Bytes: 5000, Pixels: 1 << 20}
	if _, err := core.Measure(limits.Cap(bytes.NewReader(long))); core.KindOf(err) != core.TooBig {
		t.Errorf("past the limit within the comment: %v, want TooBig", err)
	}
}

func TestCap(t *testing.T) {
	limits := core.Limits{Bytes: 1000}
	for _, c := range []struct {
		length int
		fits   bool
	}{{0, true}, {1, true}, {999, true}, {1000, true}, {1001, false}, {5000, false}} {
		content := bytes.Repeat([]byte("x"), c.length)
		for how, r := range map[string]io.Reader{
			"at once": bytes.NewReader(content), "byte by byte": iotest.OneByteReader(bytes.NewReader(content)),
			"with its end": iotest.DataErrReader(bytes.NewReader(content)),
		} {
			got, err := io.ReadAll(limits.Cap(r))
			if c.fits && (err != nil || len(got) != c.length) {
				t.Errorf("%d bytes read %s: %d came, %v", c.length, how, len(got), err)
			}
			if !c.fits && (core.KindOf(err) != core.TooBig || core.AsError(err).Limit != 1000 || len(got) != 1000) {
				t.Errorf("%d bytes read %s: %d came, %v, want 1000 and TooBig", c.length, how, len(got), err)
			}
		}
	}
	capped := limits.Cap(bytes.NewReader(make([]byte, 3000)))
	_, _ = io.ReadAll(capped)
	if n, err := capped.Read(make([]byte, 10)); n != 0 || core.KindOf(err) != core.TooBig {
		t.Errorf("read on after the limit: %d, %v", n, err)
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		image  core.Image
		reason core.Reason
	}{
		{core.Image{Bytes: 20 << 20, Width: 5000, Height: 4000}, ""},
		{core.Image{Bytes: 20<<20 + 1, Width: 1, Height: 1}, core.ReasonPictureBytes},
		{core.Image{Bytes: 1, Width: 5000, Height: 4001}, core.ReasonPicturePixels},
		{core.Image{Bytes: 1, Width: 1 << 31, Height: 1 << 31}, core.ReasonPicturePixels},
	} {
		err := core.LimitsIn.Check(c.image)
		if (err == nil) != (c.reason == "") || err != nil && (core.KindOf(err) != core.TooBig || core.AsError(err).Reason != c.reason) {
			t.Errorf("%+v: %v, want %q", c.image, err, c.reason)
		}
	}
}

func TestFormat(t *testing.T) {
	for format, want := range map[core.Format][2]string{
		core.PNG: {"image/png", ".png"}, core.JPEG: {"image/jpeg", ".jpg"}, core.WebP: {"image/webp", ".webp"}, core.GIF: {"image/gif", ".gif"},
	} {
		if format.Type() != want[0] || format.Ending() != want[1] {
			t.Errorf("%s is %s, %s", format, format.Type(), format.Ending())
		}
	}
}

func FuzzMeasure(f *testing.F) {
	for _, p := range pictures(f) {
		f.Add(p.bytes)
	}
	f.Add([]byte("RIFF\x00\x00\x00\x00WEBPVP8L"))
	f.Add([]byte("\xff\xd8\xff\xe0"))
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := core.Measure(bytes.NewReader(content))
		if err != nil {
			if core.KindOf(err) != core.Invalid {
				t.Errorf("%v, want Invalid", err)
			}
			return
		}
		if got.Width < 1 || got.Height < 1 || got.Format == "" || got.Format != core.Sniff(content) {
			t.Errorf("%+v, sniffed %q", got, core.Sniff(content))
		}
	})
}
