package barograph_test

import (
	"testing"

	"github.com/barograph/barograph"
)

// TestWantsOfRules is about who is told of a rule as a whole.
func TestWantsOfRules(t *testing.T) {
	t.Parallel()
	matchers := func(text string) barograph.Matchers {
		s, err := barograph.ParseSelector(text)
		if err != nil {
			t.Fatal(err)
		}
		return s.Matchers
	}
	prediction := func(host string, probability float64) barograph.Prediction {
		return barograph.Prediction{
			Series: barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": host})},
			Latest: barograph.Announcement{Probability: probability},
		}
	}
	about := barograph.Event{
		Severity: barograph.SeverityWarning, Labels: barograph.NewLabels(map[string]string{"rule": "Disk space", "metric": "disk_used_ratio", "team": "db"}),
	}
	demoted, digest, more := about, about, about
	demoted.Type, digest.Type, more.Type = barograph.EventRuleDemoted, barograph.EventRuleDigest, barograph.EventRuleDigest
	listed := []barograph.Prediction{prediction("a", .9), prediction("b", .7)}
	digest.Data.Digest = &barograph.Digest{Open: 2, Predictions: listed}
	more.Data.Digest = &barograph.Digest{Open: 3, Predictions: listed}

	for name, c := range map[string]struct {
		sub                   barograph.Subscription
		demoted, digest, more bool
	}{
		"all":                        {barograph.Subscription{}, true, true, true},
		"predictions":                {barograph.Subscription{EventTypes: []string{"prediction.*"}}, true, true, true},
		"openings":                   {barograph.Subscription{EventTypes: []string{"io.barograph.prediction.opened"}}, true, true, true},
		"ends of predictions":        {barograph.Subscription{EventTypes: []string{"prediction.confirmed"}}, false, false, false},
		"breaches":                   {barograph.Subscription{EventTypes: []string{"breach.*"}}, false, false, false},
		"rules":                      {barograph.Subscription{EventTypes: []string{"rule.*"}}, true, true, true},
		"a host in it":               {barograph.Subscription{Matchers: matchers(`{host="a"}`)}, true, true, true},
		"a host not in it":           {barograph.Subscription{Matchers: matchers(`{host="c"}`)}, true, false, true},
		"the rule's label":           {barograph.Subscription{Matchers: matchers(`{team="db",host="b"}`)}, true, true, true},
		"another team":               {barograph.Subscription{Matchers: matchers(`{team="web"}`)}, false, false, false},
		"another rule":               {barograph.Subscription{Matchers: matchers(`{rule="Memory"}`)}, false, false, false},
		"sure ones":                  {barograph.Subscription{MinProbability: .8}, true, true, true},
		"a host that is not so sure": {barograph.Subscription{Matchers: matchers(`{host="b"}`), MinProbability: .8}, true, false, true},
		"critical":                   {barograph.Subscription{MinSeverity: barograph.SeverityCritical}, false, false, false},
	} {
		c.sub.Enabled = true
		got := [3]bool{c.sub.Wants(demoted), c.sub.Wants(digest), c.sub.Wants(more)}
		if want := [3]bool{c.demoted, c.digest, c.more}; got != want {
			t.Errorf("%s: wants demoted, digest, longer digest: %v, want %v", name, got, want)
		}
	}
}

func TestBinOf(t *testing.T) {
	t.Parallel()
	for p, want := range map[float64]int{-1: 0, 0: 0, .05: 0, .1: 1, .7: 7, .79: 7, .8: 8, .95: 9, 1: 9, 2: 9} {
		if got := barograph.BinOf(p); got != want {
			t.Errorf("BinOf(%v) = %d, want %d", p, got, want)
		}
	}
}

func TestSameJudgement(t *testing.T) {
	t.Parallel()
	rule := barograph.Rule{Series: barograph.Selector{Metric: "a"}, Operator: barograph.Above, Limit: 1, Horizon: 2, For: 3}
	for name, c := range map[string]struct {
		change func(*barograph.Rule)
		want   bool
	}{
		"nothing":     {func(*barograph.Rule) {}, true},
		"words":       {func(r *barograph.Rule) { r.Name, r.OpenAt, r.Severity = "x", .9, barograph.SeverityInfo }, true},
		"limit":       {func(r *barograph.Rule) { r.Limit = 2 }, false},
		"operator":    {func(r *barograph.Rule) { r.Operator = barograph.AtLeast }, false},
		"horizon":     {func(r *barograph.Rule) { r.Horizon = 3 }, false},
		"for":         {func(r *barograph.Rule) { r.For = 0 }, false},
		"its series":  {func(r *barograph.Rule) { r.Series.Metric = "b" }, false},
		"its matcher": {func(r *barograph.Rule) { r.Series.Matchers = barograph.Matchers{{Name: "h", Type: "=", Value: "1"}} }, false},
	} {
		other := rule
		c.change(&other)
		if got := rule.SameJudgement(other); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}
