package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"imaginebot/bots/discord/discordtest"
	"imaginebot/bots/telegram/telegramtest"
	"imaginebot/core/ai302/ai302test"
	"imaginebot/core/sqldb/sqldbtest"
)

// photo is a picture that a person sends, different for each shade.
func photo(t testing.TB, shade uint8) []byte {
	t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, 64, 48))
	for x := range 64 {
		for y := range 48 {
			picture.Set(x, y, color.RGBA{shade, uint8(4 * x), uint8(5 * y), 255})
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAPictureInDiscord(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		w := newWorld(t, options{database: url})
		bot := w.start()

		painted := w.discordCommand("Ann", "imagine", discordtest.Options{"prompt": "a secret wish", "aspect": "16:9"}, hasPictures(1))
		if !bytes.Equal(painted.Attachments[0].Bytes(), w.picture("a secret wish")) {
			t.Error("/imagine: the picture is not byte for byte what the provider sent")
		}
		if !holdsAll(painted.Text(), []string{"flux-dev-t2i", "16:9", "0.025", "24"}) {
			t.Errorf("the caption names not model, aspect, price and what is left: %q", painted.Text())
		}
		for _, label := range []string{"Again", "Original", "Delete"} {
			if _, found := painted.Button(label); !found {
				t.Errorf("no button %s under the picture: %v", label, painted.Buttons)
			}
		}

		edited := w.discordCommand("Ann", "edit", discordtest.Options{"instruction": "make it night", "image": discordtest.File{Name: "cat.png", Content: photo(t, 10)}}, hasPictures(1))
		if !bytes.Equal(edited.Attachments[0].Bytes(), w.picture("make it night")) {
			t.Error("/edit: the picture is not byte for byte what the provider sent")
		}

		fluxed := w.discordCommand("Ann", "flux", discordtest.Options{
			"prompt": "a tower", "lora": "realism,XLabs-AI/flux-lora-collection:0.5", "control": "canny",
			"control_image": discordtest.File{Name: "edges.png", Content: photo(t, 20)},
		}, hasPictures(1))
		if !bytes.Equal(fluxed.Attachments[0].Bytes(), w.picture("a tower")) {
			t.Error("/flux: the picture is not byte for byte what the provider sent")
		}
		calls, err := w.ai.WaitCalls(w.waiting(), ai302test.Match{Endpoint: ai302test.FluxGeneral}, 1)
		w.must(err)
		if loras := fmt.Sprint(calls[0].Fields["loras"]); !strings.Contains(loras, "XLabs-AI/flux-RealismLora") || !strings.Contains(loras, "0.5") {
			t.Errorf("the LoRAs sent are %s", loras)
		}

		again, err := w.discord.Click(w.waiting(), w.discord.User("Bob"), painted, "Again")
		w.must(err)
		if _, err := again.Wait(w.waiting(), hasPictures(1)); err != nil {
			t.Errorf("Again by another person: %v", err)
		}
		if took := bot.stop(); took > 20*time.Second {
			t.Errorf("the stop took %v", took)
		}

		// Buttons live on after a restart.
		w.start()
		original, err := w.discord.Click(w.waiting(), w.discord.User("Ann"), painted, "Original")
		w.must(err)
		file, err := original.Wait(w.waiting(), hasPictures(1))
		w.must(err)
		if !bytes.Equal(file.Attachments[0].Bytes(), w.picture("a secret wish")) && !w.oneOfThose("a secret wish", file.Attachments[0].Bytes()) {
			t.Error("Original after a restart: not the provider's bytes")
		}
	})
}

