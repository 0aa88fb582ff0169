package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"imaginebot/bots/discord/discordtest"
)

func newTestREST(t *testing.T, s *discordtest.Server) *rest {
	t.Helper()
	r, err := newREST(restSettings{API: s.URL(), Token: testToken, MaxWait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r
}

// scene is a bot that received one command and has not answered yet.
type scene struct {
	*discordtest.Server
	rest   *rest
	ada    *discordtest.User
	cats   *discordtest.Channel
	id     string // of the interaction
	token  string
	answer func() (*discordtest.Interaction, error) // what ada got, once the bot acknowledged
}

func newScene(t *testing.T, settings discordtest.Settings) *scene {
	t.Helper()
	s := fake(t, settings)
	register(t, s)
	next := listen(t, s)
	sc := &scene{Server: s, rest: newTestREST(t, s), ada: s.User("ada"), cats: s.Guild("zoo").Channel("cats")}
	type result struct {
		i   *discordtest.Interaction
		err error
	}
	results := make(chan result, 1)
	ctx := within(t, 10*time.Second)
	go func() {
		i, err := s.Command(ctx, sc.ada, sc.cats, "help", nil)
		results <- result{i, err}
	}()
	sc.answer = sync.OnceValues(func() (*discordtest.Interaction, error) { r := <-results; return r.i, r.err })
	var i struct{ ID, Token string }
	if err := json.Unmarshal(next("INTERACTION_CREATE"), &i); err != nil {
		t.Fatal(err)
	}
	sc.id, sc.token = i.ID, i.Token
	return sc
}

// listen connects to the gateway by hand, which takes a second less to close than discordgo, and returns the events.
func listen(t *testing.T, s *discordtest.Server) func(kind string) json.RawMessage {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial("ws://"+s.Host()+"/gateway/?v=9&encoding=json", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	hello := map[string]any{"op": 2, "d": map[string]any{"token": testToken, "intents": 0, "properties": map[string]any{}}}
	if err := ws.WriteJSON(hello); err != nil {
		t.Fatal(err)
	}
	next := func(kind string) json.RawMessage {
		for {
			var p struct {
				T string
				D json.RawMessage
			}
			if err := ws.ReadJSON(&p); err != nil {
				t.Fatal(err)
			}
			if p.T == kind {
				return p.D
			}
		}
	}
	next("READY")
	return next
}

// calls counts the requests whose path contains the words.
func (sc *scene) calls(words string) (n int) {
	for _, r := range sc.Requests() {
		if strings.Contains(r.Path, words) {
			n++
		}
	}
	return n
}

func uploadOf(name string, content []byte) upload {
	return upload{Name: name, ContentType: "image/png", Alt: "a picture", Size: int64(len(content)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}}
}

const deferred = discordgo.InteractionResponseDeferredChannelMessageWithSource

func TestAnswering(t *testing.T) {
	t.Parallel()
	sc := newScene(t, discordtest.Settings{})
	ctx := within(t, 10*time.Second)
	if err := sc.rest.callback(ctx, sc.id, sc.token, deferred, &post{Flags: discordgo.MessageFlagsEphemeral}); err != nil {
		t.Fatal(err)
	}
	i, err := sc.answer()
	if err != nil || i.AckType() != int(deferred) {
		t.Fatalf("ada got %v", err)
	}
	first, second := bytes.Repeat([]byte("first"), 200_000), []byte("\x89PNG second")
	p := &post{
		Content: "done @everyone", Mention: sc.ada.ID,
		Embeds:     []*discordgo.MessageEmbed{{Description: "a cat", Image: &discordgo.MessageEmbedImage{URL: "attachment://two.png"}}},
		Components: []discordgo.MessageComponent{discordgo.ActionsRow{Components: []discordgo.MessageComponent{discordgo.Button{Label: "Again", CustomID: "again"}}}},
		Files:      []upload{uploadOf("one.png", first), uploadOf("two.png", second)},
	}
	told, err := sc.rest.edit(ctx, sc.ApplicationID(), sc.token, original, p)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := i.Response()
	if told.ID != m.ID || told.ChannelID != sc.cats.ID || len(told.Attachments) != 1 || told.Attachments[0].Filename != "one.png" {
		t.Errorf("told %+v", told)
	}
	if !m.Ephemeral || len(m.Attachments) != 2 || !bytes.Equal(m.Attachments[0].Bytes(), first) || !bytes.Equal(m.Attachments[1].Bytes(), second) ||
		m.Attachments[0].Description != "a picture" || len(m.Buttons) != 1 {
		t.Errorf("ada sees %+v", m)
	}

	if _, err := sc.rest.edit(ctx, sc.ApplicationID(), sc.token, original, &post{Content: "plain", Keep: []string{m.Attachments[1].ID}}); err != nil {
		t.Fatal(err)
	}
	if m, _ := i.Response(); m.Content != "plain" || len(m.Attachments) != 1 || len(m.Embeds)+len(m.Buttons) != 0 {
		t.Errorf("an edit replaces everything: %+v", m)
	}

	more, err := sc.rest.followUp(ctx, sc.ApplicationID(), sc.token, &post{Content: "more", Files: []upload{uploadOf("x.png", second)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sc.rest.edit(ctx, sc.ApplicationID(), sc.token, more.ID, &post{Content: "changed"}); err != nil {
		t.Fatal(err)
	}
	if f := i.Followups(); len(f) != 1 || f[0].Content != "changed" || len(f[0].Attachments) != 0 {
		t.Errorf("followed by %+v", f)
	}
	for _, message := range []string{more.ID, original} {
		if err := sc.rest.remove(ctx, sc.ApplicationID(), sc.token, message); err != nil {
			t.Error(err)
		}
		if _, err := sc.rest.edit(ctx, sc.ApplicationID(), sc.token, message, &post{Content: "x"}); !messageGone(err) {
			t.Errorf("after its deletion: %v", err)
		}
	}
	for _, r := range sc.Requests() {
		if r.Authorized && (strings.Contains(r.Path, "/webhooks/") || strings.Contains(r.Path, "/interactions/")) {
			t.Errorf("%s %s carried the bot token", r.Method, r.Path)
		}
	}
}

func TestCallbackTypes(t *testing.T) {
	t.Run("message with a file", func(t *testing.T) {
		t.Parallel()
		sc := newScene(t, discordtest.Settings{})
		p := &post{Content: "x", Flags: discordgo.MessageFlagsEphemeral, Files: []upload{uploadOf("a.png", []byte("a"))}}
		if err := sc.rest.callback(t.Context(), sc.id, sc.token, discordgo.InteractionResponseChannelMessageWithSource, p); err != nil {
			t.Fatal(err)
		}
		i, err := sc.answer()
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := i.Response(); !ok || !m.Ephemeral || len(m.Attachments) != 1 {
			t.Errorf("ada sees %+v", m)
		}
	})
	t.Run("form", func(t *testing.T) {
		t.Parallel()
		sc := newScene(t, discordtest.Settings{})
		form := &discordgo.InteractionResponseData{CustomID: "f", Title: "Form", Components: []discordgo.MessageComponent{
			discordgo.ActionsRow{Components: []discordgo.MessageComponent{discordgo.TextInput{CustomID: "w", Label: "Words", Style: discordgo.TextInputShort}}},
		}}
		if err := sc.rest.callback(t.Context(), sc.id, sc.token, discordgo.InteractionResponseModal, form); err != nil {
			t.Fatal(err)
		}
		if i, err := sc.answer(); err != nil || i.Modal() == nil {
			t.Errorf("ada saw no form: %v", err)
		}
	})
}

func TestChannelMessages(t *testing.T) {
	t.Parallel()
	s := fake(t, discordtest.Settings{})
	r := newTestREST(t, s)
	ctx := within(t, 10*time.Second)
	ada, cats := s.User("ada"), s.Guild("zoo").Channel("cats")
	said, err := s.Say(ada, cats, discordtest.Words{Text: "a cat, please"})
	if err != nil {
		t.Fatal(err)
	}
	p := &post{Content: ada.Mention() + " done " + s.User("eve").Mention(), Mention: ada.ID, ReplyTo: said.ID, Nonce: "one", Files: []upload{uploadOf("a.png", []byte("a"))}}

	// The answer to the first attempt is lost; the second finds the message there.
	s.Script(discordtest.Match{Method: "POST", Path: "/channels/*/messages"}, discordtest.DropAfter(), 1)
	if _, err := r.send(ctx, cats.ID, p); err == nil {
		t.Fatal("a lost answer was no error")
	}
	first, err := r.send(ctx, cats.ID, p)
	if err != nil {
		t.Fatal(err)
	}
	seen := s.Messages(cats, ada)
	if len(seen) != 2 || seen[1].ID != first.ID || seen[1].ReplyTo != said.ID || len(seen[1].Mentions) != 1 || seen[1].Mentions[0] != ada {
		t.Errorf("ada sees %+v", seen)
	}
	if err := r.removeFrom(ctx, cats.ID, first.ID); err != nil {
		t.Error(err)
	}
	if err := r.removeFrom(ctx, cats.ID, first.ID); !messageGone(err) {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := r.send(ctx, cats.ID, &post{Content: "x", ReplyTo: "1"}); err != nil {
		t.Errorf("a reply to what is gone: %v", err)
	}

	dm, err := r.openDM(ctx, ada.ID)
	if err != nil || dm != s.DM(ada).ID {
		t.Fatalf("opened %s: %v", dm, err)
	}
	if _, err := r.send(ctx, dm, &post{Content: "psst"}); err != nil {
		t.Error(err)
	}
	ada.CloseDMs()
	if _, err := r.send(ctx, dm, &post{Content: "psst"}); !dmsClosed(err) {
		t.Errorf("closed: %v", err)
	}
	cats.Delete()
	if _, err := r.send(ctx, cats.ID, &post{Content: "x"}); !channelGone(err) {
		t.Errorf("gone: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := fake(t, discordtest.Settings{})
	r := newTestREST(t, s)
	cats := s.Guild("zoo").Channel("cats")
	predicates := map[string]func(error) bool{
		"messageGone": messageGone, "channelGone": channelGone, "tokenDead": tokenDead, "tooLate": tooLate,
		"alreadyAcknowledged": alreadyAcknowledged, "notPermitted": notPermitted, "dmsClosed": dmsClosed, "tooLarge": tooLarge,
		"retryAfter": func(err error) bool { _, ok := retryAfter(err); return ok },
	}
	for code, want := range map[int]string{
		10003: "channelGone", 10008: "messageGone", 10015: "tokenDead", 50027: "tokenDead", 10062: "tooLate", 40060: "alreadyAcknowledged",
		50001: "notPermitted", 50013: "notPermitted", 50007: "dmsClosed", 40005: "tooLarge", 50035: "",
	} {
		s.Script(discordtest.Match{}, discordtest.Refused(code), 1)
		_, err := r.send(t.Context(), cats.ID, &post{Content: "x"})
		var refused *restError
		if !errors.As(err, &refused) || refused.Code != code || refused.Status < 400 {
			t.Errorf("%d: %v", code, err)
		}
		for name, holds := range predicates {
			if holds(err) != (name == want) {
				t.Errorf("%d: %s is %v", code, name, holds(err))
			}
		}
	}
	for name, holds := range predicates {
		if holds(nil) || holds(errors.New("x")) {
			t.Errorf("%s holds of anything", name)
		}
	}
	for trouble, want := range map[string]string{"page": "discord: send message: status 502", "too large": "discord: send message: status 413"} {
		made := discordtest.BadGateway()
		if trouble != "page" {
			made = discordtest.ServerError(http.StatusRequestEntityTooLarge)
		}
		s.Script(discordtest.Match{}, made, 1)
		if _, err := r.send(t.Context(), cats.ID, &post{Content: "x"}); err == nil || err.Error() != want || tooLarge(err) != (trouble != "page") {
			t.Errorf("%s: %v", trouble, err)
		}
	}
}

func TestRateLimits(t *testing.T) {
	any := discordtest.Match{Path: "/channels/*/messages"}
	const short = 30 * time.Millisecond
	t.Run("waited out", func(t *testing.T) {
		t.Parallel()
		s := fake(t, discordtest.Settings{})
		r := newTestREST(t, s)
		opened := atomic.Int32{}
		file := uploadOf("a.png", []byte("a"))
		open := file.Open
		file.Open = func() (io.ReadCloser, error) { opened.Add(1); return open() }
		s.Script(any, discordtest.RateLimited(short, false), 2)
		begun := time.Now()
		if _, err := r.send(t.Context(), s.Guild("zoo").Channel("cats").ID, &post{Files: []upload{file}}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < 2*short || opened.Load() != 3 {
			t.Errorf("took %v, opened the file %d times", took, opened.Load())
		}
	})
	t.Run("too long", func(t *testing.T) {
		t.Parallel()
		s := fake(t, discordtest.Settings{})
		r := newTestREST(t, s)
		s.Script(any, discordtest.RateLimited(time.Hour, false), 1)
		_, err := r.send(t.Context(), s.Guild("zoo").Channel("cats").ID, &post{Content: "x"})
		if d, ok := retryAfter(err); !ok || d != time.Hour {
			t.Errorf("%v, to wait %v", err, d)
		}
	})
	t.Run("without end", func(t *testing.T) {
		t.Parallel()
		s := fake(t, discordtest.Settings{})
		r := newTestREST(t, s)
		s.Script(any, discordtest.RateLimited(300*time.Millisecond, false), -1)
		begun := time.Now()
		_, err := r.send(t.Context(), s.Guild("zoo").Channel("cats").ID, &post{Content: "x"})
		if _, ok := retryAfter(err); !ok || time.Since(begun) > 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
	t.Run("longer than the context", func(t *testing.T) {
		t.Parallel()
		s := fake(t, discordtest.Settings{})
		r := newTestREST(t, s)
		s.Script(any, discordtest.RateLimited(900*time.Millisecond, false), 1)
		begun := time.Now()
		_, err := r.send(within(t, 500*time.Millisecond), s.Guild("zoo").Channel("cats").ID, &post{Content: "x"})
		if d, ok := retryAfter(err); !ok || d != 900*time.Millisecond || time.Since(begun) > 400*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
	t.Run("global", func(t *testing.T) {
		t.Parallel()
		sc := newScene(t, discordtest.Settings{})
		sc.Script(any, discordtest.RateLimited(2*time.Second, true), 1)
		if _, err := sc.rest.send(t.Context(), sc.cats.ID, &post{Content: "x"}); err == nil {
			t.Fatal("waited longer than allowed")
		}
		before := len(sc.Requests())
		if _, err := sc.rest.openDM(t.Context(), sc.ada.ID); err == nil || len(sc.Requests()) != before {
			t.Errorf("another call of the bot was made meanwhile: %v", err)
		}
		if err := sc.rest.callback(t.Context(), sc.id, sc.token, deferred, &post{}); err != nil {
			t.Errorf("interactions are outside the global limit: %v", err)
		}
		if _, err := sc.answer(); err != nil {
			t.Error(err)
		}
	})
}

// What may have run is not repeated; what provably did not, is.
func TestRepeating(t *testing.T) {
	for name, trouble := range map[string]discordtest.Trouble{
		"lost answer": discordtest.DropAfter(), "lost request": discordtest.DropBefore(), "500": discordtest.ServerError(500), "502 page": discordtest.BadGateway(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := newScene(t, discordtest.Settings{AckWithin: 300 * time.Millisecond})
			sc.Script(discordtest.Match{Path: "/interactions/*/*/callback"}, trouble, 1)
			err := sc.rest.callback(t.Context(), sc.id, sc.token, deferred, &post{})
			if err == nil || sc.calls("/callback") != 1 {
				t.Errorf("%v after %d calls", err, sc.calls("/callback"))
			}
			if _, err := sc.answer(); (err == nil) != (name == "lost answer") {
				t.Errorf("ada got %v", err)
			}
		})
	}
	t.Run("no connection at first", func(t *testing.T) {
		t.Parallel()
		sc := newScene(t, discordtest.Settings{})
		dials := atomic.Int32{}
		transport := sc.rest.quick.Transport.(*http.Transport)
		dial := transport.DialContext
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if dials.Add(1) < dialAttempts {
				return nil, errors.New("no route")
			}
			return dial(ctx, network, address)
		}
		if err := sc.rest.callback(t.Context(), sc.id, sc.token, deferred, &post{}); err != nil {
			t.Error(err)
		}
		if _, err := sc.answer(); err != nil {
			t.Error(err)
		}
	})
}

func TestContextEndsCalls(t *testing.T) {
	t.Parallel()
	s := fake(t, discordtest.Settings{})
	r := newTestREST(t, s)
	s.Script(discordtest.Match{}, discordtest.Slow(time.Minute), -1)
	begun := time.Now()
	if _, err := r.send(within(t, 50*time.Millisecond), "1", &post{Content: "x"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if err := r.callback(within(t, time.Minute), "1", "t", deferred, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an acknowledgement after its time: %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

// Interaction tokens are as good as a password for a quarter of an hour.
func TestErrorsKeepSecrets(t *testing.T) {
	t.Parallel()
	s := fake(t, discordtest.Settings{})
	const secret = "aW50ZXJhY3Rpb24secret"
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = dead.Close()
	for name, api := range map[string]string{"alive": s.URL(), "dead": "http://" + dead.Addr().String()} {
		r, err := newREST(restSettings{API: api, Token: testToken})
		if err != nil {
			t.Fatal(err)
		}
		defer r.close()
		for _, trouble := range []discordtest.Trouble{
			discordtest.DropBefore(), discordtest.ServerError(500), discordtest.BadGateway(), discordtest.Refused(50027), discordtest.Slow(time.Minute),
		} {
			s.Script(discordtest.Match{Path: "/webhooks/*/*/messages/*"}, trouble, 1)
			_, err := r.edit(within(t, 500*time.Millisecond), "1", secret, original, &post{Content: "a prompt"})
			if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), testToken) || strings.Contains(err.Error(), "a prompt") || strings.Contains(err.Error(), "/webhooks") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestUploads(t *testing.T) {
	t.Parallel()
	s := fake(t, discordtest.Settings{})
	r := newTestREST(t, s)
	cats := s.Guild("zoo").Channel("cats").ID
	t.Run("streams", func(t *testing.T) {
		closed := atomic.Int32{}
		const size = 8 << 20
		file := upload{Name: `odd "name".png`, Size: size, Open: func() (io.ReadCloser, error) {
			return &closer{io.LimitReader(zeros{}, size), &closed}, nil
		}}
		if _, err := r.send(t.Context(), cats, &post{Files: []upload{file, file}}); err != nil {
			t.Fatal(err)
		}
		if closed.Load() != 2 {
			t.Errorf("closed %d files", closed.Load())
		}
	})
	for name, file := range map[string]upload{
		"shorter than told": {Name: "a", Size: 10, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("short")), nil }},
		"longer than told":  {Name: "a", Size: 3, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("longer")), nil }},
		"not there":         {Name: "a", Size: 3, Open: func() (io.ReadCloser, error) { return nil, errGone }},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(s.Messages(s.Guild("zoo").Channel("cats"), s.User("ada")))
			_, err := r.send(t.Context(), cats, &post{Files: []upload{file}})
			if err == nil || name == "not there" && !errors.Is(err, errGone) {
				t.Errorf("got %v", err)
			}
			if len(s.Messages(s.Guild("zoo").Channel("cats"), s.User("ada"))) != before {
				t.Error("half a file became a message")
			}
		})
	}
}

var errGone = errors.New("gone")

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type closer struct {
	io.Reader
	closed *atomic.Int32
}

func (c *closer) Close() error { c.closed.Add(1); return nil }

// An empty post says everything that an edit must say to replace what was there, and pings nobody.
func TestPostJSON(t *testing.T) {
	for name, test := range map[string]struct {
		post *post
		want string
	}{
		"empty": {&post{}, `{"content":"","embeds":[],"components":[],"attachments":[],"allowed_mentions":{"parse":[],"replied_user":false}}`},
		"full": {
			&post{Content: "c", Mention: "7", Flags: 64, Nonce: "n", ReplyTo: "8", Keep: []string{"9"}, Files: []upload{{Name: "a.png", Alt: "alt"}}},
			`{"content":"c","embeds":[],"components":[],"attachments":[{"id":"9"},{"id":"0","filename":"a.png","description":"alt"}],` +
				`"allowed_mentions":{"parse":[],"users":["7"],"replied_user":false},"flags":64,"nonce":"n","enforce_nonce":true,` +
				`"message_reference":{"message_id":"8","fail_if_not_exists":false}}`,
		},
	} {
		got, err := json.Marshal(test.post)
		if diff := cmp.Diff(test.want, string(got)); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func FuzzRESTError(f *testing.F) {
	f.Add(429, "1", `{"retry_after":0.5,"global":true}`)
	f.Add(429, "-5", `<html>`)
	f.Add(429, "NaN", `{"retry_after":1e400}`)
	f.Add(404, "", `{"code":10008,"message":"Unknown Message"}`)
	f.Add(500, "x", `null`)
	f.Fuzz(func(t *testing.T, status int, header, body string) {
		e := newRESTError("try", status, http.Header{"Retry-After": {header}}, []byte(body))
		if e.RetryAfter < 0 || e.RetryAfter > 24*time.Hour || e.RetryAfter > 0 && status != 429 {
			t.Errorf("to wait %v after %d", e.RetryAfter, status)
		}
		if len(body) > 20 && strings.Contains(e.Error(), body) {
			t.Errorf("quotes the answer: %v", e)
		}
	})
}
