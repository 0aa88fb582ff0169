package pictures

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"

	"imaginebot/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func encoded(t *testing.T, format core.Format, width, height int) []byte {
	t.Helper()
	picture, out := image.NewNRGBA(image.Rect(0, 0, width, height)), new(bytes.Buffer)
	var err error
	switch format {
	case core.PNG:
		err = png.Encode(out, picture)
	case core.JPEG:
		err = jpeg.Encode(out, picture, nil)
	case core.GIF:
		err = gif.Encode(out, picture, nil)
	case core.WebP: // one pixel; there is no encoder here
		return must(base64.StdEncoding.DecodeString("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// largePNG says it is a picture of these sides, and goes on for so many bytes in all.
func largePNG(width, height uint32, size int) io.Reader {
	header := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	header = binary.BigEndian.AppendUint32(header, height)
	header = append(header, 8, 6, 0, 0, 0)
	start := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), header...)
	start = binary.BigEndian.AppendUint32(start, crc32.ChecksumIEEE(header))
	return io.LimitReader(io.MultiReader(bytes.NewReader(start), endless{}), int64(size))
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func open(t *testing.T, url string) *Shelf {
	t.Helper()
	shelf, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := shelf.Close(); err != nil {
			t.Error(err)
		}
	})
	return shelf
}

// each runs a test on a folder and on a bucket. keys are those that are there in the end.
func each(t *testing.T, test func(t *testing.T, shelf *Shelf, keys func() []string)) {
	t.Run("file", func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "deep", "pictures")
		shelf := open(t, "file://"+filepath.ToSlash(folder))
		test(t, shelf, func() []string { return files(t, folder) })
	})
	t.Run("s3", func(t *testing.T) {
		fake := newS3(t)
		test(t, open(t, fake.url()), fake.keys)
	})
}

