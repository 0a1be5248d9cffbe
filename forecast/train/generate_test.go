package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGeneratedQuestions checks every generated question against its series.
func TestGeneratedQuestions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	series, asked := writeSeries(t, dir)
	plain, packed := filepath.Join(dir, "a.jsonl"), filepath.Join(dir, "a.jsonl.gz")
	for _, target := range []string{plain, packed} {
		if err := generateQuestions([]string{asked}, []string{series}, 6, target); err != nil {
			t.Fatal(err)
		}
	}
	questions := readQuestions(t, packed)
	if !cmp.Equal(readQuestions(t, plain), questions, cmp.AllowUnexported(given{})) {
		t.Error("the same input gives another output")
	}
	if magic, err := os.ReadFile(packed); err != nil || !bytes.HasPrefix(magic, []byte{0x1f, 0x8b}) {
		t.Errorf("%s isn't compressed: %v", packed, err)
	}
	if len(questions) != 6*courses {
		t.Errorf("%d questions, want %d", len(questions), 6*courses)
	}
	ids, rules, crossed, ways := map[string]bool{}, map[kind]bool{}, map[bool]int{}, map[string]int{}
	for _, q := range questions {
		checkGenerated(t, q)
		ids[q.ID] = true
		rules[q.Rule] = true
		crossed[q.Truth.FirstPassage != nil]++
		ways[q.Direction]++
	}
	if len(ids) != len(questions) {
		t.Errorf("%d IDs for %d questions", len(ids), len(questions))
	}
	if want := []kind{distance, line, maximum, quantile, round}; !slices.Equal(slices.Sorted(maps.Keys(rules)), want) {
		t.Errorf("kinds %v, want %v", rules, want)
	}
	if min(crossed[true], crossed[false], ways["above"], ways["below"]) < len(questions)/6 {
		t.Errorf("crossed: %v, %v", crossed, ways)
	}
}

// checkGenerated looks the question up in the series it is about.
func checkGenerated(t *testing.T, q given) {
	t.Helper()
	number, err := strconv.Atoi(q.ID[len("host-"):len("host-00")])
	if err != nil {
		t.Fatal(err)
	}
	_, moment, _ := strings.Cut(q.ID, "@")
	moment, _, _ = strings.Cut(moment, "-")
	now, err := strconv.Atoi(moment)
	if err != nil {
		t.Fatal(err)
	}
	values := course(number, 400)
	values[200+number] = math.NaN()
	history := values[now+1-len(q.Values) : now+1]
	if !cmp.Equal(pointers(history), q.Values) {
		t.Fatalf("%s: the values aren't those that were known", q.ID)
	}
	beyond := func(v float64) bool {
		return q.upward() && v >= q.Threshold || !q.upward() && v <= q.Threshold
	}
	if beyond(values[now]) {
		t.Errorf("%s: %v is %s %v already", q.ID, values[now], q.Direction, q.Threshold)
	}
	first := slices.IndexFunc(values[now+1:now+1+q.Horizon], beyond) + 1
	if at := q.Truth.FirstPassage; at == nil && first != 0 || at != nil && *at != first {
		t.Errorf("%s: crossed at step %d, the question has %v", q.ID, first, at)
	}
}

// TestOutcomeIsNotLookedAt draws the same questions before two futures.
func TestOutcomeIsNotLookedAt(t *testing.T) {
	t.Parallel()
	drawn := 0
	for i, k := range kinds() {
		like := given{question: question{ID: "host/value@9", Step: 300, Horizon: 24}, Rule: k, known: 500}
		one := course(i%4, 325) // with room for a single moment: see moment
		for j := range one[:301] {
			one[j] += 30
		}
		other := slices.Clone(one)
		for j := 301; j < len(other); j++ {
			other[j] = 1000 * float64(j%2*2-1)
		}
		for seed := range uint64(20) {
			a, ok := (&generator{random: rand.New(rand.NewPCG(seed, 0))}).draw(like, one)
			b, same := (&generator{random: rand.New(rand.NewPCG(seed, 0))}).draw(like, other)
			if ok != same || a.Threshold != b.Threshold || a.Direction != b.Direction || len(a.Values) != len(b.Values) {
				t.Errorf("%s, seed %d: %v %s %v, before another future %v %s %v", k, seed, ok, a.Direction, a.Threshold, same, b.Direction, b.Threshold)
			}
			if ok {
				drawn++
			}
		}
	}
	if drawn < 80 {
		t.Errorf("%d questions drawn, want at least 80", drawn)
	}
}

