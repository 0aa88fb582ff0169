package core_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imaginebot/core"
)

func all(core.Model) bool { return true }

func ids(models []core.Model) []string {
	out := make([]string, len(models))
	for i, m := range models {
		out[i] = m.ID
	}
	return out
}

func TestDefaultCatalog(t *testing.T) {
	catalog := core.DefaultCatalog()
	models := catalog.Models()
	if len(models) != 72 {
		t.Errorf("%d models, want the 69 documented, Flux-General and two of Kontext", len(models))
	}
	seen := map[string]bool{}
	rules := map[string]int{}
	for _, m := range models {
		if seen[m.ID] {
			t.Errorf("%s is there twice", m.ID)
		}
		seen[m.ID] = true
		rules[m.SizeRule.Type]++
		if m.RequiresImage != (m.Kind == "i2i") {
			t.Errorf("%s is %s and requires a picture: %v", m.ID, m.Kind, m.RequiresImage)
		}
	}
	if diff := cmp.Diff(map[string]int{"sizes": 4, "aspect_ratios": 20, "dimension_range": 5, "none": 43}, rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	hidden := catalog.IDs(func(m core.Model) bool { return m.Hidden })
	slices.Sort(hidden)
	want := []string{
		"302ai-lora-t2i", "302ai-sdxl-lora-t2i", "flux-pro-1.0-canny-finetuned-t2i", "flux-pro-1.0-canny-t2i",
		"flux-pro-1.0-depth-finetuned-t2i", "flux-pro-1.0-depth-t2i", "flux-pro-1.0-fill-finetuned-t2i",
		"flux-pro-1.0-fill-t2i", "flux-pro-1.0-finetuned-t2i", "flux-pro-1.1-ultra-finetuned-t2i",
	}
	if diff := cmp.Diff(want, hidden); diff != "" {
		t.Errorf("hidden, because they need what the unified call cannot carry (-want +got):\n%s", diff)
	}
	for id, concurrent := range map[string]int{"flux-kontext-max": 4, "flux-kontext-pro": 16, "flux-dev-t2i": 0} {
		if got := find(t, id).Concurrent; got != concurrent {
			t.Errorf("%s runs %d at once, want %d", id, got, concurrent)
		}
	}
}

func TestFind(t *testing.T) {
	catalog := core.DefaultCatalog()
	for _, id := range []string{"flux-dev-t2i", " FLUX-dev-T2I ", "flux-pro-1.0-fill-t2i"} {
		if m, err := catalog.Find(id); err != nil || m.ID != strings.ToLower(strings.TrimSpace(id)) {
			t.Errorf("Find(%q) = %q, %v", id, m.ID, err)
		}
	}
	_, err := catalog.Find("flux-dve-t2i")
	refusal := core.AsError(err)
	if refusal.Kind != core.Invalid || refusal.Reason != core.ReasonUnknownModel || refusal.Value != "flux-dve-t2i" ||
		len(refusal.Allowed) != 5 || refusal.Allowed[0] != "flux-dev-t2i" {
		t.Errorf("a model that is not there: %+v", refusal)
	}
	if _, err := catalog.Find("flux-pro-1.0-fil-t2i"); slices.Contains(core.AsError(err).Allowed, "flux-pro-1.0-fill-t2i") {
		t.Error("a hidden model is offered")
	}
}

func TestSearch(t *testing.T) {
	catalog := core.DefaultCatalog()
	search := func(text string) []string { return ids(catalog.Search(text, all)) }
	if got, want := len(search("")), 62; got != want {
		t.Errorf("nothing finds %d, want all %d that are not hidden", got, want)
	}
	if got := search("flux"); got[0] != "flux-pro-1.1-ultra-t2i" || !slices.Contains(got, "302ai-flux-dev-t2i") ||
		slices.Index(got, "302ai-flux-dev-t2i") < slices.Index(got, "flux-kontext-max") {
		t.Errorf("what begins with the word comes first: %q", got)
	}
	for text, want := range map[string][]string{
		"kontext max":              {"flux-kontext-max"},
		"MAX  kontext ":            {"flux-kontext-max"},
		"google fast":              {"google-v3-fast-t2i"},
		"zhipu":                    {"cogview-4-t2i", "cogview-4-250304-t2i"},
		"no such":                  {},
		"flux-pro-1.0-fill":        {},
		"flux-pro-1.0-fill-t2i":    {"flux-pro-1.0-fill-t2i"},
		" Flux-Pro-1.0-Fill-T2I  ": {"flux-pro-1.0-fill-t2i"},
		"0.005 lighting":           {"302ai-sdxl-lighting-t2i", "302ai-sdxl-lighting-v2-t2i"},
	} {
		if diff := cmp.Diff(want, search(text)); diff != "" {
			t.Errorf("Search(%q) (-want +got):\n%s", text, diff)
		}
	}
	takesPicture := func(m core.Model) bool { return m.RequiresImage }
	if got := ids(catalog.Search("", takesPicture)); len(got) != 7 {
		t.Errorf("models that take a picture: %q", got)
	}
}

func TestSibling(t *testing.T) {
	catalog := core.DefaultCatalog()
	for id, want := range map[string]string{
		"stable-sd3-t2i": "stable-sd3-i2i", "302ai-kolors-t2i": "302ai-kolors-i2i",
		"flux-dev-t2i": "", "stable-sd3-i2i": "", "flux-general": "", "flux-kontext-pro": "",
	} {
		if got, found := catalog.Sibling(find(t, id)); got.ID != want || found != (want != "") {
			t.Errorf("the sibling of %s is %q, want %q", id, got.ID, want)
		}
	}
}

func TestCatalogOverride(t *testing.T) {
	before := core.DefaultCatalog()
	after, err := before.With([]byte(`[
		{"id": "flux-dev-t2i", "ptc": 0.03, "concurrent": 2},
		{"id": "dall-e-3-t2i", "hidden": true, "size_rule": {"type": "sizes", "sizes": ["1024x1024", "1792x1024"], "fallback": "1024x1024"}},
		{"id": "stable-sd3-t2i", "ptc": null},
		{"id": "new-t2i", "vendor": "Somebody", "ptc": "0.5"},
		{"id": "new-i2i", "kind": "i2i", "requires_image": true, "supports_aspect_ratio": false}
	]`))
	if err != nil {
		t.Fatal(err)
	}
	get := func(id string) core.Model {
		m, err := after.Find(id)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if m := get("flux-dev-t2i"); m.Cost() != 30_000 || m.Concurrent != 2 || m.Vendor != find(t, "flux-dev-t2i").Vendor || m.Hidden {
		t.Errorf("a row changes just what it names: %+v", m)
	}
	if m := get("dall-e-3-t2i"); !m.Hidden || len(m.SizeRule.Sizes) != 2 || m.Cost() != 40_000 {
		t.Errorf("a rule is replaced whole: %+v", m)
	}
	if m := get("stable-sd3-t2i"); m.Cost() != core.UnknownPrice {
		t.Errorf("a price of null costs %v, want what is counted for unknown", m.Cost())
	}
	if m := get("new-t2i"); m.Kind != "t2i" || m.Cost() != 500_000 || m.Endpoint != core.Unified || m.SizeRule.Type != core.AnySize {
		t.Errorf("a new row: %+v", m)
	}
	if sibling, found := after.Sibling(get("new-t2i")); !found || sibling.ID != "new-i2i" {
		t.Errorf("new rows are siblings: %q, %v", sibling.ID, found)
	}
	if got := ids(after.Models()); len(got) != 74 || got[72] != "new-t2i" || got[0] != "dall-e-3-t2i" {
		t.Errorf("%d models, the last %q", len(got), got[len(got)-1])
	}
}

func TestCatalogOverrideLeavesTheOriginal(t *testing.T) {
	before := core.DefaultCatalog()
	if _, err := before.With([]byte(`[{"id": "flux-dev-t2i", "ptc": 9, "supports_aspect_ratio": true},
		{"id": "stable-sd3-i2i", "supports_aspect_ratio": true}]`)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(core.DefaultCatalog().Models(), before.Models()); diff != "" {
		t.Errorf("an override has changed the catalogue it was made from (-want +got):\n%s", diff)
	}
}

func TestCatalogOverrideNamesEveryBadRow(t *testing.T) {
	rows := []string{
		`{"id": "fine-t2i"}`,
		`{"vendor": "without an id"}`,
		`{"id": "with space"}`,
		`{"id": "a", "kind": "video"}`,
		`{"id": "b", "endpoint": "elsewhere"}`,
		`{"id": "c", "ptc": -1}`,
		`{"id": "d", "ptc": "dear"}`,
		`{"id": "e", "concurrent": -1}`,
		`{"id": "f", "size_rule": {"type": "any"}}`,
		`{"id": "g", "size_rule": {"type": "sizes"}}`,
		`{"id": "h", "size_rule": {"type": "sizes", "sizes": ["1x1"], "fallback": "2x2"}}`,
		`{"id": "i", "size_rule": {"type": "aspect_ratios"}}`,
		`{"id": "j", "size_rule": {"type": "dimension_range", "min": 500, "max": 100, "fallback": 200}}`,
		`{"id": "k", "size_rule": {"type": "dimension_range", "min": 100, "max": 500, "fallback": 900}}`,
		`{"id": "l", "size_rule": {"type": "sizes", "sizes": ["big"]}}`,
		`5`,
		`{"id": "flux-dev-t2i", "kind": ""}`,
	}
	_, err := core.DefaultCatalog().With([]byte("[" + strings.Join(rows, ",") + "]"))
	if err == nil {
		t.Fatal("no error")
	}
	text := "\n" + err.Error() + "\n"
	for i, row := range rows[1:] {
		if !strings.Contains(text, fmt.Sprintf("\nrow %d: ", i+2)) {
			t.Errorf("the error does not name row %d, %s:%s", i+2, row, text)
		}
	}
	if strings.Contains(text, "row 1:") {
		t.Errorf("the error names a row that is fine: %s", text)
	}
	for _, whole := range []string{``, `{}`, `"text"`, `[`} {
		if _, err := core.DefaultCatalog().With([]byte(whole)); err == nil {
			t.Errorf("%q is taken for a list of models", whole)
		}
	}
}

// Rows that would be served wrongly: nothing outside a rule may ever be sent, and what
// cannot be found may not be offered.
func TestCatalogOverrideRefusesWhatCannotBeServed(t *testing.T) {
	for what, row := range map[string]string{
		"an id that no one can find":             `{"id": "Upper-T2I"}`,
		"a fallback that is not a listed shape":  `{"id": "a", "size_rule": {"type": "aspect_ratios", "aspect_ratios": ["1:1"], "fallback": "16:9"}}`,
		"a fallback beside the step":             `{"id": "b", "size_rule": {"type": "dimension_range", "min": 256, "max": 1440, "step": 32, "fallback": 1000}}`,
		"a range without a multiple of its step": `{"id": "c", "size_rule": {"type": "dimension_range", "min": 300, "max": 310, "step": 32, "fallback": 305}}`,
		"a shape without a side":                 `{"id": "d", "size_rule": {"type": "aspect_ratios", "aspect_ratios": ["0:1"]}}`,
		"a size that is none":                    `{"id": "e", "size_rule": {"type": "sizes", "sizes": ["", "1x1"], "fallback": ""}}`,
	} {
		if _, err := core.DefaultCatalog().With([]byte("[" + row + "]")); err == nil {
			t.Errorf("%s is accepted: %s", what, row)
		}
	}
}

func FuzzCatalogOverride(f *testing.F) {
	f.Add([]byte(`[{"id":"a","ptc":0.1}]`))
	f.Add([]byte(`[{"id":"b","size_rule":{"type":"dimension_range","min":1,"max":9,"fallback":3}}]`))
	f.Add([]byte(`[{"id":"c","size_rule":{"type":"aspect_ratios","aspect_ratios":["1:1"],"fallback":null}}]`))
	f.Fuzz(func(t *testing.T, rows []byte) {
		catalog, err := core.Catalog{}.With(rows)
		if err != nil {
			return
		}
		for _, m := range catalog.Models() {
			if sent, aspect, err := m.Shape(core.Aspect{}, core.Size{}); err != nil || m.SizeRule.Max <= 4096 && !within(m, sent, aspect) {
				t.Errorf("%+v is sent %v %v: %v", m, sent, aspect, err)
			}
		}
	})
}
