package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"imaginebot/core"
	"imaginebot/core/store/rows"
)

// whole reads a generation with its takes, all of one moment.
func whole(ctx context.Context, read *rows.Queries, id core.GenerationID) (core.Generation, error) {
	found, err := read.Whole(ctx, string(id))
	if err != nil {
		return core.Generation{}, fmt.Errorf("read generation %s: %w", id, err)
	}
	if len(found) == 0 {
		return core.Generation{}, &core.Error{Kind: core.NotFound}
	}
	takes := make([]rows.Take, len(found))
	for i, row := range found {
		takes[i] = row.Take
	}
	g, err := generationOf(found[0].Generation, takes)
	if err != nil {
		return core.Generation{}, fmt.Errorf("read generation %s: %w", id, err)
	}
	return g, nil
}

// generationOf is the generation that rows tell.
func generationOf(row rows.Generation, takes []rows.Take) (core.Generation, error) {
	user, err := core.ParseUserID(row.UserID)
	if err != nil {
		return core.Generation{}, err
	}
	g := core.Generation{
		ID: core.GenerationID(row.ID), Event: core.EventKey(row.Event), Account: core.AccountID(row.AccountID), User: user,
		Place: row.Place, ReplyTo: core.ReplyTo{Platform: core.Platform(row.Platform), Address: row.Address},
		Parent: core.GenerationID(row.Parent), State: core.State(row.State), CancelAsked: row.CancelAsked,
		Holder: core.HolderID(row.Holder), Attempts: int(row.Attempts), DueAt: moment(row.DueAt), Receipt: core.Receipt(row.Receipt),
		InputsGone: row.InputsGone, Purged: row.Purged, CreatedAt: moment(row.CreatedAt), EndedAt: moment(row.EndedAt),
		Takes: make([]core.Take, len(takes)),
	}
	if err := json.Unmarshal([]byte(row.Request), &g.Request); err != nil {
		return core.Generation{}, fmt.Errorf("its request: %w", err)
	}
	for i, take := range takes {
		g.Takes[i] = core.Take{
			Index: int(take.Take), State: core.TakeState(take.State), Price: core.PTC(take.Price), Holder: core.HolderID(take.Holder),
			Ticket: core.Ticket(take.Ticket), Attempts: int(take.Attempts), DueAt: moment(take.DueAt), ClaimedAt: moment(take.ClaimedAt),
			EndedAt: moment(take.EndedAt), Kind: core.ParseKind(take.Kind), Reason: core.Reason(take.Reason),
		}
		if take.Image == "" {
			continue
		}
		if err := json.Unmarshal([]byte(take.Image), &g.Takes[i].Image); err != nil {
			return core.Generation{}, fmt.Errorf("picture of take %d: %w", take.Take, err)
		}
	}
	return g, nil
}

// add inserts a generation and its takes.
func add(ctx context.Context, write *rows.Queries, g core.Generation) error {
	request, err := json.Marshal(g.Request)
	if err != nil {
		return err
	}
	may, err := changeableOf(g)
	if err != nil {
		return err
	}
	err = write.AddGeneration(ctx, rows.AddGenerationParams{
		ID: string(g.ID), Event: string(g.Event), AccountID: string(g.Account), UserID: g.User.String(), Place: g.Place,
		Platform: string(g.ReplyTo.Platform), Address: g.ReplyTo.Address, Parent: string(g.Parent), Request: string(request), Private: g.Request.Private,
		HasInputs: g.Request.Image != nil || g.Request.ControlImage != nil, CreatedAt: millis(g.CreatedAt),
		State: may.State, CancelAsked: may.CancelAsked, Holder: may.Holder, Attempts: may.Attempts, DueAt: may.DueAt,
		Receipt: may.Receipt, InputsGone: may.InputsGone, Purged: may.Purged, EndedAt: may.EndedAt,
		HasImages: may.HasImages, NewestAt: may.NewestAt,
	})
	if err != nil {
		return err
	}
	for i, take := range may.takes {
		err := write.AddTake(ctx, rows.AddTakeParams{
			GenerationID: string(g.ID), Take: take.Take, AccountID: string(g.Account), Model: g.Request.Model,
			CreatedAt: millis(g.CreatedAt), Price: int64(g.Takes[i].Price),
			State: take.State, Holder: take.Holder, Ticket: take.Ticket, Attempts: take.Attempts, DueAt: take.DueAt,
			ClaimedAt: take.ClaimedAt, EndedAt: take.EndedAt, Image: take.Image, Kind: take.Kind, Reason: take.Reason,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// changeable is what may change of a generation and of its takes, as it stands in rows.
type changeable struct {
	rows.SaveGenerationParams
	takes []rows.SaveTakeParams
}

func changeableOf(g core.Generation) (changeable, error) {
	_, newestAt := newest(g)
	may := changeable{
		SaveGenerationParams: rows.SaveGenerationParams{
			ID: string(g.ID), State: string(g.State), CancelAsked: g.CancelAsked, Holder: string(g.Holder),
			Attempts: int64(g.Attempts), DueAt: millis(g.DueAt), Receipt: string(g.Receipt), InputsGone: g.InputsGone,
			Purged: g.Purged, EndedAt: millis(g.EndedAt), HasImages: len(g.Images()) > 0, NewestAt: millis(newestAt),
		},
		takes: make([]rows.SaveTakeParams, len(g.Takes)),
	}
	for i, take := range g.Takes {
		var image []byte
		if take.Image != nil {
			var err error
			if image, err = json.Marshal(take.Image); err != nil {
				return changeable{}, err
			}
		}
		may.takes[i] = rows.SaveTakeParams{
			GenerationID: string(g.ID), Take: int64(take.Index), State: string(take.State), Holder: string(take.Holder),
			Ticket: string(take.Ticket), Attempts: int64(take.Attempts), DueAt: millis(take.DueAt), ClaimedAt: millis(take.ClaimedAt),
			EndedAt: millis(take.EndedAt), Image: string(image), Kind: take.Kind.String(), Reason: string(take.Reason),
		}
	}
	return may, nil
}

// save writes what differs from before, or all where that is unknown.
func (c changeable) save(ctx context.Context, write *rows.Queries, before changeable) error {
	if c.SaveGenerationParams != before.SaveGenerationParams {
		if err := one(write.SaveGeneration(ctx, c.SaveGenerationParams)); err != nil {
			return err
		}
	}
	for i, take := range c.takes {
		if i < len(before.takes) && take == before.takes[i] {
			continue
		}
		if err := one(write.SaveTake(ctx, take)); err != nil {
			return err
		}
	}
	return nil
}

// one is for writes that must find their row.
func one(changed int64, err error) error {
	if err == nil && changed == 0 {
		return &core.Error{Kind: core.NotFound}
	}
	return err
}

// newest is the picture of a generation that came last, of those that are kept, and when
// it came; nil where there is none.
func newest(g core.Generation) (newest *core.Image, at time.Time) {
	if g.Purged {
		return nil, at
	}
	consider := func(image *core.Image, came time.Time) {
		if image != nil && (newest == nil || !came.Before(at)) {
			newest, at = image, came
		}
	}
	if !g.InputsGone {
		consider(g.Request.ControlImage, g.CreatedAt)
		consider(g.Request.Image, g.CreatedAt)
	}
	for _, take := range g.Takes {
		consider(take.Image, take.EndedAt)
	}
	return newest, at
}

// millis and moment turn times into Unix milliseconds and back; the zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
