package ai302_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"imaginebot/core/ai302"
	"imaginebot/core/ai302/ai302test"
)

// Every row of the provider's error table, on a paid and on a free call.
func TestErrorTable(t *testing.T) {
	const words = "upstream words"
	for _, row := range []struct {
		status, code int
		message      string
		paid         ai302.Situation
		notRun       bool
		free         ai302.Situation
	}{
		{status: 401, code: -10001, paid: ai302.KeyFault, notRun: true, free: ai302.KeyFault},
		{status: 401, code: -10002, paid: ai302.KeyFault, notRun: true, free: ai302.KeyFault},
		{status: 500, code: -10005, paid: ai302.KeyFault, notRun: true, free: ai302.KeyFault},
		{status: 402, code: -10004, paid: ai302.BalanceFault, notRun: true, free: ai302.BalanceFault},
		{status: 429, code: -10006, paid: ai302.BalanceFault, notRun: true, free: ai302.BalanceFault},
		{status: 403, code: -10007, paid: ai302.BalanceFault, notRun: true, free: ai302.BalanceFault},
		{status: 200, code: -10018, paid: ai302.BalanceFault, notRun: true, free: ai302.BalanceFault},
		{status: 503, code: -10008, paid: ai302.NoModel, notRun: true, free: ai302.NoModel},
		{status: 400, code: -10003, paid: ai302.Invalid, notRun: true, free: ai302.Invalid},
		{status: 422, code: -10003, paid: ai302.Invalid, notRun: true, free: ai302.Invalid},
		{status: 500, code: -10003, paid: ai302.Ambiguous, free: ai302.Unavailable},
		{status: 200, code: -10003, paid: ai302.Failed, free: ai302.Unavailable},
		{status: 400, code: -10009, paid: ai302.Invalid, notRun: true, free: ai302.Invalid},
		{status: 404, code: -10010, paid: ai302.Invalid, notRun: true, free: ai302.Invalid},
		{status: 500, code: -10011, paid: ai302.Invalid, free: ai302.Invalid},
		{status: 429, code: -10012, paid: ai302.RateLimited, notRun: true, free: ai302.RateLimited},
		{status: 500, code: -10012, paid: ai302.RateLimited, notRun: true, free: ai302.RateLimited},
		{status: 500, code: -1024, paid: ai302.Ambiguous, free: ai302.Unavailable},
		{status: 200, code: -1024, paid: ai302.Failed, free: ai302.Unavailable},
		// Without a telling code the status decides.
		{status: 400, paid: ai302.Invalid, notRun: true, free: ai302.Invalid},
		{status: 401, paid: ai302.KeyFault, notRun: true, free: ai302.KeyFault},
		{status: 402, paid: ai302.BalanceFault, notRun: true, free: ai302.BalanceFault},
		{status: 403, paid: ai302.KeyFault, notRun: true, free: ai302.KeyFault},
		{status: 404, paid: ai302.Invalid, notRun: true, free: ai302.NotFound},
		{status: 405, paid: ai302.Invalid, notRun: true, free: ai302.Invalid},
		{status: 408, paid: ai302.Ambiguous, free: ai302.Unavailable},
		{status: 409, paid: ai302.Ambiguous, free: ai302.Invalid},
		{status: 413, paid: ai302.TooLarge, notRun: true, free: ai302.TooLarge},
		{status: 429, paid: ai302.RateLimited, notRun: true, free: ai302.RateLimited},
		{status: 500, paid: ai302.Ambiguous, free: ai302.Unavailable},
		{status: 502, paid: ai302.Ambiguous, free: ai302.Unavailable},
		{status: 503, paid: ai302.Ambiguous, free: ai302.Unavailable},
		{status: 504, paid: ai302.Ambiguous, free: ai302.Unavailable},
		// Safety is read from the words, and only where a refusal is possible.
		{status: 400, message: "content_policy_violation", paid: ai302.Moderated, notRun: true, free: ai302.Moderated},
		{status: 422, code: -10003, message: "blocked by our Moderation", paid: ai302.Moderated, notRun: true, free: ai302.Moderated},
		{status: 403, message: "flagged as NSFW", paid: ai302.Moderated, notRun: true, free: ai302.Moderated},
		{status: 200, message: "safety system", paid: ai302.Moderated, free: ai302.Moderated},
		{status: 500, message: "safety system", paid: ai302.Ambiguous, free: ai302.Unavailable},
		{status: 422, message: "safety_tolerance must be between 0 and 6", paid: ai302.Invalid, notRun: true, free: ai302.Invalid},
		{status: 401, code: -10001, message: "key flagged", paid: ai302.KeyFault, notRun: true, free: ai302.KeyFault},
	} {
		t.Run(fmt.Sprintf("%d %d %s", row.status, row.code, row.message), func(t *testing.T) {
			st := open(t)
			st.fake.Script(ai302test.Match{}, ai302test.Trouble{Status: row.status, Code: row.code, Message: words + " " + row.message}, ai302test.Always)
			for endpoint, call := range paidCalls(t, st) {
				err := call(within(t))
				e := want(t, err, row.paid, row.notRun)
				if e.Operation != endpoint || e.Status != row.status || e.Code != row.code || e.RequestID == "" {
					t.Errorf("%+v does not tell operation, status, code and request", e)
				}
				paid(t, st, endpoint, 0, 1)
			}
			_, err := st.Balance(within(t))
			want(t, err, row.free, false)
			tries := 1
			if row.free == ai302.Unavailable {
				tries = 3
			}
			if n := len(calls(st, ai302test.Balance)); n != tries {
				t.Errorf("the free call was made %d times, want %d", n, tries)
			}
		})
	}
}

