package clocktest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/barograph/barograph/internal/clocktest"
)

// recorder keeps what a test would fail with.
type recorder struct {
	testing.TB

	errors []string
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func TestAtMost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		took  []time.Duration // of each try; the last also of those after it
		tries int
		want  string
	}{
		"fast":         {took: []time.Duration{time.Second}, tries: 1},
		"slow once":    {took: []time.Duration{time.Minute, time.Second}, tries: 2},
		"slow":         {took: []time.Duration{4 * time.Second, 2 * time.Second, 3 * time.Second}, tries: 5, want: "waiting took 2s at least, of 5 tries; want 1s at most"},
		"fast at last": {took: []time.Duration{9 * time.Second, 9 * time.Second, 9 * time.Second, 9 * time.Second, 0}, tries: 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, tries := &recorder{TB: t}, 0
			clocktest.AtMost(r, time.Second, "waiting", func() time.Duration {
				tries++
				return c.took[min(tries, len(c.took))-1]
			})
			if got := fmt.Sprint(r.errors); tries != c.tries || (c.want == "") != (len(r.errors) == 0) || c.want != "" && got != "["+c.want+"]" {
				t.Errorf("%d tries, errors %s; want %d, %q", tries, got, c.tries, c.want)
			}
		})
	}
}
