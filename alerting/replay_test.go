package alerting_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// TestReplayJudgesAsTheEngineDoes throws the same dice for both.
func TestReplayJudgesAsTheEngineDoes(t *testing.T) {
	t.Parallel()
	seen := map[barograph.PredictionState]int{}
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		rule, series := diskRule(), disk("db-1")
		rule.For, rule.Horizon = barograph.Duration(20*time.Minute), barograph.Duration(6*time.Hour)
		w := newWorld(t, rule)
		cfg := alerting.DefaultConfig()
		cfg.Interval = barograph.Duration(10 * time.Minute)
		replay := alerting.NewReplay(cfg, rule, series, worldStart())
		mood, silent := 0., 0
		for step := range 350 {
			now := worldStart().Add(time.Duration(step) * cfg.Interval.Std())
			w.clock.Set(now)
			if step%20 == 0 {
				mood = rnd.Float64()
			}
			if rnd.IntN(100) == 0 {
				silent = rnd.IntN(200) // more than a day at times
			}
			if silent--; silent < 0 {
				value := .4 + .45*mood + .2*rnd.Float64()
				w.sample(series, value)
				replay.Observe(now, value)
			}
			if rnd.IntN(3) == 0 {
				f := randomForecast(rnd, rule, series, now, mood)
				w.noError(w.engine.Forecasted(t.Context(), rule, []barograph.Forecast{f}))
				replay.Forecasted(f)
			}
			w.tick()
		}
		replay.Pass(w.clock.Now().Add(time.Second))
		known := cmp.Options{
			cmpopts.EquateEmpty(),
			cmp.Transformer("prediction", func(id barograph.PredictionID) string { return string(id[:min(len(id), 14)]) }),
			cmp.Transformer("breach", func(id barograph.BreachID) string { return string(id[:min(len(id), 14)]) }),
		}
		if diff := cmp.Diff(w.predictions(), replay.Predictions(), known); diff != "" {
			t.Fatalf("seed %d: predictions (-engine +replay):\n%s", seed, diff)
		}
		if diff := cmp.Diff(w.breaches(), replay.Breaches(), known); diff != "" {
			t.Fatalf("seed %d: breaches (-engine +replay):\n%s", seed, diff)
		}
		for _, p := range replay.Predictions() {
			seen[p.State]++
		}
	}
	for _, state := range []barograph.PredictionState{
		barograph.PredictionConfirmed, barograph.PredictionAverted, barograph.PredictionExpired, barograph.PredictionWithdrawn,
	} {
		if seen[state] == 0 {
			t.Errorf("no prediction was %s: %v", state, seen)
		}
	}
}

func randomForecast(rnd *rand.Rand, rule barograph.Rule, series barograph.Series, now time.Time, mood float64) barograph.Forecast {
	f := barograph.Forecast{
		RuleID: rule.ID, Series: series, State: barograph.StateForecast, MadeAt: now, Horizon: rule.Horizon,
		Value: .4 + .45*mood, Probability: min(.99, max(.01, mood+.3*rnd.Float64())), Reason: "dice",
	}
	if rnd.IntN(10) == 0 {
		f.State, f.Probability = barograph.StateFlat, 0
		return f
	}
	early := now.Add(time.Duration(rnd.IntN(90)) * time.Minute)
	f.ETA = &barograph.ETA{Early: early, Median: early.Add(time.Hour), Late: early.Add(2 * time.Hour)}
	return f
}
