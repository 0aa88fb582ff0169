package coretest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"imaginebot/core"
)

// Courier is a core.Courier that records what it is given and follows a script. Without
// one it delivers.
type Courier struct {
	// OnDelivered, if set, is called when the platform has shown an outcome, before it answers.
	OnDelivered func(core.Outcome)
	// ProgressLasts is how long the platform takes to show progress.
	ProgressLasts time.Duration

	mu         sync.Mutex
	answers    []Answer
	deliveries []Delivery
	progress   []core.Progress
	telling    map[core.GenerationID]bool // being delivered, or delivered
	showing    map[core.GenerationID]int
	faults     []string
}

// Answer is how one delivery goes. The zero Answer delivers.
type Answer struct {
	Working <-chan struct{} // waits for it
	Err     error           // and ends with this, if anything
	Receipt core.Receipt    // and returns this
	Panics  string          // or panics
}

// Delivery is one call of Deliver.
type Delivery struct {
	To      core.ReplyTo
	Outcome core.Outcome
	Prior   core.Receipt
	Err     error
}

// Next appends answers to the deliveries to come.
func (c *Courier) Next(answers ...Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = append(c.answers, answers...)
}

// Deliveries are the calls of Deliver that have ended, in order.
func (c *Courier) Deliveries() []Delivery {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Delivery(nil), c.deliveries...)
}

// Told are the outcomes whose delivery succeeded, in order.
func (c *Courier) Told() []core.Outcome {
	var told []core.Outcome
	for _, d := range c.Deliveries() {
		if d.Err == nil {
			told = append(told, d.Outcome)
		}
	}
	return told
}

// Shown are the calls of Progress, in order.
func (c *Courier) Shown() []core.Progress {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]core.Progress(nil), c.progress...)
}

// Faults are the calls that core.Courier promises not to make.
func (c *Courier) Faults() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.faults...)
}

// Deliver implements core.Courier.
func (c *Courier) Deliver(ctx context.Context, to core.ReplyTo, outcome core.Outcome, prior core.Receipt) (core.Receipt, error) {
	answer := c.begin(outcome.Generation.ID)
	err := until(ctx, answer.Working)
	if answer.Panics != "" {
		c.fail(outcome.Generation.ID)
		panic(answer.Panics)
	}
	if err == nil {
		err = answer.Err
	}
	if err == nil && c.OnDelivered != nil {
		c.OnDelivered(outcome)
	}
	if err != nil {
		c.fail(outcome.Generation.ID)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deliveries = append(c.deliveries, Delivery{to, outcome, prior, err})
	return answer.Receipt, err
}

// fail records that nothing was told.
func (c *Courier) fail(id core.GenerationID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.telling, id)
}

func (c *Courier) begin(id core.GenerationID) Answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.telling == nil {
		c.telling = map[core.GenerationID]bool{}
	}
	if c.telling[id] {
		c.faults = append(c.faults, fmt.Sprintf("%s is delivered again, or twice at once", id))
	}
	if c.showing[id] > 0 {
		c.faults = append(c.faults, fmt.Sprintf("%s is delivered while its progress is shown", id))
	}
	c.telling[id] = true
	var answer Answer
	if len(c.answers) > 0 {
		answer, c.answers = c.answers[0], c.answers[1:]
	}
	return answer
}

// Progress implements core.Courier.
//
// Unlike a well-behaved one it finishes what it has begun when ctx ends: a request that
// has left cannot be called back.
func (c *Courier) Progress(_ context.Context, _ core.ReplyTo, progress core.Progress) error {
	c.show(progress, 1)
	time.Sleep(c.ProgressLasts)
	c.show(progress, -1)
	return nil
}

func (c *Courier) show(progress core.Progress, change int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.showing == nil {
		c.showing = map[core.GenerationID]int{}
	}
	c.showing[progress.Generation] += change
	if change < 0 {
		return
	}
	c.progress = append(c.progress, progress)
	if c.telling[progress.Generation] {
		c.faults = append(c.faults, fmt.Sprintf("progress of %s is shown after or during its delivery", progress.Generation))
	}
}
