package config

import (
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

// SecretURL is a URL that may carry a password; it prints without it.
type SecretURL struct{ text Secret }

// Reveal is the URL exactly as it was set.
func (u SecretURL) Reveal() string { return u.text.Reveal() }

// URL is the parsed URL, password included; nil when nothing is set.
func (u SecretURL) URL() *url.URL {
	if u.Empty() {
		return nil
	}
	// Cannot fail: it was parsed before it was taken.
	parsed, _ := url.Parse(u.Reveal())
	return parsed
}

// Empty says whether nothing is set.
func (u SecretURL) Empty() bool { return u.text.Empty() }

// plainQuery are the query parameters that are worth reading in a listing and
// never secret; the value of any other is hidden.
var plainQuery = []string{"endpoint", "prefix", "region", "sslmode", "use_path_style"}

// String is the URL without password, without a user name that stands alone, and
// without the values of unknown query parameters.
func (u SecretURL) String() string {
	if u.Empty() {
		return ""
	}
	parsed := u.URL()
	shown := *parsed
	if strings.Contains(shown.Opaque+shown.Path+shown.RawQuery+shown.Fragment, "@") {
		// A password with a bare / ? or # in it is torn apart by parsing.
		return shown.Scheme + ":" + redacted
	}
	shown.User, shown.RawQuery, shown.Fragment = nil, "", ""
	text := shown.String()
	if parsed.User != nil {
		text = strings.Replace(text, "//", "//"+shownUser(parsed)+"@", 1)
	}
	var query []string
	for name, values := range parsed.Query() {
		for _, value := range values {
			if !slices.Contains(plainQuery, name) || strings.Contains(value, "@") {
				value = redacted
			}
			query = append(query, name+"="+value)
		}
	}
	if len(query) > 0 {
		slices.Sort(query)
		text += "?" + strings.Join(query, "&")
	}
	return text
}

// shownUser is the part before the @. Without a password it may be a token, except
// at PostgreSQL, where it is a name.
func shownUser(u *url.URL) string {
	name := url.User(u.User.Username()).String()
	_, password := u.User.Password()
	switch {
	case password:
		return name + ":" + redacted
	case strings.HasPrefix(u.Scheme, "postgres"):
		return name
	}
	return redacted
}

// GoString is the same as String.
func (u SecretURL) GoString() string { return u.String() }

// LogValue is the same as String.
func (u SecretURL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText is the same as String.
func (u SecretURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText takes any URL with a scheme.
func (u *SecretURL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err != nil {
		return flaw("cannot be read as a URL")
	}
	if parsed.Scheme == "" {
		return flaw("has no scheme")
	}
	u.text = NewSecret(string(text))
	return nil
}

// Proxy is the URL of a proxy; it may carry a password.
type Proxy struct{ SecretURL }

// UnmarshalText takes http, https and socks5 URLs; a bare host:port is http, as
// net/http and curl read it.
func (p *Proxy) UnmarshalText(text []byte) error {
	address := string(text)
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	var u SecretURL
	if err := u.UnmarshalText([]byte(address)); err != nil {
		return err
	}
	if !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.URL().Scheme) {
		return flaw("is of a kind that is not known here")
	}
	if u.URL().Hostname() == "" {
		return flaw("names no host")
	}
	p.SecretURL = u
	return nil
}
