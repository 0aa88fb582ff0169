// Package render makes pictures through 302.AI: it is the [core.Renderer] of the studio.
//
// Which endpoint a request takes follows from its model. What is sent follows from the
// model's rule for sizes and from what the person asked for, and nothing else is sent:
// the provider replaces what it does not know without a word. Pictures that go in are read
// from [core.Pictures], and made smaller where they are larger than any model takes.
// Pictures that come out are fetched through core/fetch, or taken from the answer itself,
// and stored as they are, byte for byte.
//
// It leaves to core when to call and what an error costs whom, to core/ai302 how the
// provider is spoken to, and to the catalogue which sizes there are.
//
// # The order of things
//
// First all that costs nothing: the shape, the input pictures, the upload of a control
// picture (a tenth of a cent, so as good as nothing). Then order.Begin, and at once the
// paid call. If the answer holds no picture's bytes, what it does hold becomes the ticket
// and goes to order.Keep: an id to ask after, or the address of the finished picture.
// Then the result is awaited and fetched, which is free and may be done again, by
// [Renderer.Resume] in another process too.
//
// # Errors
//
// Where a call stands decides more than what went wrong:
//
//   - Until the paid call, and after one that provably did not run, the Kind is the
//     provider's situation: Busy, Paused, NoModel, Invalid, TooBig, Refused, Internal.
//   - A paid call of which nobody knows whether it ran is Ambiguous.
//   - After it, with a ticket stored, all that may pass is Busy or Paused: the take is
//     resumed later.
//   - After it, without one, whatever fails is Ambiguous.
//   - In both cases it is final, and Ambiguous, when the provider reports a failure or no
//     longer knows the id, when the result cannot be had from its address after some
//     tries, and when it is too large or no picture. Moderated is Refused.
//
// Ambiguous has no Reason: there is nothing for the person to change. The log gets the cause.
// A context that ended is Busy or Ambiguous like anything else, with its error wrapped.
//
// The one thing that surprises: Render goes on when order.Keep fails. The picture is paid
// for, and most likely a moment away. Only if the take was lost to somebody else it stops.
//
// # Why
//
// An address is a ticket too. A process that dies while it downloads would otherwise
// leave a picture paid and lost, though it lies there to be fetched.
//
// Input pictures travel as base64 within JSON, or as forms, and are held whole while
// the call lasts, several times over. So a call waits until there is memory for it,
// before it begins; results are streamed and need none. An answer that brings its picture
// along comes unasked and is not counted; the client bounds it.
package render
