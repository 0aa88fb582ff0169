package ai302test

import (
	"bytes"
	"cmp"
	"hash/fnv"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"strings"
)

// DrawRequest is what a picture is drawn from. Alike requests give alike bytes.
type DrawRequest struct {
	Prompt        string
	Model         string
	Seed          int64
	Width, Height int  // pixels; zero where the request left it open
	JPEG          bool // rather than PNG
	Input         []byte
}

// within limits the longer side, keeping the shape, and settles an open size.
func (d DrawRequest) within(side int) DrawRequest {
	d.Width, d.Height = cmp.Or(d.Width, 1024), cmp.Or(d.Height, 1024)
	if longer := max(d.Width, d.Height); side > 0 && longer > side {
		d.Width, d.Height = max(1, d.Width*side/longer), max(1, d.Height*side/longer)
	}
	return d
}

// Poster draws a landscape in flat colours: sky, sun and hills. Colour words in
// the prompt choose the palette, everything else follows from its hash. With an
// input picture it draws the hills in front of that, tinted.
func Poster(d DrawRequest) []byte {
	d = d.within(0)
	seed := fnv.New64a()
	_, _ = seed.Write([]byte(d.Prompt + "\x00" + d.Model))
	dice := rand.New(rand.NewPCG(seed.Sum64(), uint64(d.Seed)))
	scene := newScene(d, dice)
	poster := image.NewPaletted(image.Rect(0, 0, d.Width, d.Height), scene.palette)
	scene.sky(poster)
	scene.sun(poster)
	scene.hills(poster)

	if input, _, err := image.Decode(bytes.NewReader(d.Input)); err == nil {
		edited := image.NewRGBA(poster.Bounds())
		stretch(edited, input)
		tint(edited, scene.palette[skyBands/2])
		for i, shade := range poster.Pix {
			if shade > sunShade+hillLayers-2 { // the two nearest rows of hills
				edited.Set(i%poster.Stride, i/poster.Stride, scene.palette[shade])
			}
		}
		return encode(edited, d.JPEG)
	}
	return encode(poster, d.JPEG)
}

const (
	skyBands   = 48
	hillLayers = 5
	// A palette holds the sky from top to bottom, the sun, then the hills from far to near.
	sunShade = skyBands
)

var hues = map[string]float64{"red": 0, "orange": 0.07, "yellow": 0.14, "green": 0.36, "blue": 0.58, "purple": 0.76, "pink": 0.9}

type scene struct {
	palette       color.Palette
	width, height int
	dice          *rand.Rand
	sunX, sunY    int
	sunRadius     int
}

func newScene(d DrawRequest, dice *rand.Rand) *scene {
	hue := dice.Float64()
	for _, word := range strings.Fields(strings.ToLower(d.Prompt)) {
		if h, isColour := hues[word]; isColour {
			hue = h
		}
	}
	s := &scene{width: d.Width, height: d.Height, dice: dice}
	for i := range skyBands {
		low := float64(i) / skyBands
		s.palette = append(s.palette, hsv(hue+0.12*low, 0.75-0.5*low, 0.55+0.43*low))
	}
	s.palette = append(s.palette, hsv(hue+0.45, 0.25, 1))
	for i := range hillLayers {
		near := float64(i+1) / hillLayers
		s.palette = append(s.palette, hsv(hue+0.05-0.1*near, 0.35+0.4*near, 0.75-0.55*near))
	}
	shorter := min(d.Width, d.Height)
	s.sunX = d.Width/5 + dice.IntN(d.Width*3/5+1)
	s.sunY = d.Height/6 + dice.IntN(d.Height/4+1)
	s.sunRadius = shorter/16 + dice.IntN(shorter/12+1)
	return s
}

func (s *scene) sky(on *image.Paletted) {
	for y := range s.height {
		row := on.Pix[y*on.Stride : y*on.Stride+s.width]
		shade := uint8(y * skyBands / s.height)
		for x := range row {
			row[x] = shade
		}
	}
}

