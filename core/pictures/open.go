package pictures

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/s3blob"
)

// Open opens the shelf that a PICTURES_URL names; close it in the end.
//
// file:data/pictures and file:///var/lib/pictures are folders, made if they are not
// there. s3://bucket?region=eu-west-1 is a bucket; the parameters are those of
// https://pkg.go.dev/gocloud.dev/blob/s3blob#URLOpener and the keys come from AWS's own
// variables and files. A bucket that does not answer is an error.
func Open(ctx context.Context, address string) (*Shelf, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("open pictures: not a URL")
	}
	var bucket *blob.Bucket
	switch parsed.Scheme {
	case fileblob.Scheme:
		bucket, err = openFolder(parsed)
	case s3blob.Scheme:
		bucket, err = openBucket(ctx, parsed)
	default:
		err = errors.New("neither file: nor s3:")
	}
	if err != nil {
		return nil, fmt.Errorf("open pictures: %w", err)
	}
	return &Shelf{bucket: bucket}, nil
}

func openFolder(address *url.URL) (*blob.Bucket, error) {
	path, err := address.Path, error(nil)
	if address.Opaque != "" {
		path, err = url.PathUnescape(address.Opaque)
	}
	if err != nil || path == "" || address.Host+address.RawQuery+address.Fragment != "" {
		return nil, errors.New("a folder is file:relative/path or file:///absolute/path")
	}
	folder := filepath.FromSlash(path)
	bucket, err := fileblob.OpenBucket(folder, &fileblob.Options{
		CreateDir:   true,
		DirFileMode: 0o700, // the pictures are private, also to other users of the machine
		NoTempDir:   true,
		Metadata:    fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, err
	}
	if err := removeHalfWritten(folder, time.Now()); err != nil {
		return nil, errors.Join(fmt.Errorf("remove half-written pictures: %w", err), bucket.Close())
	}
	return bucket, nil
}

// halfWritten ends the name of a file that fileblob is still writing.
const halfWritten = ".tmp"

// nobodyWrites is longer than any writing takes: other processes may be using the folder.
const nobodyWrites = time.Hour

func removeHalfWritten(folder string, now time.Time) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, halfWritten) {
			return err
		}
		file, err := entry.Info()
		if err == nil && now.Sub(file.ModTime()) > nobodyWrites {
			err = os.Remove(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

func openBucket(ctx context.Context, address *url.URL) (*blob.Bucket, error) {
	options := address.Query()
	if !options.Has("response_checksum_validation") {
		// Else the library writes a warning of its own for every picture that comes without.
		options.Set("response_checksum_validation", "when_required")
		address.RawQuery = options.Encode()
	}
	bucket, err := new(s3blob.URLOpener).OpenBucketURL(ctx, address)
	if err != nil {
		// The library quotes the URL, and somebody may have put a secret into it.
		return nil, errors.New(strings.TrimPrefix(err.Error(), "open bucket "+address.String()+": "))
	}
	switch there, err := bucket.IsAccessible(ctx); {
	case err != nil:
		return nil, errors.Join(fmt.Errorf("look into bucket %s: %w", address.Host, err), bucket.Close())
	case !there:
		return nil, errors.Join(fmt.Errorf("there is no bucket %s", address.Host), bucket.Close())
	}
	return bucket, nil
}
