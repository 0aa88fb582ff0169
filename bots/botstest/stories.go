package botstest

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"imaginebot/bots"
	"imaginebot/core"
	"imaginebot/core/coretest"
)

// TestStories tells every story on a stage of its own, opened by open; what open needs to
// close it leaves to t.Cleanup.
func TestStories(t *testing.T, open func(t *testing.T, house House) Stage) {
	plenty := core.Plan{ImagesPerDay: 25, PTCPerMonth: 5 * core.OnePTC, Concurrent: 3, BudgetPerDay: 10 * core.OnePTC, Queue: -1}
	little := plenty
	little.ImagesPerDay = 1
	for _, story := range []struct {
		name string
		plan core.Plan
		tell func(*testing.T, *play)
	}{
		{"words become a picture", plenty, wordsBecomeAPicture},
		{"three pictures at once", plenty, threePictures},
		{"one of three pictures fails", plenty, oneOfThreeFails},
		{"a picture fails", plenty, pictureFails},
		{"what cannot be is refused", plenty, impossible},
		{"over the allowance", little, overAllowance},
		{"a picture is edited", plenty, editAttached},
		{"the newest picture is edited", plenty, editNewest},
		{"a picture is edited by a reply", plenty, editByReply},
		{"nothing to edit", plenty, nothingToEdit},
		{"once more", plenty, again},
		{"once more by two impatient taps", plenty, againTwice},
		{"the original file", plenty, original},
		{"the owner deletes", plenty, ownerDeletes},
		{"a moderator deletes", plenty, moderatorDeletes},
		{"cancelled in time", plenty, cancelledInTime},
		{"cancelled too late", plenty, cancelledTooLate},
		{"for one pair of eyes", plenty, private},
		{"a picture is brought back", plenty, shown},
		{"the help", plenty, helped},
		{"what is left", plenty, quota},
		{"words are only words", plenty, literal},
	} {
		t.Run(story.name, func(t *testing.T) { story.tell(t, begin(t, open, story.plan)) })
	}
}

func wordsBecomeAPicture(t *testing.T, p *play) {
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "a red fox --ar 16:9"})
	for _, who := range []Person{Ann, Bob} {
		message := p.awaitPicture(t, who, output(0))
		for _, word := range []string{"a red fox", "flux-dev-t2i", "16:9", "0.025 PTC", "24 left today"} {
			if !strings.Contains(message.Text, word) {
				t.Errorf("the caption %q does not say %q", message.Text, word)
			}
		}
	}
	for _, label := range []string{"Again", "Original", "Delete"} {
		p.awaitButton(t, Ann, label)
	}
	if g := p.only(t); g.Request.Prompt != "a red fox" {
		t.Errorf("the prompt was %q", g.Request.Prompt)
	}
	if shown := p.showing(t, Ann, output(0)); shown != 1 {
		t.Errorf("the picture was shown %d times", shown)
	}
	awaitTrue(t, "nobody waits any more", func() bool {
		return !slices.ContainsFunc(p.stage.Seen(t, Ann), func(m Message) bool { _, waiting := m.button("Cancel"); return waiting })
	})
}

func threePictures(t *testing.T, p *play) {
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "three hens --n 3"})
	for take := range 3 {
		p.awaitPicture(t, Bob, output(take))
	}
	p.awaitText(t, Bob, "three hens", "3 pictures", "0.075 PTC")
	p.awaitButton(t, Bob, "Again")
	if paid := p.renderer.Paid(); paid != 3 {
		t.Errorf("%d calls were paid", paid)
	}
}

func oneOfThreeFails(t *testing.T, p *play) {
	p.renderer.For(1, coretest.Scene{After: &core.Error{Kind: core.Refused}})
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "three hens --n 3"})
	p.awaitPicture(t, Ann, output(0))
	p.awaitPicture(t, Ann, output(2))
	p.awaitText(t, Ann, "Picture 2 failed", "0.025 PTC given back", "0.05 PTC")
}

