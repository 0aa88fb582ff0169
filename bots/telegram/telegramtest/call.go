package telegramtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"time"
)

// Telegram's limits on what is uploaded. https://core.telegram.org/bots/api#sending-files
const (
	maxPhoto    = 10 << 20
	maxDocument = 50 << 20
	maxDownload = 20 << 20
	maxForm     = 1 << 20 // everything in a request that is not a file
)

// call is one request to a method, whatever encoding it came in.
// https://core.telegram.org/bots/api#making-requests
type call struct {
	method string
	params map[string]any
	files  map[string]*upload
	used   map[string]bool // uploads that a parameter refers to
}

// upload is one file part of a multipart request.
type upload struct {
	name  string
	bytes []byte
}

// refusal is an answer with ok=false.
type refusal struct {
	Code        int
	Description string
	RetryAfter  int
	MigrateTo   int64
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s", r.Code, r.Description) }

func bad(format string, args ...any) *refusal {
	return &refusal{Code: http.StatusBadRequest, Description: "Bad Request: " + fmt.Sprintf(format, args...)}
}

func forbidden(why string) *refusal {
	return &refusal{Code: http.StatusForbidden, Description: "Forbidden: " + why}
}

func conflict(why string) *refusal {
	return &refusal{Code: http.StatusConflict, Description: "Conflict: " + why}
}

// serveMethod reads the call, lets scripted trouble have its way, does it and writes the answer and the log.
func (s *Server) serveMethod(w http.ResponseWriter, r *http.Request, method string) {
	started := time.Now()
	entry := Request{Method: method, At: started}
	c, err := readCall(r, method)
	if err == nil {
		entry.fill(c)
		err = s.check(c)
	}
	trouble := Trouble{}
	if err == nil {
		trouble = s.nextTrouble(method, entry.Chat)
	}
	s.pause(r.Context(), trouble.wait)
	var result any
	switch {
	case err != nil || trouble.drop == dropBefore:
	case trouble.refusal != nil:
		err = trouble.refusal
	default:
		result, err = methods[method](r.Context(), s, c)
		if err == nil { // a refused call has looked at nothing
			s.checkUploads(c)
		}
	}

	entry.Took = time.Since(started)
	entry.Code = http.StatusOK
	var refused *refusal
	switch {
	case trouble.drop != dropNothing:
		entry.Code = 0
	case errors.As(err, &refused):
		entry.Code, entry.Description = refused.Code, refused.Description
	case err != nil:
		entry.Code, entry.Description = 0, err.Error()
	}
	raw, encodeErr := json.Marshal(map[string]any{"ok": true, "result": result})
	if encodeErr != nil {
		s.violate("%s: the fake cannot encode its answer: %v", method, encodeErr)
	}
	if err == nil && trouble.drop != dropBefore && method != "getUpdates" { // updates were checked one by one
		s.checkResult(method, result)
	}
	s.mu.Lock()
	s.requests = capped(s.requests, keepRequests, entry)
	s.change()
	s.mu.Unlock()

	switch {
	case trouble.drop != dropNothing:
		s.hangUp(w)
	case refused != nil && trouble.page:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(refused.Code)
		_, _ = fmt.Fprintf(w, "<html><head><title>%d %s</title></head></html>\n", refused.Code, http.StatusText(refused.Code))
	case refused != nil:
		writeRefusal(w, refused)
	case err != nil:
		s.hangUp(w) // the caller left while its long poll was open
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(raw)
	}
}

// check finds what is wrong with a call before it is done.
func (s *Server) check(c *call) error {
	if s.settings.Checker != nil {
		fields := make([]string, 0, len(c.files))
		for field := range c.files {
			fields = append(fields, field)
		}
		if err := s.settings.Checker.Request(c.method, c.params, fields); err != nil {
			s.violate("%s: %v", c.method, err)
		}
	}
	if methods[c.method] == nil {
		s.violate("%s is not a method this fake knows", c.method)
		return &refusal{Code: http.StatusNotFound, Description: "Not Found: method not found"}
	}
	return nil
}

// checkUploads finds file parts that were sent for nothing.
func (s *Server) checkUploads(c *call) {
	for field := range c.files {
		if !c.used[field] {
			s.violate("%s uploads %q, which nothing refers to", c.method, field)
		}
	}
}

func (s *Server) checkResult(method string, result any) {
	if s.settings.Checker == nil {
		return
	}
	raw, err := json.Marshal(result)
	if err == nil {
		err = s.settings.Checker.Result(method, raw)
	}
	if err != nil {
		s.violate("the fake's own answer to %s: %v", method, err)
	}
}

// hangUp closes the connection without an answer.
func (s *Server) hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.violate("the fake cannot hang up: %v", err)
		return
	}
	_ = conn.Close()
}

