package coretest_test

import (
	"context"
	"testing"
	"time"

	"imaginebot/core"
	"imaginebot/core/coretest"
)

func TestStoreInMemory(t *testing.T) {
	coretest.TestStore(t, func(*testing.T) core.Store { return coretest.NewStore(time.Now) })
}

// The store in memory finds out who books wrongly.
func TestStoreWatchesTheLedger(t *testing.T) {
	reserve := core.Entry{Kind: core.Reserve, Generation: "g", Amount: 1}
	settle, refund := reserve, reserve
	settle.Kind, refund.Kind = core.Settle, core.Refund
	for name, entries := range map[string][]core.Entry{
		"reserved twice": {reserve, reserve}, "ended without a reservation": {refund}, "ended twice": {reserve, settle, refund},
	} {
		store := coretest.NewStore(time.Now)
		err := store.InTx(t.Context(), func(ctx context.Context, tx core.Tx) error { return tx.Book(ctx, entries) })
		if err == nil || len(store.Ledger()) != 0 {
			t.Errorf("%s: %v, booked %v", name, err, store.Ledger())
		}
	}
}