func pictureFails(t *testing.T, p *play) {
	p.renderer.Next(coretest.Scene{After: &core.Error{Kind: core.Refused}})
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "something dubious"})
	message := p.awaitText(t, Ann, "safety filter", "Nothing was charged")
	if len(message.Pictures) > 0 {
		t.Error("there is a picture")
	}
}

func impossible(t *testing.T, p *play) {
	for _, test := range []struct {
		line Line
		says []string
	}{
		{Line{Command: "imagine", Words: "--n 2"}, []string{"words"}},
		{Line{Command: "imagine", Words: "a cat --model flux-dev-t2j"}, []string{"flux-dev-t2j", "flux-dev-t2i"}},
		{Line{Command: "imagine", Words: "a cat --model flux-kontext-pro"}, []string{"flux-kontext-pro", "/edit a cat"}},
		{Line{Command: "imagine", Words: "a cat --modle luma-t2i"}, []string{"--modle", "--model"}},
		{Line{Command: "imagine", Words: "a cat --model luma-t2i --ar 7:2"}, []string{"7:2", "21:9"}},
		{Line{Command: "imagine", Words: "a cat —n 9"}, []string{"--n", "1–4"}},
		{Line{Command: "edit", Words: "night --steps 3", Picture: coretest.PNG(8, 8)}, []string{"--steps", "/flux"}},
		{Line{Command: "flux", Words: "a castle --control canny"}, []string{"ControlNet"}},
		{Line{Command: "flux", Words: "a castle --lora realizm"}, []string{"realizm", "realism"}},
	} {
		p.stage.Give(t, Ann, test.line)
		p.awaitText(t, Ann, append(test.says, "Nothing was charged")...)
	}
	p.unspent(t)
}

func overAllowance(t *testing.T, p *play) {
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "two cats --n 2"})
	p.awaitText(t, Ann, "1 picture a day", "Nothing was charged", "renews")
	p.unspent(t)
}

func editAttached(t *testing.T, p *play) {
	sent := coretest.PNG(40, 30)
	p.stage.Give(t, Ann, Line{Command: "edit", Words: "make it night --max", Picture: sent})
	message := p.awaitPicture(t, Ann, output(0))
	if !strings.Contains(message.Text, "flux-kontext-max") {
		t.Errorf("the caption is %q", message.Text)
	}
	p.startedFrom(t, sent)
}

func editNewest(t *testing.T, p *play) {
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "a house"})
	p.awaitPicture(t, Ann, output(0))
	p.stage.Give(t, Ann, Line{Command: "edit", Words: "make it night"})
	p.awaitText(t, Ann, "make it night", "flux-kontext-pro", "0.04 PTC")
	p.startedFrom(t, output(0))
}

func editByReply(t *testing.T, p *play) {
	replier, ok := p.stage.(Replier)
	if !ok {
		t.Skip("people do not edit by plain replies on this platform")
	}
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "a house"})
	replier.Reply(t, Bob, p.awaitPicture(t, Bob, output(0)), "make it night")
	p.awaitText(t, Bob, "make it night", "flux-kontext-pro", "0.04 PTC")
	p.startedFrom(t, output(0))
}

// startedFrom fails if the last order did not start from this picture.
func (p *play) startedFrom(t *testing.T, picture []byte) {
	t.Helper()
	orders := p.renderer.Orders()
	image := orders[len(orders)-1].Request.Image
	if image == nil {
		t.Fatal("the edit started from no picture")
	}
	body, err := p.pictures.Open(t.Context(), image.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	var content bytes.Buffer
	if _, err := content.ReadFrom(body); err != nil || !bytes.Equal(content.Bytes(), picture) {
		t.Errorf("the edit started from another picture (%v)", err)
	}
}

func nothingToEdit(t *testing.T, p *play) {
	p.stage.Give(t, Ann, Line{Command: "edit", Words: "make it night"})
	p.awaitText(t, Ann, "no picture of yours here", "Nothing was charged")
	p.unspent(t)
}

func again(t *testing.T, p *play) {
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "a red fox"})
	p.awaitPicture(t, Bob, output(0))
	p.tap(t, Bob, "Again")
	awaitTrue(t, "the picture is there twice", func() bool { return p.showing(t, Ann, output(0)) == 2 })
	if spenders := p.spenders(t); len(spenders) != 2 {
		t.Errorf("%d people paid for it", len(spenders))
	}
}

