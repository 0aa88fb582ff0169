package preview

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"imaginebot/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// telegram and discord are what platforms take, as an example.
var (
	telegram = Bounds{MaxBytes: 10 << 20, MaxSum: 10_000, MaxRatio: 20, Formats: []core.Format{core.JPEG, core.PNG}}
	discord  = Bounds{MaxBytes: 10 << 20}
)

func TestNeeds(t *testing.T) {
	good := core.Image{Format: core.PNG, Width: 5000, Height: 5000, Bytes: 10 << 20}
	for name, test := range map[string]struct {
		change func(*core.Image)
		bounds Bounds
		want   bool
	}{
		"as it is":        {func(*core.Image) {}, telegram, false},
		"no bounds":       {func(i *core.Image) { *i = core.Image{Format: core.GIF, Width: 1, Height: 60_000, Bytes: 1 << 30} }, Bounds{}, false},
		"a byte more":     {func(i *core.Image) { i.Bytes++ }, telegram, true},
		"a pixel wider":   {func(i *core.Image) { i.Width++ }, telegram, true},
		"another format":  {func(i *core.Image) { i.Format = core.WebP }, telegram, true},
		"20 to 1":         {func(i *core.Image) { i.Width, i.Height = 2000, 100 }, telegram, false},
		"over 20 to 1":    {func(i *core.Image) { i.Width, i.Height = 100, 2001 }, telegram, true},
		"a side":          {func(i *core.Image) { i.Height = 5001 }, Bounds{MaxSide: 5000}, true},
		"the last pixel":  {func(*core.Image) {}, Bounds{MaxPixels: 25_000_000}, false},
		"too many pixels": {func(*core.Image) {}, Bounds{MaxPixels: 24_999_999}, true},
	} {
		picture := good
		test.change(&picture)
		if got := Needs(picture, test.bounds); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A layout keeps within the bounds, keeps the shape, and wastes little of the room.
func TestLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		side := rapid.IntRange(1, 20_000)
		picture := core.Size{Width: side.Draw(t, "width"), Height: side.Draw(t, "height")}
		bounds := Bounds{
			MaxSide:   rapid.IntRange(50, 70_000).Draw(t, "side"),
			MaxSum:    rapid.SampledFrom([]int{0, 100, 10_000}).Draw(t, "sum"),
			MaxPixels: rapid.Int64Range(10_000, 50_000_000).Draw(t, "pixels"),
			MaxRatio:  rapid.SampledFrom([]float64{0, 1, 1.91, 20}).Draw(t, "ratio"),
		}
		content, canvas := bounds.layout(picture, 1)
		if !bounds.hold(canvas) || content.Width > canvas.Width || content.Height > canvas.Height || content.Width > picture.Width || content.Height > picture.Height {
			t.Fatalf("%v on %v of %v", content, canvas, picture)
		}
		for _, sides := range [][4]int{{content.Width, picture.Width, content.Height, picture.Height}, {content.Height, picture.Height, content.Width, picture.Width}} {
			scale := float64(sides[0]+1) / float64(sides[1])
			if float64(sides[2]) > max(1, scale*float64(sides[3])) {
				t.Fatalf("%v is another shape than %v", content, picture)
			}
		}
		if content != picture {
			larger, _ := Bounds{}.layout(picture, float64(max(content.Width, content.Height))/float64(max(picture.Width, picture.Height))*1.02+0.01)
			_, around := Bounds{MaxRatio: bounds.MaxRatio}.layout(larger, 1)
			if larger.Width > content.Width+1 && larger.Height > content.Height+1 && bounds.hold(around) {
				t.Fatalf("%v of %v, but %v would do", content, picture, larger)
			}
		}
	})
}

func opened(text []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
}

func asPNG(t *testing.T, picture image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func filled(width, height int, c color.Color) *image.NRGBA {
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			picture.Set(x, y, c)
		}
	}
	return picture
}

// noise is as hard to compress as a picture can be.
func noise(width, height int) *image.NRGBA {
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	dice := rand.NewChaCha8([32]byte{})
	_, _ = dice.Read(picture.Pix)
	for i := 3; i < len(picture.Pix); i += 4 {
		picture.Pix[i] = 255
	}
	return picture
}

