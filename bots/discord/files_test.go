package discord

import (
	"slices"
	"strings"
	"testing"

	"imaginebot/bots"
	"imaginebot/core"
)

const mib = 1 << 20

func TestFit(t *testing.T) {
	for _, test := range []struct {
		name    string
		limit   int64
		sizes   []int64
		small   []bool
		crowded bool
	}{
		{"one", 0, []int64{10 * mib}, []bool{false}, false},
		{"one that is too big", 0, []int64{10*mib + 1}, []bool{true}, false},
		{"in a place with room", 50 * mib, []int64{40 * mib}, []bool{false}, false},
		{"four that fit", 0, []int64{6 * mib, 6 * mib, 6 * mib, 6 * mib}, []bool{false, false, false, false}, false},
		{"four that do not fit together", 0, []int64{7 * mib, 9 * mib, 7 * mib, 7 * mib}, []bool{false, true, false, false}, true},
		{"four big ones", 0, []int64{10 * mib, 10 * mib, 10 * mib, 10 * mib}, []bool{true, true, false, false}, true},
		{"one of them too big by itself", 0, []int64{11 * mib, 8 * mib, 8 * mib, 2 * mib}, []bool{true, false, false, false}, false},
	} {
		var images []core.Image
		for _, size := range test.sizes {
			images = append(images, core.Image{Bytes: size})
		}
		small, crowded := fit(images, roomFor(test.limit))
		if !slices.Equal(small, test.small) || crowded != test.crowded {
			t.Errorf("%s: small %v, crowded %v", test.name, small, crowded)
		}
	}
}

func outcomeOf(sizes ...int64) core.Outcome {
	g := core.Generation{ID: "4k7m2p9qx3ra", Request: core.Request{Prompt: "a fox"}}
	for n, size := range sizes {
		g.Takes = append(g.Takes, core.Take{Index: n, State: core.TakeRendered, Image: &core.Image{Format: core.JPEG, Bytes: size}})
	}
	return core.Outcome{Generation: g}
}

func TestOriginalsInSeveralMessages(t *testing.T) {
	b := &Bot{}
	batches, notes := b.originals(t.Context(), outcomeOf(10*mib, 10*mib, 10*mib, 11*mib), roomFor(0))
	var names [][]string
	for _, batch := range batches {
		var of []string
		for _, file := range batch {
			of = append(of, file.Name)
		}
		names = append(names, of)
	}
	if len(names) != 2 || !slices.Equal(names[0], []string{"4k7m2p9qx3ra-1.jpg", "4k7m2p9qx3ra-2.jpg"}) || !slices.Equal(names[1], []string{"4k7m2p9qx3ra-3.jpg"}) {
		t.Errorf("files %q", names)
	}
	if !strings.Contains(notes.String(), "Picture 4 has 11 MiB, and Discord takes 10 MiB here: the file cannot be sent.") {
		t.Errorf("it says %q", notes)
	}
}

func TestAlt(t *testing.T) {
	o := outcomeOf(1)
	o.Generation.Request.Prompt = strings.Repeat("fox\n\u202E", 1000)
	if got := []rune(alt(o)); len(got) != maxAlt || got[len(got)-1] != '…' || strings.ContainsAny(string(got), "\n\u202E") {
		t.Errorf("%d characters: %q", len(got), string(got))
	}
	o.Generation.Request.Private = true
	if alt(o) != "" {
		t.Error("a private prompt is told")
	}
}

// What is longer than a message goes into an embed, and nothing is longer than that.
func TestLongReplies(t *testing.T) {
	b := &Bot{}
	for length, wantEmbed := range map[int]bool{100: false, maxContent: false, maxContent + 1: true, 5000: true} {
		posts, err := b.compose(t.Context(), bots.Reply{Text: bots.Text{{Text: strings.Repeat("x", length)}}}, roomFor(0))
		if err != nil || len(posts) != 1 || (len(posts[0].Embeds) == 1) != wantEmbed || wantEmbed != (posts[0].Content == "") {
			t.Errorf("%d characters: %+v, %v", length, posts, err)
		}
		if wantEmbed && units(posts[0].Embeds[0].Description) > maxEmbed {
			t.Error("the embed is too long")
		}
	}
}

func TestMebibytes(t *testing.T) {
	for bytes, want := range map[int64]string{10 * mib: "10 MiB", 10*mib + mib/2: "10.5 MiB", 40_000: "0.0 MiB"} {
		if got := mebibytes(bytes); got != want {
			t.Errorf("%d is %s, not %s", bytes, got, want)
		}
	}
}
