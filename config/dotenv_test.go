package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDotenv(t *testing.T) {
	tests := []struct {
		name, text string
		want       map[string]string
		problem    string
	}{
		{"ordinary", "# a\nA=1\n\nexport B = 'x y' # c\nC: 3", map[string]string{"A": "1", "B": "x y", "C": "3"}, ""},
		{"empty value", "HTTP_ADDR=\n", map[string]string{"HTTP_ADDR": ""}, ""},
		{"byte order mark and carriage returns", "\ufeffA=1\r\nB=2\r\n", map[string]string{"A": "1", "B": "2"}, ""},
		{"several lines in quotes", "A=\"1\n2\"\nB=3\n", map[string]string{"A": "1\n2", "B": "3"}, ""},
		{"single quotes keep the dollar", "A='p$WORD'\n", map[string]string{"A": "p$WORD"}, ""},
		{"values of the file", "A=1\nB=${A}2\n", map[string]string{"A": "1", "B": "12"}, ""},
		{"a name with a dash", "A=1\nB-C=topsecret\nD=4\n", map[string]string{"A": "1", "D": "4"}, "line 2"},
		{"no equals sign", "A=1\ntopsecret\nB=2\n", map[string]string{"A": "1", "B": "2"}, "line 2"},
		{"no equals sign in the last line", "A=1\ntopsecret", map[string]string{"A": "1"}, "line 2"},
		{"open quote", "A=\"topsecret\nB=2\nC=3\n", map[string]string{"B": "2", "C": "3"}, "line 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var problems Problems
			got := readDotenv(writeDotenv(t, test.text), &problems)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			told := problems.Error()
			if strings.Contains(told, "topsecret") || (test.problem == "") != (told == "") || !strings.Contains(told, test.problem) {
				t.Errorf("problem %q, want %q", told, test.problem)
			}
		})
	}
}

func TestDotenvThatIsNoFile(t *testing.T) {
	folder := t.TempDir()
	huge := filepath.Join(folder, "huge")
	if err := os.WriteFile(huge, make([]byte, largestDotenv+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		filepath.Join(folder, "none"): "",
		"":                            "",
		folder:                        "cannot be read",
		huge:                          "is larger than 64 KiB",
	} {
		var problems Problems
		readDotenv(name, &problems)
		if told := problems.Error(); (want == "") != (told == "") || !strings.Contains(told, want) {
			t.Errorf("%q: problem %q, want %q", name, told, want)
		}
	}
}

func TestTheEnvironmentWins(t *testing.T) {
	file := writeDotenv(t, "WORKERS=2\nLOG_FORMAT=json\nHTTP_ADDR=:1\n")
	c, err := Load(with("WORKERS=3", "HTTP_ADDR="), file)
	if err != nil {
		t.Fatal(err)
	}
	if c.Workers != 3 || c.LogFormat != FormatJSON || c.HTTPAddr != "" {
		t.Errorf("workers %d, format %q, address %q", c.Workers, c.LogFormat, c.HTTPAddr)
	}
}

// What libraries read from the process environment is exported, unless the
// environment has it; our own settings, tokens above all, are not.
func TestExport(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "AWS_REGION", "AWS_PROFILE", "WORKERS"} {
		t.Setenv(name, "from the environment")
		if name != "AWS_PROFILE" {
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	file := writeDotenv(t, "HTTPS_PROXY=http://proxy:1\nAWS_REGION=here\nAWS_PROFILE=file\nWORKERS=2\n")
	c, err := Load(with("AWS_PROFILE=from the environment"), file)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Export(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"HTTPS_PROXY": "http://proxy:1", "AWS_REGION": "here", "AWS_PROFILE": "from the environment", "WORKERS": ""} {
		if got := os.Getenv(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// A sound file parses as godotenv would parse it, and no text makes it panic.
func FuzzDotenv(f *testing.F) {
	for _, seed := range []string{"A=1\n", "A=\"x\ny\"\nB='2'", "export A=1", "=", "'", "A", "A: ${B}", "\ufeffA=1\r\n", "A=\"\\\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sound, broken := soundLines(text)
		if broken == 0 && sound != text {
			t.Errorf("%q lost lines without a word: %q", text, sound)
		}
		if broken < 0 || broken > strings.Count(text, "\n")+1 {
			t.Errorf("line %d of %q", broken, text)
		}
	})
}
