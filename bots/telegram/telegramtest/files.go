package telegramtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // photos may be uploaded as GIF, JPEG, PNG and WebP
	"image/jpeg"
	_ "image/png"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// file is something a file_id names. A photo is several of them, one a size.
type file struct {
	id, unique string
	path       string // file_path
	kind       string // photo, document or sticker
	name, mime string
	width      int
	height     int
	size       int     // 0 while it is not known
	bytes      []byte  // nil when made from another file on demand, or forgotten
	of         *file   // the upload that a photo's size is made from
	sizes      []*file // of a photo: all its sizes, ascending
}

// files is every file the server knows; guarded by the server's lock.
type files struct {
	byID   map[string]*file
	byPath map[string]*file
	order  []*file // those with bytes, oldest first; a photo's sizes go with it
	kept   int
	count  int
}

var plainEnding = regexp.MustCompile(`^\.[A-Za-z0-9]{1,8}$`)

// add gives a file its ids and path.
func (f *files) add(x *file) *file {
	f.count++
	digest := sha256.Sum256([]byte("file " + strconv.Itoa(f.count)))
	id := base64.RawURLEncoding.EncodeToString(digest[:])
	x.unique = "AQAD" + id[:11]
	x.id = map[string]string{"photo": "AgACAgIAAxkB", "document": "BQACAgIAAxkB", "sticker": "CAACAgIAAxkB"}[x.kind] + id
	ending := path.Ext(x.name)
	switch {
	case x.kind == "photo":
		ending = ".jpg"
	case !plainEnding.MatchString(ending):
		ending = ""
	}
	x.path = fmt.Sprintf("%ss/file_%d%s", x.kind, f.count, ending)
	f.byID[x.id], f.byPath[x.path] = x, x
	f.keep(x)
	return x
}

// keep counts a file's bytes and forgets the oldest beyond the bounds, with every file_id that led to them.
func (f *files) keep(x *file) {
	if x.bytes == nil {
		return
	}
	x.size = len(x.bytes)
	f.kept += x.size
	f.order = append(f.order, x)
	for (f.kept > keepBytes || len(f.order) > keepFiles) && len(f.order) > 1 {
		oldest := f.order[0]
		f.order = f.order[1:]
		f.kept -= len(oldest.bytes)
		oldest.bytes = nil
		for _, gone := range slices.Concat(oldest.sizes, []*file{oldest}) {
			delete(f.byID, gone.id)
			delete(f.byPath, gone.path)
		}
	}
}

// wire is the file as PhotoSize or Document.
func (x *file) wire() map[string]any {
	w := map[string]any{"file_id": x.id, "file_unique_id": x.unique}
	if x.size > 0 {
		w["file_size"] = x.size
	}
	if x.kind == "document" {
		w["file_name"] = x.name
		w["mime_type"] = x.mime
		return w
	}
	w["width"], w["height"] = x.width, x.height
	return w
}

// document keeps an uploaded document, byte for byte.
func (s *Server) document(name, mime string, content []byte) *file {
	if mime == "" {
		mime = mimeOf(name)
	}
	return s.files.add(&file{kind: "document", name: name, mime: mime, bytes: content})
}

// photo measures an uploaded photo and offers it in several sizes, ascending, as Telegram does. A person's app has
// compressed it before, so its largest size is what was uploaded; the bot's is compressed by the server.
// https://core.telegram.org/bots/api#sendphoto
func (s *Server) photo(content []byte, fromBot bool) (largest *file, err error) {
	if len(content) > maxPhoto {
		return nil, bad("file is too big: photos may have %d bytes", maxPhoto)
	}
	width, height, err := measure(content)
	if err != nil {
		return nil, bad("IMAGE_PROCESS_FAILED")
	}
	if width+height > 10_000 || width > 20*height || height > 20*width {
		return nil, bad("PHOTO_INVALID_DIMENSIONS")
	}
	upload := &file{kind: "photo", bytes: content, width: width, height: height}
	largest = upload
	if fromBot {
		s.files.keep(upload)
		largest = &file{kind: "photo", of: upload}
		largest.width, largest.height = within(width, height, 2560)
	}
	var sizes []*file
	for _, side := range []int{90, 320, 800, 1280} {
		if side >= max(largest.width, largest.height) {
			break
		}
		small := &file{kind: "photo", of: upload}
		small.width, small.height = within(width, height, side)
		sizes = append(sizes, s.files.add(small))
	}
	sizes = append(sizes, s.files.add(largest))
	upload.sizes = sizes
	for _, size := range sizes {
		size.sizes = sizes
	}
	return largest, nil
}

