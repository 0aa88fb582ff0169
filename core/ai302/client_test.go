package ai302_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"imaginebot/core/ai302"
	"imaginebot/core/ai302/ai302test"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	key    = "the-key-of-this-test"
	prompt = "a heron in the reeds"
)

// stage is a client and the stand-in it talks to.
type stage struct {
	*ai302.Client
	fake    *ai302test.Server
	log     *bytes.Buffer
	mu      sync.Mutex
	records []ai302.CallRecord
}

// open starts both. A test that does not ask for violations must not cause any.
func open(t *testing.T, change ...func(*ai302.Settings, *ai302test.Settings)) *stage {
	t.Helper()
	st := &stage{log: &bytes.Buffer{}}
	ours, theirs := quick(), ai302test.Settings{Key: key, MaxSide: 64}
	ours.Log = slog.New(slog.NewTextHandler(&lockedWriter{w: st.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ours.OnCall = func(r ai302.CallRecord) {
		st.mu.Lock()
		defer st.mu.Unlock()
		st.records = append(st.records, r)
	}
	for _, c := range change {
		c(&ours, &theirs)
	}
	st.fake = ai302test.New(theirs)
	if err := st.fake.Start(); err != nil {
		t.Fatal(err)
	}
	ours.Base = st.fake.URL()
	client, err := ai302.New(ours)
	if err != nil {
		t.Fatal(err)
	}
	st.Client = client
	t.Cleanup(func() {
		client.Close()
		st.fake.Close()
		if v := st.fake.Violations(); len(v) > 0 {
			t.Errorf("violations:\n%s", strings.Join(v, "\n"))
		}
		for _, secret := range []string{key, "heron", "127.0.0.1", "signature"} {
			if strings.Contains(st.log.String(), secret) {
				t.Errorf("the log holds %q:\n%s", secret, st.log)
			}
		}
	})
	return st
}

func quick() ai302.Settings {
	return ai302.Settings{Key: key, PollKontext: time.Millisecond, PollTask: time.Millisecond, RepeatPause: time.Millisecond}
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// ctx is for calls that must end by themselves.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// failure insists on one of our errors that gives nothing away.
func failure(t *testing.T, err error) *ai302.Error {
	t.Helper()
	var e *ai302.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want an *ai302.Error", err)
	}
	for _, secret := range []string{key, "heron", "://", "127.0.0.1", "get_result", "upstream words"} {
		if strings.Contains(e.Error(), secret) {
			t.Errorf("the error's text holds %q: %s", secret, e)
		}
	}
	return e
}

func want(t *testing.T, err error, s ai302.Situation, notRun bool) *ai302.Error {
	t.Helper()
	e := failure(t, err)
	if e.Situation != s || e.NotRun != notRun {
		t.Errorf("situation %s, not run %v; want %s, %v (%v)", e.Situation, e.NotRun, s, notRun, e)
	}
	return e
}

func paid(t *testing.T, st *stage, endpoint string, executed, calls int) {
	t.Helper()
	came := 0
	for _, c := range st.fake.Calls() {
		if c.Endpoint == endpoint {
			came++
		}
	}
	if got := st.fake.Paid()[endpoint]; got != executed || came != calls {
		t.Errorf("%s: %d executed of %d calls, want %d of %d", endpoint, got, came, executed, calls)
	}
}

// fetched gets a picture from the foreign host, as the product does: without the key.
func fetched(t *testing.T, url string) image.Config {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	config, _, err := image.DecodeConfig(resp.Body)
	if err != nil {
		t.Fatalf("picture at %s: %v (%s)", url, err, resp.Status)
	}
	return config
}

func TestNewRefusesSettings(t *testing.T) {
	for name, s := range map[string]ai302.Settings{
		"no base":           {Key: key},
		"no scheme":         {Key: key, Base: "api.302.ai"},
		"other scheme":      {Key: key, Base: "ftp://api.302.ai"},
		"user in base":      {Key: key, Base: "https://someone:word@api.302.ai"},
		"query in base":     {Key: key, Base: "https://api.302.ai/?a=b"},
		"no key":            {Base: "https://api.302.ai"},
		"line break in key": {Base: "https://api.302.ai", Key: "one\ntwo"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ai302.New(s)
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), "word") || strings.Contains(err.Error(), "two") {
				t.Errorf("the error repeats a secret: %v", err)
			}
		})
	}
}

