package config

import "log/slog"

const redacted = "[redacted]"

// Secret is text that is never printed: only [Secret.Reveal] gives it away.
type Secret struct {
	// A pointer to a string, because fmt prints the unexported fields of a struct
	// that holds a Secret without asking its String; an address tells nothing.
	text *string
}

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal is the text itself, for the one place that sends it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty says whether nothing is set.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// String is a fixed word, or nothing when empty.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return redacted
}

// GoString is the same as String.
func (s Secret) GoString() string { return s.String() }

// LogValue is the same as String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is the same as String, so that JSON shows no secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes any text.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
