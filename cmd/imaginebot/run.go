package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"imaginebot/bots"
	"imaginebot/bots/discord"
	"imaginebot/bots/telegram"
	"imaginebot/config"
	"imaginebot/core"
	"imaginebot/core/ai302"
	"imaginebot/core/fetch"
	"imaginebot/core/jobs"
	"imaginebot/core/pictures"
	"imaginebot/core/render"
	"imaginebot/core/sqldb"
	"imaginebot/core/store"
)

const (
	// queueMost is how many takes may wait in all: at 16 workers and 7 s a picture
	// the last of them is painted within the deadline of 30 min.
	queueMost = 2000
	// openWithin bounds the opening of database and pictures.
	openWithin = 30 * time.Second
)

// adapter is what the program needs of a platform's bot.
type adapter interface {
	core.Courier
	// Platform is the platform's name.
	Platform() core.Platform
	// Run takes in what people say until ctx ends. Deliver works before and after.
	Run(ctx context.Context) error
	// Receive works an accepted event that a dead process has left.
	Receive(ctx context.Context, event core.Event)
	// Connected reports whether the platform is heard.
	Connected() bool
	// Check asks the platform whether the token is good.
	Check(ctx context.Context) error
}

// bot is everything that runs.
type bot struct {
	settings config.Config
	log      *slog.Logger
	metrics  *metrics
	listener net.Listener
	db       *sqldb.DB
	shelf    *pictures.Shelf
	queue    *jobs.Queue
	studio   *core.Studio
	adapters []adapter
	webhook  http.Handler
}

// build makes everything and starts nothing. To the problems known it adds all that it
// finds; the bot is whole only if there is none.
func build(ctx context.Context, settings config.Config, problems config.Problems, log *slog.Logger) (*bot, config.Problems) {
	b := &bot{settings: settings, log: log, metrics: newMetrics()}
	catalog, presets, more := lists(settings)
	problems = problems.With(more)
	problems = problems.With(b.open(ctx, len(problems) == 0))
	if len(problems) > 0 {
		return b, problems
	}
	client, err := ai302.New(ai302.Settings{Base: settings.API302.String(), Key: settings.API302Key.Reveal(), Log: log, OnCall: b.metrics.onCall})
	if err != nil {
		return b, config.Problems{{Variable: "API302_BASE", Wrong: "cannot be used: " + err.Error()}}
	}
	b.queue, err = jobs.New(jobs.Settings{DB: b.db, Workers: settings.Workers, Log: log})
	if err != nil {
		return b, config.Problems{{Variable: "DATABASE_URL", Wrong: "cannot hold the queue: " + err.Error()}}
	}
	door := fetch.New(fetch.Settings{Allow: settings.FetchAllow, Proxy: settings.FetchProxy.URL()})
	kept := store.New(b.db, b.queue)
	b.studio = core.NewStudio(core.Settings{
		Store:    kept,
		Renderer: render.New(render.Settings{Client: client, Door: door.Room(settings.API302), Pictures: b.shelf, Log: log}),
		Pictures: b.shelf,
		Catalog:  catalog,
		Plan: core.Plan{
			ImagesPerDay: settings.QuotaImagesPerDay, PTCPerMonth: core.PTC(settings.QuotaPTCPerMonth),
			Concurrent: settings.QuotaConcurrent, BudgetPerDay: core.PTC(settings.BudgetPTCPerDay), Queue: queueMost,
		},
		Keep:     settings.PicturesKeep,
		Holder:   core.HolderID(uuid.NewString()),
		Alone:    b.db.Dialect() == sqldb.SQLite,
		Log:      log,
		OnStep:   b.metrics.onStep,
		OnRefuse: b.metrics.onRefuse,
	})
	desk := bots.NewDesk(bots.Settings{
		Studio: b.studio, Catalog: catalog, Presets: presets, DefaultModel: settings.DefaultModel, EditModel: settings.EditModel,
		Allow: entries(settings.Allow.String()), Log: log,
	})
	b.connect(desk, door)
	return b, nil
}

// connect makes the adapters that have a token and seats them at the studio.
func (b *bot) connect(desk *bots.Desk, door *fetch.Door) {
	if !b.settings.DiscordToken.Empty() {
		b.adapters = append(b.adapters, discord.New(discord.Settings{
			Token: b.settings.DiscordToken.Reveal(), API: b.settings.DiscordAPI, GuildIDs: b.settings.DiscordGuildIDs,
			Desk: desk, Studio: b.studio, Store: b.studio.Store, Pictures: b.shelf, Door: door.Room(b.settings.DiscordAPI), Log: b.log,
		}))
	}
	if !b.settings.TelegramToken.Empty() {
		bot := telegram.New(telegram.Settings{
			Token: b.settings.TelegramToken.Reveal(), API: b.settings.TelegramAPI, Files: b.settings.TelegramFiles, Webhook: b.settings.TelegramWebhook,
			Desk: desk, Studio: b.studio, Store: b.studio.Store, Pictures: b.shelf, Log: b.log,
			OnRepeat: b.metrics.onRepeat("telegram"),
		})
		b.adapters = append(b.adapters, bot)
		if b.settings.TelegramWebhook != nil {
			b.webhook = bot.Webhook()
		}
	}
	for _, adapter := range b.adapters {
		b.studio.Connect(adapter.Platform(), adapter, adapter.Receive)
	}
}

