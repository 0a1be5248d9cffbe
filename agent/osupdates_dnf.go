package agent

import (
	"context"
	"strings"
)

// dnfManager serves Fedora, and Enterprise Linux from version 8.
func dnfManager() packageManager {
	return packageManager{
		program:  "dnf",
		database: []string{"/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages", "/usr/lib/sysimage/rpm/rpmdb.sqlite"},
		index:    []string{"/var/cache/dnf/*/repodata/repomd.xml", "/var/cache/libdnf5/*/repodata/repomd.xml"},
		count:    checkUpdateCounter("dnf"),
	}
}

// yumManager serves Enterprise Linux until version 7.
func yumManager() packageManager {
	return packageManager{
		program:  "yum",
		database: []string{"/var/lib/rpm/Packages"},
		index:    []string{"/var/cache/yum/*/*/*/repomd.xml", "/var/cache/yum/*/*/repomd.xml"},
		count:    checkUpdateCounter("yum"),
	}
}

// checkUpdateStatus is how dnf and yum end when there are updates.
const checkUpdateStatus = 100

func checkUpdateCounter(program string) func(context.Context, runner) (updates, error) {
	return func(ctx context.Context, run runner) (updates, error) {
		pending, err := checkUpdate(ctx, run, program)
		if err != nil {
			return updates{}, err
		}
		u := updates{pending: pending}
		// Repositories without advisories are common: their updates count, too.
		if security, err := checkUpdate(ctx, run, program, "--security"); err == nil {
			u.security, u.knowsSecurity = min(security, pending), true
		}
		return u, nil
	}
}

// checkUpdate asks with the caches as they are (-C).
func checkUpdate(ctx context.Context, run runner, program string, more ...string) (int, error) {
	o, err := run(ctx, program, append([]string{"-q", "-C", "check-update"}, more...)...)
	switch {
	case err != nil:
		return 0, err
	case o.status != 0 && o.status != checkUpdateStatus:
		return 0, unexpected(o)
	}
	return parseCheckUpdate(o.text), nil
}

// parseCheckUpdate counts the packages of a list with the columns name.arch,
// version and repository. A long name may be followed by a line break and the
// rest, and packages that replace others come in a section of their own, which
// names them once more.
func parseCheckUpdate(text string) int {
	packages := map[string]bool{}
	var columns []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "Obsoleting ") {
			break
		}
		if !strings.HasPrefix(line, " ") {
			columns = nil
		}
		columns = append(columns, strings.Fields(line)...)
		if len(columns) != 3 {
			continue
		}
		if strings.Contains(columns[0], ".") && strings.ContainsAny(columns[1], "0123456789") {
			packages[columns[0]+" "+columns[1]] = true
		}
		columns = nil
	}
	return len(packages)
}