func TestAPictureInTelegram(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		w := newWorld(t, options{database: url})
		w.start()
		ann := w.person("Ann")

		painted := w.say(ann, hasPhoto, telegramtest.Text("a secret wish --ar 16:9"))
		if !bytes.Equal(painted.Photo.Bytes, w.picture("a secret wish")) {
			t.Error("text: the picture is not byte for byte what the provider sent")
		}
		if painted.ReplyTo == 0 || painted.Silent {
			t.Errorf("the picture does not notify as a reply: %+v", painted)
		}
		captioned := w.say(ann, hasPhoto, telegramtest.Photo(photo(t, 30)), telegramtest.Caption("add snow"))
		if !bytes.Equal(captioned.Photo.Bytes, w.picture("add snow")) {
			t.Error("caption: the picture is not byte for byte what the provider sent")
		}
		sent, err := ann.Send(w.tg.Private(ann), telegramtest.Photo(photo(t, 40)))
		w.must(err)
		replied := w.say(ann, hasPhoto, telegramtest.Text("add rain"), telegramtest.Reply(sent))
		if !bytes.Equal(replied.Photo.Bytes, w.picture("add rain")) {
			t.Error("reply: the picture is not byte for byte what the provider sent")
		}
		if paid := w.ai.Paid(); paid[ai302test.Generate] != 1 || paid[ai302test.Kontext] != 2 {
			t.Errorf("paid: %v", paid)
		}
		w.until("every placeholder is gone", func() bool {
			for _, m := range w.tg.Messages(w.tg.Private(ann)) {
				if m.FromBot && m.Silent {
					return false
				}
			}
			return true
		})
	})
}

// The sixth request is refused before anything is fetched or paid.
func TestTheAllowance(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		w := newWorld(t, options{database: url, env: map[string]string{"QUOTA_IMAGES_PER_DAY": "5", "QUOTA_CONCURRENT": "-1"}})
		w.start()
		for n := range 5 {
			w.discordCommand("Ann", "imagine", discordtest.Options{"prompt": fmt.Sprintf("wish %d", n)}, hasPictures(1))
		}
		refused := w.discordCommand("Ann", "edit", discordtest.Options{"instruction": "more", "image": discordtest.File{Name: "cat.png", Content: photo(t, 50)}}, reads("<t:[0-9]+:R>"))
		if len(refused.Attachments) > 0 || !holdsAll(refused.Text(), []string{"nothing was charged"}) {
			t.Errorf("the refusal says %q", refused.Text())
		}
		for _, request := range w.discord.Requests() {
			if strings.HasPrefix(request.Path, "/attachments/") {
				t.Errorf("%s was fetched although the allowance is used up", request.Path)
			}
		}
		if paid := w.ai.Paid(); paid[ai302test.Generate] != 5 || paid[ai302test.Kontext] != 0 {
			t.Errorf("paid: %v", paid)
		}
	})
}

func TestFiftyAtOncePayExactlyFive(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		w := newWorld(t, options{database: url, env: map[string]string{"QUOTA_IMAGES_PER_DAY": "5", "QUOTA_CONCURRENT": "-1"}})
		w.start()
		var asks sync.WaitGroup
		var mu sync.Mutex
		pictures, refusals := 0, 0
		for n := range 50 {
			asks.Go(func() {
				interaction, err := w.discord.Command(w.waiting(), w.discord.User("Ann"), w.channel, "imagine", discordtest.Options{"prompt": fmt.Sprintf("wish %d", n)})
				if err != nil {
					t.Error(err)
					return
				}
				answer, err := interaction.Wait(w.waiting(), func(m discordtest.Message) bool {
					return len(m.Attachments) == 1 || reads("<t:[0-9]+:R>")(m)
				})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if len(answer.Attachments) == 1 {
					pictures++
				} else {
					refusals++
				}
			})
		}
		asks.Wait()
		if paid := w.ai.Paid()[ai302test.Generate]; pictures != 5 || refusals != 45 || paid != 5 {
			t.Errorf("%d pictures, %d refusals, %d paid; want 5, 45, 5", pictures, refusals, paid)
		}
	})
}

// Of three takes one fails: two pictures, one given back.
func TestCountWithOneFailingTake(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		w := newWorld(t, options{database: url})
		w.ai.AllowRepeats(true)
		w.ai.Script(ai302test.Match{Endpoint: ai302test.Generate}, ai302test.ServerError(false), 1)
		w.start()
		got := w.discordCommand("Ann", "imagine", discordtest.Options{"prompt": "three towers", "count": 3}, hasPictures(2))
		for _, file := range got.Attachments {
			if !w.oneOfThose("three towers", file.Bytes()) {
				t.Errorf("%s is not what the provider sent", file.Filename)
			}
		}
		if !holdsAll(got.Text(), []string{"not charged|given back", "23"}) {
			t.Errorf("the caption says %q", got.Text())
		}
		quota := w.discordCommand("Ann", "quota", nil, reads("23"))
		if !quota.Ephemeral {
			t.Error("/quota is not for the person alone")
		}
	})
}

