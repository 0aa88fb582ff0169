// Package discordspec compares traffic with Discord's own OpenAPI description,
// so that tests find out when the bot, or the fake Discord that tests the bot,
// departs from the real one.
//
// It is for test files only: they load a [Checker] from the folder that
// TEST_SPECS_DIR names and hand it to discordtest.Settings.Check. It knows
// nothing of the fake and nothing of the bot.
//
// What surprises: the description is of version 10 while discordgo calls
// version 9, so paths are looked up without their version; and of the events of
// the gateway Discord describes nothing, so that only the objects inside them
// (users, messages, attachments) are compared.
//
// # Why not the library's own request validation
//
// It refuses every multipart request, because the description gives the parts
// as one object with a file for each number, and it consumes the request. The
// JSON is all that matters: the caller hands over payload_json as JSON, and
// the schema of application/json on the same path decides.
package discordspec
