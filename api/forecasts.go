package api

import (
	"cmp"
	"context"

	"github.com/barograph/barograph"
)

// Forecasts gives the latest forecast of each series of each rule.
type Forecasts interface {
	// Latest returns those that the filter chooses, in its order. What should be
	// among them but could not be had is told in words.
	Latest(ctx context.Context, filter barograph.ForecastFilter) (found []barograph.Forecast, missing []string, err error)
}

type forecastHandlers struct {
	forecasts Forecasts
}

func (a forecastHandlers) ListForecasts(ctx context.Context, r ListForecastsRequestObject) (ListForecastsResponseObject, error) {
	items, missing, err := a.forecasts.Latest(ctx, barograph.ForecastFilter{
		RuleID: r.Params.RuleID, Host: r.Params.Host, State: r.Params.State, Limit: cmp.Or(r.Params.Limit, defaultLimit),
	})
	return ListForecasts200JSONResponse{Items: items, Incomplete: missing}, err
}
