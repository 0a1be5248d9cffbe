package demo

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"time"

	"github.com/barograph/barograph"
)

// Times of the story, in hours after the clock's start.
const (
	dbCrosses    = 34.0 // the database's disk reaches 90 %
	dbCleaned    = 38.0 // somebody cleans it up
	webCrosses   = 46.0 // the web server's disk would
	webCleaned   = 14.0 // but is cleaned in time
	leakBegins   = 8.0  // a program eats the memory of api-2
	leakEnds     = 10.5
	silentFrom   = 12.0 // cache-1 loses its network
	silentTo     = 20.0
	limitOfDisks = 0.9

	storyEnds  = 40 * time.Hour
	storyAlone = 75.0 // until then nothing that it does not tell of comes to an end
)

// quantity is one thing measured on a host: its value at a time in hours after
// the clock's start, negative in history, without noise.
type quantity struct {
	series barograph.Series
	noise  float64 // standard deviation
	most   float64 // and never below 0
	value  func(h float64) float64
}

// simHost is one simulated server.
type simHost struct {
	name       string
	labels     map[string]string
	quantities []quantity
}

// newFleet returns the twelve servers of the demo.
func newFleet() []simHost {
	var fleet []simHost
	for _, h := range []struct {
		name, role string
	}{
		{"web-1", "web"},
		{"web-2", "web"},
		{"web-3", "web"},
		{"api-1", "api"},
		{"api-2", "api"},
		{"api-3", "api"},
		{"db-1", "database"},
		{"db-2", "database"},
		{"cache-1", "cache"},
		{"queue-1", "queue"},
		{"build-1", "build"},
		{"mail-1", "mail"},
	} {
		fleet = append(fleet, newHost(h.name, h.role))
	}
	return fleet
}

func newHost(name, role string) simHost {
	h := simHost{name: name, labels: map[string]string{"role": role, "demo": "true", "os": "debian"}}
	u := unit(name)
	h.add("cpu_usage_ratio", nil, .03, 1, func(t float64) float64 { return .2 + .1*u + .12*daily(t) })
	h.add("load_per_cpu_ratio", nil, .05, 64, func(t float64) float64 { return .4 + .3*u + .25*daily(t) })
	h.add("memory_used_ratio", nil, .003, 1, h.memory(u))
	h.add("disk_used_ratio", map[string]string{"mount": "/"}, .0002, 1, h.disk(u))
	h.add("disk_inodes_used_ratio", map[string]string{"mount": "/"}, 0, 1, func(float64) float64 { return .05 + .2*u })
	eth0 := map[string]string{"interface": "eth0"}
	h.add("network_receive_bytes_per_second", eth0, 2e4, 1e9, func(t float64) float64 { return 1e5 + 4e5*u + 8e4*daily(t) })
	h.add("network_transmit_bytes_per_second", eth0, 2e4, 1e9, func(t float64) float64 { return 2e5 + 3e5*u + 1e5*daily(t) })
	h.add("os_updates", nil, 0, 500, updates(name))
	return h
}

func (h *simHost) add(metric string, labels map[string]string, noise, most float64, value func(float64) float64) {
	all := map[string]string{"demo": "true", "host": h.name}
	maps.Copy(all, labels)
	h.quantities = append(h.quantities, quantity{
		barograph.Series{Metric: metric, Labels: barograph.NewLabels(all)}, noise, most, value,
	})
}

func (h *simHost) memory(u float64) func(float64) float64 {
	usual := func(t float64) float64 { return .5 + .2*u + .05*daily(t) }
	switch h.name {
	case "api-2":
		return func(t float64) float64 {
			if t >= leakBegins && t < leakEnds {
				return .985
			}
			return usual(t)
		}
	case "api-3":
		return func(t float64) float64 { return leak(t, usual(t)) }
	}
	return usual
}

// disk fills slowly for a month on two hosts: one is cleaned in time, the other
// is not. Some fill within a week. All others breathe.
func (h *simHost) disk(u float64) func(float64) float64 {
	const pace = .0006 // an hour: 1.4 % a day
	level, breath := weekly()[h.name], .002
	switch {
	case level != nil:
	case h.name == "db-1":
		level = slowly(pace, dbCrosses, dbCleaned, .55)
	case h.name == "web-3":
		level = slowly(pace, webCrosses, webCleaned, .48)
	default:
		level, breath = func(float64) float64 { return .3 + .35*u }, .004
	}
	return func(t float64) float64 { return level(t) + breath*daily(t) }
}

// daily is 1 in the afternoon, -1 at night.
func daily(h float64) float64 { return math.Sin(2 * math.Pi * (h/24 - .3)) }

// unit returns a number in [0,1) that is always the same for the name.
func unit(name string) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return float64(h.Sum64()>>11) / (1 << 53)
}

// silent reports whether the host can't be heard at the hour.
func (h *simHost) silent(hour float64) bool {
	return h.name == "cache-1" && hour >= silentFrom && hour < silentTo
}

// measure returns the host's samples at a time. The noise depends on series
// and time only, so that the same moment always gives the same.
func (h *simHost) measure(at time.Time, hour float64) []barograph.Sample {
	out := make([]barograph.Sample, 0, len(h.quantities))
	for _, q := range h.quantities {
		v := q.value(hour)
		if q.noise > 0 {
			seed := uint64(at.Unix()) //nolint:gosec // any bits will do
			rnd := rand.New(          //nolint:gosec // noise is no secret
				rand.NewPCG(seed, math.Float64bits(unit(q.series.String()))))
			v += q.noise * rnd.NormFloat64()
		}
		out = append(out, barograph.Sample{Series: q.series, UnixMilli: at.UnixMilli(), Value: min(q.most, max(0, v))})
	}
	return out
}

// lineProtocol writes samples as a program with an Influx client would.
func lineProtocol(dst []byte, samples []barograph.Sample) []byte {
	for _, s := range samples {
		dst = append(dst, s.Series.Metric...)
		for _, l := range s.Series.Labels {
			dst = fmt.Appendf(dst, ",%s=%s", l.Name, l.Value)
		}
		dst = fmt.Appendf(dst, " value=%g %d\n", s.Value, s.UnixMilli)
	}
	return dst
}
