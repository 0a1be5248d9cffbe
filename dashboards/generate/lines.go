package main

import (
	"fmt"
	"strings"
	"time"
)

const hour = time.Hour

// ratioPanel makes the panel one of shares.
func ratioPanel(p panel) panel {
	p.unit, p.least, p.most = "percentunit", new(0.), new(1.)
	return p
}

// line draws the chosen series as they are.
func line(metric, name string, choices ...choice) query {
	return query{
		promQL: series(metric, choices...), name: name,
		flux: from(metric, choices...) + "\n  |> aggregateWindow(every: v.windowPeriod, fn: mean, createEmpty: false)",
	}
}

// lineOf draws the chosen series, named by those of the labels that they have.
func lineOf(metric string, labels []string, choices ...choice) query {
	q := line(metric, "", choices...)
	for _, label := range labels {
		q.name += "{{" + label + "}} "
	}
	q.name, q.fluxName = strings.TrimSpace(q.name), "${__field.labels}" // a label that is missing would be written as it stands here
	q.flux += "\n  |> keep(columns: [\"_time\", \"_value\", " + quotedAll(labels) + "])"
	return q
}

func quotedAll(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = fmt.Sprintf("%q", name)
	}
	return strings.Join(out, ", ")
}

// total is the sum of the newest values of the chosen series, by a label or, if it
// is "", of all.
func total(metric, by, name, function string, choices ...choice) query {
	return query{promQL: fmt.Sprintf("%s by (%s) (last_over_time(%s[15m]))", function, by, series(metric, choices...)), name: name, instant: true}.
		withFlux(from(metric, choices...) + "\n  |> last()\n  |> group(columns: [" + quoted(by) + "])\n  |> " + function + "()")
}

func quoted(label string) string {
	if label == "" {
		return ""
	}
	return fmt.Sprintf("%q", label)
}

func (q query) withFlux(text string) query {
	q.flux = text
	return q
}

// rate is how fast the chosen counters grow, in a second.
func rate(metric, name string, choices ...choice) query {
	return query{
		promQL: fmt.Sprintf("rate(%s[$window])", series(metric, choices...)), name: name,
		flux: from(metric, choices...) + `
  |> aggregateWindow(every: ${window}, fn: last, createEmpty: false)
  |> derivative(unit: 1s, nonNegative: true)`,
	}
}

// meanTime is how long one took, of what a counter of seconds and one of
// occasions say.
func meanTime(metric, name string, choices ...choice) query {
	sum, count := metric+"_sum", metric+"_count"
	return query{
		promQL: fmt.Sprintf("rate(%s[$window]) / (rate(%s[$window]) > 0)", series(sum, choices...), series(count, choices...)), name: name,
		flux: fromSeveral([]string{sum, count}, choices...) + fmt.Sprintf(`
  |> aggregateWindow(every: ${window}, fn: last, createEmpty: false)
  |> derivative(unit: 1s, nonNegative: true)
  |> group(columns: ["server"])
  |> pivot(rowKey: ["_time", "server"], columnKey: ["_measurement"], valueColumn: "_value")
  |> filter(fn: (r) => r.%[2]s > 0.0)
  |> map(fn: (r) => ({_time: r._time, server: r.server, _value: r.%[1]s / r.%[2]s}))
  |> group(columns: ["server"])`, sum, count),
	}
}

// looks sets how a query's lines look.
func (q query) looks(properties ...property) query {
	q.look = append(q.look, properties...)
	return q
}

func dashed() property {
	return property{"custom.lineStyle", map[string]any{"fill": "dash", "dash": []int{8, 6}}}
}

func colour(name string) property {
	return property{"color", map[string]any{"mode": "fixed", "fixedColor": name}}
}

// What several dashboards let one choose.

func ruleVariable(multi bool) variable {
	return variable{name: "rule", label: "Rule", about: "Rules that forecasts are made for", metric: "barograph_breach_probability", of: "rule", multi: multi}
}

func severityVariable() variable {
	return variable{name: "severity", label: "Severity", about: "How bad it is", metric: "barograph_rule_limit", of: "severity", multi: true}
}

func windowVariable() variable {
	return variable{name: "window", label: "Mean over", about: "Over how long rates are taken", values: []string{"5m", "15m", "1h", "6h"}, first: "1h"}
}

func serverVariable() variable {
	return variable{name: "server", label: "Server", about: "Servers that worked on this database", metric: "barograph_station_healthy", of: "server", multi: true}
}

// Where rows lead to.

func toForecast() link {
	return link{"Forecast", "barograph-forecast", "var-rule=${__data.fields.Rule}"}
}

func toForecastOf(label string) link {
	return link{"Forecast", "barograph-forecast", "var-rule=${__data.fields.Rule}&var-" + label + "=${__value.text}"}
}

func toHost() link { return link{"Host", "barograph-host", "var-host=${__value.text}"} }

func toProbes() link { return link{"Probes", "barograph-probes", "var-target=${__value.text}"} }