// seen is the file as observers see it: what was uploaded.
func (x *file) seen() *File {
	if x == nil {
		return nil
	}
	if x.kind == "document" {
		return &File{ID: x.id, Name: x.name, MIME: x.mime, Bytes: x.bytes}
	}
	upload := x
	if x.of != nil {
		upload = x.of
	}
	largest := x.sizes[len(x.sizes)-1]
	return &File{ID: largest.id, MIME: "image/jpeg", Width: upload.width, Height: upload.height, Bytes: upload.bytes}
}

// within scales a size down until its longer side is at most side.
func within(width, height, side int) (int, int) {
	longer := max(width, height)
	if longer <= side {
		return width, height
	}
	return max(1, width*side/longer), max(1, height*side/longer)
}

// measure reads a picture's size from its header.
func measure(content []byte) (width, height int, err error) {
	if len(content) > 30 && string(content[:4]) == "RIFF" && string(content[8:12]) == "WEBP" {
		return measureWebP(content)
	}
	header, _, err := image.DecodeConfig(bytes.NewReader(content))
	if err != nil {
		return 0, 0, err
	}
	return header.Width, header.Height, nil
}

// measureWebP knows the three kinds of https://developers.google.com/speed/webp/docs/riff_container.
func measureWebP(content []byte) (width, height int, err error) {
	switch string(content[12:16]) {
	case "VP8 ":
		return int(binary.LittleEndian.Uint16(content[26:]) & 0x3fff), int(binary.LittleEndian.Uint16(content[28:]) & 0x3fff), nil
	case "VP8L":
		bits := binary.LittleEndian.Uint32(content[21:])
		return int(bits&0x3fff) + 1, int(bits>>14&0x3fff) + 1, nil
	case "VP8X":
		low := binary.LittleEndian.Uint32(content[24:]) & 0xffffff
		high := binary.LittleEndian.Uint32(content[26:]) >> 8
		return int(low) + 1, int(high) + 1, nil
	default:
		return 0, 0, errors.New("not a WebP picture")
	}
}

// content is a file's bytes, made now if it is a size of a photo; nil when they were forgotten.
func (s *Server) content(x *file) []byte {
	s.mu.Lock()
	content, of := x.bytes, x.of
	var original []byte
	if of != nil {
		original = of.bytes
	}
	s.mu.Unlock()
	if content != nil || original == nil {
		return content
	}
	made := recompress(original, x.width, x.height)
	s.mu.Lock()
	defer s.mu.Unlock()
	x.size = len(made) // not kept: it can be made again
	return made
}

// recompress draws the picture in the given size as JPEG; what cannot be decoded here stays as it is.
func recompress(original []byte, width, height int) []byte {
	source, _, err := image.Decode(bytes.NewReader(original))
	if err != nil {
		return original
	}
	drawn := image.NewRGBA(image.Rect(0, 0, width, height))
	bounds := source.Bounds()
	for y := range height {
		for x := range width {
			drawn.Set(x, y, source.At(bounds.Min.X+x*bounds.Dx()/width, bounds.Min.Y+y*bounds.Dy()/height))
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, drawn, &jpeg.Options{Quality: 80}); err != nil {
		return original
	}
	return out.Bytes()
}

// serveFile answers downloads of {URL}/file/bot{token}/{file_path}. https://core.telegram.org/bots/api#getfile
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, rest string) {
	token, name, _ := strings.Cut(rest, "/")
	if token != s.settings.Token {
		s.violate("a download with a wrong token")
		writeRefusal(w, &refusal{Code: http.StatusUnauthorized, Description: "Unauthorized"})
		return
	}
	trouble := s.nextTrouble("file", 0)
	s.pause(r.Context(), trouble.wait)
	s.mu.Lock()
	found := s.files.byPath[name]
	s.mu.Unlock()
	var content []byte
	if found != nil {
		content = s.content(found)
	}
	switch {
	case trouble.drop == dropBefore:
		s.hangUp(w)
	case trouble.refusal != nil:
		writeRefusal(w, trouble.refusal)
	case content == nil:
		writeRefusal(w, &refusal{Code: http.StatusNotFound, Description: "Not Found"})
	case trouble.drop == dropAfter: // in the middle of it
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content[:len(content)/2])
		_ = http.NewResponseController(w).Flush()
		s.hangUp(w)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content)
	}
}

// mimeOf guesses as Telegram's apps do, from the name alone.
func mimeOf(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".webp":
		return "image/webp"
	case ".gif":
		return "image/gif"
	case ".pdf":
		return "application/pdf"
	case ".txt":
		return "text/plain"
	default:
		return "application/octet-stream"
	}
}
