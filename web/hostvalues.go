package web

import (
	"context"
	"time"

	"github.com/barograph/barograph"
)

const (
	valuesWithin = 2*time.Hour + 10*time.Minute // what is measured once an hour is among them
	valuesStep   = 10 * time.Second
	mostOfHost   = 500 // series; of a host with more, only those of its checks are read
	longestCheck = 49 * time.Hour
)

// lastValue is what a series had last.
type lastValue struct {
	barograph.Series

	Value float64
	At    time.Time // less than a step before the sample
}

// lastValues returns what each of the series had last, within some time up to now;
// those that had nothing are left out.
func (s *Site) lastValues(ctx context.Context, which barograph.Selector, now time.Time, within, step time.Duration) ([]lastValue, error) {
	found, err := s.measuredIf(ctx, barograph.Query{
		Selector: which, From: now.Add(-within), To: now.Add(time.Millisecond), Step: step, Rollup: barograph.RollupLast,
	})
	values := make([]lastValue, 0, len(found))
	for _, series := range found {
		if n := len(series.Points); n > 0 {
			last := series.Points[n-1]
			values = append(values, lastValue{series.Series, last.Value, time.UnixMilli(last.UnixMilli)})
		}
	}
	return values, err
}

// measured is what a host measured lately, by metric.
type measured map[string][]lastValue

// first returns the one value of the metric; false if there is none.
func (m measured) first(metric string) (float64, bool) {
	if all := m[metric]; len(all) > 0 {
		return all[0].Value, true
	}
	return 0, false
}

// greatest returns the series of the metric with the greatest value; false if
// there is none.
func (m measured) greatest(metric string) (greatest lastValue, ok bool) {
	for i, v := range m[metric] {
		if i == 0 || v.Value > greatest.Value {
			greatest = v
		}
	}
	return greatest, len(m[metric]) > 0
}

// measuredOn returns the last value of each series of the host that its checks
// make, and of all others if they are not too many.
func (s *Site) measuredOn(ctx context.Context, host string, checks []barograph.Check, now time.Time) (measured, error) {
	m := measured{}
	add := func(metric string, within, step time.Duration) error {
		values, err := s.lastValues(ctx, barograph.Selector{Metric: metric, Matchers: onHost(host)}, now, within, step)
		for _, v := range values {
			m[v.Metric] = append(m[v.Metric], v)
		}
		return err
	}
	more, err := ifThere(ctx, s, func(ctx context.Context) (more bool, err error) {
		_, more, err = s.Series.Series(ctx, barograph.SeriesQuery{
			Selector: barograph.Selector{Matchers: onHost(host)}, From: now.Add(-valuesWithin), To: now.Add(time.Millisecond), Limit: mostOfHost,
		})
		return more, err
	})
	if err != nil {
		return nil, err
	}
	if !more {
		if err := add("", valuesWithin, valuesStep); err != nil {
			return nil, err
		}
	}
	for metric, interval := range metricsOf(checks) {
		within := min(2*interval+valuesWithin, longestCheck)
		if len(m[metric]) > 0 || !more && within <= 2*valuesWithin {
			continue
		}
		if err := add(metric, within, max(valuesStep, within/1000).Truncate(time.Second)); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func onHost(host string) barograph.Matchers {
	return barograph.Matchers{{Name: "host", Type: barograph.MatchEqual, Value: host}}
}

// metricsOf returns what the checks measure above all, and how often.
func metricsOf(checks []barograph.Check) map[string]time.Duration {
	metrics := map[string]time.Duration{}
	for _, c := range checks {
		metrics[mainMetric(c)] = c.Interval.Std()
		if c.Collector == barograph.CollectorOSUpdates {
			metrics["os_updates_security"], metrics["os_updates_index_age_seconds"] = c.Interval.Std(), c.Interval.Std()
		}
	}
	return metrics
}

// mainMetric returns the metric that tells most of what the check measures.
func mainMetric(c barograph.Check) string {
	switch c.Collector {
	case barograph.CollectorCPU:
		return "cpu_usage_ratio"
	case barograph.CollectorMemory:
		return "memory_used_ratio"
	case barograph.CollectorSwap:
		return "swap_used_ratio"
	case barograph.CollectorLoad:
		return "load_per_cpu_ratio"
	case barograph.CollectorDisk:
		return diskMetric
	case barograph.CollectorNetwork:
		return "network_receive_bytes_per_second"
	case barograph.CollectorUptime:
		return "uptime_seconds"
	case barograph.CollectorProcesses:
		return "processes"
	case barograph.CollectorOSUpdates:
		return "os_updates"
	}
	return c.Name
}