func files(t *testing.T, folder string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			all = append(all, filepath.ToSlash(must(filepath.Rel(folder, path))))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func content(t *testing.T, shelf *Shelf, key string) []byte {
	t.Helper()
	r, err := shelf.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func wantKind(t *testing.T, err error, kind core.Kind, reason core.Reason) {
	t.Helper()
	if err == nil || core.KindOf(err) != kind || core.AsError(err).Reason != reason {
		t.Errorf("error %v, want %v: %v", err, kind, reason)
	}
}

func TestPutMeasuresAndKeepsTheBytes(t *testing.T) {
	each(t, func(t *testing.T, shelf *Shelf, keys func() []string) {
		for _, want := range []core.Image{
			{Key: "in/a-image", Format: core.PNG, Width: 31, Height: 17},
			{Key: "in/b-image", Format: core.JPEG, Width: 40, Height: 9},
			{Key: "out/c-1", Format: core.GIF, Width: 5, Height: 6},
			{Key: "out/d-4", Format: core.WebP, Width: 1, Height: 1},
		} {
			text := encoded(t, want.Format, want.Width, want.Height)
			want.Bytes = int64(len(text))
			got, err := shelf.Put(t.Context(), want.Key, iotest.OneByteReader(bytes.NewReader(text)), core.LimitsIn)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if !bytes.Equal(content(t, shelf, want.Key), text) {
				t.Errorf("%s: the bytes have changed", want.Key)
			}
		}
		if diff := cmp.Diff([]string{"in/a-image", "in/b-image", "out/c-1", "out/d-4"}, keys()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhatFailsLeavesNoTrace(t *testing.T) {
	broken := errors.New("broken off")
	for _, test := range []struct {
		name   string
		give   func(t *testing.T, stop func()) io.Reader
		limits core.Limits
		check  func(t *testing.T, err error)
	}{
		{
			name:   "nothing",
			give:   func(*testing.T, func()) io.Reader { return strings.NewReader("") },
			limits: core.LimitsIn,
			check:  func(t *testing.T, err error) { wantKind(t, err, core.Invalid, core.ReasonNoPicture) },
		}, {
			name:   "a page",
			give:   func(*testing.T, func()) io.Reader { return strings.NewReader("<!doctype html><title>302</title>") },
			limits: core.LimitsIn,
			check:  func(t *testing.T, err error) { wantKind(t, err, core.Invalid, core.ReasonNoPicture) },
		}, {
			name:   "a picture's beginning",
			give:   func(*testing.T, func()) io.Reader { return strings.NewReader("\x89PNG\r\n\x1a\n and then words") },
			limits: core.LimitsIn,
			check:  func(t *testing.T, err error) { wantKind(t, err, core.Invalid, core.ReasonNoPicture) },
		}, {
			name:   "too many bytes",
			give:   func(*testing.T, func()) io.Reader { return largePNG(10, 10, 100_001) },
			limits: core.Limits{Bytes: 100_000, Pixels: 100},
			check:  func(t *testing.T, err error) { wantKind(t, err, core.TooBig, core.ReasonPictureBytes) },
		}, {
			name:   "too many pixels",
			give:   func(*testing.T, func()) io.Reader { return largePNG(10, 11, 1000) },
			limits: core.Limits{Bytes: 100_000, Pixels: 100},
			check:  func(t *testing.T, err error) { wantKind(t, err, core.TooBig, core.ReasonPicturePixels) },
		}, {
			name: "broken off",
			give: func(*testing.T, func()) io.Reader {
				return io.MultiReader(largePNG(10, 10, 50_000), iotest.ErrReader(broken))
			},
			limits: core.LimitsIn,
			check: func(t *testing.T, err error) {
				if !errors.Is(err, broken) || core.KindOf(err) != core.Internal {
					t.Error(err)
				}
			},
		}, {
			name: "broken off in the header",
			give: func(*testing.T, func()) io.Reader {
				return io.MultiReader(largePNG(10, 10, 20), iotest.ErrReader(broken))
			},
			limits: core.LimitsIn,
			check: func(t *testing.T, err error) {
				if !errors.Is(err, broken) || core.KindOf(err) != core.Internal {
					t.Error(err)
				}
			},
		}, {
			name: "broken off later in the header",
			give: func(t *testing.T, _ func()) io.Reader {
				return io.MultiReader(bytes.NewReader(encoded(t, core.JPEG, 9, 9)[:100]), iotest.ErrReader(broken))
			},
			limits: core.LimitsIn,
			check: func(t *testing.T, err error) {
				if !errors.Is(err, broken) || core.KindOf(err) != core.Internal {
					t.Error(err)
				}
			},
		}, {
			name: "called off",
			give: func(_ *testing.T, stop func()) io.Reader {
				return io.MultiReader(largePNG(10, 10, 50_000), readerFunc(func([]byte) (int, error) { stop(); return 0, nil }), endless{})
			},
			limits: core.LimitsIn,
			check: func(t *testing.T, err error) {
				if !errors.Is(err, context.Canceled) || core.KindOf(err) != core.Internal {
					t.Error(err)
				}
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, shelf *Shelf, keys func() []string) {
				earlier := encoded(t, core.PNG, 3, 3)
				if _, err := shelf.Put(t.Context(), "in/a", bytes.NewReader(earlier), core.LimitsIn); err != nil {
					t.Fatal(err)
				}
				for _, key := range []string{"in/a", "in/new"} {
					ctx, stop := context.WithCancel(t.Context())
					defer stop()
					image, err := shelf.Put(ctx, key, test.give(t, stop), test.limits)
					test.check(t, err)
					if image != (core.Image{}) {
						t.Errorf("image %v beside an error", image)
					}
				}
				if !slices.Equal(keys(), []string{"in/a"}) || !bytes.Equal(content(t, shelf, "in/a"), earlier) {
					t.Errorf("on the shelf now: %v", keys())
				}
			})
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A picture that will not do is not fetched to its end.
func TestPutStopsReading(t *testing.T) {
	shelf := open(t, "file://"+filepath.ToSlash(t.TempDir()))
	rest := &counting{from: largePNG(60_000, 60_000, 10<<20)}
	_, err := shelf.Put(t.Context(), "in/a", rest, core.LimitsIn)
	wantKind(t, err, core.TooBig, core.ReasonPicturePixels)
	if rest.bytes > 64<<10 {
		t.Errorf("%d bytes were read", rest.bytes)
	}
}

type counting struct {
	from  io.Reader
	bytes int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.bytes += n
	return n, err
}

func TestPutNeedsLittleMemory(t *testing.T) {
	shelf := open(t, "file://"+filepath.ToSlash(t.TempDir()))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	image, err := shelf.Put(t.Context(), "out/a", largePNG(7000, 7000, 50<<20), core.LimitsOut)
	runtime.ReadMemStats(&after)
	if err != nil || image.Bytes != 50<<20 {
		t.Fatalf("%+v, %v", image, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d bytes of memory for a picture of 50 MiB", used)
	}
}

func TestPutReplaces(t *testing.T) {
	each(t, func(t *testing.T, shelf *Shelf, keys func() []string) {
		for _, format := range []core.Format{core.PNG, core.JPEG} {
			text := encoded(t, format, 8, 8)
			if _, err := shelf.Put(t.Context(), "out/a-1", bytes.NewReader(text), core.LimitsOut); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(content(t, shelf, "out/a-1"), text) {
				t.Errorf("not the %s", format)
			}
		}
		if !slices.Equal(keys(), []string{"out/a-1"}) {
			t.Errorf("keys %v", keys())
		}
	})
}

func TestLargePicturesInParts(t *testing.T) {
	fake := newS3(t)
	shelf := open(t, fake.url())
	want := must(io.ReadAll(largePNG(100, 100, 4*partBytes+17)))
	if _, err := shelf.Put(t.Context(), "out/a-1", bytes.NewReader(want), core.LimitsOut); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(t, shelf, "out/a-1"), want) || fake.uploads != 1 {
		t.Errorf("not the same bytes, or not in parts: %d uploads", fake.uploads)
	}
	_, err := shelf.Put(t.Context(), "out/a-2", largePNG(100, 100, 51<<20), core.LimitsOut)
	wantKind(t, err, core.TooBig, core.ReasonPictureBytes)
	if !slices.Equal(fake.keys(), []string{"out/a-1"}) {
		t.Errorf("keys %v", fake.keys())
	}
}

func TestCopyDeleteOpen(t *testing.T) {
	each(t, func(t *testing.T, shelf *Shelf, keys func() []string) {
		text := encoded(t, core.PNG, 4, 2)
		first, err := shelf.Put(t.Context(), "out/a-1", bytes.NewReader(text), core.LimitsOut)
		if err != nil {
			t.Fatal(err)
		}
		second, err := shelf.Copy(t.Context(), first, "in/b-image")
		want := first
		want.Key = "in/b-image"
		if diff := cmp.Diff(want, second); diff != "" || err != nil {
			t.Error(diff, err)
		}
		if err := shelf.Delete(t.Context(), "out/a-1", "out/none", "out/a-1"); err != nil {
			t.Error(err)
		}
		if !bytes.Equal(content(t, shelf, "in/b-image"), text) || !slices.Equal(keys(), []string{"in/b-image"}) {
			t.Errorf("left are %v", keys())
		}
		_, err = shelf.Open(t.Context(), "out/a-1")
		wantKind(t, err, core.NotFound, core.ReasonPictureGone)
		_, err = shelf.Copy(t.Context(), first, "in/c-image")
		wantKind(t, err, core.NotFound, core.ReasonPictureGone)
		if err := shelf.Delete(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestKeysStayInTheFolder(t *testing.T) {
	root := t.TempDir()
	shelf := open(t, "file://"+filepath.ToSlash(root)+"/pictures")
	for _, key := range []string{"../a", "in/../../a", "/../a", `..\a`} {
		_, _ = shelf.Put(t.Context(), key, bytes.NewReader(encoded(t, core.PNG, 1, 1)), core.LimitsIn)
	}
	for _, file := range files(t, root) {
		if !strings.HasPrefix(file, "pictures/") {
			t.Errorf("%s is outside", file)
		}
	}
}

// fullDisk has no room left.
type fullDisk struct{ driver.Bucket }

func (fullDisk) NewTypedWriter(context.Context, string, string, *driver.WriterOptions) (driver.Writer, error) {
	return fullDisk{}, nil
}
func (fullDisk) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "a", Err: syscall.ENOSPC}
}
func (fullDisk) Close() error                       { return nil }
func (fullDisk) ErrorCode(error) gcerrors.ErrorCode { return gcerrors.Unknown }

func TestAFullDiskIsBusy(t *testing.T) {
	shelf := &Shelf{bucket: blob.NewBucket(fullDisk{})}
	defer shelf.Close()
	_, err := shelf.Put(t.Context(), "in/a", largePNG(10, 10, 10_000), core.LimitsIn)
	wantKind(t, err, core.Busy, core.ReasonNone)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v does not say why", err)
	}
}

func TestOpenRemovesWhatAKillLeft(t *testing.T) {
	folder := t.TempDir()
	for name, age := range map[string]time.Duration{"out/a.1.tmp": 2 * nobodyWrites, "out/b.2.tmp": time.Minute, "out/c": 2 * nobodyWrites} {
		path := filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600), os.Chtimes(path, time.Time{}, time.Now().Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	open(t, "file:"+filepath.ToSlash(folder))
	if got := files(t, folder); !slices.Equal(got, []string{"out/b.2.tmp", "out/c"}) {
		t.Errorf("left are %v", got)
	}
}

func TestOpenReadsTheURL(t *testing.T) {
	here := t.TempDir()
	t.Chdir(here)
	for url, folder := range map[string]string{
		"file:data/pictures":                        "data/pictures",
		"file:./dot":                                "dot",
		"file:with%20space":                         "with space",
		"file:" + filepath.ToSlash(here) + "/one":   "one",
		"file://" + filepath.ToSlash(here) + "/two": "two",
	} {
		open(t, url)
		made, err := os.Stat(filepath.Join(here, folder))
		if err != nil || !made.IsDir() || runtime.GOOS != "windows" && made.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", url, made, err)
		}
	}
	if err := os.WriteFile("afile", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"", "data/pictures", "file:", "file://data/pictures", "file:data?metadata=s3cr3t", "file:data#s3cr3t", "file:afile", "ftp://host/s3cr3t", "http://[::1", "s3://bucket?region=eu-west-1&secret_key=s3cr3t", "file:%zz"} {
		shelf, err := Open(t.Context(), url)
		if err == nil {
			t.Errorf("%q was opened", url)
			shelf.Close()
			continue
		}
		if strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%v quotes the URL", err)
		}
	}
}
