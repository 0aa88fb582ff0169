package discord

import (
	"testing"
	"time"
)

func TestTurnsAreForgotten(t *testing.T) {
	var all turns
	now := time.Unix(1_700_000_000, 0)
	one := all.enter("1", now)
	if again := all.enter("1", now); again != one {
		t.Error("two turns of one answer")
	}
	all.leave("1")
	one.over = true
	if len(all.open) != 1 {
		t.Error("forgotten while somebody may still write")
	}
	all.leave("1")
	if len(all.open) != 0 {
		t.Error("not forgotten after the last word")
	}

	all.enter("waiting", now)
	all.leave("waiting")
	held := all.enter("held", now)
	if all.enter("2", now.Add(forgetTurn/2)); len(all.open) != 3 {
		t.Error("an answer that waits was forgotten too early")
	}
	all.enter("3", now.Add(forgetTurn+time.Second))
	if _, there := all.open["waiting"]; there {
		t.Error("an answer whose end came elsewhere is remembered for ever")
	}
	if all.open["held"] != held {
		t.Error("a turn was forgotten under who holds it")
	}
}
