package discordtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Interaction types (https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-object-interaction-type).
const (
	interactionCommand      = 2
	interactionComponent    = 3
	interactionAutocomplete = 4
	interactionModal        = 5
)

// ErrNotResponding is what a person reads as "The application did not respond".
var ErrNotResponding = errors.New("discordtest: the application did not respond")

// Interaction is one command, click or form of a person, and what the bot made of it.
type Interaction struct {
	ID string

	server    *Server
	kind      int
	user      *User
	channel   *Channel
	token     string
	command   string   // the name of a command
	source    *message // of a click: the message with the button
	target    *message // of a message command
	opener    *Interaction
	begun     time.Time // by Settings.Now
	sent      time.Time // by the clock
	timer     *time.Timer
	reached   []*connection // who got it directly
	excused   bool          // a scripted trouble hit the acknowledgement
	late      bool
	expired   bool
	ackType   int
	ackAfter  time.Duration
	response  *message // @original
	followups []*message
	choices   []Choice
	modal     *Modal
}

// Choice is one suggestion of an autocomplete.
type Choice struct {
	Name  string
	Value any
}

// AckType is the type of the callback, 0 before one arrived
// (https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-response-object-interaction-callback-type).
func (i *Interaction) AckType() int {
	i.server.mu.Lock()
	defer i.server.mu.Unlock()
	return i.ackType
}

// AckAfter is how long the bot took to acknowledge; 0 when it did not.
func (i *Interaction) AckAfter() time.Duration {
	i.server.mu.Lock()
	defer i.server.mu.Unlock()
	return i.ackAfter
}

// Ephemeral says whether the answer is for the person alone.
func (i *Interaction) Ephemeral() bool {
	i.server.mu.Lock()
	defer i.server.mu.Unlock()
	return i.response != nil && i.response.onlyFor != nil
}

// Response is the answer as it is now: the message that @original names. False when there is none, or no longer.
func (i *Interaction) Response() (Message, bool) {
	i.server.mu.Lock()
	defer i.server.mu.Unlock()
	if !i.shows(i.response) {
		return Message{}, false
	}
	return i.response.snapshot(), true
}

// Followups are the further messages of this interaction that still stand, oldest first.
func (i *Interaction) Followups() []Message {
	i.server.mu.Lock()
	defer i.server.mu.Unlock()
	var out []Message
	for _, m := range i.followups {
		if i.shows(m) {
			out = append(out, m.snapshot())
		}
	}
	return out
}

// Modal is the form that the bot showed as its answer, or nil.
func (i *Interaction) Modal() *Modal {
	i.server.mu.Lock()
	defer i.server.mu.Unlock()
	return i.modal
}

// ExpireToken ends the token's life now: the webhook answers 50027 from here on.
func (i *Interaction) ExpireToken() {
	i.server.mu.Lock()
	defer i.server.mu.Unlock()
	i.expired = true
}

// Wait returns the first message of this interaction, answer or follow-up, that satisfies cond.
func (i *Interaction) Wait(ctx context.Context, cond func(Message) bool) (Message, error) {
	var found Message
	err := i.server.await(ctx, func() bool {
		for _, m := range append([]*message{i.response}, i.followups...) {
			if i.shows(m) {
				if found = m.snapshot(); cond(found) {
					return true
				}
			}
		}
		return false
	})
	if err != nil {
		return Message{}, fmt.Errorf("discordtest: waiting for an answer to %s: %w", i.command, err)
	}
	return found, nil
}

func (i *Interaction) shows(m *message) bool { return m != nil && m.channel.find(m.id) != nil }

func (i *Interaction) stopWaiting() {
	if i.timer != nil {
		i.timer.Stop()
	}
}

// dead says whether the token no longer opens the webhook.
func (i *Interaction) dead() bool {
	return i.expired || i.server.now().Sub(i.begun) > i.server.settings.TokenLife
}

// metadata: https://discord.com/developers/docs/resources/message#message-interaction-metadata-object
func (i *Interaction) metadata() map[string]any {
	o := map[string]any{"id": i.ID, "type": i.kind, "user": i.user.json(), "authorizing_integration_owners": i.owners()}
	switch {
	case i.kind == interactionComponent:
		o["interacted_message_id"] = i.source.id
	case i.kind == interactionModal:
		o["triggering_interaction_metadata"] = i.opener.metadata()
	case i.target != nil:
		o["target_message_id"] = i.target.id
	}
	return o
}

