package render_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"imaginebot/core"
	"imaginebot/core/ai302"
	"imaginebot/core/ai302/ai302test"
	"imaginebot/core/fetch"
	"imaginebot/core/pictures"
	"imaginebot/core/render"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// key is nobody's.
const key = "key-of-the-test"

// bench is a renderer between a stand-in for 302.AI and a real shelf.
type bench struct {
	t        *testing.T
	fake     *ai302test.Server
	shelf    *pictures.Shelf
	settings render.Settings
	catalog  core.Catalog

	mu    sync.Mutex
	drawn [][]byte // what the stand-in has drawn
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, catalog: core.DefaultCatalog()}
	b.fake = ai302test.New(ai302test.Settings{Key: key, MaxSide: 64, KontextPolls: 1, Draw: b.draw})
	if err := b.fake.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.fake.Close)
	shelf, err := pictures.Open(t.Context(), (&url.URL{Scheme: "file", Path: filepath.ToSlash(t.TempDir())}).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := shelf.Close(); err != nil {
			t.Error(err)
		}
	})
	b.shelf = shelf
	b.settings = render.Settings{
		Client:   b.client(key),
		Door:     fetch.New(fetch.Settings{Allow: []string{b.fake.PicturesHostPort()}}).Room(b.base()),
		Pictures: shelf,
		Pause:    time.Millisecond,
	}
	return b
}

func (b *bench) base() *url.URL {
	b.t.Helper()
	base, err := url.Parse(b.fake.URL())
	if err != nil {
		b.t.Fatal(err)
	}
	return base
}

func (b *bench) client(key string) *ai302.Client {
	b.t.Helper()
	client, err := ai302.New(ai302.Settings{
		Base: b.fake.URL(), Key: key,
		PollKontext: time.Millisecond, PollTask: time.Millisecond, RepeatPause: time.Millisecond,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(client.Close)
	return client
}

func (b *bench) draw(d ai302test.DrawRequest) []byte {
	text := ai302test.Poster(d)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drawn = append(b.drawn, text)
	return text
}

// render starts anew, as after a restart: nothing but the shelf and the ticket is left.
func (b *bench) render(ctx context.Context, o *ordered) (core.Image, error) {
	return render.New(b.settings).Render(ctx, o.Order)
}

func (b *bench) resume(ctx context.Context, o *ordered, ticket core.Ticket) (core.Image, error) {
	return render.New(b.settings).Resume(ctx, o.Order, ticket)
}

// paid is how many paid runs there were.
func (b *bench) paid() int {
	n := 0
	for _, count := range b.fake.Paid() {
		n += count
	}
	return n
}

// calls are the endpoints that were called, in order.
func (b *bench) calls() []string {
	var all []string
	for _, call := range b.fake.Calls() {
		all = append(all, call.Endpoint)
	}
	return all
}

// wantPicture checks that a picture is on the shelf under the order's key, exactly as it
// was drawn.
func (b *bench) wantPicture(o *ordered, image core.Image, err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	if image.Key != o.Key {
		b.t.Errorf("key %q, want %q", image.Key, o.Key)
	}
	text := b.stored(o.Key)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.ContainsFunc(b.drawn, func(drawn []byte) bool { return bytes.Equal(drawn, text) }) {
		b.t.Error("the stored bytes are not those that were sent")
	}
	measured, err := core.Measure(bytes.NewReader(text))
	measured.Key, measured.Bytes = image.Key, int64(len(text))
	if err != nil || measured != image {
		b.t.Errorf("%+v, but it is %+v, %v", image, measured, err)
	}
}

func (b *bench) stored(key string) []byte {
	b.t.Helper()
	file, err := b.shelf.Open(b.t.Context(), key)
	if err != nil {
		b.t.Fatal(err)
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

// wantNothing checks that nothing is on the shelf under the order's key.
func (b *bench) wantNothing(o *ordered) {
	b.t.Helper()
	file, err := b.shelf.Open(b.t.Context(), o.Key)
	if core.KindOf(err) != core.NotFound {
		b.t.Errorf("there is something under %s, %v", o.Key, err)
		if file != nil {
			file.Close()
		}
	}
}

// wantNoViolations checks that the provider has nothing to complain of.
func (b *bench) wantNoViolations() {
	b.t.Helper()
	for _, violation := range b.fake.Violations() {
		b.t.Error(violation)
	}
}

// put stores an input picture.
func (b *bench) put(key string, text []byte) *core.Image {
	b.t.Helper()
	image, err := b.shelf.Put(b.t.Context(), key, bytes.NewReader(text), core.LimitsOut)
	if err != nil {
		b.t.Fatal(err)
	}
	return &image
}

// noisePNG is a picture of about 4 bytes a pixel.
func noisePNG(t *testing.T, width, height int) []byte {
	t.Helper()
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	dice := rand.NewChaCha8([32]byte{byte(width), byte(height)})
	_, _ = dice.Read(picture.Pix)
	return encodePNG(t, picture)
}

func encodePNG(t *testing.T, picture image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// ordered is an order and what became of it.
type ordered struct {
	core.Order
	begun    int
	kept     []core.Ticket
	beginErr error
	keepErr  error
	onKeep   func()
}

func (b *bench) order(model string, request core.Request) *ordered {
	b.t.Helper()
	row, err := b.catalog.Find(model)
	if err != nil {
		b.t.Fatal(err)
	}
	request.Model = row.ID
	if request.Prompt == "" {
		request.Prompt = "a green hill"
	}
	o := &ordered{Order: core.Order{Generation: "abc", Request: request, Model: row, Key: "out/abc-1"}}
	o.Begin = func(context.Context) error {
		o.begun++
		return o.beginErr
	}
	o.Keep = func(_ context.Context, ticket core.Ticket) error {
		o.kept = append(o.kept, ticket)
		if o.onKeep != nil {
			o.onKeep()
		}
		return o.keepErr
	}
	return o
}

func wantKind(t *testing.T, err error, kind core.Kind) *core.Error {
	t.Helper()
	if err == nil || core.KindOf(err) != kind {
		t.Errorf("error %v, want %v", err, kind)
	}
	if kind == core.Ambiguous && core.AsError(err).Reason != "" {
		t.Errorf("%v: there is nothing for the person to change", err)
	}
	return core.AsError(err)
}

var errStore = errors.New("the database is away")
