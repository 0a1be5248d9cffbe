package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// TestTrain makes series, questions about them, and coefficients out of these.
func TestTrain(t *testing.T) {
	dir := t.TempDir()
	series, asked := writeSeries(t, dir)
	questions := filepath.Join(dir, "further.jsonl.gz")
	mustRun(t, "-generate", series, "-each", "5", "-out", questions, asked)
	mixture, answers := filepath.Join(dir, "mixture.json"), filepath.Join(dir, "answers.jsonl")
	mustRun(t, "-more", questions, "-folds", "3", "-out", mixture, "-answers", answers, questions)

	rows, err := load([]string{questions}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 100 {
		t.Fatalf("%d questions, want at least 100", len(rows))
	}
	cross := crossValidate(rows, len(rows), 3, engineWith)
	if got, base := brier(cross), baseRateBrier(rows); got > .8*base {
		t.Errorf("Brier %.4f, that of the base rate is %.4f", got, base)
	}
	checkAnswers(t, answers, len(rows))
	checkMixture(t, mixture, fit(append(reweighted(rows, 3), rows...), make([]bool, 2*len(rows))), rows)
}

// checkMixture reads coefficients back: they are those that were fitted, and
// answer the same.
func checkMixture(t *testing.T, file string, fitted []float64, rows []row) {
	t.Helper()
	read := readMixture(t, file)
	names, nonNegative := forecast.NewEngine().Terms()
	b, some := make([]float64, len(names)), 0
	for j, name := range names {
		b[j] = read[name]
		delete(read, name)
		if math.Abs(b[j]-fitted[j]) > 1e-4 {
			t.Errorf("coefficient %q is %v in the file, %v was fitted", name, b[j], fitted[j])
		}
		if j < nonNegative && b[j] < 0 {
			t.Errorf("coefficient %q is %v, below 0", name, b[j])
		}
		if j < nonNegative && b[j] > 0 {
			some++
		}
	}
	if len(read) > 0 || some == 0 {
		t.Errorf("%d models' coefficients above 0, unknown ones %v", some, read)
	}
	for _, r := range rows {
		want, got := apply(fitted, r.evidence), apply(b, r.evidence)
		for k := range got {
			if math.Abs(got[k]-want[k]) > .002 {
				t.Fatalf("question %s: %v with the coefficients of the file, want %v", r.id, got, want)
			}
		}
	}
}

func checkAnswers(t *testing.T, file string, want int) {
	t.Helper()
	n := 0
	err := readLines(file, func(line []byte) error {
		var a struct {
			ID  string       `json:"id"`
			CDF forecast.CDF `json:"cdf"`
		}
		n++
		if err := json.Unmarshal(line, &a); err != nil {
			return err
		}
		least := 0.
		for _, f := range a.CDF {
			if f < least || f > forecast.CeilingProbability {
				return fmt.Errorf("%s: %v is no distribution", a.ID, a.CDF)
			}
			least = f
		}
		return nil
	})
	if err != nil || n != want {
		t.Errorf("%d answers, %v, want %d", n, err, want)
	}
}

// TestApply holds the fit to what the engine does with the coefficients it has.
func TestApply(t *testing.T) {
	engine := forecast.NewEngine()
	names, _ := engine.Terms()
	read := readMixture(t, filepath.Join("..", "mixture.json"))
	b := make([]float64, len(names))
	for j, name := range names {
		b[j] = read[name]
	}
	compared := 0
	for i := range 12 {
		values := course(i, 400)
		q := question{ID: "a@1", Step: 300, Values: pointers(values), Threshold: values[399] + 3, Horizon: 24}.ask()
		answer := engine.Answer(q)
		evidence, ok := engine.Evidence(q)
		if !ok || answer.State != barograph.StateForecast {
			continue
		}
		compared++
		for k, f := range apply(b, evidence) {
			if math.Abs(f-answer.CDF[k]) > forecast.FloorProbability {
				t.Errorf("course %d, point %d: %v, the engine says %v", i, k, f, answer.CDF[k])
			}
		}
	}
	if compared < 6 {
		t.Errorf("the engine answered %d questions, want at least 6", compared)
	}
}

func TestCrossedCells(t *testing.T) {
	t.Parallel()
	engine := forecast.NewEngine()
	for _, c := range []struct{ at, horizon, first int }{
		{1, 20, 0},
		{2, 20, 1},
		{20, 20, 19},
		{1, 40, 0},
		{2, 40, 0},
		{3, 40, 1},
		{40, 40, 19},
		{1, 7, 2},
		{6, 7, 17},
		{7, 7, 19},
		{1, 1, 19},
		{17, 96, 3},
		{0, 96, barograph.CDFPoints},
	} {
		q := question{ID: "a@1", Step: 300, Values: pointers(course(1, 300)), Threshold: 1e3, Horizon: c.horizon}
		if c.at > 0 {
			q.Truth.FirstPassage = &c.at
		}
		for k, crossed := range q.row(engine, 1).crossed {
			if crossed != (k >= c.first) {
				t.Errorf("crossed at step %d of %d: point %d says %v", c.at, c.horizon, k, crossed)
			}
		}
	}
}

func TestSeriesOfQuestion(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"host/cpu@1200": "host/cpu", "host/cpu@1200-further-7": "host/cpu", "set/H200/0": "set/H200", "set/H200/1": "set/H200",
		"set/H200/0@3-further-5": "set/H200", "host/cpu": "host/cpu", "host": "host", "a/b/disk/c": "a/b/disk",
	} {
		if got := (question{ID: id}).series(); got != want {
			t.Errorf("question %q is about %q, want %q", id, got, want)
		}
	}
}

