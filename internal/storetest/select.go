package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

func testHalfOpenRange(f fixture) {
	t := f.t
	s := series("m", "host", "a")
	f.write(t, barograph.SeriesPoints{Series: s, Points: f.points(time.Second, 0, 1, 2, 3, 4)})
	for _, tt := range []struct {
		name       string
		from, to   time.Duration
		begin, end int // of the values
	}{
		{"first included, last not", time.Second, 3 * time.Second, 1, 3},
		{"one millisecond is a range", 2 * time.Second, 2*time.Second + time.Millisecond, 2, 3},
		{"just before and just after", 999 * time.Millisecond, 3001 * time.Millisecond, 1, 4},
		{"everything", -time.Second, time.Minute, 0, 5},
		{"between samples", 1100 * time.Millisecond, 1900 * time.Millisecond, 0, 0},
		{"before all", -time.Hour, 0, 0, 0},
		{"after all", 4001 * time.Millisecond, time.Hour, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := barograph.Query{Selector: mustSelector("m"), From: f.base.Add(tt.from), To: f.base.Add(tt.to)}
			if tt.begin == tt.end {
				f.expect(t, q)
				return
			}
			f.expect(t, q, barograph.SeriesPoints{Series: s, Points: f.points(time.Second, 0, 1, 2, 3, 4)[tt.begin:tt.end]})
		})
	}
}

func testEmptyRange(f fixture) {
	t := f.t
	f.write(t, barograph.SeriesPoints{Series: series("m"), Points: f.points(time.Second, 1)})
	for _, to := range []time.Time{f.base, f.base.Add(-time.Hour)} {
		for _, step := range []time.Duration{0, time.Minute} {
			f.expect(t, barograph.Query{Selector: mustSelector("m"), From: f.base, To: to, Step: step})
		}
	}
}

func testWideRange(f fixture) {
	t := f.t
	want := barograph.SeriesPoints{Series: series("m"), Points: f.points(time.Second, 1, 2)}
	f.write(t, want)
	for _, from := range []time.Time{{}, time.Unix(0, 0)} {
		f.expect(t, barograph.Query{Selector: mustSelector("m"), From: from, To: f.base.AddDate(5, 0, 0)}, want)
	}
}

func testMatchers(f fixture) {
	t := f.t
	names := []string{"debian", "fedora", "neither", "bare"}
	data := []barograph.SeriesPoints{
		{Series: series("m", "host", "a1", "os", "debian"), Points: f.points(time.Second, 1)},
		{Series: series("m", "host", "a2", "os", "fedora", "role", "web"), Points: f.points(time.Second, 2)},
		{Series: series("m", "host", "b1"), Points: f.points(time.Second, 3)},
		{Series: series("m"), Points: f.points(time.Second, 4)},
	}
	f.write(t, append(slices.Clone(data), barograph.SeriesPoints{
		Series: series("m_other", "host", "a1", "os", "debian"), Points: f.points(time.Second, 5),
	})...)
	for _, tt := range []struct {
		selector string
		want     []string
	}{
		{`m`, names},
		{`m{os="debian"}`, []string{"debian"}},
		{`m{os="Debian"}`, nil},
		{`m{os=""}`, []string{"neither", "bare"}},
		{`m{os!=""}`, []string{"debian", "fedora"}},
		{`m{os!="debian"}`, []string{"fedora", "neither", "bare"}},
		{`m{os!="plan9"}`, names},
		{`m{os=~"deb.*"}`, []string{"debian"}},
		{`m{os=~"debian|fedora"}`, []string{"debian", "fedora"}},
		{`m{os=~"deb"}`, nil}, // expressions match whole values
		{`m{os=~"ebian"}`, nil},
		{`m{os=~"deb|ebian"}`, nil},
		{`m{os=~".*"}`, names},
		{`m{os=~".+"}`, []string{"debian", "fedora"}},
		{`m{os=~"|debian"}`, []string{"debian", "neither", "bare"}},
		{`m{os=~""}`, []string{"neither", "bare"}},
		{`m{os!~"deb.*"}`, []string{"fedora", "neither", "bare"}},
		{`m{os!~"deb"}`, names},
		{`m{os!~".*"}`, nil},
		{`m{os!~".+"}`, []string{"neither", "bare"}},
		{`m{os!~""}`, []string{"debian", "fedora"}},
		{`m{os=~"(?i)DEBIAN"}`, []string{"debian"}},
		{`m{host=~"a[12]",os!="debian"}`, []string{"fedora"}},
		{`m{host=~"a.",os=~".*",role=""}`, []string{"debian"}},
		{`m{host!="a1",host!="a2"}`, []string{"neither", "bare"}},
		{`m{host=~"a.",host!~".1"}`, []string{"fedora"}},
		{`m{host="a1",os="fedora"}`, nil},
		{`m{unknown=""}`, names},
		{`m{unknown!="x"}`, names},
		{`m{unknown!=""}`, nil},
		{`m{unknown="x"}`, nil},
	} {
		t.Run(tt.selector, func(t *testing.T) {
			var want []barograph.SeriesPoints
			for _, n := range tt.want {
				want = append(want, data[slices.Index(names, n)])
			}
			f.expect(t, f.all(tt.selector), want...)
			rolled := f.all(tt.selector)
			rolled.Step, rolled.Rollup = time.Second, barograph.RollupMax
			f.expect(t, rolled, want...)
		})
	}
}

