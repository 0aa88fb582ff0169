package coretest

import (
	"bytes"
	"context"
	"sync"
	"time"

	"imaginebot/core"
)

// Renderer is a core.Renderer that follows a script. Without one it makes a
// picture at once.
type Renderer struct {
	// Pictures is where the pictures go.
	Pictures core.Pictures
	// OnPaid, if set, is called when the provider has taken a paid call, before it answers.
	OnPaid func(core.Order)

	mu      sync.Mutex
	any     []Scene
	takes   map[int][]Scene
	paid    map[TakeKey]int
	resumed []core.Ticket
	orders  []core.Order
}

// TakeKey names one take.
type TakeKey struct {
	Generation core.GenerationID
	Take       int
}

// Scene is how one call goes. The zero Scene makes a picture at once.
type Scene struct {
	Preparing <-chan struct{} // before the paid call: waits for it
	Before    error           // and ends with this, if anything, with nothing paid
	Ticket    core.Ticket     // the paid call is answered by it
	Lasts     time.Duration   // the work after that takes this long
	Working   <-chan struct{} // and waits for this
	After     error           // and ends with this, if anything
	Panics    string          // or with a panic
}

// Next appends scenes for calls that have none of their own take.
func (r *Renderer) Next(scenes ...Scene) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.any = append(r.any, scenes...)
}

// For appends scenes for calls of takes with this index.
func (r *Renderer) For(take int, scenes ...Scene) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.takes == nil {
		r.takes = map[int][]Scene{}
	}
	r.takes[take] = append(r.takes[take], scenes...)
}

// Paid is how many paid calls were made.
func (r *Renderer) Paid() int {
	sum := 0
	for _, calls := range r.PaidFor() {
		sum += calls
	}
	return sum
}

// PaidFor is how many paid calls were made for each take.
func (r *Renderer) PaidFor() map[TakeKey]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return cloned(r.paid)
}

// Resumed are the tickets that were resumed, in order.
func (r *Renderer) Resumed() []core.Ticket {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]core.Ticket(nil), r.resumed...)
}

// Orders are the orders of Render, in order.
func (r *Renderer) Orders() []core.Order {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]core.Order(nil), r.orders...)
}

// Render implements core.Renderer.
func (r *Renderer) Render(ctx context.Context, order core.Order) (core.Image, error) {
	scene := r.scene(order, "")
	if err := until(ctx, scene.Preparing); err != nil {
		return core.Image{}, err
	}
	if scene.Before != nil {
		return core.Image{}, scene.Before
	}
	if err := order.Begin(ctx); err != nil {
		return core.Image{}, err
	}
	r.pay(order)
	if scene.Ticket != "" {
		if err := order.Keep(ctx, scene.Ticket); err != nil {
			return core.Image{}, err
		}
	}
	return r.finish(ctx, order, scene)
}

// Resume implements core.Renderer.
func (r *Renderer) Resume(ctx context.Context, order core.Order, ticket core.Ticket) (core.Image, error) {
	return r.finish(ctx, order, r.scene(order, ticket))
}

func (r *Renderer) finish(ctx context.Context, order core.Order, scene Scene) (core.Image, error) {
	if scene.Panics != "" {
		panic(scene.Panics)
	}
	if err := until(ctx, time.After(scene.Lasts)); err != nil {
		return core.Image{}, err
	}
	if err := until(ctx, scene.Working); err != nil {
		return core.Image{}, err
	}
	if scene.After != nil {
		return core.Image{}, scene.After
	}
	return r.Pictures.Put(ctx, order.Key, bytes.NewReader(PNG(8, 8)), core.LimitsOut)
}

// until waits for a channel; a nil one is not waited for.
func until[T any](ctx context.Context, happens <-chan T) error {
	if happens == nil {
		return ctx.Err()
	}
	select {
	case <-happens:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Renderer) scene(order core.Order, ticket core.Ticket) Scene {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ticket != "" {
		r.resumed = append(r.resumed, ticket)
	} else {
		r.orders = append(r.orders, order)
	}
	var scene Scene
	if own := r.takes[order.Take]; len(own) > 0 {
		scene, r.takes[order.Take] = own[0], own[1:]
	} else if len(r.any) > 0 {
		scene, r.any = r.any[0], r.any[1:]
	}
	return scene
}

func (r *Renderer) pay(order core.Order) {
	r.mu.Lock()
	if r.paid == nil {
		r.paid = map[TakeKey]int{}
	}
	r.paid[TakeKey{order.Generation, order.Take}]++
	tell := r.OnPaid
	r.mu.Unlock()
	if tell != nil {
		tell(order)
	}
}
