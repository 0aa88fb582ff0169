package discordtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Command types and option types
// (https://discord.com/developers/docs/interactions/application-commands#application-command-object).
const (
	commandChat    = 1
	commandUser    = 2
	commandMessage = 3

	optionSubcommand = 1
	optionGroup      = 2
	optionString     = 3
	optionInteger    = 4
	optionBoolean    = 5
	optionUser       = 6
	optionChannel    = 7
	optionRole       = 8
	optionNumber     = 10
	optionAttachment = 11
)

// scope checks the ids in the path of the command endpoints and returns the guild's, "" for global.
func (s *Server) scope(c *call) (string, *refused) {
	if c.args[0] != s.app {
		return "", mistake(50001, "application %s is another's", c.args[0])
	}
	if len(c.args) == 1 {
		return "", nil
	}
	if !slices.ContainsFunc(s.guilds, func(g *Guild) bool { return g.ID == c.args[1] }) {
		return "", refusal(50001)
	}
	return c.args[1], nil
}

// getCommands: https://discord.com/developers/docs/interactions/application-commands#get-global-application-commands
func (s *Server) getCommands(c *call) (any, *refused) {
	guild, wrong := s.scope(c)
	if wrong != nil {
		return nil, wrong
	}
	return orEmpty(s.commands[guild]), nil
}

// putCommands: https://discord.com/developers/docs/interactions/application-commands#bulk-overwrite-global-application-commands
func (s *Server) putCommands(c *call) (any, *refused) {
	guild, wrong := s.scope(c)
	if wrong != nil {
		return nil, wrong
	}
	var sent []map[string]any
	if wrong := decode(c.payload, &sent); wrong != nil {
		return nil, wrong
	}
	kept := []map[string]any{}
	seen, of := map[string]bool{}, map[int]int{}
	for n, command := range sent {
		path := fmt.Sprint(n)
		kind := max(number(command["type"]), commandChat)
		if wrong := checkCommand(path, kind, command); wrong != nil {
			return nil, wrong
		}
		key := fmt.Sprint(kind, " ", text(command["name"]))
		if seen[key] {
			return nil, invalid(path+".name", "%q is there twice", command["name"])
		}
		seen[key] = true
		of[kind]++
		kept = append(kept, s.registered(guild, kind, command))
	}
	if of[commandChat] > 100 || of[commandMessage] > 15 || of[commandUser] > 15 {
		return nil, mistake(30032, "%d slash, %d message and %d user commands of at most 100, 15 and 15", of[commandChat], of[commandMessage], of[commandUser])
	}
	s.commands[guild] = kept
	return kept, nil
}

// registered is a command as the API tells it; one of the same name and type keeps its id.
func (s *Server) registered(guild string, kind int, sent map[string]any) map[string]any {
	out := withoutNulls(sent)
	out["id"], out["application_id"], out["version"], out["type"] = s.nextID(), s.app, s.nextID(), kind
	out["description"], out["default_member_permissions"] = text(sent["description"]), nil
	if permissions := sent["default_member_permissions"]; permissions != nil {
		out["default_member_permissions"] = fmt.Sprint(permissions)
	}
	if guild != "" {
		out["guild_id"] = guild
	}
	if kind != commandChat {
		delete(out, "options")
	}
	for _, old := range s.commands[guild] {
		if old["name"] == out["name"] && old["type"] == kind {
			out["id"] = old["id"]
		}
	}
	return out
}

// withoutNulls drops what JSON says by null, all the way down.
func withoutNulls(o map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range o {
		switch v := v.(type) {
		case nil:
		case map[string]any:
			out[k] = withoutNulls(v)
		case []any:
			if inner := list(v); len(v) > 0 && inner[0] != nil {
				var cleaned []any
				for _, o := range inner {
					cleaned = append(cleaned, withoutNulls(o))
				}
				out[k] = cleaned
				continue
			}
			out[k] = v
		default:
			out[k] = v
		}
	}
	return out
}

// Names are lower case where a case exists (https://discord.com/developers/docs/interactions/application-commands#application-command-object-application-command-naming).
var nameRule = regexp.MustCompile(`^[-_'\p{L}\p{N}]{1,32}$`)

func nameFits(name string) bool { return nameRule.MatchString(name) && name == strings.ToLower(name) }

func checkCommand(path string, kind int, command map[string]any) *refused {
	name, description := text(command["name"]), text(command["description"])
	if kind != commandChat {
		switch n := utf8.RuneCountInString(name); {
		case kind != commandUser && kind != commandMessage:
			return invalid(path+".type", "%d", kind)
		case n < 1 || n > 32:
			return invalid(path+".name", "%d of 1 to 32 characters", n)
		case description != "" || len(list(command["options"])) > 0:
			return invalid(path, "a context menu command has neither description nor options")
		}
		return nil
	}
	if !nameFits(name) {
		return invalid(path+".name", "%q is not a lower case name", name)
	}
	if n := utf8.RuneCountInString(description); n < 1 || n > 100 {
		return invalid(path+".description", "%d of 1 to 100 characters", n)
	}
	size := utf8.RuneCountInString(name + description)
	if wrong := checkOptions(path+".options", list(command["options"]), 0, &size); wrong != nil {
		return wrong
	}
	if size > 8000 {
		return invalid(path, "%d of at most 8000 characters", size)
	}
	return nil
}

