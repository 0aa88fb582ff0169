package discord

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"imaginebot/core"
)

// address is where an answer goes: the answer to an interaction, and what it takes to
// find the person when that cannot be written any more. It is a secret, because the token is.
type address struct {
	Version     int    `json:"v"`
	Application string `json:"app"`
	Interaction string `json:"id"`
	Token       string `json:"token"`
	Channel     string `json:"channel"`
	Guild       string `json:"guild,omitempty"`
	User        string `json:"user"`
	Ephemeral   bool   `json:"ephemeral,omitempty"` // the person alone sees the answer
	Direct      bool   `json:"direct,omitempty"`    // the channel is direct messages with the bot
	FileLimit   int64  `json:"limit,omitempty"`     // bytes of a file that may be uploaded; 0 is unknown
}

// addressVersion is the version that is written. Addresses outlive the program that wrote them.
const addressVersion = 1

var errAddress = errors.New("not an address on discord")

// address is where the interaction is answered.
func (i interaction) address(ephemeral bool) address {
	return address{
		Version: addressVersion, Application: i.ApplicationID, Interaction: i.ID, Token: i.Token,
		Channel: i.ChannelID, Guild: i.GuildID, User: i.User.ID, Ephemeral: ephemeral, Direct: i.direct(), FileLimit: max(i.FileLimit, 0),
	}
}

// replyTo is the address as the core keeps it.
func (a address) replyTo() core.ReplyTo {
	raw, err := json.Marshal(a)
	if err != nil { // texts, numbers and booleans can always be written
		return core.ReplyTo{Platform: home}
	}
	return core.ReplyTo{Platform: home, Address: string(raw)}
}

// parseReplyTo reads what replyTo wrote. Its error repeats nothing of it.
func parseReplyTo(to core.ReplyTo) (address, error) {
	var a address
	if to.Platform != home || json.Unmarshal([]byte(to.Address), &a) != nil {
		return address{}, errAddress
	}
	if a.Version != addressVersion || a.Token == "" || a.FileLimit < 0 || !areSnowflakes(a.Application, a.Interaction, a.Channel, a.User) {
		return address{}, errAddress
	}
	return a, nil
}

// LogValue keeps the token out of logs.
func (a address) LogValue() slog.Value { return slog.StringValue(string(home)) }

// tokenLife is how long an interaction can be answered, less the time that an upload
// may take to begin.
// https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-response-object
const tokenLife = 15*time.Minute - 10*time.Second

// expired reports whether the token's time is up.
func (a address) expired(now time.Time) bool { return now.Sub(born(a.Interaction)) > tokenLife }

// born is when Discord made an id (https://discord.com/developers/docs/reference#snowflakes).
func born(id string) time.Time {
	const discordEpoch = 1420070400000
	number, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(number>>22) + discordEpoch)
}
