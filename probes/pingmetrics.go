package probes

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// pingMetrics is what Ping tells on /metrics, all with the label target:
//
//	barograph_ping_packets_{sent,received,lost,duplicated}_total
//	barograph_ping_rounds_total, barograph_ping_failed_rounds_total
//	barograph_ping_rtt_seconds                  histogram of all answers
//	barograph_ping_rtt_{average,best,worst}_seconds, barograph_ping_jitter_seconds,
//	barograph_ping_loss_ratio, barograph_ping_duplicate_ratio   of the last round
//
// A figure that the last round did not give is absent.
type pingMetrics struct {
	set     *metrics.Set
	targets []*pingTargetMetrics
}

// pingTargetMetrics are the metrics of one target.
type pingTargetMetrics struct {
	label                            string // target="…"
	sent, received, lost, duplicated *metrics.Counter
	rounds, failed                   *metrics.Counter
	rtts                             *rttHistogram

	mu    sync.Mutex
	last  Result
	known bool
}

func newPingMetrics(targets []string) *pingMetrics {
	m := &pingMetrics{set: metrics.NewSet()}
	for _, target := range targets {
		label := "target=" + quoteLabel(target)
		counter := func(name string) *metrics.Counter {
			return m.set.NewCounter(fmt.Sprintf("barograph_ping_%s_total{%s}", name, label))
		}
		m.targets = append(m.targets, &pingTargetMetrics{
			label: label,
			sent:  counter("packets_sent"), received: counter("packets_received"),
			lost: counter("packets_lost"), duplicated: counter("packets_duplicated"),
			rounds: counter("rounds"), failed: counter("failed_rounds"),
			rtts: newRTTHistogram(m.set, "barograph_ping_rtt_seconds", label),
		})
	}
	m.set.RegisterMetricsWriter(m.writeLast)
	return m
}

// record takes the result of a round of the target with that index.
func (m *pingMetrics) record(target int, r Result) {
	t := m.targets[target]
	t.sent.Add(r.Sent)
	t.received.Add(r.Received)
	t.lost.Add(r.Lost())
	t.duplicated.Add(r.Duplicates)
	t.rounds.Inc()
	if !r.Success {
		t.failed.Inc()
	}
	for _, rtt := range r.RTTs {
		t.rtts.observe(rtt)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last, t.known = r, true
}

// writeLast writes the figures of the last rounds, grouped by metric as the
// text format asks for.
func (m *pingMetrics) writeLast(w io.Writer) {
	groups := map[string][]string{}
	var order []string
	for _, t := range m.targets {
		for _, g := range t.gauges() {
			if groups[g.Metric] == nil {
				order = append(order, g.Metric)
			}
			groups[g.Metric] = append(groups[g.Metric], fmt.Sprintf("%s{%s} %v\n", g.Metric, t.label, g.Value))
		}
	}
	for _, metric := range order {
		_, _ = io.WriteString(w, strings.Join(groups[metric], "")) // to a scraper that may have gone
	}
}

func (t *pingTargetMetrics) gauges() []Measurement {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.known {
		return nil
	}
	all := []Measurement{{Metric: "barograph_ping_loss_ratio", Value: t.last.LossRatio()}}
	stats, ok := SummarizeRTTs(t.last.RTTs)
	if !ok {
		return all
	}
	all = append(
		all,
		Measurement{Metric: "barograph_ping_duplicate_ratio", Value: t.last.DuplicateRatio()},
		Measurement{Metric: "barograph_ping_rtt_average_seconds", Value: stats.Mean.Seconds()},
		Measurement{Metric: "barograph_ping_rtt_best_seconds", Value: stats.Best.Seconds()},
		Measurement{Metric: "barograph_ping_rtt_worst_seconds", Value: stats.Worst.Seconds()},
	)
	if stats.HasJitter {
		all = append(all, Measurement{Metric: "barograph_ping_jitter_seconds", Value: stats.Jitter.Seconds()})
	}
	return all
}

// rttHistogram is a Prometheus histogram of fixed buckets from 0.1 ms to 10 s.
type rttHistogram struct {
	bounds  []time.Duration
	buckets []*metrics.Counter // cumulative; one more than bounds, for +Inf
	sum     *metrics.FloatCounter
	count   *metrics.Counter
}

func newRTTHistogram(set *metrics.Set, name, label string) *rttHistogram {
	h := &rttHistogram{
		sum:   set.NewFloatCounter(name + "_sum{" + label + "}"),
		count: set.NewCounter(name + "_count{" + label + "}"),
	}
	for decade := 100 * time.Microsecond; decade <= time.Second; decade *= 10 {
		h.bounds = append(h.bounds, decade, 2*decade, 5*decade)
	}
	h.bounds = append(h.bounds, 10*time.Second)
	bucket := func(le string) {
		h.buckets = append(h.buckets, set.NewCounter(fmt.Sprintf("%s_bucket{%s,le=%q}", name, label, le)))
	}
	for _, bound := range h.bounds {
		bucket(strconv.FormatFloat(bound.Seconds(), 'g', -1, 64))
	}
	bucket("+Inf")
	return h
}

func (h *rttHistogram) observe(rtt time.Duration) {
	for i, bucket := range h.buckets {
		if i == len(h.bounds) || rtt <= h.bounds[i] {
			bucket.Inc()
		}
	}
	h.sum.Add(rtt.Seconds())
	h.count.Inc()
}

// quoteLabel returns a label's value as the text format quotes it.
func quoteLabel(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}
