package discordspec

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Checker compares requests, responses and events with the description. It may be used by several goroutines.
type Checker struct {
	document *openapi3.T
	paths    []path
}

// path is one path of the description, cut at the slashes.
type path struct {
	parts     []string
	fixed     int // parts that are not parameters
	described *openapi3.PathItem
}

// Load reads discord.openapi.json from the folder.
func Load(folder string) (*Checker, error) {
	raw, err := os.ReadFile(filepath.Join(folder, "discord.openapi.json"))
	if err != nil {
		return nil, fmt.Errorf("discordspec: %w", err)
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, fmt.Errorf("discordspec: discord.openapi.json: %w", err)
	}
	enumerate(tree)
	if raw, err = json.Marshal(tree); err != nil {
		return nil, fmt.Errorf("discordspec: discord.openapi.json: %w", err)
	}
	document, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		return nil, fmt.Errorf("discordspec: %w", err)
	}
	c := &Checker{document: document}
	for pattern, described := range document.Paths.Map() {
		p := path{parts: strings.Split(pattern, "/"), described: described}
		for _, part := range p.parts {
			if !strings.HasPrefix(part, "{") {
				p.fixed++
			}
		}
		c.paths = append(c.paths, p)
	}
	return c, nil
}

// enumerate writes each const as an enum of one: the validator of kin-openapi passes over const.
func enumerate(v any) {
	switch v := v.(type) {
	case map[string]any:
		if only, ok := v["const"]; ok {
			delete(v, "const")
			v["enum"] = []any{only}
		}
		for _, inner := range v {
			enumerate(inner)
		}
	case []any:
		for _, inner := range v {
			enumerate(inner)
		}
	}
}

var versionPrefix = regexp.MustCompile(`^/api(/v\d+)?`)

// operation finds what a call does; of several paths that fit, the one with the fewest parameters.
func (c *Checker) operation(method, called string) (*openapi3.Operation, error) {
	called, _, _ = strings.Cut(called, "?")
	parts := strings.Split(versionPrefix.ReplaceAllString(called, ""), "/")
	var best *path
	for i, p := range c.paths {
		if p.described.GetOperation(method) != nil && p.fits(parts) && (best == nil || p.fixed > best.fixed) {
			best = &c.paths[i]
		}
	}
	if best == nil {
		return nil, fmt.Errorf("%s %s is not described", method, called)
	}
	return best.described.GetOperation(method), nil
}

func (p path) fits(parts []string) bool {
	if len(parts) != len(p.parts) {
		return false
	}
	for i, want := range p.parts {
		if want != parts[i] && (!strings.HasPrefix(want, "{") || parts[i] == "") {
			return false
		}
	}
	return true
}

// Request compares the JSON body of a request; contentType is empty for none.
func (c *Checker) Request(method, called, contentType string, body []byte) error {
	operation, err := c.operation(method, called)
	if err != nil {
		return err
	}
	switch {
	case operation.RequestBody == nil && len(body) > 0:
		return fmt.Errorf("a body, where none is described")
	case operation.RequestBody == nil:
		return nil
	case len(body) == 0 && contentType == "":
		if operation.RequestBody.Value.Required {
			return errors.New("no body")
		}
		return nil
	}
	media := operation.RequestBody.Value.Content.Get("application/json")
	if media == nil {
		return errors.New("no JSON body is described")
	}
	return visit(media.Schema, body, openapi3.VisitAsRequest())
}

// Response compares the JSON body of a response.
func (c *Checker) Response(method, called string, status int, _ string, body []byte) error {
	operation, err := c.operation(method, called)
	if err != nil {
		if status == 404 {
			return nil // rightly unknown
		}
		return err
	}
	response := operation.Responses.Value(strconv.Itoa(status))
	if response == nil && status >= 400 && status < 500 {
		response = operation.Responses.Value("4XX")
		body = withoutErrors(body)
	}
	if response == nil {
		return fmt.Errorf("status %d is not described", status)
	}
	media := response.Value.Content.Get("application/json")
	switch {
	case media == nil && len(body) > 0:
		return fmt.Errorf("status %d has a body, where none is described", status)
	case media == nil:
		return nil
	}
	return visit(media.Schema, body, openapi3.VisitAsResponse())
}

