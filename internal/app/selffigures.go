package app

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/barograph/barograph"
)

// ownFigure is a number of this server that is kept as a series.
type ownFigure struct {
	metric string
	labels barograph.Labels
	value  float64
}

// figureChoice says which of the numbers at /metrics are kept. Those of several
// names that are kept as one are added up, as are those that differ in labels
// which are not kept.
type figureChoice struct {
	metric string   // as it is kept
	from   []string // as at /metrics; nil: the same
	labels []string // that are kept
	always bool     // 0 where there is none
}

// figureChoices is the list. The series stores name what they do differently;
// here it is the same on all of them.
func figureChoices() []figureChoice {
	return []figureChoice{
		{metric: "barograph_ingest_samples_total", always: true},
		{metric: "barograph_ingest_samples_rejected_total", always: true},
		{metric: "barograph_probe_samples_written_total", always: true},
		{metric: "barograph_stored_samples_total", always: true, from: []string{
			"barograph_store_samples_appended_total", "barograph_influx_samples_written_total", "barograph_promremote_samples_written_total",
		}},
		{metric: "barograph_store_refused_samples_total", always: true, from: []string{
			"barograph_store_samples_refused_total", "barograph_influx_samples_refused_total", "barograph_promremote_samples_refused_total",
		}},
		{metric: "barograph_spool_batches", always: true},
		{metric: "barograph_spool_bytes", always: true},
		{metric: "barograph_forecasts_total", labels: []string{"state"}},
		{metric: "barograph_forecast_seconds_sum", always: true},
		{metric: "barograph_forecast_seconds_count", always: true},
		{metric: "barograph_forecast_series", always: true},
		{metric: "barograph_bus_published_total", always: true},
		{metric: "barograph_bus_publish_errors_total", always: true},
		{metric: "barograph_relay_oldest_waiting_seconds", always: true},
		{metric: "barograph_configdb_write_duration_seconds_sum", always: true},
		{metric: "barograph_configdb_write_duration_seconds_count", always: true},
		{metric: "barograph_configdb_write_errors_total", always: true},
		{metric: "barograph_delivery_attempts_total", labels: []string{"outcome"}},
		{metric: "barograph_deliveries_ended_total", labels: []string{"state"}},
		{metric: "barograph_deliveries_waiting", always: true},
		{metric: "barograph_process_memory_bytes", always: true, from: []string{"process_resident_memory_bytes"}},
		{metric: "barograph_process_cpu_seconds_total", always: true, from: []string{"process_cpu_seconds_total"}},
		{metric: "barograph_process_goroutines", always: true, from: []string{"go_goroutines"}},
	}
}

// chosenFigures returns those that are kept of the numbers in the text format of
// Prometheus, sorted by name.
func chosenFigures(text []byte) []ownFigure {
	sums := map[string]*ownFigure{}
	add := func(c figureChoice, labels barograph.Labels, value float64) {
		s := barograph.Series{Metric: c.metric}
		for _, name := range c.labels {
			s.Labels = s.Labels.With(name, labels.Get(name))
		}
		f := sums[s.String()]
		if f == nil {
			f = &ownFigure{metric: c.metric, labels: s.Labels}
			sums[s.String()] = f
		}
		f.value += value
	}
	sources := map[string]figureChoice{}
	for _, c := range figureChoices() {
		if c.from == nil {
			c.from = []string{c.metric}
		}
		for _, name := range c.from {
			sources[name] = c
		}
		if c.always {
			add(c, nil, 0)
		}
	}
	for line := range bytes.Lines(text) {
		name, labels, value, ok := parseFigure(string(line))
		if c, chosen := sources[name]; ok && chosen {
			add(c, labels, value)
		}
	}
	out := make([]ownFigure, 0, len(sums))
	for _, f := range sums {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b ownFigure) int {
		return cmp.Or(cmp.Compare(a.metric, b.metric), cmp.Compare(a.labels.String(), b.labels.String()))
	})
	return out
}

// parseFigure reads one line: name{label="value",…} number. What is none, or not
// finite, is not ok.
func parseFigure(line string) (name string, labels barograph.Labels, value float64, ok bool) {
	line = strings.TrimSpace(line)
	end := strings.IndexAny(line, "{ ")
	if end <= 0 || line[0] == '#' {
		return "", nil, 0, false
	}
	name, line = line[:end], line[end:]
	if line[0] == '{' {
		if labels, line, ok = parseLabels(line[1:]); !ok {
			return "", nil, 0, false
		}
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
	return name, labels, value, err == nil && !math.IsNaN(value) && !math.IsInf(value, 0)
}

// parseLabels reads what follows the opening brace and returns what follows the
// closing one.
func parseLabels(text string) (labels barograph.Labels, rest string, ok bool) {
	for !strings.HasPrefix(text, "}") {
		name, quoted, found := strings.Cut(text, "=")
		if !found {
			return nil, "", false
		}
		prefix, err := strconv.QuotedPrefix(quoted)
		if err != nil {
			return nil, "", false
		}
		value, err := strconv.Unquote(prefix)
		if err != nil {
			return nil, "", false
		}
		labels = labels.With(strings.TrimSpace(name), value)
		text = strings.TrimPrefix(quoted[len(prefix):], ",")
	}
	return labels, text[1:], true
}
