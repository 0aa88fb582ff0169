package discordtest

import (
	"bytes"
	"image"
	_ "image/gif" // sizes of pictures
	_ "image/jpeg"
	_ "image/png"
	"net/http"
	"strings"
	"time"
)

// attachment is a file on the CDN.
type attachment struct {
	id          string
	channelID   string
	name        string
	contentType string
	description string
	size        int64 // as told, which may be a lie
	width       int
	height      int
	ephemeral   bool
	content     []byte // nil once it was forgotten
	server      *Server
}

// Attachment is a file as a person sees it.
type Attachment struct {
	ID          string
	Filename    string
	ContentType string
	// Description is the alt text.
	Description string
	URL         string
	// Size is the declared number of bytes.
	Size          int64
	Width, Height int
	// Shown says that an embed or a component shows the file, so that the API leaves it out of the message's attachments.
	Shown bool

	content []byte
}

// Bytes are the file itself, not to be changed.
func (a Attachment) Bytes() []byte { return a.content }

// File is what a person uploads.
type File struct {
	Name    string
	Content []byte
	// ContentType is what the client claims; empty is sniffed.
	ContentType string
	// Declared is the number of bytes the attachment claims to have; 0 is the truth.
	Declared int64
}

// store puts a file on the CDN and forgets the oldest ones when there are too many bytes. The caller holds mu.
func (s *Server) store(channelID string, f File) *attachment {
	a := &attachment{
		id: s.nextID(), channelID: channelID, name: cleanName(f.Name), contentType: f.ContentType,
		size: f.Declared, content: f.Content, server: s,
	}
	if a.contentType == "" || a.contentType == "application/octet-stream" {
		a.contentType = http.DetectContentType(f.Content)
	}
	if a.size == 0 {
		a.size = int64(len(f.Content))
	}
	if shape, _, err := image.DecodeConfig(bytes.NewReader(f.Content)); err == nil {
		a.width, a.height = shape.Width, shape.Height
	}
	s.stored = append(s.stored, a)
	s.storedSize += int64(len(a.content))
	for s.storedSize > s.settings.KeepBytes && len(s.stored) > 1 {
		s.storedSize -= int64(len(s.stored[0].content))
		s.stored[0].content = nil
		s.stored = s.stored[1:]
	}
	return a
}

func (a *attachment) url() string {
	return a.server.URL() + "/attachments/" + a.channelID + "/" + a.id + "/" + a.name + "?ex=0&is=0&hm=0"
}

// json is an attachment object (https://discord.com/developers/docs/resources/message#attachment-object).
func (a *attachment) json() map[string]any {
	o := map[string]any{
		"id": a.id, "filename": a.name, "size": a.size, "url": a.url(), "proxy_url": a.url(), "content_type": a.contentType,
	}
	if a.description != "" {
		o["description"] = a.description
	}
	if a.width > 0 {
		o["width"], o["height"] = a.width, a.height
	}
	if a.ephemeral {
		o["ephemeral"] = true
	}
	return o
}

func (a *attachment) snapshot(shown bool) Attachment {
	return Attachment{
		ID: a.id, Filename: a.name, ContentType: a.contentType, Description: a.description, URL: a.url(), Size: a.size,
		Width: a.width, Height: a.height, Shown: shown, content: a.content,
	}
}

// serveAttachment is the CDN.
func (s *Server) serveAttachment(w http.ResponseWriter, r *http.Request) {
	c := &call{r: r, path: r.URL.Path}
	var content []byte
	var name, contentType string
	s.mu.Lock()
	for _, a := range s.stored {
		if strings.HasSuffix(r.URL.Path, "/"+a.channelID+"/"+a.id+"/"+a.name) {
			content, name, contentType = a.content, a.name, a.contentType
		}
	}
	s.mu.Unlock()
	if content == nil {
		s.log(c, http.StatusNotFound, "")
		http.Error(w, "This content is no longer available.", http.StatusNotFound)
		return
	}
	s.log(c, http.StatusOK, "")
	w.Header().Set("Content-Type", contentType)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}
