package render_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imaginebot/core"
	"imaginebot/core/ai302"
	"imaginebot/core/ai302/ai302test"
	"imaginebot/core/fetch"
	"imaginebot/core/render"
)

func ptr[T any](value T) *T { return &value }

// The whole way for each endpoint, and what exactly is sent.
func TestRender(t *testing.T) {
	small, large := noisePNG(t, 20, 10), noisePNG(t, 700, 500)
	for _, test := range []struct {
		name    string
		model   string
		request func(b *bench) core.Request
		trouble ai302test.Trouble
		calls   []string
		fields  map[string]any
		form    bool
	}{
		{
			name: "words alone", model: "flux-dev-t2i",
			calls:  []string{ai302test.Generate, ai302test.PictureGet},
			fields: map[string]any{"prompt": "a green hill", "model": "flux-dev-t2i"},
		}, {
			name: "an aspect where no rule is known", model: "flux-dev-t2i",
			request: func(*bench) core.Request {
				return core.Request{Aspect: core.Aspect{Width: 1, Height: 1}, Format: core.JPEG, Negative: "people"}
			},
			calls:  []string{ai302test.Generate, ai302test.PictureGet},
			fields: map[string]any{"prompt": "a green hill", "model": "flux-dev-t2i", "width": "1024", "height": "1024", "output_format": "jpeg", "negative_prompt": "people"},
		}, {
			name: "an aspect by rule", model: "302ai-flux-v1.1-ultra-t2i",
			request: func(*bench) core.Request { return core.Request{Aspect: core.Aspect{Width: 4, Height: 3}} },
			calls:   []string{ai302test.Generate, ai302test.PictureGet},
			fields:  map[string]any{"prompt": "a green hill", "model": "302ai-flux-v1.1-ultra-t2i", "aspect_ratio": "4:3"},
		}, {
			name: "a size by rule", model: "cogview-4-t2i",
			request: func(*bench) core.Request { return core.Request{Size: core.Size{Width: 1344, Height: 768}} },
			calls:   []string{ai302test.Generate, ai302test.PictureGet},
			fields:  map[string]any{"prompt": "a green hill", "model": "cogview-4-t2i", "width": "1344", "height": "768"},
		}, {
			name: "a small picture", model: "302ai-kolors-i2i",
			request: func(b *bench) core.Request { return core.Request{Image: b.put("in/abc-image", small)} },
			calls:   []string{ai302test.Generate, ai302test.PictureGet},
			fields:  map[string]any{"prompt": "a green hill", "model": "302ai-kolors-i2i", "image": fmt.Sprintf("%d bytes", len(small))},
		}, {
			name: "a large picture", model: "302ai-kolors-i2i",
			request: func(b *bench) core.Request { return core.Request{Image: b.put("in/abc-image", large)} },
			calls:   []string{ai302test.Generate, ai302test.PictureGet},
			fields:  map[string]any{"prompt": "a green hill", "model": "302ai-kolors-i2i"},
			form:    true,
		}, {
			name: "a picture within the answer", model: "flux-dev-t2i",
			trouble: ai302test.Trouble{Place: ai302test.InDataDataB64},
			calls:   []string{ai302test.Generate},
			fields:  map[string]any{"prompt": "a green hill", "model": "flux-dev-t2i"},
		}, {
			name: "Flux-General by default", model: "flux-general",
			calls: []string{ai302test.FluxGeneral, ai302test.PictureGet},
			fields: map[string]any{
				"prompt": "a green hill", "negative_prompt": "", "num_inference_steps": "28", "guidance_scale": "3.5",
				"image_size": map[string]any{"width": "1024", "height": "1024"}, "loras": []any{}, "controlnets": []any{},
			},
		}, {
			name: "Flux-General with everything, unfinished at first", model: "flux-general",
			request: func(b *bench) core.Request {
				return core.Request{
					Negative: "people", Steps: 7, Guidance: ptr(0.0), Size: core.Size{Width: 512, Height: 768},
					LoRAs:        []core.LoRA{{Name: "ink", Path: "some/ink", Scale: 0.8}, {Path: "https://weights.example.com/a", Scale: 1}},
					Control:      &core.ControlNet{Name: "canny", Path: "some/canny", Scale: 0.5},
					ControlImage: b.put("in/abc-control", large),
				}
			},
			trouble: ai302test.Trouble{Unfinished: 3},
			calls:   []string{ai302test.Upload, ai302test.FluxGeneral, ai302test.TaskFetch, ai302test.TaskFetch, ai302test.TaskFetch, ai302test.PictureGet},
			fields: map[string]any{
				"prompt": "a green hill", "negative_prompt": "people", "num_inference_steps": "7", "guidance_scale": "0",
				"image_size": map[string]any{"width": "512", "height": "768"},
				"loras": []any{
					map[string]any{"path": "some/ink", "scale": "0.8", "force": false},
					map[string]any{"path": "https://weights.example.com/a", "scale": "1", "force": false},
				},
				"controlnets": []any{map[string]any{"control_image_url": "", "path": "some/canny", "conditioning_scale": "0.5"}},
			},
		}, {
			name: "Kontext", model: "flux-kontext-pro",
			request: func(b *bench) core.Request { return core.Request{Image: b.put("in/abc-image", small)} },
			calls:   []string{ai302test.Kontext, ai302test.KontextResult, ai302test.KontextResult, ai302test.PictureGet},
			fields:  map[string]any{"prompt": "a green hill", "input_image": fmt.Sprintf("%d bytes", len(small)), "safety_tolerance": "2"},
		}, {
			name: "Kontext with everything", model: "flux-kontext-max",
			request: func(b *bench) core.Request {
				return core.Request{Image: b.put("in/abc-image", large), Seed: ptr(int64(7)), Format: core.PNG, Aspect: core.Aspect{Width: 21, Height: 9}}
			},
			calls: []string{ai302test.Kontext, ai302test.KontextResult, ai302test.KontextResult, ai302test.PictureGet},
			fields: map[string]any{
				"prompt": "a green hill", "input_image": fmt.Sprintf("%d bytes", len(large)), "safety_tolerance": "2",
				"seed": "7", "output_format": "png", "aspect_ratio": "21:9",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			for _, endpoint := range []string{ai302test.Generate, ai302test.FluxGeneral} {
				b.fake.Script(ai302test.Match{Endpoint: endpoint}, test.trouble, 1)
			}
			var request core.Request
			if test.request != nil {
				request = test.request(b)
			}
			o := b.order(test.model, request)
			image, err := b.render(t.Context(), o)
			b.wantPicture(o, image, err)
			b.wantNoViolations()
			if diff := cmp.Diff(test.calls, b.calls()); diff != "" {
				t.Error(diff)
			}
			if o.begun != 1 || b.paid() != 1 {
				t.Errorf("begun %d times, paid %d times", o.begun, b.paid())
			}
			for _, call := range b.fake.Calls() {
				if call.Fields == nil {
					continue
				}
				if call.Form != test.form {
					t.Errorf("as a form: %v", call.Form)
				}
				if test.form && call.ImageBytes != len(large) {
					t.Errorf("%d bytes of the picture arrived", call.ImageBytes)
				}
				if diff := cmp.Diff(test.fields, plain(call.Fields)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// plain makes numbers text and leaves out the address of an upload.
func plain(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, one := range value {
			if out[name] = plain(one); name == "control_image_url" {
				out[name] = ""
			}
		}
		return out
	case []any:
		out := []any{}
		for _, one := range value {
			out = append(out, plain(one))
		}
		return out
	case bool:
		return value
	}
	return fmt.Sprint(value)
}

// Begin comes right before the paid call, Keep right after it, and the rest later.
func TestOrderOfThings(t *testing.T) {
	for _, test := range []struct {
		model   string
		request func(b *bench) core.Request
		before  []string
		paid    string
	}{
		{model: "flux-dev-t2i", paid: ai302test.Generate},
		{model: "flux-kontext-pro", paid: ai302test.Kontext, request: func(b *bench) core.Request {
			return core.Request{Image: b.put("in/abc-image", noisePNG(t, 20, 10))}
		}},
		{model: "flux-general", paid: ai302test.FluxGeneral, before: []string{ai302test.Upload}, request: func(b *bench) core.Request {
			return core.Request{Control: &core.ControlNet{Path: "some/canny"}, ControlImage: b.put("in/abc-control", noisePNG(t, 20, 10))}
		}},
	} {
		t.Run(test.model, func(t *testing.T) {
			b := newBench(t)
			var request core.Request
			if test.request != nil {
				request = test.request(b)
			}
			o := b.order(test.model, request)
			o.Begin = func(context.Context) error {
				if got := b.calls(); !slices.Equal(got, test.before) {
					t.Errorf("before Begin there were %v", got)
				}
				return nil
			}
			o.onKeep = func() {
				if got := b.calls(); !slices.Equal(got, append(slices.Clone(test.before), test.paid)) {
					t.Errorf("before Keep there were %v", got)
				}
			}
			image, err := b.render(t.Context(), o)
			b.wantPicture(o, image, err)
			if len(o.kept) != 1 {
				t.Errorf("tickets %v", o.kept)
			}
		})
	}
}

func TestNothingIsPaidWithoutBegin(t *testing.T) {
	for _, model := range []string{"flux-dev-t2i", "flux-kontext-pro", "flux-general"} {
		for _, cause := range []error{core.ErrLost, errStore} {
			b := newBench(t)
			o := b.order(model, core.Request{Image: b.put("in/abc-image", noisePNG(t, 20, 10))})
			if model != "flux-kontext-pro" {
				o.Request.Image = nil
			}
			o.beginErr = cause
			_, err := b.render(t.Context(), o)
			if !errors.Is(err, cause) || len(b.calls()) != 0 {
				t.Errorf("%s: %v after %v", model, err, b.calls())
			}
		}
	}
}

// What cannot be is found out before anything begins.
func TestNothingBeginsThatCannotBe(t *testing.T) {
	b := newBench(t)
	gone := &core.Image{Key: "in/gone", Format: core.PNG, Width: 1, Height: 1, Bytes: 1}
	for name, test := range map[string]struct {
		model   string
		request core.Request
		kind    core.Kind
		reason  core.Reason
	}{
		"an aspect":         {"302ai-flux-v1.1-ultra-t2i", core.Request{Aspect: core.Aspect{Width: 5, Height: 1}}, core.Invalid, core.ReasonAspect},
		"a size of Flux":    {"flux-general", core.Request{Size: core.Size{Width: 100, Height: 100}}, core.Invalid, core.ReasonSize},
		"a size of Kontext": {"flux-kontext-pro", core.Request{Size: core.Size{Width: 100, Height: 100}}, core.Invalid, core.ReasonNoSize},
		"a picture":         {"302ai-kolors-i2i", core.Request{Image: gone}, core.NotFound, core.ReasonPictureGone},
		"Kontext's picture": {"flux-kontext-pro", core.Request{Image: gone}, core.NotFound, core.ReasonPictureGone},
		"a control picture": {"flux-general", core.Request{Control: &core.ControlNet{Path: "a/b"}, ControlImage: gone}, core.NotFound, core.ReasonPictureGone},
		"no control image":  {"flux-general", core.Request{Control: &core.ControlNet{Path: "a/b"}}, core.Invalid, core.ReasonControlImage},
	} {
		o := b.order(test.model, test.request)
		_, err := b.render(t.Context(), o)
		if core.KindOf(err) != test.kind || core.AsError(err).Reason != test.reason || o.begun != 0 || len(b.calls()) != 0 {
			t.Errorf("%s: %v, begun %d, calls %v", name, err, o.begun, b.calls())
		}
	}
}

// A picture that a model made may be larger than what models take.
func TestLargeInputsAreMadeSmaller(t *testing.T) {
	b := newBench(t)
	o := b.order("flux-kontext-pro", core.Request{Image: b.put("in/abc-image", encodePNG(t, image.NewGray(image.Rect(0, 0, 7000, 3000))))})
	image, err := b.render(t.Context(), o)
	b.wantPicture(o, image, err)
	b.wantNoViolations() // it would complain of more than 20 megapixels
}

// Errors of a paid call that did not come to a ticket.
func TestErrorsAtTheCall(t *testing.T) {
	for _, test := range []struct {
		name    string
		trouble ai302test.Trouble
		kind    core.Kind
		after   time.Duration
	}{
		{"rate limit", ai302test.RateLimited(7 * time.Second), core.Busy, 7 * time.Second},
		{"rate limit without a word", ai302test.RateLimited(0), core.Busy, 0},
		{"key", ai302test.BadKey(), core.Paused, 0},
		{"balance", ai302test.NoBalance(), core.Paused, 0},
		{"no model", ai302test.NoModel(), core.NoModel, 0},
		{"moderated", ai302test.Moderated(), core.Refused, 0},
		{"invalid", ai302test.Trouble{Status: 400, Code: -10003, Message: "bad parameter"}, core.Invalid, 0},
		{"unprocessable", ai302test.Trouble{Status: 422, Code: -10011}, core.Invalid, 0},
		{"too large", ai302test.Trouble{Status: 413}, core.TooBig, 0},
		{"500", ai302test.ServerError(false), core.Ambiguous, 0},
		{"500 after the work", ai302test.ServerError(true), core.Ambiguous, 0},
		{"network or parameter, 502", ai302test.Trouble{Status: 502, Code: -10003}, core.Ambiguous, 0},
		{"an envelope in 200", ai302test.Trouble{Status: 200, Code: -1024}, core.Ambiguous, 0},
		{"dropped", ai302test.Dropped(false), core.Ambiguous, 0},
		{"dropped after the work", ai302test.Dropped(true), core.Ambiguous, 0},
		{"cut short", ai302test.Trouble{Spoil: ai302test.Truncated}, core.Ambiguous, 0},
		{"a page", ai302test.Trouble{Spoil: ai302test.HTML}, core.Ambiguous, 0},
		{"nothing", ai302test.Trouble{Spoil: ai302test.Empty}, core.Ambiguous, 0},
	} {
		for _, model := range []string{"flux-dev-t2i", "flux-kontext-pro", "flux-general"} {
			t.Run(test.name+" "+model, func(t *testing.T) {
				b := newBench(t)
				o := b.order(model, core.Request{Image: b.put("in/abc-image", noisePNG(t, 20, 10))})
				if model != "flux-kontext-pro" {
					o.Request.Image = nil
				}
				b.fake.Script(ai302test.Match{}, test.trouble, 1)
				_, err := b.render(t.Context(), o)
				if known := wantKind(t, err, test.kind); known.After != test.after {
					t.Errorf("wait %v", known.After)
				}
				if o.begun != 1 || len(o.kept) != 0 || len(b.calls()) != 1 {
					t.Errorf("begun %d, kept %v, calls %v", o.begun, o.kept, b.calls())
				}
				if paid := b.paid(); paid > 0 && test.kind.Rule().Allowance != core.UncertainFor {
					t.Errorf("paid, but %v", test.kind)
				}
				b.wantNothing(o)
			})
		}
	}
}

func TestUploadFailsBeforeAnythingIsPaid(t *testing.T) {
	for name, test := range map[string]struct {
		trouble ai302test.Trouble
		times   int
		kind    core.Kind
	}{
		"a server error that lasts": {ai302test.ServerError(false), ai302test.Always, core.Busy},
		"rate limit":                {ai302test.RateLimited(0), ai302test.Always, core.Busy},
		"key":                       {ai302test.BadKey(), 1, core.Paused},
		"not found":                 {ai302test.Trouble{Status: 404}, 1, core.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.fake.Script(ai302test.Match{Endpoint: ai302test.Upload}, test.trouble, test.times)
			o := b.order("flux-general", core.Request{Control: &core.ControlNet{Path: "a/b"}, ControlImage: b.put("in/abc-control", noisePNG(t, 20, 10))})
			_, err := b.render(t.Context(), o)
			wantKind(t, err, test.kind)
			if o.begun != 0 || b.paid() != 0 {
				t.Errorf("begun %d, paid %d", o.begun, b.paid())
			}
		})
	}
}

// Errors after the call was accepted, with the ticket stored and without.
func TestErrorsAfterwards(t *testing.T) {
	always := func(endpoint string, trouble ai302test.Trouble) func(*bench) {
		return func(b *bench) { b.fake.Script(ai302test.Match{Endpoint: endpoint}, trouble, ai302test.Always) }
	}
	for _, test := range []struct {
		name          string
		model         string
		prepare       func(b *bench)
		kept, notKept core.Kind
	}{
		{"the result's host is down", "flux-dev-t2i", always(ai302test.PictureGet, ai302test.ServerError(false)), core.Busy, core.Ambiguous},
		{"the result's host hangs up", "flux-kontext-pro", always(ai302test.PictureGet, ai302test.Dropped(false)), core.Busy, core.Ambiguous},
		{"the result is gone", "flux-dev-t2i", always(ai302test.PictureGet, ai302test.Trouble{Result: ai302test.Gone}), core.Ambiguous, core.Ambiguous},
		{"the result is a page", "flux-general", always(ai302test.PictureGet, ai302test.Trouble{Result: ai302test.NotAPicture}), core.Ambiguous, core.Ambiguous},
		{"the result is too large", "flux-dev-t2i", always(ai302test.PictureGet, ai302test.Trouble{Result: ai302test.Endless}), core.Ambiguous, core.Ambiguous},
		{"the result lies where nobody may fetch", "flux-dev-t2i", func(b *bench) { b.settings.Door = fetch.New(fetch.Settings{}) }, core.Ambiguous, core.Ambiguous},
		{"the words are moderated", "flux-kontext-pro", always(ai302test.Kontext, ai302test.Trouble{States: []string{"Request Moderated"}}), core.Refused, core.Refused},
		{"the picture is moderated", "flux-kontext-pro", always(ai302test.Kontext, ai302test.Trouble{States: []string{"Reasoning", "Content Moderated"}}), core.Refused, core.Refused},
		{"the edit fails", "flux-kontext-pro", always(ai302test.Kontext, ai302test.Trouble{States: []string{"Error"}}), core.Ambiguous, core.Ambiguous},
		{"all is flagged", "flux-general", always(ai302test.FluxGeneral, ai302test.Trouble{Unfinished: 1, NSFW: []bool{true}}), core.Refused, core.Refused},
		{"the task fails", "flux-general", always(ai302test.FluxGeneral, ai302test.Trouble{Unfinished: 1, Failure: "out of memory"}), core.Ambiguous, core.Ambiguous},
		{"the key is withdrawn", "flux-kontext-pro", always(ai302test.KontextResult, ai302test.BadKey()), core.Paused, core.Ambiguous},
		{"asking is wrong", "flux-general", func(b *bench) {
			always(ai302test.FluxGeneral, ai302test.Trouble{Unfinished: 1})(b)
			always(ai302test.TaskFetch, ai302test.Trouble{Status: 400})(b)
		}, core.Ambiguous, core.Ambiguous},
		{"asking leads elsewhere", "flux-kontext-pro", always(ai302test.KontextResult, ai302test.Trouble{Status: 302, Location: "https://elsewhere.example.com/"}), core.Busy, core.Ambiguous},
		{"it takes too long", "flux-kontext-pro", func(b *bench) {
			b.fake.HoldKontext()
			b.settings.Limit = 300 * time.Millisecond
		}, core.Busy, core.Ambiguous},
	} {
		for _, keepErr := range []error{nil, errStore} {
			t.Run(fmt.Sprintf("%s, %v", test.name, keepErr), func(t *testing.T) {
				b := newBench(t)
				test.prepare(b)
				o := b.order(test.model, core.Request{Image: b.put("in/abc-image", noisePNG(t, 20, 10))})
				if test.model != "flux-kontext-pro" {
					o.Request.Image = nil
				}
				o.keepErr = keepErr
				_, err := b.render(t.Context(), o)
				want := test.kept
				if keepErr != nil {
					want = test.notKept
				}
				wantKind(t, err, want)
				b.wantNothing(o)
				if len(o.kept) != 1 || b.paid() != 1 {
					t.Errorf("kept %v, paid %d", o.kept, b.paid())
				}
				if keepErr != nil {
					return
				}
				_, err = b.resume(t.Context(), o, o.kept[0])
				wantKind(t, err, test.kept)
				if b.paid() != 1 {
					t.Errorf("paid %d times", b.paid())
				}
			})
		}
	}
}

// The picture is paid for: that its ticket could not be stored is no reason to leave it.
func TestRenderGoesOnWithoutATicketStored(t *testing.T) {
	b := newBench(t)
	o := b.order("flux-kontext-pro", core.Request{Image: b.put("in/abc-image", noisePNG(t, 20, 10))})
	o.keepErr = errStore
	image, err := b.render(t.Context(), o)
	b.wantPicture(o, image, err)

	b = newBench(t)
	o = b.order("flux-dev-t2i", core.Request{})
	o.keepErr = fmt.Errorf("keep: %w", core.ErrLost)
	if _, err = b.render(t.Context(), o); !errors.Is(err, core.ErrLost) {
		t.Errorf("lost, but %v", err)
	}
	b.wantNothing(o)
}

// A result that fails once or twice is fetched again, and nothing is paid for that.
func TestResultIsFetchedAgain(t *testing.T) {
	for name, trouble := range map[string]ai302test.Trouble{
		"down": ai302test.ServerError(false), "hangs up": ai302test.Dropped(false), "not there yet": {Result: ai302test.Gone}, "a page": {Result: ai302test.NotAPicture},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.fake.Script(ai302test.Match{Endpoint: ai302test.PictureGet}, trouble, 2)
			o := b.order("flux-dev-t2i", core.Request{})
			image, err := b.render(t.Context(), o)
			b.wantPicture(o, image, err)
			if b.paid() != 1 || len(b.calls()) != 4 {
				t.Errorf("paid %d, calls %v", b.paid(), b.calls())
			}
		})
	}
}

func TestWrongLabelsDoNotMatter(t *testing.T) {
	b := newBench(t)
	b.fake.Script(ai302test.Match{Endpoint: ai302test.PictureGet}, ai302test.Trouble{Result: ai302test.WrongType}, 1)
	o := b.order("flux-dev-t2i", core.Request{Format: core.JPEG})
	image, err := b.render(t.Context(), o)
	b.wantPicture(o, image, err)
	if image.Format != core.JPEG {
		t.Errorf("format %s", image.Format)
	}
}

// After a kill the ticket is all there is, and it is good for any number of times.
func TestResume(t *testing.T) {
	for _, test := range []struct {
		model   string
		trouble ai302test.Trouble
	}{
		{"flux-dev-t2i", ai302test.Trouble{}},
		{"flux-kontext-pro", ai302test.Trouble{}},
		{"flux-kontext-max", ai302test.Trouble{NoID: true}},
		{"flux-general", ai302test.Trouble{}},
		{"flux-general", ai302test.Trouble{Unfinished: 3}},
	} {
		t.Run(test.model, func(t *testing.T) {
			b := newBench(t)
			b.fake.Script(ai302test.Match{}, test.trouble, 1)
			o := b.order(test.model, core.Request{Image: b.put("in/abc-image", noisePNG(t, 20, 10))})
			if !strings.Contains(test.model, "kontext") {
				o.Request.Image = nil
			}
			ctx, kill := context.WithCancel(t.Context())
			o.onKeep = kill
			_, err := b.render(ctx, o)
			wantKind(t, err, core.Busy)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v does not say that it was stopped", err)
			}
			b.wantNothing(o)
			for range 2 {
				image, err := b.resume(t.Context(), o, o.kept[0])
				b.wantPicture(o, image, err)
			}
			if o.begun != 1 || b.paid() != 1 || strings.Contains(string(o.kept[0]), key) {
				t.Errorf("begun %d, paid %d, ticket %s", o.begun, b.paid(), o.kept[0])
			}
			b.wantNoViolations()
		})
	}
}

func TestResumeOfWhatIsNoMore(t *testing.T) {
	b := newBench(t)
	long := time.Now().Add(-time.Hour).Format(time.RFC3339)
	for _, ticket := range []core.Ticket{
		"", "{", "{}", `{"endpoint":"other","id":"1"}`, `{"endpoint":"kontext"}`,
		core.Ticket(`{"endpoint":"kontext","id":"unknown","submitted":"` + long + `"}`),
		`{"endpoint":"flux-general","id":"unknown"}`, `{"url":"ftp://elsewhere/"}`,
		core.Ticket(`{"url":"http://` + b.fake.PicturesHostPort() + `/pictures/none.png"}`),
	} {
		_, err := b.resume(t.Context(), b.order("flux-dev-t2i", core.Request{}), ticket)
		wantKind(t, err, core.Ambiguous)
	}
	if b.paid() != 0 {
		t.Error("something was paid")
	}
}

func TestStoppedWhileTheCallRuns(t *testing.T) {
	for _, model := range []string{"flux-dev-t2i", "flux-kontext-pro", "flux-general"} {
		t.Run(model, func(t *testing.T) {
			b := newBench(t)
			o := b.order(model, core.Request{Image: b.put("in/abc-image", noisePNG(t, 20, 10))})
			if model != "flux-kontext-pro" {
				o.Request.Image = nil
			}
			hang := make(chan struct{})
			defer close(hang)
			b.fake.Script(ai302test.Match{}, ai302test.Trouble{Until: hang}, 1)
			ctx, stop := context.WithCancel(t.Context())
			go func() {
				defer stop()
				if _, err := b.fake.WaitCalls(t.Context(), ai302test.Match{}, 1); err != nil {
					t.Error(err)
				}
			}()
			_, err := b.render(ctx, o)
			wantKind(t, err, core.Ambiguous)
			if len(o.kept) != 0 {
				t.Errorf("kept %v", o.kept)
			}
		})
	}
}

// Stopped after Begin but before a byte was sent: it did not run, and may run later.
func TestStoppedBeforeTheCall(t *testing.T) {
	for _, model := range []string{"flux-dev-t2i", "flux-kontext-pro", "flux-general"} {
		b := newBench(t)
		o := b.order(model, core.Request{Image: b.put("in/abc-image", noisePNG(t, 20, 10))})
		if model != "flux-kontext-pro" {
			o.Request.Image = nil
		}
		ctx, stop := context.WithCancel(t.Context())
		begin := o.Begin
		o.Begin = func(ctx context.Context) error { defer stop(); return begin(ctx) }
		_, err := b.render(ctx, o)
		wantKind(t, err, core.Busy)
		if !errors.Is(err, context.Canceled) || len(b.calls()) != 0 {
			t.Errorf("%s: %v after %v", model, err, b.calls())
		}
	}
}

// Calls with pictures wait for each other when there is no memory for both; calls
// without go on.
func TestMemory(t *testing.T) {
	b := newBench(t)
	picture := noisePNG(t, 300, 300)
	b.settings.Memory = int64(len(picture)) * 6 // one needs four times its size
	renderer := render.New(b.settings)
	hang := make(chan struct{})
	b.fake.Script(ai302test.Match{Endpoint: ai302test.Kontext}, ai302test.Trouble{Until: hang}, 1)

	order := func(n int) *ordered {
		o := b.order("flux-kontext-pro", core.Request{Prompt: fmt.Sprint("hill ", n), Image: b.put(fmt.Sprint("in/abc-", n), picture)})
		o.Key = fmt.Sprint("out/abc-", n)
		return o
	}
	first, second, third := order(1), order(2), order(3)
	ended := make(chan error, 2)
	go func() { _, err := renderer.Render(t.Context(), first.Order); ended <- err }()
	if _, err := b.fake.WaitCalls(t.Context(), ai302test.Match{Endpoint: ai302test.Kontext}, 1); err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{})
	second.Begin = func(context.Context) error { close(begun); return nil }
	go func() { _, err := renderer.Render(t.Context(), second.Order); ended <- err }()

	words := b.order("flux-dev-t2i", core.Request{})
	image, err := renderer.Render(t.Context(), words.Order)
	b.wantPicture(words, image, err)
	stopped, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := renderer.Render(stopped, third.Order); core.KindOf(err) != core.Busy || third.begun != 0 {
		t.Errorf("%v, begun %d", err, third.begun)
	}
	select {
	case <-begun:
		t.Error("the second began without memory")
	default:
	}
	close(hang)
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	<-begun
	b.wantNoViolations()
}

