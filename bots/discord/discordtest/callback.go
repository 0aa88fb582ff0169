package discordtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// Callback types (https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-response-object-interaction-callback-type).
const (
	callbackMessage        = 4
	callbackDeferred       = 5
	callbackDeferredUpdate = 6
	callbackUpdate         = 7
	callbackAutocomplete   = 8
	callbackModal          = 9
)

// postCallback: https://discord.com/developers/docs/interactions/receiving-and-responding#create-interaction-response
func (s *Server) postCallback(c *call) (any, *refused) {
	i := s.interaction(c.args[0])
	switch {
	case i == nil:
		return nil, mistake(10062, "no interaction %s", c.args[0])
	case i.token != c.args[1]:
		return nil, mistake(50027, "not the token of interaction %s", i.ID)
	case i.ackType != 0:
		again := refusal(40060)
		// Two processes on one token both get each interaction, and an answer that was lost may be repeated.
		again.wrong, again.detail = len(i.reached) < 2 && !i.excused, i.name()
		return nil, again
	case i.late:
		return nil, refusal(10062) // the silence was written down already
	}
	var body struct {
		Type int             `json:"type"`
		Data json.RawMessage `json:"data"`
	}
	if wrong := decode(c.payload, &body); wrong != nil {
		return nil, wrong
	}
	if !slices.Contains(callbacksOf(i), body.Type) {
		return nil, invalid("type", "%d does not answer %s", body.Type, i.name())
	}
	if wrong := s.take(i, c, body.Type, body.Data); wrong != nil {
		return nil, wrong
	}
	i.ackType, i.ackAfter = body.Type, time.Since(i.sent)
	i.stopWaiting()
	if i.response != nil && slices.Contains([]int{callbackMessage, callbackDeferred}, body.Type) {
		s.post(i.response)
	}
	if c.r.URL.Query().Get("with_response") != "true" {
		return nil, nil
	}
	return i.callbackResponse(), nil
}

// callbacksOf lists the callback types an interaction takes.
func callbacksOf(i *Interaction) []int {
	switch {
	case i.kind == interactionAutocomplete:
		return []int{callbackAutocomplete}
	case i.kind == interactionCommand:
		return []int{callbackMessage, callbackDeferred, callbackModal}
	case i.kind == interactionModal && i.source == nil:
		return []int{callbackMessage, callbackDeferred}
	case i.kind == interactionModal:
		return []int{callbackMessage, callbackDeferred, callbackDeferredUpdate, callbackUpdate}
	}
	return []int{callbackMessage, callbackDeferred, callbackDeferredUpdate, callbackUpdate, callbackModal}
}

// take carries out a callback of a type that fits.
func (s *Server) take(i *Interaction, c *call, kind int, raw json.RawMessage) *refused {
	switch kind {
	case callbackAutocomplete:
		return i.suggest(raw)
	case callbackModal:
		modal, wrong := readModal(raw)
		i.modal = modal
		return wrong
	case callbackDeferredUpdate:
		if given := string(raw); given != "" && given != "null" && given != "{}" {
			return invalid("data", "a deferred update carries nothing")
		}
		i.response = i.source
		return nil
	}
	p := &payload{}
	if len(raw) > 0 && string(raw) != "null" {
		var wrong *refused
		if p, wrong = readPayload(raw); wrong != nil {
			return wrong
		}
	}
	switch kind {
	case callbackUpdate:
		if !i.shows(i.source) {
			return refusal(10008)
		}
		i.response = i.source
		return s.edit(i.source, c, p)
	case callbackDeferred:
		for field := range p.given {
			if field != "flags" {
				return invalid("data."+field, "a deferred answer carries only flags")
			}
		}
		if p.Flags != nil && *p.Flags&^flagEphemeral != 0 {
			return invalid("data.flags", "a deferred answer carries only EPHEMERAL")
		}
		i.response = s.answerTo(i, p)
		i.response.flags |= flagLoading
		return nil
	}
	m := s.answerTo(i, p)
	if wrong := s.compose(m, c, p, flagsOfCallback); wrong != nil {
		return wrong
	}
	i.response = m
	return nil
}

// answerTo is the empty message that a type 4 or 5 begins with; it is not in the channel yet.
func (s *Server) answerTo(i *Interaction, p *payload) *message {
	m := &message{channel: i.channel, author: s.bot, from: i, kind: messageFromCommand}
	switch {
	case i.target != nil:
		m.kind = messageFromMenu
	case i.source != nil && i.source.onlyFor == nil:
		m.kind, m.reference = messageReply, i.source
	case i.kind != interactionCommand:
		m.kind = messagePlain
	}
	if p.Flags != nil && *p.Flags&flagEphemeral != 0 {
		m.flags, m.onlyFor = flagEphemeral, i.user
	}
	return m
}

// suggest takes the choices of an autocomplete.
func (i *Interaction) suggest(raw json.RawMessage) *refused {
	var sent struct {
		Choices []struct {
			Name  string `json:"name"`
			Value any    `json:"value"`
		} `json:"choices"`
	}
	if wrong := decode(raw, &sent); wrong != nil {
		return wrong
	}
	if len(sent.Choices) > 25 {
		return invalid("data.choices", "%d of at most 25", len(sent.Choices))
	}
	i.choices = nil
	for n, choice := range sent.Choices {
		path := fmt.Sprintf("data.choices.%d", n)
		if length := utf8.RuneCountInString(choice.Name); length < 1 || length > 100 {
			return invalid(path+".name", "%d of 1 to 100 characters", length)
		}
		if value, ok := choice.Value.(string); choice.Value == nil || ok && (value == "" || utf8.RuneCountInString(value) > 100) {
			return invalid(path+".value", "not 1 to 100 characters")
		}
		i.choices = append(i.choices, Choice{choice.Name, choice.Value})
	}
	return nil
}

// callbackResponse: https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-callback-response-object
func (i *Interaction) callbackResponse() any {
	told := map[string]any{"id": i.ID, "type": i.kind, "channel_id": i.channel.ID}
	if i.response == nil {
		return map[string]any{"interaction": told}
	}
	told["response_message_id"] = i.response.id
	told["response_message_loading"] = i.response.flags&flagLoading != 0
	told["response_message_ephemeral"] = i.response.onlyFor != nil
	if i.ackType != callbackMessage && i.ackType != callbackUpdate {
		return map[string]any{"interaction": told}
	}
	return map[string]any{"interaction": told, "resource": map[string]any{"type": i.ackType, "message": i.response.json()}}
}

// edit changes a message and tells the bot of it.
func (s *Server) edit(m *message, c *call, p *payload) *refused {
	resolved := m.flags&flagLoading != 0
	if wrong := s.compose(m, c, p, flagsOfEdit); wrong != nil {
		return wrong
	}
	if !resolved { // the end of "thinking…" is not an edit
		m.edits++
		m.edited = s.now()
	}
	s.announce("MESSAGE_UPDATE", m)
	return nil
}
