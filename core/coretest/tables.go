package coretest

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"imaginebot/core"
)

// atMost is how many events and spoiled generations are handed out at a time.
const atMost = 100

// tables is everything a Store keeps. Once committed it is not changed any more.
type tables struct {
	events      map[core.EventKey]event
	accounts    map[core.UserID]core.AccountID
	days        map[period]core.Usage // Images, Uncertain
	months      map[period]core.PTC
	budget      map[string]core.PTC // of the bot, by day
	ledger      []core.Entry
	generations map[core.GenerationID]core.Generation
	holders     map[core.HolderID]time.Time
	steps       []step
	notes       map[string]note
	stepsMade   int
}

type (
	event struct {
		core.Event
		holder core.HolderID
		ended  bool
		order  int
	}
	period struct {
		account core.AccountID
		name    string
	}
	step struct {
		DueStep
		number  int
		working bool
	}
	note struct {
		value   string
		expires time.Time
	}
)

func (t *tables) clone() *tables {
	return &tables{
		events: cloned(t.events), accounts: cloned(t.accounts), days: cloned(t.days), months: cloned(t.months),
		budget: cloned(t.budget), ledger: slices.Clone(t.ledger), generations: cloned(t.generations),
		holders: cloned(t.holders), steps: slices.Clone(t.steps), notes: cloned(t.notes), stepsMade: t.stepsMade,
	}
}

func cloned[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return maps.Clone(m)
}

func (t *tables) generation(id core.GenerationID) (core.Generation, error) {
	g, found := t.generations[id]
	if !found {
		return core.Generation{}, &core.Error{Kind: core.NotFound}
	}
	return stored(g), nil
}

func (t *tables) oldestFirst() []core.Generation {
	return slices.SortedFunc(maps.Values(t.generations), func(a, b core.Generation) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
}

func (t *tables) usage(account core.AccountID, now time.Time) core.Usage {
	usage := t.days[period{account, core.Day(now)}]
	usage.Spent = t.months[period{account, core.Month(now)}]
	usage.BotSpent = t.budget[core.Day(now)]
	for _, g := range t.generations {
		if g.State == core.Open && g.Account == account {
			usage.Unfinished++
		}
		for _, take := range g.Takes {
			if g.State == core.Open && !take.State.Ended() {
				usage.Queued++
			}
		}
	}
	return usage
}

// stored is g as a database gives it back: nothing shared with the caller, and
// times in whole milliseconds of UTC.
func stored(g core.Generation) core.Generation {
	r := &g.Request
	r.Seed, r.Guidance, r.Control = copied(r.Seed), copied(r.Guidance), copied(r.Control)
	r.Image, r.ControlImage, r.LoRAs = copied(r.Image), copied(r.ControlImage), slices.Clone(r.LoRAs)
	g.Takes = slices.Clone(g.Takes)
	for i := range g.Takes {
		take := &g.Takes[i]
		take.Image = copied(take.Image)
		inMillis(&take.DueAt, &take.ClaimedAt, &take.EndedAt)
	}
	inMillis(&g.DueAt, &g.CreatedAt, &g.EndedAt)
	return g
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}

func inMillis(times ...*time.Time) {
	for _, at := range times {
		if !at.IsZero() {
			*at = time.UnixMilli(at.UnixMilli()).UTC()
		}
	}
}
