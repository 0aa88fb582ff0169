package discordtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// payload is the JSON of a message that the bot sends or edits
// (https://discord.com/developers/docs/resources/message#create-message).
type payload struct {
	Content          *string           `json:"content"`
	Embeds           []map[string]any  `json:"embeds"`
	Components       []map[string]any  `json:"components"`
	Attachments      []attachmentRef   `json:"attachments"`
	AllowedMentions  *allowedMentions  `json:"allowed_mentions"`
	Flags            *int              `json:"flags"`
	Nonce            any               `json:"nonce"`
	EnforceNonce     *bool             `json:"enforce_nonce"`
	MessageReference *messageReference `json:"message_reference"`
	Poll             json.RawMessage   `json:"poll"`
	given            map[string]json.RawMessage
}

// attachmentRef names an uploaded file by its number, or one that stays by its id.
type attachmentRef struct {
	ID          snowflake `json:"id"`
	Filename    *string   `json:"filename"`
	Description *string   `json:"description"`
}

type messageReference struct {
	MessageID       snowflake `json:"message_id"`
	ChannelID       snowflake `json:"channel_id"`
	FailIfNotExists *bool     `json:"fail_if_not_exists"`
}

func readPayload(raw []byte) (*payload, *refused) {
	p := &payload{}
	if len(raw) == 0 {
		raw = []byte("{}") // files alone
	}
	if wrong := decode(raw, p); wrong != nil {
		return nil, wrong
	}
	if wrong := decode(raw, &p.given); wrong != nil {
		return nil, wrong
	}
	return p, nil
}

// has says whether a field was sent, null included.
func (p *payload) has(field string) bool { return p.given[field] != nil }

// Which flags the bot may set, by what it does.
const (
	flagsOfCallback = flagSuppressEmbeds | flagEphemeral | flagSilent | flagComponentsV2
	flagsOfChannel  = flagSuppressEmbeds | flagSilent | flagComponentsV2
	flagsOfEdit     = flagSuppressEmbeds | flagComponentsV2
)

// compose applies a payload with its files to a message, new or old. On a refusal the message is as before.
func (s *Server) compose(m *message, c *call, p *payload, flags int) *refused {
	next := *m
	next.flags &^= flagLoading
	if p.Flags != nil {
		if extra := *p.Flags &^ flags; extra != 0 && flags != flagsOfEdit { // an edit ignores them
			return invalid("flags", "%d is not allowed here", extra)
		}
		next.flags = next.flags&^(flagsOfEdit&^flagComponentsV2) | *p.Flags&flags
	}
	if p.has("content") {
		next.content = ""
		if p.Content != nil {
			next.content = strings.TrimSpace(*p.Content)
		}
		if n := utf8.RuneCountInString(next.content); n > 2000 {
			return invalid("content", "%d of at most 2000 characters", n)
		}
	}
	if p.Poll != nil && string(p.Poll) != "null" {
		return invalid("poll", "polls are not part of this fake")
	}
	if wrong := s.attach(&next, c, p); wrong != nil {
		return wrong
	}
	if p.has("embeds") {
		if wrong := next.embed(p.Embeds); wrong != nil {
			return wrong
		}
	}
	if p.has("components") {
		if wrong := next.arrange(p.Components); wrong != nil {
			return wrong
		}
	}
	if next.flags&flagComponentsV2 != 0 && (next.content != "" || len(next.embeds) > 0) {
		return invalid("content", "content and embeds are not allowed with IS_COMPONENTS_V2")
	}
	if next.content == "" && len(next.embeds)+len(next.components)+len(next.attachments) == 0 {
		return mistake(50006, "nothing in it")
	}
	if wrong := s.resolve(&next, p.AllowedMentions); wrong != nil {
		return wrong
	}
	*m = next
	s.reproach(m)
	return nil
}

