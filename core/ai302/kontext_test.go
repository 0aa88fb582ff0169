package ai302_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imaginebot/core/ai302"
	"imaginebot/core/ai302/ai302test"
)

func edit(t *testing.T) ai302.KontextRequest {
	return ai302.KontextRequest{Prompt: prompt, Image: png(t)}
}

func TestKontext(t *testing.T) {
	seed, tolerance := int64(7), 0
	full := edit(t)
	full.Seed, full.SafetyTolerance = &seed, &tolerance
	full.OutputFormat, full.PromptUpsampling, full.AspectRatio = "jpeg", true, "16:9"
	image := "1745 bytes"
	for name, row := range map[string]struct {
		model   string
		request ai302.KontextRequest
		fields  map[string]any
		width   int
		height  int
	}{
		"bare": {"flux-kontext-pro", edit(t), map[string]any{"prompt": prompt, "input_image": image}, 64, 42},
		"full": {"flux-kontext-max", full, map[string]any{"prompt": prompt, "input_image": image, "seed": "7", "safety_tolerance": "0", "output_format": "jpeg", "prompt_upsampling": true, "aspect_ratio": "16:9"}, 64, 36},
	} {
		t.Run(name, func(t *testing.T) {
			st := open(t, func(_ *ai302.Settings, s *ai302test.Settings) { s.KontextPolls = 2 })
			id, err := st.SubmitKontext(within(t), row.model, row.request)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := st.AwaitKontext(within(t), id, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if got := fetched(t, answer.URL); got.Width != row.width || got.Height != row.height {
				t.Errorf("drew %dx%d, want %dx%d", got.Width, got.Height, row.width, row.height)
			}
			if row.request.Seed != nil && (answer.Seed == nil || *answer.Seed != seed) {
				t.Errorf("seed %v", answer.Seed)
			}
			sent := calls(st, ai302test.Kontext)[0]
			got := plain(sent.Fields)
			if sent.ImageBytes != len(row.request.Image) {
				t.Errorf("the picture arrived as %d bytes, want %d", sent.ImageBytes, len(row.request.Image))
			}
			got["input_image"] = image
			if diff := cmp.Diff(row.fields, got); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
			paid(t, st, ai302test.Kontext, 1, 1)
			paid(t, st, ai302test.KontextResult, 0, 3)
		})
	}
}

func TestKontextStates(t *testing.T) {
	for name, row := range map[string]struct {
		states []string
		failed ai302.Situation
	}{
		"pending":            {[]string{"Pending", "Pending"}, ""},
		"newer words":        {[]string{"Queued", "Reasoning", "Generating", "PROCESSING", "something quite new", ""}, ""},
		"not yet known":      {[]string{"Task not found", "task_not_found", "Pending"}, ""},
		"request moderated":  {[]string{"Pending", "Request Moderated"}, ai302.Moderated},
		"content moderated":  {[]string{"content moderated"}, ai302.Moderated},
		"error":              {[]string{"Error"}, ai302.Failed},
		"failed, in a relay": {[]string{"Processing", "FAILED"}, ai302.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			st := open(t)
			st.fake.Script(ai302test.Match{Endpoint: ai302test.Kontext}, ai302test.Trouble{States: row.states}, 1)
			id, err := st.SubmitKontext(within(t), "flux-kontext-pro", edit(t))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := st.AwaitKontext(within(t), id, time.Now())
			if row.failed != "" {
				want(t, err, row.failed, false)
				return
			}
			if err != nil || answer.URL == "" {
				t.Errorf("%+v, %v", answer, err)
			}
		})
	}
}

func TestKontextNotFoundIsToleratedAtFirstOnly(t *testing.T) {
	st := open(t)
	_, err := st.AwaitKontext(within(t), "unknown-id", time.Now().Add(-11*time.Second))
	want(t, err, ai302.NotFound, false)
	before := len(calls(st, ai302test.KontextResult))
	if before != 1 {
		t.Errorf("%d questions, want 1", before)
	}
	ctx, cancel := context.WithTimeout(within(t), 30*time.Millisecond)
	defer cancel()
	_, err = st.AwaitKontext(ctx, "unknown-id", time.Now())
	want(t, err, ai302.Stopped, false)
	st.fake.Script(ai302test.Match{}, ai302test.Trouble{Status: 404}, 1)
	ctx, cancel = context.WithTimeout(within(t), 30*time.Millisecond)
	defer cancel()
	_, err = st.AwaitKontext(ctx, "unknown-id", time.Now())
	want(t, err, ai302.Stopped, false)
}

