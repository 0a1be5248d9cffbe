// Package situations_test plays situations that users of other monitoring
// systems complained about through a whole server: samples come in by HTTP,
// are stored, forecast and judged, and what is recorded is read back. Each
// situation is a script in testdata, named after where it comes from;
// testdata/README.md says how they are written. Time is simulated.
package situations_test

import (
	"flag"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// questions is where the question behind each forecast that fails a script goes.
var questions = flag.String("questions", "", "write the questions behind failures to this directory, as `barograph forecast --batch` reads them")

// TestMain lets memory grow: a dozen servers that live a minute need no thrift.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

func TestSituations(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			s, err := readScript(path)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			w := play(t, s)
			w.judge()
		})
	}
}

// judge holds what happened against what the script expects, and against what
// is true of every situation.
func (w *world) judge() {
	w.t.Helper()
	for _, text := range []string{"level=ERROR", "panic"} {
		if log := w.log.String(); strings.Contains(log, text) {
			w.t.Errorf("the log says %s:\n%s", text, log)
		}
	}
	for _, k := range w.watched {
		for _, st := range k.streams {
			for _, s := range k.seen[st.series.String()] {
				k.checkSound(w.t, s)
			}
			for _, e := range k.expectations {
				w.judgeOne(k, st, e)
			}
		}
	}
}

func (w *world) judgeOne(k *watched, st *stream, e expectation) {
	w.t.Helper()
	if e.series != "" && e.series != st.block.name {
		return
	}
	from, err := e.from.in(w, k, st)
	if err != nil {
		w.t.Errorf("%s: %s", k.kase.name, e.line.wrong(err))
		return
	}
	until, err := e.until.in(w, k, st)
	if err != nil {
		w.t.Errorf("%s: %s", k.kase.name, e.line.wrong(err))
		return
	}
	if e.once {
		from = w.sweepAt(min(from, k.end-1))
		until = from + 1
	}
	if wrong := e.check(k, st, span{from, min(until, k.end)}); wrong != "" {
		w.t.Errorf("%s, limit %v: line %d: %q: %s", k.kase.name, k.rule.Limit, e.line.number, e.line.text, wrong)
		if *questions != "" {
			writeQuestion(w.t, k, k.question(st, from), e.line.text)
		}
	}
}

// sweepAt returns the last sweep up to the time.
func (w *world) sweepAt(at time.Duration) time.Duration {
	since := max(0, at-w.script.watch)
	return w.script.watch + since - since%w.script.sweep
}

// checkSound checks what is true of every forecast.
func (k *watched) checkSound(t *testing.T, s sight) {
	t.Helper()
	f := s.forecast
	switch {
	case f.Reason == "" || strings.Contains(f.Reason, "NaN") || strings.Contains(f.Reason, "Inf"):
		t.Errorf("%s, %s: the reason is %q", k.kase.name, clockTime(s.at), f.Reason)
	case f.State != barograph.StateForecast:
		if f.Probability != 0 || f.ETA != nil {
			t.Errorf("%s, %s: a refusal with a probability or an ETA: %s", k.kase.name, clockTime(s.at), describe(f))
		}
	case !(f.Probability > 0 && f.Probability < 1) || f.ETA == nil:
		t.Errorf("%s, %s: %s", k.kase.name, clockTime(s.at), describe(f))
	case f.ETA.Early.Before(f.MadeAt) || f.ETA.Late.After(f.MadeAt.Add(f.Horizon.Std())) || f.ETA.Median.Before(f.ETA.Early) || f.ETA.Late.Before(f.ETA.Median):
		t.Errorf("%s, %s: an ETA outside the horizon, or in disorder: %s", k.kase.name, clockTime(s.at), describe(f))
	}
}
