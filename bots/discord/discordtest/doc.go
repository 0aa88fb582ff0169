// Package discordtest is a Discord to test against: a gateway that speaks
// WebSocket, the part of the REST API that a bot of slash commands needs, the
// CDN for attachments, and people who type, click and complain.
//
// A test (or the demo) starts a [Server], points the bot at [Server.URL] and
// then tells a story: a [User] in a [Channel] gives a command with
// [Server.Command], waits for the picture with [Interaction.Wait], presses a
// button with [Server.Click], reads with [Server.Messages] what everyone else
// can see. What the bot gets wrong is refused as Discord would refuse it and
// is written down besides: a test ends with an empty [Server.Violations].
// Weather is scripted: [Server.Script] spoils single REST calls,
// [Server.DropGateway] and its siblings spoil the connection.
//
// It leaves to the bot everything the bot must decide, and to a [Checker],
// handed in by the test, the comparison with Discord's published description:
// the package imports neither testing nor a schema library, so that the demo
// can carry it.
//
// What surprises: time is real. The three seconds for an acknowledgement are
// three seconds on the clock, because bot and fake talk over real sockets;
// only what nobody can wait for (the fifteen minutes of a token) reads
// Settings.Now.
//
// # Why so strict
//
// A lenient fake teaches a bot habits that fail in front of people. Each rule
// here is one that Discord enforces (https://discord.com/developers/docs) or
// one that people notice: an unanswered command, a stranger's ping. Rules that
// cannot be observed from outside are left out rather than guessed.
package discordtest
