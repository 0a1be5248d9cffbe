package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/api"
)

// wholeForecasts are those of all servers.
type wholeForecasts struct {
	peers

	here interface {
		Latest(rule barograph.RuleID, host string) []barograph.Forecast
	}
}

// forecastsHere are those that one server made.
type forecastsHere struct {
	Items []barograph.Forecast `json:"items"`
	Cut   bool                 `json:"cut"` // there are more, which did not fit
}

var _ api.Forecasts = wholeForecasts{}

// Latest returns the forecasts of all servers.
func (w wholeForecasts) Latest(ctx context.Context, filter barograph.ForecastFilter) (found []barograph.Forecast, missing []string, err error) {
	answers, err := askPeers[forecastsHere](ctx, w.peers, askForecasts, filter)
	if err != nil {
		return nil, nil, err
	}
	found = w.ours(filter)
	for _, a := range answers {
		found = append(found, a.value.Items...)
		switch {
		case a.err != nil:
			missing = append(missing, a.missing())
		case a.value.Cut:
			missing = append(missing, fmt.Sprintf("server %s: only its first %d forecasts fitted into its answer; ask for fewer", a.server, len(a.value.Items)))
		}
	}
	if len(answers) > 0 {
		found = newest(found)
	}
	return filter.Of(found), missing, nil
}

// ours returns the forecasts of the rules that are this server's.
func (w wholeForecasts) ours(filter barograph.ForecastFilter) []barograph.Forecast {
	all := slices.DeleteFunc(w.here.Latest(filter.RuleID, filter.Host), func(f barograph.Forecast) bool {
		return !w.shares.HoldsID(string(f.RuleID))
	})
	return filter.Of(all)
}

// newest leaves the newest forecast of each series under each rule: while a rule
// changes hands, two servers may have one.
func newest(all []barograph.Forecast) []barograph.Forecast {
	type about struct {
		rule   barograph.RuleID
		series string
	}
	places := make(map[about]int, len(all))
	kept := all[:0]
	for _, f := range all {
		key := about{f.RuleID, f.Series.String()}
		at, twice := places[key]
		switch {
		case !twice:
			places[key] = len(kept)
			kept = append(kept, f)
		case f.MadeAt.After(kept[at].MadeAt):
			kept[at] = f
		}
	}
	return kept
}

// answer answers another server.
func (w wholeForecasts) answer(_ context.Context, data []byte, most int) ([]byte, error) {
	var filter barograph.ForecastFilter
	if err := json.Unmarshal(data, &filter); err != nil {
		return nil, barograph.Errorf(barograph.KindInvalid, "the question can't be read: %s", err)
	}
	here := forecastsHere{Items: w.ours(filter)}
	for {
		packed, err := pack(here, most)
		if barograph.KindOf(err) != barograph.KindTooLarge || len(here.Items) == 0 {
			return packed, err
		}
		here.Items, here.Cut = here.Items[:len(here.Items)/2], true
	}
}
