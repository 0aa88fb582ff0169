package discord

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"imaginebot/bots"
)

func TestMarkup(t *testing.T) {
	plain := func(text string) bots.Text { return bots.Text{{Text: text}} }
	code := func(text string) bots.Span { return bots.Span{Style: bots.Code, Text: text} }
	for _, test := range []struct {
		text bots.Text
		want string
	}{
		{plain("It costs 0.025 PTC (a well-known price), or less."), `It costs 0.025 PTC (a well\-known price), or less.`},
		{plain("**a** _b_ ~~c~~ ||d|| `e`"), "\\*\\*a\\*\\* \\_b\\_ \\~\\~c\\~\\~ \\|\\|d\\|\\| \\`e\\`"},
		{plain("@everyone @here <@1> <@&2> <#3>"), `\@everyone \@here \<\@1\> \<\@&2\> \<\#3\>`},
		{plain("<:cat:1> <a:cat:1> <t:1:R> </go:1> <id:guide>"), `\<\:cat\:1\> \<a\:cat\:1\> \<t\:1\:R\> \<\/go\:1\> \<id\:guide\>`},
		{plain("[here](https://example.org)"), `\[here\](https\:\/\/example.org)`},
		{plain("see discord.gg/abc or /help"), `see discord.gg\/abc or /help`},
		{plain("# a\n-# b\n- c\n> d\n1. e\n+ f"), "\\# a\n\\-\\# b\n\\- c\n\\> d\n1\\. e\n\\+ f"},
		{plain("a\\*b\\"), `a\\\*b\\`},
		{plain("¯\\_(ツ)_/¯"), `¯\\\_(ツ)\_\/¯`},
		{plain("a\u202Eb\u200Bc\u2066d\x00e\rf\tg"), "abcdef g"},
		{plain("👩\u200D🎨 می\u200Cخواهم"), "👩\u200D🎨 می\u200Cخواهم"},
		{plain("a\xffb"), "a\uFFFDb"},
		{bots.Text{{Style: bots.Bold, Text: "Today: "}, {Text: "5"}}, `**Today\:** 5`},
		{bots.Text{{Style: bots.Bold, Text: " "}, {Text: "5"}}, ` 5`},
		{bots.Text{code("a*b"), {Text: ", "}, code("a`b")}, "`a*b`, a\\`b"},
		{bots.Text{code("a"), code("b")}, "`a`b"},
		{bots.Text{code("@everyone"), {Text: "."}}, "`@everyone`."},
		{bots.Text{code("")}, ""},
		{bots.Text{{Text: "renews "}, {Style: bots.When, At: time.Unix(1700000000, 0)}}, "renews <t:1700000000:R>"},
		{bots.Text{{Style: bots.Link, Text: "a [b]", URL: "https://example.org/(x)?y=<z>"}}, `[a \[b\]](<https://example.org/%28x%29?y=%3Cz%3E>)`},
		{bots.Text{{Style: bots.Link, Text: "a", URL: "javascript:alert(1)"}}, "a"},
	} {
		if got := markup(test.text, maxContent); got != test.want {
			t.Errorf("%q became\n%q, not\n%q", test.text, got, test.want)
		}
	}
}

func TestMarkupIsCut(t *testing.T) {
	for _, test := range []struct {
		text bots.Text
		most int
		want string
	}{
		{bots.Text{{Text: "0123456789"}}, 10, "0123456789"},
		{bots.Text{{Text: "0123456789"}}, 9, "01234567…"},
		{bots.Text{{Text: "012*456789"}}, 5, "012…"},
		{bots.Text{{Text: "😀😀😀"}}, 5, "😀😀…"},
		{bots.Text{{Text: "ab"}, {Style: bots.Code, Text: "0123456789"}, {Text: "c"}}, 8, "ab…"},
		{bots.Text{{Text: "ab"}, {Style: bots.Bold, Text: "cd"}, {Text: "efgh"}}, 10, "ab**cd**e…"},
	} {
		if got := markup(test.text, test.most); got != test.want {
			t.Errorf("%q within %d became %q, not %q", test.text, test.most, got, test.want)
		}
	}
}

// alive is what Discord would make markup of in a text from which all that is escaped was taken.
var alive = regexp.MustCompile("[\\\\*_~`|<>\\[\\]@#]" + `|(?m:^\s*(?:[-+]|\d+\.)\s)|:[^\s:]|https?:/|\S/\S`)

// Whatever somebody writes reads as it stands, and is not alive, in plain text as in code.
func FuzzMarkup(f *testing.F) {
	for _, seed := range []string{
		"a fox", "@everyone", "<@1>", "\\", "\\\\*", "``x``", "`", "[a](b)", "https://x", "\u200B@\u200Bhere", "# x", "1. x", "*\u202E", "\xff<", "a:b:", "-", "\n> x", "\u2028# x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, foreign string) {
		want := string(visible(foreign))
		for _, text := range []bots.Text{
			{{Text: foreign}},
			{{Text: "of "}, {Style: bots.Code, Text: foreign}, {Text: " here"}},
			{{Text: "a\n"}, {Text: foreign}},
		} {
			got := markup(text, 1<<20)
			seen, active := unmarked(got)
			if !strings.Contains(seen, want) {
				t.Errorf("%q became %q, which reads as %q", foreign, got, seen)
			}
			if found := alive.FindString(active); found != "" {
				t.Errorf("%q became %q, where %q is alive", foreign, got, found)
			}
			if short := markup(text, 12); units(short) > 12 {
				t.Errorf("%q became %q, which is too long", foreign, short)
			}
		}
	})
}
