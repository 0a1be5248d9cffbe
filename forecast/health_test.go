package forecast_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		rules   []barograph.RuleID
		fault   func(*island) // shortly after ten minutes
		timeout time.Duration // of readings
		want    string        // five minutes later, or twelve where readings never end
	}{
		"no rule":    {},
		"well":       {rules: []barograph.RuleID{"one", "two"}},
		"no list":    {rules: []barograph.RuleID{"one"}, fault: func(i *island) { i.err = errors.New("the disk is full") }, want: "forecasting: has failed for 4m11s: list rules: the disk is full"},
		"one fails":  {rules: []barograph.RuleID{"one", "two"}, fault: func(i *island) { i.delay["one"] = day }},
		"all fail":   {rules: []barograph.RuleID{"one"}, fault: func(i *island) { i.delay["one"] = day }, want: "forecasting: has failed for 3m41s: read series: read the series of rule one: context deadline exceeded: the series store took more than 30s"},
		"never done": {rules: []barograph.RuleID{"one", "two"}, fault: func(i *island) { i.delay["one"] = day }, timeout: time.Hour, want: `rule "one" has been forecast for 11m`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				i := newIsland(c.rules...)
				f := i.forecaster(t, func(cfg *forecast.Config) {
					if c.timeout > 0 {
						cfg.ReadTimeout = barograph.Duration(c.timeout)
					}
				})
				check := func(when, want string) {
					err := f.Healthy(t.Context())
					if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
						t.Errorf("%s: %v, want %q", when, err, want)
					}
				}
				const begins = 10*time.Minute + 10*time.Second
				later := 5*time.Minute + time.Second
				if c.timeout > 0 {
					later = 12 * time.Minute
				}
				time.AfterFunc(0, func() { check("at the start", "") })
				time.AfterFunc(begins, func() {
					check("before the fault", "")
					i.mu.Lock()
					defer i.mu.Unlock()
					if c.fault != nil {
						c.fault(i)
					}
				})
				time.AfterFunc(begins+70*time.Second, func() { check("soon after the fault", "") })
				time.AfterFunc(begins+later, func() { check("long after the fault", c.want) })
				i.goOn(t, f, time.Hour)
			})
		})
	}
}
