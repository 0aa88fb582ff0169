package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"imaginebot/core"
)

// kinds is the table of the design, written once more: what a Kind does to a step and
// to the allowance.
var kinds = []struct {
	kind      core.Kind
	name      string
	step      core.Consequence
	allowance core.Settlement
}{
	{core.Internal, "internal", core.Stop, core.GivenBack},
	{core.Invalid, "invalid", core.Stop, core.GivenBack},
	{core.TooBig, "too big", core.Stop, core.GivenBack},
	{core.NotFound, "not found", core.Stop, core.GivenBack},
	{core.Forbidden, "forbidden", core.Stop, core.GivenBack},
	{core.Blocked, "blocked", core.Stop, core.GivenBack},
	{core.OverQuota, "over quota", core.Stop, core.NotReserved},
	{core.BudgetSpent, "budget spent", core.Stop, core.NotReserved},
	{core.QueueFull, "queue full", core.Stop, core.NotReserved},
	{core.Refused, "refused", core.Stop, core.UncertainFor},
	{core.Busy, "busy", core.Wait, core.Held},
	{core.Ambiguous, "ambiguous", core.Stop, core.UncertainFor},
	{core.Paused, "paused", core.Hold, core.Held},
	{core.NoModel, "no model", core.Stop, core.GivenBack},
	{core.Gone, "gone", core.Keep, core.Stays},
	{core.Cancelled, "cancelled", core.Stop, core.GivenBack},
}

func TestKinds(t *testing.T) {
	names := map[string]bool{}
	for _, k := range kinds {
		if got := k.kind.Rule(); got.Step != k.step || got.Allowance != k.allowance {
			t.Errorf("%s entails %v, want %v and %v", k.name, got, k.step, k.allowance)
		}
		if k.kind.String() != k.name || core.ParseKind(k.name) != k.kind || names[k.name] {
			t.Errorf("%s is written %q and read as %v", k.name, k.kind, core.ParseKind(k.name))
		}
		names[k.name] = true
	}
	if beyond := core.Kind(len(kinds)); !strings.HasPrefix(beyond.String(), "kind ") {
		t.Errorf("there is a kind %q that this table does not know", beyond)
	}
	if core.ParseKind("never heard of") != core.Internal {
		t.Error("a name that is no kind is not Internal")
	}
}

func TestKindOf(t *testing.T) {
	busy := &core.Error{Kind: core.Busy, Err: context.DeadlineExceeded}
	for _, c := range []struct {
		err  error
		want core.Kind
	}{
		{busy, core.Busy},
		{fmt.Errorf("submit: %w", busy), core.Busy},
		{errors.Join(errors.New("other"), busy), core.Busy},
		{&core.Error{Kind: core.Refused, Err: busy}, core.Refused},
		{errors.New("anything"), core.Internal},
		{context.Canceled, core.Internal},
		{core.ErrLost, core.Internal},
	} {
		if got := core.KindOf(c.err); got != c.want || core.AsError(c.err).Kind != c.want {
			t.Errorf("%v is %v, want %v", c.err, got, c.want)
		}
	}
	if !errors.Is(busy, context.DeadlineExceeded) || !errors.Is(core.AsError(context.Canceled), context.Canceled) {
		t.Error("the cause is lost")
	}
}

func TestErrorTextHoldsNothingForeign(t *testing.T) {
	err := &core.Error{Kind: core.Invalid, Reason: core.ReasonNumber, Option: "steps", Value: "foreign", Allowed: []string{"1–50"}, Err: errors.New("cause")}
	if got := err.Error(); got != "invalid: number steps: cause" {
		t.Errorf("%q", got)
	}
}
