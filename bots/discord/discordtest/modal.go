package discordtest

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Modal is a form that the bot shows.
type Modal struct {
	CustomID string
	Title    string
	Fields   []Field
}

// Field is one text input of a form.
type Field struct {
	CustomID, Label, Value, Placeholder string
	Required                            bool
	// Long says that it has several lines.
	Long     bool
	Min, Max int
	inLabel  bool
}

// readModal checks a form (https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-response-object-modal).
func readModal(raw json.RawMessage) (*Modal, *refused) {
	var sent struct {
		CustomID   string           `json:"custom_id"`
		Title      string           `json:"title"`
		Components []map[string]any `json:"components"`
	}
	if wrong := decode(raw, &sent); wrong != nil {
		return nil, wrong
	}
	if n := utf8.RuneCountInString(sent.CustomID); n < 1 || n > 100 {
		return nil, invalid("data.custom_id", "%d of 1 to 100 characters", n)
	}
	if n := utf8.RuneCountInString(sent.Title); n < 1 || n > 45 {
		return nil, invalid("data.title", "%d of 1 to 45 characters", n)
	}
	if n := len(sent.Components); n < 1 || n > 5 {
		return nil, invalid("data.components", "%d of 1 to 5", n)
	}
	modal := &Modal{CustomID: sent.CustomID, Title: sent.Title}
	seen := map[string]bool{}
	for i, outer := range sent.Components {
		path := fmt.Sprintf("data.components.%d", i)
		inner, label := object(outer["component"]), text(outer["label"])
		switch kind := number(outer["type"]); kind {
		case partText:
			continue
		case partRow:
			row := list(outer["components"])
			if len(row) != 1 {
				return nil, invalid(path+".components", "%d text inputs in a row", len(row))
			}
			inner, label = row[0], text(row[0]["label"])
		case partLabel:
		default:
			return nil, invalid(path+".type", "%d is not a component of forms", kind)
		}
		if kind := number(inner["type"]); kind != partTextInput {
			return nil, invalid(path, "type %d: this fake knows text inputs only", kind)
		}
		f := Field{
			CustomID: text(inner["custom_id"]), Label: label, Value: text(inner["value"]), Placeholder: text(inner["placeholder"]),
			Required: inner["required"] != false, Long: number(inner["style"]) == 2, Min: number(inner["min_length"]),
			Max: number(inner["max_length"]), inLabel: number(outer["type"]) == partLabel,
		}
		if f.Max == 0 {
			f.Max = 4000
		}
		switch style := number(inner["style"]); {
		case f.CustomID == "" || len(f.CustomID) > 100 || seen[f.CustomID]:
			return nil, invalid(path+".custom_id", "%q is empty, too long or there twice", f.CustomID)
		case f.Label == "" || utf8.RuneCountInString(f.Label) > 45:
			return nil, invalid(path+".label", "not 1 to 45 characters")
		case style != 1 && style != 2:
			return nil, invalid(path+".style", "%d", style)
		case f.Max > 4000 || f.Min > f.Max || utf8.RuneCountInString(f.Value) > f.Max:
			return nil, invalid(path, "lengths %d to %d, value of %d", f.Min, f.Max, utf8.RuneCountInString(f.Value))
		case utf8.RuneCountInString(f.Placeholder) > 100:
			return nil, invalid(path+".placeholder", "more than 100 characters")
		}
		seen[f.CustomID] = true
		modal.Fields = append(modal.Fields, f)
	}
	return modal, nil
}
