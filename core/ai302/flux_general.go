package ai302

import (
	"context"
	"encoding/json"
	"strings"
)

// FluxGeneralRequest is one picture from Flux with LoRAs and a ControlNet. All
// fields are sent, set or not: the documentation calls them required although
// its own example omits some.
type FluxGeneralRequest struct {
	Prompt         string
	NegativePrompt string
	Steps          int     // num_inference_steps; the provider's default is 28
	Guidance       float64 // guidance_scale; the provider's default is 3.5
	Width, Height  int     // pixels, 256 to 1440, multiples of 32
	LoRAs          []LoRA
	Control        *ControlNet // one at most: the provider supports no more
}

// LoRA is an addition to the model's weights.
type LoRA struct {
	Path  string  `json:"path"`  // an https URL or a Hugging Face id
	Scale float64 `json:"scale"` // 1 is as trained
	Force bool    `json:"force"`
}

// ControlNet makes the picture follow the edges, depth or pose of another.
type ControlNet struct {
	ImageURL string  `json:"control_image_url"` // from UploadFile, or any https URL
	Path     string  `json:"path"`              // as in LoRA
	Scale    float64 `json:"conditioning_scale"`
}

// SubmitFluxGeneral asks for one picture and mostly waits for it, some ten
// seconds. After about half a minute 302.AI answers with a task id alone: then
// Task.Done is false, and AwaitTask goes on. The call is paid.
//
// https://302ai-en.apifox.cn/api-232136668
func (c *Client) SubmitFluxGeneral(ctx context.Context, r FluxGeneralRequest) (Task, error) {
	k := call{endpoint: EndpointFluxGeneral, path: "/302/submit/flux-general", contentType: "application/json", paid: true, timeout: c.settings.SubmitTimeout, limit: maxJSON}
	if strings.TrimSpace(r.Prompt) == "" || r.Steps < 1 || r.Width < 1 || r.Height < 1 {
		return Task{}, unsent(k.endpoint, Invalid, "a prompt, steps and a size are required")
	}
	if r.Control != nil && (r.Control.ImageURL == "" || r.Control.Path == "") {
		return Task{}, unsent(k.endpoint, Invalid, "a control needs a picture's URL and a path")
	}
	k.body = jsonBody(r.fields())
	got, err := c.send(ctx, k)
	if err != nil {
		return Task{}, err
	}
	return readTask(k, got)
}

func (r FluxGeneralRequest) fields() map[string]any {
	loras, controls := []LoRA{}, []ControlNet{} // sent as [] when empty, never as null
	loras = append(loras, r.LoRAs...)
	if r.Control != nil {
		controls = append(controls, *r.Control)
	}
	return map[string]any{
		"prompt":              r.Prompt,
		"negative_prompt":     r.NegativePrompt,
		"num_inference_steps": r.Steps,
		"guidance_scale":      r.Guidance,
		"image_size":          map[string]int{"width": r.Width, "height": r.Height},
		"loras":               loras,
		"controlnets":         controls,
	}
}

// readTask reads both shapes of a task: 302.AI's eight documented fields, and
// fal's {images, has_nsfw_concepts, seed}, which Flux-General probably gives.
func readTask(k call, got reply) (Task, error) {
	var top struct {
		ID     json.RawMessage `json:"id"`
		TaskID json.RawMessage `json:"task_id"`
		Status json.RawMessage `json:"status"`
		Output json.RawMessage `json:"output"`
		Images json.RawMessage `json:"images"`
		NSFW   json.RawMessage `json:"has_nsfw_concepts"`
		Seed   json.RawMessage `json:"seed"`
	}
	_ = json.Unmarshal(got.body, &top) // send has seen that it is an object
	task := Task{ID: wordIn(top.ID), Seed: seedIn(top.Seed), RequestID: got.requestID}
	if task.ID == "" {
		task.ID = wordIn(top.TaskID)
	}
	failure := &Error{Operation: k.endpoint, Status: got.status, RequestID: got.requestID}

	images, output := picturesIn(top.Images), picturesIn(top.Output)
	status, noStatus := normal(wordIn(top.Status)), len(top.Status) == 0 || string(top.Status) == "null"
	if status == "failed" || status == "canceled" || status == "cancelled" {
		failure.Situation, failure.Reason = Failed, "the provider reports a failure"
		return task, failure
	}
	found := images
	if len(found) == 0 {
		found = output
	}
	kept, allFlagged := withoutFlagged(found, nsfwFlags(top.NSFW))
	if allFlagged {
		failure.Situation, failure.Reason = Moderated, "every picture is flagged"
		return task, failure
	}
	// fal gives "images" only with the end, and has no status. Without an id there
	// is nothing left to ask for, so pictures at hand are the end too.
	task.Done = status == "succeeded" || len(kept) > 0 && (len(images) > 0 || noStatus || task.ID == "")
	switch {
	case task.Done && len(kept) > 0:
		task.Pictures = kept
		return task, nil
	case task.Done:
		failure.Situation, failure.Reason = Failed, "finished without a picture"
		return task, failure
	case task.ID == "":
		failure.Situation, failure.Reason = lost(k), "neither a picture nor a task id in the answer"
		return task, failure
	}
	return task, nil
}

// normal makes status words comparable.
func normal(status string) string {
	return strings.NewReplacer("_", " ", "-", " ").Replace(strings.ToLower(strings.TrimSpace(status)))
}
