package forecast

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// history is what is known of a rule's series. One goroutine works on it.
//
// Time is cut into blocks, the same for all series. Old blocks are packed, and
// the newest, which may still change, are not.
type history struct {
	rule barograph.Rule
	grid Grid

	tracks []*track // by the names of their series
	first  int64    // the first block that is kept
	open   int64    // the cell that the tails begin at, the first of a block
	read   time.Time
	again  rereading
}

func newHistory(rule barograph.Rule) *history {
	return &history{rule: rule, grid: NewGrid(rule)}
}

// sameForecasts reports whether both rules ask the same about the same series.
func sameForecasts(a, b barograph.Rule) bool {
	return a.Operator == b.Operator && a.Limit == b.Limit && a.Horizon == b.Horizon &&
		a.Series.String() == b.Series.String() && equalBounds(a.Bounds, b.Bounds)
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

// packer returns what packs the values of the rule's series.
func (h *history) packer() packer { return packer{h.rule.Operator, h.rule.Limit} }

// blockOf returns the block that the cell is in.
func blockOf(cell int64) int64 {
	n := cell / blockCells
	if cell%blockCells < 0 {
		n--
	}
	return n
}

// oldest returns the first cell that a question looks at.
func (h *history) oldest(now time.Time) int64 { return h.grid.cell(now) - int64(h.grid.History) + 1 }

// blocks returns how many blocks are packed.
func (h *history) blocks() int64 { return h.open/blockCells - h.first }

// reset forgets everything.
func (h *history) reset(now time.Time) {
	h.tracks = nil
	h.first = blockOf(h.oldest(now))
	h.open = max(blockOf(h.grid.cell(now)-rereadSteps), h.first) * blockCells
	newest := h.open/blockCells - 1
	h.again = rereading{newest: newest, next: newest}
}

// advance packs what is too old to change at every reading, and forgets what is
// older than the history that the grid asks for, and series of which nothing is
// left.
func (h *history) advance(now time.Time) {
	first, open := blockOf(h.oldest(now)), blockOf(h.grid.cell(now)-rereadSteps)*blockCells
	pack, drop := max(0, (open-h.open)/blockCells), max(0, first-h.first)
	if pack == 0 && drop == 0 {
		return
	}
	p := h.packer()
	for _, t := range h.tracks {
		t.advance(p, pack, drop)
	}
	h.first += drop
	h.open += pack * blockCells
	h.tracks = slices.DeleteFunc(h.tracks, (*track).empty)
}

// match calls take for every track with what was found of it, nil if that is
// nothing, and adds tracks for series that are new, as long as there are no more
// than most. Both lists are in the order of the names. It returns how many
// series were one too many.
func (h *history) match(found []barograph.SeriesPoints, most int, take func(*track, []barograph.Point)) (cut int) {
	known, room := h.tracks, most-len(h.tracks)
	all := make([]*track, 0, max(len(found), len(known)))
	next := func(points []barograph.Point) {
		take(known[0], points)
		all, known = append(all, known[0]), known[1:]
	}
	for _, sp := range found {
		if !h.wants(sp) {
			continue
		}
		order := -1
		for len(known) > 0 {
			if order = compareSeries(sp.Series, known[0].series); order <= 0 {
				break
			}
			order = -1
			next(nil)
		}
		switch {
		case order == 0:
			next(sp.Points)
		case room <= 0:
			cut++
		default:
			room--
			t := newTrack(sp.Series, h.blocks())
			take(t, sp.Points)
			all = append(all, t)
		}
	}
	for len(known) > 0 {
		next(nil)
	}
	if len(all) > len(h.tracks) {
		h.tracks = all
	}
	return cut
}

// compareSeries compares the names of series.
func compareSeries(a, b barograph.Series) int {
	if a.Equal(b) {
		return 0
	}
	return strings.Compare(a.String(), b.String())
}

// wants reports whether the series is to be forecast: it has points, and it is
// not a result of ours, unless the rule asks for those.
func (h *history) wants(sp barograph.SeriesPoints) bool {
	own := strings.HasPrefix(sp.Series.Metric, ownPrefix) && !strings.HasPrefix(h.rule.Series.Metric, ownPrefix)
	return len(sp.Points) > 0 && !own
}

// extend writes the points into the tail of the series.
func (h *history) extend(t *track, points []barograph.Point) {
	for _, p := range points {
		cell := h.grid.cell(time.UnixMilli(p.UnixMilli))
		at := int(cell - h.open)
		if at < 0 {
			continue // older than what was asked for
		}
		t.reserve(at + 1)
		if same(t.tail[at], p.Value) {
			continue
		}
		t.tail[at] = p.Value
		h.heard(t, p.Value)
		if finite(p.Value) {
			t.last = max(t.last, cell)
		}
	}
}

// replace takes the points as all there is of the series in n blocks.
func (h *history) replace(t *track, first, n int64, points []barograph.Point, scratch []byte) []byte {
	records, p := scratch[:0], h.packer()
	for b := first; b < first+n; b++ {
		var values block
		for i := range values {
			values[i] = math.NaN()
		}
		for len(points) > 0 {
			cell := h.grid.cell(time.UnixMilli(points[0].UnixMilli))
			if cell >= (b+1)*blockCells {
				break
			}
			if at := cell - b*blockCells; at >= 0 {
				values[at] = points[0].Value
				if finite(values[at]) {
					t.last = max(t.last, cell)
				}
			}
			points = points[1:]
		}
		records = p.append(records, &values)
	}
	t.replace(first-h.first, records)
	return records
}

// question asks about the series as it is known now. The values are written
// into buf if they fit.
func (h *history) question(t *track, now time.Time, buf []float64) Question {
	values := append(unpack(buf[:0], t.packed), t.tail...)
	oldest := h.oldest(now)
	values = values[min(max(0, oldest-h.first*blockCells), int64(len(values))):]
	return Question{
		Metric: h.rule.Series.Metric, Values: values, Start: h.grid.start(max(oldest, h.first*blockCells)), Step: h.grid.Step, Now: now,
		Limit: h.rule.Limit, Operator: h.rule.Operator, Horizon: h.grid.Horizon, Bounds: h.rule.Bounds,
	}
}
