package main

func probesBoard() board {
	target := chosen("target")
	graph := func(title, about, unit string, w int, queries ...query) panel {
		return panel{kind: "timeseries", title: title, about: about, w: w, h: 8, unit: unit, least: new(0.), queries: queries}
	}
	column := func(name, metric string) cell {
		return cell{name: name, metric: metric, choices: []choice{target}, window: "15m"}
	}
	loss := []step{{"green", 0}, {"yellow", .01}, {"orange", .1}, {"red", .5}}
	band := graph("Round trip: $target", "The mean round-trip time of each round, and the band from the best packet to the worst.", "s", 8,
		line("probe_rtt_best_seconds", "best", target).looks(colour("light-blue"), property{"custom.lineWidth", 0}),
		line("probe_rtt_worst_seconds", "worst", target).looks(colour("light-blue"), property{"custom.lineWidth", 0},
			property{"custom.fillBelowTo", "best"}, property{"custom.fillOpacity", 25}),
		line("probe_rtt_seconds", "mean", target).looks(colour("blue"), property{"custom.lineWidth", 2}),
	)
	band.repeat, band.h = "target", 7
	return board{
		uid: "barograph-probes", title: "Barograph: probes", from: "now-6h", to: "now",
		about:     "What is pinged and asked: all of it in one table and one picture, and each target by itself.",
		variables: []variable{{name: "target", label: "Target", about: "Targets that were probed", metric: "probe_success", of: "target", multi: true}},
		sections: []section{
			{"All", []panel{
				{
					kind: "table", title: "Now", w: 24, h: 9, fresh: "15m", sortBy: "Loss", descending: true,
					about: "The newest round of each target; the one that loses most is the first.",
					table: &table{rows: []string{"target", "kind"}, cells: []cell{
						column("Up", "probe_success"), column("Loss", "probe_loss_ratio"), column("Best", "probe_rtt_best_seconds"), column("Mean", "probe_rtt_seconds"),
						column("Worst", "probe_rtt_worst_seconds"), column("Jitter", "probe_jitter_seconds"), column("Duplicates", "probe_duplicate_ratio"),
					}},
					columns: []columnLook{
						{name: "Target", links: []link{toProbes()}},
						{name: "Up", unit: "bool_yes_no"},
						{name: "Loss", unit: "percentunit", digits: 1, gauge: true},
						{name: "Best", unit: "s", digits: 1},
						{name: "Mean", unit: "s", digits: 1},
						{name: "Worst", unit: "s", digits: 1},
						{name: "Jitter", unit: "s", digits: 1},
						{name: "Duplicates", unit: "percentunit", digits: 1},
					},
				},
				{
					kind: "state-timeline", title: "Loss", w: 24, h: 10, unit: "percentunit", steps: loss, rowHeight: .85,
					about:   "A line for each target: green where everything came back, red where half of it was lost.",
					queries: []query{line("probe_loss_ratio", "{{target}}", target)},
				},
				graph("Jitter", "How much the round-trip time differs from one packet to the next.", "s", 12, line("probe_jitter_seconds", "{{target}}", target)),
				graph("Duplicates", "Share of packets that were answered more than once.", "percentunit", 12, line("probe_duplicate_ratio", "{{target}}", target)),
			}},
			{"Each", []panel{band}},
		},
	}
}