// A picture larger than all the memory there is goes alone.
func TestMemoryForTheLargest(t *testing.T) {
	b := newBench(t)
	b.settings.Memory = 1
	o := b.order("flux-kontext-pro", core.Request{Image: b.put("in/abc-image", noisePNG(t, 100, 100))})
	image, err := b.render(t.Context(), o)
	b.wantPicture(o, image, err)
}

// Results beside the API are reached although nobody allowed its host.
func TestResultsOnTheBasesOwnHost(t *testing.T) {
	b := newBench(t)
	picture := noisePNG(t, 9, 9)
	b.drawn = append(b.drawn, picture)
	var host string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			fmt.Fprintf(w, `{"image_url":"http://%s/results/1"}`, host)
			return
		}
		_, _ = w.Write(picture)
	}))
	defer server.Close()
	host = strings.TrimPrefix(server.URL, "http://")
	base, err := url.Parse(server.URL + "/gateway")
	if err != nil {
		t.Fatal(err)
	}
	client, err := ai302.New(ai302.Settings{Base: base.String(), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	b.settings.Client, b.settings.Door = client, fetch.New(fetch.Settings{}).Room(base)
	o := b.order("flux-dev-t2i", core.Request{})
	image, err := b.render(t.Context(), o)
	b.wantPicture(o, image, err)
}

// Neither logs nor errors tell what was asked for, where the result is, or the key.
func TestNothingIsTold(t *testing.T) {
	b := newBench(t)
	var log bytes.Buffer
	b.settings.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.fake.Script(ai302test.Match{Endpoint: ai302test.PictureGet}, ai302test.ServerError(false), ai302test.Always)
	o := b.order("flux-kontext-pro", core.Request{Prompt: "a secret garden", Image: b.put("in/abc-image", noisePNG(t, 20, 10))})
	o.keepErr = errStore
	_, err := b.render(t.Context(), o)
	told := log.String() + fmt.Sprintf("%v %+v", err, core.AsError(err).Err)
	for _, secret := range []string{"secret garden", "/pictures/", "sig=", key} {
		if strings.Contains(told, secret) {
			t.Errorf("%q is in %s", secret, told)
		}
	}
	for _, word := range []string{`"generation":"abc"`, `"take":0`, `"model":"flux-kontext-pro"`, `"attempt":3`, errStore.Error(), b.fake.PicturesHostPort()} {
		if !strings.Contains(told, word) {
			t.Errorf("%s is not in %s", word, told)
		}
	}
}

func TestTooLargeIsFetchedOnce(t *testing.T) {
	b := newBench(t)
	b.fake.Script(ai302test.Match{Endpoint: ai302test.PictureGet}, ai302test.Trouble{Result: ai302test.Endless}, ai302test.Always)
	_, err := b.render(t.Context(), b.order("flux-dev-t2i", core.Request{}))
	wantKind(t, err, core.Ambiguous)
	if got := b.calls(); len(got) != 2 {
		t.Errorf("calls %v", got)
	}
}

// An edit keeps the picture's shape, also where an operator's catalogue has a default.
func TestAnEditKeepsItsShape(t *testing.T) {
	b := newBench(t)
	catalog, err := b.catalog.With([]byte(`[{"id": "flux-kontext-pro", "size_rule": {"type": "aspect_ratios", "aspect_ratios": ["1:1"], "fallback": "1:1"}}]`))
	if err != nil {
		t.Fatal(err)
	}
	b.catalog = catalog
	o := b.order("flux-kontext-pro", core.Request{Image: b.put("in/abc-image", noisePNG(t, 20, 10))})
	image, err := b.render(t.Context(), o)
	b.wantPicture(o, image, err)
	if image.Width != 2*image.Height {
		t.Errorf("it became %v", image.Size())
	}
}
