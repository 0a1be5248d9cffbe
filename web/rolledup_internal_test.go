package web

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

// everySecond has a series with one sample a second, whose value is its time; of
// each query it notes how many seconds it asks for.
type everySecond struct{ asked []int }

func (e *everySecond) Select(_ context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	e.asked = append(e.asked, int(q.To.Sub(q.From)/time.Second))
	one := barograph.SeriesPoints{Series: barograph.Series{Metric: "m"}}
	for at := q.From; at.Before(q.To); at = at.Add(time.Second) {
		p := barograph.Point{UnixMilli: at.Truncate(q.Step).UnixMilli(), Value: float64(at.Unix())}
		if n := len(one.Points); n > 0 && one.Points[n-1].UnixMilli == p.UnixMilli {
			one.Points[n-1] = p
			continue
		}
		one.Points = append(one.Points, p)
	}
	return []barograph.SeriesPoints{one}, nil
}

// TestRolledUp: what comes of it is what the store says, and the past is read once.
func TestRolledUp(t *testing.T) {
	t.Parallel()
	kept, store, plain := newRolledUp(), &everySecond{}, &everySecond{}
	now := time.Unix(1_000_000, 0)
	for i, wait := range []time.Duration{0, time.Second, 9 * time.Second, 0, time.Minute, 10 * time.Second, time.Hour} {
		now = now.Add(wait)
		q := barograph.Query{Selector: barograph.Selector{Metric: "m"}, From: now.Add(-time.Hour), To: now, Step: 10 * time.Second}
		got, err := kept.read(t.Context(), store, q)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := plain.Select(t.Context(), q)
		// A first step that has begun before the query may hold more of itself.
		if diff := cmp.Diff(want[0].Points[1:], got[0].Points[len(got[0].Points)-len(want[0].Points)+1:]); diff != "" {
			t.Errorf("query %d (-store +kept)\n%s", i, diff)
		}
	}
	if diff := cmp.Diff([]int{3600, 11, 20, 10, 70, 20, 3600}, store.asked); diff != "" {
		t.Errorf("seconds asked for (-want +got)\n%s", diff)
	}
}

// TestRolledUpLengths: who asks for less time leaves all of it to those who ask for more.
func TestRolledUpLengths(t *testing.T) {
	t.Parallel()
	kept, store, plain := newRolledUp(), &everySecond{}, &everySecond{}
	now := time.Unix(1_000_000, 0)
	for i, length := range []time.Duration{time.Hour, 50 * time.Minute, time.Hour, 70 * time.Minute, time.Hour} {
		q := barograph.Query{Selector: barograph.Selector{Metric: "m"}, From: now.Add(-length), To: now, Step: 10 * time.Second}
		got, err := kept.read(t.Context(), store, q)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := plain.Select(t.Context(), q)
		begin := got[0].Points[0].UnixMilli
		if first := want[0].Points[0].UnixMilli; begin > first || begin < first-q.Step.Milliseconds() {
			t.Errorf("query %d of %s begins %s late", i, length, time.Duration(begin-first)*time.Millisecond)
		}
		if diff := cmp.Diff(want[0].Points[1:], got[0].Points[max(0, len(got[0].Points)-len(want[0].Points)+1):]); diff != "" {
			t.Errorf("query %d of %s (-store +kept)\n%.500s", i, length, diff)
		}
	}
	if diff := cmp.Diff([]int{3600, 10, 10, 4200, 10}, store.asked); diff != "" {
		t.Errorf("seconds asked for (-want +got)\n%s", diff)
	}
}
