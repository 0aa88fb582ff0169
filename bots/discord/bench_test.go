package discord

import (
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"imaginebot/bots/discord/discordtest"
)

// BenchmarkAcknowledge gives 200 commands at once, through the gateway, and reports how long
// the slowest hundredth of them had waited for the acknowledgement when Discord had it:
//
//	go test -run '^$' -bench Acknowledge -benchtime 5x ./bots/discord
func BenchmarkAcknowledge(b *testing.B) {
	const atOnce = 200
	server := discordtest.New(discordtest.Settings{Token: testToken})
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(server.Close)
	r := newRig(b, options{server: server})
	r.bot.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	var waited []time.Duration
	for b.Loop() {
		given := make([]*discordtest.Interaction, atOnce)
		var all sync.WaitGroup
		for n := range given {
			all.Go(func() {
				i, err := server.Command(b.Context(), r.ann, r.room, "quota", nil)
				if err != nil {
					b.Error(err)
					return
				}
				given[n] = i
			})
		}
		all.Wait()
		for _, i := range given {
			if i != nil {
				waited = append(waited, i.AckAfter())
			}
		}
	}
	slices.Sort(waited)
	b.ReportMetric(float64(waited[len(waited)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(waited[len(waited)/2].Microseconds())/1000, "p50-ms")
}
