// Package telegram is the bot on Telegram: it turns updates into calls and taps for the
// [bots.Desk], and replies and outcomes into messages.
//
// Updates come by long polling or by webhook (updates.go). Those that are for the bot go into
// the inbox, a whole batch in one transaction, and only then does Telegram hear that they
// arrived (receive.go). Each is worked in a goroutine of its own: a message becomes a call
// (message.go), the pieces of an album are brought together first (album.go), a button becomes a
// tap (tap.go), and a picture without words a question (question.go). What is answered goes
// through answer.go; what was made comes back through [Bot.Deliver] (deliver.go), which
// shows pictures as present.go says. rest.go speaks to the Bot API.
//
// Which rules apply, what things cost and how sentences read is for packages core and
// bots to say. All that is decided here is what Telegram makes special: privacy mode, topics,
// silent messages, albums without buttons, photos that are recompressed.
//
// What surprises: nothing about a message in Telegram can be asked for later, so what must be
// remembered is kept in the store's notes: which message waits for a generation, what a
// question was about, how far a delivery came, which messages stand under one keyboard.
//
// # Why
//
// The message that waits is not edited into the picture, because an edit does not notify;
// what ends without a picture is an edit of it, because an edit can be repeated without a
// trace. Its id is a note under the generation's id rather than a part of the address: for Again it
// is sent only when the order has been taken, so that a refused tap leaves nothing behind.
//
// A sent message cannot be asked about either. So before each part of a delivery a note
// says that it is about to go: who finds that note after a crash sends the part once more
// and counts it, since it may be there twice, but is never missing.
//
// Of what is said in groups only what may concern the bot reaches the inbox: where
// privacy mode is off it hears everything, and that is nobody's to keep.
//
// A "@" in foreign words is followed by an invisible word joiner, because Telegram makes
// mentions of plain text and a mention in a bot's message notifies like any other.
package telegram
