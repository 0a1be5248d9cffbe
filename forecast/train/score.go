package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// outcome is a cross-validated answer to each of the scored questions.
type outcome struct {
	rows    []row
	answers []forecast.CDF
}

// answerer answers questions by coefficients.
type answerer func(coefficients []float64) func(row) forecast.CDF

// engineWith answers as the engine would with the coefficients, with all that
// it does besides.
func engineWith(coefficients []float64) func(row) forecast.CDF {
	engine := forecast.NewEngineWith(named(coefficients))
	return func(r row) forecast.CDF { return engine.Answer(r.question).CDF }
}

// crossValidate answers the first rows, each by coefficients that were fitted
// to other series only.
func crossValidate(rows []row, scored, folds int, by answerer) outcome {
	out := outcome{rows[:scored], make([]forecast.CDF, scored)}
	for fold := range folds {
		leftOut := make([]bool, len(rows))
		for i := range rows {
			leftOut[i] = foldOf(rows[i].series, folds) == fold
		}
		answer := by(fit(rows, leftOut))
		for i := range out.answers {
			if leftOut[i] {
				out.answers[i] = answer(rows[i])
			}
		}
	}
	return out
}

func foldOf(series string, folds int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(series)) // never fails
	return int(h.Sum32()>>8) % folds
}

// String gives the scores: the mean squared error of the probability (Brier
// 1950), its mean over the horizon (the ranked probability score of the time of
// crossing), and how sharp the warnings at one half are.
func (o outcome) String() string {
	var brier, ranked, hits, alarms, missed float64
	for i, c := range o.answers {
		for k, f := range c {
			ranked += square(f-truthOf(o.rows[i].crossed[k])) / float64(len(c)*len(o.answers))
		}
		p, crossed := c[len(c)-1], o.rows[i].crossed[barograph.CDFPoints-1]
		brier += square(p-truthOf(crossed)) / float64(len(o.answers))
		switch {
		case p >= .5 && crossed:
			hits++
		case p >= .5:
			alarms++
		case crossed:
			missed++
		}
	}
	return fmt.Sprintf("cross-validated: Brier %.4f, CRPS %.4f, F1 %.3f", brier, ranked, 2*hits/(2*hits+alarms+missed))
}

func truthOf(crossed bool) float64 {
	if crossed {
		return 1
	}
	return 0
}

func square(v float64) float64 { return v * v }

// write writes the answers, an object a line.
func (o outcome) write(file string) (err error) {
	f, err := os.Create(file) //nolint:gosec // named by whoever runs the command
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	lines := json.NewEncoder(f)
	for i, c := range o.answers {
		if err := lines.Encode(map[string]any{"id": o.rows[i].id, "cdf": c}); err != nil {
			return err
		}
	}
	return nil
}
