package fetch

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"imaginebot/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret stands in paths and queries: no error may repeat it.
const secret = "s3cr3t"

// serve starts a server and gives its base and its host:port.
func serve(t *testing.T, handle http.HandlerFunc) (base, hostPort string) {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server.URL, strings.TrimPrefix(server.URL, "http://")
}

// read opens an address and reads it to the end.
func read(t *testing.T, door *Door, address string, limits core.Limits) ([]byte, error) {
	t.Helper()
	body, err := door.Open(t.Context(), address, limits)
	if err != nil {
		return nil, checked(t, err)
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	return text, checked(t, err)
}

// checked sees to it that an error names nothing but the host.
func checked(t *testing.T, err error) error {
	t.Helper()
	if err != nil && strings.Contains(fmt.Sprintf("%v %+v", err, core.AsError(err).Err), secret) {
		t.Errorf("the error tells the address: %v", err)
	}
	return err
}

func wantKind(t *testing.T, err error, kind core.Kind, reason core.Reason) {
	t.Helper()
	if err == nil || core.KindOf(err) != kind || core.AsError(err).Reason != reason {
		t.Errorf("error %v, want %v: %v", err, kind, reason)
	}
}

var limits = core.Limits{Bytes: 1000}

func TestOpenGivesTheBytes(t *testing.T) {
	want := bytes.Repeat([]byte("picture "), 125)
	var asked http.Header
	base, host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header.Clone()
		_, _ = w.Write(want)
	})
	got, err := read(t, New(Settings{Allow: []string{host}}), base+"/a?b="+secret, limits)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for name := range asked {
		if name != "User-Agent" && name != "Accept" && name != "Connection" {
			t.Errorf("header %s was sent", name)
		}
	}
}

func TestOpenOverTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "picture") }))
	defer server.Close()
	door := New(Settings{Allow: []string{strings.TrimPrefix(server.URL, "https://")}})
	_, err := read(t, door, server.URL+"/"+secret, limits)
	wantKind(t, err, core.Invalid, core.ReasonPictureURL) // its certificate is nobody's

	door.roads.allowed.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	if got, err := read(t, door, server.URL, limits); err != nil || string(got) != "picture" {
		t.Errorf("%q, %v", got, err)
	}
}

// Nothing may be asked at an address that is not public, however it is spelt.
func TestPrivateAddresses(t *testing.T) {
	var asked atomic.Int32
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) })}
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			asked.Add(1)
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	defer func() { server.Close(); <-done }()
	_, port, _ := net.SplitHostPort(listener.Addr().String())

	door := New(Settings{Allow: []string{"127.0.0.1:1", "files.invalid:" + port}})
	for _, address := range []string{
		"https://127.0.0.1:" + port, "https://localhost:" + port, "https://[::1]:" + port, "https://[::ffff:127.0.0.1]:" + port,
		"https://[::ffff:7f00:1]:" + port, "https://0.0.0.0:" + port, "https://[::]:" + port, "https://[64:ff9b::7f00:1]:" + port,
		"https://10.0.0.1", "https://172.16.0.1", "https://192.168.1.1", "https://169.254.169.254/latest", "https://100.64.0.1",
		"https://[fe80::1]", "https://[fd00::1]", "https://224.0.0.1", "https://255.255.255.255",
		"http://127.0.0.1:" + port, "http://files.invalid:1", "http://93.184.215.14/", "https://user:pw@127.0.0.1:1/", "https://files.invalid:" + port + "@127.0.0.1:" + port,
		"ftp://127.0.0.1:1/", "file:///etc/passwd", "//127.0.0.1:1", "127.0.0.1:1", "", "https://", "https://a b/", "http://127.0.0.1:1 /", "https://\x00/", "https://пример.рф/",
	} {
		_, err := read(t, door, address, limits)
		if core.KindOf(err) != core.Invalid || core.AsError(err).Reason != core.ReasonPictureURL {
			t.Errorf("%q: %v", address, err)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestPublicAddressesPassTheGuard(t *testing.T) {
	for _, text := range []string{"1.1.1.1", "8.8.8.8", "2606:4700:4700::1111"} {
		if err := guard.SafeAddr(netip.MustParseAddr(text)); err != nil {
			t.Error(err)
		}
	}
}

func TestRedirects(t *testing.T) {
	var forbidden atomic.Int32
	_, elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { forbidden.Add(1) })
	other, otherHost := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie")+r.Header.Get("Referer")+r.Header.Get("Authorization") != "" {
			t.Errorf("headers %v", r.Header)
		}
		fmt.Fprint(w, "picture")
	})
	var hops int
	base, host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		to := r.URL.Query().Get("to")
		if r.URL.Path == "/loop" {
			if hops--; hops > 0 {
				to = r.URL.String()
			}
		}
		http.SetCookie(w, &http.Cookie{Name: "id", Value: "1", Path: "/"})
		http.Redirect(w, r, to, http.StatusFound)
	})
	door := New(Settings{Allow: []string{host, otherHost}})
	for _, test := range []struct {
		name, to, path string
		hops           int
		good           bool
	}{
		{name: "to another host", to: other + "/" + secret, good: true},
		{name: "five", to: other, path: "/loop", hops: 5, good: true},
		{name: "six", to: other, path: "/loop", hops: 6},
		{name: "to a private address", to: "https://" + elsewhere + "/" + secret},
		{name: "to plain http", to: "http://" + elsewhere + "/" + secret},
		{name: "to a login", to: strings.Replace(other, "http://", "http://user:"+secret+"@", 1)},
		{name: "to another scheme", to: "ftp://" + otherHost + "/" + secret},
		{name: "to nowhere", to: "http://%zz/" + secret},
	} {
		t.Run(test.name, func(t *testing.T) {
			hops = test.hops
			got, err := read(t, door, base+test.path+"?to="+url.QueryEscape(test.to), limits)
			if test.good {
				if err != nil || string(got) != "picture" {
					t.Errorf("%q, %v", got, err)
				}
				return
			}
			if kind := core.KindOf(err); kind != core.Invalid && kind != core.Busy {
				t.Errorf("error %v", err)
			}
		})
	}
	if n := forbidden.Load(); n != 0 {
		t.Errorf("%d requests to a forbidden address", n)
	}
}

