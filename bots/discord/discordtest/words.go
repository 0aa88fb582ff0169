package discordtest

import (
	"context"
	"fmt"
)

// Words are a message that a person writes. Mentions are markup in Text, see [User.Mention].
type Words struct {
	Text  string
	Files []File
	// ReplyTo is the message replied to; its author is pinged unless Silent.
	ReplyTo *Message
	Silent  bool
}

// Say writes a message and tells the bot of it, as far as its intents go.
func (s *Server) Say(u *User, where *Channel, words Words) (Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &message{channel: where, author: u, content: words.Text}
	if words.ReplyTo != nil {
		reference, err := s.seen(u, *words.ReplyTo)
		if err != nil {
			return Message{}, err
		}
		m.kind, m.reference = messageReply, reference
	}
	for _, f := range words.Files {
		m.attachments = append(m.attachments, s.store(where.ID, f))
	}
	pinged := !words.Silent
	if wrong := s.resolve(m, &allowedMentions{Parse: []string{"users"}, RepliedUser: &pinged}); wrong != nil {
		return Message{}, wrong
	}
	where.spoke[u.ID] = true
	s.post(m)
	s.touch()
	return m.snapshot(), nil
}

// Remove deletes a message, as its author or a moderator does.
func (s *Server) Remove(message Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channelByID(message.ChannelID); c != nil {
		if m := c.find(message.ID); m != nil {
			s.remove(m)
			return nil
		}
	}
	return fmt.Errorf("discordtest: no message %s", message.ID)
}

// Messages are what the person sees in the channel, oldest first.
func (s *Server) Messages(where *Channel, u *User) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	for _, m := range where.messages {
		if m.onlyFor == nil || m.onlyFor == u {
			out = append(out, m.snapshot())
		}
	}
	return out
}

// WaitMessage returns the first message of the channel, of whomever and for whomever, that satisfies cond.
func (s *Server) WaitMessage(ctx context.Context, where *Channel, cond func(Message) bool) (Message, error) {
	var found Message
	err := s.await(ctx, func() bool {
		for _, m := range where.messages {
			if found = m.snapshot(); cond(found) {
				return true
			}
		}
		return false
	})
	if err != nil {
		return Message{}, fmt.Errorf("discordtest: waiting for a message: %w", err)
	}
	return found, nil
}
