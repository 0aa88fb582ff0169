package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// secretive sets every setting that can carry a secret. Each secret holds the word
// "hidden", so that one search finds any of them.
func secretive(t *testing.T) Config {
	t.Helper()
	c, err := Load([]string{
		"DISCORD_TOKEN=hidden-discord",
		"TELEGRAM_TOKEN=123456:hidden-telegram",
		"API302_KEY=hidden-key",
		"DATABASE_URL=postgres://bot:hidden@db/bot?sslmode=require&sslpassword=hidden",
		"PICTURES_URL=s3://bucket?region=eu&secret_key=hidden#hidden",
		"FETCH_PROXY=http://hidden@proxy:1",
		"HTTPS_PROXY=http://user:hidden@proxy:2",
	}, writeDotenv(t, "AWS_SECRET_ACCESS_KEY=hidden\n"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNothingPrintsASecret(t *testing.T) {
	c := secretive(t)
	type outer struct {
		Shown  Config
		buried Config
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{c, &c, outer{c, c}, c.DiscordToken, &c.API302Key, c.DatabaseURL, c.FetchProxy, []any{c.PicturesURL}} {
			// %x would show the word in another spelling.
			text := fmt.Sprintf(verb, value)
			if strings.Contains(text, "hidden") || strings.Contains(text, fmt.Sprintf("%x", "hidden")) {
				t.Errorf("%s of %T shows a secret:\n%s", verb, value, text)
			}
		}
	}

	var logged bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		slog.New(h).Info("settings", "config", c, "pointer", &c, "token", c.TelegramToken, "url", c.DatabaseURL, "proxy", c.HTTPSProxy)
	}
	if err := json.NewEncoder(&logged).Encode(c); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(logged.String(), "hidden") {
		t.Errorf("a log shows a secret:\n%s", &logged)
	}
	for _, want := range []string{"config.DISCORD_TOKEN=[redacted]", "config.WORKERS=16", "postgres://bot:[redacted]@db/bot"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, &logged)
		}
	}
}

func TestSecretsAreRevealedWhereAsked(t *testing.T) {
	c := secretive(t)
	for got, want := range map[string]string{
		c.DiscordToken.Reveal():     "hidden-discord",
		c.PicturesURL.Reveal():      "s3://bucket?region=eu&secret_key=hidden#hidden",
		c.FetchProxy.URL().String(): "http://hidden@proxy:1",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	var unset Config
	if unset.DiscordToken.Reveal() != "" || !unset.FetchProxy.Empty() || unset.FetchProxy.URL() != nil {
		t.Error("an unset secret holds something")
	}
}

func TestSecretURLShowsWhatIsPlain(t *testing.T) {
	tests := []struct{ set, want string }{
		{"sqlite:data/imaginebot.db", "sqlite:data/imaginebot.db"},
		{"postgres://bot@db:5432/bot", "postgres://bot@db:5432/bot"},
		{"postgres://bot:pw@db/bot?password=pw&sslmode=disable", "postgres://bot:[redacted]@db/bot?password=[redacted]&sslmode=disable"},
		{"http://token@proxy:1", "http://[redacted]@proxy:1"},
		{"s3://bucket?region=eu&prefix=a/&key=k", "s3://bucket?key=[redacted]&prefix=a/&region=eu"},
		{"s3://bucket?endpoint=https://user:pw@host", "s3:[redacted]"},
		{"s3://bucket?endpoint=https://user:pw%40host", "s3://bucket?endpoint=[redacted]"},
		{"postgres://bot:12/pw@db/bot", "postgres:[redacted]"},
		{"postgres:bot:pw@db/bot", "postgres:[redacted]"},
	}
	for _, test := range tests {
		var u SecretURL
		if err := u.UnmarshalText([]byte(test.set)); err != nil {
			t.Errorf("%s: %v", test.set, err)
		} else if got := u.String(); got != test.want {
			t.Errorf("%s shows as %s, want %s", test.set, got, test.want)
		}
	}
}

// A key that also stands where none belongs is hidden in the listing.
func TestListingHidesMisplacedSecrets(t *testing.T) {
	c, err := Load([]string{"DISCORD_TOKEN=d", "API302_KEY=hidden-key", "NO_PROXY=hidden-key", "TELEGRAM_WEBHOOK_URL=https://host/hidden-key"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if text := c.String(); strings.Contains(text, "hidden") || !strings.Contains(text, "https://host/[redacted]") {
		t.Error(text)
	}
}

// A secret pasted into a wrong variable stays out of the message about it.
func TestProblemsHideMisplacedSecrets(t *testing.T) {
	const short, long = "hidden-discord", "hidden-and-longer-than-anything-worth-quoting"
	for _, r := range rows {
		for _, secret := range []string{short, long} {
			environ := []string{"API302_KEY=k", r.name + "=" + secret}
			if r.name != "DISCORD_TOKEN" {
				environ = append(environ, "DISCORD_TOKEN="+short)
			}
			_, err := Load(environ, "")
			if err != nil && strings.Contains(err.Error(), "hidden") {
				t.Errorf("%s: %v", r.name, err)
			}
		}
	}
}
