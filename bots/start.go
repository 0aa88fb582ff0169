package bots

import (
	"context"
	"strings"
)

// start greets, and opens what a deep link names: "show_" and an id is a picture.
func start() Command {
	return Command{
		Name:  "start",
		About: "Say hello",
		Quiet: true,
		Run:   runStart,
	}
}

func runStart(ctx context.Context, d *Desk, call Call) (Reply, error) {
	if id, ok := strings.CutPrefix(call.Words, "show_"); ok {
		call.Words = id
		return runShow(ctx, d, call)
	}
	return Reply{Text: sayHello()}, nil
}