// lists are the models and presets of the settings.
func lists(settings config.Config) (core.Catalog, core.Presets, config.Problems) {
	var problems config.Problems
	catalog, presets := core.DefaultCatalog(), core.DefaultPresets()
	if settings.CatalogFile != "" {
		rows, err := os.ReadFile(settings.CatalogFile)
		if err == nil {
			catalog, err = catalog.With(rows)
		}
		problems = append(problems, unreadable("CATALOG_FILE", err)...)
	}
	if settings.PresetsFile != "" {
		text, err := os.ReadFile(settings.PresetsFile)
		if err == nil {
			presets, err = core.ParsePresets(text)
		}
		problems = append(problems, unreadable("PRESETS_FILE", err)...)
	}
	if len(problems) > 0 {
		return catalog, presets, problems
	}
	for _, row := range []struct {
		variable, id, want string
		endpoint           core.Endpoint
	}{
		{"DEFAULT_MODEL", settings.DefaultModel, "a text-to-image model of the catalogue", core.Unified},
		{"EDIT_MODEL", settings.EditModel, "flux-kontext-pro or flux-kontext-max", core.Kontext},
	} {
		model, err := catalog.Find(row.id)
		if err != nil || model.Endpoint != row.endpoint || row.endpoint == core.Unified && model.RequiresImage {
			mend := "use " + row.want
			if allowed := core.AsError(err).Allowed; err != nil && row.endpoint == core.Unified {
				mend += ", for example " + strings.Join(allowed, ", ")
			}
			problems = append(problems, config.Problem{Variable: row.variable, Wrong: fmt.Sprintf("is %q", row.id), Mend: mend})
		}
	}
	return catalog, presets, problems
}

func unreadable(variable string, err error) config.Problems {
	if err == nil {
		return nil
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return config.Problems{{Variable: variable, Wrong: "cannot be used: " + strings.ReplaceAll(err.Error(), "\n", "; ")}}
}

// open takes the port, the database and the folder of pictures. If they are not to be
// made, it takes only what is there.
func (b *bot) open(ctx context.Context, create bool) (problems config.Problems) {
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	var err error
	if addr := b.settings.HTTPAddr; addr != "" {
		if b.listener, err = net.Listen("tcp", addr); err != nil {
			problems = append(problems, config.Problem{Variable: "HTTP_ADDR", Wrong: addr + " cannot be listened on: " + reason(err), Mend: "stop what uses the port, or choose another"})
		}
	}
	if address := b.settings.DatabaseURL.Reveal(); create || there(address) {
		if b.db, err = sqldb.Open(ctx, sqldb.Settings{URL: address, MaxConns: b.settings.Workers + 16, Log: b.log}); err != nil {
			problems = append(problems, config.Problem{Variable: "DATABASE_URL", Wrong: "cannot be opened: " + err.Error()})
		}
	}
	if address := b.settings.PicturesURL.Reveal(); create || there(address) {
		if b.shelf, err = pictures.Open(ctx, address); err != nil {
			problems = append(problems, config.Problem{Variable: "PICTURES_URL", Wrong: "cannot be opened: " + err.Error()})
		}
	}
	return problems
}

// there reports whether opening an address would create nothing: it is a server, or a
// file or folder that exists.
func there(address string) bool {
	scheme, path, _ := strings.Cut(address, ":")
	if scheme != "sqlite" && scheme != "file" {
		return address != ""
	}
	_, err := os.Stat(path)
	return err == nil
}

// reason is the system's own words: without the address, which was just said.
func reason(err error) string {
	var system *os.SyscallError
	if errors.As(err, &system) {
		return system.Err.Error()
	}
	return err.Error()
}

func entries(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

// run starts everything and stops it when ctx ends: first the adapters take in no more, then
// the steps get their time, then the rest. Whatever fails stops all.
func (b *bot) run(ctx context.Context) error {
	defer b.close()
	if err := sqldb.Migrate(ctx, b.db, store.Migrations); err != nil {
		return err
	}
	if err := b.queue.Recover(ctx); err != nil {
		return err
	}
	if err := b.studio.Recover(ctx); err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	rest, stopRest := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRest()
	steps, stopSteps := context.WithCancel(rest)

	var intake, queue, others errgroup.Group
	start := func(group *errgroup.Group, ctx context.Context, run func(context.Context) error) {
		group.Go(func() error {
			err := run(ctx)
			if err != nil {
				fail(err)
			}
			return err
		})
	}
	start(&others, rest, b.serve)
	start(&others, rest, b.studio.Run)
	start(&queue, steps, func(ctx context.Context) error { return b.queue.Run(ctx, b.studio.Work) })
	for _, adapter := range b.adapters {
		start(&intake, ctx, adapter.Run)
	}
	b.log.Info("started")
	<-ctx.Done()
	b.log.Info("stopping")
	problems := []error{intake.Wait()}
	stopSteps()
	problems = append(problems, queue.Wait())
	stopRest()
	problems = append(problems, others.Wait())
	b.log.Info("stopped")
	return errors.Join(problems...)
}

// close frees what open has taken.
func (b *bot) close() {
	if b.listener != nil {
		b.listener.Close()
	}
	if b.shelf != nil {
		b.shelf.Close()
	}
	if b.db != nil {
		b.db.Close()
	}
}