func testEmptyMetric(f fixture) {
	t := f.t
	cpu := barograph.SeriesPoints{Series: series("cpu", "host", "a"), Points: f.points(time.Second, 1, 2)}
	disk := barograph.SeriesPoints{Series: series("disk", "host", "a", "mount", "/"), Points: f.points(time.Second, 3)}
	other := barograph.SeriesPoints{Series: series("disk", "host", "b", "mount", "/"), Points: f.points(time.Second, 4)}
	bare := barograph.SeriesPoints{Series: series("bare"), Points: f.points(time.Second, 5)}
	f.write(t, cpu, disk, other, bare)
	f.expect(t, f.all(`{host="a"}`), cpu, disk)
	f.expect(t, f.all(`{mount!=""}`), disk, other)
	f.expect(t, f.all(`{host!="b"}`), cpu, disk, bare)
	f.expect(t, f.all(``), cpu, disk, other, bare)
}

func testSorted(f fixture) {
	t := f.t
	var data []barograph.SeriesPoints
	for _, name := range []string{"b", "a10", "a", "a2", "B", "ä", "a b", "a,b", `a"b`} {
		data = append(data,
			barograph.SeriesPoints{Series: series("m", "host", name), Points: f.points(time.Second, 1, 2, 3)},
			barograph.SeriesPoints{Series: series("m", "zone", name), Points: f.points(time.Second, 4)},
			barograph.SeriesPoints{Series: series("m2", "host", name), Points: f.points(time.Second, 5)},
		)
	}
	f.write(t, data...)
	got := f.query(t, f.all(""))
	if len(got) != len(data) {
		t.Errorf("%d series, want %d", len(got), len(data))
	}
	var names []string
	for _, sp := range got {
		names = append(names, sp.Series.String())
		if !slices.IsSortedFunc(sp.Points, func(a, b barograph.Point) int { return int(a.UnixMilli - b.UnixMilli) }) {
			t.Errorf("%s: points are not sorted by time", sp.Series)
		}
		if err := sp.Series.Validate(); err != nil {
			t.Errorf("%s: %v", sp.Series, err)
		}
	}
	sorted := slices.Sorted(slices.Values(names))
	if diff := cmp.Diff(sorted, names); diff != "" {
		t.Errorf("order of series (-want +got):\n%s", diff)
	}
}
