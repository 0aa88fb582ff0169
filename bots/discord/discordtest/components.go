package discordtest

import (
	"fmt"
	"iter"
	"slices"
	"unicode/utf8"
)

// Component types (https://discord.com/developers/docs/components/reference#component-object-component-types).
const (
	partRow       = 1
	partButton    = 2
	partSelect    = 3
	partTextInput = 4
	partUsers     = 5
	partRoles     = 6
	partAnyone    = 7
	partChannels  = 8
	partSection   = 9
	partText      = 10
	partThumbnail = 11
	partGallery   = 12
	partFile      = 13
	partSeparator = 14
	partContainer = 17
	partLabel     = 18
)

const (
	buttonLink    = 5
	buttonPremium = 6
)

// eachComponent walks a tree of components, parents first.
func eachComponent(components []map[string]any) iter.Seq[map[string]any] {
	return func(yield func(map[string]any) bool) {
		var walk func([]map[string]any) bool
		walk = func(components []map[string]any) bool {
			for _, c := range components {
				if c == nil {
					continue
				}
				children := list(c["components"])
				for _, single := range []string{"accessory", "component"} {
					if o := object(c[single]); o != nil {
						children = append(children, o)
					}
				}
				if !yield(c) || !walk(children) {
					return false
				}
			}
			return true
		}
		walk(components)
	}
}

// arrange checks the components of a message and takes them over.
func (m *message) arrange(components []map[string]any) *refused {
	m.inParts = map[string]bool{}
	a := arrangement{message: m, v2: m.flags&flagComponentsV2 != 0, customIDs: map[string]bool{}}
	if !a.v2 && len(components) > 5 {
		return invalid("components", "%d of at most 5 rows", len(components))
	}
	var out []map[string]any
	for n, sent := range components {
		path := fmt.Sprintf("components.%d", n)
		if kind := number(sent["type"]); !a.v2 && kind != partRow {
			return invalid(path+".type", "%d needs IS_COMPONENTS_V2", kind)
		}
		c, wrong := a.place(path, sent, nil)
		if wrong != nil {
			return wrong
		}
		out = append(out, c)
	}
	if a.count > 40 {
		return invalid("components", "%d of at most 40 components", a.count)
	}
	m.components = out
	return nil
}

// arrangement is the checking of one message's components.
type arrangement struct {
	message   *message
	v2        bool
	count     int
	customIDs map[string]bool
}

// children says which types may stand in which; nil is the message itself.
var children = map[int][]int{
	partRow:       {partButton, partSelect, partUsers, partRoles, partAnyone, partChannels},
	partSection:   {partText},
	partContainer: {partRow, partSection, partText, partGallery, partFile, partSeparator},
}

// place checks a component and returns it as the API tells it, with ids and defaults.
func (a *arrangement) place(path string, sent map[string]any, allowed []int) (map[string]any, *refused) {
	kind := number(sent["type"])
	if allowed != nil && !slices.Contains(allowed, kind) {
		return nil, invalid(path+".type", "%d cannot stand here", kind)
	}
	a.count++
	id := number(sent["id"])
	if id == 0 {
		id = a.count
	}
	out := map[string]any{"type": kind, "id": id}
	var wrong *refused
	switch kind {
	case partRow, partSection, partContainer:
		wrong = a.nest(path, sent, out, kind)
	case partButton:
		wrong = a.button(path, sent, out)
	case partSelect, partUsers, partRoles, partAnyone, partChannels:
		options := list(sent["options"])
		if wrong = a.customID(path, sent, out); wrong == nil && (len(options) > 25 || kind == partSelect && len(options) == 0) {
			wrong = invalid(path+".options", "%d of 1 to 25", len(options))
		}
		out["options"], out["min_values"], out["max_values"], out["disabled"] = orEmpty(options), 1, 1, sent["disabled"] == true
	case partText:
		if out["content"] = text(sent["content"]); out["content"] == "" || utf8.RuneCountInString(text(out["content"])) > 4000 {
			wrong = invalid(path+".content", "not 1 to 4000 characters")
		}
	case partThumbnail, partFile:
		field := map[int]string{partThumbnail: "media", partFile: "file"}[kind]
		out["spoiler"] = sent["spoiler"] == true
		if kind == partThumbnail {
			out["description"] = sent["description"]
		}
		out[field], wrong = a.media(path+"."+field, object(sent[field]))
		if shown := object(out[field]); kind == partFile && wrong == nil {
			out["name"], out["size"] = shown["name"], shown["size"]
		}
	case partGallery:
		wrong = a.gallery(path, sent, out)
	case partSeparator:
		out["divider"], out["spacing"] = sent["divider"] != false, max(number(sent["spacing"]), 1)
	default:
		wrong = invalid(path+".type", "%d is not a component of messages", kind)
	}
	return out, wrong
}

