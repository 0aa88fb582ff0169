package config

import (
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Validate finds everything that is wrong with c, apart from what could not be read
// at all. It opens the files that c names and changes nothing.
func (c Config) Validate() Problems {
	p := &Problems{}
	c.checkTokens(p)
	if c.DiscordAPI != nil && c.DiscordAPI.Path != "" {
		p.add("DISCORD_API_BASE", "has a path")
	}
	c.checkWebhook(p)
	c.checkStorage(p)
	c.checkLimits(p)
	checkReadable(p, "CATALOG_FILE", c.CatalogFile)
	checkReadable(p, "PRESETS_FILE", c.PresetsFile)
	if c.HTTPAddr != "" && !isListenAddr(c.HTTPAddr) {
		p.add("HTTP_ADDR", "is "+quote(c.HTTPAddr))
	}
	c.checkFormat(p)
	return *p
}

func (l Log) checkFormat(p *Problems) {
	if l.LogFormat != FormatText && l.LogFormat != FormatJSON {
		p.add("LOG_FORMAT", "is "+quote(l.LogFormat))
	}
}

var (
	// telegramShape: https://core.telegram.org/bots/api#authorizing-your-bot
	telegramShape = regexp.MustCompile(`^[0-9]{6,}:[A-Za-z0-9_-]{30,}$`)
	// discordShape: three parts, https://docs.discord.com/developers/reference#authentication
	discordShape = regexp.MustCompile(`^[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{20,}$`)
)

func (c Config) checkTokens(p *Problems) {
	if c.DiscordToken.Empty() && c.TelegramToken.Empty() {
		p.addMend("DISCORD_TOKEN", "is not set, and TELEGRAM_TOKEN is not either", "set one of them, or both")
	}
	if c.API302Key.Empty() {
		p.addMend("API302_KEY", "is not set", "create a key at https://302.ai and set it")
	}
	checkToken(p, "DISCORD_TOKEN", c.DiscordToken)
	checkToken(p, "TELEGRAM_TOKEN", c.TelegramToken)
	checkToken(p, "API302_KEY", c.API302Key)
	if telegramShape.MatchString(c.DiscordToken.Reveal()) {
		p.addMend("DISCORD_TOKEN", "looks like a Telegram token", "set it as TELEGRAM_TOKEN")
	}
	if discordShape.MatchString(c.TelegramToken.Reveal()) {
		p.addMend("TELEGRAM_TOKEN", "looks like a Discord token", "set it as DISCORD_TOKEN")
	}
	// It becomes part of a path.
	if strings.ContainsAny(c.TelegramToken.Reveal(), "/?#%") {
		p.add("TELEGRAM_TOKEN", "contains a sign that no token has")
	}
}

// copied matches what stands before a token where tokens are copied from: a header,
// or Telegram's URLs.
var copied = regexp.MustCompile(`(?i)^(bot|bearer) |^bot[0-9]`)

// checkToken names the usual slips of copying. The shape of a token is the
// provider's affair and not judged.
func checkToken(p *Problems, variable string, token Secret) {
	text := token.Reveal()
	outside := func(r rune) bool { return r <= ' ' || r > '~' }
	switch {
	case copied.MatchString(text):
		p.add(variable, "has a word before the token")
	case strings.TrimSpace(text) != text:
		p.add(variable, "has a space or a line break around it")
	case strings.ContainsAny(text, "\"'`"):
		p.add(variable, "has quotes in it")
	case strings.IndexFunc(text, outside) >= 0:
		p.add(variable, "contains a sign that no token has")
	}
}

// webhookPorts are the ports that Telegram calls: https://core.telegram.org/bots/api#setwebhook
var webhookPorts = []string{"", "443", "80", "88", "8443"}

// ownPaths are served by the program itself.
var ownPaths = []string{"/healthz", "/readyz", "/metrics"}

func (c Config) checkWebhook(p *Problems) {
	const variable = "TELEGRAM_WEBHOOK_URL"
	u := c.TelegramWebhook
	if u == nil {
		return
	}
	switch {
	case u.Scheme != "https":
		p.add(variable, "is not https")
	case !slices.Contains(webhookPorts, u.Port()):
		p.add(variable, "has port "+u.Port()+", which Telegram does not call")
	case strings.Trim(u.Path, "/") == "":
		p.add(variable, "has no path")
	case slices.Contains(ownPaths, u.Path):
		p.add(variable, "has the path "+u.Path+", which is taken")
	case !c.TelegramToken.Empty() && strings.Contains(u.Path, c.TelegramToken.Reveal()):
		p.addMend(variable, "contains the bot token", "use another path: each update carries a secret of its own")
	case c.HTTPAddr == "":
		p.addMend(variable, "is set, but HTTP_ADDR is empty", "set HTTP_ADDR to where the updates arrive, for example :8302")
	}
}

func (c Config) checkStorage(p *Problems) {
	if u := c.DatabaseURL.URL(); u != nil {
		switch u.Scheme {
		case "sqlite":
			checkPath(p, "DATABASE_URL", u)
		case "postgres", "postgresql":
			switch {
			case u.Opaque != "" || !strings.Contains(c.DatabaseURL.Reveal(), "://"):
				p.add("DATABASE_URL", "has no // after its scheme")
			case strings.Contains(u.Path+u.RawQuery+u.Fragment, "@"):
				p.addMend("DATABASE_URL", "has a / ? or # in its password", "write them as %2F %3F %23")
			}
		default:
			p.add("DATABASE_URL", "is of a kind that is not known here")
		}
	}
	if u := c.PicturesURL.URL(); u != nil {
		switch {
		case u.Scheme == "file":
			checkPath(p, "PICTURES_URL", u)
		case u.Scheme != "s3":
			p.add("PICTURES_URL", "is of a kind that is not known here")
		case u.User != nil:
			p.add("PICTURES_URL", "has a user name or password in it")
		case u.Host == "":
			p.add("PICTURES_URL", "names no bucket")
		}
	}
	if c.PicturesKeep <= 0 {
		p.add("PICTURES_KEEP", "is "+quote(c.PicturesKeep.String()))
	}
}

// checkPath judges sqlite: and file: URLs. Two slashes make the first folder a host.
func checkPath(p *Problems, variable string, u *url.URL) {
	switch {
	case u.Host != "":
		p.add(variable, "has two slashes before a relative path")
	case u.Opaque == "" && strings.Trim(u.Path, "/") == "":
		p.add(variable, "names no path")
	}
}

func (c Config) checkLimits(p *Problems) {
	if c.QuotaImagesPerDay < NoLimit || c.QuotaImagesPerDay > 1_000_000 {
		p.add("QUOTA_IMAGES_PER_DAY", "is out of range")
	}
	if c.QuotaPTCPerMonth < NoLimit {
		p.add("QUOTA_PTC_PER_MONTH", "is negative")
	}
	if c.BudgetPTCPerDay < NoLimit {
		p.add("BUDGET_PTC_PER_DAY", "is negative")
	}
	switch {
	case c.QuotaConcurrent == 0:
		// Zero means "no limit" elsewhere and would mean "nobody" here.
		p.addMend("QUOTA_CONCURRENT", "is 0, which would refuse everyone", "use 1 or more, or -1 for no limit")
	case c.QuotaConcurrent < NoLimit || c.QuotaConcurrent > 1000:
		p.add("QUOTA_CONCURRENT", "is out of range")
	}
	if c.Workers < 1 || c.Workers > 1024 {
		p.add("WORKERS", "is out of range")
	}
}

// checkReadable opens the file; what stands in it is judged by whoever reads it.
func checkReadable(p *Problems, variable, name string) {
	if name == "" {
		return
	}
	file, err := os.Open(name)
	if err != nil {
		p.add(variable, "names a file that cannot be opened ("+reason(err)+")")
		return
	}
	defer file.Close()
	if about, err := file.Stat(); err != nil || !about.Mode().IsRegular() {
		p.add(variable, "names something that is not a file")
	}
}

func isListenAddr(addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	return err == nil && isPort(port) && (host == "" || isHost(host))
}

// warnings are about what works, but is likely not meant.
func (c Config) warnings() []string {
	var list []string
	if c.Allow.Everyone() {
		list = append(list, "ALLOW is empty: everyone who finds the bot can spend up to QUOTA_PTC_PER_MONTH")
	}
	if token := c.DiscordToken.Reveal(); token != "" && !discordShape.MatchString(token) {
		list = append(list, "DISCORD_TOKEN does not look like a Discord token")
	}
	if token := c.TelegramToken.Reveal(); token != "" && !telegramShape.MatchString(token) {
		list = append(list, "TELEGRAM_TOKEN does not look like a token from @BotFather")
	}
	if c.PicturesKeep > 0 && c.PicturesKeep < time.Hour {
		list = append(list, "PICTURES_KEEP is under an hour: a picture may be gone before an outage ends and it can be delivered")
	}
	return list
}
