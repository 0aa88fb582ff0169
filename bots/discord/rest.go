package discord

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bwmarrin/discordgo"
)

// rest makes the calls whose timing matters: the acknowledgement of an interaction, its messages, the messages of a
// channel. They go past discordgo, whose edits all share one queue, whose waits ignore the context and which repeats
// a failed POST. Interaction endpoints take no Authorization and are outside the bot's global limit
// (https://discord.com/developers/docs/interactions/receiving-and-responding#endpoints).
//
// A call is repeated here only if it provably did not run: no connection came about, or Discord answered 429. Anything
// else is the caller's to repeat: an edit and a deletion at any time, a new channel message under its nonce, an
// acknowledgement and a follow-up never. No error carries a token or a URL with one.
type rest struct {
	api     string
	token   string
	maxWait time.Duration
	quick   *http.Client // calls of a few bytes, the acknowledgement above all
	bulk    *http.Client // uploads: on a connection of their own, so that no acknowledgement waits behind a picture
	paused  atomic.Int64 // until when the bot's global limit is used up, in unix ns
}

// restSettings say where Discord is and who is calling.
type restSettings struct {
	// API is scheme://host[:port] in place of https://discord.com.
	API string
	// Token is the bot token, without "Bot ".
	Token string
	// MaxWait bounds how long one call waits for rate limits altogether before it returns the 429; 0 is 5 s.
	MaxWait time.Duration
}

const (
	apiPath   = "/api/v" + "9" // the version discordgo speaks
	userAgent = "DiscordBot (imaginebot, 1.0)"

	// original names the first answer to an interaction among its messages.
	original = "@original"

	callWithin     = 2 * time.Minute // of any call, whatever the caller's context
	bodyLimit      = 1 << 20         // of an answer
	dialAttempts   = 3
	waitBeforeDial = 100 * time.Millisecond // doubled for each further attempt
)

// newREST checks the settings; it calls nobody.
func newREST(settings restSettings) (*rest, error) {
	if _, err := parseAPI(settings.API); err != nil {
		return nil, err
	}
	if settings.MaxWait == 0 {
		settings.MaxWait = 5 * time.Second
	}
	return &rest{
		api: strings.TrimSuffix(settings.API, "/"), token: settings.Token, maxWait: settings.MaxWait,
		quick: newHTTPClient(), bulk: newHTTPClient(),
	}, nil
}

// parseAPI takes scheme://host[:port] apart.
func parseAPI(api string) (*url.URL, error) {
	u, err := url.Parse(api)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, errors.New("discord: the API base is not scheme://host[:port]")
	}
	return u, nil
}

func newHTTPClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: 30 * time.Second, // begins when the upload is through
			ForceAttemptHTTP2:     true,
			// A connection that died unnoticed would hold up every acknowledgement.
			HTTP2:               &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 3 * time.Second},
			MaxIdleConns:        128,
			MaxIdleConnsPerHost: 64, // a handshake costs a tenth of the three seconds
			IdleConnTimeout:     5 * time.Minute,
		},
		// A redirect would carry a token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// close lets go of idle connections.
func (r *rest) close() {
	r.quick.CloseIdleConnections()
	r.bulk.CloseIdleConnections()
}

// callback answers an interaction for the first time, which must happen within 3 s of its arrival; the call gives up
// after that. What to say is a *post for types 4 and 7, a *post with nothing but Flags for 5, nil for 6, and for 8 and
// 9 whatever marshals to the object Discord describes.
// https://discord.com/developers/docs/interactions/receiving-and-responding#create-interaction-response
func (r *rest) callback(ctx context.Context, interactionID, token string, kind discordgo.InteractionResponseType, say any) error {
	ctx, cancel := context.WithTimeout(ctx, discordgo.InteractionDeadline)
	defer cancel()
	body := struct {
		Type discordgo.InteractionResponseType `json:"type"`
		Data any                               `json:"data,omitempty"`
	}{kind, say}
	var files []upload
	if p, ok := say.(*post); ok {
		files = p.Files
		if kind == discordgo.InteractionResponseDeferredChannelMessageWithSource {
			body.Data = struct {
				Flags discordgo.MessageFlags `json:"flags,omitempty"`
			}{p.Flags}
		}
	}
	return r.do(ctx, restCall{
		action: "acknowledge", method: http.MethodPost, path: join("interactions", interactionID, token, "callback"), body: body, files: files,
	}, nil)
}

