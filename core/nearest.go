package core

import (
	"cmp"
	"slices"
	"strings"
)

// Nearest are up to n of the candidates, those first that a person who typed word
// most likely meant: by what they share, then by the fewest keys to change.
func Nearest(word string, candidates []string, n int) []string {
	word = strings.ToLower(strings.TrimSpace(word))
	if len(word) > 80 {
		word = word[:80]
	}
	ranked := slices.Clone(candidates)
	slices.SortStableFunc(ranked, func(a, b string) int {
		return cmp.Compare(unlike(word, a), unlike(word, b))
	})
	return ranked[:min(n, len(ranked))]
}

// unlike is the edit distance, less when one contains the other.
func unlike(word, candidate string) int {
	candidate = strings.ToLower(candidate)
	distance := editDistance(word, candidate)
	if word != "" && strings.Contains(candidate, word) {
		distance -= len(word)
	}
	return distance
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
