package probes_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/probes"
)

func TestSummarizeRTTs(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name string
		rtts []time.Duration
		want probes.RTTStats
		ok   bool
	}{
		{name: "none"},
		{
			name: "one has no jitter", rtts: []time.Duration{3 * ms}, ok: true,
			want: probes.RTTStats{Mean: 3 * ms, Best: 3 * ms, Worst: 3 * ms},
		},
		{
			name: "jitter is of consecutive ones, not the spread", rtts: []time.Duration{10 * ms, 24 * ms, 22 * ms, 20 * ms}, ok: true,
			want: probes.RTTStats{Mean: 19 * ms, Best: 10 * ms, Worst: 24 * ms, Jitter: (14 + 2 + 2) * ms / 3, HasJitter: true},
		},
		{
			name: "steady", rtts: []time.Duration{5 * ms, 5 * ms}, ok: true,
			want: probes.RTTStats{Mean: 5 * ms, Best: 5 * ms, Worst: 5 * ms, HasJitter: true},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := probes.SummarizeRTTs(tt.rtts)
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok {
				t.Errorf("ok = %v, want %v; (-want +got)\n%s", ok, tt.ok, diff)
			}
		})
	}
}

func TestResultSamples(t *testing.T) {
	icmp := newTarget(barograph.ProbeICMP, "192.0.2.1")
	icmp.Labels = barograph.NewLabels(map[string]string{"site": "berlin"})
	web := newTarget(barograph.ProbeHTTP, "https://example.com/")
	status := probes.Measurement{Metric: "probe_http_status_code", Value: 503}
	phase := probes.Measurement{Metric: "probe_duration_seconds", Label: barograph.Label{Name: "phase", Value: "tls"}, Value: 0.25}
	for _, tt := range []struct {
		name   string
		target barograph.Target
		result probes.Result
		want   []string
	}{
		{
			name: "icmp with a lost and a duplicated packet", target: icmp,
			result: probes.Result{
				Success: true, Packets: 4, Sent: 4, Received: 3, Duplicates: 1,
				RTTs: []time.Duration{time.Second, 3 * time.Second, 2 * time.Second},
			},
			want: []string{
				`probe_success{kind="icmp",site="berlin",target="the target"} 1`,
				`probe_loss_ratio{kind="icmp",site="berlin",target="the target"} 0.25`,
				`probe_rtt_seconds{kind="icmp",site="berlin",target="the target"} 2`,
				`probe_rtt_best_seconds{kind="icmp",site="berlin",target="the target"} 1`,
				`probe_rtt_worst_seconds{kind="icmp",site="berlin",target="the target"} 3`,
				`probe_jitter_seconds{kind="icmp",site="berlin",target="the target"} 1.5`,
				`probe_duplicate_ratio{kind="icmp",site="berlin",target="the target"} 0.3333333333333333`,
			},
		},
		{
			name: "icmp without a reply", target: icmp,
			result: probes.Result{Packets: 4, Sent: 4, Error: "no reply"},
			want: []string{
				`probe_success{kind="icmp",site="berlin",target="the target"} 0`,
				`probe_loss_ratio{kind="icmp",site="berlin",target="the target"} 1`,
			},
		},
		{
			name: "http that failed keeps what it measured", target: web,
			result: probes.Result{Packets: 1, Sent: 1, Error: "status 503", Extra: []probes.Measurement{phase, status}},
			want: []string{
				`probe_success{kind="http",target="the target"} 0`,
				`probe_loss_ratio{kind="http",target="the target"} 1`,
				`probe_duration_seconds{kind="http",phase="tls",target="the target"} 0.25`,
				`probe_http_status_code{kind="http",target="the target"} 503`,
			},
		},
		{name: "a round that could not be made says nothing", target: icmp, result: probes.Result{Unable: true, Packets: 4}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at := time.UnixMilli(1_700_000_000_123)
			var got []string
			for _, s := range tt.result.Samples(tt.target, at) {
				if err := s.Validate(); err != nil {
					t.Errorf("invalid sample: %s", err)
				}
				if !s.Time().Equal(at) {
					t.Errorf("%s is of %s, want %s", s.Series, s.Time(), at)
				}
				got = append(got, fmt.Sprintf("%s %v", s.Series, s.Value))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestLossRatio(t *testing.T) {
	for _, tt := range []struct {
		name   string
		result probes.Result
		want   float64
	}{
		{"nothing was sent", probes.Result{}, 1},
		{"no answer", probes.Result{Packets: 4, Sent: 4}, 1},
		{"an answer that is a failure", probes.Result{Packets: 1, Sent: 1, Received: 1}, 1},
		{"half", probes.Result{Success: true, Packets: 4, Sent: 4, Received: 2}, 0.5},
		{"one could not be sent", probes.Result{Success: true, Packets: 4, Sent: 3, Received: 3}, 0.25},
		{"all", probes.Result{Success: true, Packets: 4, Sent: 4, Received: 4}, 0},
	} {
		if got := tt.result.LossRatio(); got != tt.want {
			t.Errorf("%s: loss ratio %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestPlausible(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct{ stamped, elapsed, want time.Duration }{
		{5 * ms, 5100 * time.Microsecond, 5 * ms},
		{-time.Hour, 5 * ms, 5 * ms},
		{time.Hour, 5 * ms, 5 * ms},
		{0, 5 * ms, 5 * ms},
	} {
		if got := probes.Plausible(tt.stamped, tt.elapsed); got != tt.want {
			t.Errorf("Plausible(%s, %s) = %s, want %s", tt.stamped, tt.elapsed, got, tt.want)
		}
	}
}

func TestPhaseIsUniform(t *testing.T) {
	const targets, parts = 40_000, 20 // by chance alone none is off by a fifth
	var counts [parts]int
	now := time.Unix(1_700_000_000, 0)
	for range targets {
		id := barograph.TargetID(barograph.NewID("tgt", now.Add(time.Duration(rand.IntN(1000))*time.Millisecond)))
		p := probes.Phase(id, time.Minute)
		if p < 0 || p >= time.Minute {
			t.Fatalf("phase %s is outside the interval", p)
		}
		counts[p*parts/time.Minute]++
	}
	for i, n := range counts {
		if n < targets/parts*8/10 || n > targets/parts*12/10 {
			t.Errorf("part %d of the interval has %d of %d targets, want about %d", i, n, targets, targets/parts)
		}
	}
}
