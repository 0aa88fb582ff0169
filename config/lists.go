package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Allow says who may use the bot. IDs are decimal text, each once, in the order given.
type Allow struct {
	// DiscordGuilds may use it, in any channel, with all their members.
	DiscordGuilds []string
	// TelegramChats may use it, with all their members; groups have negative ids.
	TelegramChats []string
	// DiscordUsers and TelegramUsers may use it anywhere.
	DiscordUsers, TelegramUsers []string
}

// Everyone says whether no one is left out, which is so when nothing is listed.
func (a Allow) Everyone() bool {
	return len(a.DiscordGuilds)+len(a.TelegramChats)+len(a.DiscordUsers)+len(a.TelegramUsers) == 0
}

// UnmarshalText takes discord-guild:ID, telegram-chat:ID, discord:ID and
// telegram:ID, separated by commas.
func (a *Allow) UnmarshalText(text []byte) error {
	var read Allow
	err := parseEntries(string(text), []kind{
		{"discord-guild", &read.DiscordGuilds, isSnowflake},
		{"telegram-chat", &read.TelegramChats, isChatID},
		{"discord", &read.DiscordUsers, isSnowflake},
		{"telegram", &read.TelegramUsers, isUserID},
	})
	if err != nil {
		return err
	}
	*a = read
	return nil
}

// String is the list as it may be set.
func (a Allow) String() string {
	return joinEntries([]kind{
		{name: "discord-guild", ids: &a.DiscordGuilds},
		{name: "telegram-chat", ids: &a.TelegramChats},
		{name: "discord", ids: &a.DiscordUsers},
		{name: "telegram", ids: &a.TelegramUsers},
	})
}

// Admins are the users who may use /admin. IDs are decimal text.
type Admins struct {
	DiscordUsers, TelegramUsers []string
}

// UnmarshalText takes discord:ID and telegram:ID, separated by commas.
func (a *Admins) UnmarshalText(text []byte) error {
	var read Admins
	err := parseEntries(string(text), []kind{
		{"discord", &read.DiscordUsers, isSnowflake},
		{"telegram", &read.TelegramUsers, isUserID},
	})
	if err != nil {
		return err
	}
	*a = read
	return nil
}

// String is the list as it may be set.
func (a Admins) String() string {
	return joinEntries([]kind{
		{name: "discord", ids: &a.DiscordUsers},
		{name: "telegram", ids: &a.TelegramUsers},
	})
}

// IDs are Discord ids as decimal text, each once.
type IDs []string

// UnmarshalText takes ids separated by commas.
func (ids *IDs) UnmarshalText(text []byte) error {
	var read IDs
	for n, id := range splitList(string(text)) {
		if !isSnowflake(id) {
			return misplaced(n, id, "is not an id")
		}
		read = appendOnce(read, id)
	}
	*ids = read
	return nil
}

// String is the list as it may be set.
func (ids IDs) String() string { return strings.Join(ids, ",") }

// HostPorts are host:port pairs as [net.JoinHostPort] writes them: the host in
// lower case, an IP address in its shortest form.
type HostPorts []string

// UnmarshalText takes host:port pairs separated by commas.
func (h *HostPorts) UnmarshalText(text []byte) error {
	var read HostPorts
	for n, entry := range splitList(string(text)) {
		host, port, err := net.SplitHostPort(entry)
		if err != nil || !isHost(host) || !isPort(port) || port == "0" {
			return misplaced(n, entry, "is not host:port")
		}
		if ip, err := netip.ParseAddr(host); err == nil {
			host = ip.String()
		}
		read = appendOnce(read, net.JoinHostPort(strings.ToLower(host), port))
	}
	*h = read
	return nil
}

// String is the list as it may be set.
func (h HostPorts) String() string { return strings.Join(h, ",") }

// kind is one sort of entry: its name before the colon, where its ids go, and
// what an id looks like.
type kind struct {
	name  string
	ids   *[]string
	valid func(string) bool
}

func parseEntries(text string, kinds []kind) error {
	for n, entry := range splitList(text) {
		name, id, _ := strings.Cut(entry, ":")
		at := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
		if at < 0 {
			return misplaced(n, entry, "is of no known kind")
		}
		if !kinds[at].valid(id) {
			return misplaced(n, entry, "has no valid id")
		}
		*kinds[at].ids = appendOnce(*kinds[at].ids, id)
	}
	return nil
}

func joinEntries(kinds []kind) string {
	var entries []string
	for _, k := range kinds {
		for _, id := range *k.ids {
			entries = append(entries, k.name+":"+id)
		}
	}
	return strings.Join(entries, ",")
}

// splitList keeps empty entries: they are refused, never skipped.
func splitList(text string) []string {
	entries := strings.Split(text, ",")
	for n := range entries {
		entries[n] = strings.TrimSpace(entries[n])
	}
	return entries
}

func appendOnce[S ~[]string](list S, id string) S {
	if slices.Contains(list, id) {
		return list
	}
	return append(list, id)
}

func misplaced(n int, entry, wrong string) flaw {
	return flaw(fmt.Sprintf("entry %d (%s) %s", n+1, quote(entry), wrong))
}

// isSnowflake: https://discord.com/developers/docs/reference#snowflakes
func isSnowflake(id string) bool {
	n, err := strconv.ParseUint(id, 10, 64)
	return err == nil && n > 0 && onlyDigits(id) && id[0] != '0'
}

// isUserID: https://core.telegram.org/bots/api#user
func isUserID(id string) bool {
	n, err := strconv.ParseInt(id, 10, 64)
	return err == nil && n > 0 && onlyDigits(id) && id[0] != '0'
}

// isChatID: groups are negative, https://core.telegram.org/bots/api#chat
func isChatID(id string) bool { return isUserID(strings.TrimPrefix(id, "-")) }

func isPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil && onlyDigits(port) && (port == "0" || port[0] != '0')
}

func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	letters := func(r rune) bool {
		return r != '-' && r != '.' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	return host != "" && strings.IndexFunc(host, letters) < 0
}
