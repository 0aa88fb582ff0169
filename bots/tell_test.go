package bots

import (
	"slices"
	"strings"
	"testing"

	"imaginebot/core"
)

// outcome is one of a request for 16:9 whose takes ended as given; their price is 0.025 PTC.
func outcome(request core.Request, takes ...core.Take) core.Outcome {
	for i := range takes {
		takes[i].Index, takes[i].Price = i, 25_000
	}
	request.Prompt, request.Model, request.Count = "a red\nfox @everyone", "flux-dev-t2i", len(takes)
	return core.Outcome{
		Generation: core.Generation{ID: "0123456789ab", State: core.Open, Request: request, Takes: takes},
		Model:      core.Model{ID: "flux-dev-t2i", Family: "flux"},
		Left:       core.Allowance{Images: 24},
	}
}

func made(width, height int) core.Take {
	return core.Take{State: core.TakeRendered, Image: &core.Image{Width: width, Height: height}}
}

func lost(kind core.Kind) core.Take { return core.Take{State: core.TakeFailed, Kind: kind} }

func TestTell(t *testing.T) {
	wide := core.Aspect{Width: 16, Height: 9}
	seed := int64(7)
	pictures := []Action{Again, Original, Delete}
	for _, test := range []struct {
		name    string
		outcome core.Outcome
		want    string
		buttons []Action
	}{
		{
			"a picture", outcome(core.Request{}, made(1024, 1024)),
			"a red fox @everyone\nflux-dev-t2i · 1024x1024 · 0.025 PTC · 24 left today\n0123456789ab", pictures,
		},
		{
			"in private", outcome(core.Request{Private: true}, made(1024, 1024)),
			"flux-dev-t2i · 1024x1024 · 0.025 PTC · 24 left today\n0123456789ab", pictures,
		},
		{
			"with an aspect and a seed", outcome(core.Request{Aspect: wide, Seed: &seed}, made(1344, 768)),
			"a red fox @everyone\nflux-dev-t2i · 16:9 (1344x768) · seed 7 · 0.025 PTC · 24 left today\n0123456789ab", pictures,
		},
		{
			"in another shape", outcome(core.Request{Size: core.Size{Width: 1600, Height: 900}}, made(1024, 1024)),
			"a red fox @everyone\nflux-dev-t2i · 1024x1024 · 0.025 PTC · 24 left today\n0123456789ab\nThe model chose another shape than the 16:9 that was asked for.", pictures,
		},
		{
			"an album with losses", outcome(core.Request{}, made(512, 512), lost(core.Refused), made(512, 640), lost(core.Refused)),
			"a red fox @everyone\nflux-dev-t2i · 2 pictures · 512x512, 512x640 · 0.05 PTC · 24 left today\n0123456789ab\n" +
				"Pictures 2, 4 failed, 0.05 PTC given back. The provider's safety filter refused this. Other words or another picture may pass.", pictures,
		},
		{
			"refused", outcome(core.Request{}, lost(core.Refused)),
			"The provider's safety filter refused this. Other words or another picture may pass.\nNothing was charged. 0123456789ab", nil,
		},
		{
			"lost", outcome(core.Request{}, lost(core.Ambiguous), lost(core.NoModel)),
			"The picture was ordered, but none came back: the provider or the connection failed. Please try again.\n" +
				"The provider does not offer this model right now. A sibling may do: /models flux\nNothing was charged. 0123456789ab", []Action{Again},
		},
		{
			"too late", outcome(core.Request{}, core.Take{State: core.TakeFailed, Kind: core.Busy, Reason: core.ReasonDeadline}),
			"It was not finished within 30 minutes. Please try again.\nNothing was charged. 0123456789ab", []Action{Again},
		},
		{
			"impossible for the provider", outcome(core.Request{}, core.Take{State: core.TakeFailed, Kind: core.Invalid, Reason: core.ReasonNoPicture}),
			"The provider cannot make this as it is asked. Other words, another shape or another model may do.\nNothing was charged. 0123456789ab", nil,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			reply := Tell(test.outcome)
			if got := reply.Text.String(); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			var buttons []Action
			for _, button := range reply.Buttons {
				buttons = append(buttons, button.Action)
			}
			if !slices.Equal(buttons, test.buttons) {
				t.Errorf("buttons %v", buttons)
			}
			if (reply.Outcome != nil) != (len(test.outcome.Generation.Images()) > 0) {
				t.Errorf("pictures: %v", reply.Outcome)
			}
			if foreign := slices.IndexFunc(reply.Text, func(s Span) bool { return strings.Contains(s.Text, "@everyone") }); foreign > 0 {
				t.Errorf("the prompt is no span of its own: %+v", reply.Text)
			}
		})
	}
}

func TestTellWhatWasCalledOff(t *testing.T) {
	off := outcome(core.Request{}, made(512, 512), core.Take{State: core.TakeCancelled, Kind: core.Cancelled})
	off.Generation.CancelAsked = true
	reply := Tell(off)
	want := "Cancelled, but 1 picture had been begun: finished, charged 0.025 PTC and kept for /show 0123456789ab"
	if got := reply.Text.String(); got != want || reply.Outcome != nil {
		t.Errorf("got %q with %v", got, reply.Outcome)
	}
	if reply := told(off); reply.Outcome == nil || len(reply.Buttons) != 3 {
		t.Errorf("brought back: %+v", reply)
	}
	unlimited := outcome(core.Request{}, made(512, 512))
	unlimited.Left.Images = -1
	if got := Tell(unlimited).Text.String(); !strings.Contains(got, "no limit today") {
		t.Errorf("%q", got)
	}
}

func TestCaptionsFit(t *testing.T) {
	var kinds []core.Kind
	for kind := core.Internal; core.ParseKind(kind.String()) == kind; kind++ {
		kinds = append(kinds, kind)
	}
	for _, a := range kinds {
		for _, b := range kinds {
			for _, c := range kinds {
				worst := outcome(core.Request{Aspect: core.Aspect{Width: 21, Height: 9}}, made(512, 512), lost(a), lost(b), lost(c))
				worst.Generation.Request.Prompt = strings.Repeat("🦊", 4000)
				if length := Tell(worst).Text.length(); length > maxCaption {
					t.Fatalf("%v %v %v: %d characters: %q", a, b, c, length, Tell(worst).Text)
				}
			}
		}
	}
}
