package sqldb

import (
	"fmt"
	"strings"
)

// parse splits a URL into the kind of database and its address: SQLite's file,
// or PostgreSQL's whole URL, which pgx reads itself. No message repeats what was
// given: a password may stand anywhere in a URL that is written wrongly.
func parse(url string) (Dialect, string, error) {
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return PostgreSQL, url, nil
	}
	file, found := strings.CutPrefix(url, "sqlite:")
	switch {
	case !found:
		return "", "", fmt.Errorf("%w: want sqlite:FILE or postgres://USER:PASSWORD@HOST/NAME", ErrURL)
	case file == "":
		return "", "", fmt.Errorf("%w: sqlite: is not followed by a file", ErrURL)
	case strings.Contains(file, ":memory:"):
		return "", "", fmt.Errorf("%w: a database in memory forgets what was accepted; name a file", ErrURL)
	case strings.Contains(file, "?"):
		return "", "", fmt.Errorf("%w: sqlite: takes no parameters, only a file", ErrURL)
	case strings.HasPrefix(file, "//") && !strings.HasPrefix(file, "///"):
		return "", "", fmt.Errorf("%w: write sqlite:FILE without slashes before a relative file", ErrURL)
	}
	return SQLite, file, nil
}
