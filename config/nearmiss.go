package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// nearMisses are warnings about variables of .env that are none of ours but look
// like one: DISCORD_TOKN, TELEGRAM_BOT_TOKEN, workers.
func nearMisses(file map[string]string) []string {
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(file)) {
		if _, ours := rowNamed(name); ours || slices.Contains(proxies, strings.ToUpper(name)) {
			continue
		}
		if meant := nearest(name); meant != "" {
			warnings = append(warnings, fmt.Sprintf(".env sets %s, which is not a setting: did you mean %s?", quote(name), meant))
		}
	}
	return warnings
}

// proxies are known to net/http in either case.
var proxies = []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}

// nearest is the setting that name is a slip of the pen for, or "".
func nearest(name string) string {
	best, least := "", 0
	for _, r := range rows {
		given, known := letters(name), letters(r.name)
		distance := editDistance(given, known)
		// One slip in five letters, and any name that begins like ours.
		near := distance <= len(known)/5 || sameFamily(name, r.name)
		if near && (best == "" || distance < least) {
			best, least = r.name, distance
		}
	}
	return best
}

// sameFamily says whether both names begin with one of the words that only this
// program's settings begin with.
func sameFamily(name, known string) bool {
	word, _, _ := strings.Cut(known, "_")
	own := []string{"DISCORD", "TELEGRAM", "API302", "PICTURES", "QUOTA"}
	return slices.Contains(own, word) && strings.HasPrefix(strings.ToUpper(name), word+"_")
}

// letters drops what is easily mistaken: case, and every sign between the words.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToUpper(name))
}

// editDistance counts the letters to insert, drop or change (Levenshtein).
func editDistance(a, b string) int {
	above := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := above[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, above[j+1]+1, row[j]+1)
		}
		above = row
	}
	return above[len(b)]
}
