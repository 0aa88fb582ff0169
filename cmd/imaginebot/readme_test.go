package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"imaginebot/bots"
	"imaginebot/config"
)

// The README names every setting, command, flag and metric, and no metric that is not there.
func TestReadmeIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(text)
	names := []string{"go test ./..."}
	for _, setting := range (config.Config{}).Redacted() {
		names = append(names, "| `"+setting.Name+"` |")
	}
	for _, command := range bots.Commands() {
		names = append(names, "`/"+command.Name+"`")
		for _, option := range command.Options {
			for _, flag := range option.Flags {
				names = append(names, "`--"+flag)
			}
		}
	}
	for _, name := range names {
		if !strings.Contains(readme, name) {
			t.Errorf("README.md does not name %s", name)
		}
	}
	source, err := os.ReadFile("metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	metric := regexp.MustCompile(`imaginebot_[a-z_]+`)
	for _, name := range metric.FindAllString(string(source), -1) {
		if !strings.Contains(readme, "`"+name+"`") {
			t.Errorf("README.md does not name the metric %s", name)
		}
	}
	for _, name := range metric.FindAllString(readme, -1) {
		if !strings.Contains(string(source), `"`+name+`"`) {
			t.Errorf("README.md names the metric %s, which is not there", name)
		}
	}
}
