package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"
)

// How long a call may take when its context allows more; an upload of 50 MB over a slow line needs minutes.
const (
	callLimit   = 30 * time.Second
	uploadLimit = 5 * time.Minute
	answerLimit = 16 << 20 // bytes of an answer; a hundred long updates are about 1 MB
)

// restSettings name the bot and where Telegram is.
type restSettings struct {
	Token     string
	APIBase   string            // calls go to {APIBase}/bot{token}/{method}
	FileBase  string            // downloads come from {FileBase}/bot{token}/{file_path}
	Transport http.RoundTripper // nil: http.DefaultTransport
}

// rest calls the Bot API. The library under it builds requests and reads answers; contexts, errors without the token,
// streams and everything of the Bot API since 5.5 are added here. Errors are *apiError, except those of the caller's own
// files.
type rest struct {
	token  string
	files  string
	bot    tgbotapi.BotAPI // copied for each call; the copy's client is bound to the call's context
	client *http.Client
}

var (
	tokenShape     = regexp.MustCompile(`^[0-9]+:[A-Za-z0-9_-]+$`)
	silenceLibrary = sync.OnceValue(func() error { return tgbotapi.SetLogger(log.New(io.Discard, "", 0)) })
)

// newREST checks the settings. It calls nobody, whereas the library's own constructors call getMe.
func newREST(settings restSettings) (*rest, error) {
	if !tokenShape.MatchString(settings.Token) {
		return nil, errors.New("telegram: the token is not of the form 123456:letters")
	}
	for _, address := range []string{settings.APIBase, settings.FileBase} {
		parsed, err := url.Parse(address)
		if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.RawQuery != "" || parsed.Fragment != "" {
			return nil, errors.New("telegram: an address of the Bot API is not an http or https URL")
		}
	}
	if err := silenceLibrary(); err != nil { // it would log URLs, and they hold the token
		return nil, fmt.Errorf("telegram: %w", err)
	}
	r := &rest{
		token: settings.Token,
		files: strings.TrimRight(settings.FileBase, "/") + "/bot" + settings.Token + "/",
		bot:   tgbotapi.BotAPI{Token: settings.Token},
		// A redirect would carry the URL with the token along as Referer.
		client: &http.Client{
			Transport:     settings.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	r.bot.SetAPIEndpoint(strings.ReplaceAll(strings.TrimRight(settings.APIBase, "/"), "%", "%%") + "/bot%s/%s")
	return r, nil
}

// markup is text in Telegram's HTML: https://core.telegram.org/bots/api#html-style. Foreign text becomes one only
// through escape.
type markup string

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// escape makes foreign text stand for itself in markup.
func escape(foreign string) markup { return markup(escaper.Replace(foreign)) }

// place is where a message goes.
type place struct {
	Chat    int64
	Topic   int  // of a forum, 0 for none
	ReplyTo int  // 0 for none; if that message is gone the new one goes without
	Silent  bool // arrives without a sound
}

// keyboard is the rows of buttons under a message; nil means none, also in edits.
type keyboard [][]button

// button carries Data back to the bot (at most 64 bytes) or opens URL.
// https://core.telegram.org/bots/api#inlinekeyboardbutton
type button struct {
	Text string `json:"text"`
	Data string `json:"callback_data,omitempty"`
	URL  string `json:"url,omitempty"`
}

// upload is a file to send: one that Telegram knows by FileID, or else one with a name and a way to open its content,
// once for every attempt.
type upload struct {
	FileID string
	Name   string
	Open   func(ctx context.Context) (io.ReadCloser, error)
}

// captioned is one member of an album.
type captioned struct {
	upload
	Caption markup
}

// queryAnswer is what the presser of a button sees: at most 200 plain characters, in a window if Alert; URL may be a
// t.me link to the bot itself with a start parameter.
type queryAnswer struct {
	Text  string
	Alert bool
	URL   string
}

// GetMe is https://core.telegram.org/bots/api#getme.
func (r *rest) GetMe(ctx context.Context) (User, error) {
	return fetch[User](ctx, r, "getMe", nil, nil)
}

// GetUpdates is https://core.telegram.org/bots/api#getupdates; timeout is in whole seconds.
func (r *rest) GetUpdates(ctx context.Context, offset int64, timeout time.Duration, allowed []string) ([]json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout+callLimit)
	defer cancel()
	params := tgbotapi.Params{"limit": "100", "timeout": strconv.Itoa(int(timeout / time.Second))}
	if offset != 0 {
		params["offset"] = strconv.FormatInt(offset, 10)
	}
	if len(allowed) > 0 {
		setJSON(params, "allowed_updates", allowed)
	}
	var list []json.RawMessage
	err := r.exchange(ctx, "getUpdates", params, nil, &list)
	return list, err
}

// SetWebhook is https://core.telegram.org/bots/api#setwebhook.
func (r *rest) SetWebhook(ctx context.Context, address, secret string, allowed []string) error {
	params := tgbotapi.Params{"url": address, "secret_token": secret}
	if len(allowed) > 0 {
		setJSON(params, "allowed_updates", allowed)
	}
	return r.call(ctx, "setWebhook", params, nil, nil)
}

// DeleteWebhook is https://core.telegram.org/bots/api#deletewebhook; pending updates stay.
func (r *rest) DeleteWebhook(ctx context.Context) error {
	return r.call(ctx, "deleteWebhook", nil, nil, nil)
}

// SetMyCommands is https://core.telegram.org/bots/api#setmycommands for a scope without parameters, such as
// all_private_chats; language is a two-letter code or empty for all others.
func (r *rest) SetMyCommands(ctx context.Context, commands []BotCommand, scope, language string) error {
	params := tgbotapi.Params{}
	setJSON(params, "commands", commands)
	setJSON(params, "scope", map[string]string{"type": scope})
	if language != "" {
		params["language_code"] = language
	}
	return r.call(ctx, "setMyCommands", params, nil, nil)
}

// SendMessage is https://core.telegram.org/bots/api#sendmessage, without previews of links.
func (r *rest) SendMessage(ctx context.Context, to place, text markup, keys keyboard) (Message, error) {
	params := to.params(keys)
	setText(params, text)
	return fetch[Message](ctx, r, "sendMessage", params, nil)
}

// SendPhoto is https://core.telegram.org/bots/api#sendphoto.
func (r *rest) SendPhoto(ctx context.Context, to place, photo upload, caption markup, keys keyboard) (Message, error) {
	params := to.params(keys)
	setCaption(params, caption)
	return fetch[Message](ctx, r, "sendPhoto", params, []part{{"photo", photo}})
}

// SendDocument is https://core.telegram.org/bots/api#senddocument; what is sent stays a plain file of exactly these
// bytes, even if Telegram could play it.
func (r *rest) SendDocument(ctx context.Context, to place, document upload, caption markup, keys keyboard) (Message, error) {
	params := to.params(keys)
	setCaption(params, caption)
	params["disable_content_type_detection"] = "true"
	return fetch[Message](ctx, r, "sendDocument", params, []part{{"document", document}})
}

// SendMediaGroup is https://core.telegram.org/bots/api#sendmediagroup: 2 to 10 files, all of kind photo or all of kind
// document. An album has no buttons.
func (r *rest) SendMediaGroup(ctx context.Context, to place, kind string, album []captioned) ([]Message, error) {
	type inputMedia struct { // https://core.telegram.org/bots/api#inputmedia
		Type      string `json:"type"`
		Media     string `json:"media"`
		Caption   markup `json:"caption,omitempty"`
		ParseMode string `json:"parse_mode,omitempty"`
	}
	var media []inputMedia
	var parts []part
	for i, member := range album {
		m := inputMedia{Type: kind, Media: member.FileID, Caption: member.Caption}
		if m.Caption != "" {
			m.ParseMode = tgbotapi.ModeHTML
		}
		if m.Media == "" {
			name := "file" + strconv.Itoa(i)
			m.Media = "attach://" + name
			parts = append(parts, part{name, member.upload})
		}
		media = append(media, m)
	}
	params := to.params(nil)
	setJSON(params, "media", media)
	return fetch[[]Message](ctx, r, "sendMediaGroup", params, parts)
}

// EditMessageText is https://core.telegram.org/bots/api#editmessagetext.
func (r *rest) EditMessageText(ctx context.Context, chat int64, message int, text markup, keys keyboard) error {
	params := editParams(chat, message, keys)
	setText(params, text)
	return r.call(ctx, "editMessageText", params, nil, nil)
}

// DeleteMessage is https://core.telegram.org/bots/api#deletemessage.
func (r *rest) DeleteMessage(ctx context.Context, chat int64, message int) error {
	return r.call(ctx, "deleteMessage", editParams(chat, message, nil), nil, nil)
}

// AnswerCallbackQuery is https://core.telegram.org/bots/api#answercallbackquery.
func (r *rest) AnswerCallbackQuery(ctx context.Context, id string, answer queryAnswer) error {
	params := tgbotapi.Params{"callback_query_id": id}
	params.AddNonEmpty("text", answer.Text)
	params.AddNonEmpty("url", answer.URL)
	params.AddBool("show_alert", answer.Alert)
	return r.call(ctx, "answerCallbackQuery", params, nil, nil)
}

// SendChatAction is https://core.telegram.org/bots/api#sendchataction; it shows for five seconds.
func (r *rest) SendChatAction(ctx context.Context, chat int64, topic int, action string) error {
	params := place{Chat: chat, Topic: topic}.params(nil)
	params["action"] = action
	return r.call(ctx, "sendChatAction", params, nil, nil)
}

// GetFile is https://core.telegram.org/bots/api#getfile; files over 20 MB are refused as too big.
func (r *rest) GetFile(ctx context.Context, fileID string) (File, error) {
	return fetch[File](ctx, r, "getFile", tgbotapi.Params{"file_id": fileID}, nil)
}

// GetChatMember is https://core.telegram.org/bots/api#getchatmember.
func (r *rest) GetChatMember(ctx context.Context, chat, user int64) (ChatMember, error) {
	params := place{Chat: chat}.params(nil)
	params["user_id"] = strconv.FormatInt(user, 10)
	return fetch[ChatMember](ctx, r, "getChatMember", params, nil)
}

// Open streams a file that GetFile found, for as long as ctx lives. Reading more than limit bytes fails as too big.
// https://core.telegram.org/bots/api#file
func (r *rest) Open(ctx context.Context, path string, limit int64) (io.ReadCloser, error) {
	const method = "download"
	if !fs.ValidPath(path) || path == "." { // a server in --local mode names paths on its own disk
		return nil, &apiError{Method: method, Description: "the file's path is not one below the file address", Code: http.StatusBadRequest}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.files+(&url.URL{Path: path}).EscapedPath(), nil)
	if err != nil {
		return nil, &apiError{Method: method, cause: r.redact(err)}
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, &apiError{Method: method, cause: r.redact(err)}
	}
	failed := &apiError{Method: method, Code: response.StatusCode}
	switch {
	case response.StatusCode == http.StatusNotFound: // not the token's fault here: links live an hour
		failed.Code, failed.Description = http.StatusBadRequest, "wrong file_id or the link is too old"
	case response.StatusCode == http.StatusOK && response.ContentLength > limit:
		failed.Code = http.StatusRequestEntityTooLarge
	case response.StatusCode == http.StatusOK:
		return &download{rest: r, body: response.Body, left: limit}, nil
	}
	_ = response.Body.Close()
	return nil, failed
}

// download is the body of a file, which ends in an error rather than beyond its limit.
type download struct {
	rest *rest
	body io.ReadCloser
	left int64
}

// Read is io.Reader's.
func (d *download) Read(p []byte) (int, error) {
	if int64(len(p)) > d.left+1 {
		p = p[:d.left+1]
	}
	n, err := d.body.Read(p)
	if int64(n) > d.left {
		return int(d.left), &apiError{Method: "download", Code: http.StatusRequestEntityTooLarge}
	}
	d.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &apiError{Method: "download", cause: d.rest.redact(err)}
	}
	return n, err
}