func TestKontextPollingURL(t *testing.T) {
	st := open(t) // following it would be a violation
	st.fake.Script(ai302test.Match{Endpoint: ai302test.Kontext}, ai302test.Trouble{NoID: true}, 1)
	id, err := st.SubmitKontext(within(t), "flux-kontext-pro", edit(t))
	if err != nil || id == "" {
		t.Fatalf("id %q, %v", id, err)
	}
	if _, err := st.AwaitKontext(within(t), id, time.Now()); err != nil {
		t.Error(err)
	}
}

func TestKontextPollsOutliveTrouble(t *testing.T) {
	st := open(t)
	id, err := st.SubmitKontext(within(t), "flux-kontext-pro", edit(t))
	if err != nil {
		t.Fatal(err)
	}
	polls := ai302test.Match{Endpoint: ai302test.KontextResult}
	for _, trouble := range []ai302test.Trouble{
		ai302test.ServerError(false), {Status: 503}, ai302test.Dropped(false), {Spoil: ai302test.HTML},
		{Spoil: ai302test.Truncated}, {Spoil: ai302test.Empty}, {Status: 200, Code: -10003}, ai302test.RateLimited(time.Second),
	} {
		st.fake.Script(polls, trouble, 1)
	}
	begun := time.Now()
	if _, err := st.AwaitKontext(within(t), id, begun); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < time.Second {
		t.Errorf("took %s, so Retry-After was not obeyed", took)
	}
	paid(t, st, ai302test.KontextResult, 0, 9)
	paid(t, st, ai302test.Kontext, 1, 1)
}

func TestKontextIsResumedByAnotherClient(t *testing.T) {
	st := open(t)
	st.fake.HoldKontext()
	id, err := st.SubmitKontext(within(t), "flux-kontext-pro", edit(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(within(t))
	go func() {
		defer cancel()
		if _, err := st.fake.WaitCalls(within(t), ai302test.Match{Endpoint: ai302test.KontextResult}, 3); err != nil {
			t.Error(err)
		}
	}()
	_, err = st.AwaitKontext(ctx, id, time.Now())
	want(t, err, ai302.Stopped, false)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not wrap the context's error", err)
	}

	s := quick()
	s.Base = st.fake.URL()
	later, err := ai302.New(s)
	if err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	if _, ready, err := later.KontextResult(within(t), id); ready || err != nil {
		t.Errorf("ready %v, %v", ready, err)
	}
	st.fake.ReleaseKontext()
	answer, err := later.AwaitKontext(within(t), id, time.Now().Add(-time.Hour))
	if err != nil || answer.URL == "" {
		t.Fatalf("%+v, %v", answer, err)
	}
	again, ready, err := later.KontextResult(within(t), id)
	if again.URL != answer.URL || !ready || err != nil {
		t.Errorf("asked again: %+v, %v, %v", again, ready, err)
	}
	paid(t, st, ai302test.Kontext, 1, 1)
}

func TestKontextRefusesWithoutSending(t *testing.T) {
	st := open(t)
	for name, row := range map[string]struct {
		model   string
		request ai302.KontextRequest
		want    ai302.Situation
	}{
		"no prompt":         {"flux-kontext-pro", ai302.KontextRequest{Image: png(t)}, ai302.Invalid},
		"no picture":        {"flux-kontext-pro", ai302.KontextRequest{Prompt: prompt}, ai302.Invalid},
		"too large":         {"flux-kontext-pro", ai302.KontextRequest{Prompt: prompt, Image: make([]byte, ai302.MaxPicture+1)}, ai302.TooLarge},
		"another model":     {"get_result", edit(t), ai302.NoModel},
		"a path, no model":  {"flux-kontext-pro/../../x", edit(t), ai302.NoModel},
		"a query, no model": {"flux-kontext-pro?sync=true", edit(t), ai302.NoModel},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := st.SubmitKontext(within(t), row.model, row.request)
			want(t, err, row.want, true)
		})
	}
	_, err := st.AwaitKontext(within(t), "", time.Now())
	want(t, err, ai302.Invalid, false)
	_, err = st.askKontext(within(t), "")
	want(t, err, ai302.Invalid, false)
	paid(t, st, ai302test.Kontext, 0, 0)
}
