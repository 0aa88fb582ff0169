package ai302test

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Model is one row of the unified interface's catalogue. A row has Sizes, or
// Aspects, or Min and Max, or no documented rule at all.
type Model struct {
	ID         string   `json:"id"`
	Sizes      []string `json:"sizes"`       // WxH in pixels, the only ones drawn
	Aspects    []string `json:"aspects"`     // W:H, the only ones drawn
	Min        int      `json:"min"`         // smallest width and height in pixels
	Max        int      `json:"max"`         // largest width and height in pixels
	Fallback   string   `json:"fallback"`    // what anything else is silently replaced with, in the rule's own form
	NeedsImage bool     `json:"needs_image"` // image-to-image
	NoAspect   bool     `json:"no_aspect"`   // aspect_ratio is documented as not supported
}

//go:embed models.json
var documented []byte

// Models gives the 69 documented rows.
// Source: https://302ai-en.apifox.cn/api-286781078
func Models() ([]Model, error) {
	var rows []Model
	if err := json.Unmarshal(documented, &rows); err != nil {
		return nil, fmt.Errorf("read the embedded models: %w", err)
	}
	return rows, nil
}

// takesImage guesses whether a picture sent along has any effect.
func (m Model) takesImage() bool {
	return m.NeedsImage || strings.Contains(m.ID, "-fill") || strings.Contains(m.ID, "-canny") || strings.Contains(m.ID, "-depth")
}

// size applies the row's rule to what was asked, zero and "" being not asked. It
// gives the size that will be drawn and what was silently replaced on the way.
func (m Model) size(width, height int, aspect string) (w, h int, replaced []string) {
	asked := width != 0 || height != 0
	replace := func(what string) {
		replaced = append(replaced, fmt.Sprintf("%s does not take %s, which becomes %s", m.ID, what, m.Fallback))
	}
	byPixels := len(m.Sizes) > 0 || m.Max > 0
	if aspect != "" && (byPixels || m.NoAspect) {
		replaced = append(replaced, fmt.Sprintf("%s ignores aspect_ratio %s", m.ID, aspect))
		aspect = ""
	}
	switch {
	case len(m.Sizes) > 0:
		size := fmt.Sprintf("%dx%d", cmp.Or(width, 1024), cmp.Or(height, 1024))
		if !slices.Contains(m.Sizes, size) {
			replace("size " + size)
			size = m.Fallback
		}
		w, h = pair(size, "x")
		return w, h, replaced
	case m.Max > 0:
		fallback, _ := strconv.Atoi(m.Fallback)
		one := func(n int) int {
			if n < m.Min || n > m.Max {
				if asked {
					replace("a side of " + strconv.Itoa(n))
				}
				return fallback
			}
			return n
		}
		return one(cmp.Or(width, 1024)), one(cmp.Or(height, 1024)), replaced
	case len(m.Aspects) > 0:
		if asked {
			replaced = append(replaced, fmt.Sprintf("%s ignores width and height", m.ID))
		}
		if aspect != "" && !slices.Contains(m.Aspects, aspect) {
			replace("aspect_ratio " + aspect)
			aspect = ""
		}
		if aspect == "" {
			aspect = m.Fallback
		}
		w, h = aspectSize(aspect)
		return w, h, replaced
	case asked:
		return cmp.Or(width, 1024), cmp.Or(height, 1024), replaced
	case aspect != "":
		w, h = aspectSize(aspect)
		return w, h, replaced
	}
	return 0, 0, replaced
}

// aspectSize gives about a megapixel in exactly this shape, nothing if aspect is
// not W:H.
func aspectSize(aspect string) (w, h int) {
	a, b := pair(aspect, ":")
	if a < 1 || b < 1 || a > 100 || b > 100 {
		return 0, 0
	}
	k := 1
	for (k+1)*(k+1)*a*b <= 1<<20 {
		k++
	}
	return a * k, b * k
}

func pair(text, between string) (a, b int) {
	first, second, _ := strings.Cut(text, between)
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(second)
	if errA != nil || errB != nil {
		return 0, 0
	}
	return a, b
}
