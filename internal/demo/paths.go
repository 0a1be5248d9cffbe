package demo

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/barograph/barograph"
)

// simPath is a simulated target that is pinged.
type simPath struct {
	name   string
	rtt    float64 // seconds, on a quiet day
	spread float64 // of a round's times, as a share of rtt
	loss   float64 // how many rounds of a hundred lose an answer
}

// newPaths returns the targets of the demo: all within the limits that rules set.
func newPaths() []simPath {
	return []simPath{
		{"gateway", .0006, .3, 0},
		{"office-berlin", .011, .2, .5},
		{"office-lisbon", .043, .15, 1},
		{"datacentre-2", .0021, .1, 0},
		{"resolver", .0084, .25, .2},
		{"mobile-uplink", .062, .6, 4},
	}
}

// answersAsked is how many packets one round sends.
const answersAsked = 20

// measure returns the samples of one round; the same moment always gives the same.
func (p simPath) measure(at time.Time, hour float64) []barograph.Sample {
	rnd := rand.New(rand.NewPCG(uint64(at.Unix()), math.Float64bits(unit(p.name)))) //nolint:gosec // noise is no secret, and any bits will do
	mean := p.rtt * (1 + .2*p.spread*daily(hour) + .3*p.spread*rnd.Float64())
	jitter := mean * p.spread * (.2 + .3*rnd.Float64())
	lost, twice := 0., 0.
	if 100*rnd.Float64() < p.loss {
		lost = 1. / answersAsked
	}
	if 200*rnd.Float64() < p.loss {
		twice = 1. / answersAsked
	}
	labels := barograph.NewLabels(map[string]string{"demo": "true", "kind": string(barograph.ProbeICMP), "target": p.name})
	var out []barograph.Sample
	for _, m := range []struct {
		metric string
		value  float64
	}{
		{"probe_success", 1},
		{"probe_rtt_seconds", mean},
		{"probe_rtt_best_seconds", mean - jitter},
		{"probe_rtt_worst_seconds", mean + 2*jitter*(1+rnd.ExpFloat64()/2)},
		{"probe_jitter_seconds", jitter},
		{"probe_loss_ratio", lost},
		{"probe_duplicate_ratio", twice},
	} {
		out = append(out, barograph.Sample{Series: barograph.Series{Metric: m.metric, Labels: labels}, UnixMilli: at.UnixMilli(), Value: m.value})
	}
	return out
}

// probe returns what all targets measure at a time.
func (d *Demo) probe(at time.Time) []barograph.Sample {
	hour := at.Sub(d.begin).Hours()
	samples := measureShop(at, hour)
	for _, p := range d.paths {
		samples = append(samples, p.measure(at, hour)...)
	}
	return samples
}

// addTargets adds the targets. The server itself looks at this machine in their
// place, and so seldom that it does once; the series of that lack the label demo.
func (d *Demo) addTargets(ctx context.Context) error {
	all := []map[string]any{{
		"name": shopName, "kind": barograph.ProbeTLS, "address": d.shop.Addr().String(),
		"options": barograph.ProbeOptions{InsecureSkipVerify: true},
	}}
	for i, p := range d.paths {
		all = append(all, map[string]any{
			"name": p.name, "kind": barograph.ProbeICMP, "address": fmt.Sprintf("127.0.0.%d", 11+i), "count": answersAsked,
		})
	}
	for _, body := range all {
		body["interval"] = "1d"
		if err := d.post(ctx, "/api/v1/targets", d.Token, body, nil); err != nil {
			return fmt.Errorf("add target %s: %w", body["name"], err)
		}
	}
	return nil
}

// liveTargets has the targets probed by the clock, by nobody's host: it sends with
// the operator's token.
func (d *Demo) liveTargets(ctx context.Context) error {
	return d.eachTick(ctx, func(due []time.Time) error {
		var lines []byte
		for _, at := range due {
			lines = lineProtocol(lines, d.probe(at))
		}
		if err := d.do(ctx, http.MethodPost, "/api/v2/write?precision=ms", "text/plain", d.Token, lines, nil); err != nil {
			return fmt.Errorf("send what probes of the targets measured: %w", err)
		}
		return nil
	})
}
