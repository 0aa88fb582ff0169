package bots

import "context"

// help shows what the bot can do, from the table of commands.
func help() Command {
	return Command{
		Name:  "help",
		About: "What I can do, with examples",
		Quiet: true,
		Run: func(context.Context, *Desk, Call) (Reply, error) {
			return Reply{Text: sayHelp()}, nil
		},
	}
}
