package discordtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"imaginebot/bots/discord/discordspec"
	"imaginebot/bots/discord/discordtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "bot-token"

// start serves a fake with Discord's description at its side, if there is one.
func start(t *testing.T, settings discordtest.Settings) *discordtest.Server {
	t.Helper()
	settings.Token = token
	if folder := os.Getenv("TEST_SPECS_DIR"); folder != "" {
		checker, err := loadOnce(folder)
		if err != nil {
			t.Fatal(err)
		}
		settings.Check = checker
	} else {
		t.Log("TEST_SPECS_DIR is not set: traffic is not compared with Discord's description")
	}
	s := discordtest.New(settings)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

var loadOnce = func() func(string) (*discordspec.Checker, error) {
	var once sync.Once
	var checker *discordspec.Checker
	var err error
	return func(folder string) (*discordspec.Checker, error) {
		once.Do(func() { checker, err = discordspec.Load(folder) })
		return checker, err
	}
}()

// blameless fails the test if the fake wrote down a violation.
func blameless(t *testing.T, s *discordtest.Server) {
	t.Helper()
	if v := s.Violations(); len(v) > 0 {
		t.Errorf("violations: %s", strings.Join(v, "\n"))
	}
}

// blamed fails the test unless the one violation contains the words.
func blamed(t *testing.T, s *discordtest.Server, words string) {
	t.Helper()
	if v := s.Violations(); len(v) != 1 || !strings.Contains(v[0], words) {
		t.Errorf("violations are %q, want one of %q", v, words)
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// bot is a bot with no library: every byte of it is the test's.
type bot struct {
	t      *testing.T
	server *discordtest.Server
	ws     *websocket.Conn
	client *http.Client

	mu      sync.Mutex // of ws writes
	seq     int64
	session string
	resume  string
}

type payload struct {
	Op int             `json:"op"`
	T  string          `json:"t"`
	S  int64           `json:"s"`
	D  json.RawMessage `json:"d"`
}

const intents = 1<<9 | 1<<12 // messages of guilds and direct ones

// connect identifies and returns a bot that is ready.
func connect(t *testing.T, s *discordtest.Server, intents int) *bot {
	t.Helper()
	b := dial(t, s, "/gateway/?v=9&encoding=json")
	b.identify(token, intents)
	ready := b.next("READY")
	var d struct {
		SessionID string `json:"session_id"`
		Resume    string `json:"resume_gateway_url"`
	}
	b.decode(ready.D, &d)
	b.session, b.resume = d.SessionID, d.Resume
	return b
}

// dial reads Hello and nothing more.
func dial(t *testing.T, s *discordtest.Server, path string) *bot {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial("ws://"+s.Host()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &bot{t: t, server: s, ws: ws, client: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(func() {
		_ = ws.Close()
		b.client.CloseIdleConnections()
	})
	return b
}

func (b *bot) write(op int, d any) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ws.WriteJSON(map[string]any{"op": op, "d": d}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bot) identify(token string, intents int) {
	b.t.Helper()
	b.write(2, map[string]any{"token": token, "intents": intents, "properties": map[string]any{"os": "x", "browser": "x", "device": "x"}})
}

// read returns the next payload.
func (b *bot) read() (payload, error) {
	_ = b.ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	var p payload
	err := b.ws.ReadJSON(&p)
	if p.S > 0 {
		b.seq = p.S
	}
	return p, err
}

// next returns the next event of that kind and passes over everything else.
func (b *bot) next(kind string) payload {
	b.t.Helper()
	for {
		p, err := b.read()
		if err != nil {
			b.t.Fatalf("waiting for %s: %v", kind, err)
		}
		if p.T == kind {
			return p
		}
	}
}

// op returns the next payload with that opcode.
func (b *bot) op(op int) payload {
	b.t.Helper()
	for {
		p, err := b.read()
		if err != nil {
			b.t.Fatalf("waiting for op %d: %v", op, err)
		}
		if p.Op == op {
			return p
		}
	}
}

// closed reads until the connection ends and returns the close code, 0 for none.
func (b *bot) closed() int {
	b.t.Helper()
	for {
		if _, err := b.read(); err != nil {
			var closing *websocket.CloseError
			if errors.As(err, &closing) && closing.Code != websocket.CloseAbnormalClosure {
				return closing.Code
			}
			return 0
		}
	}
}

func (b *bot) decode(raw []byte, v any) {
	b.t.Helper()
	if err := json.Unmarshal(raw, v); err != nil {
		b.t.Fatalf("%v in %s", err, raw)
	}
}

// answer is what REST said.
type answer struct {
	Status  int
	Code    int
	Headers http.Header
	JSON    map[string]any
	Raw     []byte
}

// call makes a REST request with a JSON body, "" for none.
func (b *bot) call(method, path, body string) answer {
	b.t.Helper()
	a, err := b.try(method, path, "application/json", []byte(body))
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

// upload makes a multipart request: the JSON and files by name.
func (b *bot) upload(method, path, body string, files ...discordtest.File) answer {
	b.t.Helper()
	var buffer bytes.Buffer
	w := multipart.NewWriter(&buffer)
	if body != "" {
		_ = w.WriteField("payload_json", body) // a buffer takes everything
	}
	for i, f := range files {
		part, err := w.CreateFormFile(fmt.Sprintf("files[%d]", i), f.Name)
		if err != nil {
			b.t.Fatal(err)
		}
		_, _ = part.Write(f.Content)
	}
	_ = w.Close()
	a, err := b.try(method, path, w.FormDataContentType(), buffer.Bytes())
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

func (b *bot) try(method, path, contentType string, body []byte) (answer, error) {
	request, err := http.NewRequest(method, b.server.URL()+"/api/v9"+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Authorization", "Bot "+token)
	if len(body) > 0 {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := b.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{Status: response.StatusCode, Headers: response.Header, Raw: raw}
	if len(raw) > 0 && raw[0] == '{' {
		b.decode(raw, &a.JSON)
		code, _ := a.JSON["code"].(float64)
		a.Code = int(code)
	}
	return a, nil
}

// interaction is what the bot reads of one.
type interaction struct {
	ID     string `json:"id"`
	Token  string `json:"token"`
	Type   int    `json:"type"`
	Data   json.RawMessage
	Guild  string `json:"guild_id"`
	User   *struct{ ID string }
	Member *struct {
		User        struct{ ID string }
		Permissions string
	}
	Message *struct{ ID string }
	Locale  string `json:"locale"`
	Context int    `json:"context"`
	AppPerm string `json:"app_permissions"`
	Limit   int64  `json:"attachment_size_limit"`
}

func (b *bot) interaction() interaction {
	b.t.Helper()
	var i interaction
	b.decode(b.next("INTERACTION_CREATE").D, &i)
	return i
}

func (i interaction) callback() string { return "/interactions/" + i.ID + "/" + i.Token + "/callback" }

func (b *bot) webhook(i interaction) string {
	return "/webhooks/" + b.server.ApplicationID() + "/" + i.Token
}

// serving answers interactions in the background, each with what do says, until the test ends.
func (b *bot) serving(do func(interaction)) {
	b.t.Helper()
	var done sync.WaitGroup
	done.Go(func() {
		for {
			p, err := b.read()
			if err != nil {
				return
			}
			if p.T != "INTERACTION_CREATE" {
				continue
			}
			var i interaction
			if json.Unmarshal(p.D, &i) == nil {
				do(i)
			}
		}
	})
	b.t.Cleanup(func() {
		_ = b.ws.Close()
		done.Wait()
	})
}

// register puts commands into the global scope.
func (b *bot) register(commands string) {
	b.t.Helper()
	if a := b.call("PUT", "/applications/"+b.server.ApplicationID()+"/commands", commands); a.Status != 200 {
		b.t.Fatalf("commands: %d %s", a.Status, a.Raw)
	}
}

const imagine = `[
	{"name":"imagine","description":"d","type":1,"options":[
		{"type":3,"name":"prompt","description":"d","required":true,"max_length":100},
		{"type":3,"name":"model","description":"d","autocomplete":true},
		{"type":11,"name":"image","description":"d"},
		{"type":3,"name":"format","description":"d","choices":[{"name":"PNG","value":"png"},{"name":"JPEG","value":"jpeg"}]},
		{"type":4,"name":"count","description":"d","min_value":1,"max_value":4},
		{"type":10,"name":"scale","description":"d","min_value":0,"max_value":2.5},
		{"type":5,"name":"private","description":"d"}]},
	{"name":"admin","description":"d","type":1,"options":[
		{"type":1,"name":"grant","description":"d","options":[{"type":6,"name":"who","description":"d","required":true}]}]},
	{"name":"Edit image","type":3}]`
