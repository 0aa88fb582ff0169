package discordtest

import (
	"slices"
	"strings"
)

// Permission bits, as far as they matter here (https://discord.com/developers/docs/topics/permissions).
const (
	PermissionManageMessages = 1 << 13
	PermissionAttachFiles    = 1 << 15
	PermissionViewChannel    = 1 << 10
	PermissionSendMessages   = 1 << 11
	PermissionEmbedLinks     = 1 << 14
	PermissionReadHistory    = 1 << 16

	permissionsOfApp    = PermissionViewChannel | PermissionSendMessages | PermissionEmbedLinks | PermissionAttachFiles | PermissionReadHistory
	permissionsOfMember = permissionsOfApp
)

// User is a person, or the bot.
type User struct {
	ID   string
	Name string
	// Locale is the language of the person's client; set it before the person acts.
	Locale string

	server    *Server
	bot       bool
	dmsClosed bool
}

// Mention is the markup that pings the user.
func (u *User) Mention() string { return "<@" + u.ID + ">" }

// CloseDMs makes messages to the user fail with 50007, as a privacy setting does.
func (u *User) CloseDMs() {
	u.server.mu.Lock()
	defer u.server.mu.Unlock()
	u.dmsClosed = true
}

// Guild is a server in Discord's sense, with channels and members. Everyone is a member of every guild.
type Guild struct {
	ID   string
	Name string

	server      *Server
	permissions map[string]int64 // of members, by user id, where not the usual
	roles       map[string]string
}

// Channel is where people talk: in a guild, or in direct messages with the bot.
type Channel struct {
	ID   string
	Name string
	// Guild is nil for direct messages.
	Guild *Guild
	// With is the person on the other side of direct messages, nil in a guild.
	With *User

	server      *Server
	permissions int64 // of the application
	gone        bool
	typed       int
	messages    []*message
	spoke       map[string]bool // ids of users who acted here: the bot may mention them
}

// User finds or makes the person of that name.
func (s *Server) User(name string) *User {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if u.Name == name {
			return u
		}
	}
	u := &User{ID: s.nextID(), Name: name, Locale: "en-US", server: s}
	s.users = append(s.users, u)
	return u
}

// Guild finds or makes the guild of that name. The bot is in it from its next Ready on.
func (s *Server) Guild(name string) *Guild {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.guilds {
		if g.Name == name {
			return g
		}
	}
	g := &Guild{ID: s.nextID(), Name: name, server: s, permissions: map[string]int64{}, roles: map[string]string{}}
	s.guilds = append(s.guilds, g)
	return g
}

// Channel finds or makes the text channel of that name.
func (g *Guild) Channel(name string) *Channel {
	s := g.server
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.channels {
		if c.Guild == g && c.Name == name {
			return c
		}
	}
	c := &Channel{ID: s.nextID(), Name: name, Guild: g, server: s, permissions: permissionsOfApp, spoke: map[string]bool{}}
	s.channels = append(s.channels, c)
	return c
}

// Role makes a role that can be mentioned and returns its id.
func (g *Guild) Role(name string) string {
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	id := g.server.nextID()
	g.roles[id] = name
	return id
}

// Grant gives a member permissions beyond the usual ones, such as PermissionManageMessages.
func (g *Guild) Grant(u *User, permissions int64) {
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	g.permissions[u.ID] = permissionsOfMember | permissions
}

// DM finds or opens the direct messages between the person and the bot.
func (s *Server) DM(u *User) *Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dm(u)
}

func (s *Server) dm(u *User) *Channel {
	for _, c := range s.channels {
		if c.With == u {
			return c
		}
	}
	c := &Channel{ID: s.nextID(), With: u, server: s, permissions: permissionsOfApp, spoke: map[string]bool{u.ID: true}}
	s.channels = append(s.channels, c)
	return c
}

// SetAppPermissions says what the application may do in the channel; see the Permission constants.
func (c *Channel) SetAppPermissions(permissions int64) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.permissions = permissions
}

// Delete removes the channel: the API answers 10003 from now on.
func (c *Channel) Delete() {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.gone = true
}

// Typed counts how often the bot showed that it is typing here.
func (c *Channel) Typed() int {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return c.typed
}

func (s *Server) userByID(id string) *User {
	if id == s.bot.ID {
		return s.bot
	}
	if i := slices.IndexFunc(s.users, func(u *User) bool { return u.ID == id }); i >= 0 {
		return s.users[i]
	}
	return nil
}

func (s *Server) channelByID(id string) *Channel {
	if i := slices.IndexFunc(s.channels, func(c *Channel) bool { return c.ID == id && !c.gone }); i >= 0 {
		return s.channels[i]
	}
	return nil
}

func (c *Channel) find(messageID string) *message {
	if i := slices.IndexFunc(c.messages, func(m *message) bool { return m.id == messageID }); i >= 0 {
		return c.messages[i]
	}
	return nil
}

// json is a user object (https://discord.com/developers/docs/resources/user#user-object).
func (u *User) json() map[string]any {
	o := map[string]any{
		"id": u.ID, "username": strings.ToLower(u.Name), "global_name": u.Name, "discriminator": "0", "avatar": nil,
		"public_flags": 0, "flags": 0, "primary_guild": nil,
	}
	if u.bot {
		o["bot"], o["global_name"] = true, nil
	}
	return o
}

// member is a member object (https://discord.com/developers/docs/resources/guild#guild-member-object).
func (g *Guild) member(u *User) map[string]any {
	permissions := int64(permissionsOfMember)
	if own, ok := g.permissions[u.ID]; ok {
		permissions = own
	}
	return map[string]any{
		"user": u.json(), "roles": []string{}, "joined_at": "2024-01-01T00:00:00.000000+00:00", "deaf": false, "mute": false,
		"nick": nil, "avatar": nil, "banner": nil, "flags": 0, "pending": false, "premium_since": nil,
		"communication_disabled_until": nil, "permissions": decimal(permissions),
	}
}

// json is a channel object (https://discord.com/developers/docs/resources/channel#channel-object).
func (c *Channel) json() map[string]any {
	if c.With != nil {
		return map[string]any{"id": c.ID, "type": 1, "flags": 0, "last_message_id": nil, "recipients": []any{c.With.json()}}
	}
	return map[string]any{
		"id": c.ID, "type": 0, "flags": 0, "last_message_id": nil, "guild_id": c.Guild.ID, "name": c.Name,
		"parent_id": nil, "position": 0, "permission_overwrites": []any{}, "nsfw": false, "topic": nil, "rate_limit_per_user": 0,
	}
}
