package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"imaginebot/config"
)

// Exit codes.
const (
	fine   = 0
	failed = 1
	wrong  = 2
)

// commandLine is what can be typed.
type commandLine struct {
	Run     struct{} `cmd:"" default:"1" help:"Run the bot (the default)."`
	Check   struct{} `cmd:"" help:"Validate settings, credentials and the ledger; change nothing."`
	Health  struct{} `cmd:"" help:"Ask the running bot whether it is alive (for containers)."`
	Version struct{} `cmd:"" help:"Print the version."`
}

func main() {
	var line commandLine
	parser := kong.Must(&line, kong.Name("imaginebot"),
		kong.Description("302.AI's picture models in Discord and Telegram. Settings come from the environment and .env; see .env.example."))
	command, err := parser.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "imaginebot: %v; see imaginebot --help\n", err)
		os.Exit(wrong)
	}
	os.Exit(obey(untilSignalled(), command.Command(), os.Stdout, os.Stderr))
}

func obey(ctx context.Context, command string, out, errs io.Writer) int {
	if command == "version" {
		fmt.Fprintln(out, version())
		return fine
	}
	settings, err := config.Load(os.Environ(), ".env")
	if command == "health" {
		return health(ctx, settings.HTTPAddr, out)
	}
	for _, warning := range settings.Warnings {
		fmt.Fprintln(errs, "imaginebot: warning:", warning)
	}
	var problems config.Problems
	if err != nil && !errors.As(err, &problems) {
		fmt.Fprintln(errs, "imaginebot:", err)
		return failed
	}
	if err := settings.Export(); err != nil {
		fmt.Fprintln(errs, "imaginebot:", err)
		return failed
	}
	if command == "check" {
		return check(ctx, settings, problems, out)
	}
	log := logger(settings.Log, errs)
	bot, problems := build(ctx, settings, problems, log)
	if len(problems) > 0 {
		bot.close()
		fmt.Fprintln(errs, problems)
		return wrong
	}
	if err := bot.run(ctx); err != nil {
		log.Error("stopped", "err", err)
		return failed
	}
	return fine
}

// stopAtLast is when the program ends although something still hangs, such as a database
// that does not answer: what could not be recorded is found at the next start.
const stopAtLast = 19500 * time.Millisecond

// untilSignalled ends with the first SIGINT or SIGTERM; the second, or stopAtLast, ends the program.
func untilSignalled() context.Context {
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		select {
		case <-signals:
			os.Exit(failed)
		case <-time.After(stopAtLast):
			os.Exit(fine)
		}
	}()
	return ctx
}

func logger(settings config.Log, out io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: settings.LogLevel}
	if settings.LogFormat == config.FormatJSON {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

// version is the module's version and the commit that the program was built from.
func version() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return "imaginebot (unknown)"
	}
	text := "imaginebot " + build.Main.Version
	for _, setting := range build.Settings {
		if setting.Key == "vcs.revision" {
			text += " " + setting.Value
		}
	}
	return text + " " + build.GoVersion
}
