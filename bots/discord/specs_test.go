package discord

import (
	"os"
	"sync"
	"testing"

	"imaginebot/bots/discord/discordspec"
	"imaginebot/bots/discord/discordtest"
)

// specs is Discord's own description, which the fake compares all traffic with; nil where it is not at hand.
func specs(t testing.TB) discordtest.Checker {
	t.Helper()
	folder := os.Getenv("TEST_SPECS_DIR")
	if folder == "" {
		t.Log("TEST_SPECS_DIR is not set: traffic is not compared with Discord's description")
		return nil
	}
	checker, err := loadSpecs(folder)
	if err != nil {
		t.Fatal(err)
	}
	return checker
}

var loadSpecs = func() func(string) (*discordspec.Checker, error) {
	var mu sync.Mutex
	loaded := map[string]*discordspec.Checker{}
	return func(folder string) (*discordspec.Checker, error) {
		mu.Lock()
		defer mu.Unlock()
		if c := loaded[folder]; c != nil {
			return c, nil
		}
		c, err := discordspec.Load(folder)
		if err == nil {
			loaded[folder] = c
		}
		return c, err
	}
}()

// The fake turns what the description forbids into a refusal and a violation; without this the comparison could
// silently be none.
func TestSpecsAreAsked(t *testing.T) {
	checker := specs(t)
	if checker == nil {
		t.Skip("TEST_SPECS_DIR is not set: nothing to compare with")
	}
	s := discordtest.New(discordtest.Settings{Token: testToken, Check: checker})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := newTestREST(t, s)
	defer r.close()
	cats := s.Guild("zoo").Channel("cats")
	err := r.do(t.Context(), restCall{
		action: "send message", method: "POST", path: join("channels", cats.ID, "messages"), bot: true,
		body: map[string]any{"content": "x", "attachments": []any{map[string]any{"id": true}}},
	}, nil)
	if !hasCode(err, 50035) || len(s.Violations()) != 1 {
		t.Errorf("got %v, violations %q", err, s.Violations())
	}
}
