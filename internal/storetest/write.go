package storetest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

func testSameBatchTwice(f fixture) {
	t := f.t
	data := []barograph.SeriesPoints{
		{Series: series("m", "host", "a"), Points: f.points(time.Second, 1, 2, 3)},
		{Series: series("m", "host", "b"), Points: f.points(time.Minute, 0.1, 0.2)},
	}
	f.write(t, data...)
	f.write(t, data...)
	f.expect(t, f.all(""), data...)
	// A batch that is sent again in part, with something new.
	data[0].Points = f.points(time.Second, 1, 2, 3, 4)
	f.write(t, data...)
	f.expect(t, f.all(""), data...)
	// A sample twice within one batch.
	data[1].Points = append(data[1].Points, data[1].Points[1])
	f.write(t, data...)
	data[1].Points = data[1].Points[:2]
	f.expect(t, f.all(""), data...)
}

// testOutOfOrder writes newest first, then a day back, then in between, across
// many writes and within one.
func testOutOfOrder(f fixture) {
	t := f.t
	s := series("m", "host", "a")
	times := []time.Duration{0, -time.Hour, -20 * time.Hour, -20*time.Hour + time.Millisecond, -10 * time.Hour, time.Minute, -time.Minute}
	want := barograph.SeriesPoints{Series: s}
	for i, at := range times[:3] {
		p := barograph.Point{UnixMilli: f.at(at), Value: float64(i)}
		f.write(t, barograph.SeriesPoints{Series: s, Points: []barograph.Point{p}})
		want.Points = append(want.Points, p)
	}
	var batch []barograph.Point
	for i, at := range times[3:] {
		batch = append(batch, barograph.Point{UnixMilli: f.at(at), Value: float64(10 + i)})
	}
	f.write(t, barograph.SeriesPoints{Series: s, Points: batch})
	want.Points = append(want.Points, batch...)
	slices.SortFunc(want.Points, func(a, b barograph.Point) int { return int(a.UnixMilli - b.UnixMilli) })
	f.expect(t, f.all("m"), want)
}

func testPartialRefusal(f fixture) {
	t := f.t
	good := []barograph.SeriesPoints{
		{Series: series("m", "host", "a"), Points: f.points(time.Second, 1, 2, 3)},
		{Series: series("m", "host", "b"), Points: f.points(time.Second, 4)},
	}
	old := barograph.Sample{Series: series("m", "host", "a"), UnixMilli: time.Now().Add(-f.tooOld).UnixMilli(), Value: 9}
	other := barograph.Sample{Series: series("m", "host", "z"), UnixMilli: old.UnixMilli + 1000, Value: 9}
	batch := samples(good)
	batch = slices.Insert(batch, 1, old)
	batch = append(batch, other)
	f.expectRefused(t, batch, 1, len(batch)-1)
	f.expectRefused(t, batch, 1, len(batch)-1) // sent again: the same answer
	f.expect(t, f.all(""), good...)
}

func testTotalRefusal(f fixture) {
	t := f.t
	at := time.Now().Add(-f.tooOld).UnixMilli()
	f.expectRefused(t, []barograph.Sample{
		{Series: series("m", "host", "a"), UnixMilli: at, Value: 1},
		{Series: series("m", "host", "b"), UnixMilli: at - 1, Value: 1},
		{Series: series("m", "host", "a"), UnixMilli: at - 2, Value: 1},
	}, 0, 1, 2)
	f.expect(t, f.all(""))
}

