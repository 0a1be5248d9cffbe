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
	Troubled, Well []checkOnHost // of the checks: those with trouble, and all others
	Refusals       int
	Others         []otherSeries
	During         timeRange // that the charts show
	ChartsAsked    bool      // somebody chose it
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
	outlook

	Place, Value, Limit string
	RuleName, RulePath  string
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
	d.ChartsAsked = r.URL.Query().Has("range") || r.URL.Query().Has("from") || r.URL.Query().Has("to")
	d.During = rangeOf(r, rangePlace{path: d.Path, anchor: "charts", usual: "7d", points: hostChartPoints})
	if to := d.During.elsewhere(r); to != "" {
		return redirect(w, r, to, "")
	}
	rules, err := s.rulesByID(ctx)
	if err != nil {
		return err
	}
	open, err := s.addHostTrouble(ctx, &d, who, rules)
	if err != nil {
		return err
	}
	forecasts, missing, err := s.Forecasts.Latest(ctx, barograph.ForecastFilter{Host: h.Name})
	if err != nil {
		return err
	}
	d.Missing = missing
	d.Forecasts = forecastsOnHost(d.Path, forecasts, rules, open, who, r.URL.Query())
	if err := s.addMeasured(ctx, &d, who, forecasts, rules, open); err != nil {
		return err
	}
	return s.show(w, r, d.During.status(), page{Title: h.Name, Section: "/hosts", Template: "host", Data: d})
}

// addHostTrouble adds what is predicted and what is broken, and returns all of it.
func (s *Site) addHostTrouble(ctx context.Context, d *hostData, who visitor, rules map[barograph.RuleID]barograph.Rule) (open openNow, err error) {
	filter := barograph.PredictionFilter{Host: d.Host.Name, State: barograph.PredictionOpen}
	predictions, err := s.Predictions.Predictions(ctx, filter, barograph.Page{Limit: mostRanking})
	if err != nil {
		return open, err
	}
	listed, more := firstOf(predictions, mostOfTrouble)
	d.MorePrediction = more
	for _, p := range listed {
		d.Predictions = append(d.Predictions, who.predictionRow(p, rules[p.RuleID]))
	}
	breaches, err := s.Predictions.Breaches(ctx, filter, barograph.Page{Limit: mostRanking})
	if err != nil {
		return open, err
	}
	open = newOpenNow(predictions, breaches)
	breaches, d.MoreBreach = firstOf(breaches, mostOfTrouble)
	for _, b := range breaches {
		d.Breaches = append(d.Breaches, who.breachRow(b, rules[b.RuleID]))
	}
	return open, nil
}

// addMeasured adds what the host's checks measured, its disks and charts.
func (s *Site) addMeasured(ctx context.Context, d *hostData, who visitor, forecasts []barograph.Forecast, rules map[barograph.RuleID]barograph.Rule, open openNow) error {
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
	d.Disks = disksOf(values, forecasts, rules, open, who)
	d.Checks = checksOf(d.Host, checks, values, who)
	for _, c := range d.Checks {
		if c.Refused {
			d.Refusals++
		}
		if c.State.Tone == "bad" || c.State.Tone == "warning" {
			d.Troubled = append(d.Troubled, c)
		} else {
			d.Well = append(d.Well, c)
		}
	}
	d.Others = othersOf(values, checks, who)
	// What was measured lately is shown; of a host that is silent, or of a time that
	// was asked for, all that there is.
	every := d.ChartsAsked || len(values) == 0 || !d.Host.SilentSince.IsZero()
	wanted := func(metric string) bool { return every || len(values[metric]) > 0 }
	d.Charts, err = s.hostCharts(ctx, d.Host.Name, wanted, d.During, who)
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

// coursePath leads to the curve of the series of a forecast.
func coursePath(f barograph.Forecast) string {
	return "/rules/" + string(f.RuleID) + "?" + url.Values{"series": {f.Series.String()}}.Encode() + "#curve"
}

// forecastsOnHost returns the page of the forecasts that the query asks for.
func forecastsOnHost(path string, all []barograph.Forecast, rules map[barograph.RuleID]barograph.Rule, open openNow, who visitor, query url.Values) hostForecasts {
	list := hostForecasts{Found: len(all)}
	from := 0
	if n, err := strconv.Atoi(query.Get("skip")); err == nil {
		from = min(max(n, 0), len(all))
	}
	at := func(from int) string { return path + "?skip=" + strconv.Itoa(from) + "#forecasts" }
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
			outlook: who.outlook(f, rule, open), Place: f.Series.Metric, Value: valueOfForecast(f), Limit: limitOf(f.Series.Metric, rule),
			RuleName: rule.Name, RulePath: "/rules/" + string(f.RuleID), Course: coursePath(f),
		}
		if d := distinction(f.Series); d != "" {
			row.Place += " of " + d
		}
		list.Rows = append(list.Rows, row)
	}
	return list
}