// owners says by whose installation the interaction came: here the guild's always.
func (i *Interaction) owners() map[string]any {
	if i.channel.Guild == nil {
		return map[string]any{"0": "0"}
	}
	return map[string]any{"0": i.channel.Guild.ID}
}

// json is an interaction object with the data of its kind
// (https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-object).
func (i *Interaction) json(data map[string]any) map[string]any {
	o := map[string]any{
		"id": i.ID, "application_id": i.server.app, "type": i.kind, "token": i.token, "version": 1, "data": data,
		"channel_id": i.channel.ID, "channel": i.channel.json(), "locale": i.user.Locale, "entitlements": []any{},
		"app_permissions": decimal(i.channel.permissions), "attachment_size_limit": i.server.settings.AttachmentLimit,
		"authorizing_integration_owners": i.owners(),
	}
	if g := i.channel.Guild; g != nil {
		o["context"], o["guild_id"], o["guild_locale"], o["member"] = 0, g.ID, "en-US", g.member(i.user)
		o["guild"] = map[string]any{"id": g.ID, "locale": "en-US", "features": []string{}}
	} else {
		o["context"], o["user"] = 1, i.user.json()
	}
	if i.source != nil {
		o["message"] = i.source.json()
	}
	return o
}

// begin sends an interaction to the bot. The caller holds mu; the interaction has its kind and particulars.
func (s *Server) begin(i *Interaction, data map[string]any) {
	i.server, i.ID, i.token = s, s.nextID(), "aW50ZXJhY3Rpb24"+rand.Text()
	i.begun, i.sent = s.now(), time.Now()
	i.channel.spoke[i.user.ID] = true
	if len(s.interactions) == keptInteractions {
		s.interactions = slices.Delete(s.interactions, 0, keptInteractions/4)
	}
	s.interactions = append(s.interactions, i)
	i.timer = time.AfterFunc(s.settings.AckWithin, func() { s.giveUp(i) })
	o := i.json(data)
	s.dispatch("INTERACTION_CREATE", i, func(*session) any { return o })
	if len(s.sessions) == 0 { // nobody who could ever answer
		i.late = true
		i.stopWaiting()
		s.touch()
	}
}

// giveUp ends the wait for an acknowledgement. It is the bot's fault if it had the interaction all the time.
func (s *Server) giveUp(i *Interaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.ackType != 0 || s.closed {
		return
	}
	i.late = true
	alive := slices.ContainsFunc(i.reached, func(c *connection) bool { return s.conns[c] && !c.frozen })
	if alive && !i.excused {
		s.violate("interaction %s of %s was not acknowledged within %v", i.name(), i.user.Name, s.settings.AckWithin)
	}
	s.touch()
}

func (i *Interaction) name() string {
	switch i.kind {
	case interactionComponent:
		return "(a click)"
	case interactionModal:
		return "(a form)"
	}
	return "/" + i.command
}

// excuse notes that a scripted trouble hit the callback of an interaction.
func (s *Server) excuse(path string) {
	args, ok := route{pattern: "/interactions/*/*/callback"}.match(path)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.interaction(args[0]); i != nil {
		i.excused = true
	}
}

func (s *Server) interaction(id string) *Interaction {
	if n := slices.IndexFunc(s.interactions, func(i *Interaction) bool { return i.ID == id }); n >= 0 {
		return s.interactions[n]
	}
	return nil
}

func (s *Server) interactionByToken(token string) *Interaction {
	if n := slices.IndexFunc(s.interactions, func(i *Interaction) bool { return i.token == token }); n >= 0 {
		return s.interactions[n]
	}
	return nil
}

// acknowledged waits for the bot's first answer.
func (s *Server) acknowledged(ctx context.Context, i *Interaction) error {
	late := false
	err := s.await(ctx, func() bool { late = i.late; return i.late || i.ackType != 0 })
	if err == nil && late {
		return fmt.Errorf("%w: %s", ErrNotResponding, i.name())
	}
	return err
}
