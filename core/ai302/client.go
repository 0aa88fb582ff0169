package ai302

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

// Settings say how to reach 302.AI. Only Base and Key are required.
type Settings struct {
	// Base is where all paths start, such as https://api.302.ai. It may have a
	// path of its own. The key goes to this origin and to no other.
	Base string
	// Key is sent as a bearer token.
	Key string

	// HTTP replaces the client's own two pools of connections, one for paid
	// and one for free calls, which honour HTTPS_PROXY and NO_PROXY. Redirects are
	// under the client's own rule in any case.
	HTTP *http.Client
	// Log is told of each call at debug level; nil is silent.
	Log *slog.Logger
	// OnCall, if set, is called after each HTTP request, repeats included.
	OnCall func(CallRecord)

	GenerateTimeout time.Duration // of one Generate; 240 s if zero
	SubmitTimeout   time.Duration // of one submit; 120 s if zero
	UploadTimeout   time.Duration // of one upload; 120 s if zero
	FetchTimeout    time.Duration // of one free GET; 30 s if zero

	PollKontext time.Duration // between two questions for a Kontext result; 2 s if zero, as in 302.AI's SDK
	PollTask    time.Duration // between two questions for a task; 5 s if zero, as in 302.AI's code
	RepeatPause time.Duration // before the first repeat of a call that may be repeated; 250 ms if zero, then doubling
}

// CallRecord is what one HTTP request came to, for metrics.
type CallRecord struct {
	Endpoint  string // one of the Endpoint constants
	Model     string // empty where the endpoint has none
	Status    int    // HTTP status, 0 without an answer
	Duration  time.Duration
	Situation Situation // OK, or that of the error
}

// The endpoints as [CallRecord] and [Error] name them.
const (
	EndpointGenerate      = "generate"
	EndpointFluxGeneral   = "flux-general"
	EndpointTask          = "task"
	EndpointKontext       = "kontext"
	EndpointKontextResult = "kontext-result"
	EndpointUpload        = "upload"
	EndpointBalance       = "balance"
)

const (
	// maxJSON bounds an answer that has no reason to hold a picture.
	maxJSON = 8 << 20
	// maxInlineJSON bounds an answer that may hold a picture as b64_json: the
	// product takes pictures up to 50 MiB, and base64 makes a third more of them.
	maxInlineJSON = 80 << 20
	// MaxPicture is the largest input picture in bytes that Kontext takes.
	MaxPicture = 20 << 20
)

// Client calls 302.AI. It is safe for concurrent use.
type Client struct {
	settings   Settings
	base       *url.URL
	paid, free *http.Client
	repeatPaid retrypolicy.RetryPolicy[any]
	repeatFree retrypolicy.RetryPolicy[any]
}

// New checks the settings; it does not touch the network. Close the client when
// done with it.
func New(s Settings) (*Client, error) {
	base, err := parseBase(s.Base)
	if err != nil {
		return nil, err
	}
	if s.Key == "" || strings.ContainsFunc(s.Key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("ai302: the key is empty or has characters that no key has")
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.OnCall == nil {
		s.OnCall = func(CallRecord) {}
	}
	for _, d := range []struct {
		value  *time.Duration
		ifZero time.Duration
	}{
		{&s.GenerateTimeout, 240 * time.Second},
		{&s.SubmitTimeout, 120 * time.Second},
		{&s.UploadTimeout, 120 * time.Second},
		{&s.FetchTimeout, 30 * time.Second},
		{&s.PollKontext, 2 * time.Second},
		{&s.PollTask, 5 * time.Second},
		{&s.RepeatPause, 250 * time.Millisecond},
	} {
		if *d.value <= 0 {
			*d.value = d.ifZero
		}
	}
	c := &Client{settings: s, base: base}
	if s.HTTP != nil {
		c.paid = c.guarded(*s.HTTP)
		c.free = c.guarded(*s.HTTP)
	} else {
		c.paid = c.guarded(http.Client{Transport: paidTransport()})
		c.free = c.guarded(http.Client{Transport: freeTransport()})
	}
	c.repeatPaid = repeatWhile(s.RepeatPause, func(e *Error) bool { return e.Situation == Unavailable && e.NotRun })
	c.repeatFree = repeatWhile(s.RepeatPause, func(e *Error) bool { return e.Situation == Unavailable })
	return c, nil
}

// Close drops idle connections.
func (c *Client) Close() {
	c.paid.CloseIdleConnections()
	c.free.CloseIdleConnections()
}

func parseBase(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" ||
		base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("ai302: the base must be an http or https URL without user, query and fragment")
	}
	base.Path = strings.TrimRight(base.Path, "/")
	base.RawPath = strings.TrimRight(base.RawPath, "/")
	return base, nil
}

func paidTransport() *http.Transport {
	t := freeTransport()
	t.DisableKeepAlives = true
	t.ForceAttemptHTTP2 = false
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	return t
}

func freeTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     60 * time.Second,
	}
}

var errForeignRedirect = errors.New("redirected to another origin")

// guarded gives the client a redirect rule under which the key stays at home: a
// POST is never redirected, a GET only within the base's origin.
func (c *Client) guarded(client http.Client) *http.Client {
	client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		switch {
		case via[0].Method != http.MethodGet:
			return http.ErrUseLastResponse
		case origin(req.URL) != origin(c.base) || len(via) > 5:
			return errForeignRedirect
		}
		return nil
	}
	return &client
}

// origin is scheme, host and port with the default port spelt out.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	return strings.ToLower(u.Scheme) + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

func repeatWhile(pause time.Duration, mendable func(*Error) bool) retrypolicy.RetryPolicy[any] {
	return retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool {
			var e *Error
			return errors.As(err, &e) && mendable(e)
		}).
		WithMaxAttempts(3).
		WithBackoff(pause, 8*pause).
		WithJitterFactor(0.2).
		ReturnLastFailure().
		Build()
}
