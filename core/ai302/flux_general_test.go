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

func TestFluxGeneralSendsAllSevenFields(t *testing.T) {
	st := open(t)
	control, err := st.UploadFile(within(t), "edges.png", "image/png", png(t))
	if err != nil {
		t.Fatal(err)
	}
	full := tiger()
	full.NegativePrompt = "fog"
	full.LoRAs = []ai302.LoRA{{Path: "XLabs-AI/flux-RealismLora", Scale: 0.8}, {Path: "https://example.com/a.safetensors", Scale: 1, Force: true}}
	full.Control = &ai302.ControlNet{ImageURL: control, Path: "InstantX/FLUX.1-dev-Controlnet-Canny", Scale: 0.6}
	for name, r := range map[string]ai302.FluxGeneralRequest{"bare": tiger(), "full": full} {
		t.Run(name, func(t *testing.T) {
			before := len(calls(st, ai302test.FluxGeneral))
			task, err := st.SubmitFluxGeneral(within(t), r)
			if err != nil {
				t.Fatal(err)
			}
			if !task.Done || len(task.Pictures) != 1 || task.Seed == nil || task.RequestID == "" {
				t.Fatalf("task %+v", task)
			}
			fetched(t, task.Pictures[0].URL)
			sent := calls(st, ai302test.FluxGeneral)[before].Fields
			for _, field := range []string{"prompt", "negative_prompt", "num_inference_steps", "guidance_scale", "image_size", "loras", "controlnets"} {
				if sent[field] == nil {
					t.Errorf("%s is not sent: %v", field, sent)
				}
			}
		})
	}
}

func TestFluxGeneralAnswers(t *testing.T) {
	for name, row := range map[string]struct {
		trouble  ai302test.Trouble
		pictures int
		failed   ai302.Situation
	}{
		"fal's shape":              {ai302test.Trouble{}, 1, ""},
		"the eight fields":         {ai302test.Trouble{EightFields: true}, 1, ""},
		"one of two flagged":       {ai302test.Trouble{NSFW: []bool{true, false}}, 1, ""},
		"all flagged":              {ai302test.Trouble{NSFW: []bool{true}}, 0, ai302.Moderated},
		"error beside succeeded":   {ai302test.Trouble{Failure: "out of memory"}, 0, ai302.Failed},
		"error that means content": {ai302test.Trouble{Failure: "NSFW content detected"}, 0, ai302.Moderated},
		"envelope inside 200":      {ai302test.Trouble{Status: 200, Code: -10003}, 0, ai302.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			st := open(t)
			st.fake.Script(ai302test.Match{Endpoint: ai302test.FluxGeneral}, row.trouble, 1)
			task, err := st.SubmitFluxGeneral(within(t), tiger())
			if row.failed != "" {
				want(t, err, row.failed, false)
				return
			}
			if err != nil || !task.Done || len(task.Pictures) != row.pictures {
				t.Fatalf("task %+v, %v", task, err)
			}
		})
	}
}

func TestFluxGeneralUnfinished(t *testing.T) {
	for name, row := range map[string]struct {
		trouble ai302test.Trouble
		failed  ai302.Situation
	}{
		"succeeds":     {ai302test.Trouble{Unfinished: 3}, ""},
		"fails":        {ai302test.Trouble{Unfinished: 2, Failure: "generation failed"}, ai302.Failed},
		"is moderated": {ai302test.Trouble{Unfinished: 1, NSFW: []bool{true}}, ai302.Moderated},
	} {
		t.Run(name, func(t *testing.T) {
			st := open(t)
			st.fake.Script(ai302test.Match{Endpoint: ai302test.FluxGeneral}, row.trouble, 1)
			task, err := st.SubmitFluxGeneral(within(t), tiger())
			if err != nil || task.Done || task.ID == "" || len(task.Pictures) != 0 {
				t.Fatalf("submitted: %+v, %v", task, err)
			}
			// The network may fail while the work goes on.
			st.fake.Script(ai302test.Match{Endpoint: ai302test.TaskFetch}, ai302test.ServerError(false), 1)
			st.fake.Script(ai302test.Match{Endpoint: ai302test.TaskFetch}, ai302test.Dropped(false), 1)
			task, err = st.AwaitTask(within(t), task.ID)
			paid(t, st, ai302test.FluxGeneral, 1, 1)
			paid(t, st, ai302test.TaskFetch, 0, 2+row.trouble.Unfinished)
			if row.failed != "" {
				want(t, err, row.failed, false)
				return
			}
			if err != nil || !task.Done || len(task.Pictures) != 1 {
				t.Fatalf("awaited: %+v, %v", task, err)
			}
			fetched(t, task.Pictures[0].URL)
		})
	}
}

