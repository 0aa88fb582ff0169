package ai302

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lost is the situation of a call whose answer never came or cannot be read.
func lost(k call) Situation {
	if k.paid {
		return Ambiguous
	}
	return Unavailable
}

// unanswered judges a request that ended without a response. ctx is the
// caller's, without the call's own time limit.
func unanswered(ctx context.Context, k call, begun bool, err error) *Error {
	failure := &Error{Operation: k.endpoint, cause: ctx.Err()}
	switch {
	case errors.Is(err, errForeignRedirect):
		failure.Situation, failure.Reason = Internal, errForeignRedirect.Error()
	case k.paid && begun:
		failure.Situation, failure.Reason = Ambiguous, "no answer: "+networkReason(err)
	case ctx.Err() != nil:
		return stopped(ctx, k.endpoint, k.paid)
	default:
		failure.Situation, failure.NotRun, failure.Reason = Unavailable, k.paid, "no connection: "+networkReason(err)
	}
	return failure
}

// networkReason puts a network failure into words that name hosts at most. Other
// errors of net/http quote the URL or what the server wrote.
func networkReason(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	var timeout net.Error
	var cause syscall.Errno
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	case errors.Is(err, context.Canceled):
		return "stopped"
	case errors.As(err, &dns):
		return "host name not resolved"
	case errors.As(err, &cert):
		return "certificate not trusted"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timed out"
	case errors.As(err, &op) && errors.As(err, &cause):
		return op.Op + ": " + cause.Error()
	case errors.As(err, &op):
		return op.Op + " failed"
	}
	return "connection lost"
}

// judge decides from status and body whether the call failed, and how. The
// gateway's code counts before the status where it names one cause alone;
// -10003 and -1024 do not.
func judge(k call, status int, header http.Header, body []byte) *Error {
	said, isObject := readFault(body)
	failure := &Error{
		Operation:  k.endpoint,
		Status:     status,
		Code:       said.code,
		RequestID:  plainWord(header.Get("Request-Id")),
		RetryAfter: retryAfter(header.Get("Retry-After"), time.Now()),
	}
	if failure.RequestID == "" {
		failure.RequestID = said.requestID
	}
	ok := status >= 200 && status < 300
	switch {
	case ok && !isObject:
		failure.Situation, failure.Reason = lost(k), "the answer is not JSON"
		return failure
	case ok && !said.failed:
		return nil
	case ok && said.status != 0:
		status, ok = said.status, false
	}

	if s, known := gatewayCodes[said.code]; known {
		failure.Situation = s
		failure.NotRun = k.paid && (s != Invalid || provesNotRun(status))
		return failure
	}
	failure.NotRun = k.paid && provesNotRun(status)
	switch {
	case ok && said.ofSafety():
		failure.Situation = Moderated
	case ok && !k.paid && (said.code == -10003 || said.code == -1024):
		failure.Situation = Unavailable
	case ok:
		failure.Situation, failure.Reason = Failed, "the provider reports a failure"
	// 403 is not documented for moderation, but makers behind the gateway use it
	// so, and taking it for a bad key would stop the bot for everybody.
	case (status == 400 || status == 403 || status == 422) && said.ofSafety():
		failure.Situation = Moderated
	case status == 401, status == 403:
		failure.Situation = KeyFault
	case status == 402:
		failure.Situation = BalanceFault
	case status == 404 && !k.paid:
		failure.Situation = NotFound
	case status == 413:
		failure.Situation = TooLarge
	case status == 429:
		failure.Situation = RateLimited
	case failure.NotRun, status >= 400 && status < 500 && !k.paid && status != 408 && status != 425:
		failure.Situation = Invalid
	case status >= 300 && status < 400 && !k.paid:
		failure.Situation, failure.Reason = Internal, "redirected"
	default:
		failure.Situation = lost(k)
	}
	return failure
}

// gatewayCodes are the err_codes that name one cause whatever the HTTP status.
// Except for the Invalid ones they are raised before any work begins.
// Source: the error table of 302.AI's documentation, https://doc.302.ai/.
var gatewayCodes = map[int]Situation{
	-10001: KeyFault, -10002: KeyFault, -10005: KeyFault,
	-10004: BalanceFault, -10006: BalanceFault, -10007: BalanceFault, -10018: BalanceFault,
	-10008: NoModel,
	-10009: Invalid, -10010: Invalid, -10011: Invalid,
	-10012: RateLimited,
}

