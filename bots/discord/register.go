package discord

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"imaginebot/bots"
)

// registered is a command as Discord knows it: what we say of it, and what would change it
// if somebody else had said it.
// https://discord.com/developers/docs/interactions/application-commands#application-command-object
type registered struct {
	Type        discordgo.ApplicationCommandType `json:"type"`
	Name        string                           `json:"name"`
	Description string                           `json:"description"`
	Options     []field                          `json:"options,omitempty"`
	Contexts    []int                            `json:"contexts,omitempty"`          // of global commands
	Installs    []int                            `json:"integration_types,omitempty"` // of global commands
	Permissions *string                          `json:"default_member_permissions,omitempty"`
	Adult       bool                             `json:"nsfw,omitempty"`
}

// field is an option of a command as Discord knows it.
type field struct {
	Type         discordgo.ApplicationCommandOptionType `json:"type"`
	Name         string                                 `json:"name"`
	Description  string                                 `json:"description"`
	Required     bool                                   `json:"required,omitempty"`
	Autocomplete bool                                   `json:"autocomplete,omitempty"`
	Choices      []choice                               `json:"choices,omitempty"`
	Min          *float64                               `json:"min_value,omitempty"`
	Max          *float64                               `json:"max_value,omitempty"`
	MaxLength    int                                    `json:"max_length,omitempty"`
}

// choice is one value of an option, and a suggestion while somebody types.
type choice struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Where a command is to be found: in guilds, in direct messages with the bot and in those
// among people; for who has added the bot to a guild or to their own account.
// https://discord.com/developers/docs/interactions/application-commands#interaction-contexts
var (
	everywhere = []int{0, 1, 2}
	eitherWay  = []int{0, 1}
)

var fieldTypes = map[bots.Type]discordgo.ApplicationCommandOptionType{
	bots.String:  discordgo.ApplicationCommandOptionString,
	bots.Integer: discordgo.ApplicationCommandOptionInteger,
	bots.Number:  discordgo.ApplicationCommandOptionNumber,
	bots.Boolean: discordgo.ApplicationCommandOptionBoolean,
	bots.Picture: discordgo.ApplicationCommandOptionAttachment,
}

// commands is the table of package bots in Discord's words, for all guilds or for one.
func commands(global bool) []registered {
	var list []registered
	for _, command := range bots.Commands() {
		known := registered{Type: discordgo.ChatApplicationCommand, Name: command.Name, Description: command.About}
		if global {
			known.Contexts, known.Installs = everywhere, eitherWay
		}
		for _, required := range []bool{true, false} { // Discord wants them in this order
			for _, option := range command.Options {
				if option.Required == required {
					known.Options = append(known.Options, fieldOf(option))
				}
			}
		}
		list = append(list, known)
	}
	return list
}

func fieldOf(option bots.Option) field {
	known := field{
		Type: fieldTypes[option.Type], Name: option.Name, Description: option.About, Required: option.Required,
		Autocomplete: option.Complete != nil, MaxLength: option.MaxRunes,
	}
	for _, value := range option.Choices {
		known.Choices = append(known.Choices, choice{value, value})
	}
	if option.Max > option.Min {
		known.Min, known.Max = &option.Min, &option.Max
	}
	return known
}

