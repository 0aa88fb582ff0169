package discordtest

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// Gateway intents (https://discord.com/developers/docs/events/gateway#list-of-intents).
const (
	intentGuildMembers   = 1 << 1
	intentPresences      = 1 << 8
	intentGuildMessages  = 1 << 9
	intentDirectMessages = 1 << 12
	intentMessageContent = 1 << 15

	intentsPrivileged = intentGuildMembers | intentPresences | intentMessageContent
	intentsKnown      = 1<<17 - 1 | 1<<20 | 1<<21 | 1<<24 | 1<<25
)

// IntentMessageContent is the privileged intent to read everyone's messages, for Settings.Privileged.
const IntentMessageContent = intentMessageContent

// Gateway opcodes and close codes (https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway).
const (
	opDispatch       = 0
	opHeartbeat      = 1
	opIdentify       = 2
	opPresence       = 3
	opVoice          = 4
	opResume         = 6
	opReconnect      = 7
	opMembers        = 8
	opInvalidSession = 9
	opHello          = 10
	opHeartbeatAck   = 11

	closeUnknownOpcode    = 4001
	closeDecode           = 4002
	closeNotIdentified    = 4003
	closeBadToken         = 4004
	closeIdentifiedTwice  = 4005
	closeInvalidSequence  = 4007
	closeInvalidVersion   = 4012
	closeInvalidIntents   = 4013
	closeDisallowedIntent = 4014
)

const (
	gatewayPath = "/gateway/"
	resumePath  = "/resume"

	keptSessions = 8               // resumable ones
	keptEvents   = 512             // a session, for Resume
	resumable    = 2 * time.Minute // after the connection was lost
)

// session is what Identify makes and Resume continues.
type session struct {
	id      string
	seq     int64
	events  []event
	intents int
	conn    *connection // nil while nobody is connected
	lost    time.Time
}

type event struct {
	seq     int64
	payload []byte
}

// connection is one WebSocket.
type connection struct {
	ws      *websocket.Conn
	out     chan outgoing
	gone    chan struct{} // closed when the reader ended
	session *session
	frozen  bool
}

// outgoing is a frame to write, or the end of the connection.
type outgoing struct {
	payload []byte
	close   int // a close code to end with
	reason  string
}

// getGateway: https://discord.com/developers/docs/events/gateway#get-gateway
func (s *Server) getGateway(*call) (any, *refused) {
	return map[string]any{"url": s.wsURL(strings.TrimSuffix(gatewayPath, "/"))}, nil
}

// getGatewayBot: https://discord.com/developers/docs/events/gateway#get-gateway-bot
func (s *Server) getGatewayBot(*call) (any, *refused) {
	return map[string]any{
		"url": s.wsURL(strings.TrimSuffix(gatewayPath, "/")), "shards": 1,
		"session_start_limit": map[string]any{
			"total": 1000, "remaining": max(1000-s.identifies, 0), "reset_after": 14400000, "max_concurrency": 1,
		},
	}, nil
}

func (s *Server) wsURL(path string) string { return "ws://" + s.Host() + path }

// serveGateway is one connection from Hello to its end.
func (s *Server) serveGateway(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }} // bots send no Origin
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade answered
	}
	c := &connection{ws: ws, out: make(chan outgoing, 2*keptEvents), gone: make(chan struct{})}
	s.mu.Lock()
	s.conns[c] = true
	s.touch()
	closed := s.closed
	s.mu.Unlock()
	s.serving.Go(c.write)
	if closed {
		c.drop()
	}
	query := r.URL.Query()
	if version := query.Get("v"); version != "9" && version != "10" || query.Get("encoding") != "json" {
		c.end(closeInvalidVersion, "Invalid API version")
	} else {
		c.send(envelope(opHello, map[string]any{"heartbeat_interval": s.settings.Heartbeat.Milliseconds()}))
	}
	s.readGateway(c)
}

