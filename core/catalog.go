package core

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

//go:embed data/models.json
var embeddedModels []byte

// Catalog is all models, in the order of the provider's documentation.
type Catalog struct {
	models []Model
	index  map[string]int
}

// DefaultCatalog is the documented catalogue and the models with endpoints of their own.
func DefaultCatalog() Catalog {
	catalog, err := Catalog{}.With(embeddedModels)
	if err != nil {
		panic("embedded catalogue: " + err.Error()) // a broken build: every test would see it
	}
	return catalog
}

// With is the catalogue after the rows of an operator's CATALOG_FILE: a row whose
// id is known changes just the fields it names, another row is added.
// The error names every row that cannot be.
func (c Catalog) With(rows []byte) (Catalog, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(rows, &raw); err != nil {
		return Catalog{}, fmt.Errorf("not a JSON list of models: %w", err)
	}
	next := Catalog{models: slices.Clone(c.models), index: map[string]int{}}
	for i, model := range next.models {
		next.index[model.ID] = i
	}
	var problems []error
	for i, row := range raw {
		if err := next.put(row); err != nil {
			problems = append(problems, fmt.Errorf("row %d: %w", i+1, err))
		}
	}
	return next, errors.Join(problems...)
}

func (c *Catalog) put(row []byte) error {
	var name struct {
		ID       string          `json:"id"`
		SizeRule json.RawMessage `json:"size_rule"`
	}
	if err := json.Unmarshal(row, &name); err != nil {
		return err
	}
	model := Model{ID: name.ID, Kind: "t2i", SizeRule: SizeRule{Type: AnySize}}
	at, known := c.index[name.ID]
	if known {
		model = c.models[at]
		// JSON is decoded into what a pointer points to, which the older catalogue shares.
		model.Price, model.SupportsAspect, model.SupportsSize = copied(model.Price), copied(model.SupportsAspect), copied(model.SupportsSize)
	}
	if name.SizeRule != nil {
		model.SizeRule = SizeRule{} // a rule is replaced whole
	}
	if err := json.Unmarshal(row, &model); err != nil {
		return fmt.Errorf("%s: %w", name.ID, err)
	}
	if err := model.check(); err != nil {
		return fmt.Errorf("%s: %w", name.ID, err)
	}
	if known {
		c.models[at] = model
		return nil
	}
	c.index[model.ID] = len(c.models)
	c.models = append(c.models, model)
	return nil
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}

// check says whether a row can be served at all.
func (m Model) check() error {
	_, _, fallbackErr := m.Shape(Aspect{}, Size{})
	rule := m.SizeRule
	switch {
	case m.ID == "" || len(m.ID) > 80 || strings.ContainsFunc(m.ID, func(r rune) bool { return r <= ' ' || r > '~' || r >= 'A' && r <= 'Z' }):
		return errors.New("id must be 1 to 80 printable ASCII characters without a space or a capital")
	case m.Kind != "t2i" && m.Kind != "i2i":
		return errors.New(`kind must be "t2i" or "i2i"`)
	case m.Endpoint != Unified && m.Endpoint != FluxGeneral && m.Endpoint != Kontext:
		return errors.New(`endpoint must be "flux-general", "kontext" or absent`)
	case m.Price != nil && *m.Price < 0:
		return errors.New("ptc must not be negative")
	case m.Concurrent < 0:
		return errors.New("concurrent must not be negative")
	case !slices.Contains([]string{AnySize, SizeList, AspectList, SizeRange}, rule.Type):
		return errors.New("size_rule.type must be none, sizes, aspect_ratios or dimension_range")
	case rule.Type == SizeList && len(rule.Sizes) == 0, rule.Type == AspectList && len(rule.Aspects) == 0:
		return errors.New("size_rule lists nothing")
	case rule.Type == SizeRange && (rule.Min < 1 || rule.Max < rule.Min):
		return errors.New("size_rule needs min and max")
	case slices.ContainsFunc(rule.Sizes, Size.IsZero), slices.ContainsFunc(rule.Aspects, Aspect.IsZero):
		return errors.New("size_rule lists an empty entry")
	case rule.Type == AspectList && rule.Fallback != "" && !slices.ContainsFunc(rule.Aspects, func(a Aspect) bool { return a.String() == string(rule.Fallback) }),
		rule.Type == SizeList && !slices.ContainsFunc(rule.Sizes, func(s Size) bool { return s.String() == string(rule.Fallback) }),
		rule.Type == SizeRange && (!m.defaultSize().within(rule.Min, rule.Max) || m.defaultSize().Width%max(rule.Step, 1) != 0):
		return errors.New("size_rule.fallback must be what the rule allows")
	}
	return fallbackErr
}

func (m Model) defaultSize() Size {
	size, _, _ := m.Shape(Aspect{}, Size{})
	return size
}

// Models are all models, hidden ones too.
func (c Catalog) Models() []Model { return slices.Clone(c.models) }

// Find looks a model up by its id, without regard to case. Where there is none,
// the error is Invalid and names the nearest ids.
func (c Catalog) Find(id string) (Model, error) {
	at, known := c.index[strings.ToLower(strings.TrimSpace(id))]
	if !known {
		return Model{}, &Error{Kind: Invalid, Reason: ReasonUnknownModel, Value: id, Allowed: Nearest(id, c.shownIDs(), 5)}
	}
	return c.models[at], nil
}

func (c Catalog) shownIDs() []string { return c.IDs(func(m Model) bool { return !m.Hidden }) }

// IDs are the ids of the models that keep says yes to.
func (c Catalog) IDs(keep func(Model) bool) []string {
	var ids []string
	for _, model := range c.models {
		if keep(model) {
			ids = append(ids, model.ID)
		}
	}
	return ids
}

// Search finds the models that a person may mean by text: every word must occur in
// the id, the vendor or the price, and ids that begin with it come first. An empty
// text finds all that are not hidden; a hidden model is found by its whole id alone.
func (c Catalog) Search(text string, keep func(Model) bool) []Model {
	words := strings.Fields(strings.ToLower(text))
	type hit struct {
		model Model
		rank  int
	}
	var hits []hit
	for _, model := range c.models {
		if !keep(model) || model.Hidden && strings.ToLower(strings.TrimSpace(text)) != model.ID {
			continue
		}
		rank, found := 0, true
		for _, word := range words {
			switch {
			case strings.HasPrefix(model.ID, word):
			case strings.Contains(model.ID, word):
				rank++
			case strings.Contains(strings.ToLower(model.Vendor), word), strings.HasPrefix(model.Cost().String(), word):
				rank += 2
			default:
				found = false
			}
		}
		if found {
			hits = append(hits, hit{model, rank})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.rank, b.rank) })
	models := make([]Model, len(hits))
	for i, h := range hits {
		models[i] = h.model
	}
	return models
}

// Sibling is the image-to-image model that belongs to a text-to-image one, if any:
// the same id but for its ending.
func (c Catalog) Sibling(m Model) (Model, bool) {
	stem, found := strings.CutSuffix(m.ID, "-t2i")
	at, known := c.index[stem+"-i2i"]
	if !found || !known {
		return Model{}, false
	}
	return c.models[at], true
}
