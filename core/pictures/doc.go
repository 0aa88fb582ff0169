// Package pictures keeps picture bytes under keys until they are deleted: in a folder, or
// in an S3 bucket where several machines share the work.
//
// A [Shelf] is opened from PICTURES_URL and is the [core.Pictures] of the studio. What is
// put on it is streamed through: it is measured as it passes, a few kilobytes at a time,
// and no pixel is decoded. It stays under exactly the key that was given, without an
// ending; its format is in the [core.Image], as its bytes say. When to delete is the
// studio's affair.
//
// The one thing that surprises: until Put returns without an error there is nothing new
// on the shelf. What turns out to be no picture, too large, broken off or called off
// leaves no trace, and an earlier picture under the key stays as it was.
//
// A full disk is an error of kind Busy: somebody has to make room, and until then nothing
// is wrong with the request.
//
// # Why
//
// A folder's half-written files lie in the folder itself, because a file can be renamed
// into place only within one file system. A kill leaves such a file behind; [Open]
// removes the old ones. A finished file is written through to the disk before it gets its
// name: soon after, a database says that it is there, and somebody is charged for it.
//
// Media types and other attributes are not stored beside the files. Everything known of
// a picture is in the database with its generation.
package pictures