func TestBaseMayEndInSlash(t *testing.T) {
	st := open(t)
	s := quick()
	s.Base = st.fake.URL() + "/"
	c, err := ai302.New(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Balance(within(t)); err != nil {
		t.Error(err)
	}
}

func TestCallsAreRecorded(t *testing.T) {
	st := open(t)
	st.fake.Script(ai302test.Match{Endpoint: ai302test.Balance}, ai302test.ServerError(false), 1)
	if _, err := st.Balance(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Generate(within(t), ai302.GenerateRequest{Prompt: prompt, Model: "flux-dev-t2i"}); err != nil {
		t.Fatal(err)
	}
	type row struct {
		endpoint, model string
		status          int
		situation       ai302.Situation
	}
	expected := []row{{"balance", "", 500, ai302.Unavailable}, {"balance", "", 200, ai302.OK}, {"generate", "flux-dev-t2i", 200, ai302.OK}}
	if len(st.records) != len(expected) {
		t.Fatalf("records: %+v", st.records)
	}
	for i, r := range st.records {
		if got := (row{r.Endpoint, r.Model, r.Status, r.Situation}); got != expected[i] || r.Duration <= 0 {
			t.Errorf("record %d is %+v, want %+v", i, r, expected[i])
		}
	}
	if !strings.Contains(st.log.String(), "request_id=req-") {
		t.Errorf("the log does not name the request:\n%s", st.log)
	}
}

// dialer lets a test fail or hold the connecting.
func dialing(dial func(ctx context.Context, network, addr string) (net.Conn, error)) func(*ai302.Settings, *ai302test.Settings) {
	return func(s *ai302.Settings, _ *ai302test.Settings) {
		s.HTTP = &http.Client{Transport: &http.Transport{DialContext: dial}}
	}
}

func TestPaidCallIsRepeatedOnlyWhenNothingWasSent(t *testing.T) {
	var dials atomic.Int32
	st := open(t, dialing(func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) < 3 {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("refused for the test")}
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}))
	if _, err := st.Generate(within(t), ai302.GenerateRequest{Prompt: prompt, Model: "flux-dev-t2i"}); err != nil {
		t.Fatal(err)
	}
	paid(t, st, ai302test.Generate, 1, 1)
	if dials.Load() != 3 {
		t.Errorf("%d dials, want 3", dials.Load())
	}
}

func TestNoConnectionIsNotRun(t *testing.T) {
	var dials atomic.Int32
	st := open(t, dialing(func(context.Context, string, string) (net.Conn, error) {
		dials.Add(1)
		return nil, &net.DNSError{Err: "no such host", Name: "api.302.ai", IsNotFound: true}
	}))
	_, err := st.Generate(within(t), ai302.GenerateRequest{Prompt: prompt, Model: "flux-dev-t2i"})
	want(t, err, ai302.Unavailable, true)
	_, err = st.SubmitFluxGeneral(within(t), tiger())
	want(t, err, ai302.Unavailable, true)
	_, err = st.SubmitKontext(within(t), "flux-kontext-pro", ai302.KontextRequest{Prompt: prompt, Image: png(t)})
	want(t, err, ai302.Unavailable, true)
	_, err = st.Balance(within(t))
	want(t, err, ai302.Unavailable, false)
	if dials.Load() != 12 {
		t.Errorf("%d dials, want 3 for each of 4 calls", dials.Load())
	}
}

func TestTLSFailureIsNotRun(t *testing.T) {
	var posts atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { posts.Add(1) }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	s := quick()
	s.Base = server.URL
	c, err := ai302.New(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Generate(within(t), ai302.GenerateRequest{Prompt: prompt, Model: "flux-dev-t2i"})
	if e := want(t, err, ai302.Unavailable, true); !strings.Contains(e.Reason, "certificate") {
		t.Errorf("reason %q does not name the certificate", e.Reason)
	}
	if posts.Load() != 0 {
		t.Error("the request was sent")
	}
}

func TestContextEndsBeforeAnythingIsSent(t *testing.T) {
	dialed := make(chan struct{})
	st := open(t, dialing(func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(dialed)
		<-ctx.Done()
		return nil, ctx.Err()
	}))
	ctx, cancel := context.WithCancel(within(t))
	go func() { <-dialed; cancel() }()
	_, err := st.Generate(ctx, ai302.GenerateRequest{Prompt: prompt, Model: "flux-dev-t2i"})
	want(t, err, ai302.Stopped, true)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not wrap the context's error", err)
	}
	paid(t, st, ai302test.Generate, 0, 0)
}

