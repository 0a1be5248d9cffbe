package web

import (
	"context"

	"github.com/barograph/barograph"
)

// What is said of a series that is watched: while a prediction is open, what
// people were told, on every page alike; else the newest forecast.

// watched is a series under a rule.
type watched struct {
	rule   barograph.RuleID
	series string
}

// openNow is what is open of some series.
type openNow struct {
	told   map[watched]barograph.Prediction
	broken map[watched]bool
}

func newOpenNow(predictions []barograph.Prediction, breaches []barograph.Breach) openNow {
	open := openNow{told: make(map[watched]barograph.Prediction, len(predictions)), broken: make(map[watched]bool, len(breaches))}
	for _, p := range predictions {
		open.told[watched{p.RuleID, p.Series.String()}] = p
	}
	for _, b := range breaches {
		open.broken[watched{b.RuleID, b.Series.String()}] = true
	}
	return open
}

// isBroken reports whether the series of the forecast is in a breach of its rule.
func (o openNow) isBroken(f barograph.Forecast) bool {
	return o.broken[watched{f.RuleID, f.Series.String()}]
}

// outlook is what a list says of a series under a rule.
type outlook struct {
	ETA    etaWords // zero: nothing was told, and the newest forecast says no time
	Sure   float64
	Likely bool
	Why    string
	Now    badge // the state of the newest forecast
	// Told leads to the open prediction that all but Now is of; "": there is none.
	Told     string
	ToldWhen moment

	eta *barograph.ETA // what ETA is made of
}

// outlook returns what is said of the series of the forecast.
func (v visitor) outlook(f barograph.Forecast, rule barograph.Rule, open openNow) outlook {
	o := outlook{eta: f.ETA, Sure: f.Probability, Likely: f.Probability >= likely, Why: f.Reason, Now: forecastBadge(f.State)}
	if f.State == barograph.StateAlreadyBreached && rule.For > 0 && !open.isBroken(f) {
		o.Now = waitingBadge()
	}
	if p, ok := open.told[watched{f.RuleID, f.Series.String()}]; ok {
		o.eta, o.Sure, o.Likely, o.Why = &p.Latest.ETA, p.Latest.Probability, true, p.Latest.Reason
		o.Told, o.ToldWhen = predictionPath(p.ID), v.At(p.Latest.At)
	}
	o.ETA = v.ETA(o.eta)
	return o
}

// newest returns the newest forecast of the series under the rule. If there is
// none it may be among what could not be had, which is told in words.
func (s *Site) newest(ctx context.Context, rule barograph.RuleID, series barograph.Series) (f barograph.Forecast, ok bool, missing []string, err error) {
	found, missing, err := s.Forecasts.Latest(ctx, barograph.ForecastFilter{RuleID: rule, Host: series.Labels.Get("host")})
	for _, f := range found {
		if f.Series.Equal(series) {
			return f, true, nil, nil
		}
	}
	return f, false, missing, err
}
