package ai302

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// KontextRequest is one edit of a picture. Beside the first two only fields that
// are set are sent.
type KontextRequest struct {
	Prompt string // what to change
	Image  []byte // the picture to change, at most MaxPicture bytes and 20 megapixels

	Seed             *int64
	OutputFormat     string // png or jpeg
	PromptUpsampling bool
	SafetyTolerance  *int   // 0, the strictest, to 6; the provider's default is 2
	AspectRatio      string // 9:21 to 21:9; empty keeps the picture's own
}

// SubmitKontext hands in an edit and returns the id to await. model is
// flux-kontext-pro or flux-kontext-max. The call is paid.
//
// https://doc.302.ai/ and, for the fields, https://docs.bfl.ai/
func (c *Client) SubmitKontext(ctx context.Context, model string, r KontextRequest) (id string, err error) {
	k := call{endpoint: EndpointKontext, model: model, path: "/flux/v1/" + model, contentType: "application/json", paid: true, timeout: c.settings.SubmitTimeout, limit: maxJSON}
	switch {
	case !strings.HasPrefix(model, "flux-kontext-") || plainWord(model) == "":
		return "", unsent(k.endpoint, NoModel, "not a Kontext model")
	case strings.TrimSpace(r.Prompt) == "" || len(r.Image) == 0:
		return "", unsent(k.endpoint, Invalid, "an instruction and a picture are required")
	case len(r.Image) > MaxPicture:
		return "", unsent(k.endpoint, TooLarge, "the picture is larger than 20 MiB")
	}
	k.body = jsonBody(r.fields())
	got, err := c.send(ctx, k)
	if err != nil {
		return "", err
	}
	if id = readTicket(got.body); id == "" {
		return "", &Error{Operation: k.endpoint, Situation: Ambiguous, Status: got.status, RequestID: got.requestID, Reason: "no id in the answer"}
	}
	return id, nil
}

func (r KontextRequest) fields() map[string]any {
	fields := map[string]any{
		"prompt": r.Prompt,
		// Raw base64: unlike the unified interface, this one takes no data URI.
		"input_image": base64.StdEncoding.EncodeToString(r.Image),
	}
	if r.Seed != nil {
		fields["seed"] = *r.Seed
	}
	if r.OutputFormat != "" {
		fields["output_format"] = r.OutputFormat
	}
	if r.PromptUpsampling {
		fields["prompt_upsampling"] = true
	}
	if r.SafetyTolerance != nil {
		fields["safety_tolerance"] = *r.SafetyTolerance
	}
	if r.AspectRatio != "" {
		fields["aspect_ratio"] = r.AspectRatio
	}
	return fields
}

// readTicket reads the id, if need be out of polling_url, which is good for
// nothing else: it may point at a host that must not learn the key.
func readTicket(body []byte) string {
	var top struct {
		ID         json.RawMessage `json:"id"`
		PollingURL json.RawMessage `json:"polling_url"`
	}
	_ = json.Unmarshal(body, &top) // send has seen that it is an object
	id := wordIn(top.ID)
	if id == "" {
		if u, err := url.Parse(wordIn(top.PollingURL)); err == nil {
			id = u.Query().Get("id")
		}
	}
	if !isID(id) {
		return ""
	}
	return id
}

// notYetKnown is how long after its submission an edit may be unknown to the
// host that is asked.
const notYetKnown = 10 * time.Second

// KontextResult asks once how an edit stands; ready is false while it goes on.
// An edit that ended without a picture is an error: Failed, Moderated, or
// NotFound. The call is free.
//
// https://doc.302.ai/ and, for the states, https://docs.bfl.ai/
func (c *Client) KontextResult(ctx context.Context, id string) (answer Answer, ready bool, err error) {
	k, failure := c.resultCall(id)
	if failure != nil {
		return Answer{}, false, failure
	}
	got, err := c.send(ctx, k)
	if err != nil {
		return Answer{}, false, err
	}
	answer, ready, failure = readResult(got)
	if failure != nil {
		return Answer{}, false, failure
	}
	return answer, ready, nil
}

// AwaitKontext asks until the edit has ended or ctx has; submitted is when the
// id was given. Whatever waiting mends is waited for; give ctx a deadline. When
// ctx ends, the error is Stopped and the edit goes on at 302.AI: the same id may
// be awaited again. The picture's URL dies after ten minutes.
func (c *Client) AwaitKontext(ctx context.Context, id string, submitted time.Time) (Answer, error) {
	k, failure := c.resultCall(id)
	if failure != nil {
		return Answer{}, failure
	}
	var answer Answer
	err := c.await(ctx, k.endpoint, c.settings.PollKontext, func() (ready bool, err error) {
		got, failure := c.once(ctx, k)
		if failure == nil {
			answer, ready, failure = readResult(got)
		}
		switch {
		case failure == nil:
			return ready, nil
		case failure.Situation == NotFound && time.Since(submitted) < notYetKnown:
			return false, nil
		}
		return false, failure
	})
	return answer, err
}

func (c *Client) resultCall(id string) (call, *Error) {
	k := call{endpoint: EndpointKontextResult, path: "/flux/v1/get_result", query: url.Values{"id": {id}}, timeout: c.settings.FetchTimeout, limit: maxJSON}
	if !isID(id) {
		return k, &Error{Operation: k.endpoint, Situation: Invalid, Reason: "not an id"}
	}
	return k, nil
}

// readResult reads a state. Words that are not known mean that the edit goes on:
// relays have brought new ones before.
func readResult(got reply) (answer Answer, ready bool, failure *Error) {
	var top struct {
		Status json.RawMessage `json:"status"`
		Result json.RawMessage `json:"result"`
	}
	_ = json.Unmarshal(got.body, &top) // send has seen that it is an object
	failure = &Error{Operation: EndpointKontextResult, Status: got.status, RequestID: got.requestID}
	switch status := normal(wordIn(top.Status)); {
	case status == "ready":
		var result struct {
			Sample json.RawMessage `json:"sample"`
			Seed   json.RawMessage `json:"seed"`
		}
		_ = json.Unmarshal(top.Result, &result)
		answer = Answer{Picture: firstUsable(picturesIn(result.Sample)), Seed: seedIn(result.Seed), RequestID: got.requestID}
		if answer.usable() {
			return answer, true, nil
		}
		failure.Situation, failure.Reason = Failed, "finished without a picture"
	case strings.HasSuffix(status, " moderated"):
		failure.Situation = Moderated
	case status == "error", status == "failed":
		failure.Situation, failure.Reason = Failed, "the provider reports a failure"
	case status == "task not found":
		failure.Situation = NotFound
	default:
		return Answer{}, false, nil
	}
	return Answer{}, false, failure
}
