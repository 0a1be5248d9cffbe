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

// defaultRules are the limits that nearly everybody has.
func defaultRules() []barograph.Rule {
	return []barograph.Rule{
		ratio(warning("Disk space", "disk_used_ratio", barograph.Above, .9, 0, 3*barograph.Day)),
		ratio(warning("Disk inodes", "disk_inodes_used_ratio", barograph.Above, .9, 0, 3*barograph.Day)),
		ratio(warning("Memory", "memory_used_ratio", barograph.Above, .95, 5*time.Minute, 6*time.Hour)),
		warning("Load per CPU", "load_per_cpu_ratio", barograph.Above, 2, 10*time.Minute, 6*time.Hour),
		warning("Pending updates", "os_updates", barograph.Above, 50, 0, barograph.Week),
		warning("Security updates pending for three days", "os_updates_security", barograph.Above, 0, 3*barograph.Day, 0),
		critical(warning("Target unreachable", "probe_success", barograph.Below, 1, 2*time.Minute, 0)),
		warning("Round-trip time", "probe_rtt_seconds", barograph.Above, .2, 5*time.Minute, barograph.Day),
		ratio(warning("Packet loss", "probe_loss_ratio", barograph.Above, .2, 5*time.Minute, barograph.Day)),
		warning("Certificate expires", "probe_certificate_expires_in_seconds", barograph.Below, (14 * barograph.Day).Seconds(), 0, barograph.Week),
	}
}

func warning(name, metric string, op barograph.Operator, limit float64, hold, horizon time.Duration) barograph.Rule {
	return barograph.Rule{
		Name: name, Series: barograph.Selector{Metric: metric}, Operator: op, Limit: limit,
		For: barograph.Duration(hold), Horizon: barograph.Duration(horizon), OpenAt: .7, CloseAt: .4,
		Severity: barograph.SeverityWarning, Enabled: true,
	}
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
