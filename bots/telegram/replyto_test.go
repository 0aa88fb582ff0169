package telegram

import (
	"errors"
	"testing"

	"imaginebot/core"
)

func TestReplyTo(t *testing.T) {
	for _, a := range []address{
		{Version: 1, Chat: 42},
		{Version: 1, Chat: -1001234567890, Topic: 7, Message: 99},
	} {
		to := a.replyTo()
		if to.Platform != platform {
			t.Errorf("the platform is %q", to.Platform)
		}
		if got, err := parseReplyTo(to); err != nil || got != a {
			t.Errorf("%q is read as %+v (%v), want %+v", to.Address, got, err, a)
		}
	}
	if got, err := parseReplyTo(core.ReplyTo{Platform: platform, Address: `{"v":1,"chat":-5,"topic":3,"message":2}`}); err != nil || got.place() != (place{Chat: -5, Topic: 3, ReplyTo: 2}) {
		t.Errorf("an address of the first release is read as %+v (%v)", got, err)
	}
	for _, to := range []core.ReplyTo{
		{},
		{Platform: "discord", Address: `{"v":1,"chat":42}`},
		{Platform: platform},
		{Platform: platform, Address: `{"v":2,"chat":42}`},
		{Platform: platform, Address: `{"v":1}`},
		{Platform: platform, Address: `{"v":1,"chat":42,"topic":-1}`},
		{Platform: platform, Address: `{"v":1,"chat":"42"}`},
	} {
		if got, err := parseReplyTo(to); !errors.Is(err, errAddress) {
			t.Errorf("%+v %q is read as %+v (%v)", to, to.Address, got, err)
		}
	}
}

func FuzzReplyTo(f *testing.F) {
	f.Add(`{"v":1,"chat":-1001234567890,"topic":7,"message":99}`)
	f.Add(`{"v":1,"chat":42}`)
	f.Add(`{"v":1,"chat":1e400}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseReplyTo(core.ReplyTo{Platform: platform, Address: text})
		if err != nil {
			return
		}
		if again, err := parseReplyTo(a.replyTo()); err != nil || again != a {
			t.Errorf("%+v is read again as %+v (%v)", a, again, err)
		}
	})
}
