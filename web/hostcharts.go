package web

import (
	"context"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
)

const (
	hostChartPoints = 200 // of a line
	mostInChart     = 6   // series that can be told apart
)

// hostChart is a picture of what a host measured, and the same in words.
type hostChart struct {
	Title   string
	Picture template.HTML
	Words   []chartWords
	Steps   string // how much time each point sums up
	Began   string // in words: later than was asked for; "": it did not
}

// chartWords says of one series what its picture shows.
type chartWords struct {
	Name     string // which one: /var; "": there is but one
	Last     string
	Low      string
	High     string
	MakeRule string
}

// chartOfHost is one of the pictures on a host's page.
type chartOfHost struct {
	title   string
	metrics []string
}

func chartsOfHost() []chartOfHost {
	return []chartOfHost{
		{"Processor", []string{"cpu_usage_ratio"}},
		{"Memory", []string{"memory_used_ratio"}},
		{"Disks", []string{diskMetric}},
		{"Load per processor", []string{"load_per_cpu_ratio"}},
		{"Network", []string{"network_receive_bytes_per_second", "network_transmit_bytes_per_second"}},
		{"Pending updates", []string{"os_updates", "os_updates_security"}},
	}
}

// hostCharts draws the main series of a host that are wanted, by metric.
func (s *Site) hostCharts(ctx context.Context, host string, wanted func(metric string) bool, during timeRange, who visitor) ([]hostChart, error) {
	var charts []hostChart
	for _, c := range chartsOfHost() {
		metrics := slices.DeleteFunc(slices.Clone(c.metrics), func(metric string) bool { return !wanted(metric) })
		var found []barograph.SeriesPoints
		shown, err := during.read(func(r timeRange) (first time.Time, err error) {
			found, err = s.chartSeries(ctx, metrics, host, r)
			for _, series := range found {
				if at := firstAt(series.Points); first.IsZero() || at.Before(first) {
					first = at
				}
			}
			return first, err
		}, func(before time.Time) (bool, error) { return s.nothingOf(ctx, metrics, onHost(host), before) })
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			continue
		}
		drawn, err := drawHost(c, found, shown, who)
		if err != nil {
			return nil, err
		}
		charts = append(charts, drawn)
	}
	return charts, nil
}

// chartSeries reads the series of these metrics.
func (s *Site) chartSeries(ctx context.Context, metrics []string, host string, r timeRange) (found []barograph.SeriesPoints, err error) {
	for _, metric := range metrics {
		series, err := s.measuredIf(ctx, barograph.Query{
			Selector: barograph.Selector{Metric: metric, Matchers: onHost(host)}, From: r.From, To: r.Until, Step: r.Step, Rollup: barograph.RollupMean,
		})
		if err != nil {
			return nil, err
		}
		found = append(found, series...)
	}
	return found, nil
}

// drawHost draws the series of one picture, those with the greatest values first.
func drawHost(c chartOfHost, found []barograph.SeriesPoints, during timeRange, who visitor) (hostChart, error) {
	found, _ = firstOf(found, mostInChart)
	h := hostChart{Title: c.title, Steps: barograph.Words(during.Step), Began: during.Began}
	picture := chart.Chart{Title: c.title, Unit: chartUnit(c.metrics[0]), From: during.From, Until: during.Until, Zone: who.Zone}
	for _, series := range found {
		name := distinction(series.Series)
		if len(c.metrics) > 1 {
			name = strings.TrimSpace(direction(series.Series.Metric) + " " + name)
		}
		points := pointsOf(series.Points, during.Step)
		if len(found) == 1 {
			name, picture.History = "", points
		} else {
			picture.Series = append(picture.Series, chart.Series{Name: name, Points: points})
		}
		h.Words = append(h.Words, wordsOf(name, series))
	}
	if !slices.ContainsFunc(found, func(series barograph.SeriesPoints) bool { return len(series.Points) > 1 }) {
		return h, nil // one value is said in words
	}
	var err error
	h.Picture, err = inlineSized(picture, chart.Size{Width: 440, Height: 240})
	return h, err
}

// wordsOf says what the series did.
func wordsOf(name string, series barograph.SeriesPoints) chartWords {
	w := chartWords{Name: name, MakeRule: makeRule(series.Series)}
	if len(series.Points) == 0 {
		return w
	}
	low, high := series.Points[0].Value, series.Points[0].Value
	for _, p := range series.Points {
		low, high = min(low, p.Value), max(high, p.Value)
	}
	reading := func(v float64) string { return barograph.Reading(series.Series.Metric, v) }
	w.Last, w.Low, w.High = reading(series.Points[len(series.Points)-1].Value), reading(low), reading(high)
	return w
}

func chartUnit(metric string) chart.Unit {
	if strings.HasSuffix(metric, "_bytes_per_second") {
		return chart.UnitBytes
	}
	return chart.UnitOf(metric)
}

// direction names what one of several metrics of a picture is.
func direction(metric string) string {
	switch metric {
	case "network_receive_bytes_per_second":
		return "in"
	case "network_transmit_bytes_per_second":
		return "out"
	case "os_updates_security":
		return "for security"
	case "os_updates":
		return "all"
	}
	return metric
}
