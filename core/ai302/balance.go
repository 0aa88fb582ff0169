package ai302

import (
	"context"
	"encoding/json"
	"regexp"
)

var decimal = regexp.MustCompile(`^-?[0-9]{1,18}(\.[0-9]{1,18})?$`)

// Balance asks what is left on the account, in PTC as a decimal number such as
// 12.34. A key without the permission to ask gets a KeyFault, which says nothing
// about its other uses. The call is free.
//
// https://doc.302.ai/
func (c *Client) Balance(ctx context.Context) (string, error) {
	k := call{endpoint: EndpointBalance, path: "/dashboard/balance", timeout: c.settings.FetchTimeout, limit: maxJSON}
	got, err := c.send(ctx, k)
	if err != nil {
		return "", err
	}
	var top struct {
		Data struct {
			Balance json.RawMessage `json:"balance"` // a string; one source shows a number
		} `json:"data"`
	}
	_ = json.Unmarshal(got.body, &top) // send has seen that it is an object
	text := wordIn(top.Data.Balance)
	if !decimal.MatchString(text) {
		return "", &Error{Operation: k.endpoint, Situation: Failed, Status: got.status, RequestID: got.requestID, Reason: "no balance in the answer"}
	}
	return text, nil
}
