package discord

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"imaginebot/bots"
	"imaginebot/bots/discord/discordtest"
	"imaginebot/core"
	"imaginebot/core/coretest"
	"imaginebot/core/fetch"
)

// rig is a bot at work: a fake Discord in front of it, and behind it a real Studio.
type rig struct {
	t        testing.TB
	server   *discordtest.Server
	room, dm *discordtest.Channel
	ann      *discordtest.User
	store    *coretest.Store
	renderer *coretest.Renderer
	pictures *coretest.Pictures
	studio   *core.Studio
	bot      *Bot
	log      *syncLog
	stop     func() error // ends Run and says what it returned
	clock    clock
}

// clock is the real time, moved on by hand.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// options of a rig.
type options struct {
	server *discordtest.Server
	store  func(core.Store) core.Store // stands between the bot and its store
	guilds []string
	kept   *coretest.Store // of an earlier rig
	plan   core.Plan
	paints []byte // what comes of every request; nil is a small picture
	idle   bool   // Run is not started
}

// painter is the scripted renderer with a picture of its own.
type painter struct {
	*coretest.Renderer
	picture []byte
}

func (p *painter) Render(ctx context.Context, order core.Order) (core.Image, error) {
	drawn, err := p.Renderer.Render(ctx, order)
	if err != nil || p.picture == nil {
		return drawn, err
	}
	return p.Pictures.Put(ctx, order.Key, bytes.NewReader(p.picture), core.LimitsOut)
}

var plenty = core.Plan{ImagesPerDay: -1, PTCPerMonth: -1, Concurrent: -1, BudgetPerDay: -1, Queue: -1}

// newRig starts a bot, and steps as they become due, until the test ends.
func newRig(t testing.TB, o options) *rig {
	t.Helper()
	r := &rig{t: t, server: o.server, log: &syncLog{}, store: o.kept, pictures: coretest.NewPictures()}
	r.ann = r.server.User("Ann")
	r.room, r.dm = r.server.Guild("house").Channel("room"), r.server.DM(r.ann)
	if r.store == nil {
		r.store = coretest.NewStore(time.Now)
	}
	r.renderer = &coretest.Renderer{Pictures: r.pictures}
	var store core.Store = r.store
	if o.store != nil {
		store = o.store(store)
	}
	if o.plan == (core.Plan{}) {
		o.plan = plenty
	}
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.studio = core.NewStudio(core.Settings{
		Store: store, Renderer: &painter{r.renderer, o.paints}, Pictures: r.pictures, Catalog: core.DefaultCatalog(), Plan: o.plan,
		Keep: time.Hour, Holder: core.HolderID(t.Name()), Alone: true, Log: log,
	})
	desk := bots.NewDesk(bots.Settings{
		Studio: r.studio, Catalog: core.DefaultCatalog(), Presets: core.DefaultPresets(),
		DefaultModel: "flux-dev-t2i", EditModel: "flux-kontext-pro", Log: log,
	})
	base := parsed(t, r.server.URL())
	r.bot = New(Settings{
		Token: testToken, API: base, GuildIDs: o.guilds, Desk: desk, Studio: r.studio, Store: store, Pictures: r.pictures,
		Door: fetch.New(fetch.Settings{}).Room(base), Log: log, Now: r.clock.now,
	})
	r.studio.Connect(r.bot.Platform(), r.bot, r.bot.Receive)
	ctx, cancel := context.WithCancel(context.Background())
	steps := make(chan struct{})
	go func() { defer close(steps); r.store.Run(ctx, r.studio, 4) }()
	t.Cleanup(func() { cancel(); <-steps; r.bot.rest.close() })
	if !o.idle {
		r.run()
	}
	return r
}

// run starts the bot and waits until it is ready.
func (r *rig) run() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.bot.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(20 * time.Second):
			return errors.New("Run does not return")
		}
	})
	r.t.Cleanup(func() {
		if err := r.stop(); err != nil {
			r.t.Error(err)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); !r.bot.Connected() || len(r.server.Commands(nil))+len(r.server.Commands(r.room.Guild)) == 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("the bot does not get ready: %s", r.log)
		}
	}
}

// command gives a command in a channel; the bot must acknowledge it.
func (r *rig) command(where *discordtest.Channel, name string, given discordtest.Options) *discordtest.Interaction {
	r.t.Helper()
	i, err := r.server.Command(r.t.Context(), r.ann, where, name, given)
	if err != nil {
		r.t.Fatal(err)
	}
	return i
}

// click presses a button.
func (r *rig) click(who *discordtest.User, message discordtest.Message, label string) *discordtest.Interaction {
	r.t.Helper()
	i, err := r.server.Click(r.t.Context(), who, message, label)
	if err != nil {
		r.t.Fatal(err)
	}
	return i
}

// answer waits for a message of an interaction with all these words.
func (r *rig) answer(i *discordtest.Interaction, words ...string) discordtest.Message {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 15*time.Second)
	defer cancel()
	message, err := i.Wait(ctx, says(words...))
	if err != nil {
		now, _ := i.Response()
		r.t.Fatalf("%v: %q, but %q\n%s", err, words, now.Text(), r.log)
	}
	return message
}

// await waits for a message of a channel with all these words.
func (r *rig) await(where *discordtest.Channel, words ...string) discordtest.Message {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 15*time.Second)
	defer cancel()
	message, err := r.server.WaitMessage(ctx, where, says(words...))
	if err != nil {
		r.t.Fatalf("%v: %q\n%s", err, words, r.log)
	}
	return message
}

func says(words ...string) func(discordtest.Message) bool {
	return func(m discordtest.Message) bool {
		text, _ := unmarked(m.Text())
		for _, word := range words {
			if !strings.Contains(text, word) {
				return false
			}
		}
		return !m.Loading
	}
}

// generation is what came of an interaction.
func (r *rig) generation(i *discordtest.Interaction) core.Generation {
	r.t.Helper()
	g, err := r.store.Generation(r.t.Context(), core.GenerationOf(core.EventKey("discord:"+i.ID)))
	if err != nil {
		r.t.Fatal(err)
	}
	return g
}

// ends waits until a generation has come to this state.
func (r *rig) ends(i *discordtest.Interaction, state core.State) core.Generation {
	r.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		g, err := r.store.Generation(r.t.Context(), core.GenerationOf(core.EventKey("discord:"+i.ID)))
		if err == nil && g.State == state {
			return g
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("the generation is %q, not %s (%v)\n%s", g.State, state, err, r.log)
		}
	}
}

// calls counts REST calls whose method and path begin so.
func (r *rig) calls(method, path string) int {
	count := 0
	for _, request := range r.server.Requests() {
		if request.Method == method && strings.HasPrefix(request.Path, path) {
			count++
		}
	}
	return count
}

var answerPath = discordtest.Match{Method: "PATCH", Path: "/webhooks/*/*/messages/@original"}
