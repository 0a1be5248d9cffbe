package app

import (
	"time"

	"github.com/barograph/barograph"
)

// defaultChecks are what every host measures from the first start on.
func defaultChecks() []barograph.Check {
	every := func(c barograph.CollectorName, interval, timeout time.Duration) barograph.Check {
		return barograph.Check{
			Name: string(c), Collector: c, Interval: barograph.Duration(interval), Timeout: barograph.Duration(timeout), Enabled: true,
		}
	}
	const minute = time.Minute
	return []barograph.Check{
		every(barograph.CollectorCPU, minute, 10*time.Second),
		every(barograph.CollectorMemory, minute, 10*time.Second),
		every(barograph.CollectorSwap, minute, 10*time.Second),
		every(barograph.CollectorLoad, minute, 10*time.Second),
		every(barograph.CollectorDisk, minute, 30*time.Second),
		every(barograph.CollectorNetwork, minute, 10*time.Second),
		every(barograph.CollectorUptime, minute, 10*time.Second),
		every(barograph.CollectorProcesses, minute, 10*time.Second),
		every(barograph.CollectorOSUpdates, time.Hour, 2*time.Minute),
	}
}

// defaultTargets is the machine itself: a ping that shows that pinging works.
func defaultTargets() []barograph.Target {
	return []barograph.Target{{
		Name: "localhost", Kind: barograph.ProbeICMP, Address: "127.0.0.1", Enabled: true, Count: 4,
		Interval: barograph.Duration(30 * time.Second), Timeout: barograph.Duration(5 * time.Second),
	}}
}

// defaultRules are limits that nearly everybody has, and that an ordinary
// machine breaks only when somebody should look: what comes and goes within
// minutes, as load does, must last, and what differs between places, as the
// round-trip time, leaves room for the farther ones.
func defaultRules() []barograph.Rule {
	return []barograph.Rule{
		ratio(warning("Disk space", "disk_used_ratio", barograph.Above, .9, 5*time.Minute, 3*barograph.Day)),
		ratio(warning("Disk inodes", "disk_inodes_used_ratio", barograph.Above, .9, 5*time.Minute, 3*barograph.Day)),
		ratio(warning("Memory", "memory_used_ratio", barograph.Above, .95, 10*time.Minute, 6*time.Hour)),
		warning("Load per CPU", "load_per_cpu_ratio", barograph.Above, 3, 15*time.Minute, 6*time.Hour),

		// Whoever applies updates every night has dozens in the evening after a release.
		info(warning("Pending updates", "os_updates", barograph.Above, 50, barograph.Day, barograph.Week)),
		warning("Security updates pending for three days", "os_updates_security", barograph.Above, 0, 3*barograph.Day, 0),
		// A machine that never asks what is new has no pending updates, and seems well.
		info(warning("Update index out of date", "os_updates_index_age_seconds", barograph.Above, barograph.Week.Seconds(), 6*time.Hour, 0)),

		critical(warning("Target unreachable", "probe_success", barograph.Below, 1, 2*time.Minute, 0)),
		// Only pings: the other probes measure the work of a service besides the way,
		// and lose everything or nothing.
		pings(warning("Round-trip time", "probe_rtt_seconds", barograph.Above, .4, 10*time.Minute, barograph.Day)),
		ratio(pings(warning("Packet loss", "probe_loss_ratio", barograph.Above, .2, 5*time.Minute, barograph.Day))),
		// Renewal comes 30 days ahead for certificates of 90 days, 15 for those of
		// 45: whoever has less than 12 left has missed it.
		warning("Certificate expires", "probe_certificate_expires_in_seconds", barograph.Below, barograph.Week.Seconds(), 5*time.Minute, 5*barograph.Day),
	}
}

func warning(name, metric string, op barograph.Operator, limit float64, hold, horizon time.Duration) barograph.Rule {
	return barograph.Rule{
		Name: name, Series: barograph.Selector{Metric: metric}, Operator: op, Limit: limit,
		For: barograph.Duration(hold), Horizon: barograph.Duration(horizon), OpenAt: .7, CloseAt: .4,
		Severity: barograph.SeverityWarning, Enabled: true,
	}
}

func info(r barograph.Rule) barograph.Rule {
	r.Severity = barograph.SeverityInfo
	return r
}

func critical(r barograph.Rule) barograph.Rule {
	r.Severity = barograph.SeverityCritical
	return r
}

// ratio says of a rule that its series lie between 0 and 1.
func ratio(r barograph.Rule) barograph.Rule {
	least, most := 0.0, 1.0
	r.Bounds = &barograph.Bounds{Min: &least, Max: &most}
	return r
}

// pings has a rule judge targets of kind icmp alone.
func pings(r barograph.Rule) barograph.Rule {
	r.Series.Matchers = barograph.Matchers{{Name: "kind", Type: barograph.MatchEqual, Value: string(barograph.ProbeICMP)}}
	return r
}
