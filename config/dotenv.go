package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/joho/godotenv"
)

const (
	// largestDotenv is far more than all settings need; a larger file is another file.
	largestDotenv = 64 << 10
	// longestQuote is how many lines a quoted value may span: a certificate with its key.
	longestQuote = 100
)

// openQuote matches the line that begins a quoted value.
var openQuote = regexp.MustCompile(`^\s*(export\s+)?[A-Za-z0-9_.]+\s*[=:]\s*["']`)

// readDotenv reads the variables of a .env file. From a malformed one it takes every
// other line, so that one slip is not followed by a list of settings not found.
func readDotenv(name string, problems *Problems) map[string]string {
	text, wrong := dotenvText(name)
	if wrong != "" {
		problems.addMend(".env", wrong, "make it a small text file that this user can read, or remove it")
		return map[string]string{}
	}
	sound, broken := soundLines(text)
	if broken > 0 {
		problems.addMend(".env", fmt.Sprintf("is malformed in line %d", broken),
			"write NAME=value, close every quote, begin a comment with #")
	}
	vars, err := godotenv.Unmarshal(sound)
	if err != nil {
		// Sound line by line, and yet not together: the text of err would show the file.
		problems.addMend(".env", "cannot be read as lines of NAME=value", "close every quote")
		return map[string]string{}
	}
	return vars
}

func dotenvText(name string) (text, wrong string) {
	if name == "" {
		return "", ""
	}
	content, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", ""
	case err != nil:
		return "", "cannot be read (" + reason(err) + ")"
	case len(content) > largestDotenv:
		return "", fmt.Sprintf("is larger than %d KiB", largestDotenv>>10)
	}
	// Windows editors put a byte order mark in front.
	return strings.TrimPrefix(string(content), "\ufeff"), ""
}

// soundLines are the lines that parse, and the number of the first that does not,
// counted from 1; 0 means all do.
func soundLines(text string) (sound string, broken int) {
	lines := strings.SplitAfter(text, "\n")
	var kept strings.Builder
	for at := 0; at < len(lines); {
		length := statement(lines[at:])
		if length == 0 {
			if broken == 0 {
				broken = at + 1
			}
			at++
			continue
		}
		kept.WriteString(strings.Join(lines[at:at+length], ""))
		at += length
	}
	return kept.String(), broken
}

// statement is how many lines the first statement takes: more than one when a
// quoted value spans them, 0 when it is malformed.
func statement(lines []string) int {
	for length := 1; length <= min(len(lines), longestQuote); length++ {
		vars, err := godotenv.Unmarshal(strings.Join(lines[:length], ""))
		if err == nil {
			// A last line without "=" is read as the value of a variable without a name.
			if _, nameless := vars[""]; nameless {
				return 0
			}
			return length
		}
		if !openQuote.MatchString(lines[0]) {
			return 0
		}
	}
	return 0
}

// reason is the cause of a file error without the file's name.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return "unknown cause"
}