// write sends what is queued until the connection ends.
func (c *connection) write() {
	defer func() { _ = c.ws.Close() }()
	for {
		select {
		case o := <-c.out:
			_ = c.ws.SetWriteDeadline(time.Now().Add(5 * time.Second))
			if o.close != 0 {
				_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(o.close, o.reason), time.Now().Add(time.Second))
				return
			}
			if err := c.ws.WriteMessage(websocket.TextMessage, o.payload); err != nil {
				return
			}
		case <-c.gone:
			return
		}
	}
}

func (c *connection) send(payload []byte) { c.queue(outgoing{payload: payload}) }

func (c *connection) end(code int, reason string) { c.queue(outgoing{close: code, reason: reason}) }

// queue never blocks: a bot that does not read is dropped, as Discord drops it.
func (c *connection) queue(o outgoing) {
	select {
	case c.out <- o:
	default:
		c.drop()
	}
}

// drop cuts the wire without a word.
func (c *connection) drop() { _ = c.ws.NetConn().Close() }

func envelope(op int, d any) []byte {
	raw, _ := json.Marshal(map[string]any{"op": op, "d": d, "s": nil, "t": nil}) // plain maps
	return raw
}

// readGateway reads until the connection ends. A heartbeat that stays out ends it.
func (s *Server) readGateway(c *connection) {
	patience := s.settings.Heartbeat + s.settings.Heartbeat/2 + time.Second
	_ = c.ws.SetReadDeadline(time.Now().Add(patience))
	code := 0
	for {
		_, raw, err := c.ws.ReadMessage()
		if err != nil {
			var closing *websocket.CloseError
			if errors.As(err, &closing) {
				code = closing.Code
			}
			break
		}
		var m struct {
			Op int             `json:"op"`
			D  json.RawMessage `json:"d"`
		}
		s.mu.Lock()
		switch {
		case c.frozen:
		case json.Unmarshal(raw, &m) != nil:
			c.end(closeDecode, "Error while decoding payload.")
		default:
			if m.Op == opHeartbeat {
				_ = c.ws.SetReadDeadline(time.Now().Add(patience)) // a closed connection ends the loop
			}
			s.receive(c, m.Op, m.D)
		}
		s.mu.Unlock()
	}
	s.lose(c, code)
}

// receive is one payload of the bot.
func (s *Server) receive(c *connection, op int, d json.RawMessage) {
	switch op {
	case opHeartbeat:
		c.send(envelope(opHeartbeatAck, nil))
	case opIdentify:
		s.identify(c, d)
	case opResume:
		s.resume(c, d)
	case opPresence, opVoice, opMembers:
		if c.session == nil {
			c.end(closeNotIdentified, "Not authenticated.")
		}
	default:
		c.end(closeUnknownOpcode, "Unknown opcode.")
	}
}

func (s *Server) rightToken(token string) bool {
	return strings.TrimPrefix(token, "Bot ") == s.settings.Token
}

// identify: https://discord.com/developers/docs/events/gateway-events#identify
func (s *Server) identify(c *connection, d json.RawMessage) {
	var sent struct {
		Token      string         `json:"token"`
		Intents    *int           `json:"intents"`
		Properties map[string]any `json:"properties"`
		Shard      []int          `json:"shard"`
	}
	s.identifies++
	s.touch()
	switch err := json.Unmarshal(d, &sent); {
	case err != nil || sent.Properties == nil:
		c.end(closeDecode, "Error while decoding payload.")
	case c.session != nil:
		c.end(closeIdentifiedTwice, "Already authenticated.")
	case s.rejects > 0:
		s.rejects--
		c.send(envelope(opInvalidSession, false))
	case !s.rightToken(sent.Token):
		c.end(closeBadToken, "Authentication failed.")
	case sent.Intents == nil || *sent.Intents&^intentsKnown != 0:
		c.end(closeInvalidIntents, "Invalid intent(s).")
	case *sent.Intents&intentsPrivileged&^s.settings.Privileged != 0:
		c.end(closeDisallowedIntent, "Disallowed intent(s).")
	default:
		se := &session{id: rand.Text(), intents: *sent.Intents, conn: c}
		c.session = se
		s.sessions = append(s.sessions, se)
		guilds := []any{}
		for _, g := range s.guilds {
			guilds = append(guilds, map[string]any{"id": g.ID, "unavailable": true})
		}
		ready := map[string]any{
			"v": 9, "user": s.bot.json(), "guilds": guilds, "session_id": se.id, "resume_gateway_url": s.wsURL(resumePath),
			"application": map[string]any{"id": s.app, "flags": 0}, "session_type": "normal", "private_channels": []any{},
		}
		if sent.Shard != nil {
			ready["shard"] = sent.Shard
		}
		s.deliver(se, "READY", ready)
	}
}