// provesNotRun lists the statuses with which a request is turned away at the door.
func provesNotRun(status int) bool {
	switch status {
	case 400, 401, 402, 403, 404, 405, 413, 422, 429:
		return true
	}
	return false
}

// fault is what an answer says of its own failure.
type fault struct {
	failed    bool
	code      int    // err_code, negative
	status    int    // an HTTP status carried in the body, 400 to 599
	text      string // the provider's words: for [speaksOfSafety] alone
	requestID string
}

func (f fault) ofSafety() bool { return speaksOfSafety(f.text) }

// readFault reads any of the error shapes seen behind the gateway, and reports
// whether the body is a JSON object at all. "error" has two types: a string
// beside a task's other fields, an object as the gateway's envelope.
func readFault(body []byte) (fault, bool) {
	var top struct {
		Error     json.RawMessage `json:"error"`
		Detail    json.RawMessage `json:"detail"`
		Code      json.RawMessage `json:"code"`
		ErrCode   json.RawMessage `json:"err_code"`
		Message   json.RawMessage `json:"message"`
		RequestID json.RawMessage `json:"request_id"`
	}
	if trimmed := bytes.TrimSpace(body); len(trimmed) == 0 || trimmed[0] != '{' || json.Unmarshal(body, &top) != nil {
		return fault{}, false
	}
	f := fault{requestID: plainWord(wordIn(top.RequestID))}
	take := func(code json.RawMessage) {
		n, _ := strconv.Atoi(wordIn(code))
		switch {
		case n < 0:
			f.failed, f.code = true, n
		case n >= 400 && n < 600:
			f.failed, f.status = true, n
		}
	}
	take(top.Code)
	take(top.ErrCode)
	words := []string{wordIn(top.Code), wordIn(top.Message), string(top.Detail)}
	if meansSomething(top.Error) {
		f.failed = true
		var envelope struct {
			ErrCode   json.RawMessage `json:"err_code"`
			Code      json.RawMessage `json:"code"`
			Message   json.RawMessage `json:"message"`
			MessageCN json.RawMessage `json:"message_cn"`
			Type      json.RawMessage `json:"type"`
		}
		if json.Unmarshal(top.Error, &envelope) == nil {
			take(envelope.Code)
			take(envelope.ErrCode)
			words = append(words, wordIn(envelope.Code), wordIn(envelope.Message), wordIn(envelope.MessageCN), wordIn(envelope.Type))
		} else {
			words = append(words, string(top.Error))
		}
	}
	f.text = strings.Join(words, " ")
	return f, true
}

// meansSomething reports whether an "error" field speaks of an error: null, "",
// {}, [] and false do not.
func meansSomething(raw json.RawMessage) bool {
	switch strings.Join(strings.Fields(string(raw)), "") {
	case "", "null", `""`, "{}", "[]", "false", "0":
		return false
	}
	var s string
	return json.Unmarshal(raw, &s) != nil || strings.TrimSpace(s) != ""
}

// safetyWords are how makers of models word a refusal for content.
var safetyWords = []string{
	"moderat", "safety", "nsfw", "sensitive", "inappropriate", "prohibited content", "content policy",
	"content_policy", "content filter", "content_filter", "flagged", "敏感", "违规", "审核", "不当内容",
}

// settingNames contain such a word without speaking of content.
var settingNames = strings.NewReplacer(
	"safety_tolerance", "", "enable_safety_checker", "", "safety_checker", "", "has_nsfw_concepts", "", "case-sensitive", "", "case sensitive", "",
)

// speaksOfSafety reports whether the provider's words mean a refusal for content.
func speaksOfSafety(text string) bool {
	text = settingNames.Replace(strings.ToLower(text))
	for _, w := range safetyWords {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// retryAfter reads the header in either of its forms, seconds or a date.
// https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
func retryAfter(text string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		wait = maxRetryAfter
		if seconds < maxRetryAfter.Seconds() {
			wait = time.Duration(seconds * float64(time.Second))
		}
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// wordLetters are what identifiers from outside may be made of.
const wordLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:"

// plainWord lets an identifier from outside pass if it is one, and else nothing.
func plainWord(s string) string {
	if len(s) > 128 || strings.Trim(s, wordLetters) != "" {
		return ""
	}
	return s
}
