package discord

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"imaginebot/bots"
	"imaginebot/core"
)

const (
	// progressPace is the least time between two showings of progress.
	progressPace = 3 * time.Second
	// progressWithin bounds one of them: whoever delivers waits for it.
	progressWithin = 5 * time.Second
)

// receipt is what Discord has said to a delivery.
type receipt struct {
	Lost    bool   `json:"lost,omitempty"` // the answer cannot be written any more
	Channel string `json:"channel,omitempty"`
	Message string `json:"message,omitempty"`
}

func (r receipt) String() core.Receipt {
	raw, err := json.Marshal(r)
	if err != nil { // texts and booleans can always be written
		return ""
	}
	return core.Receipt(raw)
}

func parseReceipt(text core.Receipt) receipt {
	var r receipt
	if json.Unmarshal([]byte(text), &r) != nil {
		return receipt{}
	}
	return r
}

// Deliver implements core.Courier: the answer that waits becomes the outcome, and where it
// cannot be written any more a message in the channel, or to the person alone.
func (b *Bot) Deliver(ctx context.Context, to core.ReplyTo, outcome core.Outcome, prior core.Receipt) (core.Receipt, error) {
	if b.fault != nil {
		return prior, b.fault
	}
	at, err := parseReplyTo(to)
	if err != nil {
		return prior, &core.Error{Kind: core.Gone, Err: err}
	}
	turn := b.turns.enter(at.Interaction, b.Now())
	defer b.turns.leave(at.Interaction)
	turn.Lock()
	defer turn.Unlock()
	d := &delivery{Bot: b, at: at, reply: bots.Tell(outcome), private: outcome.Generation.Request.Private || at.Ephemeral, nonce: string(outcome.Generation.ID)}
	d.receipt = parseReceipt(prior)
	err = told(d.deliver(ctx))
	if err != nil && core.KindOf(err) != core.Gone {
		return d.receipt.String(), err
	}
	turn.over = true
	if d.receipt.Lost && turn.message != "" && !at.Ephemeral {
		// What has been waiting would wait for ever. It is no harm if it cannot be removed.
		_ = b.rest.removeFrom(ctx, at.Channel, turn.message)
	}
	return d.receipt.String(), err
}

// Progress implements core.Courier.
func (b *Bot) Progress(ctx context.Context, to core.ReplyTo, progress core.Progress) error {
	if b.fault != nil {
		return b.fault
	}
	at, err := parseReplyTo(to)
	if err != nil || at.expired(b.Now()) {
		return err
	}
	turn := b.turns.enter(at.Interaction, b.Now())
	defer b.turns.leave(at.Interaction)
	if !turn.TryLock() {
		return nil
	}
	defer turn.Unlock()
	if turn.over || b.Now().Sub(turn.shown) < progressPace {
		return nil
	}
	turn.shown = b.Now()
	posts, err := b.compose(ctx, bots.Working(progress), roomFor(at.FileLimit))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, progressWithin)
	defer cancel()
	answer, err := b.rest.edit(ctx, at.Application, at.Token, original, posts[0])
	if err == nil {
		turn.message = answer.ID
	}
	return err
}

// delivery is one outcome on its way.
type delivery struct {
	*Bot
	at      address
	reply   bots.Reply
	private bool
	nonce   string
	receipt receipt
}

func (d *delivery) deliver(ctx context.Context) error {
	if d.receipt.Message != "" {
		return nil
	}
	if !d.receipt.Lost && !d.at.expired(d.Now()) {
		err := d.send(ctx, d.at.FileLimit, func(p *post) (posted, error) {
			return d.rest.edit(ctx, d.at.Application, d.at.Token, original, p)
		})
		if !tokenDead(err) && !notPermitted(err) {
			return err
		}
	}
	d.receipt.Lost = true
	if !d.private || d.at.Direct {
		err := d.sendTo(ctx, d.at.Channel)
		if d.at.Direct || !notPermitted(err) {
			return err
		}
	}
	channel, err := d.rest.openDM(ctx, d.at.User)
	if err != nil {
		return unreachable(err)
	}
	return unreachable(d.sendTo(ctx, channel))
}

// sendTo sends the outcome as a message of its own, which in a channel names the person
// whom it is for. The nonce makes a repetition within a few minutes the same message.
func (d *delivery) sendTo(ctx context.Context, channel string) error {
	return d.send(ctx, min(d.at.FileLimit, usualFile), func(p *post) (posted, error) {
		p.Nonce = d.nonce
		if channel == d.at.Channel && !d.at.Direct {
			p.Mention = d.at.User
			p.Content = "<@" + d.at.User + "> " + p.Content
		}
		return d.rest.send(ctx, channel, p)
	})
}

// send puts the outcome out, smaller if Discord takes less than it has said.
func (d *delivery) send(ctx context.Context, limit int64, put func(*post) (posted, error)) error {
	for room, ok := roomFor(limit), true; ; {
		posts, err := d.compose(ctx, d.reply, room)
		if err != nil {
			return err
		}
		message, err := put(posts[0])
		if err == nil {
			d.receipt.Channel, d.receipt.Message = message.ChannelID, message.ID
		}
		if room, ok = room.tighter(); !tooLarge(err) || !ok {
			return err
		}
	}
}

// unreachable says of an error in direct messages that there is nobody to tell, unless it
// may pass.
func unreachable(err error) error {
	var refused *restError
	if errors.As(err, &refused) && (refused.Status == http.StatusForbidden || refused.Status == http.StatusBadRequest || refused.Status == http.StatusNotFound) {
		return &core.Error{Kind: core.Gone, Err: err}
	}
	return err
}

// told is an error of Discord's as the core knows it: Gone where there is nobody to tell
// any more, Busy where it may work later.
func told(err error) error {
	var known *core.Error
	var refused *restError
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, context.Canceled):
		return err
	case messageGone(err), channelGone(err), dmsClosed(err):
		return &core.Error{Kind: core.Gone, Err: err}
	case errors.As(err, &refused) && refused.Status == http.StatusTooManyRequests:
		return &core.Error{Kind: core.Busy, After: refused.RetryAfter, Err: err}
	case errors.As(err, &refused) && refused.Status < http.StatusInternalServerError:
		return err
	}
	return &core.Error{Kind: core.Busy, Err: err}
}
