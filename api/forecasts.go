package api

import (
	"cmp"
	"context"
	"slices"

	"github.com/barograph/barograph"
)

// Forecasts gives the latest forecast of each series of each rule.
type Forecasts interface {
	// Latest returns those of the rule and of the host of this name; "" means all.
	Latest(rule barograph.RuleID, host string) []barograph.Forecast
}

type forecastHandlers struct {
	forecasts Forecasts
}

func (a forecastHandlers) ListForecasts(_ context.Context, r ListForecastsRequestObject) (ListForecastsResponseObject, error) {
	items := []barograph.Forecast{}
	for _, f := range a.forecasts.Latest(r.Params.RuleID, r.Params.Host) {
		if r.Params.State == "" || r.Params.State == f.State {
			items = append(items, f)
		}
	}
	slices.SortFunc(items, func(x, y barograph.Forecast) int {
		return cmp.Or(
			cmp.Compare(y.Probability, x.Probability),
			cmp.Compare(x.RuleID, y.RuleID),
			cmp.Compare(x.Series.String(), y.Series.String()),
		)
	})
	limit := cmp.Or(r.Params.Limit, defaultLimit)
	return ListForecasts200JSONResponse{Items: items[:min(limit, len(items))]}, nil
}
