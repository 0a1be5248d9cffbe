package promtsdb

import (
	"cmp"
	"context"
	"errors"
	"math"
	"os"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/barograph/barograph"
)

// mayReadHours reports whether whole hours are parts of the steps.
func (r *reader) mayReadHours() bool {
	return r.step > 0 && r.step%rolledMilli == 0 && r.rollup != barograph.RollupLast && r.to-r.from >= shortestRolled.Milliseconds()
}

// readHours reads the samples where there are no roll-ups of whole hours, and those
// where there are some.
func (s *Store) readHours(ctx context.Context, r reader, matchers []*labels.Matcher) ([]barograph.SeriesPoints, error) {
	r.byName = map[string]*gathered{}
	next, to := r.from, r.to // of what is not read yet
	for _, alone := range s.undisturbed() {
		first, end := stepStart(max(alone.from, next)+rolledMilli-1, rolledMilli), stepStart(min(alone.until, to+1), rolledMilli)
		if first >= end {
			continue
		}
		file, err := openRolled(s.rolledPath(alone.block))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			if next < first {
				err = s.readSamples(ctx, &r, matchers, next, first-1)
			}
			if err == nil {
				err = r.readRolled(ctx, file, alone.block, matchers, first, end)
			}
			file.close()
		}
		if errors.Is(err, errRolled) {
			err = errors.Join(err, os.Remove(s.rolledPath(alone.block))) // another is made
		}
		if err != nil {
			return nil, err
		}
		next = end
	}
	if next <= to {
		if err := s.readSamples(ctx, &r, matchers, next, to); err != nil {
			return nil, err
		}
	}
	return r.result(), nil
}

// stretch is a time of which all that is stored is in one block.
type stretch struct {
	block       *tsdb.Block
	from, until int64
}

// undisturbed returns the stretches of blocks that may be rolled up, oldest first.
// What is in memory is looked at first: what leaves it meanwhile is in a block.
func (s *Store) undisturbed() []stretch {
	inMemory := min(s.db.Head().MinTime(), s.db.Head().MinOOOTime())
	blocks := slices.SortedFunc(slices.Values(s.db.Blocks()), func(a, b *tsdb.Block) int { return cmp.Compare(a.MinTime(), b.MinTime()) })
	var all []stretch
	before := int64(math.MinInt64) // the end of those before
	for i, block := range blocks {
		one := stretch{block, before, inMemory}
		if i+1 < len(blocks) {
			one.until = min(one.until, blocks[i+1].MinTime())
		}
		if one.from < one.until && mayBeRolled(block) {
			all = append(all, one)
		}
		before = max(before, block.MaxTime())
	}
	return all
}

// readRolled takes the hours of a block from first until end.
func (r *reader) readRolled(ctx context.Context, file *rolledFile, block *tsdb.Block, matchers []*labels.Matcher, first, end int64) error {
	ix, err := block.Index()
	if err != nil {
		return err
	}
	defer closeQuietly(ix)
	all, err := tsdb.PostingsForMatchers(ctx, ix, matchers...)
	if err != nil {
		return err
	}
	var lset labels.ScratchBuilder
	var hours rolledHours
	for all.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		chunks, found, err := file.find(all.At())
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if err := ix.Series(all.At(), &lset, nil); err != nil {
			return err
		}
		if err := hours.start(chunks, r.rollup); err != nil {
			return err
		}
		r.addHours(r.of(lset.Labels()), &hours, first, end)
		if err := hours.err(); err != nil {
			return err
		}
	}
	return all.Err()
}

func (r *reader) addHours(g *gathered, hours *rolledHours, first, end int64) {
	for {
		start, hour, ok := hours.next()
		if !ok {
			return
		}
		if start < first || start >= end {
			continue
		}
		if start < g.in.end && g.in.count > 0 {
			g.in.addAll(hour)
			continue
		}
		r.flush(g, g.in)
		g.in = hour
		g.in.end = stepStart(start, r.step) + r.step
	}
}
