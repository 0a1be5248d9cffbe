// Package storetest is the conformance suite of series stores: what the
// contracts of barograph.SampleWriter, barograph.SampleReader and
// barograph.SeriesLister promise, as tests that every backend runs.
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) storetest.Store { return openEmpty(t) })
//	}
//
// Every subtest opens a store of its own and expects it empty. Samples are
// written around the present, at most a day back, since stores refuse what is
// too old or ahead of time.
package storetest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/barograph/barograph"
)

// Store is what a backend has to offer.
type Store interface {
	barograph.SampleWriter
	barograph.SampleReader
	barograph.SeriesLister
}

// Option tells the suite what a backend can do beyond the contract.
type Option func(*suite)

// RefusesOlderThan adds the tests of partial refusal: the backend refuses
// samples of this age, for good and one by one.
func RefusesOlderThan(age time.Duration) Option {
	return func(s *suite) { s.tooOld = age }
}

// Rounds says that the backend keeps values in decimal, and so much of a value
// may be lost, as a part of it; values that many powers of ten lie between
// don't stay well in one series.
func Rounds(part float64) Option {
	return func(s *suite) { s.rounds = part }
}

// RegexpsMiss says that the backend's expressions don't match these values of
// labels as they should.
func RegexpsMiss(values ...string) Option {
	return func(s *suite) { s.missed = values }
}

// Run runs the suite. open returns an empty store that is closed when its test
// ends, by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Store, options ...Option) {
	t.Helper()
	// Whole hours make steps of up to an hour begin at base.
	s := suite{base: time.Now().Add(-3 * time.Hour).Truncate(time.Hour)}
	for _, o := range options {
		o(&s)
	}
	for _, test := range s.tests() {
		t.Run(test.name, func(t *testing.T) {
			test.run(fixture{suite: s, t: t, store: open(t)})
		})
	}
}

type suite struct {
	base   time.Time // the time that tests count from
	tooOld time.Duration
	rounds float64  // part of a value
	missed []string // values that no expression is tried on
}

type test struct {
	name string
	run  func(fixture)
}

func (s suite) tests() []test {
	all := []test{
		{"ReadBack", testReadBack},
		{"EmptyBatch", testEmptyBatch},
		{"KeepsNoReference", testKeepsNoReference},
		{"HalfOpenRange", testHalfOpenRange},
		{"EmptyRange", testEmptyRange},
		{"WideRange", testWideRange},
		{"Matchers", testMatchers},
		{"EmptyMetric", testEmptyMetric},
		{"NothingChosen", testNothingChosen},
		{"Sorted", testSorted},
		{"Rollup", testRollup},
		{"RollupPartialSteps", testRollupPartialSteps},
		{"RollupLargest", testRollupLargest},
		{"RollupIsEpochAligned", testRollupEpochAligned},
		{"RollupLikeRaw", testRollupLikeRaw},
		{"SameBatchTwice", testSameBatchTwice},
		{"OutOfOrder", testOutOfOrder},
		{"StrangeValues", testStrangeValues},
		{"StrangeNames", testStrangeNames},
		{"RegexpOnStrangeValues", testRegexpOnStrangeValues},
		{"Limits", testLimits},
		{"Floats", testFloats},
		{"ManySeries", testManySeries},
		{"ListSeries", testListSeries},
		{"ListSeriesInRange", testListSeriesInRange},
		{"ListSeriesLimit", testListSeriesLimit},
		{"Concurrent", testConcurrent},
		{"Cancelled", testCancelled},
	}
	if s.tooOld > 0 {
		all = append(all, test{"PartialRefusal", testPartialRefusal}, test{"TotalRefusal", testTotalRefusal})
	}
	return all
}

// fixture is the suite with the store of one test.
type fixture struct {
	suite

	t     *testing.T
	store Store
}

// at returns the time so much after base, in milliseconds.
func (f fixture) at(after time.Duration) int64 { return f.base.Add(after).UnixMilli() }

// points returns points at base and every so much after it.
func (f fixture) points(every time.Duration, values ...float64) []barograph.Point {
	out := make([]barograph.Point, len(values))
	for i, v := range values {
		out[i] = barograph.Point{UnixMilli: f.at(time.Duration(i) * every), Value: v}
	}
	return out
}

func (f fixture) write(t *testing.T, data ...barograph.SeriesPoints) {
	t.Helper()
	if err := f.store.Write(t.Context(), samples(data)); err != nil {
		t.Fatalf("Write: %v", err)
	}
}

// all returns a query for everything that the tests write.
func (f fixture) all(selector string) barograph.Query {
	return barograph.Query{
		Selector: mustSelector(selector),
		From:     f.base.Add(-barograph.Day), To: f.base.Add(barograph.Day),
	}
}

