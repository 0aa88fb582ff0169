package core_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"imaginebot/core"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]core.Size{
		"1024x768": {Width: 1024, Height: 768}, "1024X768": {Width: 1024, Height: 768}, "1024×768": {Width: 1024, Height: 768},
		"1024*768": {Width: 1024, Height: 768}, " 1024 x 768 ": {Width: 1024, Height: 768}, "1x65535": {Width: 1, Height: 65535},
	} {
		if got, ok := core.ParseSize(text); got != want || !ok {
			t.Errorf("ParseSize(%q) = %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "1024", "x", "1024x", "x768", "0x768", "1024x0", "-1x5", "1024x768x3", "65536x1", "1.5x2", "1e3x2", "16:9"} {
		if got, ok := core.ParseSize(text); ok {
			t.Errorf("ParseSize(%q) = %v, want none", text, got)
		}
	}
}

func TestParseAspect(t *testing.T) {
	for text, want := range map[string]core.Aspect{
		"16:9": {Width: 16, Height: 9}, "16/9": {Width: 16, Height: 9}, "16x9": {Width: 16, Height: 9}, "16×9": {Width: 16, Height: 9},
		" 2 : 3 ": {Width: 2, Height: 3}, "99:1": {Width: 99, Height: 1}, "10:16": {Width: 10, Height: 16},
	} {
		if got, ok := core.ParseAspect(text); got != want || !ok {
			t.Errorf("ParseAspect(%q) = %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "16", ":", "16:", ":9", "0:9", "16:0", "100:1", "-1:1", "16:9:4", "1.5:1", "1024x768", "wide"} {
		if got, ok := core.ParseAspect(text); ok {
			t.Errorf("ParseAspect(%q) = %v, want none", text, got)
		}
	}
}

func TestSizeAndAspectRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		side := rapid.IntRange(1, 65535)
		size := core.Size{Width: side.Draw(t, "width"), Height: side.Draw(t, "height")}
		aspect := size.Aspect()
		if int64(aspect.Width)*int64(size.Height) != int64(aspect.Height)*int64(size.Width) {
			t.Errorf("%v has the shape %v", size, aspect)
		}
		type both struct {
			Size   core.Size   `json:"size,omitzero"`
			Aspect core.Aspect `json:"aspect,omitzero"`
		}
		text, err := json.Marshal(both{size, aspect})
		var back both
		if err != nil || json.Unmarshal(text, &back) != nil || back != (both{size, aspect}) {
			t.Errorf("%v and %v are %s in JSON, read as %v: %v", size, aspect, text, back, err)
		}
	})
}

func TestZeroSizeAndAspect(t *testing.T) {
	var size core.Size
	var aspect core.Aspect
	if size.String() != "" || aspect.String() != "" || !size.Aspect().IsZero() || size.Pixels() != 0 {
		t.Errorf("none is written %q and %q, with the shape %v", size, aspect, size.Aspect())
	}
	if json.Unmarshal([]byte(`""`), &size) != nil || json.Unmarshal([]byte(`""`), &aspect) != nil || !size.IsZero() || !aspect.IsZero() {
		t.Error("none does not come back from JSON as none")
	}
}

// What comes from files and the database has to be a shape, or everything that divides
// by its sides goes wrong.
func TestAspectFromJSONIsAShape(t *testing.T) {
	for _, text := range []string{`"0:1"`, `"1:0"`, `"-1:1"`, `"0:0"`, `"16"`, `"a:b"`, `"1:2:3"`} {
		var aspect core.Aspect
		if err := json.Unmarshal([]byte(text), &aspect); err == nil {
			t.Errorf("%s is the shape %v, want an error", text, aspect)
		}
	}
}

func TestSameShape(t *testing.T) {
	shape := func(w, h int) core.Aspect { return core.Aspect{Width: w, Height: h} }
	for _, c := range []struct {
		a, b core.Aspect
		want bool
	}{
		{shape(16, 9), shape(1344, 768), true}, // what Flux makes of 16:9
		{shape(16, 9), shape(16, 9), true},
		{shape(1, 1), shape(1024, 1024), true},
		{shape(16, 9), shape(3, 2), false},
		{shape(9, 16), shape(16, 9), false},
		{core.Aspect{}, shape(3, 2), true},
	} {
		if got := c.a.SameShape(c.b); got != c.want || c.b.SameShape(c.a) != got {
			t.Errorf("%v and %v are the same shape: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, text := range []string{"1024x768", "1×1", "x", "65536x1", " 3 * 4 "} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if size, ok := core.ParseSize(text); ok {
			if back, ok := core.ParseSize(size.String()); !ok || back != size || size.Width < 1 || size.Height < 1 {
				t.Errorf("%q is %v, written %q and read as %v", text, size, size.String(), back)
			}
		}
		if aspect, ok := core.ParseAspect(text); ok {
			if back, ok := core.ParseAspect(aspect.String()); !ok || back != aspect || aspect.Width < 1 || aspect.Height < 1 {
				t.Errorf("%q is %v, written %q and read as %v", text, aspect, aspect.String(), back)
			}
		}
	})
}