// paidCalls makes each kind of paid call once.
func paidCalls(t *testing.T, st *stage) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		ai302test.Generate: func(ctx context.Context) error {
			_, err := st.Generate(ctx, ai302.GenerateRequest{Prompt: prompt, Model: "flux-dev-t2i"})
			return err
		},
		ai302test.FluxGeneral: func(ctx context.Context) error {
			_, err := st.SubmitFluxGeneral(ctx, tiger())
			return err
		},
		ai302test.Kontext: func(ctx context.Context) error {
			_, err := st.SubmitKontext(ctx, "flux-kontext-pro", ai302.KontextRequest{Prompt: prompt, Image: png(t)})
			return err
		},
	}
}

// What comes back from a paid call may be lost on the way; it is never asked for
// a second time. The same losses on a free call are mended by asking again.
func TestLostAnswers(t *testing.T) {
	for name, row := range map[string]struct {
		trouble  ai302test.Trouble
		executed int
	}{
		"dropped before the run": {ai302test.Dropped(false), 0},
		"dropped after the run":  {ai302test.Dropped(true), 1},
		"500 after the run":      {ai302test.ServerError(true), 1},
		"cut short":              {ai302test.Trouble{Spoil: ai302test.Truncated}, 1},
		"a page":                 {ai302test.Trouble{Spoil: ai302test.HTML}, 1},
		"nothing":                {ai302test.Trouble{Spoil: ai302test.Empty}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			st := open(t)
			for endpoint, call := range paidCalls(t, st) {
				st.fake.Script(ai302test.Match{Endpoint: endpoint}, row.trouble, 1)
				want(t, call(within(t)), ai302.Ambiguous, false)
				paid(t, st, endpoint, row.executed, 1)
			}
			st.fake.Script(ai302test.Match{}, row.trouble, 2)
			if got, err := st.Balance(within(t)); err != nil || got != "12.34" {
				t.Errorf("balance %q, %v", got, err)
			}
			st.fake.Script(ai302test.Match{}, row.trouble, 2)
			if _, err := st.UploadFile(within(t), "a.png", "image/png", png(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestByteOrderMarkIsHarmless(t *testing.T) {
	st := open(t)
	st.fake.Script(ai302test.Match{}, ai302test.Trouble{Spoil: ai302test.BOM}, ai302test.Always)
	for endpoint, call := range paidCalls(t, st) {
		if err := call(within(t)); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	if _, err := st.Balance(within(t)); err != nil {
		t.Error(err)
	}
}

func TestKeyAndBalanceFaultsLastUntilMended(t *testing.T) {
	st := open(t)
	mend := st.fake.Script(ai302test.Match{}, ai302test.BadKey(), ai302test.Always)
	for _, call := range paidCalls(t, st) {
		want(t, call(within(t)), ai302.KeyFault, true)
	}
	mend()
	mend = st.fake.Script(ai302test.Match{}, ai302test.NoBalance(), ai302test.Always)
	for _, call := range paidCalls(t, st) {
		want(t, call(within(t)), ai302.BalanceFault, true)
	}
	mend()
	for _, call := range paidCalls(t, st) {
		if err := call(within(t)); err != nil {
			t.Error(err)
		}
	}
}

func TestWrongKey(t *testing.T) {
	st := open(t, func(s *ai302.Settings, _ *ai302test.Settings) { s.Key = "another-key" })
	_, err := st.Balance(within(t))
	if e := want(t, err, ai302.KeyFault, false); e.Code != -10001 {
		t.Errorf("code %d", e.Code)
	}
}

func TestRetryAfterIsTold(t *testing.T) {
	for _, row := range []struct {
		asked, told time.Duration
	}{{3 * time.Second, 3 * time.Second}, {time.Hour, 5 * time.Minute}, {0, 0}} {
		st := open(t)
		st.fake.Script(ai302test.Match{}, ai302test.RateLimited(row.asked), 1)
		_, err := st.Generate(within(t), ai302.GenerateRequest{Prompt: prompt, Model: "flux-dev-t2i"})
		if e := want(t, err, ai302.RateLimited, true); e.RetryAfter != row.told {
			t.Errorf("asked to wait %s, told %s", row.asked, e.RetryAfter)
		}
		paid(t, st, ai302test.Generate, 0, 1)
	}
}

func TestScriptedRefusalsOfOneModel(t *testing.T) {
	st := open(t)
	st.fake.Script(ai302test.Match{Model: "luma-t2i"}, ai302test.NoModel(), ai302test.Always)
	st.fake.Script(ai302test.Match{PromptContains: "heron"}, ai302test.Moderated(), 1)
	_, err := st.Generate(within(t), ai302.GenerateRequest{Prompt: prompt, Model: "luma-t2i"})
	want(t, err, ai302.NoModel, true)
	_, err = st.Generate(within(t), ai302.GenerateRequest{Prompt: prompt, Model: "recraft-v3-t2i"})
	want(t, err, ai302.Moderated, true)
	if _, err := st.Generate(within(t), ai302.GenerateRequest{Prompt: prompt, Model: "recraft-v3-t2i"}); err != nil {
		t.Error(err)
	}
}

func TestErrorText(t *testing.T) {
	e := &ai302.Error{Operation: "generate", Situation: ai302.Ambiguous, Status: http.StatusInternalServerError, Code: -1024, RequestID: "abc", Reason: "the answer was cut short"}
	if got, want := e.Error(), "302.AI generate: ambiguous (HTTP 500, code -1024, request abc): the answer was cut short"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := (&ai302.Error{Operation: "task", Situation: ai302.Unavailable}).Error(), "302.AI task: unavailable"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
