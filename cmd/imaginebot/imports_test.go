package main_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// may is what the code of a package may import: of ours, and the modules of others,
// beside the standard library and what is free for all.
type may struct{ ours, others []string }

// anyOfOurs stands for all our packages that are made for more than tests.
const anyOfOurs = "*"

var freeForAll = []string{"golang.org/x", "github.com/google/uuid"}

// forTests are the libraries of tests, for the packages that only test files import.
var forTests = []string{
	"github.com/getkin/kin-openapi", "github.com/google/go-cmp", "go.uber.org/goleak", "pgregory.net/rapid",
}

// imports has one row for each package of the program. A new package needs a row.
var imports = map[string]may{
	"core":            {},
	"core/ai302":      {others: []string{"github.com/failsafe-go/failsafe-go"}},
	"core/fetch":      {ours: []string{"core"}, others: []string{"code.dny.dev/ssrf"}},
	"core/preview":    {ours: []string{"core"}},
	"core/render":     {ours: []string{"core", "core/ai302", "core/fetch", "core/preview"}},
	"core/pictures":   {ours: []string{"core"}, others: []string{"gocloud.dev"}},
	"core/sqldb":      {others: []string{"modernc.org/sqlite", "github.com/jackc/pgx", "github.com/pressly/goose", "github.com/riverqueue/river"}},
	"core/store":      {ours: []string{"core", "core/sqldb", "core/store/rows"}},
	"core/store/rows": {},
	"core/jobs":       {ours: []string{"core", "core/sqldb"}, others: []string{"github.com/riverqueue/river", "github.com/jackc/pgx"}},
	"bots":            {ours: []string{"core"}, others: []string{"github.com/nicksnyder/go-i18n"}},
	"bots/discord":    {ours: []string{"bots", "core", "core/fetch", "core/preview"}, others: []string{"github.com/bwmarrin/discordgo", "github.com/gorilla/websocket"}},
	"bots/telegram":   {ours: []string{"bots", "core", "core/fetch", "core/preview"}, others: []string{"github.com/go-telegram-bot-api/telegram-bot-api"}},
	"config":          {others: []string{"github.com/joho/godotenv", "github.com/caarlos0/env"}},
	"cmd/imaginebot":  {ours: []string{anyOfOurs}, others: []string{"github.com/alecthomas/kong", "github.com/prometheus/client_golang"}},
	"cmd/imaginebot/demo": {ours: append([]string{anyOfOurs}, fakes...),
		others: []string{"github.com/alecthomas/kong", "github.com/prometheus/client_golang"}},

	"core/ai302/ai302test":       {ours: []string{"core/ai302"}},
	"bots/discord/discordtest":   {others: []string{"github.com/bwmarrin/discordgo", "github.com/gorilla/websocket"}},
	"bots/telegram/telegramtest": {others: []string{"github.com/go-telegram-bot-api/telegram-bot-api"}},

	"core/coretest":              {ours: []string{"core"}, others: forTests},
	"core/sqldb/sqldbtest":       {ours: []string{"core/sqldb"}, others: append([]string{"github.com/jackc/pgx"}, forTests...)},
	"bots/botstest":              {ours: []string{"bots", "core", "core/coretest"}, others: forTests},
	"bots/discord/discordspec":   {ours: []string{"bots/discord/discordtest"}, others: forTests},
	"bots/telegram/telegramspec": {ours: []string{"bots/telegram/telegramtest"}, others: forTests},
}

// fakes serve tests and the demo: they must not drag testing into the program.
var fakes = []string{"core/ai302/ai302test", "bots/discord/discordtest", "bots/telegram/telegramtest"}

// testOnly are imported by test files and by each other, never by the program.
var testOnly = []string{"core/coretest", "core/sqldb/sqldbtest", "bots/botstest", "bots/discord/discordspec", "bots/telegram/telegramspec"}

// noIO is what core, which only decides, must not import, nor anything below it.
var noIO = []string{"net", "os", "database/sql"}

func TestPackagesImportWhatTheyMay(t *testing.T) {
	for name, found := range packages(t) {
		row, known := imports[name]
		if !known {
			t.Errorf("%s has no row in the table of imports", name)
			continue
		}
		for _, path := range found {
			own, ours := strings.CutPrefix(path, "imaginebot/")
			first, _, _ := strings.Cut(path, "/")
			switch {
			case ours:
				shipped := !slices.Contains(fakes, own) && !slices.Contains(testOnly, own)
				allowed := slices.Contains(row.ours, own) || shipped && slices.Contains(row.ours, anyOfOurs)
				if !allowed {
					t.Errorf("%s must not import our %s", name, own)
				}
			case strings.Contains(first, "."):
				if !under(path, row.others) && !under(path, freeForAll) {
					t.Errorf("%s must not import %s", name, path)
				}
			case name == "core" && under(path, noIO):
				t.Errorf("core does no I/O and must not import %s", path)
			case under(path, []string{"testing"}) && !slices.Contains(testOnly, name):
				t.Errorf("%s must not import %s outside its tests", name, path)
			}
		}
	}
}

// packages are our packages, named without the module, with what their code imports.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,GoFiles", "imaginebot/...").Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr(err))
	}
	all := map[string][]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath       string
			Imports, GoFiles []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			all[strings.TrimPrefix(p.ImportPath, "imaginebot/")] = p.Imports
		}
	}
	if _, ok := all["config"]; !ok {
		t.Fatalf("go list named %d packages, config not among them", len(all))
	}
	return all
}

func under(path string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return path == root || strings.HasPrefix(path, root+"/") })
}

func TestTopLevelStaysShort(t *testing.T) {
	out, err := exec.Command("git", "-C", "../..", "ls-files").Output()
	if err != nil {
		t.Skipf("not in a checkout: %v %s", err, stderr(err))
	}
	allowed := []string{"go.mod", "go.sum", "cmd", "bots", "core", "config", "Dockerfile", "README.md"}
	for path := range strings.Lines(string(out)) {
		top, _, _ := strings.Cut(strings.TrimSpace(path), "/")
		if !strings.HasPrefix(top, ".") && !slices.Contains(allowed, top) {
			t.Errorf("%s stands at the top level, where only %v belong", top, allowed)
		}
	}
}

func stderr(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(exit.Stderr)
	}
	return ""
}
