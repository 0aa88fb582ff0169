package core_test

import (
	"testing"
	"time"

	"imaginebot/core"
)

var noon = time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC)

func TestAdmit(t *testing.T) {
	plan := core.Plan{ImagesPerDay: 25, PTCPerMonth: 5 * core.OnePTC, Concurrent: 3, BudgetPerDay: 10 * core.OnePTC, Queue: 100}
	limitless := core.Plan{ImagesPerDay: -1, PTCPerMonth: -1, Concurrent: -1, BudgetPerDay: -1, Queue: -1}
	tomorrow, nextMonth := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		plan   core.Plan
		usage  core.Usage
		images int
		price  core.PTC
		kind   core.Kind
		reason core.Reason
		retry  time.Time
	}{
		{"nothing used", plan, core.Usage{}, 4, core.OnePTC, 0, "", time.Time{}},
		{"the last pictures of the day", plan, core.Usage{Images: 21}, 4, 1, 0, "", time.Time{}},
		{"one too many", plan, core.Usage{Images: 22}, 4, 1, core.OverQuota, core.ReasonImagesToday, tomorrow},
		{"the last money of the month", plan, core.Usage{Spent: 4_960_000}, 1, 40_000, 0, "", time.Time{}},
		{"a micro too much", plan, core.Usage{Spent: 4_960_001}, 1, 40_000, core.OverQuota, core.ReasonMoneyMonth, nextMonth},
		{"the third at once", plan, core.Usage{Unfinished: 2}, 1, 1, 0, "", time.Time{}},
		{"the fourth", plan, core.Usage{Unfinished: 3}, 1, 1, core.OverQuota, core.ReasonConcurrent, time.Time{}},
		{"four of unknown end", plan, core.Usage{Uncertain: 4}, 1, 1, 0, "", time.Time{}},
		{"five", plan, core.Usage{Uncertain: 5}, 1, 1, core.OverQuota, core.ReasonUncertain, tomorrow},
		{"five without limits", limitless, core.Usage{Uncertain: 5}, 1, 1, core.OverQuota, core.ReasonUncertain, tomorrow},
		{"the last of the budget", plan, core.Usage{BotSpent: 9_500_000}, 1, 500_000, 0, "", time.Time{}},
		{"over the budget", plan, core.Usage{BotSpent: 9_500_001}, 1, 500_000, core.BudgetSpent, "", tomorrow},
		{"a full queue", plan, core.Usage{Queued: 97}, 4, 1, core.QueueFull, "", time.Time{}},
		{"the queue's last places", plan, core.Usage{Queued: 96}, 4, 1, 0, "", time.Time{}},
		{"no limits", limitless, core.Usage{Images: 1e6, Spent: 1e12, Unfinished: 1e6, BotSpent: 1e12, Queued: 1e6}, 4, core.OnePTC, 0, "", time.Time{}},
		{"none at all", core.Plan{PTCPerMonth: -1, Concurrent: -1, BudgetPerDay: -1, Queue: -1}, core.Usage{}, 1, 0, core.OverQuota, core.ReasonImagesToday, tomorrow},
	} {
		err := c.plan.Admit(c.usage, c.images, c.price, noon)
		refusal := &core.Error{}
		if err != nil {
			refusal = core.AsError(err)
		}
		if refusal.Kind != c.kind || refusal.Reason != c.reason || !refusal.RetryAt.Equal(c.retry) {
			t.Errorf("%s: %v %q until %v, want %v %q until %v", c.name, refusal.Kind, refusal.Reason, refusal.RetryAt, c.kind, c.reason, c.retry)
		}
	}
}

func TestLeft(t *testing.T) {
	plan := core.Plan{ImagesPerDay: 25, PTCPerMonth: 5 * core.OnePTC}
	left := plan.Left(core.Usage{Images: 5, Spent: core.OnePTC}, noon)
	if left.Images != 20 || left.PTC != 4*core.OnePTC || left.Used.Images != 5 || left.Plan != plan ||
		!left.DayEnds.Equal(core.NextDay(noon)) || !left.MonthEnds.Equal(core.NextMonth(noon)) {
		t.Errorf("%+v", left)
	}
	if left := plan.Left(core.Usage{Images: 30, Spent: 9 * core.OnePTC}, noon); left.Images != 0 || left.PTC != 0 {
		t.Errorf("after a limit was lowered there is %d and %v left, want none", left.Images, left.PTC)
	}
	if left := (core.Plan{ImagesPerDay: -1, PTCPerMonth: -1}).Left(core.Usage{Images: 30}, noon); left.Images != -1 || left.PTC != -1 {
		t.Errorf("without limits there is %d and %v left, want -1", left.Images, left.PTC)
	}
}

func TestPeriods(t *testing.T) {
	west := time.FixedZone("west", -8*3600)
	for _, c := range []struct {
		at         time.Time
		day, month string
		nextDay    time.Time
		nextMonth  time.Time
	}{
		{noon, "2026-02-28", "2026-02", time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
		{time.Date(2026, 12, 31, 23, 59, 59, 1e9-1, time.UTC), "2026-12-31", "2026-12", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)},
		{time.Date(2026, 12, 31, 20, 0, 0, 0, west), "2027-01-01", "2027-01", time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)},
		{time.Date(2028, 1, 31, 0, 0, 0, 0, time.UTC), "2028-01-31", "2028-01", time.Date(2028, 2, 1, 0, 0, 0, 0, time.UTC), time.Date(2028, 2, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if core.Day(c.at) != c.day || core.Month(c.at) != c.month || !core.NextDay(c.at).Equal(c.nextDay) || !core.NextMonth(c.at).Equal(c.nextMonth) {
			t.Errorf("%v: %s, %s, until %v and %v", c.at, core.Day(c.at), core.Month(c.at), core.NextDay(c.at), core.NextMonth(c.at))
		}
	}
}

func TestEffect(t *testing.T) {
	for _, c := range []struct {
		kind    core.EntryKind
		unknown bool
		want    core.Usage
	}{
		{core.Reserve, false, core.Usage{Images: 1, Spent: 7, BotSpent: 7}},
		{core.Settle, false, core.Usage{}},
		{core.Refund, false, core.Usage{Images: -1, Spent: -7, BotSpent: -7}},
		{core.Uncertain, false, core.Usage{Images: -1, Spent: -7}},
		{core.Uncertain, true, core.Usage{Images: -1, Spent: -7, Uncertain: 1}},
	} {
		if got := (core.Entry{Kind: c.kind, Amount: 7, Unknown: c.unknown}).Effect(); got != c.want {
			t.Errorf("%s does %+v, want %+v", c.kind, got, c.want)
		}
	}
}

func TestUserID(t *testing.T) {
	id := core.NewUserID("platform", "12:34")
	if back, err := core.ParseUserID(id.String()); err != nil || back != id || back.Platform() != "platform" || back.Local() != "12:34" {
		t.Errorf("%v is read as %v: %v", id, back, err)
	}
	for _, text := range []string{"", "platform", ":1", "platform:", ":"} {
		if got, err := core.ParseUserID(text); err == nil {
			t.Errorf("%q is %v, want an error", text, got)
		}
	}
}
