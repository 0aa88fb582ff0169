package telegram

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imaginebot/bots"
	"imaginebot/bots/telegram/telegramtest"
	"imaginebot/core"
	"imaginebot/core/coretest"
)

// house is Telegram, the bot, and a studio with parts that a test can hold still.
type house struct {
	t        *testing.T
	server   *telegramtest.Server
	store    *coretest.Store
	pictures *coretest.Pictures
	renderer *coretest.Renderer
	studio   *core.Studio
	bot      *Bot
	repeats  atomic.Int32
	log      *lockedBuffer
	ann      *telegramtest.User
	chat     *telegramtest.Chat // Ann's private one
}

// open makes a house in which Ann has met the bot, which does not run yet.
func open(t *testing.T, settings telegramtest.Settings) *house {
	t.Helper()
	h := &house{t: t, server: fake(t, settings), pictures: coretest.NewPictures(), log: &lockedBuffer{}}
	h.renderer = &coretest.Renderer{Pictures: h.pictures}
	h.move(coretest.NewStore(time.Now), "first")
	h.ann = h.server.User("Ann", "en")
	h.chat = h.server.Private(h.ann)
	return h
}

// move puts the bot into a new process on a store.
func (h *house) move(store *coretest.Store, holder core.HolderID) {
	h.t.Helper()
	h.store = store
	log := slog.New(slog.NewTextHandler(h.log, nil))
	h.studio = core.NewStudio(core.Settings{
		Store: store, Renderer: h.renderer, Pictures: h.pictures, Catalog: core.DefaultCatalog(),
		Plan: core.Plan{ImagesPerDay: 25, PTCPerMonth: 5 * core.OnePTC, Concurrent: 3, BudgetPerDay: 10 * core.OnePTC, Queue: -1},
		Keep: time.Hour, Holder: holder, Alone: true, Log: log,
	})
	desk := bots.NewDesk(bots.Settings{
		Studio: h.studio, Catalog: core.DefaultCatalog(), Presets: core.DefaultPresets(),
		DefaultModel: "flux-dev-t2i", EditModel: "flux-kontext-pro", Log: log,
	})
	h.bot = newBot(h.t, h.server, Settings{
		Desk: desk, Studio: h.studio, Store: store, Pictures: h.pictures, Log: log, OnRepeat: func() { h.repeats.Add(1) },
	})
	if err := h.studio.Recover(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// work runs the bot and the queue until the test ends or stop is called.
func (h *house) work() (stop func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	store, studio := h.store, h.studio
	go func() {
		defer close(stopped)
		store.Run(ctx, studio, 4)
	}()
	stopBot := run(h.t, h.bot)
	stop = func() { stopBot(); cancel(); <-stopped }
	h.t.Cleanup(stop)
	return stop
}

// started is a house whose bot runs and has greeted Ann.
func started(t *testing.T, settings telegramtest.Settings) *house {
	t.Helper()
	h := open(t, settings)
	h.work()
	h.greet(h.ann)
	return h
}

func (h *house) greet(user *telegramtest.User) {
	h.t.Helper()
	if _, err := user.Start(""); err != nil {
		h.t.Fatal(err)
	}
	h.await(h.server.Private(user), "Hello")
}

func (h *house) send(user *telegramtest.User, chat *telegramtest.Chat, parts ...telegramtest.Part) telegramtest.Message {
	h.t.Helper()
	sent, err := user.Send(chat, parts...)
	if err != nil {
		h.t.Fatal(err)
	}
	return sent
}

// await waits for a message of the bot's with these words.
func (h *house) await(chat *telegramtest.Chat, words string) telegramtest.Message {
	h.t.Helper()
	return h.awaitThat(chat, func(m telegramtest.Message) bool { return strings.Contains(m.Words(), words) })
}

func (h *house) awaitThat(chat *telegramtest.Chat, fits func(telegramtest.Message) bool) telegramtest.Message {
	h.t.Helper()
	found, err := h.server.WaitMessage(soon(h.t), chat, func(m telegramtest.Message) bool { return m.FromBot && fits(m) })
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

// awaitPhotos waits until the bot has shown so many photos, and nobody waits any more.
func (h *house) awaitPhotos(chat *telegramtest.Chat, count int) []telegramtest.Message {
	h.t.Helper()
	var photos []telegramtest.Message
	waitFor(h.t, "the photos are there", func() bool {
		seen := h.said(chat)
		photos = slices.DeleteFunc(slices.Clone(seen), func(m telegramtest.Message) bool { return m.Photo == nil })
		return len(photos) == count && !slices.ContainsFunc(seen, waits)
	})
	return photos
}

// waits tells whether a message stands in for something.
func waits(m telegramtest.Message) bool { return hasButton(m, "Cancel") }

func hasButton(m telegramtest.Message, label string) bool {
	for _, row := range m.Buttons {
		if slices.ContainsFunc(row, func(b telegramtest.Button) bool { return strings.Contains(b.Text, label) }) {
			return true
		}
	}
	return false
}

// said are the bot's messages that can be seen.
func (h *house) said(chat *telegramtest.Chat) []telegramtest.Message {
	return slices.DeleteFunc(h.server.Messages(chat), func(m telegramtest.Message) bool { return !m.FromBot })
}

// settled waits until every update so far was worked.
func (h *house) settled() {
	h.t.Helper()
	if err := h.server.WaitConfirmed(soon(h.t)); err != nil {
		h.t.Fatal(err)
	}
	waitFor(h.t, "all events are worked", func() bool { return len(h.bot.shift.slots) == 0 && len(h.adopted()) == 0 })
}

// generations are all that were submitted, oldest first.
func (h *house) generations() []core.Generation {
	h.t.Helper()
	var list []core.Generation
	for _, entry := range h.store.Ledger() {
		if slices.ContainsFunc(list, func(g core.Generation) bool { return g.ID == entry.Generation }) {
			continue
		}
		g, err := h.store.Generation(h.t.Context(), entry.Generation)
		if err != nil {
			h.t.Fatal(err)
		}
		list = append(list, g)
	}
	return list
}

// only is the one generation that there is.
func (h *house) only() core.Generation {
	h.t.Helper()
	list := h.generations()
	if len(list) != 1 {
		h.t.Fatalf("there are %d generations, want one", len(list))
	}
	return list[0]
}

// startedFrom fails if the only generation did not start from this picture.
func (h *house) startedFrom(picture []byte) {
	h.t.Helper()
	h.startsFrom(h.only(), picture)
}

func (h *house) startsFrom(g core.Generation, picture []byte) {
	h.t.Helper()
	if g.Request.Image == nil {
		h.t.Fatalf("%s starts from no picture: %+v", g.ID, g.Request)
	}
	body, err := h.pictures.Open(h.t.Context(), g.Request.Image.Key)
	if err != nil {
		h.t.Fatal(err)
	}
	var content bytes.Buffer
	if _, err := content.ReadFrom(body); err != nil || !bytes.Equal(content.Bytes(), picture) {
		h.t.Errorf("%s starts from another picture (%v)", g.ID, err)
	}
}

// orphans gives the events on a store that a process which is no more has left.
func (h *house) orphans(store *coretest.Store, give func(core.Event)) {
	h.t.Helper()
	var events []core.Event
	err := store.InTx(h.t.Context(), func(ctx context.Context, tx core.Tx) (err error) {
		if err := tx.Bury(ctx, "nobody", time.Now().Add(time.Hour)); err != nil {
			return err
		}
		events, err = tx.AdoptEvents(ctx, "next", []core.Platform{platform})
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, event := range events {
		give(event)
	}
}

func texts[T ~string](list []T) []string {
	var out []string
	for _, one := range list {
		out = append(out, string(one))
	}
	return out
}