func TestContextEndsBetweenTwoTries(t *testing.T) {
	ctx, cancel := context.WithCancel(within(t))
	st := open(t, dialing(func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: errors.New("refused for the test")}
	}), func(s *ai302.Settings, _ *ai302test.Settings) {
		s.RepeatPause = time.Hour
		s.OnCall = func(ai302.CallRecord) { cancel() }
	})
	_, err := st.Generate(ctx, ai302.GenerateRequest{Prompt: prompt, Model: "flux-dev-t2i"})
	want(t, err, ai302.Stopped, true)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not wrap the context's error", err)
	}
}

func TestContextEndedAlready(t *testing.T) {
	st := open(t)
	ctx, cancel := context.WithCancel(within(t))
	cancel()
	_, err := st.Generate(ctx, ai302.GenerateRequest{Prompt: prompt, Model: "flux-dev-t2i"})
	want(t, err, ai302.Stopped, true)
	_, err = st.Balance(ctx)
	want(t, err, ai302.Stopped, false)
	paid(t, st, ai302test.Generate, 0, 0)
}

func TestContextEndsWhileRunning(t *testing.T) {
	st := open(t)
	st.fake.Script(ai302test.Match{}, ai302test.Trouble{Until: make(chan struct{})}, ai302test.Always)
	for endpoint, call := range map[string]func(context.Context) error{
		ai302test.Generate: func(ctx context.Context) error {
			_, err := st.Generate(ctx, ai302.GenerateRequest{Prompt: prompt, Model: "flux-dev-t2i"})
			return err
		},
		ai302test.FluxGeneral: func(ctx context.Context) error {
			_, err := st.SubmitFluxGeneral(ctx, tiger())
			return err
		},
		ai302test.Kontext: func(ctx context.Context) error {
			_, err := st.SubmitKontext(ctx, "flux-kontext-max", ai302.KontextRequest{Prompt: prompt, Image: png(t)})
			return err
		},
	} {
		t.Run(endpoint, func(t *testing.T) {
			ctx, cancel := context.WithCancel(within(t))
			go func() {
				defer cancel()
				if _, err := st.fake.WaitCalls(within(t), ai302test.Match{Endpoint: endpoint}, 1); err != nil {
					t.Error(err)
				}
			}()
			err := call(ctx)
			want(t, err, ai302.Ambiguous, false)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v does not wrap the context's error", err)
			}
			ended, err := st.fake.WaitEnded(within(t), ai302test.Match{Endpoint: endpoint}, 1)
			if err != nil {
				t.Fatal(err)
			}
			if ended[0].Outcome != ai302test.Abandoned {
				t.Errorf("outcome %q", ended[0].Outcome)
			}
			paid(t, st, endpoint, 1, 1)
		})
	}
}

func TestOwnTimeLimitIsAmbiguous(t *testing.T) {
	st := open(t, func(s *ai302.Settings, _ *ai302test.Settings) { s.GenerateTimeout = 30 * time.Millisecond })
	st.fake.Script(ai302test.Match{}, ai302test.Trouble{Until: make(chan struct{})}, 1)
	_, err := st.Generate(within(t), ai302.GenerateRequest{Prompt: prompt, Model: "flux-dev-t2i"})
	want(t, err, ai302.Ambiguous, false)
	paid(t, st, ai302test.Generate, 1, 1)
}

