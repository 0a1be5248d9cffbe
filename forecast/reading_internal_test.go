package forecast

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// shelf is a store of many series on one grid, each of which has one value in each
// block, and which counts what it is asked for.
type shelf struct {
	names []string
	reads []int64 // blocks that each query spans
	err   error
}

func newShelf(series int) *shelf {
	s := &shelf{}
	for i := range series {
		s.names = append(s.names, fmt.Sprint("h", i))
	}
	slices.Sort(s.names)
	return s
}

func (s *shelf) read(_ context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	from, to := q.From.UnixMilli()/q.Step.Milliseconds(), (q.To.UnixMilli()-1)/q.Step.Milliseconds()
	s.reads = append(s.reads, (to-from+1)/blockCells)
	if s.err != nil {
		return nil, s.err
	}
	out := make([]barograph.SeriesPoints, len(s.names))
	for i, name := range s.names {
		out[i].Series = barograph.Series{Metric: "m", Labels: barograph.Labels{{Name: "host", Value: name}}}
		for b := blockOf(from); b <= blockOf(to); b++ {
			if at := b*blockCells + 5; at >= from && at <= to {
				out[i].Points = append(out[i].Points, barograph.Point{UnixMilli: at * q.Step.Milliseconds(), Value: float64(i)})
			}
		}
	}
	return out, nil
}

func shelfHistory() (*history, time.Time) {
	h := newHistory(barograph.Rule{ID: "rul_1", Operator: barograph.Above, Limit: 9, Horizon: barograph.Duration(6 * time.Hour)})
	return h, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
}

// Of many series the past is read again bit by bit, all of it within the
// interval; a sample that did not change is no news.
func TestManySeriesAreReadAgainBitByBit(t *testing.T) {
	t.Parallel()
	const series, blocks, atOnce = 3000, 31, 5
	s := newShelf(series)
	h, now := shelfHistory()
	update := func() {
		t.Helper()
		if known, err := h.update(t.Context(), s.read, now, time.Hour, series); !known || err != nil {
			t.Fatal(known, err)
		}
	}
	update()
	if len(s.reads) < blocks/atOnce || slices.Max(s.reads) > atOnce {
		t.Fatalf("at first read %v blocks at once", s.reads)
	}
	for _, track := range h.tracks {
		track.news = newsNone
	}
	first, again := h.first, int64(0)
	for range 60 {
		s.reads = nil
		now = now.Add(time.Minute)
		update()
		if len(s.reads) > 3 || slices.Max(s.reads) > atOnce {
			t.Errorf("in one minute read %v blocks", s.reads)
		}
		for _, n := range s.reads[1:] {
			again += n
		}
	}
	if again < blocks-(h.first-first) || again > blocks+2 {
		t.Errorf("in an hour read %d of %d blocks again", again, blocks)
	}
	for _, track := range h.tracks {
		if track.news == newsUrgent {
			t.Fatalf("%s has news", track.series)
		}
	}
}

// What was read before the store went away need not be read again.
func TestFirstReadingGoesOn(t *testing.T) {
	t.Parallel()
	s := newShelf(3000)
	h, now := shelfHistory()
	n := 0
	flaky := func(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
		if n++; n == 5 {
			return nil, errors.New("away")
		}
		return s.read(ctx, q)
	}
	if known, err := h.update(t.Context(), flaky, now, time.Hour, 3000); known || err == nil {
		t.Fatalf("known %t, error %v", known, err)
	}
	before := len(s.reads)
	if known, err := h.update(t.Context(), flaky, now.Add(time.Minute), time.Hour, 3000); !known || err != nil {
		t.Fatalf("known %t, error %v", known, err)
	}
	if more := len(s.reads) - before; more > 5 {
		t.Errorf("read %d times after %d times", more, before)
	}
	q := h.question(h.tracks[7], now.Add(time.Minute), nil)
	known := 0
	for _, v := range q.Values {
		if finite(v) {
			known++
		}
	}
	if known != 31 && known != 32 || len(q.Values) > h.grid.History {
		t.Errorf("%d known values of %d", known, len(q.Values))
	}
}

