package web

import (
	"context"
	"errors"
	"html/template"
	"net/url"
	"strconv"
	"strings"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
)

const forecastsPerPage = 50

// forecastList is a page of the latest forecasts of a rule, refusals among them.
type forecastList struct {
	Rows    []forecastRow
	Filter  form // state
	States  []option
	Missing []string // what could not be had, in words
	Back    string   // URLs
	More    string
}

// forecastRow is one of them.
type forecastRow struct {
	outlook

	Place  string
	Value  string      // "": it is not known
	About  []aboutLink // its host or target
	Course string      // URL of the page with its curve
	Shown  bool        // the curve is on this page

	series barograph.Series
}

// forecastsOf returns the page that the query asks for: state chooses, and skip
// is how many were on the pages before.
func (s *Site) forecastsOf(ctx context.Context, who visitor, rule barograph.Rule, open openNow, query url.Values) (forecastList, error) {
	from := 0
	if n, err := strconv.Atoi(query.Get("skip")); err == nil {
		from = min(max(n, 0), 1_000_000)
	}
	state := query.Get("state")
	list := forecastList{Filter: newForm(url.Values{"state": {state}}), States: forecastStates()}
	found, missing, err := s.Forecasts.Latest(ctx, barograph.ForecastFilter{
		RuleID: rule.ID, State: barograph.ForecastState(state), Limit: from + forecastsPerPage + 1,
	})
	if err != nil {
		return list, err
	}
	list.Missing = missing
	here := func(change url.Values) string {
		values := url.Values{}
		for name, value := range map[string]string{"state": state, "skip": query.Get("skip")} {
			values.Set(name, value)
		}
		for name := range change {
			values.Set(name, change.Get(name))
		}
		for name := range values {
			if v := values.Get(name); v == "" || name == "skip" && v == "0" {
				values.Del(name)
			}
		}
		return strings.TrimSuffix("/rules/"+string(rule.ID)+"?"+values.Encode(), "?")
	}
	if from > 0 {
		list.Back = here(url.Values{"skip": {strconv.Itoa(max(0, from-forecastsPerPage))}}) + "#series"
	}
	found, left := firstOf(found[min(from, len(found)):], forecastsPerPage)
	if left > 0 {
		list.More = here(url.Values{"skip": {strconv.Itoa(from + forecastsPerPage)}}) + "#series"
	}
	where := newPlaces(s)
	for _, f := range found {
		row := forecastRow{
			outlook: who.outlook(f, rule, open), Place: placeOf(f.Series), Value: valueOfForecast(f), series: f.Series,
			Course: here(url.Values{"series": {f.Series.String()}}) + "#curve",
		}
		if row.About, err = where.of(ctx, f.Series.Labels); err != nil {
			return list, err
		}
		list.Rows = append(list.Rows, row)
	}
	return list, nil
}

func valueOfForecast(f barograph.Forecast) string {
	if f.State == barograph.StateInsufficientData && f.Value == 0 {
		return ""
	}
	return barograph.Reading(f.Series.Metric, f.Value)
}

// curveView is how one series is expected to go on.
type curveView struct {
	Place   string
	Series  string
	Picture template.HTML
	Caption string
	Problem string // why there is no picture
}

// curveOf returns the curve of the series that was chosen, or else of the first
// in the list.
func (s *Site) curveOf(ctx context.Context, who visitor, rule barograph.Rule, query url.Values, list *forecastList) curveView {
	var series barograph.Series
	var said outlook
	if chosen := query.Get("series"); chosen != "" {
		var err error
		if series, err = barograph.ParseSeries(chosen); err != nil {
			return curveView{Problem: "The series can't be read: " + s.told(ctx, err)}
		}
	} else if len(list.Rows) > 0 && rule.Horizon > 0 {
		series = list.Rows[0].series
	}
	if series.Metric == "" {
		return curveView{}
	}
	for i, row := range list.Rows {
		if row.series.Equal(series) {
			list.Rows[i].Shown, said = true, row.outlook
			if row.Told == "" && row.Sure < rule.CloseAt { // it would say when what won't be
				said.eta = nil
			}
		}
	}
	return s.drawCurve(ctx, who, rule, series, said)
}

func (s *Site) drawCurve(ctx context.Context, who visitor, rule barograph.Rule, series barograph.Series, said outlook) curveView {
	view := curveView{Place: placeOf(series), Series: series.String()}
	curve, err := s.Curves.Curve(ctx, rule.ID, series, curveLevel)
	if err == nil {
		picture := curveChart(curve, said.eta, who.Zone)
		picture.Title = series.Metric + " on " + view.Place
		view.Picture, err = inline(picture)
		view.Caption = curveCaption(rule, curve, said)
	}
	switch {
	case barograph.KindOf(err) == barograph.KindNotFound:
		view.Problem = "Too little is known of it yet to draw how it goes on."
	case err != nil:
		view.Problem = s.told(ctx, err)
	case view.Picture == "":
		view.Problem = "Nothing is known of it yet."
	}
	return view
}

// curveCaption says in words what is to be seen.
func curveCaption(rule barograph.Rule, curve barograph.Curve, said outlook) string {
	metric := curve.Series.Metric
	words := "The line is what was measured, then what is expected; 80 % of the outcomes lie in the band. The limit is " + barograph.LimitReading(metric, rule.Limit) + "."
	if n := len(curve.Mean); n > 0 && len(curve.Lower) == n && len(curve.Upper) == n {
		words += " In " + barograph.Words(rule.Horizon.Std()) + ": " + barograph.Reading(metric, curve.Mean[n-1]) +
			", between " + barograph.Reading(metric, curve.Lower[n-1]) + " and " + barograph.Reading(metric, curve.Upper[n-1]) + "."
	}
	switch {
	case said.Told != "":
		words += " What was told " + said.ToldWhen.Ago + ": " + said.ETA.Range + ", " + barograph.Percent(said.Sure) + " sure."
	case said.eta != nil:
		words += " If the limit is crossed, then " + said.ETA.Range + "."
	}
	return words
}

// told returns what an error has for users; the rest is logged.
func (s *Site) told(ctx context.Context, err error) string {
	told, ok := errors.AsType[*barograph.Error](err)
	if !ok || told.Kind == barograph.KindInternal {
		if ctx.Err() == nil {
			s.Logger.ErrorContext(ctx, "a part of a page failed", "error", err)
		}
		return "It failed; the server's log tells why."
	}
	without := *told
	without.Err = nil // not for users
	if len(without.Fields) == 1 {
		return without.Fields[0].Message
	}
	return without.Error()
}

// square returns a picture that is about as wide as high.
func square(p chart.Picture) (template.HTML, error) {
	return inlineSized(p, chart.Size{Width: chart.MinWidth, Height: chart.MinWidth})
}