func TestStatuses(t *testing.T) {
	var status int
	base, host := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	door := New(Settings{Allow: []string{host}})
	for kind, statuses := range map[core.Kind][]int{
		core.Invalid: {204, 206, 301, 304, 400, 401, 403, 404, 410, 451},
		core.Busy:    {408, 425, 429, 500, 502, 503, 504},
	} {
		for _, status = range statuses {
			_, err := read(t, door, base+"/"+secret, limits)
			wantKind(t, err, kind, core.ReasonPictureURL)
		}
	}
}

func TestSizes(t *testing.T) {
	door := func(host string) *Door { return New(Settings{Allow: []string{host}}) }
	send := func(declared, sent int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if declared >= 0 {
				w.Header().Set("Content-Length", fmt.Sprint(declared))
			}
			_, _ = w.Write(make([]byte, sent))
			_ = http.NewResponseController(w).Flush()
		}
	}
	t.Run("at the limit", func(t *testing.T) {
		base, host := serve(t, send(-1, 1000))
		if got, err := read(t, door(host), base, limits); err != nil || len(got) != 1000 {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
	t.Run("declared over it", func(t *testing.T) {
		base, host := serve(t, send(1001, 1))
		body, err := door(host).Open(t.Context(), base, limits)
		if body != nil {
			t.Error("it was opened")
		}
		wantKind(t, err, core.TooBig, core.ReasonPictureBytes)
	})
	t.Run("over it without saying so", func(t *testing.T) {
		base, host := serve(t, send(-1, 5000))
		got, err := read(t, door(host), base, limits)
		wantKind(t, err, core.TooBig, core.ReasonPictureBytes)
		if len(got) > 1000 {
			t.Errorf("%d bytes came through", len(got))
		}
	})
	t.Run("less than declared", func(t *testing.T) {
		base, host := serve(t, send(900, 10))
		_, err := read(t, door(host), base, limits)
		wantKind(t, err, core.Busy, core.ReasonPictureURL)
	})
	t.Run("compressed all the same", func(t *testing.T) {
		base, host := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("\x1f\x8b packed"))
		})
		if got, err := read(t, door(host), base, limits); err != nil || string(got) != "\x1f\x8b packed" {
			t.Errorf("%q, %v: a body was unpacked", got, err)
		}
	})
}

// raw answers every connection with a text and then with nothing more.
func raw(t *testing.T, text string) (base, hostPort string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, text)
			_, _ = io.Copy(io.Discard, conn) // until the other side goes away
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return "http://" + listener.Addr().String(), listener.Addr().String()
}

