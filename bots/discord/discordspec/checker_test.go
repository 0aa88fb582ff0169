package discordspec_test

import (
	"os"
	"strings"
	"testing"

	"imaginebot/bots/discord/discordspec"
)

func load(t testing.TB) *discordspec.Checker {
	t.Helper()
	folder := os.Getenv("TEST_SPECS_DIR")
	if folder == "" {
		t.Skip("TEST_SPECS_DIR is not set: nothing to compare with")
	}
	checker, err := discordspec.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	return checker
}

func TestRequest(t *testing.T) {
	checker := load(t)
	const callback = "/api/v9/interactions/1/token/callback"
	for name, test := range map[string]struct {
		method, path, body string
		wrong              string
	}{
		"deferral":             {"POST", callback, `{"type":5,"data":{"flags":64}}`, ""},
		"with query":           {"POST", callback + "?with_response=true", `{"type":6}`, ""},
		"no version":           {"POST", "/api/interactions/1/token/callback", `{"type":6}`, ""},
		"unknown type":         {"POST", callback, `{"type":77}`, "/type"},
		"long answer":          {"POST", callback, `{"type":4,"data":{"content":"` + strings.Repeat("x", 2001) + `"}}`, "/data/content"},
		"content as number":    {"PATCH", "/api/v9/webhooks/1/token/messages/@original", `{"content":5}`, "content"},
		"long content":         {"PATCH", "/api/v10/webhooks/1/token/messages/@original", `{"content":"` + strings.Repeat("x", 2001) + `"}`, "content"},
		"unknown mention kind": {"POST", "/api/v9/channels/1/messages", `{"content":"x","allowed_mentions":{"parse":["cats"]}}`, "parse"},
		"button":               {"POST", "/api/v9/channels/1/messages", `{"components":[{"type":1,"components":[{"type":2,"style":1,"label":"x","custom_id":"y"}]}]}`, ""},
		"button style":         {"POST", "/api/v9/channels/1/messages", `{"components":[{"type":1,"components":[{"type":2,"style":"x","label":"x","custom_id":"y"}]}]}`, "style"},
		"commands":             {"PUT", "/api/v9/applications/1/commands", `[{"name":"imagine","description":"d","type":1,"options":[{"type":3,"name":"prompt","description":"d","required":true}]}]`, ""},
		"option type":          {"PUT", "/api/v9/applications/1/commands", `[{"name":"imagine","description":"d","type":1,"options":[{"type":99,"name":"prompt","description":"d"}]}]`, "options"},
		"no such path":         {"POST", "/api/v9/interactions/1/callback", `{}`, "not described"},
		"missing body":         {"POST", callback, "", "no body"},
		"unwanted body":        {"GET", "/api/v9/users/@me", `{}`, "none is described"},
		"not JSON":             {"POST", callback, `{"type":`, "not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			contentType := "application/json"
			if test.body == "" {
				contentType = ""
			}
			check(t, checker.Request(test.method, test.path, contentType, []byte(test.body)), test.wrong)
		})
	}
}

func TestResponse(t *testing.T) {
	checker := load(t)
	for name, test := range map[string]struct {
		method, path string
		status       int
		body         string
		wrong        string
	}{
		"gateway":           {"GET", "/api/v9/gateway", 200, `{"url":"wss://gateway.discord.gg"}`, ""},
		"gateway without":   {"GET", "/api/v9/gateway", 200, `{}`, "url"},
		"error":             {"GET", "/api/v9/gateway", 404, `{"message":"x","code":10003,"errors":{"a":{"_errors":[{"code":"X","message":"y"}]}}}`, ""},
		"error without":     {"GET", "/api/v9/gateway", 404, `{"message":"x"}`, "code"},
		"rate limit":        {"GET", "/api/v9/gateway", 429, `{"message":"x","code":0,"retry_after":0.5,"global":false}`, ""},
		"no body":           {"POST", "/api/v9/interactions/1/token/callback", 204, "", ""},
		"undescribed":       {"GET", "/api/v9/gateway", 302, `{}`, "not described"},
		"unknown and 404":   {"GET", "/api/v9/nothing", 404, `{"message":"404: Not Found","code":0}`, ""},
		"unknown and fine":  {"GET", "/api/v9/nothing", 200, `{}`, "not described"},
		"surplus body":      {"POST", "/api/v9/channels/1/messages/2/crosspost", 204, `{}`, "described"},
		"half of a message": {"GET", "/api/v9/channels/1/messages/2", 200, `{"id":"2"}`, "is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, checker.Response(test.method, test.path, test.status, "application/json", []byte(test.body)), test.wrong)
		})
	}
}

func TestEvent(t *testing.T) {
	checker := load(t)
	const user = `{"id":"1","username":"ada","avatar":null,"discriminator":"0","public_flags":0,"flags":0,"global_name":null,"primary_guild":null}`
	interaction := func(who, data string) string {
		return `{"id":"1","application_id":"1","type":2,"token":"t","version":1,"channel_id":"1","locale":"en-US","app_permissions":"0",` +
			`"context":0,"authorizing_integration_owners":{},"attachment_size_limit":1,"data":` + data + `,` + who + `}`
	}
	for name, test := range map[string]struct{ kind, d, wrong string }{
		"in a guild":      {"INTERACTION_CREATE", interaction(`"member":{"user":`+user+`}`, `{}`), ""},
		"direct":          {"INTERACTION_CREATE", interaction(`"user":`+user, `{}`), ""},
		"of nobody":       {"INTERACTION_CREATE", interaction(`"x":1`, `{}`), "either user or member"},
		"half a user":     {"INTERACTION_CREATE", interaction(`"user":{"id":"1"}`, `{}`), "username"},
		"half attachment": {"INTERACTION_CREATE", interaction(`"user":`+user, `{"resolved":{"attachments":{"5":{"id":"5"}}}}`), "filename"},
		"no token":        {"INTERACTION_CREATE", `{"id":"1","application_id":"1","type":2,"data":{}}`, "no token"},
		"ready":           {"READY", `{"user":` + user + `}`, ""},
		"message":         {"MESSAGE_CREATE", `{"id":"1"}`, "is missing"},
		"not described":   {"GUILD_CREATE", `{}`, ""},
	} {
		t.Run(name, func(t *testing.T) { check(t, checker.Event(test.kind, []byte(test.d)), test.wrong) })
	}
}

func check(t *testing.T, err error, wrong string) {
	t.Helper()
	switch {
	case wrong == "" && err != nil:
		t.Errorf("refused: %v", err)
	case wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)):
		t.Errorf("got %v, want an error that names %q", err, wrong)
	}
}
