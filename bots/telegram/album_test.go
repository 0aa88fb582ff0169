package telegram

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imaginebot/bots/telegram/telegramtest"
	"imaginebot/core"
	"imaginebot/core/coretest"
)

// held makes the bot's albums stay open until the test says that they are quiet.
func (h *house) held() (quiet chan time.Time) {
	quiet = make(chan time.Time)
	h.bot.after = func(time.Duration) <-chan time.Time { return quiet }
	return quiet
}

// album sends three photos at once, the second with words.
func (h *house) album(chat *telegramtest.Chat, words string) []telegramtest.Message {
	h.t.Helper()
	var each []telegramtest.Parts
	for i := range 3 {
		each = append(each, telegramtest.Parts{telegramtest.Photo(coretest.PNG(20+i, 20))})
	}
	if words != "" {
		each[1] = append(each[1], telegramtest.Caption(words))
	}
	sent, err := h.ann.Album(chat, each...)
	if err != nil {
		h.t.Fatal(err)
	}
	return sent
}

// gathered waits until so many pieces are in the open album.
func (h *house) gathered(pieces int) {
	h.t.Helper()
	waitFor(h.t, "the pieces are gathered", func() bool {
		h.bot.albums.mu.Lock()
		defer h.bot.albums.mu.Unlock()
		for _, open := range h.bot.albums.open {
			return len(open.pieces) == pieces
		}
		return false
	})
}

func TestAnAlbumIsOneRequest(t *testing.T) {
	h := open(t, telegramtest.Settings{})
	quiet := h.held()
	h.work()
	h.greet(h.ann)
	sent := h.album(h.chat, "make it night")
	h.gathered(3)
	quiet <- time.Now()
	h.await(h.chat, "the first of your 3 pictures")
	picture := h.awaitPhotos(h.chat, 1)[0]
	h.startedFrom(coretest.PNG(20, 20))
	if picture.ReplyTo != sent[0].ID {
		t.Errorf("the picture is a reply to %d, want %d", picture.ReplyTo, sent[0].ID)
	}
	if g := h.only(); !strings.Contains(string(g.Event), ":album:") {
		t.Errorf("the event key is %q", g.Event)
	}
	h.noEventsLeft()
}

// noEventsLeft fails if a dead process would leave something to be answered.
func (h *house) noEventsLeft() {
	h.t.Helper()
	h.settled()
	if left := h.adopted(); len(left) > 0 {
		h.t.Errorf("events that were not ended: %v", left)
	}
}

// adopted are the events that the next process would adopt, on a fork of the store.
func (h *house) adopted() []core.EventKey { return h.adoptedFrom(h.store) }

func (h *house) adoptedFrom(store *coretest.Store) (keys []core.EventKey) {
	h.t.Helper()
	h.orphans(store.Fork(), func(event core.Event) { keys = append(keys, event.Key) })
	return keys
}

func TestAnAlbumWithoutWordsIsAskedAboutOnce(t *testing.T) {
	h := open(t, telegramtest.Settings{})
	quiet := h.held()
	h.work()
	h.greet(h.ann)
	h.album(h.chat, "")
	h.gathered(3)
	quiet <- time.Now()
	h.await(h.chat, "What shall I change")
	h.noEventsLeft()
	h.send(h.ann, h.chat, telegramtest.Text("make it night"))
	h.awaitPhotos(h.chat, 1)
	h.startedFrom(coretest.PNG(20, 20))
	asked := slices.DeleteFunc(h.said(h.chat), func(m telegramtest.Message) bool { return !m.Asks })
	if len(asked) != 1 {
		t.Errorf("%d questions were asked", len(asked))
	}
}

func TestALatePieceIsNoRequest(t *testing.T) {
	h := open(t, telegramtest.Settings{})
	quiet := h.held()
	h.work()
	h.greet(h.ann)
	h.album(h.chat, "make it night")
	h.gathered(3)
	key := func() core.EventKey {
		h.bot.albums.mu.Lock()
		defer h.bot.albums.mu.Unlock()
		for key := range h.bot.albums.open {
			return key
		}
		return ""
	}()
	quiet <- time.Now()
	h.awaitPhotos(h.chat, 1)
	late := piece{key: "late", id: 99}
	if err := h.store.InTx(t.Context(), func(ctx context.Context, tx core.Tx) error {
		_, err := tx.AddEvents(ctx, []core.Event{{Key: late.key, Platform: platform, Raw: []byte("{}"), At: time.Now()}}, "first")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, taken := (&turn{Bot: h.bot}).take(t.Context(), key, []piece{late}); taken {
		t.Error("the album was taken twice")
	}
	h.noEventsLeft()
}

func TestAnAlbumSurvivesAKill(t *testing.T) {
	for _, test := range []struct {
		name   string
		killed func(h *house, quiet chan time.Time) (left *coretest.Store)
	}{
		{"while it is gathered", func(h *house, _ chan time.Time) *coretest.Store { return h.store.Fork() }},
		{"when it is taken", func(h *house, quiet chan time.Time) *coretest.Store {
			left := make(chan *coretest.Store, 1)
			first := h.store
			first.OnCommit(func() {
				if strings.Contains(strings.Join(texts(h.adoptedFrom(first)), " "), ":album:") {
					left <- first.Fork()
					first.OnCommit(nil)
					first.Break(errors.New("killed"))
				}
			})
			quiet <- time.Now()
			return <-left
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := open(t, telegramtest.Settings{Pollers: 2})
			quiet := h.held()
			stop := h.work()
			h.greet(h.ann)
			h.album(h.chat, "make it night")
			h.gathered(3)
			left := test.killed(h, quiet)
			stop()
			h.move(left, "second")
			h.bot.after = func(time.Duration) <-chan time.Time { return time.After(50 * time.Millisecond) }
			h.work()
			var adopted sync.WaitGroup
			h.orphans(h.store, func(event core.Event) { adopted.Go(func() { h.bot.Receive(t.Context(), event) }) })
			h.awaitPhotos(h.chat, 1)
			h.startedFrom(coretest.PNG(20, 20))
			adopted.Wait()
			if left := h.adopted(); len(left) > 0 {
				t.Errorf("events that were not ended: %v", left)
			}
		})
	}
}
