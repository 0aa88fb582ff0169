// Package bots says what the bot can do, once for all platforms: its commands, their
// options and flags, its buttons, and every sentence that it says.
//
// An adapter (bots/discord, bots/telegram) turns what it hears into a [Call] or a [Tap],
// gives it to the [Desk] and shows the [Reply] in its platform's own markup. What
// takes time is not awaited: a reply whose Submitted is set says that the request was
// queued, and its end comes to the adapter's [core.Courier] as a [core.Outcome], which
// [Tell] puts into words. The table in command.go is the only list of commands:
// registration, menus, flags, help and autocompletion derive from it, and one file
// holds each command.
//
// What rules apply to a request (sizes, prices, allowance) is for package core to say;
// this package reads people and writes to them. It knows no platform by name.
//
// What surprises: the Desk never returns an error. Whoever stands at a desk gets an
// answer; an error that is nobody's fault but ours is logged here, once, and told as an
// apology with a reference.
//
// # Why
//
// A Reply is spans and not a string with markup, because the two platforms escape
// differently and prompts are foreign text: what a person wrote is a span of its own and can
// never become markup or a ping. Every sentence stands in
// say.go, and what is told of pictures in tell.go, so that the bot has one voice.
//
// Flags work in the words of a typed command too, because people carry them over from other
// bots; so an option and a flag can disagree, which is refused rather than guessed.
package bots
