package ai302test

import (
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// generate is POST /302/image/generate.
func (s *Server) generate(w http.ResponseWriter, r *http.Request, body []byte) {
	o := &order{endpoint: Generate}
	known := []string{"prompt", "model", "width", "height", "negative_prompt", "aspect_ratio", "output_format", "image"}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		o.readForm(r, body, "image", known...)
	} else {
		o.readJSON(r, body, known...)
	}
	o.prompt, o.model = o.text("prompt", true), o.text("model", true)
	if strings.TrimSpace(o.prompt) == "" {
		o.complain("prompt is empty")
	}
	o.text("negative_prompt", false)
	o.format()
	o.takeUnifiedImage()

	row := slices.IndexFunc(s.settings.Models, func(m Model) bool { return m.ID == o.model })
	if row >= 0 {
		o.fit(s.settings.Models[row])
	}
	o.checkPicture()
	s.paid(w, r, o, row >= 0, func(t Trouble) any { return s.generated(o, t) })
}

// takeUnifiedImage reads "image": an http(s) URL or a data URI. Raw base64 is
// refused here, unlike at Kontext.
func (o *order) takeUnifiedImage() {
	given := o.text("image", false)
	encoded, isBase64 := "", false
	if head, rest, found := strings.Cut(given, ","); found && strings.HasPrefix(head, "data:image/") {
		encoded, isBase64 = rest, strings.HasSuffix(head, ";base64")
	}
	switch {
	case given == "" || isURL(given, "http", "https"):
	case isBase64:
		o.takeBase64("image", encoded)
	default:
		o.complain("image is neither a URL nor a data URI")
	}
}

// fit applies the model's row.
func (o *order) fit(m Model) {
	width, _ := o.whole("width", false)
	height, _ := o.whole("height", false)
	if width < 0 || height < 0 || width > 4096 || height > 4096 {
		o.complain("width and height must be between 1 and 4096")
		return
	}
	aspect := o.text("aspect_ratio", false)
	if w, _ := aspectSize(aspect); aspect != "" && w == 0 {
		o.complain("aspect_ratio %q is not W:H", aspect)
		return
	}
	o.draw.Width, o.draw.Height, o.replaced = m.size(int(width), int(height), aspect)
	hasImage := o.picture != nil || o.fields["image"] != nil
	if m.NeedsImage && !hasImage {
		o.complain("%s needs an image", m.ID)
	}
	if hasImage && !m.takesImage() {
		o.replaced = append(o.replaced, m.ID+" ignores the image")
	}
}

// generated is the answer, with the picture in one of the places where it has
// been seen.
func (s *Server) generated(o *order, t Trouble) any {
	url := s.publish(o.draw, t.Result, 0)
	put := func(data any) any { return map[string]any{"image_url": "", "data": data} }
	list := func(one map[string]any) any { return []any{one} }
	switch t.Place {
	case InDataImageURL:
		return put(map[string]any{"image_url": url})
	case InDataOutput:
		return put(map[string]any{"output": url})
	case InDataImages:
		return put(map[string]any{"images": list(map[string]any{"url": url, "content_type": "image/png"}), "has_nsfw_concepts": []bool{false}, "seed": o.draw.Seed})
	case InDataDataURL:
		return put(map[string]any{"created": 1, "data": list(map[string]any{"url": url})})
	case InDataDataB64:
		return put(map[string]any{"created": 1, "data": list(map[string]any{"b64_json": s.settings.Draw(o.draw.within(s.settings.MaxSide))})})
	case InDataImageURLs:
		return put(map[string]any{"data": map[string]any{"image_urls": []string{url}}})
	case InDataSample:
		return put(map[string]any{"status": "Ready", "result": map[string]any{"sample": url}})
	}
	return map[string]any{"image_url": url, "data": eightFields(s.next(), o.model, "succeeded", "", url)}
}

// eightFields is a task as 302.AI documents it; timestamps of what has not
// happened are "", and output is a string that holds an array.
func eightFields(id, model, status, failure string, urls ...string) map[string]any {
	output, now := "", time.Now().UTC().Format(time.RFC3339Nano)
	if len(urls) > 0 {
		output = `["` + strings.Join(urls, `","`) + `"]`
	}
	completed := ""
	if status == "succeeded" || status == "failed" {
		completed = now
	}
	return map[string]any{
		"completed_at": completed, "created_at": now, "error": failure, "id": id,
		"model": model, "output": output, "started_at": now, "status": status,
	}
}