func (s *scene) sun(on *image.Paletted) {
	for y := -s.sunRadius; y <= s.sunRadius; y++ {
		half := int(math.Sqrt(float64(s.sunRadius*s.sunRadius - y*y)))
		for x := -half; x <= half; x++ {
			if p := image.Pt(s.sunX+x, s.sunY+y); p.In(on.Rect) {
				on.Pix[p.Y*on.Stride+p.X] = sunShade
			}
		}
	}
}

// hills draws far before near.
func (s *scene) hills(on *image.Paletted) {
	for layer := range hillLayers {
		base := float64(s.height) * (0.5 + 0.45*float64(layer)/hillLayers)
		height := float64(s.height) * 0.09
		phase, swell := s.dice.Float64()*2*math.Pi, 1.5+2*s.dice.Float64()
		for x := range s.width {
			at := float64(x) / float64(s.width) * 2 * math.Pi
			top := base - height*(math.Sin(at*swell+phase)+0.4*math.Sin(at*swell*2.7+3*phase))
			for y := max(0, int(top)); y < s.height; y++ {
				on.Pix[y*on.Stride+x] = uint8(sunShade + 1 + layer)
			}
		}
	}
}

// stretch fills the picture with another, nearest pixel.
func stretch(to *image.RGBA, from image.Image) {
	size, of := to.Bounds(), from.Bounds()
	for y := range size.Dy() {
		for x := range size.Dx() {
			to.Set(x, y, from.At(of.Min.X+x*of.Dx()/size.Dx(), of.Min.Y+y*of.Dy()/size.Dy()))
		}
	}
}

// tint lays a third of a colour over everything.
func tint(on *image.RGBA, with color.Color) {
	veil := color.RGBAModel.Convert(with).(color.RGBA)
	veil.R, veil.G, veil.B, veil.A = veil.R/3, veil.G/3, veil.B/3, 85
	draw.Draw(on, on.Bounds(), image.NewUniform(veil), image.Point{}, draw.Over)
}

// Noise draws grey noise as large as asked, in about as many bytes as pixels:
// quick, and as hard to pack as a photograph.
func Noise(d DrawRequest) []byte {
	seed := fnv.New64a()
	_, _ = seed.Write([]byte(d.Prompt + "\x00" + d.Model))
	d = d.within(0)
	grey := image.NewGray(image.Rect(0, 0, d.Width, d.Height))
	dice := rand.NewPCG(seed.Sum64(), uint64(d.Seed))
	for i := 0; i+8 <= len(grey.Pix); i += 8 {
		n := dice.Uint64()
		for j := range 8 {
			grey.Pix[i+j] = uint8(n >> (8 * j))
		}
	}
	if d.JPEG {
		return encode(grey, true)
	}
	var out bytes.Buffer
	_ = (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&out, grey) // into memory
	return out.Bytes()
}

func encode(picture image.Image, asJPEG bool) []byte {
	var out bytes.Buffer
	if !asJPEG {
		_ = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&out, picture) // into memory
		return out.Bytes()
	}
	if paletted, is := picture.(*image.Paletted); is {
		full := image.NewRGBA(paletted.Bounds()) // the encoder is several times quicker with it
		draw.Draw(full, full.Bounds(), paletted, image.Point{}, draw.Src)
		picture = full
	}
	_ = jpeg.Encode(&out, picture, &jpeg.Options{Quality: 85}) // into memory
	return out.Bytes()
}

// hsv is a colour by hue, saturation and value, each 0 to 1; hue wraps around.
func hsv(h, s, v float64) color.Color {
	_, h = math.Modf(h + 2)
	channel := func(n float64) uint8 {
		k := math.Mod(n+h*6, 6)
		return uint8(255 * (v - v*s*max(0, min(k, 4-k, 1))))
	}
	return color.RGBA{R: channel(5), G: channel(3), B: channel(1), A: 255}
}
