package bots

import (
	"context"

	"imaginebot/core"
)

// models shows the catalogue.
func models() Command {
	return Command{
		Name:     "models",
		About:    "Which models there are, with prices",
		Words:    "search",
		Options:  []Option{{Name: "search", About: "Words of a name, a vendor or a price", MaxRunes: 80}},
		Examples: []string{"flux", "ideogram", "0.01"},
		Quiet:    true,
		Run:      runModels,
	}
}

func runModels(_ context.Context, d *Desk, call Call) (Reply, error) {
	found := d.Catalog.Search(call.Words, func(core.Model) bool { return true })
	if len(found) == 0 {
		nearest := core.Nearest(call.Words, d.Catalog.IDs(func(m core.Model) bool { return !m.Hidden }), 5)
		return Reply{Text: sayNoModels(call.Words, nearest)}, nil
	}
	return Reply{Text: sayModels(found)}, nil
}
