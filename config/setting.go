package config

import (
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// Setting is one row of a listing.
type Setting struct {
	// Name is the variable.
	Name string
	// Value is what holds, the default included, with secrets redacted.
	Value string
}

// Redacted lists every setting in the order of [Config], fit to be shown.
func (c Config) Redacted() []Setting {
	var list []Setting
	for _, r := range rows {
		shown := show(reflect.ValueOf(c).FieldByIndex(r.index).Interface())
		list = append(list, Setting{Name: r.name, Value: c.mask(shown)})
	}
	return list
}

func show(value any) string {
	switch v := value.(type) {
	case *url.URL:
		if v == nil {
			return ""
		}
	case slog.Level:
		return strings.ToLower(v.String())
	}
	return fmt.Sprint(value)
}

// mask hides a secret that was also pasted where none belongs, a webhook's path for one.
func (c Config) mask(text string) string {
	for _, s := range []Secret{c.DiscordToken, c.TelegramToken, c.API302Key} {
		// Shorter ones are no real secrets, and would tear holes into words.
		if secret := s.Reveal(); len(secret) >= 6 {
			text = strings.ReplaceAll(text, secret, redacted)
		}
	}
	return text
}

// row is what a field's tag says about its setting.
type row struct {
	name, standard, group, help, mend string
	field                             string
	index                             []int
}

// rows is the table of all settings, read once from Config's tags.
var rows = readRows()

func readRows() []row {
	var list []row
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		name, ok := f.Tag.Lookup("env")
		if !ok {
			continue
		}
		list = append(list, row{
			name: name, standard: f.Tag.Get("envDefault"), group: f.Tag.Get("group"),
			help: f.Tag.Get("help"), mend: f.Tag.Get("mend"), field: f.Name, index: f.Index,
		})
	}
	return list
}

func rowNamed(name string) (row, bool) {
	at := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
	if at < 0 {
		return row{}, false
	}
	return rows[at], true
}
