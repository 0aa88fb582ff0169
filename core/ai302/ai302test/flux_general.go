package ai302test

import (
	"net/http"
	"strings"
)

// job is work that is asked after by its id.
type job struct {
	kind    string // FluxGeneral or Kontext
	model   string
	prompt  string
	trouble Trouble
	draw    DrawRequest
	asked   int    // how often its state was asked for
	url     string // of the finished Kontext picture
}

// fluxGeneral is POST /302/submit/flux-general.
func (s *Server) fluxGeneral(w http.ResponseWriter, r *http.Request, body []byte) {
	o := &order{endpoint: FluxGeneral}
	o.readJSON(r, body, "prompt", "negative_prompt", "num_inference_steps", "guidance_scale", "image_size", "loras", "controlnets")
	if o.prompt = o.text("prompt", true); strings.TrimSpace(o.prompt) == "" {
		o.complain("prompt is empty")
	}
	o.text("negative_prompt", true)
	if steps, there := o.whole("num_inference_steps", true); there && (steps < 1 || steps > 50) {
		o.complain("num_inference_steps must be between 1 and 50")
	}
	if _, ok := number(o.fields, "guidance_scale"); !ok {
		o.complain("guidance_scale must be a number")
	}
	o.imageSize()
	o.loras()
	s.controls(o)
	s.paid(w, r, o, true, func(t Trouble) any { return s.fluxGenerated(o, t) })
}

func (o *order) imageSize() {
	size, _ := o.fields["image_size"].(map[string]any)
	width, okW := number(size, "width")
	height, okH := number(size, "height")
	good := func(side float64) bool {
		return side >= 256 && side <= 1440 && int(side)%32 == 0 && side == float64(int(side))
	}
	if !okW || !okH || len(size) != 2 || !good(width) || !good(height) {
		o.complain("image_size needs width and height, each a multiple of 32 between 256 and 1440")
		return
	}
	o.draw.Width, o.draw.Height = int(width), int(height)
}

func (o *order) loras() {
	list, isList := o.fields["loras"].([]any)
	if !isList {
		o.complain("loras must be an array")
	}
	for _, one := range list {
		lora, _ := one.(map[string]any)
		path, _ := lora["path"].(string)
		_, hasScale := number(lora, "scale")
		_, hasForce := lora["force"].(bool)
		if !isWeights(path) || !hasScale || !hasForce || len(lora) != 3 {
			o.complain("a lora needs path, scale and force")
		}
	}
}

func (s *Server) controls(o *order) {
	list, isList := o.fields["controlnets"].([]any)
	if !isList {
		o.complain("controlnets must be an array")
	}
	if len(list) > 1 {
		o.complain("only one controlnet is supported")
	}
	for _, one := range list {
		control, _ := one.(map[string]any)
		path, _ := control["path"].(string)
		picture, _ := control["control_image_url"].(string)
		_, hasScale := number(control, "conditioning_scale")
		if !isWeights(path) || !hasScale || len(control) != 3 {
			o.complain("a controlnet needs control_image_url, path and conditioning_scale")
		}
		upload, isUpload := s.uploaded(picture)
		if !isUpload && !isURL(picture, "https") {
			o.complain("control_image_url is neither an upload nor https")
		}
		o.draw.Input = upload
	}
}

// fluxGenerated is the answer: a task id alone if the work lasts, else fal's
// shape, or the documented one on request.
func (s *Server) fluxGenerated(o *order, t Trouble) any {
	j := &job{kind: FluxGeneral, prompt: o.prompt, trouble: t, draw: o.draw}
	id := "1745" + s.next()
	if t.Unfinished > 0 {
		s.mu.Lock()
		s.tasks[id] = j
		s.mu.Unlock()
		return map[string]any{"id": id, "status": "processing"}
	}
	if t.EightFields || t.Failure != "" {
		return eightFields(id, "flux-general", "succeeded", t.Failure, s.jobPictures(j)...)
	}
	images := []any{}
	for _, url := range s.jobPictures(j) {
		images = append(images, map[string]any{"url": url, "width": o.draw.Width, "height": o.draw.Height, "content_type": "image/png"})
	}
	flags := t.NSFW
	if flags == nil {
		flags = []bool{false}
	}
	return map[string]any{"images": images, "timings": map[string]any{"inference": 1.5}, "seed": o.draw.Seed, "has_nsfw_concepts": flags, "prompt": o.prompt}
}

// jobPictures publishes as many pictures as the trouble has flags, or one.
func (s *Server) jobPictures(j *job) []string {
	var urls []string
	for i := range max(1, len(j.trouble.NSFW)) {
		draw := j.draw
		draw.Seed += int64(i)
		urls = append(urls, s.publish(draw, j.trouble.Result, 0))
	}
	return urls
}