// nest places the children of a row, a section or a container.
func (a *arrangement) nest(path string, sent, out map[string]any, kind int) *refused {
	inner := list(sent["components"])
	if len(inner) == 0 || kind == partRow && len(inner) > 5 || kind == partSection && len(inner) > 3 {
		return invalid(path+".components", "%d components", len(inner))
	}
	var placed []any
	for i, child := range inner {
		c, wrong := a.place(fmt.Sprintf("%s.components.%d", path, i), child, children[kind])
		if wrong != nil {
			return wrong
		}
		placed = append(placed, c)
	}
	out["components"] = placed
	switch kind {
	case partSection:
		accessory, wrong := a.place(path+".accessory", object(sent["accessory"]), []int{partButton, partThumbnail})
		if wrong != nil {
			return wrong
		}
		out["accessory"] = accessory
	case partContainer:
		out["accent_color"], out["spoiler"] = sent["accent_color"], sent["spoiler"] == true
	}
	return nil
}

// button: https://discord.com/developers/docs/components/reference#button
func (a *arrangement) button(path string, sent, out map[string]any) *refused {
	style, label, emoji := number(sent["style"]), text(sent["label"]), object(sent["emoji"])
	if style < 1 || style > buttonPremium {
		return invalid(path+".style", "%d", style)
	}
	if label == "" && emoji == nil && style != buttonPremium {
		return invalid(path, "a button needs a label or an emoji")
	}
	if n := utf8.RuneCountInString(label); n > 80 {
		return invalid(path+".label", "%d of at most 80 characters", n)
	}
	out["style"], out["disabled"] = style, sent["disabled"] == true
	if label != "" {
		out["label"] = label
	}
	if emoji != nil {
		shown := map[string]any{"name": text(emoji["name"])}
		if id := text(emoji["id"]); id != "" {
			shown["id"] = id
		}
		out["emoji"] = shown
	}
	switch style {
	case buttonLink:
		if text(sent["url"]) == "" || len(text(sent["url"])) > 512 || text(sent["custom_id"]) != "" {
			return invalid(path+".url", "a link button has a url of at most 512 characters and no custom_id")
		}
		out["url"] = sent["url"]
		return nil
	case buttonPremium:
		out["sku_id"] = sent["sku_id"]
		return nil
	}
	if text(sent["url"]) != "" {
		return invalid(path+".url", "only a link button has a url")
	}
	return a.customID(path, sent, out)
}

func (a *arrangement) customID(path string, sent, out map[string]any) *refused {
	id := text(sent["custom_id"])
	if n := utf8.RuneCountInString(id); n < 1 || n > 100 {
		return invalid(path+".custom_id", "%d of 1 to 100 characters", n)
	}
	if a.customIDs[id] {
		return invalid(path+".custom_id", "%q stands twice in the message", id)
	}
	a.customIDs[id] = true
	out["custom_id"] = id
	return nil
}

func (a *arrangement) gallery(path string, sent, out map[string]any) *refused {
	pictures := list(sent["items"])
	if len(pictures) < 1 || len(pictures) > 10 {
		return invalid(path+".items", "%d of 1 to 10", len(pictures))
	}
	var shown []any
	for i, picture := range pictures {
		media, wrong := a.media(fmt.Sprintf("%s.items.%d.media", path, i), object(picture["media"]))
		if wrong != nil {
			return wrong
		}
		shown = append(shown, map[string]any{"media": media, "description": picture["description"], "spoiler": picture["spoiler"] == true})
	}
	out["items"] = shown
	return nil
}

func (a *arrangement) media(path string, sent map[string]any) (map[string]any, *refused) {
	url, file, wrong := a.message.mediaURL(path+".url", text(sent["url"]))
	if wrong != nil {
		return nil, wrong
	}
	out := map[string]any{"id": decimal(int64(a.count)), "url": url, "proxy_url": url}
	if file != nil {
		a.message.inParts[file.id] = true
		out["attachment_id"], out["content_type"], out["name"], out["size"] = file.id, file.contentType, file.name, file.size
		out["width"], out["height"] = file.width, file.height
	}
	return out, nil
}