// edit makes a message of an interaction look as p says, once the interaction is acknowledged; message is original
// or the id of a follow-up.
// https://discord.com/developers/docs/interactions/receiving-and-responding#edit-original-interaction-response
func (r *rest) edit(ctx context.Context, applicationID, token, message string, p *post) (posted, error) {
	var out posted
	err := r.do(ctx, restCall{
		action: "edit answer", method: http.MethodPatch, path: join("webhooks", applicationID, token, "messages", message), body: p, files: p.Files,
	}, &out)
	return out, err
}

// followUp adds a message to an interaction. The first one after a deferral becomes the answer itself.
// https://discord.com/developers/docs/interactions/receiving-and-responding#create-followup-message
func (r *rest) followUp(ctx context.Context, applicationID, token string, p *post) (posted, error) {
	var out posted
	err := r.do(ctx, restCall{
		action: "follow up", method: http.MethodPost, path: join("webhooks", applicationID, token), body: p, files: p.Files,
	}, &out)
	return out, err
}

// remove deletes a message of an interaction; message is as for edit.
// https://discord.com/developers/docs/interactions/receiving-and-responding#delete-original-interaction-response
func (r *rest) remove(ctx context.Context, applicationID, token, message string) error {
	return r.do(ctx, restCall{
		action: "delete answer", method: http.MethodDelete, path: join("webhooks", applicationID, token, "messages", message),
	}, nil)
}

// send posts a message in a channel. With a Nonce of at most 25 characters a repetition within a few minutes returns
// the message of the first time.
// https://discord.com/developers/docs/resources/message#create-message
func (r *rest) send(ctx context.Context, channelID string, p *post) (posted, error) {
	var out posted
	err := r.do(ctx, restCall{
		action: "send message", method: http.MethodPost, path: join("channels", channelID, "messages"), body: p, files: p.Files, bot: true,
	}, &out)
	return out, err
}

// removeFrom deletes a message of a channel.
// https://discord.com/developers/docs/resources/message#delete-message
func (r *rest) removeFrom(ctx context.Context, channelID, messageID string) error {
	return r.do(ctx, restCall{
		action: "delete message", method: http.MethodDelete, path: join("channels", channelID, "messages", messageID), bot: true,
	}, nil)
}

// openDM returns the channel of direct messages with a user. That it exists does not mean that the user takes any.
// https://discord.com/developers/docs/resources/user#create-dm
func (r *rest) openDM(ctx context.Context, userID string) (channelID string, err error) {
	var out struct {
		ID string `json:"id"`
	}
	err = r.do(ctx, restCall{
		action: "open direct messages", method: http.MethodPost, path: join("users", "@me", "channels"), bot: true,
		body: map[string]string{"recipient_id": userID},
	}, &out)
	return out.ID, err
}

func join(parts ...string) string {
	path := apiPath
	for _, part := range parts {
		path += "/" + url.PathEscape(part)
	}
	return path
}

// post is a message as it shall look: an edit replaces everything, so that repeating it does no harm.
type post struct {
	Content    string
	Embeds     []*discordgo.MessageEmbed
	Components []discordgo.MessageComponent
	Files      []upload
	// Keep are the ids of attachments that an edit leaves in the message; the others go.
	Keep []string
	// Mention is the one user whom the message may ping; empty is nobody, whatever its text says.
	Mention string
	Flags   discordgo.MessageFlags
	// ReplyTo is the id of the message to reply to, of channel messages only; it need not exist any more.
	ReplyTo string
	// Nonce makes a channel message repeatable.
	Nonce string
}

// upload is a file on its way out. Open is called again for each attempt and must yield exactly Size bytes.
type upload struct {
	Name        string
	ContentType string
	// Alt describes a picture to those who do not see it; at most 1024 characters.
	Alt  string
	Size int64
	Open func() (io.ReadCloser, error)
}

