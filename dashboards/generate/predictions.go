package main

// predictionsBoard is whether one can trust the warnings, and whether they arrive.
func predictionsBoard() board {
	rule := chosen("rule")
	graph := func(title, about, unit string, queries ...query) panel {
		return panel{kind: "timeseries", title: title, about: about, w: 12, h: 8, unit: unit, least: new(0.), queries: queries}
	}
	outcome := func(title, about, state, colour string) panel {
		return panel{
			kind: "stat", title: title, about: about, w: 4, h: 4, unit: "short", fresh: "15m", steps: []step{{colour, 0}},
			queries: []query{total("barograph_rule_predictions", "", state, "sum", rule, is("state", state))},
		}
	}
	breaches := func(title, about, foreseen string) panel {
		return panel{
			kind: "stat", title: title, about: about, w: 4, h: 4, unit: "short", fresh: "15m", steps: []step{{"blue", 0}},
			queries: []query{total("barograph_rule_breaches", "", title, "sum", rule, is("foreseen", foreseen))},
		}
	}
	health := panel{
		kind: "state-timeline", title: "Health of endpoints", w: 24, h: 7, steps: []step{{"red", 0}, {"orange", 1}, {"green", 2}}, rowHeight: .8, unit: "short",
		about:   "A line for each endpoint: well, failing since the last try, or disabled.",
		queries: []query{line("barograph_endpoint_health", "{{subscription}} {{kind}} {{endpoint}}")},
		mappings: []any{map[string]any{"type": "value", "options": map[string]any{
			"0": map[string]any{"text": "disabled", "color": "red", "index": 0},
			"1": map[string]any{"text": "failing", "color": "orange", "index": 1},
			"2": map[string]any{"text": "well", "color": "green", "index": 2},
		}}},
	}
	health.queries[0].flux = from("barograph_endpoint_health") + "\n  |> aggregateWindow(every: v.windowPeriod, fn: min, createEmpty: false)"
	server := chosen("server")
	rising := []step{{"green", 0}, {"orange", 1}}
	waiting := panel{
		kind: "stat", title: "Waiting", w: 6, h: 8, unit: "short", fresh: "15m", steps: rising, about: "Deliveries that are due or held back.",
		queries: []query{total("barograph_endpoint_queue_deliveries", "state", "{{state}}", "sum")},
	}
	return board{
		uid: "barograph-predictions", title: "Barograph: predictions and deliveries", from: "now-24h", to: "now",
		about:     "What became of predictions, how good they were, and whether they reach those who should know.",
		variables: []variable{ruleVariable(true), serverVariable(), windowVariable()},
		sections: []section{
			{"The last 90 days", []panel{
				outcome("Confirmed", "The breach came.", "confirmed", "green"),
				outcome("Averted", "The danger went away, most often as somebody acted.", "averted", "blue"),
				outcome("Expired", "The announced time passed without a breach: a false alarm.", "expired", "orange"),
				outcome("Withdrawn", "It can't be judged: the rule was changed, or the series is gone.", "withdrawn", "text"),
				breaches("Foreseen", "Breaches that were predicted.", "true"),
				breaches("Not foreseen", "Breaches that came unannounced.", "false"),
				scorecard(),
				ratioPanel(graph("Hits", "Precision: the share of predictions that came true. Recall: the share of breaches that were foreseen.", "",
					line("barograph_rule_precision_ratio", "{{rule}} precision", rule), line("barograph_rule_recall_ratio", "{{rule}} recall", rule).looks(dashed()))),
				graph("Lead time", "How long before the breach it was predicted, the median.", "s", line("barograph_rule_lead_seconds", "{{rule}}", rule)),
			}},
			{"Deliveries", []panel{
				health,
				graph("Tries by outcome", "In a second. What fails for a while is tried again: temporary.", "cps",
					rate("barograph_delivery_attempts_total", "{{outcome}}", server)),
				graph("Deliveries by how they ended", "In a second: delivered; exhausted, as every try failed; expired; superseded by later news; silenced.", "cps",
					rate("barograph_deliveries_ended_total", "{{state}}", server)),
				graph("Failures in a row", "Tries to an endpoint since the last that succeeded.", "short", line("barograph_endpoint_failures", "{{subscription}} {{kind}}")),
				waiting,
				{
					kind: "stat", title: "Oldest event", w: 6, h: 8, unit: "s", fresh: "15m", steps: []step{{"green", 0}, {"orange", 30}, {"red", 300}},
					about:   "How long the oldest event waits that is not on the bus yet.",
					queries: []query{total("barograph_relay_oldest_waiting_seconds", "", "waits", "max", server)},
				},
			}},
		},
	}
}
