package ai302_test

import (
	"context"
	"errors"
	"fmt"

	"imaginebot/core/ai302"
	"imaginebot/core/ai302/ai302test"
)

// A picture is asked for once. Only NotRun allows asking again by oneself.
func Example() {
	fake := ai302test.New(ai302test.Settings{Key: "an-example-key"})
	if err := fake.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer fake.Close()
	client, err := ai302.New(ai302.Settings{Base: fake.URL(), Key: "an-example-key"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	request := ai302.GenerateRequest{Prompt: "a lighthouse at dusk", Model: "ideogram-v2-t2i", AspectRatio: "16:9"}
	answer, err := client.Generate(context.Background(), request)
	fmt.Println("picture:", answer.URL != "", err)

	fake.Script(ai302test.Match{Endpoint: ai302test.Generate}, ai302test.ServerError(true), 1)
	_, err = client.Generate(context.Background(), request)
	var failure *ai302.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Situation, "not run:", failure.NotRun)
	}
	fmt.Println("paid for:", fake.Paid()[ai302test.Generate])
	// Output:
	// picture: true <nil>
	// ambiguous not run: false
	// paid for: 2
}
