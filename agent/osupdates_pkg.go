package agent

import (
	"context"
	"strings"
)

// pkgManager serves FreeBSD. Security counts updates of packages with a known
// vulnerability, if the machine has the list of them.
func pkgManager() packageManager {
	return packageManager{
		program:  "pkg",
		database: []string{"/var/db/pkg/local.sqlite"},
		index:    []string{"/var/db/pkg/repo-*.sqlite", "/var/db/pkg/repos/*/db"},
		count: func(ctx context.Context, run runner) (updates, error) {
			o, err := run(ctx, "pkg", "version", "-vURL=")
			if err != nil {
				return updates{}, err
			}
			if o.status != 0 {
				return updates{}, unexpected(o)
			}
			outdated := parsePkgVersion(o.text)
			u := updates{pending: len(outdated)}
			// Status 1 means that there are some.
			audit, err := run(ctx, "pkg", "audit", "-q")
			if err == nil && (audit.status == 0 || audit.status == 1 && strings.TrimSpace(audit.text) != "") {
				u.security, u.knowsSecurity = countListed(audit.text, outdated), true
			}
			return u, nil
		},
	}
}

// parsePkgVersion returns the packages that the repository has newer, as
// "curl-8.4.0 < needs updating (remote has 8.5.0)".
func parsePkgVersion(text string) map[string]bool {
	outdated := map[string]bool{}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) >= 2 && f[1] == "<" {
			outdated[f[0]] = true
		}
	}
	return outdated
}

// countListed counts lines that name one of the packages.
func countListed(text string, packages map[string]bool) int {
	n := 0
	for line := range strings.Lines(text) {
		if packages[strings.TrimSpace(line)] {
			n++
		}
	}
	return n
}
