package ai302

import (
	"context"
	"errors"
	"time"
)

// await asks every so often until ask is done, an error comes that waiting does
// not mend, or ctx ends. ask makes one request without repeating it.
func (c *Client) await(ctx context.Context, endpoint string, every time.Duration, ask func() (done bool, err error)) error {
	for {
		wait := every
		done, err := ask()
		var failure *Error
		switch {
		case err == nil && done:
			return nil
		case err == nil:
		case !errors.As(err, &failure):
			return err
		case failure.Situation == RateLimited:
			wait = max(wait, failure.RetryAfter)
		case failure.Situation != Unavailable:
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return stopped(ctx, endpoint, false)
		case <-timer.C:
		}
	}
}
