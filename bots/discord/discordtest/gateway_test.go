package discordtest_test

import (
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"imaginebot/bots/discord/discordtest"
)

func TestGatewayRefuses(t *testing.T) {
	s := start(t, discordtest.Settings{Privileged: discordtest.IntentMessageContent})
	const usual = "/gateway/?v=9&encoding=json"
	for name, test := range map[string]struct {
		path string
		do   func(*bot)
		code int
	}{
		"wrong token":         {usual, func(b *bot) { b.identify("wrong", 0) }, 4004},
		"unknown intents":     {usual, func(b *bot) { b.identify(token, 1<<30) }, 4013},
		"intents not granted": {usual, func(b *bot) { b.identify(token, 1<<1) }, 4014},
		"other version":       {"/gateway/?v=5&encoding=json", func(*bot) {}, 4012},
		"other encoding":      {"/gateway/?v=9&encoding=etf", func(*bot) {}, 4012},
		"identified twice":    {usual, func(b *bot) { b.identify(token, 0); b.identify(token, 0) }, 4005},
		"too early":           {usual, func(b *bot) { b.write(3, map[string]any{}) }, 4003},
		"unknown op":          {usual, func(b *bot) { b.write(99, nil) }, 4001},
		"identify of nothing": {usual, func(b *bot) { b.write(2, 5) }, 4002},
		"not JSON":            {usual, func(b *bot) { _ = b.ws.WriteMessage(websocket.TextMessage, []byte("{")) }, 4002},
	} {
		t.Run(name, func(t *testing.T) {
			b := dial(t, s, test.path)
			test.do(b)
			if code := b.closed(); code != test.code {
				t.Errorf("closed with %d, want %d", code, test.code)
			}
		})
	}
	connect(t, s, intents|discordtest.IntentMessageContent)
	blameless(t, s)
}

func TestHeartbeat(t *testing.T) {
	s := start(t, discordtest.Settings{Heartbeat: 20 * time.Millisecond})
	b := connect(t, s, 0)
	for range 3 {
		b.write(1, b.seq)
		b.op(11)
	}
	s.AskHeartbeat()
	b.op(1)
	if code := b.closed(); code != 0 {
		t.Errorf("a bot without heartbeats was closed with %d, not dropped", code)
	}
}

func TestResume(t *testing.T) {
	s := start(t, discordtest.Settings{})
	ada, cats := s.User("ada"), s.Guild("zoo").Channel("cats")
	say := func(text string) {
		t.Helper()
		if _, err := s.Say(ada, cats, discordtest.Words{Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	first := connect(t, s, intents)
	say("one")
	seen := first.next("MESSAGE_CREATE").S
	s.DropGateway()
	if code := first.closed(); code != 0 {
		t.Fatalf("dropped with a code: %d", code)
	}
	if err := s.WaitConnected(within(t), 0); err != nil {
		t.Fatal(err)
	}
	say("two")

	resume := func(seq int64) *bot {
		t.Helper()
		b := dial(t, s, "/resume?v=9&encoding=json")
		b.write(6, map[string]any{"token": token, "session_id": first.session, "seq": seq})
		return b
	}
	if code := resume(seen + 5).closed(); code != 4007 {
		t.Errorf("a sequence of the future: %d", code)
	}
	again := resume(seen)
	if p := again.next("MESSAGE_CREATE"); p.S != seen+1 {
		t.Errorf("replayed %d after %d", p.S, seen)
	}
	again.next("RESUMED")
	if s.Resumes() != 1 || s.Connected() != 1 {
		t.Errorf("%d resumes, %d connected", s.Resumes(), s.Connected())
	}

	s.CloseGateway(4000, "")
	if code := again.closed(); code != 4000 {
		t.Errorf("closed with %d", code)
	}
	if err := s.WaitConnected(within(t), 0); err != nil {
		t.Fatal(err)
	}
	s.ForgetSessions()
	if p := resume(seen).op(9); string(p.D) != "false" {
		t.Errorf("a forgotten session: %s", p.D)
	}
}

func TestGatewayTrouble(t *testing.T) {
	s := start(t, discordtest.Settings{})
	b := connect(t, s, 0)
	s.AskReconnect()
	b.op(7)
	s.InvalidateSessions()
	b.op(9)
	if s.Connected() != 0 {
		t.Error("connected without a session")
	}
	b.identify(token, 0) // on the same connection, as op 9 allows
	b.next("READY")
	if s.Identifies() != 2 {
		t.Errorf("%d identifies", s.Identifies())
	}

	s.FreezeGateway()
	b.write(1, b.seq)
	_ = b.ws.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, raw, err := b.ws.ReadMessage(); err == nil {
		t.Errorf("a zombie answered: %s", raw)
	}

	sc := s.Script(discordtest.Match{Path: "/gateway/"}, discordtest.ServerError(503), 1)
	if _, response, err := websocket.DefaultDialer.Dial("ws://"+s.Host()+"/gateway/?v=9&encoding=json", nil); err == nil || response.StatusCode != 503 {
		t.Errorf("a gateway in trouble: %v", err)
	}
	if sc.Hits() != 1 {
		t.Errorf("%d hits", sc.Hits())
	}
	connect(t, s, 0)
}

// A bot that closes with 1000 leaves nothing to resume.
func TestGoodbye(t *testing.T) {
	s := start(t, discordtest.Settings{})
	b := connect(t, s, 0)
	_ = b.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
	if err := s.WaitConnected(within(t), 0); err != nil {
		t.Fatal(err)
	}
	again := dial(t, s, "/resume?v=9&encoding=json")
	again.write(6, map[string]any{"token": token, "session_id": b.session, "seq": b.seq})
	again.op(9)
}
