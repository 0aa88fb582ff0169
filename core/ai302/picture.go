package ai302

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
)

// Picture is where a picture is, or the picture itself: exactly one is set.
type Picture struct {
	// URL is http or https, mostly on a foreign host. It may be signed and short
	// of life: fetch at once, without the key, and do not show it to people.
	URL string
	// Bytes are as the provider sent them, of a type yet to be sniffed.
	Bytes []byte
}

// Answer is one finished picture.
type Answer struct {
	Picture
	// Seed is the one the provider says it used, nil if it does not say.
	Seed *int64
	// RequestID is 302.AI's name for the call that brought the answer.
	RequestID string
}

// deepest bounds how far JSON inside JSON strings is unpacked.
const deepest = 4

// picturesIn reads the forms of "output": a URL, an array of URLs, a string
// holding such an array, objects with "url", "b64_json" or "images", "" or null.
// Places without a usable picture stay in the result as empty Pictures, so that
// flags given by position keep fitting.
func picturesIn(raw json.RawMessage) []Picture { return unpack(raw, deepest) }

func unpack(raw json.RawMessage, depth int) []Picture {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || depth == 0 {
		return nil
	}
	switch raw[0] {
	case '"':
		var text string
		if json.Unmarshal(raw, &text) != nil {
			return nil
		}
		text = strings.TrimSpace(text)
		if strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{") || strings.HasPrefix(text, `"`) {
			return unpack(json.RawMessage(text), depth-1)
		}
		if text == "" {
			return nil
		}
		return []Picture{pictureAt(text)}
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return nil
		}
		var all []Picture
		for _, one := range list {
			found := unpack(one, depth-1)
			if len(found) == 0 {
				found = []Picture{{}}
			}
			all = append(all, found...)
		}
		return all
	case '{':
		var object struct {
			URL    json.RawMessage `json:"url"`
			Inline string          `json:"b64_json"`
			Images json.RawMessage `json:"images"`
		}
		if json.Unmarshal(raw, &object) != nil {
			return nil
		}
		if p := pictureAt(wordIn(object.URL)); p.usable() {
			return []Picture{p}
		}
		if p := inlinePicture(object.Inline); p.usable() {
			return []Picture{p}
		}
		return unpack(object.Images, depth-1)
	}
	return nil
}

func (p Picture) usable() bool { return p.URL != "" || len(p.Bytes) > 0 }

// firstUsable gives the first real picture of a list.
func firstUsable(list []Picture) Picture {
	for _, p := range list {
		if p.usable() {
			return p
		}
	}
	return Picture{}
}

// pictureAt reads what stands where a URL is expected; some makers put a data
// URI there. Anything else is an empty Picture.
func pictureAt(text string) Picture {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "data:") {
		return inlinePicture(text)
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return Picture{}
	}
	return Picture{URL: text}
}

// inlinePicture decodes base64, with or without a data URI's prefix and padding.
func inlinePicture(text string) Picture {
	if strings.HasPrefix(text, "data:") {
		head, rest, found := strings.Cut(text, ",")
		if !found || !strings.HasSuffix(head, ";base64") {
			return Picture{}
		}
		text = rest
	}
	decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(text), "="))
	if err != nil || len(decoded) == 0 {
		return Picture{}
	}
	return Picture{Bytes: decoded}
}

// nsfwFlags reads has_nsfw_concepts, which is an array of booleans or null.
func nsfwFlags(raw json.RawMessage) []bool {
	var flags []bool
	if json.Unmarshal(raw, &flags) != nil {
		return nil
	}
	return flags
}

// withoutFlagged drops the pictures whose flag is true, since they are black
// frames, and reports whether that leaves nothing to look for.
func withoutFlagged(list []Picture, flags []bool) (kept []Picture, allFlagged bool) {
	allFlagged = len(flags) > 0
	for _, flagged := range flags {
		allFlagged = allFlagged && flagged
	}
	for i, p := range list {
		if p.usable() && (i >= len(flags) || !flags[i]) {
			kept = append(kept, p)
		}
	}
	return kept, allFlagged && len(kept) == 0
}

// wordIn reads a string or a number as text; anything else is "".
func wordIn(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

// seedIn reads a seed, nil if there is none that fits.
func seedIn(raw json.RawMessage) *int64 {
	n, err := strconv.ParseInt(wordIn(raw), 10, 64)
	if err != nil {
		return nil
	}
	return &n
}
