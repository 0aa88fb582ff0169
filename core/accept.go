package core

import "context"

// Accept stores events in the inbox in one transaction and returns the fresh ones, in
// order. From then on each is answered whatever happens to this process; the caller
// works them at once and ends each with Done.
func (s *Studio) Accept(ctx context.Context, events []Event) (fresh []Event, err error) {
	err = s.Store.InTx(ctx, func(ctx context.Context, tx Tx) error {
		fresh, err = tx.AddEvents(ctx, events, s.Holder)
		return err
	})
	return fresh, err
}

// Done records that an event was answered. Submit has done so already for the event of
// a generation; once more does no harm.
func (s *Studio) Done(ctx context.Context, key EventKey) error {
	return s.Store.InTx(ctx, func(ctx context.Context, tx Tx) error { return tx.EndEvent(ctx, key) })
}
