package config

import (
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"
)

// Config is every setting of the program, checked. The zero value is not usable;
// [Load] makes one. Printing or logging it shows [Config.Redacted].
type Config struct {
	// DiscordToken is the bot token; empty turns the Discord adapter off.
	DiscordToken Secret `env:"DISCORD_TOKEN" group:"Discord" help:"Bot token. Empty: no Discord." mend:"copy the token from the Bot page of https://discord.com/developers/applications, without quotes, spaces or \"Bot\""`
	// DiscordAPI is scheme://host[:port], without a path.
	DiscordAPI *url.URL `env:"DISCORD_API_BASE" envDefault:"https://discord.com" help:"Stands in for https://discord.com in REST calls: scheme://host[:port]." mend:"use scheme://host[:port] alone, for example https://discord.com"`
	// DiscordGuildIDs are the guilds that get the commands; none means globally.
	DiscordGuildIDs IDs `env:"DISCORD_GUILD_IDS" help:"Register the commands with these servers only (comma-separated ids): instant, for trying out. Empty: everywhere." mend:"use server ids separated by commas, for example 123456789012345678"`

	// TelegramToken is the bot token; empty turns the Telegram adapter off.
	TelegramToken Secret `env:"TELEGRAM_TOKEN" group:"Telegram" help:"Bot token from @BotFather. Empty: no Telegram." mend:"copy the token from @BotFather, without quotes, spaces or \"bot\""`
	// TelegramAPI is where {TelegramAPI}/bot{token}/{method} is called; no slash at its end.
	TelegramAPI *url.URL `env:"TELEGRAM_API_BASE" envDefault:"https://api.telegram.org" help:"Bot API server; a self-hosted one works too, but not in its --local mode." mend:"use an address without query, for example https://api.telegram.org"`
	// TelegramFiles is where {TelegramFiles}/bot{token}/{file_path} is fetched; no slash at its end.
	TelegramFiles *url.URL `env:"TELEGRAM_FILE_BASE" help:"Where files are downloaded from. Empty: TELEGRAM_API_BASE followed by /file." mend:"use an address without query, for example https://api.telegram.org/file"`
	// TelegramWebhook is the public address of the webhook; nil means long polling.
	TelegramWebhook *url.URL `env:"TELEGRAM_WEBHOOK_URL" help:"Public https address for updates; they then arrive on HTTP_ADDR at its path. Empty: long polling." mend:"use https, a port of 443, 80, 88 or 8443 and a path of its own, for example https://bot.example.org/telegram"`

	// API302Key is the key of every call to 302.AI.
	API302Key Secret `env:"API302_KEY" group:"302.AI" help:"Key of 302.AI. Required." mend:"copy the key from https://302.ai, without quotes, spaces or \"Bearer\""`
	// API302 is where 302.AI is called; it may have a path, and has no slash at its end.
	API302 *url.URL `env:"API302_BASE" envDefault:"https://api.302.ai" help:"Address of all calls to 302.AI; may have a path." mend:"use an address without query, for example https://api.302.ai"`

	// DatabaseURL names the database: sqlite:path or postgres://….
	DatabaseURL SecretURL `env:"DATABASE_URL" envDefault:"sqlite:data/imaginebot.db" group:"Storage" help:"sqlite:path for one process, or postgres://user:password@host/name for several." mend:"use sqlite:data/imaginebot.db, sqlite:///an/absolute/path or postgres://user:password@host/name"`
	// PicturesURL names the store of pictures: file:path or s3://bucket….
	PicturesURL SecretURL `env:"PICTURES_URL" envDefault:"file:data/pictures" help:"Where pictures are kept: file:path, or s3://bucket?region=… for several machines." mend:"use file:data/pictures, file:///an/absolute/path or s3://bucket?region=… (its keys go into the AWS_… variables)"`
	// PicturesKeep is how long finished pictures stay.
	PicturesKeep time.Duration `env:"PICTURES_KEEP" envDefault:"720h" help:"How long finished pictures stay, in hours and minutes (720h is 30 days)." mend:"use hours or minutes above 0, for example 720h"`

	// FetchAllow are host:port pairs, lower case, that pictures may come from although not public.
	FetchAllow HostPorts `env:"FETCH_ALLOW" group:"Network" help:"host:port list that pictures may be fetched from although the address is not public; plain http is allowed to these alone." mend:"use host:port pairs separated by commas, without http://, for example 192.168.1.5:8080"`
	// FetchProxy carries the fetching of foreign pictures; unset means directly.
	FetchProxy Proxy `env:"FETCH_PROXY" help:"Proxy for fetching pictures from foreign hosts. Empty: directly." mend:"use http://host:port, https://host:port or socks5://host:port"`
	// HTTPSProxy is shown and checked here, but obeyed through net/http; see [Config.Export].
	HTTPSProxy Proxy `env:"HTTPS_PROXY" help:"Proxy for Discord, Telegram and 302.AI." mend:"use http://host:port or socks5://host:port"`
	// NoProxy is shown here, but obeyed through net/http; see [Config.Export].
	NoProxy string `env:"NO_PROXY" help:"Hosts that HTTPS_PROXY is not used for."`

	// Allow says who may use the bot; empty means everyone.
	Allow Allow `env:"ALLOW" group:"People" help:"Who may use the bot: discord-guild:ID,telegram-chat:ID,discord:ID,telegram:ID. Empty: everyone who finds it." mend:"use entries separated by commas, for example discord-guild:123456789012345678,telegram-chat:-1001234567890"`
	// Admins may use /admin.
	Admins Admins `env:"ADMINS" help:"Who may use /admin: discord:ID,telegram:ID." mend:"use entries separated by commas, for example discord:123456789012345678,telegram:12345678"`

	// QuotaImagesPerDay is pictures per user and UTC day; 0 is none, [NoLimit] no limit.
	QuotaImagesPerDay int `env:"QUOTA_IMAGES_PER_DAY" envDefault:"25" group:"Limits" help:"Pictures per user and UTC day; 0 = none, -1 = no limit." mend:"use a whole number up to 1000000, 0 for none or -1 for no limit"`
	// QuotaPTCPerMonth is spending per user and UTC month.
	QuotaPTCPerMonth MicroPTC `env:"QUOTA_PTC_PER_MONTH" envDefault:"5" help:"Spending per user and UTC month, in PTC (1 PTC = 1 USD); -1 = no limit." mend:"use an amount of PTC with at most 6 decimals, for example 2.50, or -1 for no limit"`
	// QuotaConcurrent is unfinished requests per user; [NoLimit] is no limit.
	QuotaConcurrent int `env:"QUOTA_CONCURRENT" envDefault:"3" help:"Unfinished requests per user; -1 = no limit." mend:"use a whole number from 1 to 1000, or -1 for no limit"`
	// BudgetPTCPerDay is spending of the whole bot per UTC day.
	BudgetPTCPerDay MicroPTC `env:"BUDGET_PTC_PER_DAY" envDefault:"10" help:"Spending of the whole bot per UTC day, in PTC; -1 = no limit." mend:"use an amount of PTC with at most 6 decimals, for example 10, or -1 for no limit"`

	// DefaultModel is the model of /imagine.
	DefaultModel string `env:"DEFAULT_MODEL" envDefault:"flux-dev-t2i" group:"Models" help:"Model of /imagine."`
	// EditModel is the model of /edit and photo replies.
	EditModel string `env:"EDIT_MODEL" envDefault:"flux-kontext-pro" help:"Model of /edit and of replies to a picture."`
	// CatalogFile is the path of the operator's model rows; empty means none.
	CatalogFile string `env:"CATALOG_FILE" help:"JSON file that adds, changes or hides models and prices." mend:"name a file that this user can read"`
	// PresetsFile is the path of the operator's presets; empty means the embedded ones.
	PresetsFile string `env:"PRESETS_FILE" help:"JSON file of LoRA and ControlNet presets instead of the built-in ones." mend:"name a file that this user can read"`

	// Workers is how many pictures this process renders at once.
	Workers int `env:"WORKERS" envDefault:"16" group:"Process" help:"Pictures rendered at once by this process." mend:"use a whole number from 1 to 1024"`
	// HTTPAddr is host:port for /healthz, /readyz, /metrics and the webhook; empty means off.
	HTTPAddr string `env:"HTTP_ADDR" envDefault:"127.0.0.1:8302" help:"Address of /healthz, /readyz, /metrics and the Telegram webhook. Set and empty: off." mend:"use host:port or :port, for example 127.0.0.1:8302, or leave it empty for off"`
	Log

	// Warnings are lines for the operator about what is allowed but probably not meant.
	Warnings []string

	// foreign are the variables of .env that others read from the process environment.
	foreign map[string]Secret
}

