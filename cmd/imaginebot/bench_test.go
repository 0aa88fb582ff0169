package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imaginebot/bots/discord/discordtest"
	"imaginebot/core/ai302/ai302test"
	"imaginebot/core/sqldb/sqldbtest"
)

// The figures of the whole program, by hand and on a quiet machine:
//
//	go test ./cmd/imaginebot -run - -bench . -benchtime 1x

// built is the program as it is shipped.
func built(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "imaginebot")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return program
}

func benchWorld(b *testing.B, database string, ai ai302test.Settings, env map[string]string) (*world, *life) {
	b.Helper()
	all := map[string]string{"QUOTA_IMAGES_PER_DAY": "-1", "QUOTA_PTC_PER_MONTH": "-1", "QUOTA_CONCURRENT": "-1", "LOG_LEVEL": "warn"}
	for name, value := range env {
		all[name] = value
	}
	w := newWorld(b, options{database: database, ai: ai, env: all})
	w.program = built(b)
	return w, w.start()
}

// small is a picture that takes no time to draw, to fetch or to send.
func small(b *testing.B) func(ai302test.DrawRequest) []byte {
	picture := photo(b, 1)
	return func(ai302test.DrawRequest) []byte { return picture }
}

// BenchmarkAddedTime is what we add to one generation, from the event to the delivered
// picture, where the provider takes no time.
func BenchmarkAddedTime(b *testing.B) {
	for name, database := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.PostgreSQL} {
		b.Run(name, func(b *testing.B) {
			w, _ := benchWorld(b, database(b), ai302test.Settings{Draw: small(b)}, nil)
			var took []time.Duration
			for b.Loop() {
				for n := range 200 {
					began := time.Now()
					w.discordCommand("Ann", "imagine", discordtest.Options{"prompt": fmt.Sprintf("wish %d of %d", n, len(took))}, hasPictures(1))
					took = append(took, time.Since(began))
				}
			}
			slices.Sort(took)
			b.ReportMetric(milliseconds(took[len(took)/2]), "ms-p50")
			b.ReportMetric(milliseconds(took[len(took)*95/100]), "ms-p95")
		})
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// BenchmarkFiftyUsers is how long 50 users wait for pictures of 1 s each, 16 at once.
func BenchmarkFiftyUsers(b *testing.B) {
	for name, database := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.PostgreSQL} {
		b.Run(name, func(b *testing.B) {
			w, _ := benchWorld(b, database(b), ai302test.Settings{Delay: time.Second, Draw: small(b)}, map[string]string{"WORKERS": "16"})
			for b.Loop() {
				began := time.Now()
				crowd(w, 50)
				b.ReportMetric(time.Since(began).Seconds(), "s-total")
			}
		})
	}
}

// crowd lets n users ask at once and returns when each has the picture.
func crowd(w *world, n int) {
	var asks sync.WaitGroup
	for user := range n {
		asks.Go(func() {
			interaction, err := w.discord.Command(w.waiting(), w.discord.User(fmt.Sprint("user ", user)), w.channel, "imagine", discordtest.Options{"prompt": fmt.Sprintf("wish of %d at %d", user, time.Now().UnixNano())})
			if err == nil {
				_, err = interaction.Wait(w.waiting(), hasPictures(1))
			}
			if err != nil {
				w.t.Errorf("user %d: %v", user, err)
			}
		})
	}
	asks.Wait()
}

// BenchmarkMemory is the program's resident memory when nothing happens, and the most of
// it with 200 generations of pictures of 1 MB in flight.
func BenchmarkMemory(b *testing.B) {
	w, l := benchWorld(b, sqldbtest.SQLite(b), ai302test.Settings{Delay: 500 * time.Millisecond, Draw: ai302test.Noise}, nil)
	for b.Loop() {
		w.until("it has come to rest", func() bool { time.Sleep(3 * time.Second); return true })
		b.ReportMetric(resident(b, l, "VmRSS"), "MB-idle")
		crowd(w, 200)
		b.ReportMetric(resident(b, l, "VmHWM"), "MB-most")
	}
}

// resident reads a line of /proc/PID/status, in MB.
func resident(b *testing.B, l *life, line string) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.cmd.Process.Pid))
	if err != nil {
		b.Skipf("resident memory is read from /proc: %v", err)
	}
	for text := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(text, line+":"); found {
			var kB float64
			fmt.Sscan(rest, &kB)
			return kB / 1000
		}
	}
	b.Fatalf("no %s in the status", line)
	return 0
}