// withoutErrors drops the details of a refused form: their codes are words in reality and numbers in the description.
func withoutErrors(body []byte) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return body
	}
	delete(fields, "errors")
	rest, err := json.Marshal(fields)
	if err != nil {
		return body
	}
	return rest
}

// Event compares the described objects inside a gateway event.
func (c *Checker) Event(kind string, d []byte) error {
	switch kind {
	case "MESSAGE_CREATE", "MESSAGE_UPDATE":
		return c.object("MessageResponse", d)
	case "READY":
		var ready struct{ User json.RawMessage }
		if err := json.Unmarshal(d, &ready); err != nil {
			return err
		}
		return c.object("UserResponse", ready.User)
	case "INTERACTION_CREATE":
		return c.interaction(d)
	}
	return nil
}

// interaction compares the objects of an interaction and requires the fields that every one has
// (https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-object).
func (c *Checker) interaction(d []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(d, &fields); err != nil {
		return err
	}
	for _, name := range []string{"id", "application_id", "type", "data", "token", "version", "channel_id", "locale", "app_permissions", "context", "authorizing_integration_owners", "attachment_size_limit"} {
		if fields[name] == nil {
			return fmt.Errorf("no %s", name)
		}
	}
	if (fields["user"] == nil) == (fields["member"] == nil) {
		return errors.New("either user or member is there")
	}
	var i struct {
		User    json.RawMessage
		Member  struct{ User json.RawMessage }
		Message json.RawMessage
		Data    struct {
			Resolved struct {
				Attachments, Users, Messages map[string]json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(d, &i); err != nil {
		return err
	}
	found := map[string][]json.RawMessage{"UserResponse": {i.User, i.Member.User}, "MessageResponse": {i.Message}}
	add := func(schema string, objects map[string]json.RawMessage) {
		for _, o := range objects {
			found[schema] = append(found[schema], o)
		}
	}
	add("MessageAttachmentResponse", i.Data.Resolved.Attachments)
	add("UserResponse", i.Data.Resolved.Users)
	add("MessageResponse", i.Data.Resolved.Messages)
	for schema, objects := range found {
		for _, o := range objects {
			if o == nil {
				continue
			}
			if err := c.object(schema, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Checker) object(schema string, raw []byte) error {
	described := c.document.Components.Schemas[schema]
	if described == nil {
		return fmt.Errorf("%s is not described", schema)
	}
	if err := visit(described, raw, openapi3.VisitAsResponse()); err != nil {
		return fmt.Errorf("%s: %w", schema, err)
	}
	return nil
}

// visit compares one JSON value with its schema.
func visit(schema *openapi3.SchemaRef, raw []byte, as openapi3.SchemaValidationOption) error {
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	err := schema.Value.VisitJSON(value, as)
	if err == nil {
		return nil
	}
	if len(schema.Value.AnyOf) == 0 {
		return errors.New(brief(err))
	}
	var reasons []string // of an alternative the library says only that none fits
	for _, alternative := range schema.Value.AnyOf {
		if err := alternative.Value.VisitJSON(value, as); err != nil {
			reasons = append(reasons, brief(err))
		}
	}
	return errors.New("no alternative fits: " + strings.Join(reasons, "; "))
}

// brief is an error without the schemas and values that the library adds to it: they fill pages.
func brief(err error) string {
	const most = 300
	var many openapi3.MultiError
	var one *openapi3.SchemaError
	text := err.Error()
	switch {
	case errors.As(err, &many) && len(many) > 0:
		var reasons []string
		for _, e := range many {
			reasons = append(reasons, brief(e))
		}
		text = strings.Join(reasons, "; ")
	case errors.As(err, &one) && one.Origin != nil:
		text = brief(one.Origin)
	case errors.As(err, &one):
		text = "/" + strings.Join(one.JSONPointer(), "/") + ": " + one.Reason
	}
	return text[:min(len(text), most)]
}
