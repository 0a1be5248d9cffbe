package barograph_test

import (
	"strings"
	"testing"

	"github.com/barograph/barograph"
)

func TestSessionKey(t *testing.T) {
	t.Parallel()
	known := map[barograph.KeyHash]bool{}
	for range 100 {
		key := barograph.NewSessionKey()
		hash, err := barograph.HashSessionKey(key)
		if err != nil || len(key.Reveal()) != 43 || strings.Trim(key.Reveal(), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("a key of %d characters, error %v; want 43 that a cookie takes", len(key.Reveal()), err)
		}
		if known[hash] {
			t.Error("two keys are alike")
		}
		known[hash] = true
	}
}

func TestHashSessionKeyRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	good := barograph.NewSessionKey()
	for _, bad := range []barograph.Secret{
		"", "x", good[1:], good + "A", good + "=", "\n" + good[1:], good[:42] + "\n", good[:42] + "/", good[:42] + "B", // bits that stand for nothing
		good + good, barograph.NewKey(barograph.RoleAdmin), barograph.Secret(strings.Repeat("A", 1<<20)),
	} {
		if _, err := barograph.HashSessionKey(bad); barograph.KindOf(err) != barograph.KindUnauthorized || strings.Contains(err.Error(), "A") {
			t.Errorf("%.60q: %v, want an error that does not show it", bad.Reveal(), err)
		}
	}
}
