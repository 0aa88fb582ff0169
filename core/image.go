package core

import (
	"bufio"
	"encoding/binary"
	"errors"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
)

// Image describes a stored picture; its bytes are in Pictures under Key.
type Image struct {
	Key    string `json:"key"`
	Format Format `json:"format"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Bytes  int64  `json:"bytes"`
}

// Size is the picture's width and height.
func (i Image) Size() Size { return Size{i.Width, i.Height} }

// Type is the media type of the bytes.
func (f Format) Type() string { return "image/" + string(f) }

// Ending is what a file name of this format ends in, with its dot.
func (f Format) Ending() string {
	if f == JPEG {
		return ".jpg"
	}
	return "." + string(f)
}

// Limits bound a picture, whatever its name, header or declared size say.
type Limits struct {
	Bytes  int64
	Pixels int64
}

// Pictures that people send, and pictures that a provider makes.
var (
	LimitsIn  = Limits{Bytes: 20 << 20, Pixels: 20_000_000}
	LimitsOut = Limits{Bytes: 50 << 20, Pixels: 50_000_000}
)

// Check says whether a picture keeps within the limits.
func (l Limits) Check(image Image) error {
	switch {
	case image.Bytes > l.Bytes:
		return &Error{Kind: TooBig, Reason: ReasonPictureBytes, Limit: l.Bytes}
	case image.Size().Pixels() > l.Pixels:
		return &Error{Kind: TooBig, Reason: ReasonPicturePixels, Limit: l.Pixels}
	}
	return nil
}

// Cap reads r and fails with TooBig past the limit of bytes; the limit itself is fine.
func (l Limits) Cap(r io.Reader) io.Reader { return &capped{r, l.Bytes, l.Bytes} }

type capped struct {
	r           io.Reader
	left, limit int64
}

func (c *capped) Read(p []byte) (int, error) {
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.r.Read(p)
	if int64(n) > c.left {
		n, c.left = int(c.left), 0
		return n, &Error{Kind: TooBig, Reason: ReasonPictureBytes, Limit: c.limit}
	}
	c.left -= int64(n)
	return n, err
}

// Sniff tells a picture's format from its first bytes (12 suffice); "" is no picture
// that we know. Names and headers are not asked: providers mislabel.
func Sniff(head []byte) Format {
	text := string(head[:min(len(head), 16)])
	switch {
	case strings.HasPrefix(text, "\x89PNG\r\n\x1a\n"):
		return PNG
	case strings.HasPrefix(text, "\xff\xd8\xff"):
		return JPEG
	case strings.HasPrefix(text, "GIF87a"), strings.HasPrefix(text, "GIF89a"):
		return GIF
	case len(text) >= 12 && text[:4] == "RIFF" && text[8:12] == "WEBP":
		return WebP
	}
	return ""
}

// Measure reads as much of r as tells format, width and height; it decodes no pixel,
// so a decompression bomb is measured like any other picture. Key and Bytes stay empty.
// The error is Invalid where r is no picture.
func Measure(r io.Reader) (Image, error) {
	source := &remembering{r: r}
	buffered := bufio.NewReader(source)
	head, err := buffered.Peek(32)
	if err != nil && !errors.Is(err, io.EOF) {
		return Image{}, err
	}
	image := Image{Format: Sniff(head)}
	switch image.Format {
	case PNG:
		config, err := png.DecodeConfig(buffered)
		return image.measured(config.Width, config.Height, err, source.err)
	case JPEG:
		config, err := jpeg.DecodeConfig(buffered)
		return image.measured(config.Width, config.Height, err, source.err)
	case GIF:
		config, err := gif.DecodeConfig(buffered)
		return image.measured(config.Width, config.Height, err, source.err)
	case WebP:
		width, height := webpSize(head)
		return image.measured(width, height, nil, source.err)
	}
	return Image{}, &Error{Kind: Invalid, Reason: ReasonNoPicture}
}

// remembering keeps the error of a reader, which a decoder may take for one of the picture.
type remembering struct {
	r   io.Reader
	err error
}

func (r *remembering) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

func (i Image) measured(width, height int, err, source error) (Image, error) {
	if err != nil && source != nil {
		return Image{}, source
	}
	if err != nil || width < 1 || height < 1 {
		return Image{}, &Error{Kind: Invalid, Reason: ReasonNoPicture, Err: err}
	}
	i.Width, i.Height = width, height
	return i, nil
}

// webpSize reads width and height from the first chunk of a WebP file, zero if
// they are not there: https://developers.google.com/speed/webp/docs/riff_container
func webpSize(head []byte) (width, height int) {
	if len(head) < 30 {
		return 0, 0
	}
	little24 := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
	switch string(head[12:16]) {
	case "VP8X":
		return little24(head[24:]) + 1, little24(head[27:]) + 1
	case "VP8L":
		bits := binary.LittleEndian.Uint32(head[21:])
		return int(bits&0x3fff) + 1, int(bits>>14&0x3fff) + 1
	case "VP8 ":
		return int(binary.LittleEndian.Uint16(head[26:]) & 0x3fff), int(binary.LittleEndian.Uint16(head[28:]) & 0x3fff)
	}
	return 0, 0
}