// A kept connection that dies under a POST is the case in which net/http itself
// would send a request again, if the request allowed it.
func TestDyingKeptConnectionDoesNotRepeatPaidCall(t *testing.T) {
	var posts atomic.Int32
	from := make(chan string, 9)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from <- r.RemoteAddr
		if r.Method == http.MethodGet {
			_, _ = w.Write([]byte(`{"data":{"balance":"1"}}`))
			return
		}
		posts.Add(1)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	}))
	defer server.Close()
	s := quick()
	s.Base, s.HTTP = server.URL, &http.Client{Transport: &http.Transport{}}
	c, err := ai302.New(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Balance(within(t)); err != nil {
		t.Fatal(err)
	}
	_, err = c.SubmitFluxGeneral(within(t), tiger())
	want(t, err, ai302.Ambiguous, false)
	if <-from != <-from {
		t.Fatal("the connection was not kept, so this proves nothing")
	}
	if posts.Load() != 1 {
		t.Errorf("%d POSTs, want 1", posts.Load())
	}
}

func TestConnectionLostInTheMiddleOfSending(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	accepted := make(chan int, 9)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			n, _ := io.ReadFull(conn, make([]byte, 100_000))
			accepted <- n
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	}()
	s := quick()
	s.Base = "http://" + listener.Addr().String()
	c, err := ai302.New(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	picture := ai302test.Noise(ai302test.DrawRequest{Width: 3000, Height: 3000})
	_, err = c.SubmitKontext(within(t), "flux-kontext-pro", ai302.KontextRequest{Prompt: prompt, Image: picture})
	want(t, err, ai302.Ambiguous, false)
	if n := <-accepted; n != 100_000 || len(accepted) != 0 {
		t.Errorf("%d bytes came, and %d more connections", n, len(accepted))
	}
}

func TestAnswersAreCapped(t *testing.T) {
	var came atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came.Add(1)
		// A server that has not read all resets the connection when it closes it.
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodGet {
			_, _ = fmt.Fprintf(w, `{"data":{"balance":"1"},"more":"%s"}`, bytes.Repeat([]byte("a"), 8<<20))
			return
		}
		_, _ = fmt.Fprintf(w, `{"image_url":"","data":{"data":[{"b64_json":"%s"}]}}`, bytes.Repeat([]byte("aaaa"), 3<<20))
	}))
	defer server.Close()
	s := quick()
	s.Base = server.URL
	c, err := ai302.New(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Balance(within(t))
	want(t, err, ai302.Internal, false)
	_, err = c.SubmitFluxGeneral(within(t), tiger())
	if e := want(t, err, ai302.Ambiguous, false); !strings.Contains(e.Reason, "too large") {
		t.Errorf("reason %q", e.Reason)
	}
	answer, err := c.Generate(within(t), ai302.GenerateRequest{Prompt: prompt, Model: "m"})
	if err != nil || len(answer.Bytes) != 9<<20 {
		t.Errorf("%d bytes inline, %v", len(answer.Bytes), err)
	}
	if came.Load() != 3 {
		t.Errorf("%d calls, want 3", came.Load())
	}
}

func TestFreeAnswersInOtherForms(t *testing.T) {
	var text atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, text.Load().(string))
	}))
	defer server.Close()
	s := quick()
	s.Base = server.URL
	c, err := ai302.New(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for answer, row := range map[string]struct {
		balance string
		failed  ai302.Situation
	}{
		`{"data":{"balance":"12.34"}}`:        {"12.34", ""},
		`{"code":0,"data":{"balance":12.34}}`: {"12.34", ""},
		`{"data":{"balance":"-0.5"}}`:         {"-0.5", ""},
		`{"data":{"balance":"<b>12</b>"}}`:    {"", ai302.Failed},
		`{"data":{"balance":null}}`:           {"", ai302.Failed},
		`{"data":[]}`:                         {"", ai302.Failed},
		`{"code":500,"message":"x"}`:          {"", ai302.Unavailable},
		`{"code":401,"message":"x"}`:          {"", ai302.KeyFault},
	} {
		text.Store(answer)
		got, err := c.Balance(within(t))
		if row.failed != "" {
			want(t, err, row.failed, false)
		} else if got != row.balance || err != nil {
			t.Errorf("%s: %q, %v", answer, got, err)
		}
	}
	for answer, url := range map[string]string{
		`{"code":200,"data":"https://file.302.ai/a"}`:         "https://file.302.ai/a",
		`{"code":200,"data":{"url":"https://file.302.ai/a"}}`: "https://file.302.ai/a",
		`{"code":200,"data":"a"}`:                             "",
		`{"code":200,"data":null}`:                            "",
	} {
		text.Store(answer)
		got, err := c.UploadFile(within(t), "a.png", "image/png", []byte("x"))
		if url == "" {
			want(t, err, ai302.Failed, false)
		} else if got != url || err != nil {
			t.Errorf("%s: %q, %v", answer, got, err)
		}
	}
}

