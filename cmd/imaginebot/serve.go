package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// routes are /healthz (the process runs), /readyz (it can do its work), /metrics, and
// the webhook where there is one.
func (b *bot) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if why := b.notReady(r.Context()); why != "" {
			http.Error(w, why, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", b.metrics.handler(b.adapters))
	if b.webhook != nil {
		mux.Handle(b.settings.TelegramWebhook.EscapedPath(), b.webhook)
	}
	return mux
}

func (b *bot) notReady(ctx context.Context) string {
	if err := b.db.Ping(ctx); err != nil {
		return "the database does not answer"
	}
	for _, adapter := range b.adapters {
		if !adapter.Connected() {
			return string(adapter.Platform()) + " is not connected"
		}
	}
	return ""
}

// serve answers HTTP until ctx ends.
func (b *bot) serve(ctx context.Context) error {
	if b.listener == nil {
		return nil
	}
	server := &http.Server{Handler: b.routes(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(ending) != nil {
			server.Close()
		}
	})
	defer stop()
	if err := server.Serve(b.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}

// health asks the /healthz of a bot that runs with the same HTTP_ADDR.
func health(ctx context.Context, addr string, out io.Writer) int {
	if addr == "" {
		fmt.Fprintln(out, "HTTP_ADDR is empty, so there is nothing to ask: set it, for example 127.0.0.1:8302")
		return wrong
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		fmt.Fprintln(out, "HTTP_ADDR is not host:port")
		return wrong
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		fmt.Fprintln(out, "HTTP_ADDR is not host:port")
		return wrong
	}
	direct := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := direct.Do(request)
	if err != nil {
		fmt.Fprintf(out, "no answer on %s\n", addr)
		return failed
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		fmt.Fprintf(out, "%s answers %s\n", addr, answer.Status)
		return failed
	}
	fmt.Fprintln(out, "ok")
	return fine
}
