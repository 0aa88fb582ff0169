// Package preview makes, of a picture that a platform or a provider will not take as it
// is, a smaller one that it takes.
//
// [Needs] tells from what is known of a picture whether it is taken; mostly it is, and
// then its own bytes are sent and nothing here decodes anything. [Fit] makes a JPEG
// within the [Bounds]. What is told beside a preview, and that the original goes along
// as a file, is the caller's affair.
//
// The one thing that surprises: a picture that is too long for its height is not cropped
// or squeezed but put on white, so that there is a preview of any picture that can be
// decoded. Transparent parts become white too; of an animation the first frame is taken.
//
// # Why
//
// A decoded picture is some twenty times as large as its file, so how much is decoded at
// a time is counted for the whole process, not for each caller: 24 megapixels in all, or
// one larger picture alone. That is about 100 MB, and several times that only for the
// largest pictures. The sides are read before the pixels; over 50 megapixels nothing is
// decoded.
//
// Pictures are halved until the rest is less than a half, and then scaled bilinearly.
// That is as good to look at as the finer kernels, which need a buffer of floating-point
// numbers larger than the picture.
//
// Where a camera's orientation is noted in the file it is lost. What comes here are
// pictures that a model has made.
package preview
