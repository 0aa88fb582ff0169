// Package ai302 speaks to 302.AI over HTTP: one method an endpoint, one file an
// endpoint, and one error type that says what the failure allows.
//
// Three ways lead to a picture. [Client.Generate] waits for the answer.
// [Client.SubmitFluxGeneral] usually waits too, but after about half a minute
// it may answer with a task id alone, which [Client.AwaitTask] follows.
// [Client.SubmitKontext] never waits: it gives an id, which
// [Client.AwaitKontext] follows. The beside-calls are [Client.UploadFile], for
// pictures that Flux-General wants as a URL, and [Client.Balance].
//
// The package gives back where a picture is, or its bytes when they came within
// the answer. Fetching it is the caller's, because the URL points at a foreign
// host. Choosing an endpoint, prices, concurrency and the words a person reads
// are the caller's too.
//
// The one thing that surprises: a paid call is not repeated when it fails. No
// idempotency key exists, so a second request is a second picture and a second
// bill. [Error.NotRun] says when the first provably did not run; in every other
// case the end of a paid call is [Ambiguous] and stays so.
//
// # Why
//
// Paid calls travel over HTTP/1.1 on a connection of their own. A connection
// kept alive can die at the moment of the next request, and then nobody can tell
// whether the request arrived; on a fresh one that doubt is rare. A handshake
// more is nothing beside the seconds a picture takes.
//
// "Not run" is decided by the request's body, not by the kind of network error:
// as long as nobody asked the body for its first byte, no server can have a
// whole request. That stays true through proxies and any RoundTripper.
//
// polling_url in Kontext's answer is not followed. 302.AI's own example shows a
// host of Black Forest Labs, which does not know the key and would learn it.
//
// Situations are the provider's view, not the product's: what a person is told,
// what is given back and what is tried again is decided by the caller.
package ai302
