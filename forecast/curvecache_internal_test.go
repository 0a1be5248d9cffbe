package forecast

import (
	"testing"

	"github.com/barograph/barograph"
)

func TestCurveCacheForgetsWhatNobodyAskedForLongest(t *testing.T) {
	t.Parallel()
	c := newCurveCache(3)
	key := func(name string) curveKey { return curveKey{rule: "rul_1", series: name, level: .95} }
	for _, name := range []string{"a", "b", "c"} {
		c.put(&knownCurve{key: key(name)})
	}
	c.get(key("a"))
	c.put(&knownCurve{key: key("b"), curve: barograph.Curve{Limit: 1}})
	c.put(&knownCurve{key: key("d")})
	for name, want := range map[string]bool{"a": true, "b": true, "c": false, "d": true} {
		if got := c.get(key(name)) != nil; got != want {
			t.Errorf("curve %s is kept: %t, want %t", name, got, want)
		}
	}
	if k := c.get(key("b")); k.curve.Limit != 1 || c.len() != 3 {
		t.Errorf("%+v of %d", k, c.len())
	}
}