// resume: https://discord.com/developers/docs/events/gateway-events#resume
func (s *Server) resume(c *connection, d json.RawMessage) {
	var sent struct {
		Token     string `json:"token"`
		SessionID string `json:"session_id"`
		Seq       int64  `json:"seq"`
	}
	n := slices.IndexFunc(s.sessions, func(se *session) bool { return json.Unmarshal(d, &sent) == nil && se.id == sent.SessionID })
	switch {
	case !s.rightToken(sent.Token) && n >= 0:
		c.end(closeBadToken, "Authentication failed.")
		return
	case n < 0 || s.forgot(s.sessions[n], sent.Seq):
		c.send(envelope(opInvalidSession, false))
		return
	case sent.Seq > s.sessions[n].seq:
		c.end(closeInvalidSequence, "Invalid seq.")
		return
	}
	s.resumes++
	se := s.sessions[n]
	if se.conn != nil {
		se.conn.session = nil
		se.conn.drop()
	}
	se.conn, c.session = c, se
	for _, e := range se.events {
		if e.seq > sent.Seq {
			c.send(e.payload)
		}
	}
	s.deliver(se, "RESUMED", map[string]any{})
}

// forgot says whether a session is too old, or events after seq are no longer kept.
func (s *Server) forgot(se *session, seq int64) bool {
	if se.conn == nil && time.Since(se.lost) > resumable {
		return true
	}
	return len(se.events) > 0 && se.events[0].seq > seq+1
}

// lose ends a connection. Its session can be resumed, unless the bot itself closed with 1000 or 1001.
func (s *Server) lose(c *connection, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	close(c.gone)
	if se := c.session; se != nil {
		se.conn, se.lost = nil, time.Now()
		if code == websocket.CloseNormalClosure || code == websocket.CloseGoingAway {
			s.sessions = slices.DeleteFunc(s.sessions, func(o *session) bool { return o == se })
		}
		idle := 0
		s.sessions = slices.DeleteFunc(s.sessions, func(o *session) bool {
			if o.conn == nil {
				idle++
			}
			return o.conn == nil && (time.Since(o.lost) > resumable || idle > keptSessions)
		})
	}
	s.touch()
}

// dispatch sends an event to every session; d makes it for one, nil leaves the session out. The caller holds mu.
func (s *Server) dispatch(kind string, i *Interaction, d func(*session) any) {
	for _, se := range s.sessions {
		o := d(se)
		if o == nil {
			continue
		}
		if i != nil && se.conn != nil && !se.conn.frozen {
			i.reached = append(i.reached, se.conn)
		}
		s.deliver(se, kind, o)
	}
}

// deliver numbers an event, keeps it for Resume and sends it.
func (s *Server) deliver(se *session, kind string, d any) {
	raw, err := json.Marshal(d)
	if err == nil && s.settings.Check != nil {
		err = s.settings.Check.Event(kind, raw)
	}
	if err != nil {
		s.violate("discordtest itself: event %s: %v", kind, err)
	}
	se.seq++
	payload, _ := json.Marshal(map[string]any{"op": opDispatch, "t": kind, "s": se.seq, "d": json.RawMessage(raw)})
	if len(se.events) == keptEvents {
		se.events = slices.Delete(se.events, 0, keptEvents/4)
	}
	se.events = append(se.events, event{se.seq, payload})
	if se.conn != nil && !se.conn.frozen {
		se.conn.send(payload)
	}
}