// pause waits for d or for the end of the caller or of the server.
func (s *Server) pause(ctx context.Context, d time.Duration) {
	if d == 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-s.alive.Done():
	}
}

// writeRefusal answers as in https://core.telegram.org/bots/api#making-requests.
func writeRefusal(w http.ResponseWriter, r *refusal) {
	body := map[string]any{"ok": false, "error_code": r.Code, "description": r.Description}
	parameters := map[string]any{}
	if r.RetryAfter > 0 {
		parameters["retry_after"] = r.RetryAfter
		w.Header().Set("Retry-After", strconv.Itoa(r.RetryAfter))
	}
	if r.MigrateTo != 0 {
		parameters["migrate_to_chat_id"] = r.MigrateTo
	}
	if len(parameters) > 0 {
		body["parameters"] = parameters
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.Code)
	_ = json.NewEncoder(w).Encode(body)
}

// readCall takes the parameters from the query, a form, a multipart form or a JSON body.
func readCall(r *http.Request, method string) (*call, error) {
	c := &call{method: method, params: map[string]any{}, files: map[string]*upload{}, used: map[string]bool{}}
	for name, values := range r.URL.Query() {
		c.params[name] = values[0]
	}
	kind, options, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return nil, bad("malformed Content-Type")
	}
	switch kind {
	case "application/json":
		return c, c.readJSON(http.MaxBytesReader(nil, r.Body, maxForm))
	case "multipart/form-data":
		return c, c.readParts(multipart.NewReader(r.Body, options["boundary"]))
	default:
		r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			return nil, bad("malformed form")
		}
		for name, values := range r.PostForm {
			c.params[name] = values[0]
		}
		return c, nil
	}
}

func (c *call) readJSON(body io.Reader) error {
	decoder := json.NewDecoder(body)
	decoder.UseNumber()
	var params map[string]any
	if err := decoder.Decode(&params); err != nil {
		return bad("can't parse JSON object")
	}
	for name, value := range params {
		if value != nil {
			c.params[name] = value
		}
	}
	return nil
}

func (c *call) readParts(parts *multipart.Reader) error {
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return bad("malformed multipart body")
		}
		limit := int64(maxForm)
		if part.FileName() != "" {
			limit = maxDocument
		}
		content, err := io.ReadAll(io.LimitReader(part, limit+1))
		switch {
		case err != nil:
			return bad("malformed multipart body")
		case int64(len(content)) > limit:
			_, _ = io.Copy(io.Discard, part) // Telegram's front reads it all before it says no
			for {
				if _, err := parts.NextPart(); err != nil {
					break
				}
			}
			return &refusal{Code: http.StatusRequestEntityTooLarge, Description: "Request Entity Too Large"}
		case part.FileName() != "":
			c.files[part.FormName()] = &upload{name: part.FileName(), bytes: content}
		default:
			c.params[part.FormName()] = string(content)
		}
	}
}

// text is a parameter as a string, empty when absent.
func (c *call) text(name string) string {
	switch value := c.params[name].(type) {
	case nil:
		return ""
	case string:
		return value
	case json.Number:
		return value.String()
	default:
		raw, err := json.Marshal(value)
		if err != nil {
			return ""
		}
		return string(raw)
	}
}

// number is an integer parameter, zero when absent.
func (c *call) number(name string) (int64, error) {
	text := c.text(name)
	if text == "" || text == "null" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, bad("parameter %q must be an integer", name)
	}
	return n, nil
}

// flag is a boolean parameter, false when absent; Telegram takes these spellings.
func (c *call) flag(name string) bool {
	switch c.text(name) {
	case "true", "True", "1", "yes":
		return true
	default:
		return false
	}
}

// object decodes a parameter that is an object or array, or the JSON of one in a string. Absent and null leave v alone.
func (c *call) object(name string, v any) error {
	text := c.text(name)
	if text == "" || text == "null" {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	if err := decoder.Decode(v); err != nil {
		return bad("can't parse %s JSON object", name)
	}
	return nil
}
