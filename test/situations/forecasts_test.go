package situations_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// each checks every forecast, of which there has to be at least one.
func each(check func(k *watched, st *stream, s sight) string) checker {
	return func(k *watched, st *stream, s span) string {
		sights := k.within(st, s)
		for _, s := range sights {
			if wrong := check(k, st, s); wrong != "" {
				return fmt.Sprintf("%s: %s; the forecast: %s", clockTime(s.at), wrong, describe(s.forecast))
			}
		}
		if len(sights) == 0 {
			return "there was no forecast at all"
		}
		return ""
	}
}

func clockTime(at time.Duration) string { return "at " + barograph.Duration(at).String() }

func describe(f barograph.Forecast) string {
	words := fmt.Sprintf("%s, value %.6g, probability %.3f", f.State, f.Value, f.Probability)
	if f.ETA != nil {
		words += fmt.Sprintf(", eta %s to %s to %s", scriptTime(f.ETA.Early), scriptTime(f.ETA.Median), scriptTime(f.ETA.Late))
	}
	return words + " (" + f.Reason + ")"
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func scriptTime(t time.Time) string {
	return barograph.Duration(t.Sub(epoch()).Round(time.Minute)).String()
}

func wantState(_ *fieldReader, f []string) checker {
	allowed := strings.Split(f[0], " or ")
	return each(func(_ *watched, _ *stream, s sight) string {
		if !slices.Contains(allowed, string(s.forecast.State)) {
			return "want the state " + f[0]
		}
		return ""
	})
}

func wantProbability(p *fieldReader, f []string) checker {
	bound := p.number(f[1])
	return each(func(_ *watched, _ *stream, s sight) string {
		probability := s.forecast.Probability
		if f[0] == "at least" && probability < bound || f[0] == "at most" && probability > bound || f[0] == "below" && probability >= bound {
			return fmt.Sprintf("want a probability %s %v", f[0], bound)
		}
		return ""
	})
}

func wantETA(p *fieldReader, f []string) checker {
	tolerance := p.duration(f[0])
	return each(func(k *watched, st *stream, s sight) string {
		truth, ok := k.crossingAfter(st, s.at)
		if !ok || s.forecast.ETA == nil {
			return fmt.Sprintf("want an ETA within %s of the crossing at %s", tolerance, barograph.Duration(truth))
		}
		if off := s.forecast.ETA.Median.Sub(epoch().Add(truth)); off.Abs() > tolerance {
			return fmt.Sprintf("the ETA is %s off the crossing at %s", off, barograph.Duration(truth))
		}
		return ""
	})
}

// wantRange allows for the grid, which rounds both to a step.
func wantRange(*fieldReader, []string) checker {
	return each(func(k *watched, st *stream, s sight) string {
		truth, ok := k.crossingAfter(st, s.at)
		if !ok || s.forecast.ETA == nil {
			return "want an ETA"
		}
		crossing := epoch().Add(truth)
		if crossing.Before(s.forecast.ETA.Early.Add(-k.step)) || crossing.After(s.forecast.ETA.Late.Add(k.step)) {
			return fmt.Sprintf("the range misses the crossing at %s", barograph.Duration(truth))
		}
		return ""
	})
}

func wantReason(p *fieldReader, f []string) checker {
	text, err := strconv.Unquote(f[0])
	p.note(err)
	return each(func(_ *watched, _ *stream, s sight) string {
		if !strings.Contains(s.forecast.Reason, text) {
			return fmt.Sprintf("want a reason that says %q", text)
		}
		return ""
	})
}

func wantNoAnswer(*fieldReader, []string) checker {
	return func(k *watched, st *stream, s span) string {
		sights := k.within(st, s)
		if len(sights) > 0 {
			return fmt.Sprintf("%s there is a forecast: %s", clockTime(sights[0].at), describe(sights[0].forecast))
		}
		return ""
	}
}