// checkOptions: https://discord.com/developers/docs/interactions/application-commands#application-command-object-application-command-option-structure
// The options stand inside a command (0), a group or a subcommand.
func checkOptions(path string, options []map[string]any, inside int, size *int) *refused {
	if len(options) > 25 {
		return invalid(path, "%d of at most 25", len(options))
	}
	seen, optional := map[string]bool{}, ""
	for n, o := range options {
		at := fmt.Sprintf("%s.%d", path, n)
		name, description, kind := text(o["name"]), text(o["description"]), number(o["type"])
		*size += utf8.RuneCountInString(name + description)
		length := utf8.RuneCountInString(description)
		nests := kind == optionSubcommand || kind == optionGroup
		required := o["required"] == true
		switch {
		case !nameFits(name) || seen[name]:
			return invalid(at+".name", "%q is not a lower case name, or there twice", name)
		case length < 1 || length > 100:
			return invalid(at+".description", "%d of 1 to 100 characters", length)
		case kind < optionSubcommand || kind > optionAttachment || kind == optionGroup && inside != 0 || kind == optionSubcommand && inside == optionSubcommand:
			return invalid(at+".type", "%d cannot stand here", kind)
		case nests != (number(options[0]["type"]) <= optionGroup):
			return invalid(at+".type", "subcommands and other options exclude each other")
		case required && optional != "":
			return invalid(at+".required", "%s is required but comes after the optional %s", name, optional)
		}
		seen[name] = true
		if !required {
			optional = name
		}
		if nests {
			if wrong := checkOptions(at+".options", list(o["options"]), kind, size); wrong != nil {
				return wrong
			}
			continue
		}
		if wrong := checkChoices(at, kind, o, size); wrong != nil {
			return wrong
		}
	}
	return nil
}

func checkChoices(at string, kind int, o map[string]any, size *int) *refused {
	choices := list(o["choices"])
	plain := slices.Contains([]int{optionString, optionInteger, optionNumber}, kind)
	switch {
	case len(choices) > 25:
		return invalid(at+".choices", "%d of at most 25", len(choices))
	case len(choices) > 0 && o["autocomplete"] == true:
		return invalid(at, "choices and autocomplete exclude each other")
	case !plain && (len(choices) > 0 || o["autocomplete"] == true):
		return invalid(at, "choices and autocomplete are for strings and numbers")
	case kind != optionInteger && kind != optionNumber && (o["min_value"] != nil || o["max_value"] != nil):
		return invalid(at, "min_value and max_value are for numbers")
	case kind != optionString && (o["min_length"] != nil || o["max_length"] != nil):
		return invalid(at, "min_length and max_length are for strings")
	}
	seen := map[string]bool{}
	for i, c := range choices {
		name, value := text(c["name"]), c["value"]
		length := utf8.RuneCountInString(name)
		_, isText := value.(string)
		if length < 1 || length > 100 || seen[name] {
			return invalid(fmt.Sprintf("%s.choices.%d.name", at, i), "not 1 to 100 characters, or there twice")
		}
		if value == nil || isText != (kind == optionString) || utf8.RuneCountInString(text(value)) > 100 {
			return invalid(fmt.Sprintf("%s.choices.%d.value", at, i), "not a value of type %d", kind)
		}
		seen[name] = true
		*size += length + utf8.RuneCountInString(text(value))
	}
	return nil
}

// Commands are the registered commands of a scope, nil for global, in the words of the API.
func (s *Server) Commands(g *Guild) []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := ""
	if g != nil {
		id = g.ID
	}
	return slices.Clone(s.commands[id])
}

// command finds what a person sees under that name: the guild's own command before a global one.
func (s *Server) command(where *Channel, kind int, name string) (map[string]any, error) {
	scopes, context := []string{""}, 1
	if where.Guild != nil {
		scopes, context = []string{where.Guild.ID, ""}, 0
	}
	for _, scope := range scopes {
		for _, c := range s.commands[scope] {
			if c["name"] != name || c["type"] != kind {
				continue
			}
			if contexts, ok := c["contexts"].([]any); scope == "" && ok && !slices.ContainsFunc(contexts, func(v any) bool { return number(v) == context }) {
				continue
			}
			if scope == "" && where.Guild == nil && c["dm_permission"] == false {
				continue
			}
			return c, nil
		}
	}
	return nil, fmt.Errorf("discordtest: no command %q is registered here", name)
}
