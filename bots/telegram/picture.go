package telegram

import (
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"imaginebot/core"
)

// photo is a photo or a file that Telegram keeps.
type photo struct {
	Key    string `json:"key,omitempty"` // in Pictures, where it is one of the bot's own
	FileID string `json:"file"`
	Name   string `json:"name,omitempty"`
	Size   int64  `json:"size,omitempty"`
}

// newest reports whether it stands for the newest picture of whoever answers.
func (p photo) newest() bool { return p.Key == "" && p.FileID == "" }

// pictureIn is the photo of a message in its largest size, or its file if that may be a
// picture: whether it is one is seen when it is fetched.
func pictureIn(m *Message) *photo {
	if len(m.Photo) > 0 {
		largest := slices.MaxFunc(m.Photo, func(x, y PhotoSize) int { return x.Width*x.Height - y.Width*y.Height })
		return &photo{FileID: largest.FileID, Name: "photo.jpg", Size: largest.Size}
	}
	if file := m.Document; file != nil && mayBePicture(file) {
		return &photo{FileID: file.FileID, Name: file.Name, Size: file.Size}
	}
	return nil
}

func mayBePicture(file *Document) bool {
	kind, _, _ := strings.Cut(file.MIME, "/")
	switch {
	case kind == "image":
		return true
	case file.MIME == "", file.MIME == "application/octet-stream":
		ending := strings.ToLower(path.Ext(file.Name))
		return ending == "" || slices.Contains([]string{".png", ".jpg", ".jpeg", ".webp"}, ending)
	}
	return false
}

// fetchWithin is how long a picture of 20 MB may take.
const fetchWithin = 2 * time.Minute

// attachment is a picture for the core, which fetches it when it has looked at the allowance.
// The address that it is fetched from holds the token and stays in here.
func (b *Bot) attachment(p photo) core.Attachment {
	return core.Attachment{Name: p.Name, Size: p.Size, Open: func(ctx context.Context) (io.ReadCloser, error) {
		if p.Key != "" {
			if original, err := b.Pictures.Open(ctx, p.Key); err == nil || p.FileID == "" {
				return original, err
			}
		}
		ctx, cancel := context.WithTimeout(ctx, fetchWithin)
		file, err := b.rest.GetFile(ctx, p.FileID)
		if err != nil {
			cancel()
			return nil, unfetched(err)
		}
		body, err := b.rest.Open(ctx, file.Path, core.LimitsIn.Bytes)
		if err != nil {
			cancel()
			return nil, unfetched(err)
		}
		return &fetched{body, cancel}, nil
	}}
}

// fetched is a picture on its way.
type fetched struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close ends the download.
func (f *fetched) Close() error {
	f.cancel()
	return f.ReadCloser.Close()
}

// Read tells the person's errors from ours.
func (f *fetched) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = unfetched(err)
	}
	return n, err
}

// unfetched says why a picture could not be had, for the person who sent it.
func unfetched(err error) error {
	switch faultOf(err) {
	case faultTooBig:
		return &core.Error{Kind: core.TooBig, Reason: core.ReasonPictureBytes, Limit: core.LimitsIn.Bytes, Err: err}
	case faultBadFile:
		return &core.Error{Kind: core.NotFound, Reason: core.ReasonPictureGone, Err: err}
	}
	return &core.Error{Kind: core.Invalid, Reason: core.ReasonPictureURL, Err: err}
}

// ownPictureIn is the picture of one of the bot's own messages: as it was made, if that is
// kept, because what Telegram gives back of a photo is recompressed.
func (b *Bot) ownPictureIn(ctx context.Context, m *Message) *photo {
	found := pictureIn(m)
	if m.Document != nil {
		return found
	}
	key, err := b.Store.Note(ctx, originalNote(m.Chat.ID, m.ID))
	if err != nil {
		b.Log.Error("telegram original not recalled", "platform", platform, "err", err)
	}
	if key == "" && found != nil {
		key = b.originalOf(ctx, m)
	}
	switch {
	case key != "" && found != nil:
		found.Key, found.Size = key, 0
	case key != "": // under the buttons of an album there is no photo
		found = &photo{Key: key}
	}
	return found
}

// originalOf is the key of the picture whose generation the caption names, "" if it names
// none. Only the bot's own words are code in a caption.
func (b *Bot) originalOf(ctx context.Context, m *Message) string {
	caption := utf16.Encode([]rune(m.Caption))
	for _, e := range m.CaptionEntities {
		if e.Type != "code" || e.Offset < 0 || e.Length < 0 || e.Offset > len(caption)-e.Length {
			continue
		}
		id, ok := core.ParseGenerationID(string(utf16.Decode(caption[e.Offset : e.Offset+e.Length])))
		if !ok {
			continue
		}
		g, err := b.Store.Generation(ctx, id)
		if images := g.Images(); err == nil && len(images) > 0 && startsAnEdit(images[0]) {
			return images[0].Key
		}
	}
	return ""
}

// startsAnEdit tells whether a picture may go in again; of a larger one Telegram's copy will do.
func startsAnEdit(image core.Image) bool { return core.LimitsIn.Check(image) == nil }

func originalNote(chat int64, message int) string {
	return "telegram:original:" + strconv.FormatInt(chat, 10) + ":" + strconv.Itoa(message)
}

// rememberOriginal notes which stored picture a photo is that has no caption to tell.
func (b *Bot) rememberOriginal(ctx context.Context, chat int64, message int, image core.Image) {
	if !startsAnEdit(image) {
		return
	}
	if err := b.Store.PutNote(ctx, originalNote(chat, message), image.Key, b.Studio.Now().Add(b.Studio.Keep)); err != nil {
		b.Log.Error("telegram original not remembered", "platform", platform, "err", err)
	}
}
