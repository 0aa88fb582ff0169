package discordtest

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Options are what a person fills in, by the options' names: string, bool, int or float64, [File],
// [*User] or [*Channel], as the registered command declares; of an option with choices, the value or the name of one.
type Options map[string]any

// Command gives a slash command, "admin usage" with a subcommand, and returns when the bot acknowledged it or
// ErrNotResponding when it did not; the Interaction is there in both cases. It refuses what Discord's
// own client refuses to send: a command that is not registered there, a missing or ill-typed option.
func (s *Server) Command(ctx context.Context, u *User, where *Channel, command string, options Options) (*Interaction, error) {
	i := &Interaction{kind: interactionCommand, user: u, channel: where}
	if err := s.give(i, command, options, ""); err != nil {
		return nil, err
	}
	return i, s.acknowledged(ctx, i)
}

// Autocomplete types into the focused option, whose text so far is in options, and returns what the bot suggests.
func (s *Server) Autocomplete(ctx context.Context, u *User, where *Channel, command string, options Options, focused string) ([]Choice, error) {
	i := &Interaction{kind: interactionAutocomplete, user: u, channel: where}
	if err := s.give(i, command, options, focused); err != nil {
		return nil, err
	}
	if err := s.acknowledged(ctx, i); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(i.choices), nil
}

// give sends a slash command or an autocomplete.
func (s *Server) give(i *Interaction, command string, options Options, focused string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	words := strings.Fields(command)
	if len(words) == 0 || i.channel.gone {
		return fmt.Errorf("discordtest: no command %q here", command)
	}
	registered, err := s.command(i.channel, commandChat, words[0])
	if err != nil {
		return err
	}
	i.command = command
	declared := list(registered["options"])
	for _, word := range words[1:] {
		n := slices.IndexFunc(declared, func(o map[string]any) bool { return o["name"] == word && number(o["type"]) <= optionGroup })
		if n < 0 {
			return fmt.Errorf("discordtest: /%s has no subcommand %q", words[0], word)
		}
		declared = list(declared[n]["options"])
	}
	resolved := map[string]any{}
	filled, err := s.fill(i, declared, options, focused, resolved)
	if err != nil {
		return fmt.Errorf("discordtest: /%s: %w", command, err)
	}
	for _, word := range slices.Backward(words[1:]) {
		kind := optionSubcommand
		if word != words[len(words)-1] {
			kind = optionGroup
		}
		filled = []any{map[string]any{"name": word, "type": kind, "options": filled}}
	}
	data := map[string]any{"id": registered["id"], "name": words[0], "type": commandChat, "options": filled}
	if registered["guild_id"] != nil {
		data["guild_id"] = registered["guild_id"]
	}
	if len(resolved) > 0 {
		data["resolved"] = resolved
	}
	s.begin(i, data)
	return nil
}

// fill turns the person's options into those of the interaction, in the declared order.
func (s *Server) fill(i *Interaction, declared []map[string]any, options Options, focused string, resolved map[string]any) ([]any, error) {
	filled := []any{}
	for _, o := range declared {
		name := text(o["name"])
		value, given := options[name]
		switch {
		case !given && name != focused && o["required"] == true && i.kind == interactionCommand:
			return nil, fmt.Errorf("%s is required", name)
		case !given && name != focused:
			continue
		case number(o["type"]) <= optionGroup:
			return nil, fmt.Errorf("%s is a subcommand", name)
		}
		entry := map[string]any{"name": name, "type": number(o["type"])}
		if name == focused {
			if o["autocomplete"] != true {
				return nil, fmt.Errorf("%s has no autocomplete", name)
			}
			entry["focused"], entry["value"] = true, fmt.Sprint(orNothing(value))
		} else {
			v, err := s.value(i, o, value, resolved)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			entry["value"] = v
		}
		filled = append(filled, entry)
	}
	for name := range options {
		if !slices.ContainsFunc(declared, func(o map[string]any) bool { return o["name"] == name }) {
			return nil, fmt.Errorf("there is no option %q", name)
		}
	}
	return filled, nil
}

func orNothing(v any) any {
	if v == nil {
		return ""
	}
	return v
}

// value checks one option's value as Discord's client does.
func (s *Server) value(i *Interaction, o map[string]any, value any, resolved map[string]any) (any, error) {
	if choices := list(o["choices"]); len(choices) > 0 && i.kind == interactionCommand {
		n := slices.IndexFunc(choices, func(c map[string]any) bool {
			return fmt.Sprint(c["value"]) == fmt.Sprint(value) || c["name"] == value
		})
		if n < 0 {
			return nil, fmt.Errorf("%v is not among the choices", value)
		}
		return choices[n]["value"], nil
	}
	kind := number(o["type"])
	switch v := value.(type) {
	case string:
		length := utf8.RuneCountInString(v)
		most := 6000
		if o["max_length"] != nil {
			most = number(o["max_length"])
		}
		if kind == optionString && length >= max(number(o["min_length"]), 1) && length <= most {
			return v, nil
		}
	case bool:
		if kind == optionBoolean {
			return v, nil
		}
	case int:
		if (kind == optionInteger || kind == optionNumber) && between(o, float64(v)) {
			return v, nil
		}
	case float64:
		if (kind == optionNumber || kind == optionInteger && v == math.Trunc(v)) && between(o, v) {
			return v, nil
		}
	case File:
		if kind == optionAttachment {
			a := s.store(i.channel.ID, v)
			a.ephemeral = true // files of options are kept apart from messages
			put(resolved, "attachments", a.id, a.json())
			return a.id, nil
		}
	case *User:
		if kind == optionUser {
			put(resolved, "users", v.ID, v.json())
			return v.ID, nil
		}
	case *Channel:
		if kind == optionChannel {
			put(resolved, "channels", v.ID, v.json())
			return v.ID, nil
		}
	}
	return nil, fmt.Errorf("%v does not fit an option of type %d", value, kind)
}