// TestFoldsKeepSeriesTogether gives every series a term of its own that tells
// its truth. Whoever learns from questions about the series that is being
// answered says more than one half there.
func TestFoldsKeepSeriesTogether(t *testing.T) {
	t.Parallel()
	names, _ := forecast.NewEngine().Terms()
	var rows []row
	const asked, further, subjects, folds = 2, 20, 12, 4
	used := map[int]bool{}
	for n := range asked + further { // the further ones follow those that are scored
		for s := range subjects {
			r := row{id: fmt.Sprint(n), series: fmt.Sprintf("host-%d/cpu", s), weight: 10}
			for k := range r.crossed {
				r.crossed[k] = true
				r.evidence[k] = make([]float64, len(names))
				r.evidence[k][s] = 1
			}
			rows = append(rows, r)
			used[foldOf(r.series, folds)] = true
		}
	}
	if len(used) != folds {
		t.Errorf("%d folds in use, want %d", len(used), folds)
	}
	if b := fit(rows, make([]bool, len(rows))); b[0] < 1 {
		t.Fatalf("nothing is learnt from the term that tells the truth: %v", b[:subjects])
	}
	cross := crossValidate(rows, asked*subjects, folds, applied)
	for i, c := range cross.answers {
		if c[0] != .5 {
			t.Errorf("%s: %v, so it was fitted to its own series", rows[i].series, c[0])
		}
	}
}

// TestFit finds coefficients that the answers were drawn with, whatever the
// terms' scales, and none below zero where that isn't allowed.
func TestFit(t *testing.T) {
	t.Parallel()
	names, nonNegative := forecast.NewEngine().Terms()
	want := map[int]float64{0: .8, 1: 0, nonNegative: -1, nonNegative + 1: .02}
	r := rand.New(rand.NewPCG(5, 5))
	rows := make([]row, 4000)
	for i := range rows {
		x := make([]float64, len(names))
		x[0], x[1], x[nonNegative], x[nonNegative+1] = r.NormFloat64(), r.NormFloat64(), 1, 100*r.NormFloat64()
		z := -x[1] / 4 // what the fit may not follow
		for j, b := range want {
			z += b * x[j]
		}
		crossed := r.Float64() < 1/(1+math.Exp(-z))
		rows[i].weight = 1
		for k := range rows[i].crossed {
			rows[i].evidence[k], rows[i].crossed[k] = x, crossed
		}
	}
	got := fit(rows, make([]bool, len(rows)))
	for j, b := range want {
		if math.Abs(got[j]-b) > .1*math.Abs(b) {
			t.Errorf("coefficient %q is %v, want about %v", names[j], got[j], b)
		}
	}
}

// TestDescend compares with solutions that are known, and checks the conditions
// of Karush, Kuhn and Tucker where none is.
func TestDescend(t *testing.T) {
	t.Parallel()
	gram, moments := symmetric([][]float64{{2, 1}, {1, 2}}), []float64{1, -1}
	for nonNegative, want := range [][]float64{{1, -1}, {1, -1}, {.5, 0}} {
		b := []float64{3, 3}
		descend(gram, moments, b, nonNegative)
		for j := range b {
			if math.Abs(b[j]-want[j]) > 1e-6 {
				t.Errorf("the first %d not negative: %v, want %v", nonNegative, b, want)
			}
		}
	}
	r := rand.New(rand.NewPCG(3, 3))
	for range 20 {
		checkOptimal(t, r, 10, 7)
	}
}

func checkOptimal(t *testing.T, r *rand.Rand, n, nonNegative int) {
	t.Helper()
	x := make([][]float64, n)
	moments := make([]float64, n)
	for i := range x {
		x[i] = make([]float64, n)
		for j := range x[i] {
			x[i][j] = r.NormFloat64()
		}
		moments[i] = 5 * r.NormFloat64()
	}
	square := make([][]float64, n)
	for i := range square {
		square[i] = make([]float64, n)
		for j := range square[i] {
			for k := range n {
				square[i][j] += x[k][i] * x[k][j]
			}
		}
		square[i][i] += 3
	}
	b := make([]float64, n)
	descend(symmetric(square), moments, b, nonNegative)
	for j := range b {
		slope := -moments[j]
		for l := range b {
			slope += square[j][l] * b[l]
		}
		switch {
		case j < nonNegative && b[j] < 0:
			t.Errorf("coefficient %d is %v", j, b[j])
		case j < nonNegative && b[j] == 0 && slope < -1e-4, (j >= nonNegative || b[j] > 0) && math.Abs(slope) > 1e-4:
			t.Errorf("coefficient %d is %v, where the slope is %v", j, b[j], slope)
		}
	}
}

func mustRun(t *testing.T, args ...string) {
	t.Helper()
	if err := run(args, io.Discard); err != nil {
		t.Fatalf("train %q: %v", args, err)
	}
}

func readMixture(t *testing.T, file string) (m map[string]float64) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}
