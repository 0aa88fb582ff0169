package core_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"imaginebot/core"
)

func shape(text string) core.Aspect {
	aspect, _ := core.ParseAspect(text)
	return aspect
}

func size(text string) core.Size {
	size, _ := core.ParseSize(text)
	return size
}

func find(t testing.TB, id string) core.Model {
	t.Helper()
	model, err := core.DefaultCatalog().Find(id)
	if err != nil {
		t.Fatal(err)
	}
	return model
}

// within says whether what is sent keeps the rule of the model: the property of the
// whole catalogue. It is written from the provider's table, not from Shape.
func within(m core.Model, sent core.Size, aspect core.Aspect) bool {
	rule := m.SizeRule
	switch rule.Type {
	case core.SizeList:
		return aspect.IsZero() && slices.Contains(rule.Sizes, sent)
	case core.AspectList:
		// Kontext documents no fallback: there the shape is left out.
		return sent.IsZero() && (slices.Contains(rule.Aspects, aspect) || aspect.IsZero() && rule.Fallback == "")
	case core.SizeRange:
		step := max(rule.Step, 1)
		return aspect.IsZero() && sent.Width >= rule.Min && sent.Width <= rule.Max && sent.Height >= rule.Min &&
			sent.Height <= rule.Max && sent.Width%step == 0 && sent.Height%step == 0
	}
	if m.SupportsAspect != nil && !*m.SupportsAspect {
		return sent.IsZero() && aspect.IsZero()
	}
	return aspect.IsZero() && (sent.IsZero() || sent.Width >= 256 && sent.Width <= 2048 && sent.Height >= 256 && sent.Height <= 2048)
}

func TestEveryModelIsSentWhatItTakes(t *testing.T) {
	models := core.DefaultCatalog().Models()
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SampledFrom(models).Draw(t, "model")
		var aspect core.Aspect
		var asked core.Size
		switch rapid.SampledFrom([]string{"nothing", "aspect", "offered aspect", "size", "listed size"}).Draw(t, "asked for") {
		case "aspect":
			side := rapid.IntRange(1, 99)
			aspect = core.Aspect{Width: side.Draw(t, "w"), Height: side.Draw(t, "h")}
		case "offered aspect":
			if offered := m.Aspects(); len(offered) > 0 {
				aspect = rapid.SampledFrom(offered).Draw(t, "offered")
			}
		case "size":
			side := rapid.OneOf(rapid.IntRange(1, 2100), rapid.IntRange(1, 65535))
			asked = core.Size{Width: side.Draw(t, "width"), Height: side.Draw(t, "height")}
		case "listed size":
			if len(m.SizeRule.Sizes) > 0 {
				asked = rapid.SampledFrom(m.SizeRule.Sizes).Draw(t, "listed")
			}
		}
		sent, sentAspect, err := m.Shape(aspect, asked)
		if err != nil {
			mends(t, m, aspect, asked, err)
			return
		}
		if !within(m, sent, sentAspect) {
			t.Errorf("%s gets %v %v for %v %v", m.ID, sent, sentAspect, aspect, asked)
		}
		if !asked.IsZero() && sent != asked {
			t.Errorf("%s gets %v for %v", m.ID, sent, asked)
		}
		if got := cmpShape(sent, sentAspect); !aspect.IsZero() && !got.SameShape(aspect) {
			t.Errorf("%s gets the shape %v for %v", m.ID, got, aspect)
		}
	})
}

func cmpShape(sent core.Size, aspect core.Aspect) core.Aspect {
	if aspect.IsZero() {
		return sent.Aspect()
	}
	return aspect
}

// mends checks that a refusal names first what does instead.
func mends(t rapid.TB, m core.Model, aspect core.Aspect, asked core.Size, err error) {
	var refusal *core.Error
	if !errors.As(err, &refusal) || refusal.Kind != core.Invalid {
		t.Errorf("%s refuses %v %v with %v, want Invalid", m.ID, aspect, asked, err)
		return
	}
	if m.SupportsAspect != nil && !*m.SupportsAspect {
		if len(refusal.Allowed) != 0 {
			t.Errorf("%s takes no shape, but names %q", m.ID, refusal.Allowed)
		}
		return
	}
	if len(refusal.Allowed) == 0 {
		t.Errorf("%s refuses %v %v and names nothing else", m.ID, aspect, asked)
		return
	}
	instead := refusal.Allowed[0]
	if refusal.Reason == core.ReasonSize {
		_, _, err = m.Shape(core.Aspect{}, size(instead))
	} else {
		_, _, err = m.Shape(shape(instead), core.Size{})
	}
	if err != nil || size(instead).IsZero() && shape(instead).IsZero() {
		t.Errorf("%s refuses %v %v and names %q, which it does not take: %v", m.ID, aspect, asked, instead, err)
	}
	if want := aspect.String() + asked.String(); refusal.Value != want {
		t.Errorf("%s refuses %q and calls it %q", m.ID, want, refusal.Value)
	}
}