// Killed while Kontext is being polled, started again: the picture arrives and was paid once.
func TestKilledWhilePolling(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		w := newWorld(t, options{database: url})
		w.ai.HoldKontext()
		bot := w.start()
		interaction, err := w.discord.Command(w.waiting(), w.discord.User("Ann"), w.channel, "edit", discordtest.Options{"instruction": "a hat", "image": discordtest.File{Name: "cat.png", Content: photo(t, 60)}})
		w.must(err)
		ann := w.person("Ann")
		sent, err := ann.Send(w.tg.Private(ann), telegramtest.Photo(photo(t, 70)), telegramtest.Caption("a scarf"))
		w.must(err)
		_, err = w.ai.WaitEnded(w.waiting(), ai302test.Match{Endpoint: ai302test.KontextResult, PromptContains: "hat"}, 1)
		w.must(err)
		_, err = w.ai.WaitEnded(w.waiting(), ai302test.Match{Endpoint: ai302test.KontextResult, PromptContains: "scarf"}, 1)
		w.must(err)
		bot.kill()
		w.ai.ReleaseKontext()
		began := time.Now()
		w.start()
		got, err := interaction.Wait(w.waiting(), hasPictures(1))
		w.must(err)
		chat := w.tg.Private(ann)
		scarf, err := w.tg.WaitMessage(w.waiting(), chat, hasPhotoFromBot)
		w.must(err)
		t.Logf("delivered %v after the start", time.Since(began).Round(10*time.Millisecond))
		if !bytes.Equal(got.Attachments[0].Bytes(), w.picture("a hat")) || !bytes.Equal(scarf.Photo.Bytes, w.picture("a scarf")) {
			t.Error("the pictures are not byte for byte what the provider sent")
		}
		if scarf.ReplyTo != sent.ID {
			t.Errorf("the picture replies to message %d, not to %d", scarf.ReplyTo, sent.ID)
		}
		if paid := w.ai.Paid()[ai302test.Kontext]; paid != 2 {
			t.Errorf("%d edits were paid, want 2", paid)
		}
	})
}

func hasPhotoFromBot(m telegramtest.Message) bool { return m.FromBot && m.Photo != nil }

func TestWrongSettingsAreAllNamedAtOnce(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	w := newWorld(t, options{database: sqldbtest.SQLite(t), env: map[string]string{
		"HTTP_ADDR": taken.Addr().String(), "WORKERS": "many", "QUOTA_PTC_PER_MONTH": "1.2345678", "DEFAULT_MODEL": "flux-dve-t2i", "API302_KEY": "",
	}})
	code, _, errs := w.exit()
	if code != 2 {
		t.Errorf("exit %d, want 2", code)
	}
	if left, err := os.ReadDir(w.dir); err != nil || len(left) > 0 {
		t.Errorf("it has left %v, although nothing was started (%v)", left, err)
	}
	for line := range strings.Lines(errs) {
		if variable, _, _ := strings.Cut(line, " "); strings.Count("\n"+errs, "\n"+variable+" ") > 1 && variable != "imaginebot:" {
			t.Errorf("%s is named more than once:\n%s", variable, errs)
		}
	}
	for _, variable := range []string{"HTTP_ADDR", "WORKERS", "QUOTA_PTC_PER_MONTH", "DEFAULT_MODEL", "API302_KEY"} {
		if lines := strings.Count(errs, "\n"+variable) + strings.Count(errs, variable+" "); lines == 0 {
			t.Errorf("%s is not named:\n%s", variable, errs)
		}
	}
	if !strings.Contains(errs, "flux-dev-t2i") {
		t.Errorf("the nearest model is not named:\n%s", errs)
	}
}

func TestADatabaseInUse(t *testing.T) {
	w := newWorld(t, options{database: sqldbtest.SQLite(t)})
	w.start()
	code, _, errs := w.exit("run")
	if code != 2 || !strings.Contains(errs, "DATABASE_URL") {
		t.Errorf("a second process: exit %d, %q", code, errs)
	}
}