// expectRefused writes and wants just these samples refused.
func (f fixture) expectRefused(t *testing.T, batch []barograph.Sample, want ...int) {
	t.Helper()
	err := f.store.Write(t.Context(), batch)
	partial, ok := errors.AsType[*barograph.PartialError](err)
	if !ok {
		t.Fatalf("Write: %v, want a PartialError", err)
	}
	var got []int
	for _, r := range partial.Rejected {
		got = append(got, r.Index)
		if kind := barograph.KindOf(r.Err); kind != barograph.KindInvalid && kind != barograph.KindConflict {
			t.Errorf("sample %d: error %v of kind %s, want invalid or conflict", r.Index, r.Err, kind)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("refused samples (-want +got):\n%s\n%v", diff, partial)
	}
}

func testFloats(f fixture) {
	t := f.t
	values := []float64{
		0, math.Copysign(0, -1), 1, -1, 0.1, 1.0 / 3, math.Pi, 1 << 53, 1<<53 + 2, 1e15, 123456789.123456789,
		1e300, -1e300, 1e-300, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64,
		math.Nextafter(1, 2), math.Nextafter(1, 0), 1e21, 1e-7,
	}
	if f.rounds > 0 {
		testFloatsAlone(f, values)
		return
	}
	want := barograph.SeriesPoints{Series: series("m"), Points: f.points(time.Second, values...)}
	f.write(t, want)
	f.expect(t, f.all("m"), want)
}

// testFloatsAlone has a series of its own for each value.
func testFloatsAlone(f fixture, values []float64) {
	var data []barograph.SeriesPoints
	for i, v := range values {
		if math.Abs(v) == math.SmallestNonzeroFloat64 {
			continue // no decimal has its few digits
		}
		data = append(data, barograph.SeriesPoints{Series: series("m", "number", fmt.Sprint(i)), Points: f.points(time.Second, v)})
	}
	f.write(f.t, data...)
	f.expect(f.t, f.all("m"), data...)
}

func testManySeries(f fixture) {
	t := f.t
	const count, each = 1000, 10
	data := make([]barograph.SeriesPoints, count)
	for i := range data {
		values := make([]float64, each)
		for j := range values {
			values[j] = float64(i*each + j)
		}
		data[i] = barograph.SeriesPoints{
			Series: series("m", "host", fmt.Sprintf("host%04d", i), "rack", fmt.Sprint(i%10)),
			Points: f.points(15*time.Second, values...),
		}
	}
	f.write(t, data...)
	f.expect(t, f.all("m"), data...)
	f.expect(t, f.all(`m{host="host0042"}`), data[42])
	if got := f.query(t, f.all(`m{rack=~"[37]"}`)); len(got) != count/5 {
		t.Errorf("%d series of two racks in ten, want %d", len(got), count/5)
	}
}

// testConcurrent has writers of disjoint series and readers at once; readers
// see prefixes of what is written, the end sees everything.
func testConcurrent(f fixture) {
	t := f.t
	const writers, readers, batches = 8, 4, 20
	data := make([]barograph.SeriesPoints, writers)
	var wg sync.WaitGroup
	for w := range data {
		values := make([]float64, batches)
		for i := range values {
			values[i] = float64(w*batches + i)
		}
		data[w] = barograph.SeriesPoints{Series: series("m", "writer", fmt.Sprint(w)), Points: f.points(time.Second, values...)}
		wg.Go(func() {
			for _, p := range data[w].Points {
				batch := []barograph.Sample{{Series: data[w].Series, UnixMilli: p.UnixMilli, Value: p.Value}}
				if err := f.store.Write(t.Context(), batch); err != nil {
					t.Errorf("Write: %v", err)
				}
			}
		})
	}
	for range readers {
		wg.Go(func() {
			for range batches {
				got, err := f.store.Select(t.Context(), f.all("m"))
				if err != nil {
					t.Errorf("Select: %v", err)
				}
				for _, sp := range got {
					if len(sp.Points) > 0 && sp.Points[0].UnixMilli != f.at(0) {
						t.Errorf("%s begins at its later samples", sp.Series)
					}
				}
			}
		})
	}
	wg.Wait()
	f.expect(t, f.all("m"), data...)
}

// testLimits writes what is just allowed: the most labels, the longest names
// and values.
func testLimits(f fixture) {
	t := f.t
	labels := map[string]string{}
	for i := range barograph.MaxLabels {
		labels[fmt.Sprintf("label%02d", i)] = strings.Repeat("v", 20)
	}
	many := barograph.Series{Metric: "many", Labels: barograph.NewLabels(labels)}
	long := series(strings.Repeat("m", barograph.MaxNameBytes),
		strings.Repeat("l", barograph.MaxNameBytes), strings.Repeat("v", barograph.MaxLabelBytes),
		"bytes", strings.Repeat("\\", barograph.MaxLabelBytes), "runes", strings.Repeat("ü", barograph.MaxLabelBytes/2))
	data := []barograph.SeriesPoints{
		{Series: many, Points: f.points(time.Second, 1)},
		{Series: long, Points: f.points(time.Second, 2)},
	}
	f.write(t, data...)
	f.expect(t, f.all(""), data...)
}
