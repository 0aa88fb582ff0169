package bots_test

import (
	"fmt"

	"imaginebot/bots"
	"imaginebot/core"
)

func ExampleHear() {
	for _, message := range []bots.Message{
		{Text: "/imagine@ImagineBot a cat --ar 16:9", Me: "ImagineBot"},
		{Text: "/imagine@OtherBot a cat", Me: "ImagineBot"},
		{Text: "make it night", Addressed: true, Picture: true},
		{Text: "a cat", Addressed: true},
	} {
		heard, ok := bots.Hear(message)
		fmt.Printf("%v %q %q\n", ok, heard.Command, heard.Words)
	}
	// Output:
	// true "imagine" "a cat --ar 16:9"
	// false "" ""
	// true "edit" "make it night"
	// true "imagine" "a cat"
}

// A prompt is a span of its own: an adapter escapes it, and no markup comes of it.
func ExampleTell() {
	outcome := core.Outcome{
		Generation: core.Generation{
			ID:      "4k7m2p9qx3ra",
			Request: core.Request{Prompt: "<b>a fox</b>", Count: 1},
			Takes:   []core.Take{{State: core.TakeRendered, Price: 25_000, Image: &core.Image{Width: 1024, Height: 1024}}},
		},
		Model: core.Model{ID: "flux-dev-t2i"},
		Left:  core.Allowance{Images: 24},
	}
	reply := bots.Tell(outcome)
	fmt.Println(reply.Text)
	for _, button := range reply.Buttons {
		fmt.Println(button.Label(), button.ID())
	}
	// Output:
	// <b>a fox</b>
	// flux-dev-t2i · 1024x1024 · 0.025 PTC · 24 left today
	// 4k7m2p9qx3ra
	// 🔁 Again again:4k7m2p9qx3ra
	// 📄 Original original:4k7m2p9qx3ra
	// 🗑 Delete delete:4k7m2p9qx3ra
}
