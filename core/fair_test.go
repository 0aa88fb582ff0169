package core_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"imaginebot/core"
)

func none(string) int { return 0 }

func TestFairest(t *testing.T) {
	at := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
	few := core.Waiting{Generation: "few", Account: "a", Model: "m", Running: 1, CreatedAt: at(9), Served: at(9)}
	many := core.Waiting{Generation: "many", Account: "b", Model: "m", Running: 2, CreatedAt: at(0)}
	for _, c := range []struct {
		name    string
		waiting []core.Waiting
		running map[string]int
		limit   func(string) int
		want    core.GenerationID
	}{
		{"nobody waits", nil, nil, none, ""},
		{"the account with less running", []core.Waiting{many, few}, nil, none, "few"},
		{"the one served longest ago", []core.Waiting{
			{Generation: "later", Account: "a", Served: at(2), CreatedAt: at(0)}, {Generation: "longer", Account: "b", Served: at(1), CreatedAt: at(1)},
		}, nil, none, "longer"},
		{"who was never served", []core.Waiting{
			{Generation: "served", Account: "a", Served: at(1), CreatedAt: at(0)}, {Generation: "never", Account: "b", CreatedAt: at(2)},
		}, nil, none, "never"},
		{"the oldest of an account", []core.Waiting{
			{Generation: "newer", Account: "a", Model: "m", CreatedAt: at(2)}, {Generation: "older", Account: "a", Model: "n", CreatedAt: at(1)},
		}, nil, none, "older"},
		{"what is paid goes first", []core.Waiting{few, {Generation: "paid", Account: "b", Ticketed: true, Running: 9, CreatedAt: at(20), Served: at(20)}}, nil, none, "paid"},
		{"a model at its limit is passed over", []core.Waiting{few, {Generation: "other", Account: "c", Model: "n", Running: 5}}, map[string]int{"m": 2}, func(m string) int { return map[string]int{"m": 2}[m] }, "other"},
		{"a model below its limit is not", []core.Waiting{few}, map[string]int{"m": 1}, func(string) int { return 2 }, "few"},
		{"a limit does not hold up what is paid", []core.Waiting{{Generation: "paid", Model: "m", Ticketed: true}}, map[string]int{"m": 4}, func(string) int { return 4 }, "paid"},
		{"all at their limits", []core.Waiting{few, many}, map[string]int{"m": 9}, func(string) int { return 2 }, ""},
	} {
		slices.Reverse(c.waiting)
		for range 2 { // in whatever order they come
			slices.Reverse(c.waiting)
			if got, found := core.Fairest(c.waiting, c.running, c.limit); got.Generation != c.want || found != (c.want != "") {
				t.Errorf("%s: %q, %v, want %q", c.name, got.Generation, found, c.want)
			}
		}
	}
}

// crowd is a simulated queue: accounts with requests of one picture each, and workers that
// take a second for a picture.
type crowd struct {
	waiting map[core.AccountID][]time.Time
	served  map[core.AccountID]time.Time
	running map[core.AccountID]int
}

func (c *crowd) next(now time.Time) (core.AccountID, bool) {
	var foremost []core.Waiting
	for account, line := range c.waiting {
		if len(line) > 0 {
			foremost = append(foremost, core.Waiting{Account: account, Model: "m", CreatedAt: line[0], Running: c.running[account], Served: c.served[account]})
		}
	}
	best, found := core.Fairest(foremost, nil, none)
	if found {
		c.waiting[best.Account] = c.waiting[best.Account][1:]
		c.running[best.Account]++
		c.served[best.Account] = now
	}
	return best.Account, found
}

// A person's one request waits for at most one picture of another's twenty, whoever came
// first and however many workers there are.
func TestOneRequestWaitsForOnePictureOfTwenty(t *testing.T) {
	for _, workers := range []int{1, 2, 16} {
		for late := range 40 { // tenths of a second after the twenty
			t.Run(fmt.Sprint(workers, " workers, late by ", late), func(t *testing.T) {
				asked := noon.Add(time.Duration(late) * 100 * time.Millisecond)
				c := &crowd{map[core.AccountID][]time.Time{"many": slices.Repeat([]time.Time{noon}, 20)}, map[core.AccountID]time.Time{}, map[core.AccountID]int{}}
				var ends []struct {
					at      time.Time
					account core.AccountID
				}
				for now := noon; ; now = now.Add(time.Millisecond) {
					if now.Equal(asked) {
						c.waiting["one"] = []time.Time{now}
					}
					for i := len(ends) - 1; i >= 0; i-- {
						if !ends[i].at.After(now) {
							c.running[ends[i].account]--
							ends = slices.Delete(ends, i, i+1)
						}
					}
					for len(ends) < workers {
						account, found := c.next(now)
						if !found {
							break
						}
						if account == "one" {
							if waited := now.Sub(asked); waited > time.Second {
								t.Errorf("it waited for %v, a picture takes one second", waited)
							}
							return
						}
						ends = append(ends, struct {
							at      time.Time
							account core.AccountID
						}{now.Add(time.Second + time.Duration(len(ends))*time.Millisecond), account})
					}
					if now.Sub(noon) > time.Minute {
						t.Fatal("it was never served")
					}
				}
			})
		}
	}
}

// Two that ask for twenty each get their pictures by turns.
func TestTwoWithTwentyTakeTurns(t *testing.T) {
	c := &crowd{map[core.AccountID][]time.Time{
		"a": slices.Repeat([]time.Time{noon}, 20), "b": slices.Repeat([]time.Time{noon.Add(time.Second)}, 20),
	}, map[core.AccountID]time.Time{}, map[core.AccountID]int{}}
	var got []core.AccountID
	for i := range 40 {
		account, _ := c.next(noon.Add(time.Duration(i) * time.Second))
		c.running[account]-- // done at once: one worker
		got = append(got, account)
	}
	for i, account := range got {
		if want := core.AccountID([]string{"a", "b"}[i%2]); account != want {
			t.Fatalf("the %dth picture is of %s: %q", i+1, account, got)
		}
	}
}
