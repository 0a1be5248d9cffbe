package alerting

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// TestScripts runs testdata/*.test: the life of a prediction and of a breach,
// as data. A script is one rule and then one line a step:
//
//	rule OPERATOR LIMIT [for=D] [horizon=D] [open_at=P] [close_at=P]
//	TIME sample VALUE
//	TIME forecast PROBABILITY EARLY MEDIAN LATE   (ETA as durations from TIME)
//	TIME refuse STATE
//	TIME tick
//	TIME restore            (what is open, as after a restart)
//	TIME resume VALUE …     (samples a minute apart, the last at TIME)
//	TIME withdraw
//
// followed by "=> EVENT[(DETAIL)] …", all the events that the step must cause.
// A step without => must cause none. DETAIL is the lead of a confirmed
// prediction or a foreseen breach, or "turned".
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.test")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test"), func(t *testing.T) {
			t.Parallel()
			runScript(t, file)
		})
	}
}

var scriptStart = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func runScript(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var s *state
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		step, want, _ := strings.Cut(line, "=>")
		words := strings.Fields(step)
		if words[0] == "rule" {
			s = &state{rule: scriptRule(t, words[1:]), series: barograph.Series{Metric: "m"}}
			continue
		}
		ts := runStep(t, s, words)
		checkTimes(t, ts)
		got := describe(s, ts)
		if want := strings.Join(strings.Fields(want), " "); got != want {
			t.Errorf("%s:%d: %s => %s, want %s", file, n, strings.TrimSpace(step), got, want)
		}
	}
}

// checkTimes tests what holds of every transition: nothing ends before it
// began, and what ended says when and why.
func checkTimes(t *testing.T, ts []transition) {
	t.Helper()
	for _, tr := range ts {
		if b := tr.breach; b != nil && (tr.at.Before(b.StartedAt) || !b.EndedAt.IsZero() && b.EndedAt.Before(b.StartedAt)) {
			t.Errorf("%s at %s of a breach from %s to %s", tr.kind, tr.at, b.StartedAt, b.EndedAt)
		}
		if p := tr.prediction; p != nil && p.State != barograph.PredictionOpen && (p.ClosedAt.Before(p.OpenedAt) || p.CloseReason == "") {
			t.Errorf("%s: opened at %s, closed at %s because %q", tr.kind, p.OpenedAt, p.ClosedAt, p.CloseReason)
		}
	}
}

func runStep(t *testing.T, s *state, words []string) []transition {
	t.Helper()
	at := scriptStart.Add(duration(t, words[0]))
	switch words[1] {
	case "sample":
		return s.observe(at, scriptNumber(t, words[2]))
	case "forecast":
		eta := barograph.ETA{Early: at.Add(duration(t, words[3])), Median: at.Add(duration(t, words[4])), Late: at.Add(duration(t, words[5]))}
		return s.forecast(barograph.Forecast{
			State: barograph.StateForecast, MadeAt: at, Value: s.lastValue, Probability: scriptNumber(t, words[2]), ETA: &eta,
		})
	case "refuse":
		return s.forecast(barograph.Forecast{State: barograph.ForecastState(words[2]), MadeAt: at, Value: s.lastValue, Reason: words[2]})
	case "tick":
		return s.tick(at, barograph.Day)
	case "restore":
		b, p := s.breach, s.prediction
		*s = state{rule: s.rule, series: s.series}
		s.restore(at, b, p)
		return nil
	case "resume":
		var points []barograph.Point
		for i, w := range words[2:] {
			points = append(points, barograph.Point{UnixMilli: at.Add(time.Duration(i-len(words)+3) * time.Minute).UnixMilli(), Value: scriptNumber(t, w)})
		}
		return s.resume(points)
	case "withdraw":
		return s.withdraw(at, "because")
	}
	t.Fatalf("unknown step %q", words)
	return nil
}

func scriptRule(t *testing.T, words []string) *barograph.Rule {
	t.Helper()
	r := &barograph.Rule{
		Operator: barograph.Operator(words[0]), Limit: scriptNumber(t, words[1]), Horizon: barograph.Duration(72 * time.Hour), OpenAt: .7, CloseAt: .4,
	}
	for _, w := range words[2:] {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "for":
			r.For = barograph.Duration(duration(t, value))
		case "horizon":
			r.Horizon = barograph.Duration(duration(t, value))
		case "open_at":
			r.OpenAt = scriptNumber(t, value)
		case "close_at":
			r.CloseAt = scriptNumber(t, value)
		default:
			t.Fatalf("unknown rule setting %q", w)
		}
	}
	return r
}

func describe(s *state, ts []transition) string {
	var out []string
	for _, tr := range ts {
		word := string(tr.kind)
		switch {
		case tr.kind == barograph.EventPredictionConfirmed, tr.kind == barograph.EventBreachStarted && tr.breach.PredictionID != "":
			word += fmt.Sprintf("(%s)", tr.breach.Lead)
		case tr.prediction != nil && tr.prediction.Turned:
			word += "(turned)"
		}
		out = append(out, word)
	}
	if s.prediction != nil && s.prediction.State != barograph.PredictionOpen {
		out = append(out, "CLOSED-PREDICTION-KEPT")
	}
	return strings.Join(out, " ")
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := barograph.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d.Std()
}

func scriptNumber(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
