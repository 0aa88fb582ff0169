package discordtest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// allowedMentions: https://discord.com/developers/docs/resources/message#allowed-mentions-object
type allowedMentions struct {
	Parse       []string `json:"parse"`
	Users       []string `json:"users"`
	Roles       []string `json:"roles"`
	RepliedUser *bool    `json:"replied_user"`
}

var (
	userMention = regexp.MustCompile(`<@!?(\d+)>`)
	roleMention = regexp.MustCompile(`<@&(\d+)>`)
)

// resolve finds whom the message pings: what its text mentions and the sender allows. Embeds never ping.
func (s *Server) resolve(m *message, allowed *allowedMentions) *refused {
	m.mentions, m.roles, m.everyone = nil, nil, false
	if allowed == nil { // Discord's default is to ping
		replied := true
		allowed = &allowedMentions{Parse: []string{"users", "roles", "everyone"}, RepliedUser: &replied}
	}
	parse := func(kind string) bool { return slices.Contains(allowed.Parse, kind) }
	for _, kind := range allowed.Parse {
		if !slices.Contains([]string{"users", "roles", "everyone"}, kind) {
			return invalid("allowed_mentions.parse", "%q", kind)
		}
	}
	if parse("users") && len(allowed.Users) > 0 || parse("roles") && len(allowed.Roles) > 0 {
		return invalid("allowed_mentions", "parse and a list exclude each other")
	}
	readable := m.content
	for c := range eachComponent(m.components) {
		if number(c["type"]) == partText {
			readable += "\n" + text(c["content"])
		}
	}
	add := func(u *User) {
		if u != nil && !slices.Contains(m.mentions, u) {
			m.mentions = append(m.mentions, u)
		}
	}
	for _, found := range userMention.FindAllStringSubmatch(readable, -1) {
		if parse("users") || slices.Contains(allowed.Users, found[1]) {
			add(s.userByID(found[1]))
		}
	}
	if m.reference != nil && m.from == nil && allowed.RepliedUser != nil && *allowed.RepliedUser {
		add(m.reference.author)
	}
	for _, found := range roleMention.FindAllStringSubmatch(readable, -1) {
		known := m.channel.Guild != nil && m.channel.Guild.roles[found[1]] != ""
		if known && (parse("roles") || slices.Contains(allowed.Roles, found[1])) && !slices.Contains(m.roles, found[1]) {
			m.roles = append(m.roles, found[1])
		}
	}
	m.everyone = parse("everyone") && (strings.Contains(readable, "@everyone") || strings.Contains(readable, "@here"))
	return nil
}

// reproach writes down every ping of a bot's message that is not one of the person who asked for it. In a
// channel message nobody is named as the asker: everyone who acted in the channel passes.
func (s *Server) reproach(m *message) {
	where := m.channel.Name
	if m.channel.With != nil {
		where = "direct messages"
	}
	if m.everyone {
		s.violate("a ping of everyone in %s: %q", where, excerpt(m.content))
	}
	for _, id := range m.roles {
		s.violate("a ping of the role %s in %s: %q", m.channel.Guild.roles[id], where, excerpt(m.content))
	}
	for _, u := range m.mentions {
		asked := m.from != nil && m.from.user == u || m.from == nil && m.channel.spoke[u.ID]
		if !asked {
			s.violate("a ping of %s, who did not ask, in %s: %q", u.Name, where, excerpt(m.content))
		}
	}
}

func excerpt(text string) string {
	const most = 80
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// snowflake reads an id that may be written as a number.
type snowflake string

func (f *snowflake) UnmarshalJSON(raw []byte) error {
	var n json.Number
	if err := json.Unmarshal(raw, &n); err != nil {
		return err
	}
	*f = snowflake(n)
	return nil
}
