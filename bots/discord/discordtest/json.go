package discordtest

import "encoding/json"

// The loose JSON of embeds and components is read with these.

func text(v any) string {
	s, _ := v.(string)
	return s
}

func number(v any) int {
	switch n := v.(type) {
	case json.Number:
		i, _ := n.Int64()
		return int(i)
	case float64:
		return int(n)
	case int:
		return n
	}
	return 0
}

func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

func inside(o map[string]any, outer, inner string) any { return object(o[outer])[inner] }

func list(v any) []map[string]any {
	values, _ := v.([]any)
	var out []map[string]any
	for _, v := range values {
		out = append(out, object(v))
	}
	return out
}

func orEmpty(list []map[string]any) []map[string]any {
	if list == nil {
		return []map[string]any{}
	}
	return list
}
