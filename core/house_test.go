package core_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"imaginebot/core"
	"imaginebot/core/coretest"
)

const (
	text    = "flux-dev-t2i"     // one paid call, no ticket
	kontext = "flux-kontext-max" // tickets, four at once
	here    = "platform:here"
)

// plan has room for everything but what a story is about.
var plan = core.Plan{ImagesPerDay: 25, PTCPerMonth: 5 * core.OnePTC, Concurrent: 3, BudgetPerDay: 10 * core.OnePTC, Queue: 100}

// house is a studio with everything that it needs, in a bubble of synctest: its clock
// moves only when everybody waits.
type house struct {
	*core.Studio
	t        *testing.T
	store    *coretest.Store
	renderer *coretest.Renderer
	courier  *coretest.Courier
	pictures *coretest.Pictures
	log      *bytes.Buffer

	mu       sync.Mutex
	refused  []core.Kind
	pauses   int
	received []core.Event
	receive  func(context.Context, core.Event)
	onPause  func(context.Context)
	events   int
	stop     func()
}

// story tells a story in a bubble, with a house of its own.
func story(t *testing.T, tell func(t *testing.T, h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := build(t, nil, nil, nil)
		tell(t, h)
		h.close()
		h.checkLedger()
		for _, fault := range h.courier.Faults() {
			t.Error(fault)
		}
	})
}

// build makes a house, on an earlier one's store and pictures where they are given.
func build(t *testing.T, store *coretest.Store, pictures *coretest.Pictures, change func(*core.Settings)) *house {
	h := &house{t: t, store: store, pictures: pictures, courier: &coretest.Courier{}, log: &bytes.Buffer{}, stop: func() {}}
	if h.store == nil {
		h.store = coretest.NewStore(time.Now)
	}
	if h.pictures == nil {
		h.pictures = coretest.NewPictures()
	}
	h.renderer = &coretest.Renderer{Pictures: h.pictures}
	houses++
	settings := core.Settings{
		Store: h.store, Renderer: h.renderer, Pictures: h.pictures, Catalog: core.DefaultCatalog(), Plan: plan,
		Keep: 720 * time.Hour, Holder: core.HolderID(fmt.Sprint("house ", houses)), Alone: true,
		Log:      slog.New(slog.NewTextHandler(&guarded{w: h.log}, nil)),
		OnRefuse: func(kind core.Kind) { h.mu.Lock(); defer h.mu.Unlock(); h.refused = append(h.refused, kind) },
		OnPause: func(ctx context.Context, _ error) {
			h.mu.Lock()
			h.pauses++
			do := h.onPause
			h.mu.Unlock()
			if do != nil {
				do(ctx)
			}
		},
	}
	if change != nil {
		change(&settings)
	}
	h.Studio = core.NewStudio(settings)
	h.Connect("platform", h.courier, func(ctx context.Context, event core.Event) {
		h.mu.Lock()
		h.received = append(h.received, event)
		receive := h.receive
		h.mu.Unlock()
		if receive != nil {
			receive(ctx, event)
		}
	})
	h.must(h.Recover(t.Context()))
	return h
}

var houses int

// guarded lets goroutines share a log.
type guarded struct {
	mu sync.Mutex
	w  io.Writer
}

func (g *guarded) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.w.Write(p)
}

// run opens the house: the studio sweeps and so many workers work, until close.
func (h *house) run(workers int) {
	ctx, cancel := context.WithCancel(h.t.Context())
	var all sync.WaitGroup
	all.Go(func() { h.must(h.Run(ctx)) })
	all.Go(func() { h.store.Run(ctx, h.Studio, workers) })
	h.stop = func() { cancel(); all.Wait() }
}

func (h *house) close() { h.stop(); h.stop = func() {} }

