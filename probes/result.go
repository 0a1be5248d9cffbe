package probes

import (
	"time"

	"github.com/barograph/barograph"
)

// Result is what one round of one target gave.
type Result struct {
	Success bool
	// Unable says that the round could not be made for a reason on our side,
	// given in Error. Such a round says nothing about the target.
	Unable     bool
	Error      string // why it failed, for people; "" on success
	Address    string // the IP address that was probed, if known
	Packets    int    // that the round was to send
	Sent       int    // that were sent
	Received   int    // answers in time, duplicates left out
	Duplicates int    // further answers to a packet that had one
	// RTTs are the round trip times of the answers in the order of sending. A
	// round trip is the exchange itself: an echo, a TCP connection, a DNS
	// query, a TLS connection with its handshake, an HTTP request from the
	// connection to the last byte. Looking up the name is left out.
	RTTs  []time.Duration
	Extra []Measurement
}

// Measurement is a further figure of a round, for a series of its own.
type Measurement struct {
	Metric string
	Label  barograph.Label // zero: none
	Value  float64
}

// Lost returns how many packets of the round had no answer in time, those that
// could not even be sent included.
func (r Result) Lost() int { return max(0, r.Packets-r.Received) }

// LossRatio returns the share of lost packets, from 0 to 1.
func (r Result) LossRatio() float64 {
	if !r.Success || r.Packets == 0 {
		return 1
	}
	return float64(r.Lost()) / float64(r.Packets)
}

// DuplicateRatio returns the duplicates per answered packet, 0 without answers.
func (r Result) DuplicateRatio() float64 {
	if r.Received == 0 {
		return 0
	}
	return float64(r.Duplicates) / float64(r.Received)
}

// Samples returns the round's samples at the given time: success and loss
// always; of a successful round its round trip times; of icmp also best,
// worst, jitter and duplicates; then the extra measurements. They carry the
// target's labels and the labels target and kind. A round that could not be
// made has none.
func (r Result) Samples(target barograph.Target, at time.Time) []barograph.Sample {
	if r.Unable {
		return nil
	}
	b := sampleBuilder{
		labels:    target.Labels.Merge(barograph.Labels{{Name: "kind", Value: string(target.Kind)}, {Name: "target", Value: target.Name}}),
		unixMilli: at.UnixMilli(),
		samples:   make([]barograph.Sample, 0, 7+len(r.Extra)),
	}
	success := 0.0
	if r.Success {
		success = 1
	}
	b.add("probe_success", success)
	b.add("probe_loss_ratio", r.LossRatio())
	if r.Success {
		b.addRTT(r, target.Kind == barograph.ProbeICMP)
	}
	for _, m := range r.Extra {
		b.addLabelled(m)
	}
	return b.samples
}

type sampleBuilder struct {
	labels    barograph.Labels // shared by the samples: labels are immutable
	unixMilli int64
	samples   []barograph.Sample
}

func (b *sampleBuilder) addRTT(r Result, severalPackets bool) {
	s, ok := SummarizeRTTs(r.RTTs)
	if !ok {
		return
	}
	b.add("probe_rtt_seconds", s.Mean.Seconds())
	if !severalPackets {
		return
	}
	b.add("probe_rtt_best_seconds", s.Best.Seconds())
	b.add("probe_rtt_worst_seconds", s.Worst.Seconds())
	if s.HasJitter {
		b.add("probe_jitter_seconds", s.Jitter.Seconds())
	}
	b.add("probe_duplicate_ratio", r.DuplicateRatio())
}

func (b *sampleBuilder) add(metric string, value float64) {
	b.samples = append(b.samples, barograph.Sample{
		Series:    barograph.Series{Metric: metric, Labels: b.labels},
		UnixMilli: b.unixMilli,
		Value:     value,
	})
}

func (b *sampleBuilder) addLabelled(m Measurement) {
	b.add(m.Metric, m.Value)
	if m.Label.Name != "" {
		last := &b.samples[len(b.samples)-1].Series
		last.Labels = last.Labels.With(m.Label.Name, m.Label.Value)
	}
}

// RTTStats sums up the round trip times of a round.
type RTTStats struct {
	Mean, Best, Worst time.Duration
	// Jitter is the mean absolute difference of consecutive round trip times
	// in the order of sending, lost packets skipped. It is the quantity that
	// RFC 3550, section 6.4.1, smooths, averaged over the round instead.
	Jitter    time.Duration
	HasJitter bool // at least two packets were answered
}

// SummarizeRTTs sums up round trip times in the order of sending; ok is false
// if there are none.
func SummarizeRTTs(rtts []time.Duration) (stats RTTStats, ok bool) {
	if len(rtts) == 0 {
		return RTTStats{}, false
	}
	s := RTTStats{Best: rtts[0], Worst: rtts[0], HasJitter: len(rtts) > 1}
	var sum, differences time.Duration
	for i, rtt := range rtts {
		s.Best, s.Worst = min(s.Best, rtt), max(s.Worst, rtt)
		sum += rtt
		if i > 0 {
			differences += (rtt - rtts[i-1]).Abs()
		}
	}
	s.Mean = sum / time.Duration(len(rtts))
	if s.HasJitter {
		s.Jitter = differences / time.Duration(len(rtts)-1)
	}
	return s, true
}
