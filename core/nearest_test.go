package core_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"imaginebot/core"
)

func TestNearest(t *testing.T) {
	words := []string{"canny", "depth", "union", "realism", "details"}
	for word, want := range map[string]string{
		"cany": "canny", "CANNY": "canny", " depht ": "depth", "onion": "union", "real": "realism", "detail": "details",
	} {
		if got := core.Nearest(word, words, 1); !slices.Equal(got, []string{want}) {
			t.Errorf("nearest to %q is %q, want %q", word, got, want)
		}
	}
	if diff := cmp.Diff([]string{"canny", "depth", "union", "realism", "details"}, words); diff != "" {
		t.Errorf("the candidates were moved (-want +got):\n%s", diff)
	}
}

func TestNearestIsOfTheCandidates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		candidates := rapid.SliceOfDistinct(rapid.String(), rapid.ID[string]).Draw(t, "candidates")
		n := rapid.IntRange(0, 6).Draw(t, "n")
		word := rapid.OneOf(rapid.String(), rapid.StringN(100, 300, -1)).Draw(t, "word")
		got := core.Nearest(word, candidates, n)
		if len(got) != min(n, len(candidates)) {
			t.Errorf("%d of %d candidates were asked for, got %d", n, len(candidates), len(got))
		}
		for i, one := range got {
			if !slices.Contains(candidates, one) || slices.Contains(got[:i], one) {
				t.Errorf("%q is not a candidate, or twice in %q", one, got)
			}
		}
	})
}
