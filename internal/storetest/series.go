package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/barograph/barograph"
)

// allSeries returns a question for every series that the tests write.
func (f fixture) allSeries(selector string) barograph.SeriesQuery {
	q := f.all(selector)
	return barograph.SeriesQuery{Selector: q.Selector, From: q.From, To: q.To}
}

// expectSeries lists and compares with the series of what was written.
func (f fixture) expectSeries(t *testing.T, q barograph.SeriesQuery, wantMore bool, want ...string) {
	t.Helper()
	got, more, err := f.store.Series(t.Context(), q)
	if err != nil {
		t.Fatalf("Series(%s): %v", q.Selector, err)
	}
	var names []string
	for _, s := range got {
		names = append(names, s.String())
	}
	if diff := cmp.Diff(want, names, cmpopts.EquateEmpty()); diff != "" || more != wantMore {
		t.Errorf("Series(%s) from %s to %s limit %d: more is %t, want %t (-want +got):\n%s", q.Selector,
			q.From.Format(time.TimeOnly), q.To.Format(time.TimeOnly), q.Limit, more, wantMore, diff)
	}
}

func testListSeries(f fixture) {
	t := f.t
	f.expectSeries(t, f.allSeries(""), false)
	data := []barograph.SeriesPoints{
		{Series: series("cpu", "host", "a"), Points: f.points(time.Second, 1, 2, 3)},
		{Series: series("cpu", "host", "b", "os", "debian"), Points: f.points(time.Minute, 4)},
		{Series: series("disk", "host", "a", "mount", `C:\"x"`), Points: f.points(time.Second, 5)},
		{Series: series("bare"), Points: f.points(time.Second, 6)},
	}
	f.write(t, data...)
	f.write(t, data...)
	for _, tt := range []struct {
		selector string
		want     []int // of data
	}{
		{``, []int{3, 0, 1, 2}},
		{`cpu`, []int{0, 1}},
		{`nothing`, nil},
		{`{host="a"}`, []int{0, 2}},
		{`{host=~"a|b",os=""}`, []int{0, 2}},
		{`cpu{os!="debian"}`, []int{0}},
		{`{mount=~"C:.+"}`, []int{2}},
		{`{host=""}`, []int{3}},
	} {
		t.Run(tt.selector, func(t *testing.T) {
			var want []string
			for _, i := range tt.want {
				want = append(want, data[i].Series.String())
			}
			slices.Sort(want)
			f.expectSeries(t, f.allSeries(tt.selector), false, want...)
		})
	}
}

func testListSeriesInRange(f fixture) {
	t := f.t
	// Not a whole hour, which may be midnight: of a range that ends in the first
	// millisecond of a day, VictoriaMetrics leaves out what has samples then only.
	const then = 59 * time.Minute
	early, late := series("m", "host", "early"), series("m", "host", "late")
	f.write(t,
		barograph.SeriesPoints{Series: early, Points: []barograph.Point{{UnixMilli: f.at(0), Value: 1}, {UnixMilli: f.at(time.Minute), Value: 1}}},
		barograph.SeriesPoints{Series: late, Points: []barograph.Point{{UnixMilli: f.at(then), Value: 2}}},
	)
	for _, tt := range []struct {
		name     string
		from, to time.Duration
		want     []string
	}{
		{"both", 0, then + time.Millisecond, []string{early.String(), late.String()}},
		{"the end is not in it", 0, then, []string{early.String()}},
		{"the start is", then, 2 * time.Hour, []string{late.String()}},
		{"just after the last of one", time.Minute + time.Millisecond, 2 * time.Hour, []string{late.String()}},
		{"before all", -time.Hour, 0, nil},
		{"nothing is no range", time.Minute, time.Minute, nil},
		{"backwards", then, 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := barograph.SeriesQuery{Selector: mustSelector("m"), From: f.base.Add(tt.from), To: f.base.Add(tt.to)}
			f.expectSeries(t, q, false, tt.want...)
		})
	}
}

func testListSeriesLimit(f fixture) {
	t := f.t
	var data []barograph.SeriesPoints
	var names []string
	for i := range 20 {
		s := series("m", "host", fmt.Sprintf("host%02d", i))
		data = append(data, barograph.SeriesPoints{Series: s, Points: f.points(time.Second, 1)})
		names = append(names, s.String())
	}
	f.write(t, data...)
	for _, limit := range []int{0, 1, 19, 20, 21} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			q := f.allSeries("m")
			q.Limit = limit
			got, more, err := f.store.Series(t.Context(), q)
			want := len(data)
			if limit > 0 {
				want = min(want, limit)
			}
			if err != nil || len(got) != want || more != (want < len(data)) {
				t.Fatalf("%d series, more is %t, %v; want %d", len(got), more, err, want)
			}
			if !slices.IsSortedFunc(got, func(a, b barograph.Series) int {
				return slices.Index(names, a.String()) - slices.Index(names, b.String())
			}) {
				t.Errorf("%v is not sorted", got)
			}
		})
	}
}