func TestPaidCallsUseFreshConnections(t *testing.T) {
	var mu sync.Mutex
	var from []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		from = append(from, r.RemoteAddr)
		_, _ = w.Write([]byte(`{"data":{"balance":"1"},"image_url":"https://file.302.ai/a.png"}`))
	}))
	defer server.Close()
	s := quick()
	s.Base = server.URL
	c, err := ai302.New(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		if _, err := c.Balance(within(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Generate(within(t), ai302.GenerateRequest{Prompt: prompt, Model: "m"}); err != nil {
			t.Fatal(err)
		}
	}
	balance1, paid1, balance2, paid2 := from[0], from[1], from[2], from[3]
	if balance1 != balance2 {
		t.Error("free calls do not share a connection")
	}
	if paid1 == balance1 || paid2 == balance1 || paid1 == paid2 {
		t.Error("a paid call went over a used connection")
	}
}

func TestRedirects(t *testing.T) {
	t.Run("to another origin", func(t *testing.T) {
		st := open(t)
		away := "http://" + st.fake.PicturesHostPort() + "/dashboard/balance"
		st.fake.Script(ai302test.Match{Endpoint: ai302test.Balance}, ai302test.Trouble{Status: 302, Location: away}, ai302test.Always)
		_, err := st.Balance(within(t))
		want(t, err, ai302.Internal, false)
		if n := len(calls(st, ai302test.PictureGet)); n != 0 {
			t.Errorf("%d calls arrived elsewhere", n)
		}
	})
	t.Run("to another port of the same host", func(t *testing.T) {
		st := open(t)
		other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			t.Errorf("followed, key %q", r.Header.Get("Authorization"))
		}))
		defer other.Close()
		st.fake.Script(ai302test.Match{}, ai302test.Trouble{Status: 307, Location: other.URL}, ai302test.Always)
		_, err := st.UploadFile(within(t), "a.png", "image/png", png(t))
		want(t, err, ai302.Internal, false)
		_, err = st.askKontext(within(t), "an-id")
		want(t, err, ai302.Internal, false)
	})
	t.Run("within the origin", func(t *testing.T) {
		st := open(t)
		st.fake.Script(ai302test.Match{Endpoint: ai302test.Balance}, ai302test.Trouble{Status: 302, Location: st.fake.URL() + "/dashboard/balance"}, 1)
		if _, err := st.Balance(within(t)); err != nil {
			t.Error(err)
		}
	})
	for _, status := range []int{302, 307} {
		t.Run(fmt.Sprint("of a paid call with ", status), func(t *testing.T) {
			st := open(t)
			st.fake.Script(ai302test.Match{}, ai302test.Trouble{Status: status, Location: st.fake.URL() + "/302/image/generate"}, 1)
			_, err := st.Generate(within(t), ai302.GenerateRequest{Prompt: prompt, Model: "flux-dev-t2i"})
			want(t, err, ai302.Ambiguous, false)
			paid(t, st, ai302test.Generate, 0, 1)
		})
	}
}

// askKontext is KontextResult without the picture, for tests of failures.
func (st *stage) askKontext(ctx context.Context, id string) (ready bool, err error) {
	_, ready, err = st.KontextResult(ctx, id)
	return ready, err
}

func calls(st *stage, endpoint string) []ai302test.Call {
	var all []ai302test.Call
	for _, c := range st.fake.Calls() {
		if c.Endpoint == endpoint {
			all = append(all, c)
		}
	}
	return all
}

func png(t *testing.T) []byte {
	t.Helper()
	return ai302test.Poster(ai302test.DrawRequest{Prompt: "input", Width: 96, Height: 64})
}

func tiger() ai302.FluxGeneralRequest {
	return ai302.FluxGeneralRequest{Prompt: prompt, Steps: 28, Guidance: 3.5, Width: 768, Height: 1024}
}
