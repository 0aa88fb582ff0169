package store_test

import (
	"context"
	"errors"
	"time"

	"imaginebot/core"
)

// What core does with a store, for the tests of this package.

const (
	holder = core.HolderID("holder")
	price  = core.PTC(40_000)
)

var unlimited = core.Plan{ImagesPerDay: -1, PTCPerMonth: -1, Concurrent: -1, BudgetPerDay: -1, Queue: -1}

var errNothing = errors.New("nothing to claim")

func picture(id core.GenerationID) core.Image {
	return core.Image{Key: "out/" + string(id), Format: core.PNG, Width: 1024, Height: 768, Bytes: 1 << 20}
}

// enter makes a generation, if plan admits it.
func enter(ctx context.Context, kept core.Store, name string, event core.EventKey, count int, plan core.Plan, now time.Time) (made core.Generation, err error) {
	g := core.Generation{
		ID: core.GenerationOf(event), Event: event, User: core.NewUserID("platform", name), Place: "platform:here",
		ReplyTo: core.ReplyTo{Platform: "platform", Address: "address"}, CreatedAt: now,
		Request: core.Request{Model: "model", Prompt: "a cat", Count: count},
	}
	err = kept.InTx(ctx, func(ctx context.Context, tx core.Tx) error {
		account, err := tx.Account(ctx, g.User)
		if err != nil {
			return err
		}
		if _, err := tx.Load(ctx, g.ID); core.KindOf(err) != core.NotFound {
			return errors.Join(errors.New("it is there already"), err)
		}
		usage, err := tx.Usage(ctx, account, now)
		if err != nil {
			return err
		}
		if err := plan.Admit(usage, count, price*core.PTC(count), now); err != nil {
			return err
		}
		g := g
		g.Account = account
		var entries []core.Entry
		made, entries = core.NewGeneration(g, price)
		if err := tx.Add(ctx, made); err != nil {
			return err
		}
		if err := tx.Book(ctx, entries); err != nil {
			return err
		}
		for range count {
			if err := tx.Enqueue(ctx, core.Step{Kind: core.StepRender}, now); err != nil {
				return err
			}
		}
		return tx.EndEvent(ctx, event)
	})
	return made, err
}

// claim takes up the fairest take.
func claim(ctx context.Context, kept core.Store, now time.Time) (g core.Generation, take int, err error) {
	err = kept.InTx(ctx, func(ctx context.Context, tx core.Tx) error {
		waiting, running, err := tx.Queue(ctx, now)
		if err != nil {
			return err
		}
		next, found := core.Fairest(waiting, running, func(string) int { return 0 })
		if !found {
			return errNothing
		}
		if g, err = tx.Load(ctx, next.Generation); err != nil {
			return err
		}
		take = next.Take
		if err := g.Claim(take, holder, now); err != nil {
			return err
		}
		return tx.Save(ctx, g)
	})
	return g, take, err
}

// change changes a generation and books what that entails.
func change(ctx context.Context, kept core.Store, id core.GenerationID, do func(*core.Generation) ([]core.Entry, error)) (changed core.Generation, err error) {
	err = kept.InTx(ctx, func(ctx context.Context, tx core.Tx) error {
		g, err := tx.Load(ctx, id)
		if err != nil {
			return err
		}
		entries, err := do(&g)
		if err != nil {
			return err
		}
		if err := tx.Save(ctx, g); err != nil {
			return err
		}
		changed = g
		return tx.Book(ctx, entries)
	})
	return changed, err
}
