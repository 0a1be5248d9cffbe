package api

import (
	"cmp"
	"context"

	"github.com/barograph/barograph"
)

// Curves draws how series are expected to go on.
type Curves interface {
	Curve(ctx context.Context, rule barograph.RuleID, series barograph.Series, level float64) (barograph.Curve, error)
}

type curveHandlers struct {
	curves Curves
}

const curveLevel = 0.95

func (a curveHandlers) GetCurve(ctx context.Context, r GetCurveRequestObject) (GetCurveResponseObject, error) {
	series, err := seriesOf(r.Params.Series)
	if err != nil {
		return nil, err
	}
	curve, err := a.curves.Curve(ctx, r.ID, series, cmp.Or(r.Params.Level, curveLevel))
	return GetCurve200JSONResponse(curve), err
}

// seriesOf returns the one series that the text names in full.
func seriesOf(text string) (barograph.Series, error) {
	series, err := barograph.ParseSeries(text)
	if err != nil {
		return barograph.Series{}, refusal("series", err.Error()+
			": name each label of one series with =, once, as disk_used_ratio{host=\"db-1\",mount=\"/\"}")
	}
	return series, nil
}
