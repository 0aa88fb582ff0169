package discordtest

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request is one REST call or attachment download as the server saw it.
type Request struct {
	At     time.Time
	Method string
	// Path is as called, without "/api/v9".
	Path string
	// Status of the answer; 0 when the connection was dropped instead.
	Status int
	// JSON is the body, or the payload_json part of a multipart body; cut at 64 KiB.
	JSON []byte
	// Files are the names of the uploaded files.
	Files []string
	// Authorized says whether an Authorization header came along.
	Authorized bool
	// Trouble names the scripted trouble the call had, "" for none.
	Trouble string
}

// route is one method of one path; "*" in the pattern stands for one part, given to do in call.args.
type route struct {
	method  string
	pattern string
	token   bool // needs the bot token
	do      func(*call) (any, *refused)
}

// table lists the API. A nil answer is 204.
func (s *Server) table() []route {
	return []route{
		{"GET", "/gateway", false, s.getGateway},
		{"GET", "/gateway/bot", true, s.getGatewayBot},
		{"GET", "/users/@me", true, s.getMe},
		{"POST", "/users/@me/channels", true, s.postDM},
		{"GET", "/applications/@me", true, s.getApplication},
		{"GET", "/oauth2/applications/@me", true, s.getApplication},
		{"GET", "/applications/*/commands", true, s.getCommands},
		{"PUT", "/applications/*/commands", true, s.putCommands},
		{"GET", "/applications/*/guilds/*/commands", true, s.getCommands},
		{"PUT", "/applications/*/guilds/*/commands", true, s.putCommands},
		{"POST", "/interactions/*/*/callback", false, s.postCallback},
		{"POST", "/webhooks/*/*", false, s.postFollowup},
		{"GET", "/webhooks/*/*/messages/*", false, s.getWebhookMessage},
		{"PATCH", "/webhooks/*/*/messages/*", false, s.patchWebhookMessage},
		{"DELETE", "/webhooks/*/*/messages/*", false, s.deleteWebhookMessage},
		{"GET", "/channels/*", true, s.getChannel},
		{"POST", "/channels/*/typing", true, s.postTyping},
		{"GET", "/channels/*/messages", true, s.getMessages},
		{"POST", "/channels/*/messages", true, s.postMessage},
		{"GET", "/channels/*/messages/*", true, s.getMessage},
		{"PATCH", "/channels/*/messages/*", true, s.patchMessage},
		{"DELETE", "/channels/*/messages/*", true, s.deleteMessage},
	}
}

// match returns the parts the pattern leaves open.
func (r route) match(path string) ([]string, bool) {
	want, got := strings.Split(r.pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	var args []string
	for i := range want {
		switch {
		case want[i] == "*" && got[i] != "":
			args = append(args, got[i])
		case want[i] != got[i]:
			return nil, false
		}
	}
	return args, true
}

// serve is the one entrance: REST, gateway and CDN share an address.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.serving.Add(1)
	s.mu.Unlock()
	defer s.serving.Done()

	switch {
	case strings.HasPrefix(r.URL.Path, "/api/"):
		s.serveAPI(w, r)
	case r.URL.Path == gatewayPath || r.URL.Path == resumePath:
		if !s.troubled(w, r) {
			s.serveGateway(w, r)
		}
	case strings.HasPrefix(r.URL.Path, "/attachments/"):
		if !s.troubled(w, r) {
			s.serveAttachment(w, r)
		}
	default:
		http.NotFound(w, r)
	}
}

var versioned = regexp.MustCompile(`^/api(?:/v(9|10))?(/.*)$`)

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	parts := versioned.FindStringSubmatch(r.URL.Path)
	if parts == nil {
		http.NotFound(w, r)
		return
	}
	c := s.read(r, parts[2])
	if c.gone {
		s.log(c, 0, "")
		drop(w)
		return
	}
	c.version, _ = strconv.Atoi(parts[1]) // "" is 0: whatever is the default
	trouble, spoilt := s.troubleFor(r.Method, c.path)
	if spoilt {
		s.excuse(c.path)
	}
	if spoilt && s.spoil(w, r, c, trouble) {
		return
	}
	status, body := s.answer(c)
	if trouble.dropAfter {
		s.log(c, 0, trouble.name)
		drop(w)
		return
	}
	s.log(c, status, trouble.name)
	rateHeaders(w.Header())
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a bot that went away is its own trouble
}

