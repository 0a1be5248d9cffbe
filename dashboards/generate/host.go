package main

func hostBoard() board {
	h := one("host")
	graph := func(title, about, unit string, queries ...query) panel {
		return panel{kind: "timeseries", title: title, about: about, w: 8, h: 8, unit: unit, least: new(0.), queries: queries}
	}
	risk := []choice{h}
	return board{
		uid: "barograph-host", title: "Barograph: host", from: "now-24h", to: "now",
		about:     "One host: what is used of it, and what is expected.",
		variables: []variable{{name: "host", label: "Host", about: "Hosts that measured their memory", metric: "memory_used_ratio", of: "host"}},
		sections: []section{
			{"What is expected", []panel{
				ratioPanel(panel{
					kind: "bargauge", title: "Probability of a breach: $host", w: 12, h: 8, fresh: "1h",
					about:   "How likely each limit on this host is to be crossed within its rule's horizon.",
					queries: []query{latestOf("barograph_breach_probability", []string{"rule", "mount"}, risk...)},
					steps:   []step{{"green", 0}, {"orange", .5}, {"red", .8}},
				}),
				{
					kind: "timeseries", title: "Time left: $host", w: 12, h: 8, unit: "s", least: new(0.),
					about: "Until a limit is expected to be crossed, the median. Points where a forecast named a time.",
					queries: []query{lineOf("barograph_eta_seconds", []string{"rule", "mount"}, h, is("quantile", "0.5")).
						looks(property{"custom.showPoints", "always"})},
				},
			}},
			{"What is used", []panel{
				ratioPanel(graph("CPU", "Share of the processors' time in use.", "", line("cpu_usage_ratio", "used", h))),
				graph("Load per CPU", "Processes that run or wait, for each processor: above 1 some wait.", "short", line("load_per_cpu_ratio", "load", h)),
				ratioPanel(graph("Memory", "Share of the memory that programs hold; what the kernel can free counts as free.", "", line("memory_used_ratio", "used", h))),
				ratioPanel(graph("Disk space", "Share of each file system in use.", "", line("disk_used_ratio", "{{mount}}", h))),
				ratioPanel(graph("Inodes", "Share of each file system's inodes in use: without one no file can be made.", "", line("disk_inodes_used_ratio", "{{mount}}", h))),
				graph("Network", "What comes in and goes out, for each interface.", "Bps",
					line("network_receive_bytes_per_second", "{{interface}} in", h), line("network_transmit_bytes_per_second", "{{interface}} out", h)),
				graph("Pending updates", "Packages for which there is a newer version.", "short", line("os_updates", "updates", h)),
			}},
		},
	}
}

// latestOf is the newest value of each chosen series, named by those of the labels
// that it has.
func latestOf(metric string, labels []string, choices ...choice) query {
	q := lineOf(metric, labels, choices...)
	q.promQL, q.instant = "last_over_time("+q.promQL+"[1h])", true
	q.flux += "\n  |> last()"
	return q
}