// register makes Discord know the commands, however often that takes.
func (b *Bot) register(ctx context.Context) {
	for attempt := 1; ctx.Err() == nil; attempt++ {
		err := b.registerOnce(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		wait := backoff(attempt)
		if told, limited := retryAfter(err); limited {
			wait = max(wait, told)
		}
		b.Log.Warn("the commands are not registered", platform, "attempt", attempt, "ms", wait.Milliseconds(), "err", err)
		sleep(ctx, wait)
	}
}

// registerOnce compares what Discord knows with what it should know, everywhere, and
// mends what differs.
func (b *Bot) registerOnce(ctx context.Context) error {
	// https://discord.com/developers/docs/resources/application#get-current-application
	var application struct {
		ID string `json:"id"`
	}
	if err := b.rest.do(ctx, restCall{action: "look the application up", method: http.MethodGet, path: join("applications", "@me"), bot: true}, &application); err != nil {
		return err
	}
	var problems []error
	if len(b.GuildIDs) == 0 {
		problems = append(problems, b.settle(ctx, scope(application.ID, ""), commands(true)))
	} else {
		problems = append(problems, b.settle(ctx, scope(application.ID, ""), nil))
	}
	problems = append(problems, b.settleGuilds(ctx, application.ID))
	return errors.Join(problems...)
}

// settleGuilds gives the guilds of the settings their commands, and takes them from those
// that have been given some earlier.
func (b *Bot) settleGuilds(ctx context.Context, application string) error {
	earlier, err := b.guilds(ctx)
	if err != nil {
		return err
	}
	stale := slices.DeleteFunc(slices.Clone(earlier), func(guild string) bool { return slices.Contains(b.GuildIDs, guild) })
	if all := union(earlier, b.GuildIDs); !slices.Equal(all, earlier) {
		if err := b.noteGuilds(ctx, all); err != nil {
			return err
		}
	}
	var problems []error
	for _, guild := range b.GuildIDs {
		problems = append(problems, named(guild, b.settle(ctx, scope(application, guild), commands(false))))
	}
	for _, guild := range stale {
		err := b.settle(ctx, scope(application, guild), nil)
		if notPermitted(err) || hasCode(err, unknownGuild) { // the bot has left it
			continue
		}
		problems = append(problems, named(guild, err))
	}
	if err := errors.Join(problems...); err != nil || len(stale) == 0 {
		return err
	}
	return b.noteGuilds(ctx, union(nil, b.GuildIDs))
}

// unknownGuild is a guild that is no more, or never was.
const unknownGuild = 10004

// named says which guild an error is about.
func named(guild string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("guild %s: %w", guild, err)
}

// scope is the path of the commands of one guild, or of all with "".
func scope(application, guild string) string {
	if guild == "" {
		return join("applications", application, "commands")
	}
	return join("applications", application, "guilds", guild, "commands")
}

// settle overwrites the commands of a scope if they are not what they should be: new ones
// count against a daily limit of 200.
// https://discord.com/developers/docs/interactions/application-commands#bulk-overwrite-global-application-commands
func (b *Bot) settle(ctx context.Context, path string, want []registered) error {
	var have []registered
	if err := b.rest.do(ctx, restCall{action: "look the commands up", method: http.MethodGet, path: path, bot: true}, &have); err != nil {
		return err
	}
	if same(have, want) {
		return nil
	}
	if want == nil {
		want = []registered{}
	}
	if err := b.rest.do(ctx, restCall{action: "register the commands", method: http.MethodPut, path: path, bot: true, body: want}, nil); err != nil {
		return err
	}
	if len(want) == 0 {
		b.Log.Info("commands of another scope cleared", platform)
	} else {
		b.Log.Info("commands registered", platform)
	}
	return nil
}

// same compares commands by what they mean.
func same(have, want []registered) bool {
	return reflect.DeepEqual(normal(have), normal(want))
}

// normal is a list of commands in a form in which equal ones are alike: in the order of their
// names, and with nothing where Discord says the same by null or an empty list.
func normal(list []registered) []registered {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b registered) int { return cmp.Or(cmp.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name)) })
	for n := range list {
		one := &list[n]
		one.Contexts, one.Installs = sorted(one.Contexts), sorted(one.Installs)
		if len(one.Options) == 0 {
			one.Options = nil
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

func sorted(list []int) []int {
	if len(list) == 0 {
		return nil
	}
	return slices.Sorted(slices.Values(list))
}

// guildsNote remembers the guilds that have been given commands of their own.
const (
	guildsNote     = "discord:guilds"
	guildsNoteKept = 10 * 365 * 24 * time.Hour
)

func (b *Bot) guilds(ctx context.Context) ([]string, error) {
	text, err := b.Store.Note(ctx, guildsNote)
	if err != nil || text == "" {
		return nil, err
	}
	var ids []string
	if json.Unmarshal([]byte(text), &ids) != nil {
		return nil, nil
	}
	return slices.DeleteFunc(ids, func(id string) bool { return !areSnowflakes(id) }), nil
}

func (b *Bot) noteGuilds(ctx context.Context, ids []string) error {
	text, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	return b.Store.PutNote(ctx, guildsNote, string(text), b.Now().Add(guildsNoteKept))
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
