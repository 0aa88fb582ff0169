package discordtest

import "slices"

// webhook finds the interaction behind /webhooks/{application}/{token}: it exists from the
// acknowledgement on, for as long as the token lives.
func (s *Server) webhook(c *call) (*Interaction, *refused) {
	i := s.interactionByToken(c.args[1])
	switch {
	case c.args[0] != s.app:
		return nil, mistake(10015, "webhook %s is not the application", c.args[0])
	case i == nil:
		return nil, mistake(50027, "a token of no interaction")
	case i.dead():
		return nil, refusal(50027)
	case i.ackType == 0 && i.excused:
		return nil, refusal(10015)
	case i.ackType == 0 || i.kind == interactionAutocomplete:
		return nil, mistake(10015, "%s was not acknowledged with anything to write to", i.name())
	}
	return i, nil
}

// webhookMessage finds @original or a message by its id.
func (s *Server) webhookMessage(c *call) (*Interaction, *message, *refused) {
	i, wrong := s.webhook(c)
	if wrong != nil {
		return nil, nil, wrong
	}
	m := i.response
	if id := c.args[2]; id != "@original" {
		m = nil
		if n := slices.IndexFunc(i.followups, func(f *message) bool { return f.id == id }); n >= 0 {
			m = i.followups[n]
		} else if i.response != nil && i.response.id == id {
			m = i.response
		}
	}
	if !i.shows(m) {
		return nil, nil, refusal(10008)
	}
	return i, m, nil
}

// getWebhookMessage: https://discord.com/developers/docs/interactions/receiving-and-responding#get-original-interaction-response
func (s *Server) getWebhookMessage(c *call) (any, *refused) {
	_, m, wrong := s.webhookMessage(c)
	if wrong != nil {
		return nil, wrong
	}
	return m.json(), nil
}

// patchWebhookMessage: https://discord.com/developers/docs/interactions/receiving-and-responding#edit-original-interaction-response
func (s *Server) patchWebhookMessage(c *call) (any, *refused) {
	_, m, wrong := s.webhookMessage(c)
	if wrong != nil {
		return nil, wrong
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

// deleteWebhookMessage: https://discord.com/developers/docs/interactions/receiving-and-responding#delete-original-interaction-response
func (s *Server) deleteWebhookMessage(c *call) (any, *refused) {
	_, m, wrong := s.webhookMessage(c)
	if wrong != nil {
		return nil, wrong
	}
	s.remove(m)
	return nil, nil
}

// postFollowup: https://discord.com/developers/docs/interactions/receiving-and-responding#create-followup-message
func (s *Server) postFollowup(c *call) (any, *refused) {
	i, wrong := s.webhook(c)
	if wrong != nil {
		return nil, wrong
	}
	p, wrong := readPayload(c.payload)
	if wrong != nil {
		return nil, wrong
	}
	if i.shows(i.response) && i.response.flags&flagLoading != 0 { // the first one after a deferral resolves it
		if wrong := s.edit(i.response, c, p); wrong != nil {
			return nil, wrong
		}
		return i.response.json(), nil
	}
	m := s.answerTo(i, p)
	m.kind, m.reference = messagePlain, nil
	if wrong := s.compose(m, c, p, flagsOfCallback); wrong != nil {
		return nil, wrong
	}
	i.followups = append(i.followups, m)
	s.post(m)
	return m.json(), nil
}
