package ai302

import (
	"context"
	"encoding/json"
)

// largestUpload is the 50 MB of the documentation, read in the careful way.
const largestUpload = 50_000_000

// UploadFile puts a picture where 302.AI's models can fetch it and returns its
// URL. It costs 0.001 PTC; since a second upload harms nobody it is repeated
// like a free call.
//
// https://doc.302.ai/
func (c *Client) UploadFile(ctx context.Context, name, contentType string, body []byte) (string, error) {
	k := call{endpoint: EndpointUpload, path: "/302/upload-file", timeout: c.settings.UploadTimeout, limit: maxJSON}
	switch {
	case len(body) == 0 || name == "":
		return "", &Error{Operation: k.endpoint, Situation: Invalid, Reason: "a name and content are required"}
	case len(body) > largestUpload:
		return "", &Error{Operation: k.endpoint, Situation: TooLarge, Reason: "the file is larger than 50 MB"}
	}
	form := newForm()
	form.file("file", name, contentType, body)
	k.body, k.contentType = form.end()
	got, err := c.send(ctx, k)
	if err != nil {
		return "", err
	}
	var top struct {
		Data json.RawMessage `json:"data"`
	}
	_ = json.Unmarshal(got.body, &top) // send has seen that it is an object
	if p := firstUsable(picturesIn(top.Data)); p.URL != "" {
		return p.URL, nil
	}
	return "", &Error{Operation: k.endpoint, Situation: Failed, Status: got.status, RequestID: got.requestID, Reason: "no URL in the answer"}
}
