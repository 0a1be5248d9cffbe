package agent

import (
	"context"
	"strings"
)

// apkManager serves Alpine Linux, which doesn't mark security updates.
func apkManager() packageManager {
	return packageManager{
		program:  "apk",
		database: []string{"/lib/apk/db/installed", "/usr/lib/apk/db/installed"},
		index:    []string{"/var/cache/apk/APKINDEX.*.tar.gz", "/etc/apk/cache/APKINDEX.*.tar.gz"},
		count: func(ctx context.Context, run runner) (updates, error) {
			o, err := run(ctx, "apk", "--no-network", "version", "-l", "<")
			if err != nil {
				return updates{}, err
			}
			if o.status != 0 {
				return updates{}, unexpected(o)
			}
			return updates{pending: parseApk(o.text)}, nil
		},
	}
}

// parseApk counts lines as "busybox-1.36.1-r5 < 1.36.1-r6".
func parseApk(text string) int {
	n := 0
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) >= 3 && f[1] == "<" {
			n++
		}
	}
	return n
}
