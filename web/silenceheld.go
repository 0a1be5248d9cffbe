package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/barograph/barograph"
)

// held is what matchers hold back now, if they silence.
type held struct {
	Problem     string
	Asked       bool // there are matchers
	Predictions []predictionRow
	Breaches    []breachRow
	Hosts       []barograph.Host
	// How many of each there are, and that are not shown.
	AllPredictions, MorePredictions, AllBreaches, MoreBreaches, AllHosts, MoreHosts int
}

// Nothing reports that nothing of the kind is there now.
func (h held) Nothing() bool { return h.AllPredictions+h.AllBreaches+h.AllHosts == 0 }

const mostHeld = 10 // of each that are shown

// previewSilence shows what matchers would hold back.
func (s *Site) previewSilence(w http.ResponseWriter, r *http.Request) error {
	h, err := s.heldByText(r.Context(), visitorOf(r), r.URL.Query().Get("matchers"))
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, page{Title: "What a silence holds back", Section: "/settings", Template: "silence-preview", Data: h})
}

// heldByText is heldBy of what somebody typed.
func (s *Site) heldByText(ctx context.Context, who visitor, typed string) (held, error) {
	if strings.TrimSpace(typed) == "" {
		return held{}, nil
	}
	matchers, err := readMatchers(typed)
	if err != nil {
		f := newForm(nil)
		f.refuse("matchers", err)
		return held{Problem: f.Problem["matchers"]}, nil
	}
	if len(matchers) == 0 {
		return held{}, nil
	}
	return s.heldBy(ctx, who, matchers)
}

// heldBy returns what the matchers choose of all that is open, and the hosts whose
// silence they would keep quiet.
func (s *Site) heldBy(ctx context.Context, who visitor, matchers barograph.Matchers) (held, error) {
	h := held{Asked: true}
	rules, err := s.rulesByID(ctx)
	if err != nil {
		return h, err
	}
	open := barograph.PredictionFilter{State: barograph.PredictionOpen}
	predictions, err := s.Predictions.Predictions(ctx, open, barograph.Page{Limit: mostRanking})
	if err != nil {
		return h, err
	}
	for _, p := range predictions {
		if matchers.Matches(eventLabels(p.Series, rules[p.RuleID], p.RuleName)) {
			if h.AllPredictions++; h.AllPredictions <= mostHeld {
				h.Predictions = append(h.Predictions, who.predictionRow(p, rules[p.RuleID]))
			}
		}
	}
	breaches, err := s.Predictions.Breaches(ctx, open, barograph.Page{Limit: mostRanking})
	if err != nil {
		return h, err
	}
	for _, b := range breaches {
		if matchers.Matches(eventLabels(b.Series, rules[b.RuleID], b.RuleName)) {
			if h.AllBreaches++; h.AllBreaches <= mostHeld {
				h.Breaches = append(h.Breaches, who.breachRow(b, rules[b.RuleID]))
			}
		}
	}
	hosts, err := s.Hosts.Hosts(ctx, barograph.Page{})
	if err != nil {
		return h, err
	}
	for _, host := range hosts {
		if matchers.Matches(host.Labeled()) {
			if h.AllHosts++; h.AllHosts <= mostHeld {
				h.Hosts = append(h.Hosts, host)
			}
		}
	}
	h.MorePredictions, h.MoreBreaches, h.MoreHosts = h.AllPredictions-len(h.Predictions), h.AllBreaches-len(h.Breaches), h.AllHosts-len(h.Hosts)
	return h, nil
}

// eventLabels are those of the events of a prediction or breach, which silences
// and subscriptions match.
func eventLabels(series barograph.Series, rule barograph.Rule, name string) barograph.Labels {
	return series.Labels.Merge(rule.Labels).With("metric", series.Metric).With("rule", name)
}