// answer does the call and returns what to write.
func (s *Server) answer(c *call) (int, []byte) {
	answer, wrong := s.act(c)
	status := http.StatusOK
	switch {
	case wrong != nil:
		status, answer = wrong.status, wrong.json()
	case answer == nil:
		status = http.StatusNoContent
	}
	var body []byte
	var err error
	if answer != nil {
		body, err = json.Marshal(answer)
	}
	if err == nil && s.settings.Check != nil {
		err = s.settings.Check.Response(c.r.Method, c.r.URL.RequestURI(), status, "application/json", body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if wrong != nil && wrong.wrong {
		s.violate("%s %s: %v", c.r.Method, c.path, wrong)
	}
	if err != nil {
		s.violate("discordtest itself: answer to %s %s: %v", c.r.Method, c.path, err)
	}
	return status, body
}

// act finds the route, checks the caller and does the call.
func (s *Server) act(c *call) (any, *refused) {
	found := slices.IndexFunc(s.routes, func(r route) (ok bool) {
		if r.method == c.r.Method {
			c.args, ok = r.match(c.path)
		}
		return ok
	})
	if found < 0 {
		r := mistake(0, "no such route")
		r.status, r.message = http.StatusNotFound, "404: Not Found"
		return nil, r
	}
	if s.routes[found].token && c.r.Header.Get("Authorization") != "Bot "+s.settings.Token {
		r := mistake(0, "missing or wrong Authorization")
		r.status, r.message = http.StatusUnauthorized, "401: Unauthorized"
		return nil, r
	}
	if c.wrong != nil {
		return nil, c.wrong
	}
	if filesAlone := c.payload == nil && c.files != nil; s.settings.Check != nil && !filesAlone {
		contentType := ""
		if c.payload != nil {
			contentType = "application/json"
		}
		if err := s.settings.Check.Request(c.r.Method, c.r.URL.RequestURI(), contentType, c.payload); err != nil {
			return nil, mistake(50035, "%v", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.touch()
	return s.routes[found].do(c)
}

// troubled is the scripted trouble of calls that are not REST; true means that the call is over.
func (s *Server) troubled(w http.ResponseWriter, r *http.Request) bool {
	trouble, ok := s.troubleFor(r.Method, r.URL.Path)
	trouble.dropBefore = trouble.dropBefore || trouble.dropAfter // nothing is done here first
	return ok && s.spoil(w, r, &call{r: r, path: r.URL.Path}, trouble)
}

// spoil plays the part of a trouble that comes before the call; true means that the call is over.
func (s *Server) spoil(w http.ResponseWriter, r *http.Request, c *call, trouble Trouble) bool {
	if trouble.slow > 0 {
		select {
		case <-time.After(trouble.slow):
		case <-r.Context().Done(): // the caller gave up
			trouble.dropBefore = true
		case <-s.done:
			trouble.dropBefore = true
		}
	}
	switch {
	case trouble.dropBefore:
		s.log(c, 0, trouble.name)
		drop(w)
		return true
	case trouble.status != 0:
		s.log(c, trouble.status, trouble.name)
		trouble.write(w)
		return true
	}
	return false
}

func (s *Server) log(c *call, status int, trouble string) {
	const keptBody = 64 << 10
	s.mu.Lock()
	defer s.mu.Unlock()
	entry := Request{
		At: time.Now(), Method: c.r.Method, Path: c.path, Status: status, Trouble: trouble,
		JSON: c.payload[:min(len(c.payload), keptBody)], Authorized: c.r.Header.Get("Authorization") != "",
	}
	for _, f := range c.files {
		entry.Files = append(entry.Files, f.name)
	}
	if len(s.requests) == keptRequests {
		s.requests = slices.Delete(s.requests, 0, keptRequests/4)
	}
	s.requests = append(s.requests, entry)
	s.touch()
}

// rateHeaders are the headers of an endpoint that is far from its limit.
func rateHeaders(h http.Header) {
	h.Set("X-RateLimit-Limit", "50")
	h.Set("X-RateLimit-Remaining", "49")
	h.Set("X-RateLimit-Reset", strconv.FormatFloat(float64(time.Now().Add(time.Second).UnixMilli())/1000, 'f', 3, 64))
	h.Set("X-RateLimit-Reset-After", "1.000")
	h.Set("X-RateLimit-Bucket", "5c1b9e8a7d6f4032")
}

// drop closes the connection under the response.
func drop(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil { // HTTP/1 without TLS can always be hijacked
		_ = conn.Close()
	}
}

// getMe: https://discord.com/developers/docs/resources/user#get-current-user
func (s *Server) getMe(*call) (any, *refused) {
	me := s.bot.json()
	me["mfa_enabled"], me["locale"], me["verified"] = true, "en-US", true
	return me, nil
}

// getApplication: https://discord.com/developers/docs/resources/application#get-current-application
func (s *Server) getApplication(*call) (any, *refused) {
	const gatewayMessageContent = 1 << 18
	flags := 0
	if s.settings.Privileged&intentMessageContent != 0 {
		flags = gatewayMessageContent
	}
	return map[string]any{
		"id": s.app, "name": "imaginebot", "icon": nil, "description": "", "type": nil, "bot": s.bot.json(), "bot_public": true,
		"bot_require_code_grant": false, "verify_key": strings.Repeat("0", 64), "flags": flags, "flags_new": strconv.Itoa(flags),
		"redirect_uris": []string{}, "interactions_endpoint_url": nil, "role_connections_verification_url": nil,
		"owner": (&User{ID: "1", Name: "owner"}).json(), "approximate_guild_count": len(s.guilds), "approximate_user_install_count": 0,
		"approximate_user_authorization_count": 0, "explicit_content_filter": 0, "team": nil, "eligible_oauth2_scopes": []string{},
	}, nil
}