// Close is io.Closer's.
func (d *download) Close() error { return d.body.Close() }

func (to place) params(keys keyboard) tgbotapi.Params {
	params := tgbotapi.Params{"chat_id": strconv.FormatInt(to.Chat, 10)}
	params.AddNonZero("message_thread_id", to.Topic)
	params.AddBool("disable_notification", to.Silent)
	if to.ReplyTo != 0 {
		setJSON(params, "reply_parameters", map[string]any{"message_id": to.ReplyTo, "allow_sending_without_reply": true})
	}
	setKeyboard(params, keys)
	return params
}

func editParams(chat int64, message int, keys keyboard) tgbotapi.Params {
	params := tgbotapi.Params{"chat_id": strconv.FormatInt(chat, 10), "message_id": strconv.Itoa(message)}
	setKeyboard(params, keys)
	return params
}

func setKeyboard(params tgbotapi.Params, keys keyboard) {
	if len(keys) > 0 {
		setJSON(params, "reply_markup", map[string]any{"inline_keyboard": keys})
	}
}

func setText(params tgbotapi.Params, text markup) {
	params["text"], params["parse_mode"] = string(text), tgbotapi.ModeHTML
	setJSON(params, "link_preview_options", map[string]any{"is_disabled": true})
}

func setCaption(params tgbotapi.Params, caption markup) {
	if caption != "" {
		params["caption"], params["parse_mode"] = string(caption), tgbotapi.ModeHTML
	}
}

