package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"

	"imaginebot/bots/discord"
	"imaginebot/bots/telegram"
	"imaginebot/config"
	"imaginebot/core/ai302"
	"imaginebot/core/sqldb"
	"imaginebot/core/store"
)

// checkWithin bounds each question that check asks.
const checkWithin = 20 * time.Second

// check tells the operator what would hold if the bot were started: the settings, each
// credential, the database and the ledger in it. It changes nothing.
func check(ctx context.Context, settings config.Config, problems config.Problems, out io.Writer) int {
	fmt.Fprintln(out, settings)
	_, _, more := lists(settings)
	if problems = append(problems, more...); len(problems) > 0 {
		fmt.Fprintln(out, problems)
		return wrong
	}
	code, log := fine, logger(settings.Log, out)
	tell := func(what string, err error) {
		if err != nil {
			code = failed
			fmt.Fprintf(out, "%-14s FAILED: %v\n", what, err)
			return
		}
		fmt.Fprintf(out, "%-14s ok\n", what)
	}
	ask := func(what string, question func(context.Context) error) {
		ctx, cancel := context.WithTimeout(ctx, checkWithin)
		defer cancel()
		tell(what, question(ctx))
	}
	if !settings.DiscordToken.Empty() {
		ask("DISCORD_TOKEN", discord.New(discord.Settings{Token: settings.DiscordToken.Reveal(), API: settings.DiscordAPI, Log: log}).Check)
	}
	if !settings.TelegramToken.Empty() {
		bot := telegram.New(telegram.Settings{Token: settings.TelegramToken.Reveal(), API: settings.TelegramAPI, Files: settings.TelegramFiles, Log: log})
		ask("TELEGRAM_TOKEN", bot.Check)
	}
	ask("API302_KEY", func(ctx context.Context) error { return checkKey(ctx, settings, out) })
	ask("DATABASE_URL", func(ctx context.Context) error { return checkDatabase(ctx, settings, out) })
	return code
}

func checkKey(ctx context.Context, settings config.Config, out io.Writer) error {
	client, err := ai302.New(ai302.Settings{Base: settings.API302.String(), Key: settings.API302Key.Reveal()})
	if err != nil {
		return err
	}
	defer client.Close()
	balance, err := client.Balance(ctx)
	var refused *ai302.Error
	if errors.As(err, &refused) && refused.Status == http.StatusForbidden {
		fmt.Fprintln(out, "API302_KEY     is known, but may not ask for its balance")
		return nil
	}
	if err == nil {
		fmt.Fprintf(out, "%-14s balance %s PTC\n", "API302_KEY", balance)
	}
	return err
}

func checkDatabase(ctx context.Context, settings config.Config, out io.Writer) error {
	db, err := sqldb.OpenReadOnly(ctx, sqldb.Settings{URL: settings.DatabaseURL.Reveal()})
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(out, "DATABASE_URL   does not exist yet: the first start makes it")
		return nil
	}
	if err != nil {
		return err
	}
	defer db.Close()
	schema, err := sqldb.Inspect(ctx, db, store.Migrations)
	switch {
	case err != nil:
		return err
	case schema.Newer():
		return errors.New("the database was written by a newer version of this program")
	case schema.Pending():
		fmt.Fprintln(out, "DATABASE_URL   is of an older version: the next start brings it up to date")
		return nil
	}
	faults, err := store.Audit(ctx, db)
	if err != nil {
		return err
	}
	for _, fault := range faults {
		fmt.Fprintln(out, "ledger:", fault)
	}
	if len(faults) > 0 {
		return fmt.Errorf("the ledger has %d faults", len(faults))
	}
	return nil
}
