package jobs

import (
	"context"
	"log/slog"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"

	"imaginebot/core/sqldb"
)

func open[TTx any](driver riverdriver.Driver[TTx], config *river.Config, of func(*sqldb.Tx) TTx) (client, error) {
	opened, err := river.NewClient(driver, config)
	return joined[TTx]{opened, of}, err
}

// joined is a River client that inserts into our own transactions.
type joined[TTx any] struct {
	*river.Client[TTx]
	of func(*sqldb.Tx) TTx
}

func (c joined[TTx]) insert(ctx context.Context, tx *sqldb.Tx, args stepArgs, opts *river.InsertOpts) error {
	_, err := c.InsertTx(ctx, c.of(tx), args, opts)
	return err
}

// quiet passes on River's warnings and errors alone: its reports of every start, stop
// and elected leader are of no use to an operator.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }
func (q quiet) WithGroup(name string) slog.Handler       { return quiet{q.Handler.WithGroup(name)} }