// setJSON adds a value that cannot fail to encode: strings, numbers, slices and structs of them.
func setJSON(params tgbotapi.Params, name string, value any) {
	raw, err := json.Marshal(value)
	if err == nil {
		params[name] = string(raw)
	}
}

// part is a file under the name of its parameter.
type part struct {
	name string
	file upload
}

// fetch is call with a result.
func fetch[T any](ctx context.Context, r *rest, method string, params tgbotapi.Params, parts []part) (T, error) {
	var result T
	err := r.call(ctx, method, params, parts, &result)
	return result, err
}

// call bounds the time and does one exchange.
func (r *rest) call(ctx context.Context, method string, params tgbotapi.Params, parts []part, result any) error {
	limit := callLimit
	if len(parts) > 0 {
		limit = uploadLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return r.exchange(ctx, method, params, parts, result)
}

// exchange sends one request through the library and makes one error of everything that can go wrong.
func (r *rest) exchange(ctx context.Context, method string, params tgbotapi.Params, parts []part, result any) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	line := &line{ctx: ctx, client: r.client}
	bot := r.bot
	bot.Client = line
	var files []tgbotapi.RequestFile
	var streams []*stream
	for _, p := range parts {
		if p.file.FileID != "" {
			params[p.name] = p.file.FileID
			continue
		}
		s := &stream{ctx: ctx, upload: p.file}
		streams = append(streams, s)
		files = append(files, tgbotapi.RequestFile{Name: p.name, Data: s})
	}
	var response *tgbotapi.APIResponse
	var err error
	if len(files) > 0 {
		response, err = bot.UploadFiles(method, params, files)
	} else {
		response, err = bot.MakeRequest(method, params)
	}
	unanswered := err != nil && line.status == 0 && ctx.Err() == nil
	cancel() // after an early answer the library's goroutine may still be reading the content
	for _, s := range streams {
		if broken := s.end(); broken != nil && unanswered {
			return fmt.Errorf("telegram %s: reading what is to be sent: %w", method, broken)
		}
	}
	if err != nil {
		return r.failure(method, line, response, err)
	}
	if result == nil {
		return nil
	}
	if err := decodeLeniently(response.Result, result); err != nil {
		return &apiError{Method: method, Code: line.status, Description: "an unreadable result", Sent: true}
	}
	return nil
}

