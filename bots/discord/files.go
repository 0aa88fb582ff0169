package discord

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/bwmarrin/discordgo"

	"imaginebot/bots"
	"imaginebot/core"
	"imaginebot/core/preview"
)

// Limits of Discord's: https://discord.com/developers/docs/resources/message#message-object
// and https://discord.com/developers/docs/reference#uploading-files
const (
	maxContent = 2000 - 30 // the rest is for naming the person
	maxEmbed   = 4096
	maxAlt     = 1024

	usualFile    = 10 << 20 // where an interaction does not say
	usualMessage = 25 << 20 // all files of a message
	besides      = 64 << 10 // the rest of the request
	smallest     = 1 << 20  // below which it is of no use to make a message smaller

	previewBytes = 2 << 20
)

// room is how much fits into one message.
type room struct{ file, message int64 }

// roomFor is the room in a place where a file may have so many bytes, 0 if that is unknown.
func roomFor(limit int64) room {
	if limit == 0 {
		limit = usualFile
	}
	return room{file: limit, message: max(usualMessage, limit) - besides}
}

// tighter is the room to try when Discord takes less than it said; ok is false where that
// would be of no use any more.
func (r room) tighter() (_ room, ok bool) {
	return room{file: r.file / 4, message: r.message / 4}, r.file > smallest
}

// compose makes messages of a reply: the first is the reply, and the others bring the
// original files that had no room in it.
func (b *Bot) compose(ctx context.Context, reply bots.Reply, room room) ([]*post, error) {
	text := reply.Text
	files := [][]upload{nil}
	if o := reply.Outcome; o != nil {
		var notes bots.Text
		if reply.Files {
			files, notes = b.originals(ctx, *o, room)
		} else {
			var err error
			if files[0], notes, err = b.pictures(ctx, *o, room); err != nil {
				return nil, err
			}
		}
		text = append(text[:len(text):len(text)], notes...)
	}
	var posts []*post
	for _, batch := range files {
		posts = append(posts, &post{Files: batch})
	}
	first := posts[0]
	first.Components = row(reply.Buttons)
	if first.Content = markup(text, math.MaxInt); units(first.Content) > maxContent {
		first.Content = ""
		first.Embeds = []*discordgo.MessageEmbed{{Description: markup(text, maxEmbed)}}
	}
	return posts, nil
}

// row is the buttons under a message.
func row(buttons []bots.Button) []discordgo.MessageComponent {
	if len(buttons) == 0 {
		return nil
	}
	var row discordgo.ActionsRow
	for _, button := range buttons {
		row.Components = append(row.Components, discordgo.Button{Label: button.Label(), Style: discordgo.SecondaryButton, CustomID: button.ID()})
	}
	return []discordgo.MessageComponent{row}
}

// pictures are the pictures of an outcome for one message: as they are wherever they fit, and
// else smaller copies, with a note that says why.
func (b *Bot) pictures(ctx context.Context, o core.Outcome, room room) (files []upload, notes bots.Text, err error) {
	images := o.Generation.Images()
	small, crowded := fit(images, room)
	for n, image := range images {
		if !small[n] {
			files = append(files, b.upload(ctx, o, n))
			continue
		}
		tooBig := image.Bytes > room.file
		copied, err := preview.Fit(ctx, func() (io.ReadCloser, error) { return b.Pictures.Open(ctx, image.Key) },
			preview.Bounds{MaxBytes: smallCopy(room, len(images))})
		switch kind := core.KindOf(err); {
		case err == nil:
			files = append(files, copyOf(o, n, copied))
			if tooBig {
				notes = append(notes, sayTooBig(n, len(images), image.Bytes, room.file, "this is a smaller copy")...)
			}
		case kind == core.Invalid || kind == core.TooBig:
			notes = append(notes, sayTooBig(n, len(images), image.Bytes, room.file, "it cannot be shown")...)
		default:
			return nil, nil, err
		}
	}
	if crowded {
		notes = append(notes, sayTooMuch()...)
	}
	return files, notes, nil
}

// fit says of which pictures only a small copy has room: those that are too big by
// themselves, and then the biggest, until the rest fits together. crowded reports the latter.
func fit(images []core.Image, room room) (small []bool, crowded bool) {
	small = make([]bool, len(images))
	for n, image := range images {
		small[n] = image.Bytes > room.file
	}
	for {
		sum, biggest := int64(0), -1
		for n, image := range images {
			if small[n] {
				sum += smallCopy(room, len(images))
				continue
			}
			sum += image.Bytes
			if biggest < 0 || image.Bytes > images[biggest].Bytes {
				biggest = n
			}
		}
		if sum <= room.message || biggest < 0 {
			return small, crowded
		}
		small[biggest], crowded = true, true
	}
}

// smallCopy is how many bytes a small copy may have, one of so many.
func smallCopy(room room, of int) int64 {
	return min(previewBytes, room.file, room.message/int64(of))
}

// originals are the pictures of an outcome as files, in as many messages as it takes; a
// note says which are too big.
func (b *Bot) originals(ctx context.Context, o core.Outcome, room room) (batches [][]upload, notes bots.Text) {
	images := o.Generation.Images()
	batches = [][]upload{nil}
	left := room.message
	for n, image := range images {
		if image.Bytes > room.file {
			notes = append(notes, sayTooBig(n, len(images), image.Bytes, room.file, "the file cannot be sent")...)
			continue
		}
		if image.Bytes > left {
			batches, left = append(batches, nil), room.message
		}
		left -= image.Bytes
		batches[len(batches)-1] = append(batches[len(batches)-1], b.upload(ctx, o, n))
	}
	return batches, notes
}

// upload is a picture of an outcome, byte for byte.
func (b *Bot) upload(ctx context.Context, o core.Outcome, n int) upload {
	image := o.Generation.Images()[n]
	return upload{
		Name: fileName(o, n) + image.Format.Ending(), ContentType: image.Format.Type(), Alt: alt(o), Size: image.Bytes,
		Open: func() (io.ReadCloser, error) { return b.Pictures.Open(ctx, image.Key) },
	}
}

// copyOf is a small copy of a picture of an outcome.
func copyOf(o core.Outcome, n int, copied preview.Preview) upload {
	return upload{
		Name: fileName(o, n) + "-small" + copied.Image.Format.Ending(), ContentType: copied.Image.Format.Type(), Alt: alt(o), Size: int64(len(copied.Bytes)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(copied.Bytes)), nil },
	}
}

func fileName(o core.Outcome, n int) string {
	name := string(o.Generation.ID)
	if len(o.Generation.Images()) > 1 {
		name += fmt.Sprintf("-%d", n+1)
	}
	return name
}

// alt describes a picture to those who do not see it, by the words it was made from.
func alt(o core.Outcome) string {
	if o.Generation.Request.Private {
		return ""
	}
	words := []rune(strings.Join(strings.Fields(string(visible(o.Generation.Request.Prompt))), " "))
	if len(words) > maxAlt {
		return string(words[:maxAlt-1]) + "…"
	}
	return string(words)
}
