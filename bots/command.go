package bots

import (
	"context"
	"slices"
)

// Type is the type of an option, as both platforms can show or read it.
type Type uint8

// The types of options.
const (
	String Type = iota
	Integer
	Number
	Boolean
	Picture // an attachment; it has no flag
)

// Option is one option of a command: a typed field on Discord, a flag in text anywhere.
type Option struct {
	Name     string
	About    string
	Type     Type
	Required bool
	Choices  []string          // the only values, if there are any
	Alias    map[string]string // other words for some of the Choices
	Min, Max float64           // of Integer and Number, where Max > Min
	MaxRunes int               // of String; 0 is no limit of its own

	Flags  []string          // without dashes; the first is the one that help shows
	Short  map[string]string // flags without a value that stand for one: "max" for a model
	Long   bool              // its flag takes all words up to the next flag
	Many   bool              // its flag may be repeated; the values are joined with commas
	Sample string            // a value that help shows

	// Complete lists what the person who has typed so far may mean, best first.
	Complete func(d *Desk, call Call, typed string) []Choice
}

// Choice is one suggestion of autocompletion.
type Choice struct {
	Label string // what is shown
	Value string // what is sent
}

// Command is one command, for all platforms. Discord's registration, Telegram's menu,
// the flags and the help derive from it.
type Command struct {
	Name     string
	About    string // for menus; one line
	Options  []Option
	Words    string   // the option that free text is; "" where the command takes none
	Examples []string // for the help: what follows the name
	Paints   bool     // it asks for pictures: a placeholder appears at once
	Quiet    bool     // its answer is for the person alone, where the platform can do that
	// Run answers a call whose words and options have been brought together: flags
	// have left the words, and Options holds every value in its plain form.
	Run func(ctx context.Context, d *Desk, call Call) (Reply, error)
}

// Commands is every command, in the order of the help.
func Commands() []Command {
	return []Command{imagine(), edit(), flux(), models(), quota(), cancel(), show(), help(), start()}
}

// Find looks a command up by its name.
func Find(name string) (Command, bool) {
	for _, command := range Commands() {
		if command.Name == name {
			return command, true
		}
	}
	return Command{}, false
}

// Option looks an option up by its name.
func (c Command) Option(name string) (Option, bool) {
	for _, option := range c.Options {
		if option.Name == name {
			return option, true
		}
	}
	return Option{}, false
}

// flag looks up the option that a flag stands for; fixed is the value of one that
// stands for a value too.
func (c Command) flag(name string) (option Option, fixed string, ok bool) {
	for _, option := range c.Options {
		if fixed, ok := option.Short[name]; ok {
			return option, fixed, true
		}
		if slices.Contains(option.Flags, name) {
			return option, "", true
		}
	}
	return Option{}, "", false
}

// flags are all flags of the command, with dashes.
func (c Command) flags() []string {
	var flags []string
	for _, option := range c.Options {
		for _, name := range option.Flags {
			flags = append(flags, "--"+name)
		}
		for name := range option.Short {
			flags = append(flags, "--"+name)
		}
	}
	slices.Sort(flags)
	return flags
}

// Options that several commands have.
func aspectOption() Option {
	return Option{Name: "aspect", About: "Shape of the picture, width to height", Flags: []string{"ar", "aspect"}, Sample: "16:9", Complete: completeAspect}
}

func sizeOption() Option {
	return Option{Name: "size", About: "Width and height in pixels", Flags: []string{"size"}, Sample: "1024x768", MaxRunes: 20}
}

func negativeOption() Option {
	return Option{Name: "negative", About: "What must not be in the picture", Flags: []string{"no", "negative"}, Long: true, Sample: "text, blur", MaxRunes: 4000}
}

func formatOption() Option {
	return Option{Name: "format", About: "File format", Choices: []string{"png", "jpeg"}, Alias: map[string]string{"jpg": "jpeg"}, Flags: []string{"format"}, Sample: "jpeg"}
}

func countOption() Option {
	return Option{Name: "count", About: "How many pictures, 1 to 4", Type: Integer, Min: 1, Max: 4, Flags: []string{"n", "count"}, Sample: "2"}
}

func privateOption() Option {
	return Option{Name: "private", About: "Show the result to me alone", Type: Boolean, Flags: []string{"private"}}
}
