// Package telegramtest is Telegram in one process: a server that speaks the Bot API to a bot, and people one can move
// around in front of it.
//
// The bot's half is HTTP, exactly as a bot knows it: calls go to {URL}/bot{token}/{method}, downloads come from
// {URL}/file/bot{token}/{file_path}, updates are fetched by long polling or posted to a webhook. The people's half is
// Go and reads like a story; the example of [Server] tells one.
//
// What surprises: the fake is stricter than it must be. It answers as Telegram would and besides writes down everything
// a careful bot does not do, even where Telegram would let it pass; [Server.Violations] is expected to stay empty.
//
// Time is never simulated. What needs the passing of days on the real platform is a call here: [Server.ExpireQueries],
// [Server.RestartUpdateIDs], [Chat.DeleteTopic].
//
// Left to others: the shape of every parameter and result is checked by the [Checker] that a test may pass in (package
// telegramspec holds one made from the official description); payments, inline mode, channels, stickers by the bot and
// everything else this bot never uses answers 404 and is a violation.
//
// # Why
//
// The package imports neither testing nor any validator because the demo runs it too. Limits are counted the stricter
// way where Telegram's own counting is not documented: text lengths in UTF-16 units. A person's photo keeps its bytes in
// its largest size, whereas a photo that the bot sent comes back recompressed from getFile, since that is the difference
// between photo and document which a bot must not forget; [Message.Photo] nevertheless holds the bytes as they were
// uploaded, so that a test can compare them.
package telegramtest
