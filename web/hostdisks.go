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

	soonest *barograph.Forecast // nil: no crossing is in sight
}

// diskForecast is what a rule's forecast says of a file system.
type diskForecast struct {
	barograph.Forecast

	Rule   barograph.Rule
	Limit  string
	ETA    etaWords // zero: it was refused
	Likely bool
	State  badge
}

// disksOf returns the host's file systems, the one first that is full first.
func disksOf(values measured, forecasts []barograph.Forecast, rules map[barograph.RuleID]barograph.Rule, who visitor) []diskRow {
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
				d.add(fc, rules[fc.RuleID], who)
			}
		}
		for _, rule := range rules {
			d.Watched = d.Watched || rule.Enabled && rule.Horizon > 0 && rule.Series.Matches(v.Series)
		}
		disks = append(disks, d)
	}
	slices.SortStableFunc(disks, func(a, b diskRow) int {
		if a.soonest != nil && b.soonest != nil {
			return a.soonest.ETA.Early.Compare(b.soonest.ETA.Early)
		}
		return cmp.Or(comparePresence(a.soonest != nil, b.soonest != nil), cmp.Compare(b.Share, a.Share))
	})
	return disks
}

// add adds a forecast to those of the disk. They come the most probable first.
func (d *diskRow) add(fc barograph.Forecast, rule barograph.Rule, who visitor) {
	d.Forecasts = append(d.Forecasts, diskForecast{
		fc, rule, limitOf(fc.Series.Metric, rule), who.ETA(fc.ETA), fc.Probability >= likely, forecastBadge(fc.State),
	})
	if fc.ETA != nil && fc.Probability >= likely && (d.soonest == nil || fc.ETA.Early.Before(d.soonest.ETA.Early)) {
		d.soonest = &fc
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
