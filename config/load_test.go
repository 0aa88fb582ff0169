package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// credentials are the least that a bot needs, in the shapes that raise no warning.
var credentials = []string{
	"DISCORD_TOKEN=" + strings.Repeat("d", 24) + ".dddddd." + strings.Repeat("D", 38),
	"TELEGRAM_TOKEN=123456789:" + strings.Repeat("t", 35),
	"API302_KEY=" + strings.Repeat("k", 40),
}

func with(settings ...string) []string {
	return append(credentials[:len(credentials):len(credentials)], settings...)
}

func writeDotenv(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// problemsOf are the lines of Load's error.
func problemsOf(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("Load failed with %T, want Problems", err)
	}
	return strings.Split(problems.Error(), "\n")
}

func TestDefaultsAreTheContract(t *testing.T) {
	c, err := Load(credentials, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []Setting{
		{"DISCORD_TOKEN", "[redacted]"},
		{"DISCORD_API_BASE", "https://discord.com"},
		{"DISCORD_GUILD_IDS", ""},
		{"TELEGRAM_TOKEN", "[redacted]"},
		{"TELEGRAM_API_BASE", "https://api.telegram.org"},
		{"TELEGRAM_FILE_BASE", "https://api.telegram.org/file"},
		{"TELEGRAM_WEBHOOK_URL", ""},
		{"API302_KEY", "[redacted]"},
		{"API302_BASE", "https://api.302.ai"},
		{"DATABASE_URL", "sqlite:data/imaginebot.db"},
		{"PICTURES_URL", "file:data/pictures"},
		{"PICTURES_KEEP", "720h0m0s"},
		{"FETCH_ALLOW", ""},
		{"FETCH_PROXY", ""},
		{"HTTPS_PROXY", ""},
		{"NO_PROXY", ""},
		{"ALLOW", ""},
		{"ADMINS", ""},
		{"QUOTA_IMAGES_PER_DAY", "25"},
		{"QUOTA_PTC_PER_MONTH", "5"},
		{"QUOTA_CONCURRENT", "3"},
		{"BUDGET_PTC_PER_DAY", "10"},
		{"DEFAULT_MODEL", "flux-dev-t2i"},
		{"EDIT_MODEL", "flux-kontext-pro"},
		{"CATALOG_FILE", ""},
		{"PRESETS_FILE", ""},
		{"WORKERS", "16"},
		{"HTTP_ADDR", "127.0.0.1:8302"},
		{"LOG_LEVEL", "info"},
		{"LOG_FORMAT", "text"},
	}
	if diff := cmp.Diff(want, c.Redacted()); diff != "" {
		t.Error(diff)
	}
	if c.PicturesKeep != 720*time.Hour || c.QuotaPTCPerMonth != 5_000_000 || c.BudgetPTCPerDay != 10_000_000 {
		t.Errorf("keep %v, quota %d, budget %d", c.PicturesKeep, c.QuotaPTCPerMonth, c.BudgetPTCPerDay)
	}
}

func TestGoodValues(t *testing.T) {
	file := writeDotenv(t, "")
	tests := []struct{ set, want string }{
		{"DISCORD_API_BASE=http://127.0.0.1:4000/", "http://127.0.0.1:4000"},
		{"TELEGRAM_API_BASE=http://bots.local:8081/api/", "http://bots.local:8081/api"},
		{"TELEGRAM_FILE_BASE=https://files.local", "https://files.local"},
		{"API302_BASE=https://proxy.local/302//", "https://proxy.local/302"},
		{"TELEGRAM_WEBHOOK_URL=https://bot.example.org:8443/tg/hook/", "https://bot.example.org:8443/tg/hook/"},
		{"DISCORD_GUILD_IDS= 1, 22 ,1", "1,22"},
		{"DATABASE_URL=postgres:///bot?host=/run/postgresql", "postgres:///bot?host=[redacted]"},
		{"DATABASE_URL=sqlite:/srv/bot.db", "sqlite:/srv/bot.db"},
		{"PICTURES_URL=s3://bucket?region=eu-west-1", "s3://bucket?region=eu-west-1"},
		{"PICTURES_KEEP=90m", "1h30m0s"},
		{"FETCH_ALLOW=Files.Local:8080, [::1]:80,files.local:8080", "files.local:8080,[::1]:80"},
		{"FETCH_PROXY=10.0.0.1:3128", "http://10.0.0.1:3128"},
		{"HTTPS_PROXY=socks5://proxy:1080", "socks5://proxy:1080"},
		{"ALLOW=discord:5,telegram-chat:-1001,discord-guild:7, telegram:9,discord:5", "discord-guild:7,telegram-chat:-1001,discord:5,telegram:9"},
		{"ADMINS=telegram:9,discord:5", "discord:5,telegram:9"},
		{"QUOTA_IMAGES_PER_DAY=0", "0"},
		{"QUOTA_IMAGES_PER_DAY=-1", "-1"},
		{"QUOTA_CONCURRENT=-1", "-1"},
		{"QUOTA_PTC_PER_MONTH=-1", "-1"},
		{"BUDGET_PTC_PER_DAY=0.000001", "0.000001"},
		{"WORKERS=1024", "1024"},
		{"CATALOG_FILE=" + file, file},
		{"HTTP_ADDR=:8302", ":8302"},
		{"HTTP_ADDR=[::]:80", "[::]:80"},
		{"LOG_LEVEL=WARN", "warn"},
		{"LOG_FORMAT=json", "json"},
	}
	for _, test := range tests {
		c, err := Load(with(test.set), "")
		if err != nil {
			t.Errorf("%s: %v", test.set, err)
			continue
		}
		name, _, _ := strings.Cut(test.set, "=")
		for _, s := range c.Redacted() {
			if s.Name == name && s.Value != test.want {
				t.Errorf("%s reads as %q, want %q", test.set, s.Value, test.want)
			}
		}
	}
}

func TestWrongValues(t *testing.T) {
	folder := t.TempDir()
	long := strings.Repeat("x", 40)
	tests := []struct{ set, want string }{
		{"DISCORD_TOKEN=Bot abc", "has a word before the token"},
		{"DISCORD_TOKEN= abc", "has a space or a line break around it"},
		{"DISCORD_TOKEN=abc\r", "has a space or a line break around it"},
		{`DISCORD_TOKEN="abc"`, "has quotes in it"},
		{"DISCORD_TOKEN=a c", "contains a sign that no token has"},
		{"DISCORD_TOKEN=123456789:" + long, "looks like a Telegram token"},
		{"TELEGRAM_TOKEN=bot123:abc", "has a word before the token"},
		{"TELEGRAM_TOKEN=123:a/b", "contains a sign that no token has"},
		{"TELEGRAM_TOKEN=" + long + ".abcdef." + long, "looks like a Discord token"},
		{"API302_KEY=Bearer abc", "has a word before the token"},
		{"API302_KEY=", "is not set"},
		{"DISCORD_API_BASE=https://discord.com/api/v9", "has a path"},
		{"DISCORD_API_BASE=discord.com", "does not begin with https:// or http://"},
		{"DISCORD_API_BASE=https://", "names no host"},
		{"DISCORD_GUILD_IDS=1,,2", `entry 2 ("") is not an id`},
		{"DISCORD_GUILD_IDS=-1", `entry 1 ("-1") is not an id`},
		{"TELEGRAM_API_BASE=https://user:pw@host", "has a user name or password in it"},
		{"TELEGRAM_API_BASE=https://host:99999", "has a port outside 1 to 65535"},
		{"TELEGRAM_FILE_BASE=https://host/?a", "has a ? or # in it"},
		{"TELEGRAM_WEBHOOK_URL=http://host/tg", "is not https"},
		{"TELEGRAM_WEBHOOK_URL=https://host:444/tg", "has port 444, which Telegram does not call"},
		{"TELEGRAM_WEBHOOK_URL=https://host/", "has no path"},
		{"TELEGRAM_WEBHOOK_URL=https://host/metrics", "has the path /metrics, which is taken"},
		{"TELEGRAM_WEBHOOK_URL=https://host/" + strings.TrimPrefix(credentials[1], "TELEGRAM_TOKEN="), "contains the bot token"},
		{"API302_BASE=http://[::1", "cannot be read as a URL"},
		{"DATABASE_URL=data/imaginebot.db", "has no scheme"},
		{"DATABASE_URL=mysql://host/db", "is of a kind that is not known here"},
		{"DATABASE_URL=sqlite:", "names no path"},
		{"DATABASE_URL=sqlite://data/imaginebot.db", "has two slashes before a relative path"},
		{"DATABASE_URL=postgres:user@host/db", "has no // after its scheme"},
		{"DATABASE_URL=postgres://user:12/34@host/db", "has a / ? or # in its password"},
		{"PICTURES_URL=ftp://host", "is of a kind that is not known here"},
		{"PICTURES_URL=file://data/pictures", "has two slashes before a relative path"},
		{"PICTURES_URL=s3:", "names no bucket"},
		{"PICTURES_URL=s3://id:pw@bucket", "has a user name or password in it"},
		{"PICTURES_KEEP=30d", `is "30d"`},
		{"PICTURES_KEEP=0", `is "0s"`},
		{"FETCH_ALLOW=http://host:80", `entry 1 ("http://host:80") is not host:port`},
		{"FETCH_ALLOW=host", `entry 1 ("host") is not host:port`},
		{"FETCH_ALLOW=host:0", `entry 1 ("host:0") is not host:port`},
		{"FETCH_ALLOW=host:080", `entry 1 ("host:080") is not host:port`},
		{"FETCH_ALLOW=*.host:80", `entry 1 ("*.host:80") is not host:port`},
		{"FETCH_PROXY=ftp://host", "is of a kind that is not known here"},
		{"FETCH_PROXY=http://", "names no host"},
		{"ALLOW=,", `entry 1 ("") is of no known kind`},
		{"ALLOW= ", `entry 1 ("") is of no known kind`},
		{"ALLOW=discord:1,guild:1", `entry 2 ("guild:1") is of no known kind`},
		{"ALLOW=telegram:-5", `entry 1 ("telegram:-5") has no valid id`},
		{"ALLOW=" + long, "entry 1 (a text of 40 characters) is of no known kind"},
		{"ADMINS=discord-guild:1", `entry 1 ("discord-guild:1") is of no known kind`},
		{"QUOTA_IMAGES_PER_DAY=many", `is "many"`},
		{"QUOTA_IMAGES_PER_DAY=-2", "is out of range"},
		{"QUOTA_PTC_PER_MONTH=-0.5", `is "-0.5"`},
		{"QUOTA_PTC_PER_MONTH=0.0000001", "has 7 decimals"},
		{"QUOTA_CONCURRENT=0", "is 0, which would refuse everyone"},
		{"BUDGET_PTC_PER_DAY=1e3", `is "1e3"`},
		{"BUDGET_PTC_PER_DAY=1000000000", "is not below 1000000000 PTC"},
		{"CATALOG_FILE=" + filepath.Join(folder, "none"), "names a file that cannot be opened (no such file or directory)"},
		{"PRESETS_FILE=" + folder, "names something that is not a file"},
		{"WORKERS=0", "is out of range"},
		{"WORKERS=1025", "is out of range"},
		{"HTTP_ADDR=8302", `is "8302"`},
		{"HTTP_ADDR=host:http", `is "host:http"`},
		{"LOG_LEVEL=loud", `is "loud"`},
		{"LOG_FORMAT=xml", `is "xml"`},
	}
	for _, test := range tests {
		name, value, _ := strings.Cut(test.set, "=")
		_, err := Load(with(test.set), "")
		lines := problemsOf(t, err)
		if len(lines) != 1 || !strings.HasPrefix(lines[0], name+" "+test.want+": ") {
			t.Errorf("%s:\n got %q\nwant %q and a mend", test.set, lines, name+" "+test.want)
			continue
		}
		if r, _ := rowNamed(name); strings.Contains(r.name, "TOKEN") && strings.Contains(lines[0], value) {
			t.Errorf("%s shows the token: %q", name, lines[0])
		}
	}
}

func TestEveryProblemAtOnceInTheOrderOfTheTable(t *testing.T) {
	broken := []string{"WORKERS=x", "LOG_FORMAT=x", "DISCORD_API_BASE=x", "ALLOW=x", "TELEGRAM_WEBHOOK_URL=x", "DATABASE_URL=x"}
	_, err := Load(broken, writeDotenv(t, "?"))
	var names []string
	for _, line := range problemsOf(t, err) {
		name, _, _ := strings.Cut(line, " ")
		names = append(names, name)
	}
	want := []string{".env", "DISCORD_TOKEN", "DISCORD_API_BASE", "TELEGRAM_WEBHOOK_URL", "API302_KEY", "DATABASE_URL", "ALLOW", "WORKERS", "LOG_FORMAT"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func TestOneAdapterIsEnough(t *testing.T) {
	for _, token := range credentials[:2] {
		if _, err := Load([]string{token, "API302_KEY=k"}, ""); err != nil {
			t.Errorf("%v", err)
		}
	}
}

func TestWebhookNeedsTheHTTPServer(t *testing.T) {
	_, err := Load(with("TELEGRAM_WEBHOOK_URL=https://host/tg", "HTTP_ADDR="), "")
	want := []string{"TELEGRAM_WEBHOOK_URL is set, but HTTP_ADDR is empty: set HTTP_ADDR to where the updates arrive, for example :8302"}
	if diff := cmp.Diff(want, problemsOf(t, err)); diff != "" {
		t.Error(diff)
	}
}

func TestEmptyMeansDefaultExceptForHTTPAddr(t *testing.T) {
	empty := make([]string, 0, len(rows))
	for _, r := range rows {
		empty = append(empty, r.name+"=")
	}
	got, err := Load(append(empty, credentials...), "")
	if err != nil {
		t.Fatal(err)
	}
	want, err := Load(credentials, "")
	if err != nil {
		t.Fatal(err)
	}
	if got.HTTPAddr != "" {
		t.Errorf("HTTP_ADDR= gives %q", got.HTTPAddr)
	}
	got.HTTPAddr = want.HTTPAddr
	if diff := cmp.Diff(want.Redacted(), got.Redacted()); diff != "" {
		t.Error(diff)
	}
}

func TestTelegramFilesFollowTheAPI(t *testing.T) {
	c, err := Load(with("TELEGRAM_API_BASE=http://bots.local/api/"), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.TelegramFiles.String(); got != "http://bots.local/api/file" {
		t.Error(got)
	}
}

func TestWarnings(t *testing.T) {
	tests := []struct {
		name    string
		environ []string
		dotenv  string
		want    []string
	}{
		{"nothing to say", with("ALLOW=discord:1"), "", nil},
		{"open to the world", credentials, "", []string{"ALLOW is empty: everyone who finds the bot can spend up to QUOTA_PTC_PER_MONTH"}},
		{"odd tokens", with("ALLOW=discord:1", "DISCORD_TOKEN=abc", "TELEGRAM_TOKEN=1:a"), "", []string{
			"DISCORD_TOKEN does not look like a Discord token",
			"TELEGRAM_TOKEN does not look like a token from @BotFather",
		}},
		{"short keeping", with("ALLOW=discord:1", "PICTURES_KEEP=10m"), "", []string{
			"PICTURES_KEEP is under an hour: a picture may be gone before an outage ends and it can be delivered",
		}},
		{"slips in the file", with("ALLOW=discord:1"), "DISCORD_TOKN=x\nworker=3\nTELEGRAM_BOT_TOKEN=x\n302_BASE=x\nWORK=1\nhttps_proxy=x\nAWS_REGION=x\nPATH=x\n", []string{
			`.env sets "DISCORD_TOKN", which is not a setting: did you mean DISCORD_TOKEN?`,
			`.env sets "TELEGRAM_BOT_TOKEN", which is not a setting: did you mean TELEGRAM_TOKEN?`,
			`.env sets "worker", which is not a setting: did you mean WORKERS?`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := Load(test.environ, writeDotenv(t, test.dotenv))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, c.Warnings); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A slip is told together with the problem that it causes.
func TestWarningsComeWithProblems(t *testing.T) {
	c, err := Load([]string{"API302_KEY=k", "ALLOW=discord:1"}, writeDotenv(t, "DISCORD_TOKN=x\n"))
	if len(problemsOf(t, err)) != 1 || len(c.Warnings) != 1 {
		t.Errorf("problems %v, warnings %q", err, c.Warnings)
	}
}

func TestLoadLogReadsNothingElse(t *testing.T) {
	l, err := LoadLog([]string{"LOG_FORMAT=json", "LOG_LEVEL=debug", "WORKERS=x"})
	if err != nil || l.LogFormat != FormatJSON || l.LogLevel.String() != "DEBUG" {
		t.Errorf("%+v, %v", l, err)
	}
	_, err = LoadLog([]string{"LOG_FORMAT=xml", "LOG_LEVEL=loud"})
	if lines := problemsOf(t, err); len(lines) != 2 {
		t.Errorf("problems %q", lines)
	}
}
