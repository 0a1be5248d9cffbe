package main

// selfBoard is the service itself.
func selfBoard() board {
	server := chosen("server")
	graph := func(title, about, unit string, queries ...query) panel {
		return panel{kind: "timeseries", title: title, about: about, w: 8, h: 8, unit: unit, least: new(0.), queries: queries}
	}
	stations := panel{
		kind: "state-timeline", title: "Stations", w: 24, h: 10, unit: "bool_yes_no", steps: []step{{"red", 0}, {"green", 1}}, rowHeight: .8,
		about:   "Whether each part of each server works, as /readyz says it.",
		queries: []query{line("barograph_station_healthy", "{{station}} {{server}}", server)},
	}
	stations.queries[0].flux = from("barograph_station_healthy", server) + "\n  |> aggregateWindow(every: v.windowPeriod, fn: min, createEmpty: false)"
	return board{
		uid: "barograph-self", title: "Barograph: itself", from: "now-24h", to: "now",
		about:     "How the service fares: what comes in, what is stored, what is forecast, and what it takes.",
		variables: []variable{serverVariable(), windowVariable()},
		sections: []section{
			{"", []panel{stations}},
			{"Samples", []panel{
				graph("Taken in", "Samples in a second, from agents, programs and remote write, and from probes.", "cps",
					rate("barograph_ingest_samples_total", "{{server}} ingest", server), rate("barograph_probe_samples_written_total", "{{server}} probes", server)),
				graph("Stored", "Samples in a second that the series store took.", "cps", rate("barograph_stored_samples_total", "{{server}}", server)),
				graph("Refused", "Samples in a second that were wrong when they came in, or that the series store refused.", "cps",
					rate("barograph_ingest_samples_rejected_total", "{{server}} ingest", server), rate("barograph_store_refused_samples_total", "{{server}} store", server)),
				graph("Spool", "What waits on disk for a series store that is away. The embedded store needs none.", "bytes", line("barograph_spool_bytes", "{{server}}", server)),
			}},
			{"Forecasts", []panel{
				graph("Made and refused", "Forecasts in a second, by what came of them: all but forecast say that there is nothing to say, and why.", "cps",
					rate("barograph_forecasts_total", "{{state}}", server)),
				graph("Duration", "How long a forecast takes, the mean.", "s", meanTime("barograph_forecast_seconds", "{{server}}", server)),
				graph("Series", "Series under rules.", "short", line("barograph_forecast_series", "{{server}}", server)),
			}},
			{"Bus and database", []panel{
				graph("Events published", "Events in a second, and those that the bus did not take.", "cps",
					rate("barograph_bus_published_total", "{{server}}", server), rate("barograph_bus_publish_errors_total", "{{server}} failed", server)),
				graph("Database writes", "How long a write takes, the mean.", "s", meanTime("barograph_configdb_write_duration_seconds", "{{server}}", server)),
				graph("Database errors", "Writes in a second that failed.", "cps", rate("barograph_configdb_write_errors_total", "{{server}}", server)),
			}},
			{"What it takes", []panel{
				graph("Memory", "Resident memory of the process; mapped files count.", "bytes", line("barograph_process_memory_bytes", "{{server}}", server)),
				graph("CPU", "Processors in use.", "short", rate("barograph_process_cpu_seconds_total", "{{server}}", server)),
				graph("Goroutines", "Threads of control in the process.", "short", line("barograph_process_goroutines", "{{server}}", server)),
			}},
		},
	}
}