// posted is what Discord tells of a message. Attachments leaves out the files that an embed shows.
type posted struct {
	ID          string `json:"id"`
	ChannelID   string `json:"channel_id"`
	Attachments []struct {
		ID       string `json:"id"`
		Filename string `json:"filename"`
		Size     int64  `json:"size"`
		URL      string `json:"url"`
	} `json:"attachments"`
}

// MarshalJSON writes the message object (https://discord.com/developers/docs/resources/message#create-message).
func (p *post) MarshalJSON() ([]byte, error) {
	type attachment struct {
		ID          string `json:"id"`
		Filename    string `json:"filename,omitempty"`
		Description string `json:"description,omitempty"`
	}
	type mentions struct {
		Parse       []string `json:"parse"`
		Users       []string `json:"users,omitempty"`
		RepliedUser bool     `json:"replied_user"`
	}
	type reference struct {
		MessageID       string `json:"message_id"`
		FailIfNotExists bool   `json:"fail_if_not_exists"`
	}
	out := struct {
		Content      string                       `json:"content"`
		Embeds       []*discordgo.MessageEmbed    `json:"embeds"`
		Components   []discordgo.MessageComponent `json:"components"`
		Attachments  []attachment                 `json:"attachments"`
		Allowed      mentions                     `json:"allowed_mentions"`
		Flags        discordgo.MessageFlags       `json:"flags,omitempty"`
		Nonce        string                       `json:"nonce,omitempty"`
		EnforceNonce bool                         `json:"enforce_nonce,omitempty"`
		Reference    *reference                   `json:"message_reference,omitempty"`
	}{
		Content: p.Content, Embeds: p.Embeds, Components: p.Components, Attachments: []attachment{},
		Allowed: mentions{Parse: []string{}}, Flags: p.Flags, Nonce: p.Nonce, EnforceNonce: p.Nonce != "",
	}
	if out.Embeds == nil {
		out.Embeds = []*discordgo.MessageEmbed{}
	}
	if out.Components == nil {
		out.Components = []discordgo.MessageComponent{}
	}
	for _, id := range p.Keep {
		out.Attachments = append(out.Attachments, attachment{ID: id})
	}
	for n, f := range p.Files {
		out.Attachments = append(out.Attachments, attachment{strconv.Itoa(n), f.Name, f.Alt})
	}
	if p.Mention != "" {
		out.Allowed.Users = []string{p.Mention}
	}
	if p.ReplyTo != "" {
		out.Reference = &reference{MessageID: p.ReplyTo}
	}
	return json.Marshal(out)
}

// restCall is one call.
type restCall struct {
	action string // what the call does, for errors
	method string
	path   string
	body   any
	files  []upload
	bot    bool // shows the bot token, and so falls under the global limit
}

// do makes a call, repeats it as far as that is safe, and decodes the answer into out unless that is nil.
func (r *rest) do(ctx context.Context, q restCall, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	sent, err := newBody(q.body, q.files)
	if err != nil {
		return fmt.Errorf("discord: %s: %w", q.action, err)
	}
	waited, redial := time.Duration(0), waitBeforeDial
	for dials := 1; ; {
		if q.bot {
			if err := r.pass(ctx, q.action, &waited); err != nil {
				return err
			}
		}
		reached, err := r.attempt(ctx, q, sent, out)
		var refused *restError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &refused) && refused.Status == http.StatusTooManyRequests:
			if refused.global && q.bot {
				r.paused.Store(time.Now().Add(refused.RetryAfter).UnixNano())
			}
			if !r.wait(ctx, refused.RetryAfter, &waited) {
				return err
			}
		case !reached && dials < dialAttempts && sleep(ctx, redial):
			dials, redial = dials+1, 2*redial
		default:
			return err
		}
	}
}

// pass waits until the bot's global limit allows calls again.
func (r *rest) pass(ctx context.Context, action string, waited *time.Duration) error {
	left := time.Until(time.Unix(0, r.paused.Load()))
	if left > 0 && !r.wait(ctx, left, waited) {
		return &restError{Action: action, Status: http.StatusTooManyRequests, RetryAfter: left}
	}
	return nil
}

