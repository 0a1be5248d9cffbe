package agent

import (
	"context"
	"strings"
)

// pacmanManager serves Arch Linux and its kin, which don't mark security updates.
func pacmanManager() packageManager {
	return packageManager{
		program:  "pacman",
		database: []string{"/var/lib/pacman/local"},
		index:    []string{"/var/lib/pacman/sync", "/var/lib/pacman/sync/*.db"},
		count: func(ctx context.Context, run runner) (updates, error) {
			o, err := run(ctx, "pacman", "-Qu")
			if err != nil {
				return updates{}, err
			}
			// Status 1 without a word means that there are none.
			if o.status != 0 && (o.status != 1 || strings.TrimSpace(o.text+o.stderr) != "") {
				return updates{}, unexpected(o)
			}
			return updates{pending: parsePacman(o.text)}, nil
		},
	}
}

// parsePacman counts lines as "linux 6.9.1-1 -> 6.9.3-1"; what the owner ignores
// is marked "[ignored]" at the end.
func parsePacman(text string) int {
	n := 0
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 4 && f[2] == "->" {
			n++
		}
	}
	return n
}
