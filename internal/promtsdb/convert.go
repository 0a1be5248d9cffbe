package promtsdb

import (
	"fmt"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/barograph/barograph"
)

// toLabels returns the TSDB's form of a series, in memory of its own.
func toLabels(b *labels.ScratchBuilder, s *barograph.Series) labels.Labels {
	b.Reset()
	b.Add(model.MetricNameLabel, s.Metric)
	for _, l := range s.Labels {
		b.Add(l.Name, l.Value)
	}
	b.Sort() // capital letters come before the underscores of __name__
	return b.Labels()
}

// toSeries is the way back.
func toSeries(lset labels.Labels) barograph.Series {
	s := barograph.Series{}
	if n := lset.Len(); n > 1 {
		s.Labels = make(barograph.Labels, 0, n-1)
	}
	lset.Range(func(l labels.Label) {
		if l.Name == model.MetricNameLabel {
			s.Metric = l.Value
			return
		}
		s.Labels = append(s.Labels, barograph.Label{Name: l.Name, Value: l.Value})
	})
	return s
}

// sameSeries reports whether lset is the TSDB's form of s. It allocates nothing.
func sameSeries(lset labels.Labels, s *barograph.Series) bool {
	i, same := 0, true
	lset.Range(func(l labels.Label) {
		switch {
		case !same:
		case l.Name == model.MetricNameLabel:
			same = l.Value == s.Metric
		case i < len(s.Labels) && s.Labels[i].Name == l.Name && s.Labels[i].Value == l.Value:
			i++
		default:
			same = false
		}
	})
	return same && i == len(s.Labels)
}

// toMatchers returns the TSDB's form of a selector.
func toMatchers(s barograph.Selector) ([]*labels.Matcher, error) {
	all := make([]*labels.Matcher, 0, len(s.Matchers)+1)
	if s.Metric != "" {
		all = append(all, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, s.Metric))
	} else {
		all = append(all, labels.MustNewMatcher(labels.MatchNotEqual, model.MetricNameLabel, ""))
	}
	for _, m := range s.Matchers {
		t, err := toMatchType(m.Type)
		if err != nil {
			return nil, err
		}
		matcher, err := labels.NewMatcher(t, m.Name, m.Value)
		if err != nil {
			return nil, barograph.Errorf(barograph.KindInvalid, "matcher %s: %s", m, err)
		}
		all = append(all, matcher)
	}
	return all, nil
}

func toMatchType(t barograph.MatchType) (labels.MatchType, error) {
	switch t {
	case barograph.MatchEqual:
		return labels.MatchEqual, nil
	case barograph.MatchNotEqual:
		return labels.MatchNotEqual, nil
	case barograph.MatchRegexp:
		return labels.MatchRegexp, nil
	case barograph.MatchNotRegexp:
		return labels.MatchNotRegexp, nil
	}
	return 0, fmt.Errorf("match type %q is unknown", t)
}

// exactly returns matchers that choose the series, and such that have further
// labels: the TSDB can't ask for less.
func exactly(lset labels.Labels) []*labels.Matcher {
	all := make([]*labels.Matcher, 0, lset.Len())
	lset.Range(func(l labels.Label) {
		all = append(all, labels.MustNewMatcher(labels.MatchEqual, l.Name, l.Value))
	})
	return all
}
