package forecast

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// rereadSteps is how many of the last complete steps are read again each time:
// samples come a little late.
const rereadSteps = 2

// history is what is known of a rule's series: read once, then kept up to date
// by reading its end.
type history struct {
	rule   barograph.Rule
	grid   Grid
	tracks map[string]*track
	full   time.Time // when all of it was read last
	read   time.Time // when its end was
	cut    int       // series that were one too many, at the last full reading
}

// track is one series on the grid, with the last forecast of it.
type track struct {
	series   barograph.Series
	first    int64     // cell of values[0]
	values   []float64 // NaN is a null
	changed  bool      // since the forecast
	forecast barograph.Forecast
	staleAge time.Duration // of the last sample, from which on the forecast no longer holds
}

func newHistory(rule barograph.Rule) *history {
	return &history{rule: rule, grid: NewGrid(rule), tracks: map[string]*track{}}
}

// fits reports whether the history is that of the rule as it is now.
func (h *history) fits(rule barograph.Rule) bool {
	old := h.rule
	return old.Operator == rule.Operator && old.Limit == rule.Limit && old.Horizon == rule.Horizon &&
		old.Series.String() == rule.Series.String() && equalBounds(old.Bounds, rule.Bounds)
}

func equalBounds(a, b *barograph.Bounds) bool {
	if a == nil || b == nil {
		return a == b
	}
	return equalBound(a.Min, b.Min) && equalBound(a.Max, b.Max)
}

func equalBound(a, b *float64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// update reads what is new, or everything if that was last done more than
// reload ago, in one query.
func (h *history) update(ctx context.Context, reader barograph.SampleReader, now time.Time, reload time.Duration, most int) error {
	from, whole := h.grid.cell(now)-int64(h.grid.History)+1, true
	if !h.full.IsZero() && now.Sub(h.full) < reload && !now.Before(h.read) {
		from, whole = max(from, h.grid.cell(h.read)-rereadSteps), false
	}
	found, err := reader.Select(ctx, barograph.Query{
		Selector: h.rule.Series, Step: h.grid.Step, Rollup: h.grid.Rollup,
		From: h.grid.start(from), To: now.Add(time.Millisecond),
	})
	if err != nil {
		return fmt.Errorf("read the series of rule %s: %w", h.rule.Name, err)
	}
	if whole {
		h.full = now
		h.replace(found, most)
	} else {
		h.extend(found, from, most)
	}
	h.read = now
	h.slide(now)
	return nil
}

// replace takes what was found as the whole history.
func (h *history) replace(found []barograph.SeriesPoints, most int) {
	old := h.tracks
	h.tracks = make(map[string]*track, min(len(found), most))
	h.cut = 0
	for _, sp := range found {
		if !h.wants(sp) {
			continue
		}
		if len(h.tracks) >= most {
			h.cut++
			continue
		}
		key := sp.Series.String()
		t := &track{series: sp.Series, changed: true}
		t.set(h.grid, sp.Points)
		if was := old[key]; was != nil {
			t.forecast, t.staleAge = was.forecast, was.staleAge
			t.changed = was.changed || was.first != t.first || !equalValues(was.values, t.values)
		}
		h.tracks[key] = t
	}
}

// extend takes what was found as the history from the cell on.
func (h *history) extend(found []barograph.SeriesPoints, from int64, most int) {
	for _, sp := range found {
		if !h.wants(sp) {
			continue
		}
		key := sp.Series.String()
		t := h.tracks[key]
		if t == nil {
			if len(h.tracks) >= most {
				continue
			}
			// Only the end of it was read; what came before, if anything did,
			// comes with the next full reading.
			t = &track{series: sp.Series}
			h.tracks[key] = t
		}
		before := slices.Clone(t.tail(from))
		t.set(h.grid, sp.Points)
		t.changed = t.changed || !equalValues(before, t.tail(from))
	}
}

// wants reports whether the series is to be forecast: it has points, and it is
// not a result of ours, unless the rule asks for those.
func (h *history) wants(sp barograph.SeriesPoints) bool {
	own := strings.HasPrefix(sp.Series.Metric, ownPrefix) && !strings.HasPrefix(h.rule.Series.Metric, ownPrefix)
	return len(sp.Points) > 0 && !own
}

// slide forgets what is older than the history that the grid asks for, and
// series of which nothing is left.
func (h *history) slide(now time.Time) {
	oldest := h.grid.cell(now) - int64(h.grid.History) + 1
	for key, t := range h.tracks {
		drop := oldest - t.first
		if drop >= int64(len(t.values)) {
			delete(h.tracks, key)
			continue
		}
		if drop > int64(h.grid.History/16) { // not at every step, or each of them would move everything
			t.values = slices.Delete(t.values, 0, int(drop))
			t.first = oldest
		}
	}
}

// set writes the points into the grid.
func (t *track) set(g Grid, points []barograph.Point) {
	if len(t.values) == 0 {
		t.first = g.cell(time.UnixMilli(points[0].UnixMilli))
	}
	for _, p := range points {
		at := g.cell(time.UnixMilli(p.UnixMilli)) - t.first
		if at < 0 {
			continue // older than what is kept
		}
		for int64(len(t.values)) <= at {
			t.values = append(t.values, math.NaN())
		}
		t.values[at] = p.Value
	}
}

// tail returns the values from the cell on.
func (t *track) tail(from int64) []float64 {
	return t.values[min(max(from-t.first, 0), int64(len(t.values))):]
}

// equalValues reports whether both are the same, nulls (which alone differ from
// themselves) being equal.
func equalValues(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || x != x && y != y })
}

// question asks about the series as it is known now.
func (h *history) question(t *track, now time.Time) Question {
	return Question{
		Values: t.values, Start: h.grid.start(t.first), Step: h.grid.Step, Now: now,
		Limit: h.rule.Limit, Operator: h.rule.Operator, Horizon: h.grid.Horizon, Bounds: h.rule.Bounds,
	}
}

// goneStale reports whether the last forecast of a series without news no
// longer holds, for its samples are too old by now.
func (h *history) goneStale(t *track, now time.Time) bool {
	if t.forecast.State == barograph.StateStale {
		return false
	}
	return h.question(t, now).age() > t.staleAge
}
