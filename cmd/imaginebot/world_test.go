package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"imaginebot/bots/discord/discordspec"
	"imaginebot/bots/discord/discordtest"
	"imaginebot/bots/telegram/telegramspec"
	"imaginebot/bots/telegram/telegramtest"
	"imaginebot/core/ai302/ai302test"
)

// beTheBot makes the test binary be imaginebot: the tests start it as a child, so that
// killing it is killing.
const beTheBot = "IMAGINEBOT_TEST_IS_THE_BOT"

func TestMain(m *testing.M) {
	if os.Getenv(beTheBot) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// Secrets of the tests; none may be found in a log.
const (
	testKey     = "key-of-the-whole-program"
	testDiscord = "discord-token-of-the-whole-program-tests"
)

// patience bounds every wait of a test: it is only reached where something is wrong.
const patience = 60 * time.Second

// world is the far side of the network, and the settings of a bot in it.
type world struct {
	t       testing.TB
	ctx     context.Context
	ai      *ai302test.Server
	discord *discordtest.Server
	guild   *discordtest.Guild
	channel *discordtest.Channel
	tg      *telegramtest.Server
	dir     string
	env     map[string]string
	log     *logBook

	expected string // a violation with these words is what the test is about
	program  string // the bot; this test binary if empty

	mu    sync.Mutex
	drawn map[string][][]byte // by prompt
}

// logBook collects what the bot says on standard error, over all its lives.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// options change a world before it starts.
type options struct {
	database string // URL
	ai       ai302test.Settings
	env      map[string]string
}

func newWorld(t testing.TB, o options) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	t.Cleanup(cancel)
	w := &world{t: t, ctx: ctx, dir: t.TempDir(), log: &logBook{}, drawn: map[string][][]byte{}}
	o.ai.Key = testKey
	draw := o.ai.Draw
	if draw == nil {
		draw = ai302test.Poster
		o.ai.MaxSide = 256
	}
	o.ai.Draw = func(d ai302test.DrawRequest) []byte {
		picture := draw(d)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.drawn[d.Prompt] = append(w.drawn[d.Prompt], picture)
		return picture
	}
	w.ai = ai302test.New(o.ai)
	discord := discordtest.Settings{Token: testDiscord}
	if specs := os.Getenv("TEST_SPECS_DIR"); specs != "" {
		checker, err := discordspec.Load(specs)
		w.must(err)
		discord.Check = checker
	} else {
		t.Log("the official specifications are not compared: TEST_SPECS_DIR is not set")
	}
	w.discord = discordtest.New(discord)
	w.tg = telegramtest.New(telegramtest.Settings{Checker: telegramspec.FromEnv(t)})
	for _, fake := range []interface {
		Start() error
		Close()
	}{w.ai, w.discord, w.tg} {
		w.must(fake.Start())
		t.Cleanup(fake.Close)
	}
	w.guild = w.discord.Guild("the guild")
	w.channel = w.guild.Channel("pictures")
	w.env = map[string]string{
		"DISCORD_TOKEN": testDiscord, "DISCORD_API_BASE": w.discord.URL(),
		"TELEGRAM_TOKEN": w.tg.Token(), "TELEGRAM_API_BASE": w.tg.URL(),
		"API302_KEY": testKey, "API302_BASE": w.ai.URL(), "FETCH_ALLOW": w.ai.PicturesHostPort(),
		"DATABASE_URL": o.database, "PICTURES_URL": "file:" + filepath.Join(w.dir, "pictures"),
		"HTTP_ADDR": "", "BUDGET_PTC_PER_DAY": "-1", "LOG_LEVEL": "debug",
	}
	for name, value := range o.env {
		w.env[name] = value
	}
	t.Cleanup(w.inspect)
	return w
}

// inspect is what must hold after every story.
func (w *world) inspect() {
	w.t.Helper()
	for name, violations := range map[string][]string{"302.AI": w.ai.Violations(), "Discord": w.discord.Violations(), "Telegram": w.tg.Violations()} {
		for _, violation := range violations {
			if w.expected != "" && strings.Contains(violation, w.expected) {
				continue
			}
			w.t.Errorf("violation against %s: %s", name, violation)
		}
	}
	log := w.log.String()
	for _, secret := range []string{testKey, testDiscord, w.tg.Token(), "a secret wish", "/webhooks/"} {
		if at := strings.Index(log, secret); at >= 0 {
			w.t.Errorf("the log holds %q: …%s…", secret, log[max(0, at-200):min(len(log), at+50)])
		}
	}
	if w.t.Failed() {
		w.t.Logf("the bot's log:\n%s", log)
	}
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

// picture is the one that the provider drew for a prompt.
func (w *world) picture(prompt string) []byte {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	drawn := w.drawn[prompt]
	if len(drawn) == 0 {
		w.t.Fatalf("nothing was drawn for %q", prompt)
	}
	return drawn[len(drawn)-1]
}

// oneOfThose reports whether content is a picture that was drawn for the prompt.
func (w *world) oneOfThose(prompt string, content []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.drawn[prompt], func(p []byte) bool { return bytes.Equal(p, content) })
}