func (f fixture) query(t *testing.T, q barograph.Query) []barograph.SeriesPoints {
	t.Helper()
	got, err := f.store.Select(t.Context(), q)
	if err != nil {
		t.Fatalf("Select(%s): %v", q.Selector, err)
	}
	return got
}

// expect queries and compares, in the order of the contract.
func (f fixture) expect(t *testing.T, q barograph.Query, want ...barograph.SeriesPoints) {
	t.Helper()
	want = slices.Clone(want)
	slices.SortFunc(want, func(a, b barograph.SeriesPoints) int {
		return strings.Compare(a.Series.String(), b.Series.String())
	})
	if diff := cmp.Diff(want, f.query(t, q), cmpopts.EquateEmpty(), f.equate()); diff != "" {
		t.Errorf("Select(%s) from %s to %s step %s %s (-want +got):\n%s", q.Selector,
			q.From.Format(time.TimeOnly), q.To.Format(time.TimeOnly), q.Step, q.Rollup, diff)
	}
}

// equate compares values as exactly as the backend keeps them.
func (s suite) equate() cmp.Option {
	if s.rounds > 0 {
		return cmpopts.EquateApprox(s.rounds, 0)
	}
	return cmp.Options{}
}

// series returns a series from its metric and pairs of label name and value.
func series(metric string, pairs ...string) barograph.Series {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return barograph.Series{Metric: metric, Labels: barograph.NewLabels(m)}
}

func samples(data []barograph.SeriesPoints) []barograph.Sample {
	var out []barograph.Sample
	for _, d := range data {
		for _, p := range d.Points {
			out = append(out, barograph.Sample{Series: d.Series, UnixMilli: p.UnixMilli, Value: p.Value})
		}
	}
	return out
}

func mustSelector(text string) barograph.Selector {
	s, err := barograph.ParseSelector(text)
	if err != nil {
		panic(err) // a mistake in the suite itself
	}
	return s
}

func testReadBack(f fixture) {
	t := f.t
	a := barograph.SeriesPoints{Series: series("cpu_usage_ratio", "host", "a"), Points: f.points(time.Second, 0.5, 0.25, 1)}
	b := barograph.SeriesPoints{Series: series("cpu_usage_ratio", "host", "b", "os", "debian"), Points: f.points(time.Minute, 0, -1)}
	bare := barograph.SeriesPoints{Series: series("processes"), Points: f.points(time.Millisecond, 100, 101)}
	f.write(t, a, b, bare)
	f.expect(t, f.all("cpu_usage_ratio"), a, b)
	f.expect(t, f.all("processes"), bare)
	f.expect(t, f.all(`cpu_usage_ratio{host="b"}`), b)
}

func testEmptyBatch(f fixture) {
	t := f.t
	if err := f.store.Write(t.Context(), nil); err != nil {
		t.Errorf("Write of nothing: %v", err)
	}
}

func testKeepsNoReference(f fixture) {
	t := f.t
	want := barograph.SeriesPoints{Series: series("m", "host", "a"), Points: f.points(time.Second, 1, 2, 3)}
	batch := samples([]barograph.SeriesPoints{want})
	if err := f.store.Write(t.Context(), batch); err != nil {
		t.Fatalf("Write: %v", err)
	}
	for i := range batch {
		batch[i] = barograph.Sample{Series: series("other"), UnixMilli: 1, Value: -1}
	}
	f.expect(t, f.all(""), want)
}

func testNothingChosen(f fixture) {
	t := f.t
	f.expect(t, f.all("nothing"))
	f.write(t, barograph.SeriesPoints{Series: series("m", "host", "a"), Points: f.points(time.Second, 1)})
	f.expect(t, f.all("nothing"))
	f.expect(t, f.all(`m{host="z"}`))
	f.expect(t, f.all(`m{nothing=~".+"}`))
}

func testCancelled(f fixture) {
	t := f.t
	data := []barograph.SeriesPoints{{Series: series("m", "host", "a"), Points: f.points(time.Second, 1)}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.store.Write(ctx, samples(data)); err == nil {
		t.Error("Write with a cancelled context returned no error")
	}
	if _, err := f.store.Select(ctx, f.all("m")); err == nil {
		t.Error("Select with a cancelled context returned no error")
	}
	if _, _, err := f.store.Series(ctx, f.allSeries("m")); err == nil {
		t.Error("Series with a cancelled context returned no error")
	}
	f.write(t, data...) // the store still works
	f.expect(t, f.all("m"), data...)
}
