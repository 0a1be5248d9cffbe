package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/barograph/barograph"
)

const mostOfTrouble = 10 // predictions and breaches on a host's page

// hostData is what the page of a host shows.
type hostData struct {
	Host           barograph.Host
	Path           string
	Hearing        badge
	Seen           moment
	Silent         moment
	Added          moment
	Tags           []string
	Updates        updateWords
	Predictions    []predictionRow
	MorePrediction int
	Breaches       []breachRow
	MoreBreach     int
	Disks          []diskRow
	Checks         []checkOnHost
	Refusals       int
	Others         []otherSeries
	Charts         []hostChart
	Forecasts      hostForecasts
	Missing        []string // what could not be had
}

// otherSeries is what a host measures that none of its checks asks for.
type otherSeries struct {
	Metric   string
	Series   int    // how many of the metric
	Place    string // of which the value is the greatest
	Value    string
	At       moment
	MakeRule string
}

// hostForecasts is a page of the forecasts of a host's series.
type hostForecasts struct {
	Rows       []hostForecast
	Found      int
	Back, More string // URLs
}

type hostForecast struct {
	barograph.Forecast

	Place, Value, Limit string
	RuleName            string
	ETA                 etaWords
	Likely              bool
	State               badge
	Made                moment
	Course              string // URL
}

// host shows one host.
func (s *Site) host(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), visitorOf(r)
	h, err := s.Hosts.Host(ctx, idOf[barograph.HostID](r))
	if err != nil {
		return err
	}
	d := hostData{
		Host: h, Path: "/hosts/" + string(h.ID), Hearing: hearing(h), Seen: who.At(h.LastSeen), Silent: who.At(h.SilentSince),
		Added: who.At(h.CreatedAt), Tags: tagsOf(h.Labels),
	}
	rules, err := s.rulesByID(ctx)
	if err != nil {
		return err
	}
	if err := s.addHostTrouble(ctx, &d, who, rules); err != nil {
		return err
	}
	forecasts, missing, err := s.Forecasts.Latest(ctx, barograph.ForecastFilter{Host: h.Name})
	if err != nil {
		return err
	}
	d.Missing = missing
	d.Forecasts = forecastsOnHost(d.Path, forecasts, rules, who, r.URL.Query())
	if err := s.addMeasured(ctx, &d, who, forecasts, rules); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, page{Title: h.Name, Section: "/hosts", Template: "host", Data: d})
}

// addHostTrouble adds what is predicted and what is broken.
func (s *Site) addHostTrouble(ctx context.Context, d *hostData, who visitor, rules map[barograph.RuleID]barograph.Rule) error {
	filter := barograph.PredictionFilter{Host: d.Host.Name, State: barograph.PredictionOpen}
	predictions, err := s.Predictions.Predictions(ctx, filter, barograph.Page{Limit: mostRanking})
	if err != nil {
		return err
	}
	predictions, d.MorePrediction = firstOf(predictions, mostOfTrouble)
	for _, p := range predictions {
		d.Predictions = append(d.Predictions, who.predictionRow(p, rules[p.RuleID]))
	}
	breaches, err := s.Predictions.Breaches(ctx, filter, barograph.Page{Limit: mostRanking})
	if err != nil {
		return err
	}
	breaches, d.MoreBreach = firstOf(breaches, mostOfTrouble)
	for _, b := range breaches {
		d.Breaches = append(d.Breaches, who.breachRow(b, rules[b.RuleID]))
	}
	return nil
}

// addMeasured adds what the host's checks measured, its disks and charts.
func (s *Site) addMeasured(ctx context.Context, d *hostData, who visitor, forecasts []barograph.Forecast, rules map[barograph.RuleID]barograph.Rule) error {
	all, err := s.Checks.Checks(ctx, barograph.Page{})
	if err != nil {
		return err
	}
	checks := checksFor(d.Host, all)
	values, err := s.measuredOn(ctx, d.Host.Name, checks, who.Now)
	if err != nil {
		return err
	}
	d.Updates = updatesInWords(figuresIn(values))
	d.Disks = disksOf(values, forecasts, rules, who)
	d.Checks = checksOf(d.Host, checks, values, who)
	for _, c := range d.Checks {
		if c.Refused {
			d.Refusals++
		}
	}
	d.Others = othersOf(values, checks, who)
	d.Charts, err = s.hostCharts(ctx, d.Host.Name, values, who)
	return err
}

// figuresIn returns the values of updates.
func figuresIn(values measured) hostFigures {
	get := func(metric string) *float64 {
		if v, ok := values.first(metric); ok {
			return &v
		}
		return nil
	}
	return hostFigures{pending: get("os_updates"), security: get("os_updates_security"), indexAge: get("os_updates_index_age_seconds")}
}

// forecastsOnHost returns the page of the forecasts that the query asks for.
func forecastsOnHost(path string, all []barograph.Forecast, rules map[barograph.RuleID]barograph.Rule, who visitor, query url.Values) hostForecasts {
	list := hostForecasts{Found: len(all)}
	from := 0
	if n, err := strconv.Atoi(query.Get("from")); err == nil {
		from = min(max(n, 0), len(all))
	}
	at := func(from int) string { return path + "?from=" + strconv.Itoa(from) + "#forecasts" }
	if from > 0 {
		list.Back = at(max(0, from-forecastsPerPage))
	}
	all, left := firstOf(all[from:], forecastsPerPage)
	if left > 0 {
		list.More = at(from + forecastsPerPage)
	}
	for _, f := range all {
		rule := rules[f.RuleID]
		row := hostForecast{
			Forecast: f, Place: f.Series.Metric, Value: valueOfForecast(f), Limit: limitOf(f.Series.Metric, rule), RuleName: rule.Name,
			ETA: who.ETA(f.ETA), Likely: f.Probability >= likely, State: forecastBadge(f.State), Made: who.At(f.MadeAt),
			Course: "/rules/" + string(f.RuleID) + "?" + url.Values{"series": {f.Series.String()}}.Encode() + "#curve",
		}
		if d := distinction(f.Series); d != "" {
			row.Place += " of " + d
		}
		list.Rows = append(list.Rows, row)
	}
	return list
}