func TestFetchTaskAsksOnce(t *testing.T) {
	st := open(t)
	st.fake.Script(ai302test.Match{Endpoint: ai302test.FluxGeneral}, ai302test.Trouble{Unfinished: 2}, 1)
	submitted, err := st.SubmitFluxGeneral(within(t), tiger())
	if err != nil {
		t.Fatal(err)
	}
	for _, done := range []bool{false, true} {
		task, err := st.FetchTask(within(t), submitted.ID)
		if err != nil || task.Done != done || task.ID != submitted.ID {
			t.Errorf("task %+v, %v; want done %v", task, err, done)
		}
	}
	paid(t, st, ai302test.TaskFetch, 0, 2)
}

func TestAwaitTaskEnds(t *testing.T) {
	st := open(t)
	t.Run("with an unknown id", func(t *testing.T) {
		_, err := st.AwaitTask(within(t), "17450000000")
		want(t, err, ai302.Invalid, false)
	})
	t.Run("with an id that is none", func(t *testing.T) {
		for _, id := range []string{"", "..", "."} {
			_, err := st.AwaitTask(within(t), id)
			want(t, err, ai302.Invalid, false)
			_, err = st.FetchTask(within(t), id)
			want(t, err, ai302.Invalid, false)
		}
	})
	t.Run("with the context", func(t *testing.T) {
		st.fake.Script(ai302test.Match{Endpoint: ai302test.FluxGeneral}, ai302test.Trouble{Unfinished: 1 << 30}, 1)
		task, err := st.SubmitFluxGeneral(within(t), tiger())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(within(t), 20*time.Millisecond)
		defer cancel()
		_, err = st.AwaitTask(ctx, task.ID)
		want(t, err, ai302.Stopped, false)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v does not wrap the context's error", err)
		}
	})
	t.Run("with the key", func(t *testing.T) {
		defer st.fake.Script(ai302test.Match{}, ai302test.BadKey(), ai302test.Always)()
		_, err := st.AwaitTask(within(t), "1745")
		want(t, err, ai302.KeyFault, false)
	})
}

func TestFluxGeneralRefusesWithoutSending(t *testing.T) {
	st := open(t)
	for name, change := range map[string]func(*ai302.FluxGeneralRequest){
		"no prompt":             func(r *ai302.FluxGeneralRequest) { r.Prompt = "" },
		"no steps":              func(r *ai302.FluxGeneralRequest) { r.Steps = 0 },
		"no size":               func(r *ai302.FluxGeneralRequest) { r.Width = 0 },
		"control without image": func(r *ai302.FluxGeneralRequest) { r.Control = &ai302.ControlNet{Path: "a/b"} },
		"control without path":  func(r *ai302.FluxGeneralRequest) { r.Control = &ai302.ControlNet{ImageURL: "https://a.example/b"} },
	} {
		t.Run(name, func(t *testing.T) {
			r := tiger()
			change(&r)
			_, err := st.SubmitFluxGeneral(within(t), r)
			want(t, err, ai302.Invalid, true)
		})
	}
	paid(t, st, ai302test.FluxGeneral, 0, 0)
}

func TestUpload(t *testing.T) {
	st := open(t)
	url, err := st.UploadFile(within(t), `a "quoted" name.png`, "image/png", png(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(96, fetched(t, url).Width); diff != "" {
		t.Errorf("the uploaded picture's width: %s", diff)
	}
	_, err = st.UploadFile(within(t), "a.png", "image/png", nil)
	want(t, err, ai302.Invalid, false)
	_, err = st.UploadFile(within(t), "a.png", "image/png", make([]byte, 50_000_001))
	want(t, err, ai302.TooLarge, false)
	st.fake.Script(ai302test.Match{Endpoint: ai302test.Upload}, ai302test.RateLimited(time.Second), 1)
	_, err = st.UploadFile(within(t), "a.png", "image/png", png(t))
	want(t, err, ai302.RateLimited, false)
	if n := len(calls(st, ai302test.Upload)); n != 2 {
		t.Errorf("%d uploads, want 2", n)
	}
}
