package web

import (
	"cmp"
	"slices"

	"github.com/barograph/barograph"
)

// diskRow is one file system of a host.
type diskRow struct {
	Mount  string
	Used   string
	Share  float64
	Free   string // "": not known
	Inodes string // used; "": not known
	// Forecasts are what is said of it, by rule, the soonest first.
	Forecasts []diskForecast
	Watched   bool // a rule looks at it, which has said nothing yet if there is no forecast
	MakeRule  string

	soonest *barograph.ETA // nil: no crossing is in sight
}

// diskForecast is what a rule's forecast says of a file system.
type diskForecast struct {
	outlook

	RuleName, RulePath string
	Limit              string
}

// disksOf returns the host's file systems, the one first that is full first.
func disksOf(values measured, forecasts []barograph.Forecast, rules map[barograph.RuleID]barograph.Rule, open openNow, who visitor) []diskRow {
	inodes, free := byMount(values["disk_inodes_used_ratio"]), byMount(values["disk_free_bytes"])
	disks := make([]diskRow, 0, len(values[diskMetric]))
	for _, v := range values[diskMetric] {
		mount := v.Labels.Get("mount")
		d := diskRow{Mount: mount, Used: barograph.Reading(diskMetric, v.Value), Share: v.Value, MakeRule: makeRule(v.Series)}
		if f, known := free[mount]; known {
			d.Free = barograph.Reading("disk_free_bytes", f)
		}
		if f, known := inodes[mount]; known {
			d.Inodes = barograph.Reading("disk_inodes_used_ratio", f)
		}
		for _, fc := range forecasts {
			if aboutDisk(fc.Series, mount) {
				d.add(who.outlook(fc, rules[fc.RuleID], open), fc, rules[fc.RuleID])
			}
		}
		for _, rule := range rules {
			d.Watched = d.Watched || rule.Enabled && rule.Horizon > 0 && rule.Series.Matches(v.Series)
		}
		disks = append(disks, d)
	}
	slices.SortStableFunc(disks, func(a, b diskRow) int {
		if a.soonest != nil && b.soonest != nil {
			return a.soonest.Early.Compare(b.soonest.Early)
		}
		return cmp.Or(comparePresence(a.soonest != nil, b.soonest != nil), cmp.Compare(b.Share, a.Share))
	})
	return disks
}

// add adds what is said of the disk. It comes the most probable first.
func (d *diskRow) add(o outlook, fc barograph.Forecast, rule barograph.Rule) {
	d.Forecasts = append(d.Forecasts, diskForecast{o, rule.Name, "/rules/" + string(rule.ID), limitOf(fc.Series.Metric, rule)})
	if o.eta != nil && o.Likely && (d.soonest == nil || o.eta.Early.Before(d.soonest.Early)) {
		d.soonest = o.eta
	}
}

// aboutDisk reports whether the series tells of how full the file system is.
func aboutDisk(series barograph.Series, mount string) bool {
	switch series.Metric {
	case diskMetric, "disk_free_bytes", "disk_inodes_used_ratio":
		return series.Labels.Get("mount") == mount
	}
	return false
}

func byMount(values []lastValue) map[string]float64 {
	m := make(map[string]float64, len(values))
	for _, v := range values {
		m[v.Labels.Get("mount")] = v.Value
	}
	return m
}
