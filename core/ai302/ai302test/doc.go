// Package ai302test stands in for 302.AI: a server on loopback that behaves as
// the provider is known to, refuses what the provider would refuse, and gets into
// trouble on demand.
//
//	fake := ai302test.New(ai302test.Settings{Key: "key-of-the-test"})
//	if err := fake.Start(); err != nil { … }
//	defer fake.Close()
//	fake.Script(ai302test.Match{Endpoint: ai302test.Generate}, ai302test.RateLimited(time.Second), 1)
//	… call fake.URL() …
//	if v := fake.Violations(); len(v) > 0 { … }
//
// It has two addresses. [Server.URL] is the API, below a path, so that a client
// which forgets its base's path is found out. [Server.PicturesHostPort] is the
// foreign host where finished pictures and uploads are fetched and where
// Kontext's polling_url points: who brings the key there has leaked it.
//
// Being strict has two halves. What the provider would refuse is refused. What
// the provider would swallow without a word, such as a size it replaces, a
// picture it ignores or a paid request that came before and may have run, is
// accepted as there and noted. Both are in [Server.Violations], which a test
// expects to be empty. A wrong key or an unknown model is refused without a
// note: an operator may cause either.
//
// Pictures are drawn from the request when they are fetched, alike for alike
// requests. The unified interface has no seed; there the first, second and third
// identical request give different pictures, in that order in every run.
//
// The one thing that surprises: two requests with the same body are one request
// sent twice only if the first one's end was unknown to the sender. A person who
// asks again looks the same on the wire; [Server.AllowRepeats] says that it was
// one.
//
// # Why
//
// The package shares no code with the client it tests, and knows the provider's
// field names by itself: a misspelling in one is a failure in the other. It does
// not import testing, because the demo runs it too.
package ai302test