// spenders are the accounts that the ledger knows.
func (p *play) spenders(t *testing.T) map[core.AccountID]bool {
	t.Helper()
	spenders := map[core.AccountID]bool{}
	for _, entry := range p.store.Ledger() {
		spenders[entry.Account] = true
	}
	return spenders
}

func againTwice(t *testing.T, p *play) {
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "a red fox"})
	first := p.awaitPicture(t, Ann, output(0))
	message, label := p.awaitButton(t, Ann, "Again")
	hand := make(chan struct{})
	p.renderer.Next(coretest.Scene{Preparing: hand})
	p.stage.Tap(t, Ann, message, label)
	awaitTrue(t, "the second is being made", func() bool { return len(p.renderer.Orders()) == 2 })
	p.stage.Tap(t, Ann, message, label)
	p.awaitText(t, Ann, "on its way already")
	close(hand)
	awaitTrue(t, "the picture is there twice", func() bool { return p.showing(t, Ann, first.Pictures[0]) == 2 })
	if paid := p.renderer.Paid(); paid != 2 {
		t.Errorf("%d pictures were paid", paid)
	}
}

func original(t *testing.T, p *play) {
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "a red fox"})
	p.awaitPicture(t, Bob, output(0))
	p.tap(t, Bob, "Original")
	awaitTrue(t, "the file is there too", func() bool { return p.showing(t, Bob, output(0)) == 2 })
	if paid := p.renderer.Paid(); paid != 1 {
		t.Errorf("%d pictures were paid", paid)
	}
}

func ownerDeletes(t *testing.T, p *play) {
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "a red fox"})
	p.awaitPicture(t, Bob, output(0))
	p.tap(t, Bob, "Delete")
	p.awaitText(t, Bob, "somebody else")
	if p.showing(t, Ann, output(0)) != 1 {
		t.Error("Bob has deleted Ann's picture")
	}
	p.tap(t, Ann, "Delete")
	awaitTrue(t, "the picture is gone", func() bool { return p.showing(t, Ann, output(0)) == 0 && len(p.pictures.Keys()) == 0 })
}

func moderatorDeletes(t *testing.T, p *play) {
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "a red fox"})
	p.awaitPicture(t, Mo, output(0))
	p.tap(t, Mo, "Delete")
	awaitTrue(t, "the picture is gone from the room", func() bool { return p.showing(t, Bob, output(0)) == 0 })
	if len(p.pictures.Keys()) == 0 {
		t.Error("the picture is gone for its owner too")
	}
}

func cancelledInTime(t *testing.T, p *play) {
	p.renderer.Next(coretest.Scene{Preparing: make(chan struct{})})
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "a red fox"})
	awaitTrue(t, "it is being prepared", func() bool { return len(p.renderer.Orders()) == 1 })
	p.tap(t, Bob, "Cancel")
	p.awaitText(t, Bob, "somebody else")
	p.tap(t, Ann, "Cancel")
	p.awaitText(t, Ann, "Cancelled", "Nothing was charged")
	awaitTrue(t, "it is given back", func() bool {
		return slices.ContainsFunc(p.store.Ledger(), func(e core.Entry) bool { return e.Kind == core.Refund })
	})
	if paid := p.renderer.Paid(); paid != 0 {
		t.Errorf("%d calls were paid", paid)
	}
}

