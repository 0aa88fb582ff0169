package telegramtest

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParseHTML(t *testing.T) {
	tests := []struct {
		source string
		text   string
		want   []Entity
		bare   bool
		wrong  string
	}{
		{source: "plain", text: "plain"},
		{source: "1 &lt; 2 &amp;&amp; 3 &gt; 2 &quot;x&quot; &#39;&#x1F98A;", text: `1 < 2 && 3 > 2 "x" '🦊`},
		{source: "&nbsp; & co", text: "&nbsp; & co", bare: true},
		{source: "&#0; &#55296;", text: "&#0; &#55296;", bare: true},
		{source: "<b>🦊 a</b> <i>b</i>", text: "🦊 a b", want: []Entity{{Type: "bold", Length: 4}, {Type: "italic", Offset: 5, Length: 1}}},
		{source: "<B><u>x</U></b>", text: "x", want: []Entity{{Type: "underline", Length: 1}, {Type: "bold", Length: 1}}},
		{source: "<span class=\"tg-spoiler\">x</span>", text: "x", want: []Entity{{Type: "spoiler", Length: 1}}},
		{source: "<a href='https://e.org/?a=1&amp;b=2'>x</a>", text: "x", want: []Entity{{Type: "text_link", Length: 1, URL: "https://e.org/?a=1&b=2"}}},
		{source: `<a href="tg://user?id=7">Ann</a>`, text: "Ann", want: []Entity{{Type: "text_mention", Length: 3, User: 7}}},
		{source: `<pre><code class="language-go">x</code></pre>`, text: "x", want: []Entity{{Type: "pre", Length: 1, Language: "go"}}},
		{source: "<code>@somebody /start #tag https://e.org</code>", text: "@somebody /start #tag https://e.org", want: []Entity{{Type: "code", Length: 35}}},
		{source: "<blockquote expandable>x</blockquote>", text: "x", want: []Entity{{Type: "expandable_blockquote", Length: 1}}},
		{source: `<tg-time unix="5" format="r">soon</tg-time>`, text: "soon", want: []Entity{{Type: "date_time", Length: 4, Unix: 5}}},
		{source: "  <b> x </b>  ", text: "x", want: []Entity{{Type: "bold", Length: 1}}},
		{source: "<b></b><i> </i>", text: ""},
		{source: "a > b", text: "a > b"},
		{source: "&lt;/b&gt; a/b //c", text: "</b> a/b //c"},
		{source: "x@y.org mail@someone a@somebody", text: "x@y.org mail@someone a@somebody"},
		{source: "@somebody, @abc #1 #a1 /start@a_bot see https://e.org/a.", text: "@somebody, @abc #1 #a1 /start@a_bot see https://e.org/a.", want: []Entity{
			{Type: "mention", Length: 9}, {Type: "hashtag", Offset: 19, Length: 3},
			{Type: "bot_command", Offset: 23, Length: 12}, {Type: "url", Offset: 40, Length: 15},
		}},
		{source: "<b>x", wrong: `Can't find end tag corresponding to start tag "b"`},
		{source: "x</b>", wrong: "Unexpected end tag at byte offset 1"},
		{source: "<b><i>x</b></i>", wrong: `Unmatched end tag at byte offset 7, expected "</i>", found "</b>"`},
		{source: "é <", wrong: "Unclosed start tag at byte offset 3"},
		{source: "1 < 2 > 0", wrong: `Unsupported start tag "" at byte offset 2`},
		{source: "<br>", wrong: `Unsupported start tag "br" at byte offset 0`},
		{source: "<span>x</span>", wrong: `Tag "span" must have class "tg-spoiler"`},
		{source: "<tg-time>x</tg-time>", wrong: `Tag "tg-time" must have attribute "unix"`},
	}
	for _, test := range tests {
		t.Run(test.source, func(t *testing.T) {
			got, err := parseHTML(test.source)
			if test.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), "can't parse entities: "+test.wrong) {
					t.Fatalf("got %v, want %q", err, test.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.text != test.text || got.bare != test.bare {
				t.Errorf("got %q (bare %v), want %q (bare %v)", got.text, got.bare, test.text, test.bare)
			}
			if diff := cmp.Diff(test.want, got.entities); diff != "" {
				t.Errorf("entities (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParseHTML(f *testing.F) {
	for _, seed := range []string{"", "<b>x</b>", "&amp;&", "<a href=\"x\">@somebody</a>", "<pre><code class='language-go'>x</code></pre>", " \u00a0<i> x</i>", "<", "</", "&#x;", "\xff<b>\xff</b>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		got, err := parseHTML(source)
		if err != nil {
			var refused *refusal
			if !errors.As(err, &refused) || refused.Code != 400 {
				t.Fatalf("an error that is no refusal: %v", err)
			}
			return
		}
		if utf8.ValidString(source) != utf8.ValidString(got.text) && utf8.ValidString(source) {
			t.Fatalf("%q became the invalid %q", source, got.text)
		}
		length := utf16Len(got.text)
		for _, e := range got.entities {
			if e.Offset < 0 || e.Length <= 0 || e.Offset+e.Length > length {
				t.Fatalf("%+v lies outside of %q", e, got.text)
			}
		}
		if strings.TrimSpace(got.text) != got.text {
			t.Fatalf("%q was not trimmed", got.text)
		}
		escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(source)
		plain, err := parseHTML(escaped)
		if err != nil || plain.text != strings.TrimSpace(source) || plain.bare {
			t.Fatalf("escaped %q came back as %q (%v)", source, plain.text, err)
		}
	})
}

func TestMeasureWebP(t *testing.T) {
	head := func(kind string, rest ...byte) []byte {
		return append([]byte("RIFF\x00\x00\x00\x00WEBP"+kind+"\x00\x00\x00\x00"), append(rest, make([]byte, 20)...)...)
	}
	tests := map[string][]byte{
		"lossy":    head("VP8 ", 0, 0, 0, 0x9d, 0x01, 0x2a, 0x20, 0x03, 0x58, 0x02),
		"lossless": head("VP8L", 0x2f, 0x1f, 0xc3, 0x95, 0x00),
		"extended": head("VP8X", 0, 0, 0, 0, 0x1f, 0x03, 0, 0x57, 0x02, 0),
	}
	for name, content := range tests {
		if width, height, err := measure(content); width != 800 || height != 600 || err != nil {
			t.Errorf("%s: %dx%d, %v", name, width, height, err)
		}
	}
	if _, _, err := measure(head("ABCD")); err == nil {
		t.Error("an unknown kind was measured")
	}
}

func TestFilesAreForgotten(t *testing.T) {
	f := files{byID: map[string]*file{}, byPath: map[string]*file{}}
	first := f.add(&file{kind: "document", name: "a.bin", bytes: make([]byte, keepBytes/2)})
	second := f.add(&file{kind: "document", name: "b.bin", bytes: make([]byte, keepBytes/2+1)})
	if first.bytes != nil || second.bytes == nil || f.kept > keepBytes || len(f.byID) != 1 || len(f.byPath) != 1 {
		t.Errorf("kept %d bytes, the first %d, under %d names", f.kept, len(first.bytes), len(f.byID))
	}
	if list := capped([]int{1, 2, 3}, 3, 4, 5); cmp.Diff([]int{3, 4, 5}, list) != "" {
		t.Errorf("capped list %v", list)
	}
}
