package discordtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// call is a REST request whose body was read.
type call struct {
	r       *http.Request
	path    string
	version int
	args    []string // the open parts of the route
	payload []byte   // JSON
	files   []upload
	wrong   *refused // why the body could not be understood
	gone    bool     // the caller went away in the middle of it
}

// noting remembers that reading ended badly.
type noting struct {
	io.Reader
	err error
}

func (n *noting) Read(p []byte) (int, error) {
	count, err := n.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return count, err
}

// upload is one files[n] part.
type upload struct {
	index       int
	name        string
	contentType string
	content     []byte
}

// Discord's limits of a request (https://discord.com/developers/docs/reference#uploading-files).
const (
	requestLimit = 25 << 20
	filesLimit   = 10
)

// read takes the whole body, also of a call that will be refused: a client that still writes would see a reset instead.
func (s *Server) read(r *http.Request, path string) *call {
	c := &call{r: r, path: path}
	body := &noting{Reader: http.MaxBytesReader(nil, r.Body, 4*requestLimit)}
	defer func() {
		_, _ = io.Copy(io.Discard, body)
		c.gone = body.err != nil
	}()

	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Header.Get("Content-Type") == "":
		var rest []byte
		if rest, err = io.ReadAll(body); err == nil && len(rest) > 0 {
			c.wrong = mistake(50035, "a body without Content-Type")
		}
	case err != nil:
		c.wrong = mistake(50035, "Content-Type: %v", err)
	case kind == "application/json":
		if c.payload, err = io.ReadAll(io.LimitReader(body, requestLimit)); err == nil && !json.Valid(c.payload) {
			c.wrong = mistake(50109, "%d bytes that are not JSON", len(c.payload))
		}
	case kind == "multipart/form-data":
		c.wrong = s.readParts(c, multipart.NewReader(body, params["boundary"]))
	default:
		c.wrong = mistake(50035, "Content-Type %q", kind)
	}
	return c
}

var filePart = regexp.MustCompile(`^files\[(\d)\]$`)

// readParts reads payload_json and files[n].
func (s *Server) readParts(c *call, parts *multipart.Reader) *refused {
	total, tooLarge := 0, false
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return mistake(50035, "multipart: %v", err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return mistake(50035, "multipart: %v", err)
		}
		total += len(content)
		number := filePart.FindStringSubmatch(part.FormName())
		switch {
		case part.FormName() == "payload_json":
			c.payload = content
			if !json.Valid(content) {
				return mistake(50109, "payload_json of %d bytes is not JSON", len(content))
			}
		case number == nil:
			return mistake(50035, "multipart: a part named %q", part.FormName())
		case part.FileName() == "":
			return mistake(50035, "multipart: %s without a file name", part.FormName())
		default:
			index, _ := strconv.Atoi(number[1]) // one digit
			tooLarge = tooLarge || int64(len(content)) > s.settings.AttachmentLimit
			c.files = append(c.files, upload{index, cleanName(part.FileName()), part.Header.Get("Content-Type"), content})
		}
	}
	if tooLarge || total > requestLimit {
		c.files = nil
		return refusal(40005)
	}
	if len(c.files) > filesLimit {
		return mistake(50035, "%d files", len(c.files))
	}
	return nil
}

// cleanName is what Discord makes of a file name: spaces become underscores and odd characters go.
func cleanName(name string) string {
	name = strings.ReplaceAll(name, " ", "_")
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._-", r):
			return r
		}
		return -1
	}, name)
	if name == "" {
		return "file"
	}
	return name
}

// decode reads a JSON body into v; what does not fit is the bot's mistake.
func decode(payload []byte, v any) *refused {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	err := decoder.Decode(v)
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return invalid(kind.Field, "a %s", kind.Value)
	case err != nil:
		return mistake(50035, "body: %v", err)
	}
	return nil
}