// Series that come and go: the tracks stay in the order of the names, each once.
func TestMatch(t *testing.T) {
	t.Parallel()
	h, now := shelfHistory()
	h.reset(now)
	found := func(names ...string) []barograph.SeriesPoints {
		out := make([]barograph.SeriesPoints, len(names))
		for i, name := range names {
			out[i] = barograph.SeriesPoints{Series: barograph.Series{Metric: name}, Points: make([]barograph.Point, 1)}
		}
		return out
	}
	for _, step := range []struct {
		found []barograph.SeriesPoints
		want  []string // found ones end in +
		cut   int
	}{
		{found("b", "d"), []string{"b+", "d+"}, 0},
		{found("a", "barograph_own", "c", "d"), []string{"a+", "b", "c+", "d+"}, 0},
		{found(), []string{"a", "b", "c", "d"}, 0},
		{found("aa", "e", "f", "g"), []string{"a", "aa+", "b", "c", "d", "e+"}, 2},
	} {
		var got []string
		cut := h.match(step.found, 6, func(t *track, points []barograph.Point) {
			name := t.series.Metric
			if len(points) > 0 {
				name += "+"
			}
			got = append(got, name)
		})
		if !slices.Equal(got, step.want) || cut != step.cut || len(h.tracks) != len(step.want) {
			t.Errorf("got %v, %d cut, %d tracks, want %v, %d cut", got, cut, len(h.tracks), step.want, step.cut)
		}
	}
}

// Time passes over blocks: what is too old goes, what stays is right.
func TestHistorySlides(t *testing.T) {
	t.Parallel()
	s := newShelf(3)
	h, now := shelfHistory()
	for i := range 400 {
		if i == 300 {
			s.names = s.names[:2]
		}
		now = now.Add(40 * time.Minute)
		if known, err := h.update(t.Context(), s.read, now, time.Hour, 10); !known || err != nil {
			t.Fatal(known, err)
		}
		q := h.question(h.tracks[1], now, nil)
		for k, v := range q.Values {
			cell := h.grid.cell(q.Start) + int64(k)
			if want := cell-blockOf(cell)*blockCells == 5; want != finite(v) || want && v != 1 {
				t.Fatalf("after %d steps cell %d is %v", i, cell, v)
			}
		}
		if len(q.Values) > h.grid.History || len(q.Values) < h.grid.History-blockCells-8 {
			t.Fatalf("after %d steps %d values", i, len(q.Values))
		}
	}
	if len(h.tracks) != 2 {
		t.Errorf("%d series, want those 2 that have values", len(h.tracks))
	}
}

// A series that appears with its past is known with its past at once.
func TestPastOfNewSeriesIsRead(t *testing.T) {
	t.Parallel()
	s := newShelf(1)
	h, now := shelfHistory()
	if known, err := h.update(t.Context(), s.read, now, time.Hour, 10); !known || err != nil {
		t.Fatal(known, err)
	}
	s.names = append(s.names, "h1") // its host was not there before
	for len(h.tracks) < 2 {
		now = now.Add(h.grid.Step)
		if now.Sub(h.again.began) > blockCells*h.grid.Step {
			t.Fatal("the new series is not seen")
		}
		if known, err := h.update(t.Context(), s.read, now, 24*time.Hour, 10); !known || err != nil {
			t.Fatal(known, err)
		}
	}
	for _, track := range h.tracks {
		known := 0
		for _, v := range h.question(track, now, nil).Values {
			if finite(v) {
				known++
			}
		}
		if known < int(h.blocks()) {
			t.Errorf("%s: %d values known, want one of each of %d blocks", track.series, known, h.blocks())
		}
	}
}
