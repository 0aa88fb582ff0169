package ai302

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// GenerateRequest is one picture from the unified interface. Only fields that
// are set are sent; which ones a model takes is the caller's knowledge.
type GenerateRequest struct {
	Prompt         string // required
	Model          string // required, such as flux-dev-t2i
	Width, Height  int    // pixels
	NegativePrompt string
	AspectRatio    string // W:H
	OutputFormat   string // png or jpeg
	Image          []byte // an input picture; the image-to-image models need one
}

// largestDataURI is the input picture that still goes as a data URI within the
// JSON. Larger ones go as a file part: base64 makes a third more of them.
const largestDataURI = 1 << 20

// Generate draws one picture with any model of the catalogue and waits for it,
// mostly some seconds. The call is paid.
//
// https://302ai-en.apifox.cn/286781078e0
func (c *Client) Generate(ctx context.Context, r GenerateRequest) (Answer, error) {
	k := call{endpoint: EndpointGenerate, model: r.Model, path: "/302/image/generate", paid: true, timeout: c.settings.GenerateTimeout, limit: maxInlineJSON}
	if strings.TrimSpace(r.Prompt) == "" || r.Model == "" {
		return Answer{}, unsent(k.endpoint, Invalid, "a prompt and a model are required")
	}
	var failure *Error
	if k.body, k.contentType, failure = r.encode(); failure != nil {
		return Answer{}, failure
	}
	got, err := c.send(ctx, k)
	if err != nil {
		return Answer{}, err
	}
	return readGenerated(got)
}

func (r GenerateRequest) encode() (body []byte, contentType string, failure *Error) {
	fields := map[string]any{"prompt": r.Prompt, "model": r.Model}
	for name, text := range map[string]string{"negative_prompt": r.NegativePrompt, "aspect_ratio": r.AspectRatio, "output_format": r.OutputFormat} {
		if text != "" {
			fields[name] = text
		}
	}
	for name, n := range map[string]int{"width": r.Width, "height": r.Height} {
		if n != 0 {
			fields[name] = n
		}
	}
	if len(r.Image) > 0 {
		kind := http.DetectContentType(r.Image)
		ending, isPicture := strings.CutPrefix(kind, "image/")
		switch {
		case !isPicture:
			return nil, "", unsent(EndpointGenerate, Invalid, "the input is not a picture")
		case len(r.Image) > largestDataURI:
			form := newForm()
			for name, value := range fields {
				if n, isNumber := value.(int); isNumber {
					value = strconv.Itoa(n)
				}
				form.field(name, value.(string))
			}
			form.file("image", "image."+ending, kind, r.Image)
			body, contentType = form.end()
			return body, contentType, nil
		}
		fields["image"] = "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(r.Image)
	}
	return jsonBody(fields), "application/json", nil
}

// readGenerated finds the picture. "data" is whatever the model's maker
// answered, so the documented image_url is only the first of several places.
func readGenerated(got reply) (Answer, error) {
	var top struct {
		ImageURL json.RawMessage `json:"image_url"`
		Data     json.RawMessage `json:"data"`
	}
	_ = json.Unmarshal(got.body, &top) // send has seen that it is an object; other types leave the fields empty
	var data struct {
		ImageURL json.RawMessage `json:"image_url"`
		Output   json.RawMessage `json:"output"`
		Images   json.RawMessage `json:"images"`
		Data     json.RawMessage `json:"data"`
		Result   json.RawMessage `json:"result"`
		Status   json.RawMessage `json:"status"`
		Seed     json.RawMessage `json:"seed"`
		NSFW     json.RawMessage `json:"has_nsfw_concepts"`
	}
	_ = json.Unmarshal(top.Data, &data)
	var inner struct {
		ImageURLs json.RawMessage `json:"image_urls"`
	}
	_ = json.Unmarshal(data.Data, &inner)
	var result struct {
		Sample json.RawMessage `json:"sample"`
	}
	_ = json.Unmarshal(data.Result, &result)

	failure := &Error{Operation: EndpointGenerate, Status: got.status, RequestID: got.requestID}
	flags := nsfwFlags(data.NSFW)
	images, allFlagged := withoutFlagged(picturesIn(data.Images), flags)
	if allFlagged {
		failure.Situation, failure.Reason = Moderated, "every picture is flagged"
		return Answer{}, failure
	}
	answer := Answer{Seed: seedIn(data.Seed), RequestID: got.requestID}
	for _, place := range [][]Picture{
		picturesIn(top.ImageURL),
		picturesIn(data.ImageURL),
		picturesIn(data.Output),
		images,
		picturesIn(data.Data),
		picturesIn(inner.ImageURLs),
		picturesIn(result.Sample),
	} {
		if answer.Picture = firstUsable(place); answer.usable() {
			return answer, nil
		}
	}
	said, _ := readFault(top.Data)
	switch status := normal(wordIn(data.Status)); {
	case said.failed && said.ofSafety(), strings.HasSuffix(status, " moderated"):
		failure.Situation = Moderated
	case said.failed, status == "failed", status == "error":
		failure.Situation, failure.Reason = Failed, "the provider reports a failure"
	default:
		failure.Situation, failure.Reason = Ambiguous, "no picture in the answer"
	}
	return Answer{}, failure
}
