package agent

import (
	"context"
	"regexp"
	"strings"
)

// aptManager serves Debian and its kin. It plays an upgrade through, so that
// packages on hold, and on Ubuntu those phased out to others first, don't count.
func aptManager() packageManager {
	return packageManager{
		program:  "apt-get",
		database: []string{"/var/lib/dpkg/status"},
		// Index files carry the server's time; the folders tell when they were fetched.
		index: []string{
			"/var/lib/apt/periodic/update-success-stamp", "/var/lib/apt/lists", "/var/lib/apt/lists/partial",
		},
		count: func(ctx context.Context, run runner) (updates, error) {
			o, err := run(ctx, "apt-get", "-s", "-o", "Debug::NoLocking=true", "dist-upgrade")
			if err != nil {
				return updates{}, err
			}
			if o.status != 0 {
				return updates{}, unexpected(o)
			}
			return parseAptSimulation(o.text), nil
		},
	}
}

// An upgrade names the version that it replaces in brackets; a package without
// is new and comes only because another needs it.
//
//	Inst libssl3 [3.0.15-1] (3.0.17-1 Debian-Security:12/stable-security [amd64])
var aptUpgrade = regexp.MustCompile(`^Inst \S+ \[[^\]]*\] \(\S+ (.*)\)`)

// parseAptSimulation counts the packages that apt-get -s would upgrade, and of
// them those that come from an archive of security updates.
func parseAptSimulation(text string) updates {
	u := updates{knowsSecurity: true}
	for line := range strings.Lines(text) {
		m := aptUpgrade.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		u.pending++
		if isAptSecurity(m[1]) {
			u.security++
		}
	}
	return u
}

// isAptSecurity looks at the archives that offer a version, as
// "Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security [amd64]".
func isAptSecurity(archives string) bool {
	for archive := range strings.SplitSeq(archives, ",") {
		origin, suite, _ := strings.Cut(strings.TrimSpace(archive), ":")
		suite, _, _ = strings.Cut(suite, " ")
		if strings.HasSuffix(strings.ToLower(origin), "security") || strings.HasSuffix(suite, "-security") {
			return true
		}
	}
	return false
}
