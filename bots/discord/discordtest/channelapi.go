package discordtest

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// place finds a channel that the application may see.
func (s *Server) place(id string) (*Channel, *refused) {
	c := s.channelByID(id)
	switch {
	case c == nil:
		return nil, refusal(10003)
	case c.permissions&PermissionViewChannel == 0:
		return nil, refusal(50001)
	}
	return c, nil
}

// getChannel: https://discord.com/developers/docs/resources/channel#get-channel
func (s *Server) getChannel(c *call) (any, *refused) {
	channel, wrong := s.place(c.args[0])
	if wrong != nil {
		return nil, wrong
	}
	return channel.json(), nil
}

// postTyping: https://discord.com/developers/docs/resources/channel#trigger-typing-indicator
func (s *Server) postTyping(c *call) (any, *refused) {
	channel, wrong := s.place(c.args[0])
	if wrong != nil {
		return nil, wrong
	}
	channel.typed++
	return nil, nil
}

// postDM: https://discord.com/developers/docs/resources/user#create-dm
func (s *Server) postDM(c *call) (any, *refused) {
	var body struct {
		Recipient snowflake `json:"recipient_id"`
	}
	if wrong := decode(c.payload, &body); wrong != nil {
		return nil, wrong
	}
	u := s.userByID(string(body.Recipient))
	if u == nil || u == s.bot {
		return nil, mistake(50033, "user %s", body.Recipient)
	}
	return s.dm(u).json(), nil
}

// getMessages: https://discord.com/developers/docs/resources/message#get-channel-messages
func (s *Server) getMessages(c *call) (any, *refused) {
	channel, wrong := s.place(c.args[0])
	if wrong != nil {
		return nil, wrong
	}
	limit, err := strconv.Atoi(c.r.URL.Query().Get("limit"))
	if err != nil {
		limit = 50
	}
	out := []any{}
	for _, m := range slices.Backward(channel.messages) {
		if m.onlyFor == nil && len(out) < limit {
			out = append(out, m.json())
		}
	}
	return out, nil
}

// public finds a message that the channel endpoints know: an ephemeral one they do not.
func (s *Server) public(c *call) (*message, *refused) {
	channel, wrong := s.place(c.args[0])
	if wrong != nil {
		return nil, wrong
	}
	m := channel.find(c.args[1])
	if m == nil || m.onlyFor != nil {
		return nil, refusal(10008)
	}
	return m, nil
}

// getMessage: https://discord.com/developers/docs/resources/message#get-channel-message
func (s *Server) getMessage(c *call) (any, *refused) {
	m, wrong := s.public(c)
	if wrong != nil {
		return nil, wrong
	}
	o := m.json()
	m.hide(o, s.settings.Privileged)
	return o, nil
}

// patchMessage: https://discord.com/developers/docs/resources/message#edit-message
func (s *Server) patchMessage(c *call) (any, *refused) {
	m, wrong := s.public(c)
	if wrong != nil {
		return nil, wrong
	}
	if m.author != s.bot {
		return nil, refusal(50005)
	}
	p, wrong := readPayload(c.payload)
	if wrong != nil {
		return nil, wrong
	}
	if wrong := s.edit(m, c, p); wrong != nil {
		return nil, wrong
	}
	return m.json(), nil
}

// deleteMessage: https://discord.com/developers/docs/resources/message#delete-message
func (s *Server) deleteMessage(c *call) (any, *refused) {
	m, wrong := s.public(c)
	if wrong != nil {
		return nil, wrong
	}
	if m.author != s.bot && m.channel.permissions&PermissionManageMessages == 0 {
		return nil, refusal(50013)
	}
	s.remove(m)
	return nil, nil
}

// postMessage: https://discord.com/developers/docs/resources/message#create-message
func (s *Server) postMessage(c *call) (any, *refused) {
	channel, wrong := s.place(c.args[0])
	if wrong != nil {
		return nil, wrong
	}
	p, wrong := readPayload(c.payload)
	if wrong != nil {
		return nil, wrong
	}
	switch {
	case channel.With != nil && channel.With.dmsClosed:
		return nil, refusal(50007)
	case channel.permissions&PermissionSendMessages == 0, len(c.files) > 0 && channel.permissions&PermissionAttachFiles == 0:
		return nil, refusal(50013)
	}
	switch nonce := p.Nonce.(type) {
	case nil, json.Number:
	case string:
		if utf8.RuneCountInString(nonce) > 25 {
			return nil, invalid("nonce", "more than 25 characters")
		}
	default:
		return nil, invalid("nonce", "neither a string nor a number")
	}
	if old := s.sameNonce(channel, p); old != nil {
		return old.json(), nil
	}
	m := &message{channel: channel, author: s.bot, nonce: p.Nonce}
	if reference := p.MessageReference; reference != nil {
		m.kind, m.reference = messageReply, channel.find(string(reference.MessageID))
		if m.reference == nil || m.reference.onlyFor != nil {
			if reference.FailIfNotExists == nil || *reference.FailIfNotExists {
				unknown := refusal(50035)
				unknown.path, unknown.detail = "message_reference", "Unknown message"
				return nil, unknown
			}
			m.kind, m.reference = messagePlain, nil
		}
	}
	if wrong := s.compose(m, c, p, flagsOfChannel); wrong != nil {
		return nil, wrong
	}
	s.post(m)
	return m.json(), nil
}

// sameNonce finds the message that an enforced nonce made in the past few minutes.
func (s *Server) sameNonce(channel *Channel, p *payload) *message {
	const remembered = 5 * time.Minute
	if p.Nonce == nil || p.EnforceNonce == nil || !*p.EnforceNonce {
		return nil
	}
	for _, m := range slices.Backward(channel.messages) {
		if m.author == s.bot && m.nonce == p.Nonce && s.now().Sub(m.sent) < remembered {
			return m
		}
	}
	return nil
}
