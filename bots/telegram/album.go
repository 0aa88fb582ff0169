package telegram

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"imaginebot/core"
)

// albumQuiet is how long no further piece must come before an album is taken to be whole.
// Telegram does not say how many there are, but sends them one right after the other.
const albumQuiet = 800 * time.Millisecond

// albums are the albums whose pieces are being gathered.
type albums struct {
	mu   sync.Mutex
	open map[core.EventKey]*album
}

type album struct {
	pieces []piece
	more   chan struct{} // something has come
}

// piece is one message of an album and the event that it came as.
type piece struct {
	key core.EventKey
	id  int
	raw json.RawMessage
}

// join adds a piece; who brings the first one sees to the rest.
func (a *albums) join(key core.EventKey, p piece) (joined *album, first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	joined = a.open[key]
	if first = joined == nil; first {
		joined = &album{more: make(chan struct{}, 1)}
		if a.open == nil {
			a.open = map[core.EventKey]*album{}
		}
		a.open[key] = joined
	}
	joined.pieces = append(joined.pieces, p)
	select {
	case joined.more <- struct{}{}:
	default:
	}
	return joined, first
}

// close gives the pieces that have come, in their order.
func (a *albums) close(key core.EventKey) []piece {
	a.mu.Lock()
	defer a.mu.Unlock()
	pieces := a.open[key].pieces
	delete(a.open, key)
	slices.SortFunc(pieces, func(x, y piece) int { return cmp.Compare(x.id, y.id) })
	return pieces
}

// gather waits for the other pieces of an album and answers them as one; finished is false
// for all but the first, whose turn ends the others' events too.
func (t *turn) gather(ctx context.Context, m *Message, raw json.RawMessage) (finished bool) {
	key := core.EventKey(fmt.Sprintf("telegram:%s:%d:album:%s", t.id, m.Chat.ID, m.Album))
	joined, first := t.albums.join(key, piece{t.key, m.ID, raw})
	if !first {
		return false
	}
	for quiet := false; !quiet; {
		select {
		case <-joined.more:
		case <-t.after(albumQuiet):
			quiet = true
		case <-ctx.Done():
			quiet = true
		}
	}
	pieces := t.albums.close(key)
	event, taken := t.take(ctx, key, pieces)
	if !taken {
		return ctx.Err() == nil
	}
	t.key = key
	return t.read(ctx, event.Raw)
}

// take makes one event of the pieces' events, in one transaction, so that either they or it
// are there after a crash. taken is false where the album has been taken before: then a
// piece came late, or another process has gathered some of them.
func (t *turn) take(ctx context.Context, key core.EventKey, pieces []piece) (event core.Event, taken bool) {
	var whole struct {
		Album []json.RawMessage `json:"album"`
	}
	for _, p := range pieces {
		whole.Album = append(whole.Album, p.raw)
	}
	t.insist(ctx, "telegram album not taken", func() error {
		raw, err := json.Marshal(whole)
		if err != nil {
			return err
		}
		event = core.Event{Key: key, Platform: platform, Raw: raw, At: time.Now()}
		return t.Store.InTx(ctx, func(ctx context.Context, tx core.Tx) error {
			fresh, err := tx.AddEvents(ctx, []core.Event{event}, t.Studio.Holder)
			if err != nil {
				return err
			}
			taken = len(fresh) > 0
			for _, p := range pieces {
				if err := tx.EndEvent(ctx, p.key); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return event, taken && ctx.Err() == nil
}

// readAlbum reads the event of an album; ok is false for any other.
func readAlbum(raw json.RawMessage) (pieces []*Message, ok bool) {
	var whole struct {
		Album []json.RawMessage `json:"album"`
	}
	if json.Unmarshal(raw, &whole) != nil {
		return nil, false
	}
	for _, one := range whole.Album {
		if update, err := decodeUpdate(one); err == nil && update.Message != nil {
			pieces = append(pieces, update.Message)
		}
	}
	return pieces, len(pieces) > 0
}
