package agent

import (
	"context"
	"strings"
)

// zypperManager serves SUSE and openSUSE. Security counts patches, each of
// which may be several packages: it is what SUSE counts.
func zypperManager() packageManager {
	return packageManager{
		program:  "zypper",
		database: []string{"/etc/zypp/zypp.conf"},
		index:    []string{"/var/cache/zypp/raw/*/cookie", "/var/cache/zypp/solv/*/cookie"},
		count: func(ctx context.Context, run runner) (updates, error) {
			o, err := zypper(ctx, run, "list-updates")
			if err != nil {
				return updates{}, err
			}
			u := updates{pending: countZypperRows(o, "Available Version", nil)}
			o, err = zypper(ctx, run, "list-patches", "--category", "security")
			if err == nil {
				needed := func(row map[string]string) bool { return strings.EqualFold(row["Status"], "needed") }
				u.security, u.knowsSecurity = countZypperRows(o, "Status", needed), true
			}
			return u, nil
		},
	}
}

func zypper(ctx context.Context, run runner, command ...string) (string, error) {
	o, err := run(ctx, "zypper", append([]string{"--non-interactive", "--quiet", "--no-refresh"}, command...)...)
	if err != nil {
		return "", err
	}
	if o.status != 0 {
		return "", unexpected(o)
	}
	return o.text, nil
}

// countZypperRows counts the rows of a table, whose columns are divided by
// bars, and whose head names the column that must be there.
func countZypperRows(text, mustHave string, wanted func(row map[string]string) bool) int {
	var head []string
	n := 0
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		row := map[string]string{}
		for i, name := range head {
			if i < len(cells) {
				row[name] = cells[i]
			}
		}
		switch {
		case len(cells) < 3:
		case strings.Contains(line, mustHave):
			head = cells
		case head != nil && len(cells) >= len(head) && (wanted == nil || wanted(row)):
			n++
		}
	}
	return n
}