func TestShape(t *testing.T) {
	for _, c := range []struct {
		model, aspect, size string
		sent                string // "" is nothing
		reason              core.Reason
		nearest             string
	}{
		{"dall-e-3-t2i", "", "", "1024x1024", "", ""},
		{"dall-e-3-t2i", "1:1", "", "1024x1024", "", ""},
		{"dall-e-3-t2i", "", "512x512", "512x512", "", ""},
		{"dall-e-3-t2i", "", "1000x1000", "", core.ReasonSize, "1024x1024"},
		{"dall-e-3-t2i", "16:9", "", "", core.ReasonAspect, "1:1"},
		{"cogview-4-t2i", "3:4", "", "864x1152", "", ""},
		{"cogview-4-t2i", "16:9", "", "", core.ReasonAspect, "7:4"},
		{"cogview-4-t2i", "9:16", "", "", core.ReasonAspect, "4:7"},
		{"cogview-4-t2i", "", "1400x700", "", core.ReasonSize, "1440x720"},
		{"stable-sd3-t2i", "", "", "1:1", "", ""},
		{"stable-sd3-t2i", "4:5", "", "4:5", "", ""},
		{"stable-sd3-t2i", "8:10", "", "4:5", "", ""},
		{"stable-sd3-t2i", "4:3", "", "", core.ReasonAspect, "5:4"},
		{"stable-sd3-t2i", "", "1024x768", "", core.ReasonNoSize, "5:4"},
		{"302ai-flux-v1.1-ultra-t2i", "", "", "16:9", "", ""},
		{"ideogram-v2-t2i", "5:8", "", "10:16", "", ""},
		{"doubao-v2-t2i", "", "", "512x512", "", ""},
		{"doubao-v2-t2i", "16:9", "", "768x432", "", ""},
		{"doubao-v2-t2i", "1:1", "", "768x768", "", ""},
		{"doubao-v2-t2i", "", "1024x1024", "", core.ReasonSize, "768x768"},
		{"doubao-v2-t2i", "", "100x700", "", core.ReasonSize, "256x700"},
		{"doubao-v2-t2i", "9:1", "", "", core.ReasonAspect, "21:9"},
		{"flux-general", "", "", "1024x1024", "", ""},
		{"flux-general", "", "1000x1000", "", core.ReasonSize, "992x992"},
		{"flux-general", "21:9", "", "1344x576", "", ""},
		{"flux-dev-t2i", "", "", "", "", ""},
		{"flux-dev-t2i", "1:1", "", "1024x1024", "", ""},
		{"flux-dev-t2i", "", "1000x700", "1000x700", "", ""},
		{"flux-dev-t2i", "", "4000x300", "", core.ReasonSize, "2048x300"},
		{"stable-sd3-i2i", "1:1", "", "", core.ReasonNoAspect, ""},
		{"stable-sd3-i2i", "", "512x512", "", core.ReasonNoSize, ""},
		{"stable-sd3-i2i", "", "", "", "", ""},
		{"flux-kontext-pro", "", "", "", "", ""},
		{"flux-kontext-pro", "16:9", "", "16:9", "", ""},
		{"flux-kontext-pro", "5:3", "", "", core.ReasonAspect, "16:9"},
		{"flux-dev-t2i", "1:1", "512x512", "", core.ReasonAspectAndSize, ""},
	} {
		sent, aspect, err := find(t, c.model).Shape(shape(c.aspect), size(c.size))
		refusal := &core.Error{}
		if err != nil {
			refusal = core.AsError(err)
		}
		nearest := ""
		if len(refusal.Allowed) > 0 {
			nearest = refusal.Allowed[0]
		}
		if got := sent.String() + aspect.String(); got != c.sent || refusal.Reason != c.reason || nearest != c.nearest {
			t.Errorf("%s asked for %s%s: sent %q, refused for %q, nearest %q; want %q, %q, %q",
				c.model, c.aspect, c.size, got, refusal.Reason, nearest, c.sent, c.reason, c.nearest)
		}
	}
}

// What is offered must be taken, exactly as it is offered.
func TestOfferedShapesAreTaken(t *testing.T) {
	for _, m := range core.DefaultCatalog().Models() {
		offered := m.Aspects()
		if follows := m.SupportsAspect != nil && !*m.SupportsAspect; (len(offered) == 0) != follows {
			t.Errorf("%s offers %v", m.ID, offered)
		}
		for _, aspect := range offered {
			if again, ok := core.ParseAspect(aspect.String()); !ok || again != aspect {
				t.Errorf("%s offers %v, which cannot be typed", m.ID, aspect)
			}
			if _, _, err := m.Shape(aspect, core.Size{}); err != nil {
				t.Errorf("%s offers %v and refuses it: %v", m.ID, aspect, err)
			}
		}
		if m.Sizes() == "" {
			t.Errorf("%s says nothing of its sizes", m.ID)
		}
	}
}

func TestCost(t *testing.T) {
	for id, want := range map[string]core.PTC{
		"flux-dev-t2i": 25_000, "flux-kontext-pro": 40_000, "stable-v1-t2i": core.UnknownPrice, "flux-general": 100_000,
	} {
		if got := find(t, id).Cost(); got != want {
			t.Errorf("%s costs %v, want %v", id, got, want)
		}
	}
	for _, m := range core.DefaultCatalog().Models() {
		if m.Cost() <= 0 || m.Cost() > core.UnknownPrice {
			t.Errorf("%s costs %v: an unknown price has to be the dearest", m.ID, m.Cost())
		}
	}
}
