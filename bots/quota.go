package bots

import "context"

// quota tells what is left to a person.
func quota() Command {
	return Command{
		Name:  "quota",
		About: "What you have left, and when it renews",
		Quiet: true,
		Run:   runQuota,
	}
}

func runQuota(ctx context.Context, d *Desk, call Call) (Reply, error) {
	left, err := d.Studio.Allowance(ctx, call.User)
	if err != nil {
		return Reply{}, err
	}
	return Reply{Text: sayQuota(left)}, nil
}
