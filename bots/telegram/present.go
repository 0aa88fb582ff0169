package telegram

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"imaginebot/core"
	"imaginebot/core/preview"
)

// mode is how pictures go.
type mode string

const (
	asPhotos   mode = ""         // shown in the chat; what is no photo by Telegram's rules as a preview, and its file after it
	asFiles    mode = "files"    // untouched files
	asPreviews mode = "previews" // where files are too big to be sent
)

// photoRules are Telegram's: https://core.telegram.org/bots/api#sendphoto
var photoRules = preview.Bounds{
	MaxBytes: 10 << 20, MaxSum: 10_000, MaxRatio: 20,
	Formats: []core.Format{core.JPEG, core.PNG, core.WebP},
}

// showing is the pictures of a generation on their way into a chat: one message, or an album
// and a message for the buttons, which albums cannot have, and files after them.
type showing struct {
	*Bot
	to         place
	id         core.GenerationID // under which it is noted how far it has come
	generation core.GenerationID
	images     []core.Image // none: the caption is the message
	caption    markup
	keys       keyboard
	sent       sent
}

// message is one part of a showing: a photo, a file, an album, or words alone.
type message struct {
	kind   string // "photo" or "document"; "" has no pictures
	images []core.Image
	words  markup
	keys   keyboard
}

// messages are the parts of a showing, in order.
func (s *showing) messages() []message {
	main := message{kind: "photo", images: s.images, words: s.caption}
	switch {
	case len(s.images) == 0:
		main.kind = ""
	case s.sent.Mode == asFiles:
		main.kind = "document"
	}
	if len(s.images) < 2 {
		main.keys = s.keys
	}
	parts := []message{main}
	if len(s.images) > 1 && len(s.keys) > 0 {
		parts = append(parts, message{words: "<code>" + escape(string(s.generation)) + "</code>", keys: s.keys})
	}
	files := message{kind: "document"}
	for _, image := range s.images {
		if s.sent.Mode == asPhotos && preview.Needs(image, photoRules) {
			files.images = append(files.images, image)
		}
	}
	if len(files.images) > 0 {
		parts = append(parts, files)
	}
	return parts
}

// show sends what is not there yet. After an error it can be called again.
func (s *showing) show(ctx context.Context) error {
	if s.sent.Chat != 0 {
		s.to = place{Chat: s.sent.Chat}
	}
	for parts := s.messages(); len(s.sent.Parts) < len(parts); {
		part := parts[len(s.sent.Parts)]
		ids, err := s.send(ctx, part)
		switch {
		case err == nil:
			s.sent.Parts = append(s.sent.Parts, ids)
		case s.giveWay(err):
			parts = s.messages()
		case len(s.sent.Parts) > 0 && part.kind != "" && faultOf(err) == faultTooBig:
			// The file after its preview: the preview is there.
			s.Log.Warn("telegram takes no file of this size", "platform", platform, "generation", s.generation, "err", err)
			s.sent.Parts = append(s.sent.Parts, nil)
		default:
			return err
		}
	}
	s.tie(ctx, s.messages())
	return nil
}

// giveWay changes what an error asks to be changed; false where nothing can be.
func (s *showing) giveWay(err error) bool {
	fault := faultOf(err)
	first := len(s.sent.Parts) == 0
	switch {
	case fault == faultMigrated && movedTo(err) != s.to.Chat && movedTo(err) != 0:
		s.sent.Chat = movedTo(err)
		s.to = place{Chat: s.sent.Chat}
	case fault == faultReplyGone && s.to.ReplyTo != 0:
		s.to.ReplyTo = 0
	case first && len(s.images) > 0 && s.sent.Mode == asPhotos && (errors.Is(err, errNoPreview) || fault == faultBadPhoto || fault == faultTooBig || fault == faultNoRights):
		s.sent.Mode = asFiles
	case first && s.sent.Mode == asFiles && fault == faultTooBig:
		s.sent.Mode = asPreviews
	default:
		return false
	}
	return true
}

