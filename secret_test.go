package barograph_test

import (
	"testing"

	"github.com/barograph/barograph"
)

func TestProblemsHidePasswords(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"postgres://u:s3cret@h/db":    `"postgres://…@h/db"`,
		"nats://u:s3c/r@e?t@h:4222":   `"nats://…@h:4222"`,
		`http://u:s3"c\ret@h`:         `"http://…@h"`,
		"http://:s3cret@h":            `"http://…@h"`,
		"u:s3cret@h:4222":             `"…@h:4222"`,
		"http:u:s3cret@h":             `"…@h"`,
		"nats://h:4222":               `"nats://h:4222"`,
		"ops@example.com":             `"ops@example.com"`,
		"ssh://git@example.com:22":    `"ssh://git@example.com:22"`,
		`http://example.com/?from=@x`: `"http://example.com/?from=@x"`,
		"a://":                        `"a://"`,
	} {
		var p barograph.Problems
		p.Addf("url", "line 3: %q is not as slack://hook:TOKEN@webhook, but %q is", value, "a:b")
		want = "invalid test: url: line 3: " + want + ` is not as slack://hook:TOKEN@webhook, but "a:b" is`
		if got := p.Err("test").Error(); got != want {
			t.Errorf("%s: got %s, want %s", value, got, want)
		}
	}
}
