package main

// subject are the labels that tell watched series apart.
func subject() []string { return []string{"rule", "metric", "host", "target", "mount", "interface"} }

// nextBoard is what to look at in the morning.
func nextBoard() board {
	risk := []choice{chosen("rule"), chosen("host")}
	return board{
		uid: "barograph-next", title: "Barograph: what breaks next", from: "now-24h", to: "now",
		about: "Limits that will be crossed, the soonest first; those that are crossed now; and how good the warnings were.",
		variables: []variable{
			ruleVariable(true),
			{name: "host", label: "Host", about: "Hosts that forecasts are made for", metric: "barograph_breach_probability", of: "host", multi: true},
			severityVariable(),
		},
		sections: []section{
			{"", append(nextStats(), nextTable(risk), panel{
				kind: "table", title: "Why", w: 24, h: 6, fresh: "15m", sortBy: "Probability", descending: true,
				about: "What was said last of each open prediction, in words.",
				table: &table{
					rows:  []string{"rule", "severity", "host", "target", "mount", "reason"},
					cells: []cell{{name: "Probability", metric: "barograph_prediction_open", choices: append(risk, chosen("severity")), window: "15m"}},
				},
				columns: []columnLook{
					{name: "Rule", wide: 200, links: []link{toForecast()}},
					{name: "Host", wide: 140, links: []link{toHost(), toForecastOf("host")}},
					{name: "Severity", wide: 90},
					{name: "Mount", wide: 90},
					{name: "Probability", unit: "percentunit", wide: 110},
				},
			})},
			{"Past and present", []panel{
				ratioPanel(panel{
					kind: "timeseries", title: "Probability of a breach", w: 12, h: 9,
					about:   "How likely each limit is to be crossed within its rule's horizon. Only what is above 5 % is drawn.",
					queries: []query{probable(risk)},
				}),
				{
					kind: "table", title: "Breaches", w: 12, h: 9, sortBy: "Lasted", descending: true,
					about: "Limits that were or are crossed in the range of time, and for how long. Of those that go on it is until now.",
					table: &table{
						rows:  []string{"rule", "severity", "host", "target", "mount"},
						cells: []cell{{name: "Lasted", metric: "barograph_breach_open_seconds", choices: append(risk, chosen("severity")), window: "$__range", highest: true}},
					},
					columns: []columnLook{
						{name: "Rule", links: []link{toForecast()}},
						{name: "Host", links: []link{toHost()}},
						{name: "Target", links: []link{toProbes()}},
						{name: "Lasted", unit: "s"},
					},
				},
			}},
			{"How good we were", []panel{scorecard()}},
		},
	}
}

func probable(choices []choice) query {
	q := lineOf("barograph_breach_probability", []string{"rule", "host", "target", "mount"}, choices...)
	q.promQL += " > 0.05"
	q.flux += "\n  |> filter(fn: (r) => r._value > 0.05)"
	return q
}

func nextStats() []panel {
	open := []step{{"green", 0}, {"orange", 1}}
	stat := panel{kind: "stat", w: 6, h: 4, fresh: "15m", unit: "short", steps: open}
	predictions, breaches, soonest, surest := stat, stat, stat, stat
	predictions.title, predictions.about = "Open predictions", "Limits that are expected to be crossed, of all rules."
	predictions.queries = []query{total("barograph_predictions_open", "", "open", "sum", chosen("severity"))}
	breaches.title, breaches.about = "Open breaches", "Limits that are crossed now, of all rules."
	breaches.steps = []step{{"green", 0}, {"red", 1}}
	breaches.queries = []query{total("barograph_breaches_open", "", "open", "sum", chosen("severity"))}
	soonest.title, soonest.about = "Soonest", "The earliest time, one in ten, at which a limit may be crossed that some forecast names."
	soonest.fresh, soonest.unit, soonest.steps = "1h", "s", []step{{"red", 0}, {"orange", 6 * 3600}, {"green", 24 * 3600}}
	soonest.queries = []query{total("barograph_eta_seconds", "", "soonest", "min", chosen("rule"), chosen("host"), is("quantile", "0.1"))}
	soonest.queries[0].promQL = `min(last_over_time(barograph_eta_seconds{quantile="0.1",rule=~"$rule",host=~"$host"}[1h]))`
	surest.title, surest.about = "Surest", "The highest probability of a breach."
	surest.fresh, surest.unit, surest.steps = "1h", "percentunit", []step{{"green", 0}, {"orange", .5}, {"red", .8}}
	surest.queries = []query{total("barograph_breach_probability", "", "surest", "max", chosen("rule"), chosen("host"))}
	surest.queries[0].promQL = `max(last_over_time(barograph_breach_probability{rule=~"$rule",host=~"$host"}[1h]))`
	return []panel{predictions, breaches, soonest, surest}
}