// failure tells a refusal, a page in place of an answer and no answer apart.
func (r *rest) failure(method string, line *line, response *tgbotapi.APIResponse, err error) error {
	failed := &apiError{Method: method, Code: line.status}
	var refused *tgbotapi.Error
	if errors.As(err, &refused) {
		if response.ErrorCode != 0 { // refused.Code is 0 after an upload
			failed.Code = response.ErrorCode
		}
		failed.Description = r.clean(refused.Message)
		failed.RetryAfter = time.Duration(max(refused.RetryAfter, 0)) * time.Second
		failed.MigrateTo = refused.MigrateToChatID
		failed.Sent = failed.Code >= http.StatusInternalServerError
		return failed
	}
	failed.cause = r.redact(err)
	switch {
	case failed.Code == 0:
		failed.Sent = line.whole.Load()
	case failed.Code < http.StatusMultipleChoices: // done, but the answer was cut off
		failed.Code, failed.Sent = 0, true
	default:
		failed.Sent = failed.Code >= http.StatusInternalServerError
	}
	return failed
}

// redact takes the URL, which holds the token, out of an error, and keeps the chain behind it where that is clean.
func (r *rest) redact(err error) error {
	for {
		var withURL *url.Error
		if !errors.As(err, &withURL) {
			break
		}
		err = withURL.Err
	}
	if clean := r.clean(err.Error()); clean != err.Error() {
		return errors.New(clean)
	}
	return err
}