func put(resolved map[string]any, kind, id string, o map[string]any) {
	if resolved[kind] == nil {
		resolved[kind] = map[string]any{}
	}
	object(resolved[kind])[id] = o
}

func between(o map[string]any, v float64) bool {
	limit := func(name string, otherwise float64) float64 {
		if n, ok := o[name].(json.Number); ok {
			f, _ := n.Float64()
			return f
		}
		return otherwise
	}
	return v >= limit("min_value", math.Inf(-1)) && v <= limit("max_value", math.Inf(1))
}

// Click presses the first button of the message whose label contains the words, and returns as Command does.
func (s *Server) Click(ctx context.Context, u *User, message Message, labelContains string) (*Interaction, error) {
	i, err := s.press(u, message, labelContains)
	if err != nil {
		return nil, err
	}
	return i, s.acknowledged(ctx, i)
}

func (s *Server) press(u *User, message Message, labelContains string) (*Interaction, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.seen(u, message)
	if err != nil {
		return nil, err
	}
	now := m.snapshot()
	button, ok := now.Button(labelContains)
	switch {
	case !ok:
		var labels []string
		for _, b := range now.Buttons {
			labels = append(labels, b.Label)
		}
		return nil, fmt.Errorf("discordtest: no button %q among %q", labelContains, labels)
	case button.Disabled || button.CustomID == "":
		return nil, fmt.Errorf("discordtest: the button %q cannot be pressed", button.Label)
	}
	id := 0
	for c := range eachComponent(m.components) {
		if text(c["custom_id"]) == button.CustomID {
			id = number(c["id"])
		}
	}
	i := &Interaction{kind: interactionComponent, user: u, channel: m.channel, source: m, command: button.Label}
	s.begin(i, map[string]any{"custom_id": button.CustomID, "component_type": partButton, "id": id})
	return i, nil
}

// seen finds a message again that the person can still see.
func (s *Server) seen(u *User, message Message) (*message, error) {
	if c := s.channelByID(message.ChannelID); c != nil {
		if m := c.find(message.ID); m != nil && (m.onlyFor == nil || m.onlyFor == u) {
			return m, nil
		}
	}
	return nil, fmt.Errorf("discordtest: %s does not see message %s", u.Name, message.ID)
}

// SubmitModal fills in the form that answered opener and sends it; values go by label or custom id, and a
// field that is not named keeps what the bot put there. It returns as Command does.
func (s *Server) SubmitModal(ctx context.Context, u *User, opener *Interaction, values map[string]string) (*Interaction, error) {
	i, err := s.submit(u, opener, values)
	if err != nil {
		return nil, err
	}
	return i, s.acknowledged(ctx, i)
}

func (s *Server) submit(u *User, opener *Interaction, values map[string]string) (*Interaction, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if opener.modal == nil || opener.user != u {
		return nil, fmt.Errorf("discordtest: %s was shown no form", u.Name)
	}
	components := []any{}
	used := 0
	for n, f := range opener.modal.Fields {
		value, given := values[f.Label]
		if !given {
			value, given = values[f.CustomID]
		}
		if given {
			used++
		} else {
			value = f.Value
		}
		length := utf8.RuneCountInString(value)
		if f.Required && length == 0 || length > 0 && length < f.Min || length > f.Max {
			return nil, fmt.Errorf("discordtest: %q takes %d to %d characters, not %d", f.Label, f.Min, f.Max, length)
		}
		input := map[string]any{"type": partTextInput, "id": 2*n + 2, "custom_id": f.CustomID, "value": value}
		outer := map[string]any{"type": partRow, "id": 2*n + 1, "components": []any{input}}
		if f.inLabel {
			outer = map[string]any{"type": partLabel, "id": 2*n + 1, "component": input}
		}
		components = append(components, outer)
	}
	if used != len(values) {
		return nil, fmt.Errorf("discordtest: the form %q has other fields: %+v", opener.modal.Title, opener.modal.Fields)
	}
	i := &Interaction{
		kind: interactionModal, user: u, channel: opener.channel, source: opener.source, opener: opener, command: opener.modal.Title,
	}
	s.begin(i, map[string]any{"custom_id": opener.modal.CustomID, "components": components})
	return i, nil
}

// MessageCommand picks a command from a message's Apps menu, and returns as Command does.
func (s *Server) MessageCommand(ctx context.Context, u *User, message Message, command string) (*Interaction, error) {
	i, err := s.pick(u, message, command)
	if err != nil {
		return nil, err
	}
	return i, s.acknowledged(ctx, i)
}

func (s *Server) pick(u *User, message Message, command string) (*Interaction, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.seen(u, message)
	if err != nil {
		return nil, err
	}
	registered, err := s.command(m.channel, commandMessage, command)
	if err != nil {
		return nil, err
	}
	i := &Interaction{kind: interactionCommand, user: u, channel: m.channel, target: m, command: command}
	s.begin(i, map[string]any{
		"id": registered["id"], "name": command, "type": commandMessage, "target_id": m.id,
		"resolved": map[string]any{"messages": map[string]any{m.id: m.json()}},
	})
	return i, nil
}
