package discord

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"
	"go.uber.org/goleak"

	"imaginebot/bots/discord/discordtest"
)

const testToken = "bot-token"

func TestMain(m *testing.M) {
	// What discordgo's deadlock leaves behind is known: see TestOpNineAtIdentify.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/bwmarrin/discordgo.(*Session).CloseWithCode"))
}

// fake serves a Discord for one test, which ends without violations. Such tests run side by side: closing a discordgo
// session takes a second.
func fake(t *testing.T, settings discordtest.Settings) *discordtest.Server {
	t.Helper()
	settings.Token = testToken
	settings.Check = specs(t)
	s := discordtest.New(settings)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		for _, v := range s.Violations() {
			t.Error("violation:", v)
		}
	})
	return s
}

// syncLog is a log that several goroutines write and a test reads.
type syncLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *syncLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *syncLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// runGateway runs a gateway until the test ends. What it returned comes from the function.
func runGateway(t *testing.T, s *discordtest.Server, settings gatewaySettings) (*gateway, *syncLog, func() error) {
	t.Helper()
	log := &syncLog{}
	settings.API, settings.Log = s.URL(), slog.New(slog.NewTextHandler(log, nil))
	if settings.Token == "" {
		settings.Token = testToken
	}
	if settings.Wait == nil {
		settings.Wait = func(int) time.Duration { return time.Millisecond }
	}
	if settings.OnEvent == nil {
		settings.OnEvent = func(context.Context, event) {}
	}
	g, err := newGateway(settings)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	stop := sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(15 * time.Second):
			return errors.New("Run does not return")
		}
	})
	t.Cleanup(func() { _ = stop() })
	return g, log, stop
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// until polls for what has no channel to wait on.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}

func TestGatewayHandsOnEvents(t *testing.T) {
	t.Parallel()
	s := fake(t, discordtest.Settings{})
	ctx := within(t, 10*time.Second)
	got := make(chan event, 10)
	g, _, stop := runGateway(t, s, gatewaySettings{
		Intents: discordgo.IntentsGuildMessages,
		OnEvent: func(_ context.Context, e event) { got <- e },
	})
	if _, ok := g.Identity(); ok || g.Connected() {
		t.Error("connected before Ready")
	}
	until(t, "connected", g.Connected)
	if id, ok := g.Identity(); !ok || id.UserID != s.Bot().ID || id.ApplicationID != s.ApplicationID() {
		t.Errorf("identity %+v", id)
	}

	ada, cats := s.User("ada"), s.Guild("zoo").Channel("cats")
	if _, err := s.Say(ada, cats, discordtest.Words{Text: s.Bot().Mention() + " hello"}); err != nil {
		t.Fatal(err)
	}
	e := <-got
	var m struct{ Content string }
	if err := json.Unmarshal(e.Raw, &m); err != nil || e.Kind != "MESSAGE_CREATE" || !strings.HasSuffix(m.Content, "hello") {
		t.Errorf("%v: %s %s", err, e.Kind, e.Raw)
	}

	register(t, s)
	answered := make(chan error, 1)
	go func() {
		_, err := s.Command(ctx, ada, cats, "help", nil)
		answered <- err
	}()
	e = <-got
	var i struct {
		ID, Token string
		Limit     int64 `json:"attachment_size_limit"` // which discordgo's type lacks
	}
	if err := json.Unmarshal(e.Raw, &i); err != nil || e.Kind != "INTERACTION_CREATE" || i.Limit == 0 {
		t.Errorf("%v: %s %s", err, e.Kind, e.Raw)
	}
	r := newTestREST(t, s)
	if err := r.callback(ctx, i.ID, i.Token, discordgo.InteractionResponseDeferredChannelMessageWithSource, &post{}); err != nil {
		t.Error(err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Errorf("stopped with %v", err)
	}
	if g.Connected() {
		t.Error("connected after the end")
	}
}

// register gives the fake one command, through discordgo as the bot does.
func register(t *testing.T, s *discordtest.Server) {
	t.Helper()
	api, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := newHTTPClient()
	t.Cleanup(client.CloseIdleConnections)
	session, err := newSession(testToken, api, client.Transport)
	if err != nil {
		t.Fatal(err)
	}
	commands := []*discordgo.ApplicationCommand{{Name: "help", Description: "helps"}}
	if _, err := session.ApplicationCommandBulkOverwrite(s.ApplicationID(), "", commands); err != nil {
		t.Fatal(err)
	}
}

// Whatever ends a connection, another one comes, and events arrive on it.
func TestGatewayComesBack(t *testing.T) {
	gateway, socket := discordtest.Match{Path: "/gateway"}, discordtest.Match{Path: "/gateway/"}
	script := func(match discordtest.Match, trouble discordtest.Trouble, times int) func(*discordtest.Server) {
		return func(s *discordtest.Server) {
			s.Script(match, trouble, times)
			s.DropGateway()
		}
	}
	for name, trouble := range map[string]func(*discordtest.Server){
		"dropped":         (*discordtest.Server).DropGateway,
		"closed":          func(s *discordtest.Server) { s.CloseGateway(4000, "Unknown error") },
		"session timeout": func(s *discordtest.Server) { s.CloseGateway(4009, "") },
		"asked to (op 7)": (*discordtest.Server).AskReconnect,
		"op 9":            (*discordtest.Server).InvalidateSessions,
		"a zombie":        (*discordtest.Server).FreezeGateway,
		"gateway down":    script(gateway, discordtest.BadGateway(), 3),
		"gateway limited": script(gateway, discordtest.RateLimited(50*time.Millisecond, false), 1),
		"gateway hangs":   script(gateway, discordtest.Slow(time.Minute), 1),
		"handshake fails": script(socket, discordtest.ServerError(503), 2),
		"handshake drops": script(socket, discordtest.DropBefore(), 2),
		"handshake hangs": script(socket, discordtest.Slow(time.Minute), 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fake(t, discordtest.Settings{Heartbeat: 100 * time.Millisecond})
			got := make(chan event, 10)
			g, log, stop := runGateway(t, s, gatewaySettings{
				Intents: discordgo.IntentsGuildMessages, Silence: time.Second, OpenWithin: 2 * time.Second,
				OnEvent: func(_ context.Context, e event) { got <- e },
			})
			until(t, "connected", g.Connected)
			before := s.Identifies()
			trouble(s)
			if err := s.WaitIdentify(within(t, 10*time.Second), before+1); err != nil {
				t.Fatal(err)
			}
			until(t, "connected again", func() bool { return g.Connected() && s.Connected() == 1 })
			if _, err := s.Say(s.User("ada"), s.Guild("zoo").Channel("cats"), discordtest.Words{Text: "hello"}); err != nil {
				t.Fatal(err)
			}
			<-got
			if err := stop(); err != nil {
				t.Error(err)
			}
			if text := log.String(); !strings.Contains(text, "gateway connection lost") || strings.Contains(text, testToken) || strings.Contains(text, errWedged.Error()) {
				t.Errorf("logged %s", text)
			}
		})
	}
}

