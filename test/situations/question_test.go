package situations_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// question returns what the forecaster asks the engine about the series at the
// time, provided that all samples came in time.
func (k *watched) question(st *stream, at time.Duration) forecast.Question {
	grid := forecast.NewGrid(k.rule)
	values := make([]float64, 0, int(at/grid.Step)+1)
	for i, v := range st.values[:min(len(st.values), int(at/st.every)+1)] {
		cell := int(time.Duration(i) * st.every / grid.Step)
		for len(values) <= cell {
			values = append(values, math.NaN())
		}
		if old := values[cell]; math.IsNaN(old) || (v > old) == k.rule.Operator.Upward() && !math.IsNaN(v) {
			values[cell] = v
		}
	}
	first := max(0, len(values)-grid.History)
	return forecast.Question{
		Values: values[first:], Start: epoch().Add(time.Duration(first) * grid.Step), Step: grid.Step, Now: epoch().Add(at),
		Limit: k.rule.Limit, Operator: k.rule.Operator, Horizon: grid.Horizon, Bounds: k.rule.Bounds,
	}
}

// wantCurve wants the expected course to stay between two values.
func wantCurve(p *fieldReader, f []string) checker {
	least, most := p.number(f[0]), p.number(f[1])
	engine := forecast.NewEngine()
	return each(func(k *watched, st *stream, s sight) string {
		low, high := least, most
		if k.kase.mirrored {
			low, high = k.kase.pivot-most, k.kase.pivot-least
		}
		curve, ok := engine.Curve(k.question(st, s.at), .8)
		if !ok {
			return "there is no curve"
		}
		for _, v := range curve.Mean {
			if !(v >= low && v <= high) {
				return "the curve goes to " + number(v)
			}
		}
		return ""
	})
}

// writeQuestion adds a question to the file of the test, in the form that
// `barograph forecast --batch` reads.
func writeQuestion(t *testing.T, k *watched, q forecast.Question, why string) {
	t.Helper()
	values := make([]*float64, len(q.Values))
	for i, v := range q.Values {
		if !math.IsNaN(v) {
			values[i] = &v
		}
	}
	direction := "below"
	if q.Operator.Upward() {
		direction = "above"
	}
	text, err := json.Marshal(map[string]any{
		"id": t.Name() + " | " + k.kase.name + " | " + why, "step_seconds": q.Step.Seconds(), "t0": q.Start.Unix(), "values": values,
		"threshold": q.Limit, "direction": direction, "horizon_steps": q.Horizon, "bounds": boundsOf(q.Bounds),
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(*questions, filepath.Base(t.Name())+".jsonl")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// boundsOf returns bounds as a pair.
func boundsOf(b *barograph.Bounds) any {
	if b == nil {
		return nil
	}
	return [2]*float64{b.Min, b.Max}
}