// clean takes the token's secret part out of foreign words, and their length.
func (r *rest) clean(words string) string {
	_, secret, _ := strings.Cut(r.token, ":")
	words = strings.ReplaceAll(words, secret, "…")
	const most = 300
	if len(words) <= most {
		return words
	}
	cut := most
	for !utf8.RuneStart(words[cut]) {
		cut--
	}
	return words[:cut]
}

// line is the library's HTTP client for one call: bound to its context, with an eye on how much of the request left.
type line struct {
	ctx    context.Context
	client *http.Client
	status int
	whole  atomic.Bool // the last byte of the request was taken to be sent
}

// Do is tgbotapi.HTTPClient's.
func (l *line) Do(request *http.Request) (*http.Response, error) {
	request = request.WithContext(l.ctx)
	if request.Body == nil || request.Body == http.NoBody {
		l.whole.Store(true) // a request without parameters asks for nothing that could be done twice
	} else {
		request.Body = &outgoing{ReadCloser: request.Body, left: request.ContentLength, line: l}
		if again := request.GetBody; again != nil {
			request.GetBody = func() (io.ReadCloser, error) {
				body, err := again()
				return &outgoing{ReadCloser: body, left: request.ContentLength, line: l}, err
			}
		}
	}
	response, err := l.client.Do(request)
	if err != nil {
		return nil, err
	}
	l.status = response.StatusCode
	response.Body = http.MaxBytesReader(nil, response.Body, answerLimit)
	return response, nil
}

// outgoing is a request's body that knows when its last byte was taken. It says so before that byte can leave, so that
// an unset flag is proof that Telegram cannot have read the whole request; httptrace tells too late for that.
type outgoing struct {
	io.ReadCloser
	left int64 // 0 or less when the length is not known: then the end tells
	line *line
}

// Read is io.Reader's.
func (o *outgoing) Read(p []byte) (int, error) {
	n, err := o.ReadCloser.Read(p)
	known := o.left > 0
	o.left -= int64(n)
	if errors.Is(err, io.EOF) || (known && o.left <= 0) {
		o.line.whole.Store(true)
	}
	return n, err
}

// stream is one upload on its way through the library, which neither closes what it reads when something fails nor says
// when its goroutine is done with it; so the content is opened, copied and closed in one go, in WriteTo.
type stream struct {
	upload
	ctx context.Context

	mu     sync.Mutex
	over   bool
	broken error
}

// NeedsUpload is tgbotapi.RequestFileData's.
func (s *stream) NeedsUpload() bool { return true }

// SendData is tgbotapi.RequestFileData's; it is asked only of what needs no upload.
func (s *stream) SendData() string { return "" }

// UploadData is tgbotapi.RequestFileData's.
func (s *stream) UploadData() (string, io.Reader, error) { return s.Name, s, nil }

// Read is never called: io.Copy prefers WriteTo.
func (s *stream) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// WriteTo is io.WriterTo's.
func (s *stream) WriteTo(w io.Writer) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return 0, io.ErrClosedPipe
	}
	content, err := s.Open(s.ctx)
	if err != nil {
		s.broken = err
		return 0, err
	}
	source := &watched{Reader: content}
	n, err := io.Copy(w, source)
	s.broken = source.broken
	return n, errors.Join(err, content.Close())
}

// end waits until the content is closed, forbids opening it again and returns what was wrong with it.
func (s *stream) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	return s.broken
}

// watched remembers an error of what is read, to tell it from an error of where it is written.
type watched struct {
	io.Reader
	broken error
}

// Read is io.Reader's.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.broken = err
	}
	return n, err
}