func TestPassage(t *testing.T) {
	t.Parallel()
	null := math.NaN()
	for _, c := range []struct {
		future      []float64
		sign, limit float64
		want        int
		known       bool
	}{
		{[]float64{1, 2, 3}, 1, 2, 2, true},
		{[]float64{1, 2, 3}, 1, 4, 0, true},
		{[]float64{3, 2, 1}, -1, -1, 3, true},
		{[]float64{null, null, 3}, 1, 3, 3, true},
		{[]float64{null, null, 3}, 1, 4, 0, false},
		{[]float64{1, 1, 1, 1, null}, 1, 4, 0, true},
	} {
		at, known := passage(c.future, c.sign, c.limit)
		got := 0
		if at != nil {
			got = *at
		}
		if got != c.want || known != c.known {
			t.Errorf("passage(%v, %v, %v) = %d, %v, want %d, %v", c.future, c.sign, c.limit, got, known, c.want, c.known)
		}
	}
}

// TestLimits has a past whose limits of each kind can be told.
func TestLimits(t *testing.T) {
	t.Parallel()
	values := make([]float64, 101)
	for i := range values {
		values[i] = float64(i)
	}
	for k, within := range map[kind][2]float64{
		quantile: {85, 99.5}, distance: {100, 160}, maximum: {100, 110}, line: {101, 113}, percentage: {5, 95},
		growth: {100.1, 110}, count: {3, 50}, round: {110, 150},
	} {
		for seed := range uint64(50) {
			p := newPast(values, 10, true)
			got := k.limit(p, rand.New(rand.NewPCG(seed, 1)))
			if got < within[0]-1e-9 || got > within[1]+1e-9 {
				t.Errorf("%s, seed %d: %v, want within %v", k, seed, got, within)
			}
		}
	}
	falling := newPast(values, 10, false)
	if limit := line.limit(falling, rand.New(rand.NewPCG(1, 1))); falling.sign != 1 || limit < 101 {
		t.Errorf("the line of what rises leads to %v, sign %v", limit, falling.sign)
	}
}

func TestRounding(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]float64{1234: 1230, -0.012345: -.0123, 0: 0, 99.96: 100} {
		if got := rounded(v); got != want {
			t.Errorf("rounded(%v) = %v, want %v", v, got, want)
		}
	}
	for v, want := range map[float64]float64{1.5: 1, 2: 2, 49: 20, 60: 50, .03: .02} {
		if got := roundStep(v); math.Abs(got-want) > 1e-12 {
			t.Errorf("roundStep(%v) = %v, want %v", v, got, want)
		}
	}
}

func TestSeriesAreFoundByName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	series := filepath.Join(dir, "series.jsonl")
	values := pointers(course(1, 400))
	for name, found := range map[string]bool{"H7": true, "set/H7": true, "H": false} {
		err := writeLines(series, func(lines *json.Encoder) error {
			return lines.Encode(recorded{ID: name, Step: 300, Values: values})
		})
		if err != nil {
			t.Fatal(err)
		}
		target, err := generateFor(t, dir, series, question{ID: "set/H7/0", Step: 300, Values: values[:300], Horizon: 24})
		if !found {
			if err == nil {
				t.Errorf("series %s was found", name)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range readQuestions(t, target) {
			if q.series() != "set/H7" {
				t.Errorf("question %s is about %s", q.ID, q.series())
			}
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	series, asked := writeSeries(t, dir)
	if err := generateQuestions([]string{asked}, []string{series}, 1, ""); err == nil || !strings.Contains(err.Error(), "-out") {
		t.Errorf("no target: %v", err)
	}
	for _, c := range []struct {
		q    any
		says string
	}{
		{question{ID: "host-01/value@1", Step: 60, Horizon: 5}, "step of 300 seconds"},
		{question{ID: "host-01/value@1", Step: 300}, "horizon"},
		{given{question: question{ID: "host-01/value@1", Step: 300, Horizon: 5}, Rule: "guess"}, `"guess"`},
	} {
		if _, err := generateFor(t, dir, series, c.q); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: error %v, want one that says %q", c.q, err, c.says)
		}
	}
}

// generateFor generates from a single question.
func generateFor(t *testing.T, dir, series string, q any) (target string, err error) {
	t.Helper()
	asked := filepath.Join(dir, "one.jsonl")
	if err := writeLines(asked, func(lines *json.Encoder) error { return lines.Encode(q) }); err != nil {
		t.Fatal(err)
	}
	target = filepath.Join(dir, "generated.jsonl")
	return target, generateQuestions([]string{asked}, []string{series}, 4, target)
}

func readQuestions(t *testing.T, file string) (out []given) {
	t.Helper()
	err := readLines(file, func(line []byte) error {
		var q given
		out = append(out, given{})
		err := json.Unmarshal(line, &q)
		out[len(out)-1] = q
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
