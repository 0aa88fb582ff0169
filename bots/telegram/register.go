package telegram

import (
	"context"

	"imaginebot/bots"
)

// maxDescription is how long a command's description may be:
// https://core.telegram.org/bots/api#botcommand
const maxDescription = 256

// register sets the bot's menu, however often it takes. The same menu once more does no
// harm, so it is not asked what there is.
func (b *Bot) register(ctx context.Context) {
	b.insist(ctx, "telegram commands not registered", func() error {
		return b.rest.SetMyCommands(ctx, menu(), "default", "")
	})
}

// menu is the table of commands as Telegram shows it.
func menu() []BotCommand {
	var list []BotCommand
	for _, command := range bots.Commands() {
		list = append(list, BotCommand{Command: command.Name, Description: cut(command.About, maxDescription)})
	}
	return list
}
