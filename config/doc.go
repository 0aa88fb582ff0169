// Package config turns the environment, and a .env file beside the process,
// into one checked [Config]. Nothing else in the program reads the environment.
//
// Each setting is one field of Config, and its struct tag is the whole fact:
// name, default, what it means, what to write instead of a wrong value. The
// messages, [Config.Redacted] and .env.example derive from it.
//
// [Load] reads and checks. When anything is wrong its error is [Problems]: every
// wrong variable at once, one line each, with the mend and never with a secret.
// What can only be judged with more knowledge is left to the caller, who adds a
// [Problem] of its own: whether a model exists, a port is free, a token is taken.
//
// The surprise: an empty variable means its default, so that a blank line in a
// compose file does no harm. HTTP_ADDR alone means "off" when it is set and empty.
//
// # Why
//
// A wrong ALLOW must never open the bot to the world, hence a list with an empty
// entry ("ALLOW=,") is refused instead of read as "everyone".
//
// Amounts are decimal text turned into whole micro-PTC: a float would make 0.1
// something else, and the ledger is exact.
//
// Tokens with spaces, quotes or a "Bot " before them are refused, not trimmed: a
// token that is silently mended here fails in the next program that reads the
// same file.
//
// godotenv's own errors are never shown, because they quote the rest of the file,
// secrets and all. The line is found here instead.
package config
