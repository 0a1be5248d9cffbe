package main

import "fmt"

// forecastBoard is one rule on one host or target, beyond now.
func forecastBoard() board {
	subject := []choice{one("rule"), one("host"), one("target")}
	within := func(name, label, about string) variable {
		return variable{name: name, label: label, about: about, metric: "barograph_breach_probability", of: name, within: "rule"}
	}
	rule := ruleVariable(false)
	rule.first = "Disk space"
	metric := within("metric", "Metric", "The rule's metric")
	metric.hidden = true
	return board{
		uid: "barograph-forecast", title: "Barograph: forecast", from: "now-4d", to: "now+3d",
		about: "The past of a series and its course ahead, with the band that holds nineteen cases of twenty, up to the limit.",
		variables: []variable{
			rule, within("host", "Host", "Hosts that the rule watches; none if it watches targets"),
			within("target", "Target", "Targets that the rule watches; none if it watches hosts"), metric,
		},
		sections: []section{{"", append(forecastStats(subject), curvePanel(subject), panel{
			kind: "table", title: "Why", w: 24, h: 5, fresh: "15m", sortBy: "Probability", descending: true,
			about: "What was said last of the rule's open predictions, in words.",
			table: &table{
				rows:  []string{"host", "target", "mount", "reason"},
				cells: []cell{{name: "Probability", metric: "barograph_prediction_open", choices: []choice{one("rule")}, window: "15m"}},
			},
			columns: []columnLook{
				{name: "Host", wide: 140, links: []link{toHost()}},
				{name: "Target", wide: 140, links: []link{toProbes()}},
				{name: "Mount", wide: 90},
				{name: "Probability", unit: "percentunit", wide: 110},
			},
		},
			ratioPanel(panel{
				kind: "timeseries", title: "Probability of a breach", w: 12, h: 8,
				about:   "How likely the limit was to be crossed, as it was said at each time.",
				queries: []query{lineOf("barograph_breach_probability", []string{"host", "target", "mount"}, subject...)},
			}),
			panel{
				kind: "timeseries", title: "Time left", w: 12, h: 8, unit: "s", least: new(0.),
				about: "Until the limit is expected to be crossed, as it was said at each time: early, the median, and late.",
				queries: []query{
					line("barograph_eta_seconds", "early", append(subject, is("quantile", "0.1"))...).looks(dashed()),
					line("barograph_eta_seconds", "median", append(subject, is("quantile", "0.5"))...).looks(property{"custom.lineWidth", 2}),
					line("barograph_eta_seconds", "late", append(subject, is("quantile", "0.9"))...).looks(dashed()),
				},
			},
		)}},
	}
}

// forecastStats are numbers of now, though the dashboard's range ends later.
func forecastStats(subject []choice) []panel {
	stat := func(title, about, unit, metric, function string, choices ...choice) panel {
		choices = append(append([]choice{}, subject...), choices...)
		q := total(metric, "", title, function, choices...)
		q.promQL = fmt.Sprintf("%s(last_over_time(%s[1h]))", function, series(metric, choices...))
		return panel{kind: "stat", title: title, about: about, w: 6, h: 4, unit: unit, fresh: "1h", queries: []query{q}}
	}
	surest := stat("Probability", "That the limit is crossed within the rule's horizon; of several series the highest.", "percentunit", "barograph_breach_probability", "max")
	surest.steps = []step{{"green", 0}, {"orange", .5}, {"red", .8}}
	return []panel{
		surest,
		stat("Early", "In one case of ten the limit is crossed sooner than that.", "s", "barograph_eta_seconds", "min", is("quantile", "0.1")),
		stat("Expected in", "In half of the cases the limit is crossed by then.", "s", "barograph_eta_seconds", "min", is("quantile", "0.5")),
		stat("Late", "In one case of ten the limit is crossed later than that.", "s", "barograph_eta_seconds", "min", is("quantile", "0.9")),
	}
}

// curvePanel is the picture that all is about.
func curvePanel(subject []choice) panel {
	ahead := func(name, quantile string, look ...property) query {
		q := line("barograph_forecast", name, append(append([]choice{}, subject...), is("quantile", quantile))...).looks(look...)
		q.flux += "\n  |> filter(fn: (r) => r._time >= now())" // what was expected earlier is still there
		return q
	}
	past := query{
		promQL: series("", append([]choice{{label: "__name__", variable: "metric"}}, subject[1:]...)...), name: "{{mount}} measured",
		flux: from("${metric:doublequote}", subject[1:]...) + "\n  |> aggregateWindow(every: v.windowPeriod, fn: mean, createEmpty: false)",
	}
	limit := query{
		promQL: `max(last_over_time(barograph_rule_limit{rule="$rule"}[8d]))`, name: "limit",
		flux: fmt.Sprintf(`limit = %s
  |> last()
  |> group()
  |> last()

union(tables: [
  limit |> map(fn: (r) => ({_time: v.timeRangeStart, _value: r._value})),
  limit |> map(fn: (r) => ({_time: v.timeRangeStop, _value: r._value})),
])`, from("barograph_rule_limit", one("rule"))),
	}
	return panel{
		kind: "timeseries", title: "$rule: $host $target", w: 24, h: 13, unit: "short",
		about: "What was measured, and from now on its expected course with the band that holds nineteen cases of twenty; the dashed line is the limit.",
		queries: []query{
			past.looks(colour("blue"), property{"custom.lineWidth", 2}),
			ahead("lower", "0.025", colour("light-orange"), property{"custom.lineWidth", 0}),
			ahead("upper", "0.975", colour("light-orange"), property{"custom.lineWidth", 0},
				property{"custom.fillBelowTo", "lower"}, property{"custom.fillOpacity", 25}),
			ahead("expected", "0.5", colour("orange"), property{"custom.lineWidth", 2}),
			limit.looks(colour("red"), dashed()),
		},
	}
}
