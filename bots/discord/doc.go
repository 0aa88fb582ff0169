// Package discord is the bot on Discord.
//
// What people do comes as interactions through the gateway (gateway.go). Each is
// acknowledged before anything else is done, accepted into the inbox, turned into a
// bots.Call or bots.Tap (interaction.go), answered by the bots.Desk, and the answer
// shown (receive.go). What was made later comes to Deliver (deliver.go), which edits the
// answer that has been waiting. The commands are registered in the background
// (register.go) from the table in package bots; texts become Discord's markup in
// markup.go, and files are chosen in files.go.
//
// What to say and what to spend is not decided here, and neither is how the calls to
// Discord are made: that is for rest.go.
//
// What surprises: how an interaction was acknowledged is never stored. It follows from
// the interaction alone, so a process that adopts one after a crash knows what the dead
// one has told Discord.
//
// # Why
//
// An answer is one message that is edited: "thinking", then "will paint", then the
// pictures. Edits replace everything, so a delivery whose answer was lost is simply made
// again, and people in the channel see one message. Two edits of one message must not
// overtake each other: each answer has a turn (turns.go), and after the last word
// nobody writes any more.
//
// The token of an interaction lives 15 minutes; its age can be read from the
// interaction's id. After that the result is a new message in the channel, under a nonce that makes
// it repeatable for a few minutes. A private result never becomes a message in a channel.
//
// Cancel and Delete are acknowledged as updates of the message that they stand
// under, because only such a token can delete an ephemeral message. Again is acknowledged as a
// new public answer; if it is refused, that answer is taken back and the refusal goes to
// the person alone.
//
// Commands of a guild can be registered for guilds that the settings no longer name.
// Asking every guild at each start would take longer than the rest of the start, so a
// note in the store remembers which guilds have been given commands.
package discord