// wait sleeps if that keeps the call within its bound and its context.
func (r *rest) wait(ctx context.Context, d time.Duration, waited *time.Duration) bool {
	if deadline, ok := ctx.Deadline(); *waited+d > r.maxWait || ok && time.Until(deadline) < d {
		return false
	}
	*waited += max(d, time.Millisecond) // so that an endless "retry after 0" ends too
	return sleep(ctx, d)
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// attempt makes the call once. Not reached means that not a byte of it left: there was no connection to send it on.
// (That an idle connection was closed before anything was written on it, net/http notices and mends itself.)
func (r *rest) attempt(ctx context.Context, q restCall, sent *restBody, out any) (reached bool, err error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { reached = true }})
	req, err := http.NewRequestWithContext(ctx, q.method, r.api+q.path, nil)
	if err != nil {
		return false, fmt.Errorf("discord: %s: %w", q.action, withoutURL(err))
	}
	req.Header.Set("User-Agent", userAgent)
	if q.bot {
		req.Header.Set("Authorization", "Bot "+r.token)
	}
	client := r.quick
	if sent != nil {
		req.Header.Set("Content-Type", sent.contentType)
		req.Body, req.GetBody, req.ContentLength = sent.open(), func() (io.ReadCloser, error) { return sent.open(), nil }, sent.size
		if len(q.files) > 0 {
			client = r.bulk
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		return reached, fmt.Errorf("discord: %s: %w", q.action, withoutURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return true, newRESTError(q.action, resp.StatusCode, resp.Header, raw)
	case err != nil:
		return true, fmt.Errorf("discord: %s: %w", q.action, withoutURL(err))
	case out == nil:
		return true, nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return true, fmt.Errorf("discord: %s: status %d with a body that is not what it should be: %w", q.action, resp.StatusCode, err)
	}
	return true, nil
}

// withoutURL takes the URL, and with it the interaction token, out of an error of net/http.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// restBody is what a call sends: JSON, or JSON with files. It holds no file's bytes.
type restBody struct {
	contentType string
	size        int64
	parts       []bodyPart
}

// bodyPart is a piece of text, or a file.
type bodyPart struct {
	text []byte
	file *upload
}

// newBody returns nil for no body at all.
func newBody(v any, files []upload) (*restBody, error) {
	if v == nil {
		return nil, nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return &restBody{"application/json", int64(len(raw)), []bodyPart{{text: raw}}}, nil
	}
	boundary := rand.Text()
	b := &restBody{contentType: "multipart/form-data; boundary=" + boundary}
	var text bytes.Buffer
	part := func(disposition, contentType string) {
		fmt.Fprintf(&text, "--%s\r\nContent-Disposition: %s\r\nContent-Type: %s\r\n\r\n", boundary, disposition, contentType)
	}
	part(`form-data; name="payload_json"`, "application/json")
	text.Write(raw)
	for n, f := range files {
		text.WriteString("\r\n")
		part(multipart.FileContentDisposition(fmt.Sprintf("files[%d]", n), f.Name), cmp.Or(f.ContentType, "application/octet-stream"))
		b.parts = append(b.parts, bodyPart{text: bytes.Clone(text.Bytes())}, bodyPart{file: &files[n]})
		text.Reset()
	}
	fmt.Fprintf(&text, "\r\n--%s--\r\n", boundary)
	b.parts = append(b.parts, bodyPart{text: text.Bytes()})
	for _, p := range b.parts {
		b.size += int64(len(p.text))
		if p.file != nil {
			b.size += p.file.Size
		}
	}
	return b, nil
}

// open reads the body from its beginning.
func (b *restBody) open() io.ReadCloser { return &bodyReader{parts: b.parts} }

// bodyReader reads the parts one after the other and opens a file when its turn comes. net/http may close it while
// it is being read.
type bodyReader struct {
	mu     sync.Mutex
	parts  []bodyPart
	text   []byte
	file   io.ReadCloser // nil while text is read
	unread int64         // of the file
	closed bool
}

func (r *bodyReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.text) == 0 && r.file == nil {
		if r.closed {
			return 0, http.ErrBodyReadAfterClose
		}
		if len(r.parts) == 0 {
			return 0, io.EOF
		}
		if err := r.turn(); err != nil {
			return 0, err
		}
	}
	if r.file == nil {
		n := copy(p, r.text)
		r.text = r.text[n:]
		return n, nil
	}
	n, err := r.file.Read(p)
	r.unread -= int64(n)
	switch {
	case r.unread < 0: // of a shorter one net/http complains
		return 0, errors.New("a file is longer than its size")
	case errors.Is(err, io.EOF):
		err = r.file.Close()
		r.file = nil
	}
	return n, err
}

