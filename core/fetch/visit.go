package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"code.dny.dev/ssrf"

	"imaginebot/core"
)

// visit is one Open, from the first connection to the end of the body.
type visit struct {
	asked  context.Context // the caller's
	ctx    context.Context // the visit's own, which our time limits end
	cancel context.CancelCauseFunc
	whole  *time.Timer
	target *url.URL
}

var (
	errStalled = errors.New("the sender stalled")
	errSlow    = errors.New("it took too long")
)

func newVisit(ctx context.Context, target *url.URL, settings Settings) *visit {
	v := &visit{asked: ctx, target: target}
	v.ctx, v.cancel = context.WithCancelCause(ctx)
	v.whole = time.AfterFunc(settings.Whole, func() { v.cancel(errSlow) })
	return v
}

func (v *visit) end() {
	v.whole.Stop()
	v.cancel(nil)
}

// judge refuses an answer by its status and by the size it declares.
func (v *visit) judge(resp *http.Response, limits core.Limits) error {
	switch status := resp.StatusCode; {
	case status == http.StatusOK && resp.ContentLength > limits.Bytes:
		return &core.Error{Kind: core.TooBig, Reason: core.ReasonPictureBytes, Limit: limits.Bytes}
	case status == http.StatusOK:
		return nil
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return busy(resp.Request.URL, fmt.Sprintf("HTTP %d", status))
	default:
		return refused(resp.Request.URL, fmt.Sprintf("HTTP %d", status))
	}
}

// failed says what became of a visit that ended in err. Errors of net/http quote addresses
// and foreign text, so nothing of them but their type is used.
func (v *visit) failed(err error) error {
	var known *core.Error
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var timeout net.Error
	var op *net.OpError
	target := v.target
	if at := new(url.Error); errors.As(err, &at) { // perhaps a redirected address
		if parsed, err := url.Parse(at.URL); err == nil {
			target = parsed
		}
	}
	switch cause := context.Cause(v.ctx); {
	case v.asked.Err() != nil:
		return fmt.Errorf("fetch from %s: %w", hostOf(target), v.asked.Err())
	case cause != nil:
		return busy(target, cause.Error())
	case errors.As(err, &known):
		return known
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedNetwork), errors.Is(err, ssrf.ErrInvalidHostPort):
		return refused(target, "not a public address")
	case errors.As(err, &dns) && dns.IsNotFound:
		return refused(target, "no such host")
	case errors.As(err, &dns):
		return busy(target, "host name not resolved")
	case errors.As(err, &cert):
		return refused(target, "certificate not trusted")
	case errors.As(err, &timeout) && timeout.Timeout():
		return busy(target, "timed out")
	case errors.As(err, &op):
		return busy(target, op.Op+" was not possible")
	}
	return busy(target, "connection lost")
}

// refused is the error of an address that it is of no use to ask, or to ask again.
func refused(target *url.URL, why string) error { return failure(core.Invalid, target, why) }

// busy is the error of an address that may be asked again later.
func busy(target *url.URL, why string) error { return failure(core.Busy, target, why) }

func failure(kind core.Kind, target *url.URL, why string) error {
	return &core.Error{Kind: kind, Reason: core.ReasonPictureURL, Err: fmt.Errorf("fetch from %s: %s", hostOf(target), why)}
}

// hostOf is what errors may say of an address.
func hostOf(target *url.URL) string {
	if !plausible(target.Hostname()) {
		return "a host"
	}
	return target.Host
}

// body is an answer's body under the visit's time limits.
type body struct {
	visit *visit
	from  io.ReadCloser
	stall *time.Timer
	limit time.Duration
}

func newBody(v *visit, from io.ReadCloser, stall time.Duration) *body {
	timer := time.AfterFunc(stall, func() { v.cancel(errStalled) })
	timer.Stop()
	return &body{visit: v, from: from, stall: timer, limit: stall}
}

// Read reads on. Only the sender's slowness counts, not the reader's.
func (b *body) Read(p []byte) (int, error) {
	b.stall.Reset(b.limit)
	n, err := b.from.Read(p)
	b.stall.Stop()
	if err != nil && err != io.EOF {
		err = b.visit.failed(err)
	}
	return n, err
}

// Close ends the visit.
func (b *body) Close() error {
	b.stall.Stop()
	b.visit.end()
	return b.from.Close()
}
