package fetch

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"code.dny.dev/ssrf"
)

// guard knows which addresses are public.
var guard = ssrf.New(ssrf.WithAnyPort())

// roads sends every request, redirected ones too, the way that its address may go.
type roads struct {
	allow map[string]bool // host:port
	room  string          // an origin, or ""

	public  http.RoundTripper // to public addresses, checked when connecting
	proxied http.RoundTripper // in its place through FETCH_PROXY; nil without one
	allowed http.RoundTripper // to the hosts of FETCH_ALLOW, unchecked
	own     http.RoundTripper // to the room's origin, unchecked
}

func newRoads(settings Settings) roads {
	plain := &net.Dialer{Timeout: settings.Connect}
	guarded := &net.Dialer{Timeout: settings.Connect, Control: guard.Safe}
	r := roads{
		allow:   map[string]bool{},
		public:  transport(settings, guarded, nil),
		allowed: transport(settings, plain, nil),
		own:     transport(settings, plain, http.ProxyFromEnvironment),
	}
	if settings.Proxy != nil {
		r.proxied = transport(settings, plain, http.ProxyURL(settings.Proxy))
	}
	for _, hostPort := range settings.Allow {
		r.allow[strings.ToLower(hostPort)] = true
	}
	return r
}

func transport(settings Settings, dialer *net.Dialer, proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	return &http.Transport{
		Proxy:                  proxy,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    settings.Connect,
		ResponseHeaderTimeout:  settings.Header,
		MaxResponseHeaderBytes: 256 << 10,
		DisableKeepAlives:      true,
		DisableCompression:     true, // a picture does not get smaller, and a bomb does not get larger
	}
}

// RoundTrip makes one request.
func (r *roads) RoundTrip(req *http.Request) (*http.Response, error) {
	road, err := r.choose(req.URL)
	if err != nil {
		return nil, err
	}
	return road.RoundTrip(req)
}

func (r *roads) choose(target *url.URL) (http.RoundTripper, error) {
	switch {
	case target.Scheme != "http" && target.Scheme != "https", !plausible(target.Hostname()):
		return nil, refused(target, "not an address of the web")
	case target.User != nil:
		return nil, refused(target, "a login in the address")
	case r.room != "" && origin(target) == r.room:
		return r.own, nil
	case r.allow[hostPort(target)]:
		return r.allowed, nil
	case target.Scheme != "https":
		return nil, refused(target, "not https")
	case r.proxied == nil:
		return r.public, nil
	case looksPrivate(target.Hostname()):
		return nil, refused(target, "not a public address")
	}
	return r.proxied, nil
}

// plausible refuses host names with characters that none has, so that what errors name
// is harmless.
func plausible(host string) bool {
	return host != "" && !strings.ContainsFunc(host, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._:", r))
	})
}

// looksPrivate tells private hosts by their name alone: literal addresses that are not
// public, names without a dot, and names that some resolvers read as a number.
func looksPrivate(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return guard.SafeAddr(ip) != nil
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last == host || last == "localhost" || last == "local" || last == "internal" ||
		strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x")
}

// origin is scheme, host and port, with the port always there.
func origin(u *url.URL) string { return strings.ToLower(u.Scheme) + "://" + hostPort(u) }

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