func TestHealthReadinessAndMetrics(t *testing.T) {
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := port.Addr().String()
	port.Close()
	w := newWorld(t, options{database: sqldbtest.SQLite(t), env: map[string]string{"HTTP_ADDR": addr}})
	if code, out, _ := w.exit("health"); code != 1 {
		t.Errorf("health without a bot: exit %d, %q", code, out)
	}
	w.start()
	w.discordCommand("Ann", "imagine", discordtest.Options{"prompt": "a tree"}, hasPictures(1))
	if code, out, _ := w.exit("health"); code != 0 {
		t.Errorf("health: exit %d, %q", code, out)
	}
	w.until("it is ready", func() bool { return get(t, addr, "/readyz") == http.StatusOK })
	if got := get(t, addr, "/metrics"); got != http.StatusOK {
		t.Errorf("/metrics: %d", got)
	}
	code, out, _ := w.exit("check")
	if code != 0 || strings.Contains(out, testKey) || !strings.Contains(out, "DATABASE_URL") {
		t.Errorf("check while the bot runs: exit %d\n%s", code, out)
	}
	w.discord.Close()
	w.until("it is not ready without Discord", func() bool { return get(t, addr, "/readyz") == http.StatusServiceUnavailable })
}

func get(t *testing.T, addr, path string) int {
	t.Helper()
	answer, err := http.Get("http://" + addr + path)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

func TestCheckNamesWhatFails(t *testing.T) {
	w := newWorld(t, options{database: sqldbtest.SQLite(t), env: map[string]string{"DISCORD_TOKEN": "another-token-that-is-not-the-right-one"}})
	w.expected = "401: Unauthorized"
	if code, out, _ := w.exit("check"); code != 1 || !strings.Contains(out, "DISCORD_TOKEN") {
		t.Errorf("a wrong token: exit %d\n%s", code, out)
	}
	w.env["DISCORD_TOKEN"], w.env["WORKERS"] = testDiscord, "0"
	if code, out, _ := w.exit("check"); code != 2 || !strings.Contains(out, "WORKERS") {
		t.Errorf("a wrong setting: exit %d\n%s", code, out)
	}
}

// What comes in badly is told clearly, costs nothing, and the bot goes on.
func TestBadInput(t *testing.T) {
	w := newWorld(t, options{database: sqldbtest.SQLite(t)})
	w.start()
	for name, story := range map[string]struct {
		command string
		given   discordtest.Options
		says    string
	}{
		"unknown model":     {"imagine", discordtest.Options{"prompt": "x", "model": "flux-dve-t2i"}, "flux-dev-t2i"},
		"aspect":            {"imagine", discordtest.Options{"prompt": "x", "model": "luma-t2i", "aspect": "5:4"}, "4:3"},
		"size":              {"imagine", discordtest.Options{"prompt": "x", "model": "cogview-4-t2i", "size": "1000x1000"}, "1024x1024"},
		"unknown flag":      {"imagine", discordtest.Options{"prompt": "x --modle flux"}, "--model"},
		"i2i, no picture":   {"imagine", discordtest.Options{"prompt": "x", "model": "stable-sd3-i2i"}, "picture"},
		"no picture at all": {"edit", discordtest.Options{"instruction": "x", "image": discordtest.File{Name: "cat.png", Content: []byte("not a picture at all, whatever its name says")}}, "PNG|JPEG|picture"},
		"lied about size":   {"edit", discordtest.Options{"instruction": "x", "image": discordtest.File{Name: "cat.jpg", Content: append(jpegOf(t, 8, 8), make([]byte, 21<<20)...), Declared: 1000}}, "20 MiB|20 MB"},
		"too many pixels":   {"edit", discordtest.Options{"instruction": "x", "image": discordtest.File{Name: "cat.png", Content: bomb(t)}}, "megapixel"},
		"private address":   {"flux", discordtest.Options{"prompt": "x", "lora": "http://127.0.0.1:1/secret"}, "LoRA.*https"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := w.discordCommand("Ann", story.command, story.given, reads(story.says))
			if !reads("nothing was charged|not charged|nothing was spent")(answer) {
				t.Errorf("it does not say what it cost: %q", answer.Text())
			}
		})
	}
	if paid := w.ai.Paid(); len(paid) > 0 {
		t.Errorf("paid: %v", paid)
	}
	w.discordCommand("Ann", "imagine", discordtest.Options{"prompt": "it goes on"}, hasPictures(1))
}

func jpegOf(t *testing.T, width, height int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, width, height)), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// bomb is a small file of very many pixels.
func bomb(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&out, image.NewPaletted(image.Rect(0, 0, 6000, 6000), color.Palette{color.White})); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
