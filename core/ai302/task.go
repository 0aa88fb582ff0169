package ai302

import (
	"context"
	"net/url"
)

// Task is work at 302.AI that may outlast the call that began it.
type Task struct {
	ID       string // may be empty when Done
	Done     bool
	Pictures []Picture // of a task that is done, at least one
	Seed     *int64    // the one the provider says it used, nil if it does not say
	// RequestID is 302.AI's name for the call that brought this.
	RequestID string
}

// FetchTask asks once how a task stands. A task that ended without a picture is
// an error: Failed or Moderated. The call is free.
//
// https://302ai.apifox.cn/api-166077327
func (c *Client) FetchTask(ctx context.Context, id string) (Task, error) {
	k, failure := c.taskCall(id)
	if failure != nil {
		return Task{}, failure
	}
	got, err := c.send(ctx, k)
	if err != nil {
		return Task{}, err
	}
	return readTask(k, got)
}

// AwaitTask asks until the task has ended or ctx has. Whatever waiting mends is
// waited for; give ctx a deadline. When ctx ends, the error is Stopped and the
// task goes on at 302.AI: the same id may be awaited again.
func (c *Client) AwaitTask(ctx context.Context, id string) (Task, error) {
	k, failure := c.taskCall(id)
	if failure != nil {
		return Task{}, failure
	}
	var task Task
	err := c.await(ctx, k.endpoint, c.settings.PollTask, func() (bool, error) {
		got, failure := c.once(ctx, k)
		if failure != nil {
			return false, failure
		}
		var err error
		task, err = readTask(k, got)
		return task.Done, err
	})
	return task, err
}

func (c *Client) taskCall(id string) (call, *Error) {
	k := call{endpoint: EndpointTask, path: "/302/task/" + url.PathEscape(id) + "/fetch", timeout: c.settings.FetchTimeout, limit: maxJSON}
	if !isID(id) {
		return k, &Error{Operation: k.endpoint, Situation: Invalid, Reason: "not a task id"}
	}
	return k, nil
}

// isID refuses ids that would change the path or the size of the request.
func isID(id string) bool { return id != "" && len(id) <= 512 && id != "." && id != ".." }