// attach keeps, drops and adds files. Before version 10 new files are added to what is there; from 10 on
// only what the attachments array names stays (https://discord.com/developers/docs/resources/message#edit-message).
func (s *Server) attach(m *message, c *call, p *payload) *refused {
	old, listed := m.attachments, p.given["attachments"] != nil && string(p.given["attachments"]) != "null"
	if listed || c.version >= 10 && len(c.files) > 0 {
		m.attachments = nil
	}
	refs := map[string]attachmentRef{}
	for n, ref := range p.Attachments {
		if kept := slices.IndexFunc(old, func(a *attachment) bool { return a.id == string(ref.ID) }); kept >= 0 {
			m.attachments = append(m.attachments, old[kept])
			continue
		}
		if !slices.ContainsFunc(c.files, func(f upload) bool { return fmt.Sprint(f.index) == string(ref.ID) }) {
			return invalid(fmt.Sprintf("attachments.%d.id", n), "%s is neither a file of this request nor of the message", ref.ID)
		}
		refs[string(ref.ID)] = ref
	}
	m.attachments = slices.Clone(m.attachments)
	for _, f := range c.files {
		ref, named := refs[fmt.Sprint(f.index)]
		if !named && listed && c.version >= 10 {
			return invalid("attachments", "files[%d] is not in the list", f.index)
		}
		name := f.name
		if ref.Filename != nil {
			name = cleanName(*ref.Filename)
		}
		a := s.store(m.channel.ID, File{Name: name, Content: f.content, ContentType: f.contentType})
		a.ephemeral = m.onlyFor != nil
		if ref.Description != nil {
			if a.description = *ref.Description; utf8.RuneCountInString(a.description) > 1024 {
				return invalid("attachments", "a description of more than 1024 characters")
			}
		}
		m.attachments = append(m.attachments, a)
	}
	if len(m.attachments) > filesLimit {
		return invalid("attachments", "%d files", len(m.attachments))
	}
	return nil
}

// mediaURL resolves attachment://name; the attachment is nil for a URL of elsewhere.
func (m *message) mediaURL(path, url string) (string, *attachment, *refused) {
	if name, ok := strings.CutPrefix(url, "attachment://"); ok {
		i := slices.IndexFunc(m.attachments, func(a *attachment) bool { return a.name == name })
		if i < 0 {
			return "", nil, invalid(path, "%s names no file of the message", url)
		}
		return m.attachments[i].url(), m.attachments[i], nil
	}
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") || len(url) > 2048 {
		return "", nil, invalid(path, "not a URL of http, https or attachment")
	}
	return url, nil, nil
}

// embed checks embeds and takes them over (https://discord.com/developers/docs/resources/message#embed-object-embed-limits).
func (m *message) embed(embeds []map[string]any) *refused {
	if len(embeds) > 10 {
		return invalid("embeds", "%d of at most 10", len(embeds))
	}
	total := 0
	m.embeds, m.inEmbeds = nil, map[string]bool{}
	for n, sent := range embeds {
		path := fmt.Sprintf("embeds.%d", n)
		e := map[string]any{"type": "rich"}
		for _, plain := range []string{"color", "timestamp", "url"} {
			if sent[plain] != nil {
				e[plain] = sent[plain]
			}
		}
		measure := func(field string, v any, most int) (string, *refused) {
			t := strings.TrimSpace(text(v))
			length := utf8.RuneCountInString(t)
			if total += length; length > most {
				return "", invalid(path+"."+field, "%d of at most %d characters", length, most)
			}
			return t, nil
		}
		for _, f := range []struct {
			outer, inner string
			most         int
		}{{"", "title", 256}, {"", "description", 4096}, {"footer", "text", 2048}, {"author", "name", 256}} {
			source, target := sent, e
			if f.outer != "" {
				if source = object(sent[f.outer]); source == nil {
					continue
				}
				target = map[string]any{}
				e[f.outer] = target
			}
			t, wrong := measure(strings.TrimPrefix(f.outer+"."+f.inner, "."), source[f.inner], f.most)
			if wrong != nil {
				return wrong
			}
			if t != "" {
				target[f.inner] = t
			}
		}
		fields := list(sent["fields"])
		if len(fields) > 25 {
			return invalid(path+".fields", "%d of at most 25", len(fields))
		}
		var shown []any
		for i, f := range fields {
			at := fmt.Sprintf("fields.%d", i)
			name, wrong := measure(at+".name", f["name"], 256)
			if wrong != nil {
				return wrong
			}
			value, wrong := measure(at+".value", f["value"], 1024)
			if wrong != nil {
				return wrong
			}
			if name == "" || value == "" {
				return invalid(path+"."+at, "name and value are required")
			}
			shown = append(shown, map[string]any{"name": name, "value": value, "inline": f["inline"] == true})
		}
		if shown != nil {
			e["fields"] = shown
		}
		for _, kind := range []string{"image", "thumbnail"} {
			media := object(sent[kind])
			if media == nil {
				continue
			}
			url, a, wrong := m.mediaURL(path+"."+kind+".url", text(media["url"]))
			if wrong != nil {
				return wrong
			}
			o := map[string]any{"url": url, "proxy_url": url}
			if a != nil {
				m.inEmbeds[a.id] = true
				o["width"], o["height"], o["content_type"] = a.width, a.height, a.contentType
			}
			e[kind] = o
		}
		if len(e) == 1 {
			return invalid(path, "an empty embed")
		}
		m.embeds = append(m.embeds, e)
	}
	if total > 6000 {
		return invalid("embeds", "%d of at most 6000 characters in all", total)
	}
	return nil
}
