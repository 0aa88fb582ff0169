package store_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"imaginebot/core"
	"imaginebot/core/sqldb/sqldbtest"
	"imaginebot/core/store"
)

// BenchmarkGeneration is everything that the store does for one request of one picture,
// from the event to the delivery: six transactions, by eight people at once.
func BenchmarkGeneration(b *testing.B) {
	eachDatabase(b, func(b *testing.B, url string) {
		kept := store.New(opened(b, url), steps{})
		var made atomic.Int64
		b.SetParallelism(8)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				n := made.Add(1)
				if err := live(b.Context(), kept, fmt.Sprint("person ", n%50), core.EventKey(fmt.Sprint("event ", n))); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "generations/s")
	})
}

// BenchmarkClaim is the claim of a take while so many wait as core admits at most.
func BenchmarkClaim(b *testing.B) {
	eachDatabase(b, func(b *testing.B, url string) {
		kept := store.New(opened(b, url), steps{})
		now := time.Now().UTC()
		for n := range 500 {
			if _, err := enter(b.Context(), kept, fmt.Sprint("person ", n/3), core.EventKey(fmt.Sprint("event ", n)), 4, unlimited, now); err != nil {
				b.Fatal(err)
			}
		}
		for b.Loop() {
			g, take, err := claim(b.Context(), kept, now)
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if _, err := change(b.Context(), kept, g.ID, func(g *core.Generation) ([]core.Entry, error) { return nil, g.Release(take, holder) }); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
}

func eachDatabase(b *testing.B, bench func(b *testing.B, url string)) {
	b.Run("sqlite", func(b *testing.B) { bench(b, sqldbtest.SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { bench(b, sqldbtest.PostgreSQL(b)) })
}

// live takes one request through its life as core does.
func live(ctx context.Context, kept core.Store, name string, event core.EventKey) error {
	now := time.Now().UTC()
	err := kept.InTx(ctx, func(ctx context.Context, tx core.Tx) error {
		_, err := tx.AddEvents(ctx, []core.Event{{Key: event, Platform: "platform", Raw: []byte(`{"what":"a person asked"}`), At: now}}, holder)
		return err
	})
	if err != nil {
		return err
	}
	if _, err := enter(ctx, kept, name, event, 1, unlimited, now); err != nil {
		return err
	}
	// Whoever waits for the queue's turn may get it after younger takes have come.
	g, take, err := claim(ctx, kept, now.Add(time.Minute))
	if err != nil {
		return err
	}
	for _, step := range []func(g *core.Generation) ([]core.Entry, error){
		func(g *core.Generation) ([]core.Entry, error) { return nil, g.Begin(take, holder) },
		func(g *core.Generation) ([]core.Entry, error) {
			entries, err := g.Rendered(take, holder, picture(g.ID), now)
			if err != nil {
				return nil, err
			}
			return entries, g.HoldDelivery(holder, now)
		},
		func(g *core.Generation) ([]core.Entry, error) { return nil, g.End(holder, "receipt", true, now) },
	} {
		if _, err := change(ctx, kept, g.ID, step); err != nil {
			return err
		}
	}
	return nil
}