// NoLimit is the value of a limit that does not limit.
const NoLimit = -1

// Log is how the program logs to standard error.
type Log struct {
	// LogLevel is the least level that is written.
	LogLevel slog.Level `env:"LOG_LEVEL" envDefault:"info" help:"debug, info, warn or error." mend:"use debug, info, warn or error"`
	// LogFormat is [FormatText] or [FormatJSON].
	LogFormat string `env:"LOG_FORMAT" envDefault:"text" help:"text, or json for machines." mend:"use text or json"`
}

// The values of LogFormat.
const (
	FormatText = "text"
	FormatJSON = "json"
)

// Export hands to the process environment what .env holds and libraries read there
// for themselves: HTTPS_PROXY and NO_PROXY (net/http), AWS_… (the S3 client),
// SSL_CERT_FILE. The program's own settings are not exported. Call it once, before
// the first network call, because net/http reads its proxy only once.
func (c Config) Export() error {
	for name, value := range c.foreign {
		if err := os.Setenv(name, value.Reveal()); err != nil {
			return err
		}
	}
	return nil
}

// String is [Config.Redacted], one NAME=value per line.
func (c Config) String() string {
	var b strings.Builder
	for _, s := range c.Redacted() {
		b.WriteString(s.Name + "=" + s.Value + "\n")
	}
	return b.String()
}

// GoString is the same as String, so that %#v shows no secret either.
func (c Config) GoString() string { return c.String() }

// LogValue is [Config.Redacted] as a group.
func (c Config) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, s := range c.Redacted() {
		attrs = append(attrs, slog.String(s.Name, s.Value))
	}
	return slog.GroupValue(attrs...)
}
