package core_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"imaginebot/core"
	"imaginebot/core/coretest"
)

// unsure commits, and then says once that the connection broke.
type unsure struct {
	*coretest.Store
	id   core.GenerationID
	when func(core.Generation) bool

	mu   sync.Mutex
	done bool
}

func (u *unsure) InTx(ctx context.Context, do func(context.Context, core.Tx) error) error {
	err := u.Store.InTx(ctx, do)
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil || u.done {
		return err
	}
	g, err := u.Store.Generation(context.WithoutCancel(ctx), u.id)
	if err == nil && u.when(g) {
		u.done = true
		return errors.New("commit transaction: unexpected EOF")
	}
	return nil
}

func TestACommitOfUnknownEnd(t *testing.T) {
	for name, c := range map[string]struct {
		model string
		when  func(core.Generation) bool
	}{
		"claim":    {text, func(g core.Generation) bool { return g.Takes[0].State == core.TakeQueued && g.Takes[0].Holder != "" }},
		"begin":    {text, func(g core.Generation) bool { return g.Takes[0].State == core.TakeBegun }},
		"ticket":   {kontext, func(g core.Generation) bool { return g.Takes[0].State == core.TakeTicketed }},
		"rendered": {text, func(g core.Generation) bool { return g.Takes[0].State == core.TakeRendered }},
		"ended":    {text, func(g core.Generation) bool { return g.State == core.Delivered }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &unsure{Store: coretest.NewStore(time.Now), when: c.when}
				h := build(t, store.Store, nil, func(s *core.Settings) { s.Store = store })
				if c.model == kontext {
					h.renderer.Next(coretest.Scene{Ticket: "one"})
				}
				sub := h.ask("ada", c.model)
				store.id = core.GenerationOf(sub.Event)
				h.run(2)
				g := h.submit(sub)
				began := time.Now()
				for h.generation(g.ID).State == core.Open && time.Since(began) < time.Hour {
					h.pass(time.Second)
				}
				now := h.generation(g.ID)
				t.Logf("%s after %v: %s %s %v, ledger %v", name, time.Since(began), now.State, now.Takes[0].State, now.Takes[0].Kind, len(h.store.Ledger()))
				if took := time.Since(began); took > time.Minute || now.State != core.Delivered && name != "begin" {
					t.Errorf("%s: ended %s (%v) after %v", name, now.State, now.Takes[0].Kind, took)
				}
				h.close()
				h.checkLedger()
			})
		})
	}
}
