package situations_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/barograph/barograph"
)

// wantNoPrediction wants none to be open at any time of the span.
func wantNoPrediction(*fieldReader, []string) checker {
	return func(k *watched, st *stream, s span) string {
		for _, p := range k.predictions {
			opened, closed := p.OpenedAt.Sub(epoch()), s.until
			if !p.ClosedAt.IsZero() {
				closed = p.ClosedAt.Sub(epoch())
			}
			if p.Series.Equal(st.series) && opened < s.until && closed > s.from {
				return "there was " + tellPrediction(p)
			}
		}
		return ""
	}
}

func tellPrediction(p barograph.Prediction) string {
	end := "and still is"
	if !p.ClosedAt.IsZero() {
		end = fmt.Sprintf("%s at %s, %q", p.State, scriptTime(p.ClosedAt), p.CloseReason)
	}
	return fmt.Sprintf("a prediction opened at %s (value %.6g, probability %.3f, eta %s to %s to %s, %q), %s", scriptTime(p.OpenedAt), p.First.Value, p.First.Probability,
		scriptTime(p.First.ETA.Early), scriptTime(p.First.ETA.Median), scriptTime(p.First.ETA.Late), p.First.Reason, end)
}

// eventsOf returns the events of the series in the span, as types without
// the common prefix.
func (k *watched) eventsOf(st *stream, s span) []string {
	var types []string
	for _, e := range k.events {
		if e.Subject == st.series.String() && s.holds(e.Time) {
			types = append(types, strings.TrimPrefix(string(e.Type), "io.barograph."))
		}
	}
	return types
}

func wantNoEvent(*fieldReader, []string) checker {
	return func(k *watched, st *stream, s span) string {
		if types := k.eventsOf(st, s); len(types) > 0 {
			return fmt.Sprintf("there are the events %v%s", types, k.tellAll(st))
		}
		return ""
	}
}

// wantEvents wants exactly these, in this order; updates are not counted.
func wantEvents(_ *fieldReader, f []string) checker {
	wanted := strings.Split(f[0], ", ")
	return func(k *watched, st *stream, s span) string {
		types := slices.DeleteFunc(k.eventsOf(st, s), func(kind string) bool { return kind == "prediction.updated" })
		if !slices.Equal(types, wanted) {
			return fmt.Sprintf("the events are %v%s", types, k.tellAll(st))
		}
		return ""
	}
}

func (k *watched) tellAll(st *stream) string {
	var b strings.Builder
	for _, p := range k.predictions {
		if p.Series.Equal(st.series) {
			b.WriteString("; " + tellPrediction(p))
		}
	}
	return b.String()
}

func wantPredictionOpen(*fieldReader, []string) checker {
	return func(k *watched, st *stream, s span) string {
		for _, p := range k.predictions {
			if p.Series.Equal(st.series) && p.OpenedAt.Sub(epoch()) <= s.from && (p.ClosedAt.IsZero() || p.ClosedAt.Sub(epoch()) > s.from) {
				return ""
			}
		}
		return "no prediction is open" + k.tellAll(st)
	}
}

func wantBreachOpen(*fieldReader, []string) checker {
	return func(k *watched, st *stream, s span) string {
		for _, b := range k.breaches {
			if b.Series.Equal(st.series) && b.StartedAt.Sub(epoch()) <= s.from && (b.EndedAt.IsZero() || b.EndedAt.Sub(epoch()) > s.from) {
				return ""
			}
		}
		return fmt.Sprintf("no breach is open; there were %d", len(k.breaches))
	}
}

// wantConfirmed wants every prediction that opened in the span to have come
// true, or still to be open at the end.
func wantConfirmed(*fieldReader, []string) checker {
	return func(k *watched, st *stream, s span) string {
		for _, p := range k.predictions {
			closed := !p.ClosedAt.IsZero() && p.ClosedAt.Sub(epoch()) < k.end
			if p.Series.Equal(st.series) && s.holds(p.OpenedAt) && closed && p.State != barograph.PredictionConfirmed {
				return "there was " + tellPrediction(p)
			}
		}
		return ""
	}
}

func wantForeseen(p *fieldReader, f []string) checker {
	least := p.duration(f[0])
	return func(k *watched, st *stream, s span) string {
		found := 0
		for _, b := range k.breaches {
			if !b.Series.Equal(st.series) || !s.holds(b.StartedAt) {
				continue
			}
			found++
			if b.PredictionID == "" || b.Lead.Std() < least {
				return fmt.Sprintf("the breach at %s was foreseen %s ahead%s", scriptTime(b.StartedAt), b.Lead, k.tellAll(st))
			}
		}
		if found == 0 {
			return "there was no breach"
		}
		return ""
	}
}

func wantBreaches(p *fieldReader, f []string) checker {
	count := int(p.number(f[0]))
	return func(k *watched, st *stream, s span) string {
		found := 0
		for _, b := range k.breaches {
			if b.Series.Equal(st.series) && s.holds(b.StartedAt) {
				found++
			}
		}
		if found != count {
			return fmt.Sprintf("there were %d breaches", found)
		}
		return ""
	}
}

func wantFewUpdates(p *fieldReader, f []string) checker {
	most := int(p.number(f[0]))
	return func(k *watched, st *stream, s span) string {
		found := 0
		for _, kind := range k.eventsOf(st, s) {
			if kind == "prediction.updated" {
				found++
			}
		}
		if found > most {
			return fmt.Sprintf("there were %d updates%s", found, k.tellAll(st))
		}
		return ""
	}
}
