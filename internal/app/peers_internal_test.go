package app

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/shares"
)

// made are the forecasts of a server.
type made []barograph.Forecast

func (m made) Latest(barograph.RuleID, string) []barograph.Forecast { return slices.Clone(m) }

// askerFunc is a bus.
type askerFunc func(server, question string, data []byte) ([]byte, error)

func (f askerFunc) Ask(_ context.Context, server, question string, data []byte) ([]byte, error) {
	return f(server, question, data)
}

// join has two servers join; the first holds everything, as yet.
func join(tb testing.TB) (first, second *shares.Shares) {
	tb.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := configdb.Open(tb.Context(), configdb.DefaultConfig(), configdb.Deps{
		Dir: tb.TempDir(), Clock: barograph.WallClock{}, Log: log, Metrics: metrics.NewSet(),
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	both := make([]*shares.Shares, 2)
	for i := range both {
		if both[i], err = shares.Join(tb.Context(), db, barograph.Server{ID: fmt.Sprintf("srv_%d", i+1)}, log); err != nil {
			tb.Fatal(err)
		}
	}
	return both[0], both[1]
}

func manyForecasts(n int) (all made) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		all = append(all, barograph.Forecast{
			RuleID: "rul_1", State: barograph.StateForecast, MadeAt: at, Probability: float64(i*7919%n) / float64(n),
			ETA:    &barograph.ETA{Early: at, Median: at.Add(time.Hour), Late: at.Add(2 * time.Hour)},
			Series: barograph.Series{Metric: "m", Labels: barograph.NewLabels(map[string]string{"host": fmt.Sprintf("host-%d", i)})},
		})
	}
	return all
}

func TestWholeForecasts(t *testing.T) {
	t.Parallel()
	first, second := join(t)
	holder := wholeForecasts{peers{first, nil}, manyForecasts(1000)}
	answer := func(most int) askerFunc {
		return func(server, question string, data []byte) ([]byte, error) {
			if server != "srv_1" || question != askForecasts {
				t.Errorf("%s is asked for %s", server, question)
			}
			return holder.answer(t.Context(), data, most)
		}
	}
	stale := manyForecasts(5) // of rules that were this server's before
	asked := func(bus askerFunc) wholeForecasts { return wholeForecasts{peers{second, bus}, stale} }
	for name, tt := range map[string]struct {
		bus     askerFunc
		filter  barograph.ForecastFilter
		least   int
		missing string
	}{
		"all":      {answer(1 << 20), barograph.ForecastFilter{}, 1000, ""},
		"few":      {answer(1 << 20), barograph.ForecastFilter{Limit: 10}, 10, ""},
		"a host":   {answer(1 << 20), barograph.ForecastFilter{Host: "host-7"}, 1, ""},
		"no state": {answer(1 << 20), barograph.ForecastFilter{State: barograph.StateFlat}, 0, ""},
		"too many": {answer(2000), barograph.ForecastFilter{}, 20, "only its first"},
		"nonsense": {func(string, string, []byte) ([]byte, error) { return []byte("nonsense"), nil }, barograph.ForecastFilter{}, 0, "its answer can't be read"},
		"away": {func(string, string, []byte) ([]byte, error) {
			return nil, barograph.Errorf(barograph.KindUnavailable, "it is not on the bus")
		}, barograph.ForecastFilter{}, 0, "server srv_1: it is not on the bus"},
	} {
		found, missing, err := asked(tt.bus).Latest(t.Context(), tt.filter)
		if err != nil {
			t.Fatal(err)
		}
		if tt.missing == "" && missing != nil || !strings.Contains(strings.Join(missing, "\n"), tt.missing) || len(found) < tt.least {
			t.Errorf("%s: %d forecasts, missing %q", name, len(found), missing)
		}
		if diff := cmp.Diff(tt.filter.Of(manyForecasts(1000))[:len(found)], found); tt.least > 0 && diff != "" {
			t.Errorf("%s (-there +here):\n%s", name, diff)
		}
	}
	if _, err := holder.answer(t.Context(), []byte("nonsense"), 1000); barograph.KindOf(err) != barograph.KindInvalid {
		t.Errorf("a question that is none: %v", err)
	}
}

// BenchmarkAnswer answers with the first thousand of a hundred thousand forecasts.
func BenchmarkAnswer(b *testing.B) {
	first, _ := join(b)
	all := manyForecasts(100_000)
	for i := range all {
		for k := range all[i].CDF {
			all[i].CDF[k] = all[i].Probability * float64(k+1) / 20.7
		}
		all[i].Reason = fmt.Sprintf("it rises by %.3f a day", all[i].Probability*3)
	}
	holder := wholeForecasts{peers{first, nil}, all}
	size := 0
	for b.Loop() {
		answer, err := holder.answer(b.Context(), []byte(`{"limit": 1000}`), 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		size = len(answer)
	}
	b.ReportMetric(float64(size), "B/answer")
}

func TestNewestForecasts(t *testing.T) {
	t.Parallel()
	old := manyForecasts(2)
	fresh := manyForecasts(2)[:1]
	fresh[0].MadeAt, fresh[0].Probability = fresh[0].MadeAt.Add(time.Minute), .9
	for _, all := range [][]barograph.Forecast{slices.Concat(old, fresh), slices.Concat(fresh, old)} {
		got := newest(all)
		if len(got) != 2 || !slices.ContainsFunc(got, func(f barograph.Forecast) bool { return f.Probability == .9 }) {
			t.Errorf("newest %+v", got)
		}
	}
}