func TestTimeLimits(t *testing.T) {
	const short = 50 * time.Millisecond
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"
	for _, test := range []struct {
		name, answer string
		limits       Settings
		words        string
	}{
		{"no answer", "", Settings{Header: short}, "timed out"},
		{"no answer, in all", "", Settings{Whole: short}, errSlow.Error()},
		{"half a header", "HTTP/1.1 200 OK\r\nContent-Le", Settings{Header: short}, "timed out"},
		{"no body", head, Settings{Stall: short}, errStalled.Error()},
		{"half a body", head + "picture", Settings{Stall: short}, errStalled.Error()},
		{"half a body, in all", head + "picture", Settings{Whole: short}, errSlow.Error()},
		{"an answer that is none", "NONSENSE " + secret + "\r\n\r\n", Settings{}, "connection lost"},
	} {
		t.Run(test.name, func(t *testing.T) {
			base, host := raw(t, test.answer)
			test.limits.Allow = []string{host}
			_, err := read(t, New(test.limits), base+"/"+secret, limits)
			wantKind(t, err, core.Busy, core.ReasonPictureURL)
			if !strings.HasSuffix(err.Error(), host+": "+test.words) {
				t.Errorf("%v does not say %q", err, test.words)
			}
		})
	}
	t.Run("a byte at a time", func(t *testing.T) {
		sent := make(chan int, 1)
		base, host := serve(t, func(w http.ResponseWriter, r *http.Request) {
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			n := 0
			for r.Context().Err() == nil {
				<-tick.C
				_, _ = w.Write([]byte("x"))
				_ = http.NewResponseController(w).Flush()
				n++
			}
			sent <- n
		})
		_, err := read(t, New(Settings{Allow: []string{host}, Whole: 2 * short, Stall: short}), base, core.Limits{Bytes: 1 << 20})
		wantKind(t, err, core.Busy, core.ReasonPictureURL)
		if n := <-sent; n < 2 {
			t.Errorf("%d bytes came", n)
		}
	})
	t.Run("a slow reader is not a slow sender", func(t *testing.T) {
		goOn := make(chan struct{})
		base, host := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("x"))
			_ = http.NewResponseController(w).Flush()
			<-goOn
			_, _ = w.Write(make([]byte, 899))
		})
		body, err := New(Settings{Allow: []string{host}, Stall: short}).Open(t.Context(), base, limits)
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		if _, err := body.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * short) // the sender's limit goes by while nobody reads
		close(goOn)
		if rest, err := io.ReadAll(body); err != nil || len(rest) != 899 {
			t.Errorf("%d bytes, %v", len(rest), err)
		}
	})
}

func TestTheCallersContext(t *testing.T) {
	base, host := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\npicture")
	ctx, cancel := context.WithCancel(t.Context())
	body, err := New(Settings{Allow: []string{host}}).Open(ctx, base+"/"+secret, limits)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if _, err := io.ReadFull(body, make([]byte, 7)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := body.Read(make([]byte, 1)); !errors.Is(checked(t, err), context.Canceled) || core.KindOf(err) != core.Internal {
		t.Errorf("reading ends with %v", err)
	}
	if _, err := New(Settings{Allow: []string{host}}).Open(ctx, base, limits); !errors.Is(err, context.Canceled) {
		t.Errorf("opening ends with %v", err)
	}
}

func TestNoServerNoName(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	listener.Close()
	_, err = read(t, New(Settings{Allow: []string{host}}), "http://"+host+"/"+secret, limits)
	wantKind(t, err, core.Busy, core.ReasonPictureURL)
	if !strings.Contains(err.Error(), host) {
		t.Errorf("%v does not name the host", err)
	}
}

func TestRoom(t *testing.T) {
	base, host := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "picture") })
	redirecting, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, base+"/"+secret, http.StatusFound)
	})
	door := New(Settings{})
	parsed, err := url.Parse(base + "/api/v9")
	if err != nil {
		t.Fatal(err)
	}
	room := door.Room(parsed)
	if got, err := read(t, room, base+"/any", limits); err != nil || string(got) != "picture" {
		t.Errorf("in its room: %q, %v", got, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"from the door": func() ([]byte, error) { return read(t, door, base, limits) },
		"another port":  func() ([]byte, error) { return read(t, room, redirecting, limits) },
		"another scheme": func() ([]byte, error) {
			return read(t, room, "https://"+host, limits)
		},
		"a login": func() ([]byte, error) { return read(t, room, "http://user@"+host, limits) },
		"a redirect out of it": func() ([]byte, error) {
			out, err := url.Parse(redirecting)
			if err != nil {
				t.Fatal(err)
			}
			return read(t, door.Room(out), redirecting, limits)
		},
	} {
		_, err := open()
		if core.KindOf(err) != core.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProxy(t *testing.T) {
	asked := make(chan string, 1)
	proxyBase, proxyHost := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		w.WriteHeader(http.StatusBadGateway)
	})
	base, host := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "picture") })
	proxy, err := url.Parse(proxyBase)
	if err != nil {
		t.Fatal(err)
	}
	door := New(Settings{Allow: []string{host}, Proxy: proxy})

	_, err = read(t, door, "https://pictures.example.com/"+secret, limits)
	wantKind(t, err, core.Busy, core.ReasonPictureURL)
	if got := <-asked; got != "CONNECT pictures.example.com:443" {
		t.Errorf("the proxy was asked %q", got)
	}
	if got, err := read(t, door, base, limits); err != nil || string(got) != "picture" {
		t.Errorf("an allowed host: %q, %v", got, err)
	}
	for _, address := range []string{
		"https://127.0.0.1/", "https://" + proxyHost, "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://localhost/", "https://a.localhost/",
		"https://intranet/", "https://2130706433/", "https://127.1/", "https://0x7f.1/", "https://0x7f000001/", "https://a.0x7f/", "https://metadata.google.internal/", "https://printer.local./", "http://pictures.example.com/",
	} {
		_, err := read(t, door, address, limits)
		wantKind(t, err, core.Invalid, core.ReasonPictureURL)
	}
	select {
	case got := <-asked:
		t.Errorf("the proxy was asked %q", got)
	default:
	}
}
