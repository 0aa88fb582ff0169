package pictures

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"imaginebot/core"
)

// Shelf is a store of pictures. It is safe for concurrent use.
type Shelf struct {
	bucket *blob.Bucket
}

var _ core.Pictures = (*Shelf)(nil)

// Close ends the use of the shelf.
func (s *Shelf) Close() error { return s.bucket.Close() }

// What a Put into a bucket holds in memory: up to 16 MiB to see whether the picture goes
// in one piece, and else so many parts of so many bytes, the least that S3 allows.
const (
	partBytes = 5 << 20
	parts     = 2
)

// Put stores what r gives, if it is a picture within limits, in place of what was under
// the key. Bytes are counted and sides measured on the way; r is not read further than
// it takes to see that it will not do.
func (s *Shelf) Put(ctx context.Context, key string, r io.Reader, limits core.Limits) (core.Image, error) {
	in := bufio.NewReader(limits.Cap(r))
	head, err := in.Peek(12)
	if err != nil && !errors.Is(err, io.EOF) {
		return core.Image{}, err
	}
	format := core.Sniff(head)
	if format == "" {
		return core.Image{}, &core.Error{Kind: core.Invalid, Reason: core.ReasonNoPicture}
	}
	// Closing a writer keeps what was written, unless its context has ended before.
	writing, undo := context.WithCancel(ctx)
	defer undo()
	var file *os.File
	out, err := s.bucket.NewWriter(writing, key, &blob.WriterOptions{
		ContentType: format.Type(), BufferSize: partBytes, MaxConcurrency: parts,
		BeforeWrite: func(as func(any) bool) error {
			as(&file) // stays nil where there is no file
			return nil
		},
	})
	if err != nil {
		return core.Image{}, failed("put", key, err)
	}
	image, err := pass(ctx, in, out, limits)
	if err == nil && file != nil {
		err = file.Sync()
	}
	if err != nil {
		undo()
		_ = out.Close() // says only that it was called off
		return core.Image{}, failed("put", key, err)
	}
	if err := out.Close(); err != nil {
		return core.Image{}, failed("put", key, err)
	}
	image.Key = key
	return image, nil
}

// pass copies a picture and measures it while it passes.
func pass(ctx context.Context, in io.Reader, out io.Writer, limits core.Limits) (core.Image, error) {
	passage := &passage{ctx: ctx, in: in, out: out}
	image, err := core.Measure(passage)
	if passage.fault != nil { // else it would be taken for a fault of the picture
		return core.Image{}, passage.fault
	}
	if err != nil {
		return core.Image{}, err
	}
	if err := limits.Check(image); err != nil {
		return core.Image{}, err
	}
	if _, err := io.Copy(io.Discard, passage); err != nil {
		return core.Image{}, err
	}
	image.Bytes = passage.bytes
	return image, nil
}

// passage writes out all that is read through it.
type passage struct {
	ctx   context.Context
	in    io.Reader
	out   io.Writer
	bytes int64
	fault error // the first one, of reading or of writing
}

// Read reads and writes on.
func (p *passage) Read(buffer []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		p.fault = err
		return 0, err
	}
	n, err := p.in.Read(buffer)
	if err != nil && err != io.EOF {
		p.fault = err
		return n, err
	}
	p.bytes += int64(n)
	if _, writeErr := p.out.Write(buffer[:n]); writeErr != nil {
		p.fault = writeErr
		return n, writeErr
	}
	return n, err
}

// Open reads the picture under a key; the error is NotFound where there is none.
func (s *Shelf) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	r, err := s.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, failed("open", key, err)
	}
	return r, nil
}

// Copy stores the picture at image.Key a second time, under key; in a bucket the bytes do
// not pass through here. The error is NotFound where there is no such picture.
func (s *Shelf) Copy(ctx context.Context, image core.Image, key string) (core.Image, error) {
	if err := s.bucket.Copy(ctx, key, image.Key, nil); err != nil {
		return core.Image{}, failed("copy", image.Key, err)
	}
	image.Key = key
	return image, nil
}

// Delete removes pictures, all that it can; those that are not there are no error.
func (s *Shelf) Delete(ctx context.Context, keys ...string) error {
	var faults []error
	for _, key := range keys {
		if err := s.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			faults = append(faults, failed("delete", key, err))
		}
	}
	return errors.Join(faults...)
}

// failed says what could be done about err.
func failed(action, key string, err error) error {
	var known *core.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &core.Error{Kind: core.Busy, Err: fmt.Errorf("%s picture %s: %w", action, key, err)}
	case gcerrors.Code(err) == gcerrors.NotFound:
		return &core.Error{Kind: core.NotFound, Reason: core.ReasonPictureGone, Err: fmt.Errorf("%s picture %s: %w", action, key, err)}
	}
	return fmt.Errorf("%s picture %s: %w", action, key, err)
}
