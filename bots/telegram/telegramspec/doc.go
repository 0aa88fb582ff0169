// Package telegramspec checks calls, results and updates of the Bot API against the official description of its methods
// and types, as the data file telegram.api.json holds it. Only tests import it.
//
// It judges shapes: which methods, parameters and fields exist, which are required, of what type each is. What Telegram's
// documentation says in prose alone, lengths above all, is left to telegramtest.
//
// What surprises: absent and null are the same thing, since clients send entities=null; and in a form every value is a
// string, so an integer, a flag or an object may come as the text of one.
package telegramspec
