package telegram

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"imaginebot/bots"
	"imaginebot/core"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func TestWrite(t *testing.T) {
	for _, test := range []struct {
		text  bots.Text
		limit int
		want  markup
	}{
		{nil, 10, ""},
		{bots.Text{{Text: "a < b & c > \"d\""}}, 99, "a &lt; b &amp; c &gt; &quot;d&quot;"},
		{bots.Text{{Style: bots.Bold, Text: "<i>"}, {Text: " "}, {Style: bots.Code, Text: "</code>@ann_lee"}}, 99, "<b>&lt;i&gt;</b> <code>&lt;/code&gt;@ann_lee</code>"},
		{bots.Text{{Text: "@everyone me@home @"}}, 99, "@\u2060everyone me@\u2060home @"},
		{bots.Text{{Style: bots.Link, Text: "here", URL: `https://t.me/a?b=1&c="`}}, 99, `<a href="https://t.me/a?b=1&amp;c=&quot;">here</a>`},
		{bots.Text{{Style: bots.Link, Text: "Ann", URL: "tg://user?id=42"}}, 99, "Ann"},
		{bots.Text{{Style: bots.Bold}}, 99, ""},
		{bots.Text{{Text: "renews "}, {Style: bots.When, At: noon.Add(12 * time.Hour)}, {Text: "."}}, 99, "renews in 12 h (00:00 UTC)."},
		{bots.Text{{Text: "12345"}, {Style: bots.Bold, Text: "67890"}}, 10, "12345<b>67890</b>"},
		{bots.Text{{Text: "12345"}, {Style: bots.Bold, Text: "67890x"}, {Text: "y"}}, 10, "12345<b>6789…</b>"},
		{bots.Text{{Text: "🦊🦊🦊"}}, 5, "🦊🦊…"},
		{bots.Text{{Text: "a\xffb"}}, 9, "a\uFFFDb"},
	} {
		if got := write(test.text, noon, test.limit); got != test.want {
			t.Errorf("%+v\n got %q\nwant %q", test.text, got, test.want)
		}
	}
}

func TestRelative(t *testing.T) {
	for _, test := range []struct {
		in   time.Duration
		want string
	}{
		{-time.Hour, "now"},
		{30 * time.Second, "now"},
		{time.Minute, "in 1 min (12:01 UTC)"},
		{59 * time.Minute, "in 59 min (12:59 UTC)"},
		{90 * time.Minute, "in 2 h (13:30 UTC)"},
		{23 * time.Hour, "in 23 h (11:00 UTC)"},
		{36 * time.Hour, "in 36 h (3 Jul 00:00 UTC)"},
		{30*24*time.Hour + 12*time.Hour, "in 31 days (1 Aug 00:00 UTC)"},
	} {
		if got := relative(noon.Add(test.in), noon); got != test.want {
			t.Errorf("%v is %q, want %q", test.in, got, test.want)
		}
	}
}

// ownTags are all tags that may come out.
var ownTags = regexp.MustCompile(`</?(?:b|code)>`)

func FuzzWrite(f *testing.F) {
	for _, seed := range []string{"a fox", "<b>&amp;</b>", "@everyone @_", "tg://user?id=1", "\xff\x00", "🦊" + strings.Repeat("x", 30), "]]></code><a href='x'>"} {
		f.Add(seed, 40)
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, foreign string, limit int) {
		limit = 1 + max(limit, -limit)%2000
		if limit <= 0 {
			limit = 1
		}
		for _, style := range []bots.Style{bots.Plain, bots.Bold, bots.Code} {
			written := string(write(bots.Text{{Style: style, Text: foreign}}, noon, limit))
			inside := ownTags.ReplaceAllString(written, "")
			if strings.ContainsAny(inside, "<>\"") {
				t.Fatalf("%q became markup: %q", foreign, written)
			}
			words := html.UnescapeString(inside)
			if !utf8.ValidString(written) || units(words) > limit {
				t.Fatalf("%q became %d units, over %d: %q", foreign, units(words), limit, written)
			}
			if style != bots.Code && mention.MatchString(words) {
				t.Fatalf("%q mentions somebody: %q", foreign, written)
			}
			read, whole := strings.TrimSuffix(words, "…"), strings.ToValidUTF8(foreign, "\uFFFD")
			if style != bots.Code {
				whole = withoutMentions(whole)
			}
			if !strings.HasPrefix(whole, read) {
				t.Fatalf("%q reads as %q", foreign, words)
			}
		}
	})
}

func TestMenu(t *testing.T) {
	shape := regexp.MustCompile(`^[a-z0-9_]{1,32}$`)
	list := menu()
	if len(list) != len(bots.Commands()) {
		t.Errorf("%d commands in the menu", len(list))
	}
	for _, command := range list {
		if !shape.MatchString(command.Command) || command.Description == "" || units(command.Description) > maxDescription {
			t.Errorf("telegram does not take %+v", command)
		}
	}
}

func TestButtonsFit(t *testing.T) {
	id := core.GenerationOf("telegram:1:2:3")
	row := keyboardOf([]bots.Button{{Action: bots.Again, Generation: id}, {Action: bots.Original, Generation: id}})
	if len(row) != 1 || len(row[0]) != 2 || keyboardOf(nil) != nil {
		t.Fatalf("the keyboard is %+v", row)
	}
	for _, one := range row[0] {
		if pressed, ok := bots.ParseButton(one.Data); !ok || pressed.Generation != id || len(one.Data) > 64 {
			t.Errorf("%+v carries %q", one, one.Data)
		}
	}
}