// life is one run of the bot.
type life struct {
	w   *world
	cmd *exec.Cmd
	end chan error
}

// command is the bot with arguments, not started.
func (w *world) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.ctx, cmp.Or(w.program, os.Args[0]), args...)
	cmd.Dir = w.dir
	cmd.Stderr = w.log
	cmd.Env = []string{beTheBot + "=yes", "HOME=" + w.dir, "PATH=" + os.Getenv("PATH"), "GORACE=" + os.Getenv("GORACE")}
	for name, value := range w.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// start runs the bot and returns when it hears both platforms.
func (w *world) start() *life {
	w.t.Helper()
	l := &life{w: w, cmd: w.command(), end: make(chan error, 1)}
	w.must(l.cmd.Start())
	go func() { l.end <- l.cmd.Wait() }()
	w.t.Cleanup(l.kill)
	w.until("the bot hears both platforms", func() bool {
		return (w.env["DISCORD_TOKEN"] == "" || w.discord.Connected() == 1 && len(w.discord.Commands(nil)) > 0) &&
			(w.env["TELEGRAM_TOKEN"] == "" || w.tg.Polling())
	})
	return l
}

// kill is kill -9.
func (l *life) kill() {
	l.cmd.Process.Kill()
	l.await()
}

// stop is SIGTERM; it wants exit 0.
func (l *life) stop() time.Duration {
	l.w.t.Helper()
	began := time.Now()
	l.w.must(l.cmd.Process.Signal(syscall.SIGTERM))
	if err := l.await(); err != nil {
		l.w.t.Errorf("stopped with %v", err)
	}
	return time.Since(began)
}

func (l *life) await() error {
	err := <-l.end
	l.end <- err
	return err
}

// until waits for something that no fake announces.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-deadline:
			w.t.Fatalf("waited in vain until %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// waiting is a context for one wait.
func (w *world) waiting() context.Context {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	w.t.Cleanup(cancel)
	return ctx
}

// discordCommand gives a command on Discord and waits until the answer satisfies done.
func (w *world) discordCommand(user, command string, given discordtest.Options, done func(discordtest.Message) bool) discordtest.Message {
	w.t.Helper()
	interaction, err := w.discord.Command(w.waiting(), w.discord.User(user), w.channel, command, given)
	w.must(err)
	message, err := interaction.Wait(w.waiting(), done)
	if err != nil {
		now, _ := interaction.Response()
		w.t.Fatalf("/%s: %v; its answer is %q", command, err, now.Text())
	}
	return message
}

// say writes to the bot's private chat on Telegram and waits for an answer that satisfies done.
func (w *world) say(user *telegramtest.User, done func(telegramtest.Message) bool, parts ...telegramtest.Part) telegramtest.Message {
	w.t.Helper()
	chat := w.tg.Private(user)
	sent, err := user.Send(chat, parts...)
	w.must(err)
	answer, err := w.tg.WaitMessage(w.waiting(), chat, func(m telegramtest.Message) bool { return m.FromBot && m.ID > sent.ID && done(m) })
	if err != nil {
		w.t.Fatalf("%v; the chat is now %+v", err, w.tg.Messages(chat))
	}
	return answer
}

func (w *world) person(name string) *telegramtest.User {
	w.t.Helper()
	user := w.tg.User(name, "en")
	_, err := user.Start("")
	w.must(err)
	return user
}

func hasPictures(n int) func(discordtest.Message) bool {
	return func(m discordtest.Message) bool { return len(m.Attachments) == n }
}

func hasPhoto(m telegramtest.Message) bool { return m.Photo != nil }

func reads(words ...string) func(discordtest.Message) bool {
	return func(m discordtest.Message) bool { return holdsAll(m.Text(), words) }
}

func holdsAll(text string, words []string) bool {
	for _, word := range words {
		if !regexp.MustCompile("(?i)" + word).MatchString(text) {
			return false
		}
	}
	return true
}

// exit runs the bot with arguments to its end.
func (w *world) exit(args ...string) (code int, out, errs string) {
	w.t.Helper()
	cmd := w.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	w.log.Write(stderr.Bytes())
	w.log.Write(stdout.Bytes())
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}
