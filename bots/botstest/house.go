package botstest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"imaginebot/bots"
	"imaginebot/core"
	"imaginebot/core/coretest"
)

// patience is how long a story waits for what must happen.
const patience = 15 * time.Second

// play is one story being told.
type play struct {
	stage    Stage
	studio   *core.Studio
	store    *coretest.Store
	renderer *painter
	pictures *coretest.Pictures
}

// painter is the scripted renderer, with pictures that differ from take to take.
type painter struct {
	*coretest.Renderer
	pictures *coretest.Pictures
}

// Render makes a picture of its own width for each take.
func (p *painter) Render(ctx context.Context, order core.Order) (core.Image, error) {
	if image, err := p.Renderer.Render(ctx, order); err != nil {
		return image, err
	}
	return p.pictures.Put(ctx, order.Key, bytes.NewReader(coretest.PNG(64+order.Take, 36)), core.LimitsOut)
}

// begin opens the house and its stage, and starts the queue.
func begin(t *testing.T, open func(t *testing.T, house House) Stage, plan core.Plan) *play {
	pictures := coretest.NewPictures()
	p := &play{
		store:    coretest.NewStore(time.Now),
		renderer: &painter{&coretest.Renderer{Pictures: pictures}, pictures},
		pictures: pictures,
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	p.studio = core.NewStudio(core.Settings{
		Store: p.store, Renderer: p.renderer, Pictures: pictures, Catalog: core.DefaultCatalog(),
		Plan: plan, Keep: time.Hour, Holder: "stage", Alone: true, Log: log,
	})
	desk := bots.NewDesk(bots.Settings{
		Studio: p.studio, Catalog: core.DefaultCatalog(), Presets: core.DefaultPresets(),
		DefaultModel: "flux-dev-t2i", EditModel: "flux-kontext-pro", Log: log,
	})
	p.stage = open(t, House{Studio: p.studio, Desk: desk, Pictures: pictures, Log: log})
	ctx, cancel := context.WithCancel(context.Background())
	if err := p.studio.Recover(ctx); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		p.store.Run(ctx, p.studio, 4)
	}()
	t.Cleanup(func() { cancel(); <-stopped })
	return p
}

// await looks until who sees a message that fits.
func (p *play) await(t *testing.T, who Person, what string, fits func(Message) bool) Message {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		seen := p.stage.Seen(t, who)
		if at := slices.IndexFunc(seen, fits); at >= 0 {
			return seen[at]
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s never saw %s, but %+v", who, what, brief(seen))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// awaitText looks until who sees a message with all these words.
func (p *play) awaitText(t *testing.T, who Person, words ...string) Message {
	t.Helper()
	return p.await(t, who, "the words "+strings.Join(words, ", "), func(m Message) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(m.Text, word) })
	})
}

// awaitPicture looks until who sees this picture.
func (p *play) awaitPicture(t *testing.T, who Person, picture []byte) Message {
	t.Helper()
	return p.await(t, who, "the picture", func(m Message) bool { return m.shows(picture) })
}

// awaitButton looks until who sees a button under a message that fits.
func (p *play) awaitButton(t *testing.T, who Person, label string) (Message, string) {
	t.Helper()
	message := p.await(t, who, "a button "+label, func(m Message) bool { _, ok := m.button(label); return ok })
	full, _ := message.button(label)
	return message, full
}

// awaitTrue looks until something holds.
func awaitTrue(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to this: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// tap presses the button with this word in its label, wherever who sees the newest one.
func (p *play) tap(t *testing.T, who Person, word string) {
	t.Helper()
	p.awaitButton(t, who, word)
	seen := p.stage.Seen(t, who)
	slices.Reverse(seen)
	at := slices.IndexFunc(seen, func(m Message) bool { _, ok := m.button(word); return ok })
	label, _ := seen[at].button(word)
	p.stage.Tap(t, who, seen[at], label)
}

// shows reports whether the message has this very picture.
func (m Message) shows(picture []byte) bool {
	return slices.ContainsFunc(m.Pictures, func(shown []byte) bool { return bytes.Equal(shown, picture) })
}

func (m Message) button(word string) (label string, ok bool) {
	at := slices.IndexFunc(m.Buttons, func(label string) bool { return strings.Contains(label, word) })
	if at < 0 {
		return "", false
	}
	return m.Buttons[at], true
}

// showing counts the messages in which who sees the picture.
func (p *play) showing(t *testing.T, who Person, picture []byte) int {
	count := 0
	for _, message := range p.stage.Seen(t, who) {
		if message.shows(picture) {
			count++
		}
	}
	return count
}

// output is the picture of a take, as the provider made it.
func output(take int) []byte { return coretest.PNG(64+take, 36) }

// only is the one generation that there is.
func (p *play) only(t *testing.T) core.Generation {
	t.Helper()
	entries := p.store.Ledger()
	if len(entries) == 0 {
		t.Fatal("nothing was submitted")
	}
	g, err := p.store.Generation(t.Context(), entries[0].Generation)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// unspent fails if anything was reserved or paid.
func (p *play) unspent(t *testing.T) {
	t.Helper()
	if entries, paid := p.store.Ledger(), p.renderer.Paid(); len(entries) > 0 || paid > 0 {
		t.Errorf("%d entries in the ledger and %d paid calls, though nothing was to be spent", len(entries), paid)
	}
}

// brief are messages without their pictures' bytes, for failures.
func brief(messages []Message) []string {
	var lines []string
	for _, m := range messages {
		lines = append(lines, strings.TrimSpace(m.Text+" ["+strings.Join(m.Buttons, "|")+"] "+strings.Repeat("🖼", len(m.Pictures))))
	}
	return lines
}
