package fetch

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"imaginebot/core"
)

// Settings of a Door. All may be empty.
type Settings struct {
	Allow []string // FETCH_ALLOW: exact host:port that need not be public and may be plain http
	Proxy *url.URL // FETCH_PROXY: for foreign hosts; those of Allow are reached directly

	Connect time.Duration // to connect, and again for the TLS handshake; 10 s if zero
	Header  time.Duration // until the answer begins; 30 s if zero
	Stall   time.Duration // between two pieces of the body; 20 s if zero
	Whole   time.Duration // for everything, redirects included; 4 min if zero
}

// Door fetches pictures. It is safe for concurrent use and needs no closing.
type Door struct {
	settings Settings
	roads    roads
	client   *http.Client
}

// New makes a Door.
func New(settings Settings) *Door {
	for _, limit := range []struct {
		value  *time.Duration
		ifZero time.Duration
	}{
		{&settings.Connect, 10 * time.Second},
		{&settings.Header, 30 * time.Second},
		{&settings.Stall, 20 * time.Second},
		// 50 MiB, the largest picture, at two megabits a second.
		{&settings.Whole, 4 * time.Minute},
	} {
		if *limit.value <= 0 {
			*limit.value = limit.ifZero
		}
	}
	return newDoor(settings, newRoads(settings))
}

// Room is a Door that also reaches base's origin, whatever its address and scheme, as
// HTTPS_PROXY and NO_PROXY say. It is for addresses that came from base itself, never for
// one that a person gave.
func (d *Door) Room(base *url.URL) *Door {
	roads := d.roads
	roads.room = origin(base)
	return newDoor(d.settings, roads)
}

func newDoor(settings Settings, roads roads) *Door {
	return &Door{
		settings: settings,
		roads:    roads,
		client:   &http.Client{Transport: &roads, CheckRedirect: checkRedirect},
	}
}

const maxRedirects = 5

func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return refused(req.URL, "redirected too often")
	}
	req.Header.Del("Referer") // net/http has put the address before there
	return nil
}

// Open begins to read the picture at an address, of which no more than limits.Bytes come
// through; close it in the end. ctx holds for the reading too. Errors, those of reading
// included, are as the package says.
func (d *Door) Open(ctx context.Context, address string, limits core.Limits) (io.ReadCloser, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, refused(&url.URL{}, "not an address")
	}
	visit := newVisit(ctx, target, d.settings)
	body, err := d.open(visit, target, limits)
	if err != nil {
		visit.end()
		return nil, err
	}
	return body, nil
}

func (d *Door) open(visit *visit, target *url.URL, limits core.Limits) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(visit.ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, refused(target, "not an address")
	}
	// Some hosts recode what they send to whoever admits to knowing newer formats.
	req.Header.Set("Accept", "*/*")
	req.Header.Set("User-Agent", "imaginebot")
	resp, err := d.client.Do(req)
	if err != nil {
		return nil, visit.failed(err)
	}
	if err := visit.judge(resp, limits); err != nil {
		resp.Body.Close()
		return nil, err
	}
	body := newBody(visit, resp.Body, d.settings.Stall)
	return struct {
		io.Reader
		io.Closer
	}{limits.Cap(body), body}, nil
}