// send sends one part, and returns its messages.
func (s *showing) send(ctx context.Context, part message) ([]int, error) {
	var album []captioned
	for _, image := range part.images {
		file, err := s.file(ctx, image, part.kind)
		if err != nil {
			return nil, err
		}
		album = append(album, captioned{upload: file})
	}
	if err := s.note(ctx); err != nil {
		return nil, err
	}
	to := s.to
	if len(s.sent.Parts) > 0 && len(s.sent.Parts[0]) > 0 {
		to.ReplyTo = s.sent.Parts[0][0]
	}
	var messages []Message
	var one Message
	var err error
	switch {
	case len(album) == 0:
		one, err = s.rest.SendMessage(ctx, to, part.words, part.keys)
	case len(album) > 1:
		album[0].Caption = part.words
		messages, err = s.rest.SendMediaGroup(ctx, to, part.kind, album)
	case part.kind == "photo":
		one, err = s.rest.SendPhoto(ctx, to, album[0].upload, part.words, part.keys)
	default:
		one, err = s.rest.SendDocument(ctx, to, album[0].upload, part.words, part.keys)
	}
	s.sent.Trying = err != nil && maybeSent(err)
	if err != nil {
		return nil, err
	}
	var ids []int
	for _, message := range append(messages, one) {
		if message.ID != 0 {
			ids = append(ids, message.ID)
		}
	}
	return ids, nil
}

// errNoPreview says that a picture which is no photo by Telegram's rules cannot be made one.
var errNoPreview = errors.New("no preview")

// file is a picture as it is uploaded: byte for byte, or a preview where it must be a photo
// and cannot be one.
func (s *showing) file(ctx context.Context, image core.Image, kind string) (upload, error) {
	name := string(s.generation)
	for i, other := range s.images {
		if len(s.images) > 1 && other.Key == image.Key {
			name = fmt.Sprintf("%s-%d", s.generation, i+1)
		}
	}
	open := func(ctx context.Context) (io.ReadCloser, error) { return s.Pictures.Open(ctx, image.Key) }
	if kind != "photo" || s.sent.Mode == asPhotos && !preview.Needs(image, photoRules) {
		return upload{Name: name + image.Format.Ending(), Open: open}, nil
	}
	made, err := preview.Fit(ctx, func() (io.ReadCloser, error) { return open(ctx) }, photoRules)
	if kind := core.KindOf(err); err != nil && (kind == core.Invalid || kind == core.TooBig) {
		return upload{}, fmt.Errorf("%w: %w", errNoPreview, err)
	}
	if err != nil {
		return upload{}, err
	}
	return upload{Name: name + made.Image.Format.Ending(), Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(made.Bytes)), nil
	}}, nil
}

// tie remembers which messages belong to the one with the buttons, so that all are deleted
// with it, and which stored pictures the photos of an album are; its first has a caption.
// The message with an album's buttons stands for the first: people reply to that one too.
func (s *showing) tie(ctx context.Context, parts []message) {
	if photos := s.sent.Parts[0]; s.sent.Mode == asPhotos && len(photos) == len(s.images) {
		for i := 1; i < len(photos); i++ {
			s.rememberOriginal(ctx, s.to.Chat, photos[i], s.images[i])
		}
	}
	var keyed int
	var companions []int
	for i, part := range parts[:min(len(parts), len(s.sent.Parts))] {
		ids := s.sent.Parts[i]
		if len(part.keys) > 0 && len(ids) == 1 {
			keyed = ids[0]
			continue
		}
		companions = append(companions, ids...)
	}
	if keyed != 0 && len(companions) > 0 {
		s.remember(ctx, s.to.Chat, keyed, companions)
		s.rememberOriginal(ctx, s.to.Chat, keyed, s.images[0])
	}
}
