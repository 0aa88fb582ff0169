package botstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"imaginebot/bots"
	"imaginebot/core"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The stories hold on paper: with the plainest adapter there can be.
func TestStoriesOnPaper(t *testing.T) { TestStories(t, openPaper) }

// paper is a platform of sheets, each of which everybody or one person sees, with an
// adapter that does the least.
type paper struct {
	house  House
	mu     sync.Mutex
	sheets []*sheet
	events int
}

type sheet struct {
	Message
	buttons []bots.Button
	eyes    Person // who sees it; "" is everybody
}

const onPaper core.Platform = "paper"

func openPaper(_ *testing.T, house House) Stage {
	p := &paper{house: house}
	house.Studio.Connect(onPaper, p, func(context.Context, core.Event) {})
	return p
}

func (p *paper) put(id string, eyes Person, reply bots.Reply, pictures [][]byte) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	page := &sheet{eyes: eyes, buttons: reply.Buttons}
	page.Text, page.Pictures = reply.Text.String(), pictures
	for _, button := range reply.Buttons {
		page.Buttons = append(page.Buttons, button.Label())
	}
	at := slices.IndexFunc(p.sheets, func(s *sheet) bool { return s.ID == id })
	if at < 0 {
		page.ID = fmt.Sprint(len(p.sheets) + 1)
		p.sheets = append(p.sheets, page)
		return page.ID
	}
	page.ID = id
	p.sheets[at] = page
	return id
}

func (p *paper) event() core.EventKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events++
	return core.EventKey(fmt.Sprintf("paper:%d", p.events))
}

func (p *paper) place(who Person) bots.Place {
	return bots.Place{ID: "paper:room", Moderator: who == Mo}
}

func (p *paper) address(eyes Person, id string) core.ReplyTo {
	return core.ReplyTo{Platform: onPaper, Address: string(eyes) + "/" + id}
}

func (p *paper) Give(t testing.TB, who Person, line Line) {
	call := bots.Call{
		Command: line.Command, Words: line.Words, Event: p.event(),
		User: core.NewUserID(onPaper, string(who)), Place: p.place(who),
	}
	if line.Picture != nil {
		call.Pictures = map[string]core.Attachment{"image": {
			Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(line.Picture)), nil },
		}}
	}
	command, _ := bots.Find(line.Command)
	var eyes Person
	if command.Quiet || p.house.Desk.Private(call) {
		eyes = who
	}
	id := p.put("", eyes, bots.Placeholder(core.GenerationOf(call.Event)), nil)
	call.ReplyTo = p.address(eyes, id)
	if reply := p.house.Desk.Answer(t.Context(), call); reply.Submitted == "" {
		p.put(id, eyes, reply, p.bytes(t, reply))
	}
}

func (p *paper) Reply(t testing.TB, who Person, to Message, words string) {
	heard, ok := bots.Hear(bots.Message{Text: words, Addressed: true, Picture: true})
	if !ok {
		t.Fatalf("%q in reply to a picture was not for the bot", words)
	}
	p.Give(t, who, Line{Command: heard.Command, Words: heard.Words, Picture: to.Pictures[0]})
}

func (p *paper) Tap(t testing.TB, who Person, message Message, label string) {
	p.mu.Lock()
	at := slices.IndexFunc(p.sheets, func(s *sheet) bool { return s.ID == message.ID })
	page := *p.sheets[at]
	p.mu.Unlock()
	which := slices.IndexFunc(page.buttons, func(b bots.Button) bool { return b.Label() == label })
	button, ok := bots.ParseButton(page.buttons[which].ID())
	if !ok {
		t.Fatalf("a button with the id %q", page.buttons[which].ID())
	}
	id := p.put("", who, bots.Reply{}, nil)
	reply := p.house.Desk.Tap(t.Context(), bots.Tap{
		Button: button, Event: p.event(), User: core.NewUserID(onPaper, string(who)), Place: p.place(who), ReplyTo: p.address(page.eyes, id),
	})
	if reply.Remove {
		p.mu.Lock()
		p.sheets[at].Message, p.sheets[at].buttons = Message{ID: page.ID}, nil
		p.mu.Unlock()
	}
	if reply.Submitted == "" {
		p.put(id, who, reply, p.bytes(t, reply))
	}
}

func (p *paper) bytes(t testing.TB, reply bots.Reply) [][]byte {
	if reply.Outcome == nil {
		return nil
	}
	pictures, err := p.read(context.Background(), reply.Outcome)
	if err != nil {
		t.Error(err)
	}
	return pictures
}

func (p *paper) read(ctx context.Context, outcome *core.Outcome) ([][]byte, error) {
	var pictures [][]byte
	for _, image := range outcome.Generation.Images() {
		body, err := p.house.Pictures.Open(ctx, image.Key)
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(body)
		if err := errors.Join(err, body.Close()); err != nil {
			return nil, err
		}
		pictures = append(pictures, content)
	}
	return pictures, nil
}

func (p *paper) Seen(_ testing.TB, who Person) []Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	var seen []Message
	for _, page := range p.sheets {
		if page.Text != "" && (page.eyes == "" || page.eyes == who) {
			seen = append(seen, page.Message)
		}
	}
	return seen
}

// Deliver implements core.Courier.
func (p *paper) Deliver(ctx context.Context, to core.ReplyTo, outcome core.Outcome, _ core.Receipt) (core.Receipt, error) {
	reply := bots.Tell(outcome)
	var pictures [][]byte
	if reply.Outcome != nil {
		var err error
		if pictures, err = p.read(ctx, reply.Outcome); err != nil {
			return "", err
		}
	}
	eyes, id, _ := strings.Cut(to.Address, "/")
	p.put(id, Person(eyes), reply, pictures)
	return "", nil
}

// Progress implements core.Courier.
func (p *paper) Progress(_ context.Context, to core.ReplyTo, progress core.Progress) error {
	eyes, id, _ := strings.Cut(to.Address, "/")
	p.put(id, Person(eyes), bots.Working(progress), nil)
	return nil
}

func TestEverybodySeesTheRoom(t *testing.T) {
	stage := openPaper(t, House{Studio: core.NewStudio(core.Settings{})}).(*paper)
	stage.put("", "", bots.AskWhatToChange(), nil)
	stage.put("", Bob, bots.AskWhatToChange(), nil)
	got := map[Person]int{}
	for _, who := range People() {
		got[who] = len(stage.Seen(t, who))
	}
	if want := map[Person]int{Ann: 1, Bob: 2, Mo: 1}; !maps.Equal(got, want) {
		t.Errorf("seen: %v, want %v", got, want)
	}
}
