package web

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

const (
	rolledUpFor  = time.Hour // then late samples are seen, too
	mostRolledUp = 1000      // series of targets; some ten kilobytes each
)

// rolledUp remembers the steps of long times that are over, so that a page that
// looks back a year reads the year once, and then what came since.
type rolledUp struct {
	mu   sync.Mutex
	kept map[rolledUpKey]rolledUpSteps
}

// rolledUpKey is what was asked, but for the times.
type rolledUpKey struct {
	selector string
	step     time.Duration
	rollup   barograph.Rollup
}

// rolledUpSteps are the steps from one time to another, all of them over.
type rolledUpSteps struct {
	from, to time.Time
	made     time.Time
	series   []barograph.SeriesPoints // not to be changed
}

func newRolledUp() *rolledUp { return &rolledUp{kept: map[rolledUpKey]rolledUpSteps{}} }

// read answers the query, whose To is about now.
func (r *rolledUp) read(ctx context.Context, samples barograph.SampleReader, q barograph.Query) ([]barograph.SeriesPoints, error) {
	key := rolledUpKey{q.Selector.String(), q.Step, q.Rollup}
	steps, known := r.get(key, q)
	rest := q
	if known {
		rest.From = steps.to
	}
	found, err := samples.Select(ctx, rest)
	if err != nil {
		return nil, err
	}
	all := found
	if known { // others may ask for all that is kept
		all = joinSeries(steps.series, found, time.Time{})
		found = joinSeries(all, nil, q.From.Add(-q.Step))
	}
	// The last step is not over, and samples of the one before may be on their way.
	over := q.To.Truncate(q.Step).Add(-q.Step)
	if !known {
		steps.made, steps.from = time.Now(), q.From
	}
	steps.to, steps.series = over, joinSeries(nil, all, time.Time{})
	for i, one := range steps.series {
		end := slices.IndexFunc(one.Points, func(p barograph.Point) bool { return p.UnixMilli >= over.UnixMilli() })
		if end >= 0 {
			steps.series[i].Points = slices.Clip(one.Points[:end])
		}
	}
	r.put(key, steps)
	return found, nil
}

// get returns steps that answer the begin of the query, unless they are too old.
func (r *rolledUp) get(key rolledUpKey, q barograph.Query) (rolledUpSteps, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	steps, known := r.kept[key]
	return steps, known && !q.From.Before(steps.from) && steps.to.After(q.From) && !steps.to.After(q.To) && time.Since(steps.made) < rolledUpFor
}

// put keeps the steps, in place of any others if there are too many.
func (r *rolledUp) put(key rolledUpKey, steps rolledUpSteps) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for other := range r.kept {
		if len(r.kept) < mostRolledUp {
			break
		}
		delete(r.kept, other)
	}
	r.kept[key] = steps
}

// joinSeries returns the series with later points of theirs, without what comes
// before a time.
func joinSeries(earlier, later []barograph.SeriesPoints, from time.Time) []barograph.SeriesPoints {
	all := make([]barograph.SeriesPoints, 0, len(earlier)+len(later))
	for _, one := range earlier {
		begin := slices.IndexFunc(one.Points, func(p barograph.Point) bool { return p.UnixMilli >= from.UnixMilli() })
		if begin >= 0 {
			all = append(all, barograph.SeriesPoints{Series: one.Series, Points: one.Points[begin:]})
		}
	}
	for _, one := range later {
		i := slices.IndexFunc(all, func(other barograph.SeriesPoints) bool { return other.Series.Equal(one.Series) })
		if i < 0 {
			all = append(all, one)
			continue
		}
		all[i].Points = slices.Concat(all[i].Points, one.Points)
	}
	return all
}
