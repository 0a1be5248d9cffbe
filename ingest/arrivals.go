package ingest

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// arrivals gives samples that come without a time that of their arrival, each of
// a series one that is later than the last. Two in the same millisecond else had
// the same time, and the second was lost: stores keep one value of a time, and a
// limit that it crosses is judged by the first.
type arrivals struct {
	seed maphash.Seed

	mu     sync.Mutex
	given  map[uint64]int64 // the last of each series, by its hash: two that share one only take turns
	latest int64            // of given
}

// mostRunAhead is how far the times of a series may run ahead of the clock. Of
// values that come faster for longer, some are given the same time.
const mostRunAhead = time.Second

func newArrivals() arrivals {
	return arrivals{seed: maphash.MakeSeed(), given: map[uint64]int64{}}
}

// next returns the time of a sample that arrives now.
func (a *arrivals) next(series barograph.Series, now time.Time) (unixMilli int64) {
	key, at := series.Hash(a.seed), now.UnixMilli()
	a.mu.Lock()
	defer a.mu.Unlock()
	if at > a.latest { // nothing that was given can come again
		a.given = map[uint64]int64{}
	}
	if last, ok := a.given[key]; ok && last >= at {
		at = min(last+1, at+mostRunAhead.Milliseconds())
	}
	a.given[key], a.latest = at, max(a.latest, at)
	return at
}
