package ai302test

import (
	"net/http"
	"strings"
	"time"
)

// The endpoints as [Match] and [Call] name them.
const (
	Generate      = "generate"
	FluxGeneral   = "flux-general"
	TaskFetch     = "task"
	Kontext       = "kontext"
	KontextResult = "kontext-result"
	Upload        = "upload"
	Balance       = "balance"
	PictureGet    = "picture" // a finished picture or an upload fetched from the foreign host
)

// Match chooses calls; an empty field matches any. A call that asks after a
// result has the model and the prompt of the work it asks after.
type Match struct {
	Endpoint       string
	Model          string
	PromptContains string
}

func (m Match) matches(endpoint, model, prompt string) bool {
	return (m.Endpoint == "" || m.Endpoint == endpoint) &&
		(m.Model == "" || m.Model == model) &&
		strings.Contains(prompt, m.PromptContains)
}

// Trouble is what happens to a call instead of going well. Fields that do not
// concern the endpoint have no effect.
type Trouble struct {
	// Wait and Until make the call slow: it takes so much longer, and then goes
	// on until the channel is closed.
	Wait  time.Duration
	Until <-chan struct{}

	// Status answers with this HTTP status and the gateway's error envelope with
	// Code and Message. Status 200 with a Code is an envelope inside a good status.
	Status     int
	Code       int
	Message    string
	RetryAfter time.Duration // a header beside Status, whole seconds
	// Location is a header beside Status, for redirects.
	Location string
	// Drop closes the connection without an answer.
	Drop bool
	// AfterRun makes Status and Drop strike when the paid work has been done.
	AfterRun bool
	// Spoil damages a good answer on its way.
	Spoil Spoil

	// Place says where Generate's answer holds the picture.
	Place Place
	// EightFields makes Flux-General answer as documented instead of as fal does.
	EightFields bool
	// Unfinished makes Flux-General answer with a task id alone. The end comes
	// with the so manieth question after it.
	Unfinished int
	// NSFW are Flux-General's flags, one a picture, and so also how many pictures.
	NSFW []bool
	// Failure is the "error" text with which a task ends although its status is
	// "succeeded".
	Failure string
	// States are the words Kontext's result gives before Ready, one a question.
	// A word that is an end stays.
	States []string
	// NoID leaves Kontext's id to the polling_url.
	NoID bool

	// Result is what is wrong with the picture when it is fetched.
	Result Result
}

// Spoil is damage to an answer.
type Spoil int

// The kinds of damage. BOM is harmless.
const (
	Truncated Spoil = iota + 1 // the connection ends in the middle of the JSON
	HTML                       // a page instead of JSON
	Empty                      // nothing
	BOM                        // a byte order mark in front
)

// Place is where a Generate answer holds its picture.
type Place string

// The places in which the picture has been seen.
const (
	InImageURL      Place = "" // as documented
	InDataImageURL  Place = "data.image_url"
	InDataOutput    Place = "data.output"
	InDataImages    Place = "data.images"
	InDataDataURL   Place = "data.data.url"
	InDataDataB64   Place = "data.data.b64_json"
	InDataImageURLs Place = "data.data.image_urls"
	InDataSample    Place = "data.result.sample"
)

// Result is what is wrong with a picture on the foreign host.
type Result int

// The faults of fetched pictures.
const (
	WrongType   Result = iota + 1 // the Content-Type names another kind of picture
	NotAPicture                   // a page, labelled as a picture
	Endless                       // begins as a picture and grows beyond 60 MiB
	Gone                          // 404
)

// RateLimited is 429, before any work.
func RateLimited(retryAfter time.Duration) Trouble {
	return Trouble{Status: http.StatusTooManyRequests, Code: -10012, RetryAfter: retryAfter}
}

// ServerError is 500, with or without the work having been done.
func ServerError(afterRun bool) Trouble {
	return Trouble{Status: http.StatusInternalServerError, Code: -1024, AfterRun: afterRun}
}

// BadKey is 401, as for a key that has been disabled.
func BadKey() Trouble { return Trouble{Status: http.StatusUnauthorized, Code: -10002} }

// NoBalance is 402.
func NoBalance() Trouble { return Trouble{Status: http.StatusPaymentRequired, Code: -10004} }

// NoModel is 503 with the code that makes it final.
func NoModel() Trouble { return Trouble{Status: http.StatusServiceUnavailable, Code: -10008} }

// Moderated is 422 in words of safety.
func Moderated() Trouble {
	return Trouble{Status: http.StatusUnprocessableEntity, Code: -10003, Message: "The request was rejected by our safety system."}
}

// Dropped is a connection closed without an answer, before or after the work.
func Dropped(afterRun bool) Trouble { return Trouble{Drop: true, AfterRun: afterRun} }

// Always as Script's number of times lasts until stop is called.
const Always = -1

type script struct {
	match   Match
	trouble Trouble
	left    int // negative: always
}

// Script lets the next calls that match run into the trouble, so many times or
// Always. Of several scripts that match, the oldest with times left is used.
// stop ends it early: a key or balance fault is mended by it.
func (s *Server) Script(m Match, t Trouble, times int) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := &script{match: m, trouble: t, left: times}
	s.scripts = append(s.scripts, one)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		one.left = 0
	}
}

// trouble takes the trouble that is in store for a call, if any.
func (s *Server) trouble(endpoint, model, prompt string) Trouble {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.scripts {
		if one.left != 0 && one.match.matches(endpoint, model, prompt) {
			if one.left > 0 {
				one.left--
			}
			return one.trouble
		}
	}
	return Trouble{}
}

// HoldKontext keeps all edits Pending until ReleaseKontext.
func (s *Server) HoldKontext() { s.hold(true) }

// ReleaseKontext lets held edits finish.
func (s *Server) ReleaseKontext() { s.hold(false) }

func (s *Server) hold(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = on
}

// AllowRepeats says that from now on, or no longer, a body seen before is a
// person asking again and not a request sent twice.
func (s *Server) AllowRepeats(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repeats = on
	clear(s.unsure)
}
