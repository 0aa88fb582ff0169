package bots

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"imaginebot/core"

	"github.com/google/go-cmp/cmp"
)

func TestFlags(t *testing.T) {
	long := strings.Repeat("x", 81)
	for _, test := range []struct {
		command, text string
		words         string
		options       map[string]string
	}{
		{"imagine", "a cat", "a cat", nil},
		{"imagine", "a cat --ar 16:9", "a cat", map[string]string{"aspect": "16:9"}},
		{"imagine", "a cat --ar=16:9", "a cat", map[string]string{"aspect": "16:9"}},
		{"imagine", "--aspect 16:9 a cat", "a cat", map[string]string{"aspect": "16:9"}},
		{"imagine", "a cat --ar 16:9 on a mat", "a cat on a mat", map[string]string{"aspect": "16:9"}},
		{"imagine", "a cat —ar 16:9", "a cat", map[string]string{"aspect": "16:9"}},
		{"imagine", "a cat –AR 16:9, please", "a cat please", map[string]string{"aspect": "16:9"}},
		{"imagine", "first\n--ar 16:9\nsecond", "first\n\nsecond", map[string]string{"aspect": "16:9"}},
		{"imagine", "a cat --no dogs, big trees --n 2", "a cat", map[string]string{"negative": "dogs, big trees", "count": "2"}},
		{"imagine", `--no "dogs" a cat`, "a cat", map[string]string{"negative": "dogs"}},
		{"imagine", "--negative “it's dark” a cat", "a cat", map[string]string{"negative": "it's dark"}},
		{"imagine", "--no 'it's dark' a cat", "a cat", map[string]string{"negative": "it's dark"}},
		{"imagine", "a well-known cat -- a -- b --", "a well-known cat -- a -- b --", nil},
		{"imagine", "cat—dog x--private", "cat—dog x--private", nil},
		{"imagine", "a cat --private --format JPG", "a cat", map[string]string{"private": "true", "format": "jpeg"}},
		{"imagine", "a cat --private=no", "a cat", map[string]string{"private": "false"}},
		{"imagine", "a cat --n 2 --count 2", "a cat", map[string]string{"count": "2"}},
		{"imagine", "a cat --model Luma-T2I", "a cat", map[string]string{"model": "Luma-T2I"}},
		{"edit", "night --max --seed 7", "night", map[string]string{"model": "flux-kontext-max", "seed": "7"}},
		{"flux", "x --lora realism:0.8 --lora details --lora_scale .5", "x", map[string]string{"lora": "realism:0.8,details", "lora_scale": "0.5"}},
		{"flux", "x --lora realism, details:0.5 y", "x y", map[string]string{"lora": "realism, details:0.5"}},
		{"flux", "x --guidance 3.50 --steps 28", "x", map[string]string{"guidance": "3.5", "steps": "28"}},
		{"models", "--flux", "--flux", nil},
		{"show", " abc ", "abc", nil},
		{"imagine", long, long, nil},
	} {
		t.Run(test.command+" "+test.text, func(t *testing.T) {
			command, _ := Find(test.command)
			read, err := command.read(Call{Words: test.text})
			if err != nil {
				t.Fatal(err)
			}
			if test.options == nil {
				test.options = map[string]string{}
			}
			if read.Words != test.words || !cmp.Equal(read.Options, test.options) {
				t.Errorf("got %q %v, want %q %v", read.Words, read.Options, test.words, test.options)
			}
		})
	}
}