// op 9 in answer to Identify is what discordgo never comes back from. It costs the opening time and one goroutine.
func TestOpNineAtIdentify(t *testing.T) {
	t.Parallel()
	s := fake(t, discordtest.Settings{})
	s.RejectIdentify(1)
	g, log, stop := runGateway(t, s, gatewaySettings{OpenWithin: 200 * time.Millisecond})
	until(t, "connected", g.Connected)
	if s.Identifies() != 2 || !strings.Contains(log.String(), errWedged.Error()) {
		t.Errorf("%d identifies, logged %s", s.Identifies(), log)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestGatewayGivesUp(t *testing.T) {
	for name, test := range map[string]struct {
		settings gatewaySettings
		code     int
		words    string
	}{
		"wrong token":   {gatewaySettings{Token: "wrong"}, 4004, "DISCORD_TOKEN"},
		"wrong intents": {gatewaySettings{Intents: discordgo.IntentsMessageContent}, 4014, "Privileged Gateway Intents"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fake(t, discordtest.Settings{})
			test.settings.API, test.settings.Log = s.URL(), slog.New(slog.DiscardHandler)
			if test.settings.Token == "" {
				test.settings.Token = testToken
			}
			g, err := newGateway(test.settings)
			if err != nil {
				t.Fatal(err)
			}
			err = g.Run(within(t, 10*time.Second))
			var refusal *gatewayRefusal
			if !errors.As(err, &refusal) || refusal.Code != test.code || !strings.Contains(err.Error(), test.words) || g.Connected() {
				t.Errorf("returned %v", err)
			}
		})
	}
	for _, api := range []string{"", "discord.com", "ftp://discord.com", "https://discord.com/path", "https://u:p@discord.com", "https://discord.com?x=1"} {
		if _, err := newGateway(gatewaySettings{API: api}); err == nil {
			t.Errorf("API %q was taken", api)
		}
	}
}

// A panic ends one event, not the process, and still lets the bot answer.
func TestGatewaySurvivesPanics(t *testing.T) {
	t.Parallel()
	s := fake(t, discordtest.Settings{})
	answered := make(chan event, 10)
	g, log, stop := runGateway(t, s, gatewaySettings{
		Intents: discordgo.IntentsGuildMessages | discordgo.IntentsDirectMessages,
		OnEvent: func(_ context.Context, e event) {
			if !strings.Contains(string(e.Raw), "guild_id") {
				var nothing []int
				_ = nothing[len(e.Raw)]
			}
			panic("a prompt nobody should read")
		},
		OnPanic: func(_ context.Context, e event) {
			answered <- e
			panic("again")
		},
	})
	until(t, "connected", g.Connected)
	for _, where := range []*discordtest.Channel{s.Guild("zoo").Channel("cats"), s.DM(s.User("ada"))} {
		if _, err := s.Say(s.User("ada"), where, discordtest.Words{Text: "hello"}); err != nil {
			t.Fatal(err)
		}
		<-answered
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	text := log.String()
	if strings.Count(text, "event panicked") != 4 || strings.Contains(text, "nobody should read") || !strings.Contains(text, "index out of range") || !strings.Contains(text, "a panic of string") {
		t.Errorf("logged %s", text)
	}
}

// Run waits for the events that are being worked on, and their context tells them to hurry.
func TestGatewayWaitsForEvents(t *testing.T) {
	t.Parallel()
	s := fake(t, discordtest.Settings{})
	working, finished := make(chan struct{}), make(chan struct{})
	g, _, stop := runGateway(t, s, gatewaySettings{
		Intents: discordgo.IntentsGuildMessages,
		OnEvent: func(ctx context.Context, _ event) {
			close(working)
			<-ctx.Done()
			time.Sleep(20 * time.Millisecond) // the rest of the work
			close(finished)
		},
	})
	until(t, "connected", g.Connected)
	if _, err := s.Say(s.User("ada"), s.Guild("zoo").Channel("cats"), discordtest.Words{Text: "hello"}); err != nil {
		t.Fatal(err)
	}
	<-working
	s.DropGateway() // a lost connection is no reason to hurry
	until(t, "connected again", func() bool { return s.Identifies() == 2 && g.Connected() })
	select {
	case <-finished:
		t.Error("the event ended with its connection")
	default:
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	select {
	case <-finished:
	default:
		t.Error("Run returned before the event was done")
	}
}

// Stopping works in every phase of a connection's life.
func TestGatewayStopsAnytime(t *testing.T) {
	for range 6 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			_, _, stop := runGateway(t, fake(t, discordtest.Settings{}), gatewaySettings{})
			time.Sleep(rand.N(8 * time.Millisecond)) // any moment will do
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// HTTP_PROXY and HTTPS_PROXY hold for the gateway's address and for its WebSocket. net/http reads them once and never
// for the loopback, so a process of its own goes through the proxy, to a host that only the proxy knows.
func TestGatewayBehindProxy(t *testing.T) {
	const child, host = "TEST_GATEWAY_BEHIND_PROXY", "gateway.test"
	if os.Getenv(child) != "" {
		g, err := newGateway(gatewaySettings{API: "http://" + host, Token: testToken, OnEvent: func(context.Context, event) {}, Log: slog.Default()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		until(t, "connected", g.Connected)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		return
	}
	t.Parallel()
	s := fake(t, discordtest.Settings{})
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			_, _ = w.Write([]byte(`{"url":"ws://` + host + `/gateway"}`))
			return
		}
		up, err := net.Dial("tcp", s.Host())
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = up.Close() }()
		down, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = down.Close() }()
		_, _ = down.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
		go func() { _, _ = io.Copy(up, down) }()
		_, _ = io.Copy(down, up)
	}))
	defer proxy.Close()
	command := exec.CommandContext(within(t, 20*time.Second), os.Args[0], "-test.run=^TestGatewayBehindProxy$")
	command.Env = append(os.Environ(), child+"=1", "HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL, "NO_PROXY=", "no_proxy=")
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if s.Identifies() != 1 {
		t.Errorf("%d identifies came through the proxy", s.Identifies())
	}
}

func TestBackoff(t *testing.T) {
	for failures := range 40 {
		most := longestWait
		if failures < 9 {
			most = min(longestWait, max(firstWait<<max(failures-1, 0), firstWait))
		}
		for range 20 {
			wait := backoff(failures)
			if wait < 0 || wait > most || failures > 0 && wait < most/2 {
				t.Fatalf("%v after %d failures, want half of %v to all of it", wait, failures, most)
			}
		}
	}
}

// A line that says nothing ends, however patient its owner.
func TestSilentLine(t *testing.T) {
	ours, theirs := net.Pipe()
	defer func() { _ = theirs.Close() }()
	l := &line{Conn: ours, silence: 20 * time.Millisecond, ended: make(chan struct{})}
	if _, err := l.Read(make([]byte, 1)); err == nil {
		t.Error("read something")
	}
	<-l.ended
	var timeout net.Error
	if !errors.As(l.why, &timeout) || !timeout.Timeout() {
		t.Errorf("ended because of %v", l.why)
	}
}