// fit makes a preview and sees to it that it is what it says and what the bounds ask.
func fit(t *testing.T, text []byte, bounds Bounds) (Preview, image.Image) {
	t.Helper()
	made, err := Fit(t.Context(), opened(text), bounds)
	if err != nil {
		t.Fatal(err)
	}
	measured, err := core.Measure(bytes.NewReader(made.Bytes))
	measured.Bytes = int64(len(made.Bytes))
	if err != nil || measured != made.Image || measured.Format != core.JPEG || Needs(measured, bounds) {
		t.Fatalf("%+v is said to be %+v, %v", measured, made.Image, err)
	}
	picture, err := jpeg.Decode(bytes.NewReader(made.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	return made, picture
}

func wantColour(t *testing.T, picture image.Image, x, y int, want color.Color) {
	t.Helper()
	r, g, b, _ := picture.At(x, y).RGBA()
	wr, wg, wb, _ := want.RGBA()
	far := func(a, b uint32) bool { return math.Abs(float64(a)-float64(b)) > 12*257 }
	if far(r, wr) || far(g, wg) || far(b, wb) {
		t.Errorf("colour at %d,%d is %v, want %v", x, y, picture.At(x, y), want)
	}
}

var (
	red   = color.NRGBA{R: 255, A: 255}
	blue  = color.NRGBA{B: 255, A: 255}
	clear = color.NRGBA{}
)

func TestFitShrinks(t *testing.T) {
	source := filled(1100, 400, red)
	for y := range 400 {
		for x := range 300 {
			source.Set(x, y, blue)
		}
	}
	made, picture := fit(t, asPNG(t, source), Bounds{MaxSide: 110})
	if made.Image.Width < 109 || made.Image.Height < 39 {
		t.Errorf("only %v", made.Image.Size())
	}
	wantColour(t, picture, 14, 20, blue)
	wantColour(t, picture, 60, 20, red)
	wantColour(t, picture, 105, 36, red)
}

// Every pixel counts: fine lines become a shade, not a pattern.
func TestFitAverages(t *testing.T) {
	source := filled(800, 80, color.Black)
	for y := range 80 {
		for x := 0; x < 800; x += 4 {
			source.Set(x, y, color.White)
		}
	}
	_, picture := fit(t, asPNG(t, source), Bounds{MaxSide: 100})
	for x := 2; x < 98; x += 7 {
		wantColour(t, picture, x, 5, color.Gray{Y: 64})
	}
}

func TestFitKeepsSizeWhereOnlyBytesAreTooMany(t *testing.T) {
	source := asPNG(t, noise(600, 400))
	made, _ := fit(t, source, Bounds{MaxBytes: int64(len(source)) / 2})
	if made.Image.Size() != (core.Size{Width: 600, Height: 400}) {
		t.Errorf("it became %v", made.Image.Size())
	}
	smaller, _ := fit(t, source, Bounds{MaxBytes: 10_000})
	if smaller.Image.Width >= 600 || smaller.Image.Width < 50 {
		t.Errorf("it became %v", smaller.Image.Size())
	}
	_, err := Fit(t.Context(), opened(source), Bounds{MaxBytes: 100})
	wantKind(t, err, core.TooBig, core.ReasonPictureBytes)
}

func TestFitMakesTransparentWhite(t *testing.T) {
	source := filled(400, 400, clear)
	for y := range 400 {
		for x := range 200 {
			source.Set(x, y, color.NRGBA{R: 255, A: 128})
		}
	}
	for name, bounds := range map[string]Bounds{"smaller": {MaxSide: 100}, "as large": {}} {
		t.Run(name, func(t *testing.T) {
			_, picture := fit(t, asPNG(t, source), bounds)
			side := picture.Bounds().Dx()
			wantColour(t, picture, side*3/4, side/2, color.White)
			wantColour(t, picture, side/4, side/2, color.NRGBA{R: 255, G: 127, B: 127, A: 255})
		})
	}
}

func TestFitPutsLongPicturesOnWhite(t *testing.T) {
	made, picture := fit(t, asPNG(t, filled(1000, 10, red)), telegram)
	if made.Image.Size() != (core.Size{Width: 1000, Height: 50}) {
		t.Errorf("it became %v", made.Image.Size())
	}
	wantColour(t, picture, 500, 5, color.White)
	wantColour(t, picture, 500, 25, red)
	wantColour(t, picture, 500, 45, color.White)

	made, _ = fit(t, asPNG(t, filled(3, 9000, red)), telegram)
	if made.Image.Width < 400 || made.Image.Height < 8900 {
		t.Errorf("it became %v", made.Image.Size())
	}
}

func TestFitReadsEveryFormat(t *testing.T) {
	var asJPEG, asGIF bytes.Buffer
	if err := jpeg.Encode(&asJPEG, filled(64, 32, red), nil); err != nil {
		t.Fatal(err)
	}
	frame := image.NewPaletted(image.Rect(32, 0, 64, 32), color.Palette{blue, red}) // the right half, blue
	second := image.NewPaletted(image.Rect(0, 0, 64, 32), color.Palette{red})
	animation := &gif.GIF{Image: []*image.Paletted{frame, second}, Delay: []int{1, 1}, Config: image.Config{Width: 64, Height: 32, ColorModel: frame.Palette}}
	if err := gif.EncodeAll(&asGIF, animation); err != nil {
		t.Fatal(err)
	}
	webP, err := base64.StdEncoding.DecodeString("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")
	if err != nil {
		t.Fatal(err)
	}
	if _, picture := fit(t, asJPEG.Bytes(), Bounds{MaxSide: 16}); true {
		wantColour(t, picture, 8, 4, red)
	}
	if _, picture := fit(t, asGIF.Bytes(), discord); true {
		wantColour(t, picture, 8, 16, color.White)
		wantColour(t, picture, 48, 16, blue)
	}
	if made, _ := fit(t, webP, telegram); made.Image.Size() != (core.Size{Width: 1, Height: 1}) {
		t.Errorf("it became %v", made.Image.Size())
	}
}

func wantKind(t *testing.T, err error, kind core.Kind, reason core.Reason) {
	t.Helper()
	if err == nil || core.KindOf(err) != kind || core.AsError(err).Reason != reason {
		t.Errorf("error %v, want %v: %v", err, kind, reason)
	}
}

// bomb says that it has so many pixels and brings none.
func bomb(width, height uint32) []byte {
	header := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	header = append(binary.BigEndian.AppendUint32(header, height), 8, 6, 0, 0, 0)
	text := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), header...)
	return binary.BigEndian.AppendUint32(text, crc32.ChecksumIEEE(header))
}