// pass lets time pass and everybody do what is due by then.
func (h *house) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// work works what is due, one step after the other.
func (h *house) work() {
	h.t.Helper()
	_, err := h.store.RunDue(h.t.Context(), h.Studio)
	h.must(err)
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func person(name string) core.UserID { return core.NewUserID("platform", name) }

// ask is a submission of name, each with an event of its own.
func (h *house) ask(name, model string, changes ...func(*core.Submission)) core.Submission {
	h.mu.Lock()
	h.events++
	event := core.EventKey(fmt.Sprint("event ", h.events))
	h.mu.Unlock()
	sub := core.Submission{
		Event: event, User: person(name), Place: here, ReplyTo: core.ReplyTo{Platform: "platform", Address: "reply to " + string(event)},
		Request: core.Request{Model: model, Prompt: "a cat"},
	}
	if model == kontext {
		sub.Image = picture(nil)
	}
	for _, change := range changes {
		change(&sub)
	}
	return sub
}

func count(n int) func(*core.Submission) { return func(s *core.Submission) { s.Request.Count = n } }

func private(s *core.Submission) { s.Request.Private = true }

// picture is an attachment that counts how often it was opened.
func picture(opened *int) *core.Attachment {
	return &core.Attachment{Name: "picture.png", Open: func(context.Context) (io.ReadCloser, error) {
		if opened != nil {
			*opened++
		}
		return io.NopCloser(bytes.NewReader(coretest.PNG(4, 3))), nil
	}}
}

// submit submits what must be accepted and new.
func (h *house) submit(sub core.Submission) core.Generation {
	h.t.Helper()
	g, fresh, err := h.Submit(h.t.Context(), sub)
	h.must(err)
	if !fresh {
		h.t.Fatalf("%s is not fresh", g.ID)
	}
	return g
}

func (h *house) generation(id core.GenerationID) core.Generation {
	h.t.Helper()
	g, err := h.store.Generation(h.t.Context(), id)
	h.must(err)
	return g
}

// is checks the state of a generation and of its takes.
func (h *house) is(id core.GenerationID, state core.State, takes ...core.TakeState) core.Generation {
	h.t.Helper()
	g := h.generation(id)
	var got []core.TakeState
	for _, t := range g.Takes {
		got = append(got, t.State)
	}
	if g.State != state || !slices.Equal(got, takes) {
		h.t.Errorf("it is %s with takes %q, want %s with %q", g.State, got, state, takes)
	}
	return g
}

// uses checks what counts for ada.
func (h *house) uses(images int, spent, bot core.PTC) {
	h.t.Helper()
	left, err := h.Allowance(h.t.Context(), person("ada"))
	h.must(err)
	if left.Used.Images != images || left.Used.Spent != spent || left.Used.BotSpent != bot {
		h.t.Errorf("%d pictures and %v are used, %v by the bot; want %d, %v, %v",
			left.Used.Images, left.Used.Spent, left.Used.BotSpent, images, spent, bot)
	}
}

// told checks how many outcomes people have been told, and is the last one.
func (h *house) told(n int) core.Outcome {
	h.t.Helper()
	told := h.courier.Told()
	if len(told) != n {
		h.t.Fatalf("%d outcomes were told, want %d", len(told), n)
	}
	if n == 0 {
		return core.Outcome{}
	}
	return told[n-1]
}

// refusal checks the error of something that must be refused.
func (h *house) refusal(err error, kind core.Kind, reason core.Reason) *core.Error {
	h.t.Helper()
	if err == nil || core.KindOf(err) != kind || core.AsError(err).Reason != reason {
		h.t.Fatalf("%v, want it refused as %v, %q", err, kind, reason)
	}
	return core.AsError(err)
}

// checkLedger checks that every take has one reservation, that those that have ended
// have one end of it, and that what people are charged for is there.
func (h *house) checkLedger() {
	h.t.Helper()
	checkLedger(h.t, h.store)
}

func checkLedger(t *testing.T, store *coretest.Store) {
	t.Helper()
	booked := map[coretest.TakeKey][]core.EntryKind{}
	for _, e := range store.Ledger() {
		key := coretest.TakeKey{Generation: e.Generation, Take: e.Take}
		booked[key] = append(booked[key], e.Kind)
	}
	for key, entries := range booked {
		g, err := store.Generation(t.Context(), key.Generation)
		if err != nil {
			t.Fatal(err)
		}
		take := g.Takes[key.Take]
		if entries[0] != core.Reserve || len(entries) > 2 || (len(entries) == 2) != take.State.Ended() {
			t.Errorf("take %v is %s and booked %q", key, take.State, entries)
			continue
		}
		if len(entries) == 2 && (entries[1] == core.Settle) != (take.State == core.TakeRendered) {
			t.Errorf("take %v is %s and booked %q", key, take.State, entries)
		}
	}
}

// down is how a broken database answers.
var down = errors.New("the database does not answer")

// logged checks how many lines of the log hold a text.
func (h *house) logged(text string, times int) {
	h.t.Helper()
	if got := strings.Count(h.log.String(), text); got != times {
		h.t.Errorf("%q is logged %d times, want %d:\n%s", text, got, times, h.log)
	}
}
