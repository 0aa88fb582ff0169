package discord

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"

	"imaginebot/bots"
	"imaginebot/core"
	"imaginebot/core/fetch"
)

// Settings of a Bot.
type Settings struct {
	Token    string   // of the bot, without "Bot "
	API      *url.URL // scheme://host[:port] in place of https://discord.com
	GuildIDs []string // the guilds that get the commands; none: all
	Desk     *bots.Desk
	Studio   *core.Studio
	Store    core.Store
	Pictures core.Pictures
	Door     *fetch.Door // through which attachments are fetched
	Log      *slog.Logger
	Now      func() time.Time // nil: time.Now
}

// Bot is the bot on Discord. It is safe for concurrent use.
type Bot struct {
	Settings
	fault   error // of the settings; then nothing works
	rest    *rest
	gateway *gateway
	turns   turns
	slots   chan struct{} // an event that is worked holds one
}

// atOnce is how many events are worked at a time. Those that wait are acknowledged.
const atOnce = 200

// New makes a Bot. It calls nobody; settings that cannot work are the error of Run and Check.
func New(settings Settings) *Bot {
	if settings.Now == nil {
		settings.Now = time.Now
	}
	b := &Bot{Settings: settings, slots: make(chan struct{}, atOnce)}
	var unheard error
	b.rest, b.fault = newREST(restSettings{API: settings.API.String(), Token: settings.Token})
	b.gateway, unheard = newGateway(gatewaySettings{
		API: settings.API.String(), Token: settings.Token, Intents: discordgo.IntentsNone, OnEvent: b.hear, Log: settings.Log,
	})
	b.fault = errors.Join(b.fault, unheard)
	return b
}

// Platform is Discord's name in user ids.
func (b *Bot) Platform() core.Platform { return home }

// Run takes in what people do until ctx ends; what is being answered then has three
// seconds to be finished, and the rest is answered after the next start. It ends with an
// error if Discord refuses the bot for good.
func (b *Bot) Run(ctx context.Context) error {
	if b.fault != nil {
		return b.fault
	}
	defer b.rest.close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var aside sync.WaitGroup
	defer aside.Wait()
	aside.Go(func() { b.register(ctx) })
	err := b.gateway.Run(ctx)
	stop()
	return err
}

// Connected reports whether interactions arrive at the moment.
func (b *Bot) Connected() bool { return b.fault == nil && b.gateway.Connected() }

// Check asks Discord whether the token is good, and whether a connection may be made.
func (b *Bot) Check(ctx context.Context) error {
	if b.fault != nil {
		return b.fault
	}
	// https://discord.com/developers/docs/resources/user#get-current-user
	err := b.rest.do(ctx, restCall{action: "look the bot up", method: http.MethodGet, path: join("users", "@me"), bot: true}, nil)
	var refused *restError
	if errors.As(err, &refused) && refused.Status == http.StatusUnauthorized {
		return fmt.Errorf("the token is wrong: check DISCORD_TOKEN: %w", err)
	}
	if err != nil {
		return err
	}
	// https://discord.com/developers/docs/events/gateway#get-gateway-bot
	var gate struct {
		Limit struct {
			Remaining  int   `json:"remaining"`
			ResetAfter int64 `json:"reset_after"` // ms
		} `json:"session_start_limit"`
	}
	if err := b.rest.do(ctx, restCall{action: "look the gateway up", method: http.MethodGet, path: join("gateway", "bot"), bot: true}, &gate); err != nil {
		return err
	}
	if gate.Limit.Remaining < 1 {
		reset := (time.Duration(gate.Limit.ResetAfter) * time.Millisecond).Round(time.Second)
		return fmt.Errorf("discord: the bot has connected too often and must wait %s", reset)
	}
	return nil
}