func cancelledTooLate(t *testing.T, p *play) {
	hand := make(chan struct{})
	p.renderer.Next(coretest.Scene{Working: hand})
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "a red fox"})
	awaitTrue(t, "it is being made", func() bool { return p.renderer.Paid() == 1 })
	id := string(p.only(t).ID)
	p.stage.Give(t, Ann, Line{Command: "cancel"})
	p.awaitText(t, Ann, "Too late", "/show "+id)
	close(hand)
	p.awaitText(t, Bob, "Cancelled", "0.025 PTC", "/show "+id)
	if p.showing(t, Ann, output(0)) != 0 {
		t.Error("the picture is there")
	}
	p.stage.Give(t, Ann, Line{Command: "show", Words: id})
	p.awaitPicture(t, Ann, output(0))
}

func private(t *testing.T, p *play) {
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "a secret fox --private"})
	p.awaitPicture(t, Ann, output(0))
	p.awaitButton(t, Ann, "Again")
	for _, message := range p.stage.Seen(t, Bob) {
		if len(message.Pictures) > 0 || strings.Contains(message.Text, "secret") {
			t.Errorf("Bob sees %q with %d pictures", message.Text, len(message.Pictures))
		}
	}
}

func shown(t *testing.T, p *play) {
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "a red fox"})
	p.awaitPicture(t, Ann, output(0))
	id := string(p.only(t).ID)
	p.awaitText(t, Ann, id)
	p.stage.Give(t, Ann, Line{Command: "show", Words: id})
	awaitTrue(t, "the picture is there twice", func() bool { return p.showing(t, Ann, output(0)) == 2 })
	p.stage.Give(t, Bob, Line{Command: "show", Words: id})
	p.awaitText(t, Bob, "somebody else")
	p.stage.Give(t, Bob, Line{Command: "show", Words: "nonsense"})
	p.awaitText(t, Bob, "nonsense", "is no id")
	p.tap(t, Ann, "Delete")
	awaitTrue(t, "the pictures are not kept", func() bool { return len(p.pictures.Keys()) == 0 })
}

func helped(t *testing.T, p *play) {
	p.stage.Give(t, Ann, Line{Command: "help"})
	var names []string
	for _, command := range bots.Commands() {
		names = append(names, "/"+command.Name)
	}
	p.awaitText(t, Ann, names...)
	p.stage.Give(t, Ann, Line{Command: "start"})
	p.awaitText(t, Ann, "Hello")
	p.stage.Give(t, Ann, Line{Command: "models", Words: "ideogram v2a"})
	p.awaitText(t, Ann, "ideogram-v2a-turbo-t2i", "0.04 PTC", "16:10")
	p.unspent(t)
}

func quota(t *testing.T, p *play) {
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "a red fox"})
	p.awaitPicture(t, Ann, output(0))
	p.stage.Give(t, Ann, Line{Command: "quota"})
	p.awaitText(t, Ann, "1 picture of 25", "24 left", "0.025 PTC spent of 5", "renews")
}

func literal(t *testing.T, p *play) {
	const foreign = "@everyone @here <b>bold</b> **stars** _low_ ~~gone~~ ||hidden|| `tick` [here](https://example.org) <@123> <#4> &amp; \\ > # fox"
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: foreign})
	p.awaitPicture(t, Ann, output(0))
	p.awaitText(t, Ann, foreign)
	p.stage.Give(t, Ann, Line{Command: "imagine", Words: "a fox --model <b>@everyone</b>`*_"})
	p.awaitText(t, Ann, "I know no model", "<b>@everyone</b>")
	p.stage.Give(t, Ann, Line{Command: "models", Words: "@everyone <b>fox</b>"})
	p.awaitText(t, Ann, "No model matches", "@everyone <b>fox</b>")
	for _, message := range p.stage.Seen(t, Bob) {
		if message.Pings {
			t.Errorf("%q pings", message.Text)
		}
	}
}
