// Package botstest tells the stories that every adapter must pass: what people do in
// front of a platform, and what they must see.
//
// An adapter's test brings a [Stage], its platform's stand-in with the adapter connected
// to it, and calls [TestStories]. Behind the stage works a real core.Studio with the
// parts of coretest, so that a story can hold the provider's hand still, let it
// fail, and look into the ledger.
//
// The surprise: a stage has no waiting in it. It does what a person does and shows what a
// person sees at that moment; the stories look again until it is there.
//
// # Why
//
// The stages are small on purpose: what one platform can and another cannot (threads,
// forms, albums) is for that adapter's own tests. Here stands what a person
// may expect wherever they meet the bot.
package botstest
