package ai302test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // known kinds of input pictures
	_ "image/jpeg"
	_ "image/png"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// order is a paid request as far as it was understood.
type order struct {
	endpoint string
	model    string
	prompt   string
	fields   map[string]any
	form     bool
	picture  []byte // the input, if one was sent
	draw     DrawRequest

	wrong    []string // why the provider refuses it
	replaced []string // what the provider swallows without a word
}

func (o *order) complain(format string, args ...any) {
	o.wrong = append(o.wrong, fmt.Sprintf(format, args...))
}

// mark is alike for requests that mean the same.
func (o *order) mark() string {
	fields, _ := json.Marshal(o.fields) // strings, numbers and what json decoded: cannot fail
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%s\n%s\n", o.endpoint, o.model, fields)
	sum.Write(o.picture)
	return hex.EncodeToString(sum.Sum(nil))
}

// readJSON decodes a body, which must be one object and name only known fields.
func (o *order) readJSON(r *http.Request, body []byte, known ...string) {
	o.fields = map[string]any{}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		o.complain("Content-Type is %q", kind)
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&o.fields); err != nil || decoder.More() {
		o.complain("the body is not one JSON object")
	}
	o.onlyKnown(known)
}

func (o *order) onlyKnown(known []string) {
	for name := range o.fields {
		if !slices.Contains(known, name) {
			o.complain("%s is not a field of %s", name, o.endpoint)
		}
	}
}

// readForm decodes a multipart body with at most one file, named filePart.
func (o *order) readForm(r *http.Request, body []byte, filePart string, known ...string) {
	o.form, o.fields = true, map[string]any{}
	_, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	parts := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
	for {
		part, err := parts.NextPart()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				o.complain("the form is broken")
			}
			break
		}
		content, _ := io.ReadAll(part) // from memory; a broken end shows in NextPart
		switch {
		case part.FileName() == "":
			o.fields[part.FormName()] = string(content)
		case part.FormName() != filePart:
			o.complain("the file part is named %q, not %q", part.FormName(), filePart)
		default:
			o.picture = content
		}
	}
	o.onlyKnown(known)
}

// text reads a string field.
func (o *order) text(name string, required bool) string {
	value, there := o.fields[name]
	s, isString := value.(string)
	switch {
	case !there && required:
		o.complain("%s is required", name)
	case there && !isString:
		o.complain("%s must be a string", name)
	}
	return s
}

// whole reads an integer field; in a form numbers are text.
func (o *order) whole(name string, required bool) (n int64, there bool) {
	value, there := o.fields[name]
	if !there {
		if required {
			o.complain("%s is required", name)
		}
		return 0, false
	}
	digits := ""
	if number, isNumber := value.(json.Number); isNumber {
		digits = number.String()
	} else if o.form {
		digits, _ = value.(string)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		o.complain("%s must be an integer", name)
	}
	return n, true
}

// number reads a number out of an object.
func number(from map[string]any, name string) (float64, bool) {
	n, isNumber := from[name].(json.Number)
	if !isNumber {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

func (o *order) format() {
	switch f := o.text("output_format", false); f {
	case "", "png", "jpeg":
		o.draw.JPEG = f == "jpeg"
	default:
		o.complain("output_format %q", f)
	}
}

// The input's limits: https://docs.bfl.ai/ for Kontext, taken for all here.
const (
	mostInputBytes  = 20 << 20
	mostInputPixels = 20_000_000
)

// takeBase64 takes an input picture written in base64.
func (o *order) takeBase64(name, text string) {
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		o.complain("%s is not base64", name)
		return
	}
	o.fields[name] = fmt.Sprintf("%d bytes", len(decoded))
	o.picture = decoded
}

// checkPicture looks at the input, wherever it came from.
func (o *order) checkPicture() {
	if o.picture == nil {
		return
	}
	config, _, err := image.DecodeConfig(bytes.NewReader(o.picture))
	switch {
	case len(o.picture) > mostInputBytes:
		o.complain("the picture has more than 20 MiB")
	case err != nil && http.DetectContentType(o.picture) == "image/webp":
		// The standard library cannot measure it; the provider takes it.
	case err != nil:
		o.complain("the input is not a picture")
	case config.Width*config.Height > mostInputPixels:
		o.complain("the picture has more than 20 megapixels")
	}
	o.draw.Input = o.picture
	if o.draw.Width == 0 && err == nil {
		o.draw.Width, o.draw.Height = config.Width, config.Height
	}
}

func isURL(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && slices.Contains(schemes, u.Scheme)
}

var huggingFaceID = regexp.MustCompile(`^[\w.-]+/[\w.-]+$`)

// isWeights reports whether a path can name a LoRA or a ControlNet.
func isWeights(path string) bool {
	return isURL(path, "https") || huggingFaceID.MatchString(path) && !strings.HasPrefix(path, ".")
}
