package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/bwmarrin/discordgo"

	"imaginebot/bots"
	"imaginebot/core"
)

// home is Discord in user ids, event keys and addresses.
const home core.Platform = "discord"

// interaction is what a person did, in Discord's own words. discordgo's type lacks
// fields, and has no data at all where a component is of a kind that it does not know.
// https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-object
type interaction struct {
	ID             string                    `json:"id"`
	ApplicationID  string                    `json:"application_id"`
	Token          string                    `json:"token"`
	Type           discordgo.InteractionType `json:"type"`
	ChannelID      string                    `json:"channel_id"`
	GuildID        string                    `json:"guild_id"`
	Context        *int                      `json:"context"`
	User           *person                   `json:"user"` // in direct messages
	Member         *member                   `json:"member"`
	AppPermissions *permissions              `json:"app_permissions"`
	FileLimit      int64                     `json:"attachment_size_limit"`
	Message        *struct {
		ID    string                 `json:"id"`
		Flags discordgo.MessageFlags `json:"flags"`
	} `json:"message"` // under which a button was pressed
	Data struct {
		Name     string   `json:"name"`
		Options  []filled `json:"options"`
		CustomID string   `json:"custom_id"`
		Resolved struct {
			Attachments map[string]attached `json:"attachments"`
		} `json:"resolved"`
	} `json:"data"`
}

type person struct {
	ID string `json:"id"`
}

type member struct {
	User        *person     `json:"user"`
	Permissions permissions `json:"permissions"` // in the channel, overwrites included
}

// filled is an option that a person has filled in.
type filled struct {
	Name    string          `json:"name"`
	Value   json.RawMessage `json:"value"`
	Focused bool            `json:"focused"`
}

// attached is a file that a person has sent; the size is as declared.
type attached struct {
	Filename string `json:"filename"`
	Size     int64  `json:"size"`
	URL      string `json:"url"`
}

// permissions is a set of rights, which Discord writes as text.
type permissions int64

// UnmarshalJSON reads the decimal text; what is none is no permission.
func (p *permissions) UnmarshalJSON(raw []byte) error {
	bits, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	if err != nil {
		bits = 0
	}
	*p = permissions(bits)
	return nil
}

// allow reports whether the right is there.
func (p permissions) allow(right permissions) bool {
	return p&(right|discordgo.PermissionAdministrator) != 0
}

var errNoInteraction = errors.New("not an interaction that can be answered")

// parseInteraction reads an INTERACTION_CREATE. What it returns has all it takes to be answered.
func parseInteraction(raw []byte) (interaction, error) {
	var i interaction
	if err := json.Unmarshal(raw, &i); err != nil {
		return interaction{}, errors.Join(errNoInteraction, withoutValue(err))
	}
	if i.User == nil && i.Member != nil {
		i.User = i.Member.User
	}
	if i.User == nil || i.Token == "" || !areSnowflakes(i.ID, i.ApplicationID, i.ChannelID, i.User.ID) {
		return interaction{}, errNoInteraction
	}
	return i, nil
}

// withoutValue is an error of decoding without what was decoded, which may be a prompt.
func withoutValue(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return errors.New("a field of the wrong type: " + wrong.Field)
	}
	return errors.New("not JSON")
}

// areSnowflakes reports whether all are ids of Discord's
// (https://discord.com/developers/docs/reference#snowflakes).
func areSnowflakes(ids ...string) bool {
	return !slices.ContainsFunc(ids, func(id string) bool {
		number, err := strconv.ParseUint(id, 10, 64)
		return err != nil || number == 0 || id != strconv.FormatUint(number, 10)
	})
}

func (i interaction) key() core.EventKey { return core.EventKey("discord:" + i.ID) }

func (i interaction) user() core.UserID { return core.NewUserID(home, i.User.ID) }

// direct reports whether the interaction comes from direct messages with the bot itself;
// those of two people, or of a group, have another context.
// https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-object-interaction-context-types
func (i interaction) direct() bool {
	const botDM = 1
	return i.Context != nil && *i.Context == botDM
}

func (i interaction) place() bots.Place {
	place := bots.Place{ID: "discord:" + i.ChannelID, Private: i.direct(), Origins: []string{i.user().String()}}
	if i.GuildID != "" {
		place.Origins = append(place.Origins, "discord-guild:"+i.GuildID)
	}
	if i.Member != nil {
		place.Moderator = i.Member.Permissions.allow(discordgo.PermissionManageMessages)
	}
	return place
}

// call is the command that the person has given. Its attachments are fetched through open.
func (i interaction) call(open func(ctx context.Context, address string) (io.ReadCloser, error)) bots.Call {
	call := bots.Call{
		Command: i.Data.Name, Options: map[string]string{}, Pictures: map[string]core.Attachment{},
		Event: i.key(), User: i.user(), Place: i.place(),
	}
	command, _ := bots.Find(i.Data.Name)
	for _, option := range i.Data.Options {
		known, _ := command.Option(option.Name)
		value := option.text()
		switch {
		case known.Type == bots.Picture:
			if file, ok := i.Data.Resolved.Attachments[value]; ok {
				call.Pictures[option.Name] = core.Attachment{
					Name: file.Filename, Size: file.Size,
					Open: func(ctx context.Context) (io.ReadCloser, error) { return open(ctx, file.URL) },
				}
			}
		case option.Name == command.Words:
			call.Words = value
		default:
			call.Options[option.Name] = value
		}
	}
	return call
}

// text is the option's value as a person would have typed it.
func (o filled) text() string {
	var words string
	if json.Unmarshal(o.Value, &words) == nil {
		return words
	}
	return string(bytes.TrimSpace(o.Value))
}

// focused is the option that the person is typing into.
func (i interaction) focused() (filled, bool) {
	at := slices.IndexFunc(i.Data.Options, func(o filled) bool { return o.Focused })
	if at < 0 {
		return filled{}, false
	}
	return i.Data.Options[at], true
}

// mayAttach reports whether the bot may attach files where the interaction came from.
func (i interaction) mayAttach() bool {
	return i.AppPermissions == nil || i.AppPermissions.allow(discordgo.PermissionAttachFiles)
}

// button is the button that was pressed; the zero one if it is none of ours.
func (i interaction) button() bots.Button {
	button, ok := bots.ParseButton(i.Data.CustomID)
	if !ok {
		return bots.Button{}
	}
	return button
}

// unseen reports whether the message under which a button was pressed is ephemeral.
func (i interaction) unseen() bool {
	return i.Message != nil && i.Message.Flags&discordgo.MessageFlagsEphemeral != 0
}

// acknowledged says how the interaction is acknowledged: this follows from it alone.
// https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-response-object-interaction-callback-type
func (i interaction) acknowledged(desk *bots.Desk) (kind discordgo.InteractionResponseType, ephemeral bool) {
	const answer, update = discordgo.InteractionResponseDeferredChannelMessageWithSource, discordgo.InteractionResponseDeferredMessageUpdate
	if i.Type == discordgo.InteractionApplicationCommand {
		command, known := bots.Find(i.Data.Name)
		return answer, !known || command.Quiet || desk.Private(i.call(nil))
	}
	switch i.button().Action {
	case bots.Again:
		return answer, i.unseen()
	case bots.Delete, bots.Cancel:
		return update, true
	}
	return answer, true
}

// paints reports whether files will be wanted in the channel.
func (i interaction) paints() bool {
	if i.Type == discordgo.InteractionApplicationCommand {
		command, _ := bots.Find(i.Data.Name)
		return command.Paints
	}
	action := i.button().Action
	return action == bots.Again || action == bots.Original
}