// turn takes up the next part.
func (r *bodyReader) turn() error {
	next := r.parts[0]
	r.parts = r.parts[1:]
	if next.file == nil {
		r.text = next.text
		return nil
	}
	file, err := next.file.Open()
	if err != nil {
		return fmt.Errorf("open %s: %w", next.file.Name, err)
	}
	r.file, r.unread = file, next.file.Size
	return nil
}

func (r *bodyReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.file == nil {
		return nil
	}
	file := r.file
	r.file, r.text = nil, nil
	return file.Close()
}

// restError is a refusal by Discord.
type restError struct {
	// Action is what was tried.
	Action string
	// Status is the HTTP status.
	Status int
	// Code is Discord's own (https://discord.com/developers/docs/topics/opcodes-and-status-codes#json-json-error-codes), 0 if there is none.
	Code int
	// RetryAfter is how long to wait after a 429, 0 otherwise.
	RetryAfter time.Duration

	global bool
}

func (e *restError) Error() string {
	text := fmt.Sprintf("discord: %s: status %d", e.Action, e.Status)
	if e.Code != 0 {
		text += fmt.Sprintf(", code %d", e.Code)
	}
	return text
}

// newRESTError reads a refusal. Its message stays out: it may quote what was sent.
func newRESTError(action string, status int, header http.Header, raw []byte) *restError {
	e := &restError{Action: action, Status: status}
	var body struct {
		Code       int      `json:"code"`
		RetryAfter *float64 `json:"retry_after"`
		Global     bool     `json:"global"`
	}
	if json.Unmarshal(raw, &body) == nil {
		e.Code = body.Code
	}
	if status != http.StatusTooManyRequests {
		return e
	}
	e.global = body.Global
	seconds := 1.0 // of a 429 that does not say; the one by Cloudflare is a page
	if told, err := strconv.ParseFloat(header.Get("Retry-After"), 64); err == nil {
		seconds = told
	}
	if body.RetryAfter != nil {
		seconds = *body.RetryAfter
	}
	const longest = 24 * 60 * 60
	if math.IsNaN(seconds) {
		seconds = 1
	}
	e.RetryAfter = time.Duration(min(max(seconds, 0), longest) * float64(time.Second))
	return e
}

func hasCode(err error, codes ...int) bool {
	var e *restError
	return errors.As(err, &e) && slices.Contains(codes, e.Code)
}

// messageGone says that the message to edit was deleted.
func messageGone(err error) bool { return hasCode(err, 10008) }

// channelGone says that the channel, or the bot's place in it, was deleted.
func channelGone(err error) bool { return hasCode(err, 10003) }

// tokenDead says that an interaction's token is unknown or, after 15 min, expired: only the channel is left.
func tokenDead(err error) bool { return hasCode(err, 10015, 50027) }

// tooLate says that the 3 s for the acknowledgement were over.
func tooLate(err error) bool { return hasCode(err, 10062) }

// alreadyAcknowledged says that the interaction was answered before, perhaps by another process on the same token.
func alreadyAcknowledged(err error) bool { return hasCode(err, 40060) }

// notPermitted says that the bot may not see the channel or not do this in it.
func notPermitted(err error) bool { return hasCode(err, 50001, 50013) }

// dmsClosed says that the user takes no direct messages from the bot.
func dmsClosed(err error) bool { return hasCode(err, 50007) }

// tooLarge says that a file, or all of them, exceed what may be uploaded.
func tooLarge(err error) bool {
	var e *restError
	return hasCode(err, 40005) || errors.As(err, &e) && e.Status == http.StatusRequestEntityTooLarge
}

// retryAfter is how long to wait if the error is a rate limit.
func retryAfter(err error) (time.Duration, bool) {
	var e *restError
	if errors.As(err, &e) && e.Status == http.StatusTooManyRequests {
		return e.RetryAfter, true
	}
	return 0, false
}