func nextTable(risk []choice) panel {
	eta := func(name, quantile string) cell {
		return cell{name: name, metric: "barograph_eta_seconds", choices: append([]choice{is("quantile", quantile)}, risk...), window: "1h"}
	}
	return panel{
		kind: "table", title: "Limits that will be crossed", w: 24, h: 9, fresh: "1h", sortBy: "Early",
		about: "Each series whose limit may be crossed within its rule's horizon, the soonest first. In one case of ten it comes sooner than early, in one of ten later than late.",
		table: &table{
			rows: subject(), needs: "Probability", above: .05, limits: true,
			cells: []cell{
				eta("Early", "0.1"), eta("Expected in", "0.5"), eta("Late", "0.9"),
				{name: "Probability", metric: "barograph_breach_probability", choices: risk, window: "1h"},
			},
		},
		columns: []columnLook{
			{name: "Early", unit: "s"},
			{name: "Expected in", unit: "s"},
			{name: "Late", unit: "s"},
			{name: "Probability", unit: "percentunit", gauge: true},
			{name: "Rule", links: []link{toForecast()}},
			{name: "Host", links: []link{toHost(), toForecastOf("host")}},
			{name: "Target", links: []link{toProbes(), toForecastOf("target")}},
		},
	}
}

func scorecard() panel {
	card := func(name, metric string, choices ...choice) cell {
		return cell{name: name, metric: metric, choices: append([]choice{chosen("rule")}, choices...), window: "15m"}
	}
	ended := func(name, state string) cell { return card(name, "barograph_rule_predictions", is("state", state)) }
	return panel{
		kind: "table", title: "Scorecard of 90 days", w: 24, h: 8, fresh: "15m", sortBy: "Confirmed", descending: true,
		about: "What became of the predictions of each rule. Precision: how many came true. Recall: how many breaches were foreseen. Coverage: how many came between early and late; 80 % is right. Brier score: 0 is perfect, 0.25 is guessing.",
		table: &table{
			rows: []string{"rule"},
			cells: []cell{
				card("Precision", "barograph_rule_precision_ratio"), card("Recall", "barograph_rule_recall_ratio"),
				card("Coverage", "barograph_rule_coverage_ratio"), card("Brier score", "barograph_rule_brier_score"),
				card("Lead", "barograph_rule_lead_seconds"),
				ended("Open", "open"), ended("Confirmed", "confirmed"), ended("Averted", "averted"), ended("Expired", "expired"), ended("Withdrawn", "withdrawn"),
				card("Foreseen", "barograph_rule_breaches", is("foreseen", "true")), card("Not foreseen", "barograph_rule_breaches", is("foreseen", "false")),
			},
		},
		columns: []columnLook{
			{name: "Rule", links: []link{toForecast(), {"Predictions", "barograph-predictions", "var-rule=${__value.text}"}}},
			{name: "Precision", unit: "percentunit"},
			{name: "Recall", unit: "percentunit"},
			{name: "Coverage", unit: "percentunit"},
			{name: "Brier score", unit: "short", digits: 2},
			{name: "Lead", unit: "s"},
		},
	}
}