func TestFitRefuses(t *testing.T) {
	broken := errors.New("broken off")
	good := asPNG(t, noise(50, 50))
	_, err := Fit(t.Context(), opened(bomb(10_000, 5001)), discord)
	wantKind(t, err, core.TooBig, core.ReasonPicturePixels)
	_, err = Fit(t.Context(), opened([]byte("<!doctype html>")), discord)
	wantKind(t, err, core.Invalid, core.ReasonNoPicture)
	_, err = Fit(t.Context(), opened(good[:len(good)/2]), discord)
	wantKind(t, err, core.Invalid, core.ReasonNoPicture)
	for _, at := range []int{0, 20, len(good) / 2} {
		_, err = Fit(t.Context(), func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(good[:at]), iotest.ErrReader(broken))), nil
		}, discord)
		if !errors.Is(err, broken) || core.KindOf(err) != core.Internal {
			t.Errorf("broken off after %d bytes: %v", at, err)
		}
	}
	if _, err = Fit(t.Context(), func() (io.ReadCloser, error) { return nil, broken }, discord); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// While others decode all that may be decoded, Fit waits and does not decode.
func TestFitWaitsItsTurn(t *testing.T) {
	if err := gate.Acquire(t.Context(), atOnce); err != nil {
		t.Fatal(err)
	}
	text := asPNG(t, filled(10, 10, red))
	opens := make(chan struct{}, 2)
	open := func() (io.ReadCloser, error) {
		opens <- struct{}{}
		return opened(text)()
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := Fit(ctx, open, discord)
		ended <- err
	}()
	<-opens // to measure it
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(opens) != 0 {
		t.Error("it was decoded out of turn")
	}
	go func() {
		_, err := Fit(t.Context(), open, discord)
		ended <- err
	}()
	gate.Release(atOnce)
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it still waits")
	}
	if !gate.TryAcquire(atOnce) {
		t.Fatal("not everything was released")
	}
	gate.Release(atOnce)
}

// A picture larger than all that is decoded at a time comes through alone.
func TestFitOfALargePicture(t *testing.T) {
	large := image.NewGray(image.Rect(0, 0, 5000, 5000))
	made, _ := fit(t, asPNG(t, large), Bounds{MaxSum: 4000})
	if made.Image.Width < 1980 {
		t.Errorf("it became %v", made.Image.Size())
	}
}