func TestWrongFlags(t *testing.T) {
	for _, test := range []struct {
		command, text string
		options       map[string]string
		reason        core.Reason
		allowed       string // one of what is named instead
	}{
		{"imagine", "a --modle x", nil, reasonUnknownFlag, "--model"},
		{"imagine", "a —aspct 1:1", nil, reasonUnknownFlag, "--aspect"},
		{"imagine", "a --private.", nil, reasonUnknownFlag, "--private"},
		{"imagine", "a --seed 7", nil, reasonOtherFlag, "/edit"},
		{"imagine", "a --max", nil, reasonOtherFlag, "/edit"},
		{"edit", "a --steps 3", nil, reasonOtherFlag, "/flux"},
		{"edit", "a --max=yes", nil, reasonValue, ""},
		{"imagine", "a --ar", nil, reasonNoValue, "16:9"},
		{"imagine", "a --ar --private", nil, reasonNoValue, "16:9"},
		{"imagine", "a --format", nil, reasonNoValue, "png"},
		{"imagine", "a --no", nil, reasonNoValue, "text, blur"},
		{"imagine", "a --format gif", nil, reasonChoice, "png"},
		{"imagine", "a --private=perhaps", nil, reasonChoice, "true"},
		{"imagine", "a --n 5", nil, core.ReasonNumber, "1–4"},
		{"imagine", "a --n two", nil, core.ReasonNumber, "1–4"},
		{"imagine", "a --n 0", nil, core.ReasonNumber, "1–4"},
		{"imagine", "a --n -1", nil, core.ReasonNumber, "1–4"},
		{"flux", "a --guidance NaN", nil, core.ReasonNumber, "0–20"},
		{"flux", "a --guidance 21", nil, core.ReasonNumber, "0–20"},
		{"edit", "a --seed 99999999999", nil, core.ReasonNumber, "0–4294967295"},
		{"imagine", "a --n 2 --n 3", nil, reasonTwice, "3"},
		{"edit", "a --max --model flux-kontext-pro", nil, reasonTwice, "flux-kontext-pro"},
		{"imagine", "a --n 2", map[string]string{"count": "3"}, reasonTwice, "3"},
		{"imagine", "a", map[string]string{"count": "9"}, core.ReasonNumber, "1–4"},
		{"imagine", "a --model " + strings.Repeat("x", 81), nil, core.ReasonLongPrompt, ""},
	} {
		t.Run(test.command+" "+test.text, func(t *testing.T) {
			command, _ := Find(test.command)
			_, err := command.read(Call{Words: test.text, Options: test.options})
			known := core.AsError(err)
			if err == nil || known.Reason != test.reason || test.allowed != "" && !slices.Contains(known.Allowed, test.allowed) {
				t.Errorf("got %v naming %q, want %q naming %q", err, known.Allowed, test.reason, test.allowed)
			}
		})
	}
}

func TestOptionAndFlagThatAgree(t *testing.T) {
	command, _ := Find("imagine")
	read, err := command.read(Call{Words: "a --n 2 --format jpg", Options: map[string]string{"count": "2", "format": "JPEG", "prompt": "a", "unknown": "x"}})
	want := map[string]string{"count": "2", "format": "jpeg"}
	if err != nil || !cmp.Equal(read.Options, want) {
		t.Errorf("got %v, %v; want %v", read.Options, err, want)
	}
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"a cat --ar 16:9", "—model x", "--no “a b” c", `--lora "a`, "--", "– –n 2", "--ar=", "\xff--private", "--no '", "a--b --private=true--max", "—\x80",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, command := range Commands() {
			words, flags := command.scan(text)
			if again, more := command.scan(words); len(more) > 0 || again != words {
				t.Fatalf("/%s %q: %q still holds flags %v", command.Name, text, words, more)
			}
			if len(words) > len(text) || utf8.ValidString(text) && !utf8.ValidString(words) {
				t.Fatalf("/%s %q became %q", command.Name, text, words)
			}
			for _, flag := range flags {
				if flag.option.Name != "" && flag.value == "" && flag.reason == "" {
					t.Fatalf("/%s %q: --%s has neither value nor fault", command.Name, text, flag.name)
				}
			}
			read, err := command.read(Call{Words: text})
			if err != nil && (core.KindOf(err) != core.Invalid && core.KindOf(err) != core.TooBig) {
				t.Fatalf("/%s %q: %v is nothing a person can mend", command.Name, text, err)
			}
			for name, value := range read.Options {
				if option, ok := command.Option(name); err == nil && (!ok || value == "" && option.Type != String) {
					t.Fatalf("/%s %q: option %q is %q", command.Name, text, name, value)
				}
			}
		}
	})
}
