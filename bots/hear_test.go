package bots

import "testing"

func TestHear(t *testing.T) {
	const me = "ImagineBot"
	group := func(text string) Message { return Message{Text: text, Me: me} }
	private := func(text string) Message { return Message{Text: text, Me: me, Addressed: true} }
	picture := func(m Message) Message { m.Picture = true; return m }
	for _, test := range []struct {
		name    string
		message Message
		want    Heard
		ok      bool
	}{
		{"a command", group("/imagine a cat"), Heard{Command: "imagine", Words: "a cat"}, true},
		{"a command for me", group("/IMAGINE@imaginebot\na cat"), Heard{Command: "imagine", Words: "a cat"}, true},
		{"a command for another bot", group("/imagine@other a cat"), Heard{}, false},
		{"a command for another bot, privately", private("/imagine@other a cat"), Heard{}, false},
		{"another bot's command", group("/weather"), Heard{}, false},
		{"an unknown command for me", group("/weather@imaginebot"), Heard{Command: "weather"}, true},
		{"an unknown command, privately", private("/weather now"), Heard{Command: "weather", Words: "now"}, true},
		{"a command alone", private("/quota"), Heard{Command: "quota"}, true},
		{"a command with a picture", picture(group("/flux a castle --control canny")), Heard{Command: "flux", Words: "a castle --control canny"}, true},
		{"talk in a group", group("a cat"), Heard{}, false},
		{"a picture in a group", picture(group("look")), Heard{}, false},
		{"a prompt", private("a cat"), Heard{Command: "imagine", Words: "a cat"}, true},
		{"no command", private("/ a cat"), Heard{Command: "imagine", Words: "/ a cat"}, true},
		{"a path", private("/etc/passwd as a painting"), Heard{Command: "imagine", Words: "/etc/passwd as a painting"}, true},
		{"a mention", group("@ImagineBot a cat"), Heard{Command: "imagine", Words: "a cat"}, true},
		{"a mention in the middle", group("a cat, @imaginebot, please"), Heard{Command: "imagine", Words: "a cat, please"}, true},
		{"a mention at the end", group("a cat @imaginebot!"), Heard{Command: "imagine", Words: "a cat"}, true},
		{"a longer name", group("@imaginebottle a cat"), Heard{}, false},
		{"an address", group("mail me@imaginebot a cat"), Heard{}, false},
		{"a mention alone", group("@imaginebot"), Heard{Command: "help"}, true},
		{"a mention with a picture", picture(group("@imaginebot make it night")), Heard{Command: "edit", Words: "make it night"}, true},
		{"words with a picture", picture(private("make it night")), Heard{Command: "edit", Words: "make it night"}, true},
		{"a picture without words", picture(private("")), Heard{Question: true}, true},
		{"a picture without words in a group", picture(group("")), Heard{}, false},
		{"nothing", private("  "), Heard{}, false},
		{"no name known", Message{Text: "@ a cat"}, Heard{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, ok := Hear(test.message); got != test.want || ok != test.ok {
				t.Errorf("Hear(%+v) = %+v, %v; want %+v, %v", test.message, got, ok, test.want, test.ok)
			}
		})
	}
}
