package forecast

import (
	"context"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

const (
	// rereadSteps is how many of the last complete steps are read again each
	// time: samples come a little late.
	rereadSteps = 2
	// readPoints is how many points of packed blocks are read at once, about.
	readPoints = 1 << 20
	// startOverShare of a reload interval is how long a new series of many waits
	// for its past to be read.
	startOverShare = 6
)

// read asks the series store.
type read func(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error)

// rereading goes through the packed blocks, newest first, to see what came
// late: as many of them at a time as are due, so that all are read once in a
// reload interval, and not too many points at once.
type rereading struct {
	began  time.Time
	newest int64 // block to begin with
	next   int64 // block to read
	whole  bool  // all of them were read once
	// Series that were one too many, in this round and the one before.
	cut, cutBefore int
}

// update reads what is new, and what is due of what is old: everything at
// first. It returns whether enough is known to ask about the series, also if
// there is an error, after which it goes on where it was.
func (h *history) update(ctx context.Context, read read, now time.Time, reload time.Duration, most int) (known bool, err error) {
	if h.read.IsZero() || now.Before(h.read) || h.oldest(now) > h.grid.cell(h.read) {
		h.reset(now)
		h.read = h.grid.start(h.open)
	}
	from := h.grid.cell(h.read) - rereadSteps
	if h.again.next == h.again.newest && h.dueBlocks(now, reload) > 0 {
		from = h.open // with the first of the blocks, all that is not in blocks
	}
	before := len(h.tracks)
	if err := h.readEnd(ctx, read, max(h.open, from), now, most); err != nil {
		return false, err
	}
	if len(h.tracks) > before && h.again.whole && h.mayStartOver(now, reload) {
		newest := h.open/blockCells - 1
		h.again = rereading{newest: newest, next: newest, cutBefore: h.again.cut}
	}
	err = h.readAgain(ctx, read, now, reload, most)
	h.advance(now)
	return h.again.whole, err
}

// mayStartOver reports whether everything may be read again at once, for series
// that are new and may have a past: a host that brings its history along. With
// many series that costs too much for every new one; they wait a while.
func (h *history) mayStartOver(now time.Time, reload time.Duration) bool {
	return len(h.tracks)*int(h.blocks())*blockCells <= readPoints || now.Sub(h.again.began) >= reload/startOverShare
}

// excess returns an error if the rule chooses more series than are allowed.
func (h *history) excess(most int) error {
	cut := max(h.again.cut, h.again.cutBefore)
	if cut == 0 {
		return nil
	}
	return fmt.Errorf("rule %s chooses %d series, of which only the first %d are forecast: narrow its selector or raise max_series",
		h.rule.Name, most+cut, most)
}

// readEnd reads what came from the cell on.
func (h *history) readEnd(ctx context.Context, read read, from int64, now time.Time, most int) error {
	found, err := read(ctx, h.query(h.grid.start(from), now.Add(time.Millisecond)))
	if err != nil {
		return err
	}
	h.again.cut = max(h.again.cut, h.match(found, most, h.extend))
	h.read = now
	return nil
}

// readAgain reads the packed blocks that are due.
func (h *history) readAgain(ctx context.Context, read read, now time.Time, reload time.Duration, most int) error {
	for {
		n := h.dueBlocks(now, reload)
		if n == 0 {
			break
		}
		first := h.again.next - n + 1
		found, err := read(ctx, h.query(h.grid.start(first*blockCells), h.grid.start((first+n)*blockCells)))
		if err != nil {
			return err
		}
		var scratch []byte
		cut := h.match(found, most, func(t *track, points []barograph.Point) {
			scratch = h.replace(t, first, n, points, scratch)
		})
		h.again.cut = max(h.again.cut, cut)
		h.again.next -= n
	}
	if h.again.next < h.first && (!h.again.whole || now.Sub(h.again.began) >= reload) {
		newest := h.open/blockCells - 1
		h.again = rereading{began: now, newest: newest, next: newest, whole: true, cutBefore: h.again.cut}
	}
	return nil
}

// dueBlocks returns how many blocks to read now, at once.
func (h *history) dueBlocks(now time.Time, reload time.Duration) int64 {
	left := h.again.next - h.first + 1
	if left <= 0 {
		return 0
	}
	group := min(left, max(1, readPoints/(blockCells*int64(max(1, len(h.tracks))))))
	if !h.again.whole || now.Sub(h.again.began) >= reload {
		return group
	}
	done, total := h.again.newest-h.again.next, h.again.newest-h.first+1
	share := float64(now.Sub(h.again.began)) / float64(reload)
	if share*float64(total)-float64(done) >= float64(group) {
		return group
	}
	return 0
}

func (h *history) query(from, to time.Time) barograph.Query {
	return barograph.Query{Selector: h.rule.Series, Step: h.grid.Step, Rollup: h.grid.Rollup, From: from, To: to}
}
