package discord

import (
	"fmt"

	"imaginebot/bots"
	"imaginebot/core"
)

// What has to be said on Discord alone; everything else is said by package bots.

// sayMayNotAttach refuses what would end in a picture that cannot be shown.
func sayMayNotAttach() bots.Text {
	return bots.Text{{Text: "I may not attach files in this channel, so the picture could not be shown. Nothing was charged. A moderator can give me the permission "}, {Style: bots.Bold, Text: "Attach Files"}, {Text: " here."}}
}

// sayTooBig says why one of several pictures is not the original.
func sayTooBig(n, of int, bytes, limit int64, instead string) bots.Text {
	which := "The picture"
	if of > 1 {
		which = fmt.Sprintf("Picture %d", n+1)
	}
	return bots.Text{{Text: fmt.Sprintf("\n%s has %s, and Discord takes %s here: %s.", which, mebibytes(bytes), mebibytes(limit), instead)}}
}

func sayTooMuch() bots.Text {
	return bots.Text{{Text: "\nTogether these pictures are too big for one message, so some are smaller copies. Original brings the files."}}
}

// mebibytes is a size in words.
func mebibytes(bytes int64) string {
	if bytes%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}

// sorry is the apology for a fault of ours that cost nothing.
func sorry(event core.EventKey) bots.Reply {
	broken := core.Generation{ID: core.GenerationOf(event), Takes: []core.Take{{State: core.TakeFailed, Kind: core.Internal}}}
	return bots.Reply{Text: bots.Tell(core.Outcome{Generation: broken}).Text, Quiet: true}
}
