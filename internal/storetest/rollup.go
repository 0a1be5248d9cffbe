package storetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/barograph/barograph"
)

// rollups are all roll-ups, and what they make of the two steps of testRollup.
var rollups = []struct { //nolint:gochecknoglobals // a table, never changed
	rollup        barograph.Rollup
	first, second float64
}{
	{barograph.RollupLast, 2, -8},
	{barograph.RollupMax, 6, -1},
	{barograph.RollupMin, 1, -8},
	{barograph.RollupMean, 3, -4.5},
}

// testRollup has samples on both edges of a step, a gap of two steps, and a
// second series that lives in one step only.
func testRollup(f fixture) {
	t := f.t
	s, short := series("m", "host", "a"), series("m", "host", "b")
	f.write(t,
		barograph.SeriesPoints{Series: s, Points: []barograph.Point{
			{UnixMilli: f.at(0), Value: 1},
			{UnixMilli: f.at(20 * time.Second), Value: 6},
			{UnixMilli: f.at(time.Minute - time.Millisecond), Value: 2},
			{UnixMilli: f.at(3 * time.Minute), Value: -1},
			{UnixMilli: f.at(3*time.Minute + time.Millisecond), Value: -8},
		}},
		barograph.SeriesPoints{Series: short, Points: []barograph.Point{{UnixMilli: f.at(90 * time.Second), Value: 7}}},
	)
	for _, tt := range rollups {
		t.Run(tt.rollup.String(), func(t *testing.T) {
			q := barograph.Query{
				Selector: mustSelector("m"), From: f.base, To: f.base.Add(5 * time.Minute),
				Step: time.Minute, Rollup: tt.rollup,
			}
			f.expect(t, q,
				barograph.SeriesPoints{Series: s, Points: []barograph.Point{
					{UnixMilli: f.at(0), Value: tt.first},
					{UnixMilli: f.at(3 * time.Minute), Value: tt.second},
				}},
				barograph.SeriesPoints{Series: short, Points: []barograph.Point{{UnixMilli: f.at(time.Minute), Value: 7}}},
			)
		})
	}
}

// testRollupPartialSteps cuts the first and last step: the samples outside the
// range don't count, the stamp is still the step's start.
func testRollupPartialSteps(f fixture) {
	t := f.t
	s := series("m")
	f.write(t, barograph.SeriesPoints{Series: s, Points: f.points(30*time.Second, 100, 1, 2, 3, 4, 200)})
	for _, tt := range []struct {
		rollup       barograph.Rollup
		begin, m, en float64
	}{
		{barograph.RollupLast, 1, 3, 4},
		{barograph.RollupMax, 1, 3, 4},
		{barograph.RollupMin, 1, 2, 4},
		{barograph.RollupMean, 1, 2.5, 4},
	} {
		t.Run(tt.rollup.String(), func(t *testing.T) {
			q := barograph.Query{
				Selector: mustSelector("m"), From: f.base.Add(10 * time.Second), To: f.base.Add(150 * time.Second),
				Step: time.Minute, Rollup: tt.rollup,
			}
			f.expect(t, q, barograph.SeriesPoints{Series: s, Points: f.points(time.Minute, tt.begin, tt.m, tt.en)})
		})
	}
}

// testRollupLargest has values whose difference overflows; their mean does
// not.
func testRollupLargest(f fixture) {
	t := f.t
	s := series("m")
	f.write(t, barograph.SeriesPoints{Series: s, Points: f.points(30*time.Second, -math.MaxFloat64, math.MaxFloat64)})
	q := f.all("m")
	q.Step, q.Rollup = time.Minute, barograph.RollupMean
	f.expect(t, q, barograph.SeriesPoints{Series: s, Points: f.points(time.Minute, 0)})
}

func testRollupEpochAligned(f fixture) {
	t := f.t
	s := series("m")
	f.write(t, barograph.SeriesPoints{Series: s, Points: f.points(time.Minute, 1, 2, 3)})
	for _, step := range []time.Duration{
		time.Millisecond, 7 * time.Second, 7 * time.Minute, barograph.Day, barograph.Week, 100003 * time.Millisecond,
	} {
		t.Run(step.String(), func(t *testing.T) {
			q := f.all("m")
			q.Step, q.Rollup = step, barograph.RollupLast
			if step == time.Millisecond { // a day would have many steps
				q.From, q.To = f.base, f.base.Add(3*time.Minute)
			}
			f.expect(t, q, barograph.SeriesPoints{Series: s, Points: Roll(f.points(time.Minute, 1, 2, 3), step, barograph.RollupLast)})
		})
	}
}

// testRollupLikeRaw compares with what rolling up the raw samples gives.
func testRollupLikeRaw(f fixture) {
	t := f.t
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same numbers on each run
	var data []barograph.SeriesPoints
	for i := range 5 {
		var points []barograph.Point
		for at := time.Duration(0); at < time.Hour; at += time.Duration(1+rng.IntN(200_000)) * time.Millisecond {
			points = append(points, barograph.Point{UnixMilli: f.at(at), Value: rng.NormFloat64()})
		}
		data = append(data, barograph.SeriesPoints{Series: series("m", "host", fmt.Sprint(i)), Points: points})
	}
	f.write(t, data...)
	for _, tt := range rollups {
		for _, step := range []time.Duration{time.Second, 5 * time.Minute, 17 * time.Minute} {
			t.Run(tt.rollup.String()+" "+step.String(), func(t *testing.T) {
				var want []barograph.SeriesPoints
				for _, d := range data {
					want = append(want, barograph.SeriesPoints{Series: d.Series, Points: Roll(d.Points, step, tt.rollup)})
				}
				q := barograph.Query{
					Selector: mustSelector("m"), From: f.base, To: f.base.Add(time.Hour), Step: step, Rollup: tt.rollup,
				}
				if diff := cmp.Diff(want, f.query(t, q), cmpopts.EquateApprox(f.rounds, 1e-12)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

// Roll is the plain way to roll up sorted points, which stores are held against.
func Roll(points []barograph.Point, step time.Duration, r barograph.Rollup) []barograph.Point {
	var out []barograph.Point
	counts := 0
	for _, p := range points {
		start := p.UnixMilli - p.UnixMilli%step.Milliseconds()
		if len(out) == 0 || out[len(out)-1].UnixMilli != start {
			out = append(out, barograph.Point{UnixMilli: start, Value: p.Value})
			counts = 1
			continue
		}
		last := &out[len(out)-1]
		counts++
		switch r {
		case barograph.RollupLast:
			last.Value = p.Value
		case barograph.RollupMax:
			last.Value = max(last.Value, p.Value)
		case barograph.RollupMin:
			last.Value = min(last.Value, p.Value)
		case barograph.RollupMean:
			last.Value += (p.Value - last.Value) / float64(counts)
		}
	}
	return out
}
