package config

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write .env.example from the settings' tags")

const exampleFile = "../.env.example"

// exampleText is what .env.example must hold: every row of Config, and nothing else.
func exampleText() string {
	var b strings.Builder
	b.WriteString("# Settings of imaginebot: copy this file to .env and uncomment what you change.\n" +
		"# The environment wins over .env. A value with $ or # in it goes into 'single quotes'.\n")
	for _, r := range rows {
		if r.group != "" {
			b.WriteString("\n# --- " + r.group + " ---\n")
		}
		b.WriteString("\n# " + r.help + "\n#" + r.name + "=" + r.standard + "\n")
	}
	return b.String()
}

func TestExampleListsEverySetting(t *testing.T) {
	if *update {
		if err := os.WriteFile(exampleFile, []byte(exampleText()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(exampleText(), string(written)); diff != "" {
		t.Errorf(".env.example is not what Config's tags say (go test ./config -update writes it):\n%s", diff)
	}
}

// Uncommented as it stands, the example changes nothing.
func TestExampleHoldsTheDefaults(t *testing.T) {
	var lines []string
	for line := range strings.Lines(exampleText()) {
		if setting, ok := strings.CutPrefix(line, "#"); ok && !strings.HasPrefix(setting, " ") {
			line = setting
		}
		lines = append(lines, line)
	}
	whole := writeDotenv(t, strings.Join(lines, ""))

	plain, err := Load(credentials, "")
	if err != nil {
		t.Fatal(err)
	}
	copied, err := Load(credentials, whole)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plain.Redacted(), copied.Redacted()); diff != "" {
		t.Errorf("with the example as .env (-without +with):\n%s", diff)
	}
}

func TestEveryRowIsComplete(t *testing.T) {
	// Any text is right for these, as far as this package knows.
	anything := []string{"NO_PROXY", "DEFAULT_MODEL", "EDIT_MODEL"}
	for _, r := range rows {
		if r.help == "" {
			t.Errorf("%s has no help", r.name)
		}
		if r.mend == "" && !slices.Contains(anything, r.name) {
			t.Errorf("%s has no mend", r.name)
		}
	}
}
