package promtsdb

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/barograph/barograph"
)

// entry is what the store remembers of a series in the TSDB's head. Its fields
// belong to the one writer that appends; ref also to the cache.
type entry struct {
	hash uint64
	lset labels.Labels // shares its memory with the TSDB
	ref  storage.SeriesRef
	next *entry // other series of the same hash

	follower atomic.Pointer[entry] // the series that came behind this one lately

	known bool    // whether last and value are, or have to be read first
	last  int64   // time of the newest sample, noSample if there is none
	value float64 // of the newest sample

	gone atomic.Bool // no longer in the cache
}

// noSample is before every sample.
const noSample = math.MinInt64

// cache finds the TSDB's reference of a series without building labels. It
// holds only series of the TSDB's head, so the TSDB's own clean-up bounds it.
type cache struct {
	seed maphash.Seed
	mu   sync.RWMutex
	m    map[uint64]*entry
}

func newCache() *cache {
	return &cache{seed: maphash.MakeSeed(), m: map[uint64]*entry{}}
}

// findAll appends each sample's entry to found, nil for unknown series.
func (c *cache) findAll(samples []barograph.Sample, found []*entry) []*entry {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var last *entry
	for i := range samples {
		last = c.findBehind(last, &samples[i].Series)
		found = append(found, last)
	}
	return found
}

// findBehind is called with mu held. Senders send their series in the same order
// again and again, and some send runs of one series: so it guesses first.
func (c *cache) findBehind(last *entry, s *barograph.Series) *entry {
	if last == nil {
		return c.find(s.Hash(c.seed), s)
	}
	if guess := last.follower.Load(); guess != nil && sameSeries(guess.lset, s) && !guess.gone.Load() {
		return guess
	}
	if sameSeries(last.lset, s) {
		return last
	}
	e := c.find(s.Hash(c.seed), s)
	if e != nil {
		last.follower.Store(e)
	}
	return e
}

// find is called with mu held.
func (c *cache) find(hash uint64, s *barograph.Series) *entry {
	e := c.m[hash]
	for e != nil && !sameSeries(e.lset, s) {
		e = e.next
	}
	return e
}

// get returns the series' entry, nil if there is none.
func (c *cache) get(s *barograph.Series) *entry {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.find(s.Hash(c.seed), s)
}

// put makes e, which the cache may or may not have, the entry of ref.
func (c *cache) put(e *entry, ref storage.SeriesRef) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.ref = ref
	e.gone.Store(false)
	for other := c.m[e.hash]; other != nil; other = other.next {
		if other == e {
			return
		}
	}
	e.next = c.m[e.hash]
	c.m[e.hash] = e
}

// drop removes the entry of a series that the TSDB has forgotten, unless the
// series was created anew meanwhile.
func (c *cache) drop(lset labels.Labels, ref storage.SeriesRef) {
	series := toSeries(lset)
	hash := series.Hash(c.seed)
	c.mu.Lock()
	defer c.mu.Unlock()
	var before *entry
	for e := c.m[hash]; e != nil; before, e = e, e.next {
		if e.ref != ref {
			continue
		}
		e.gone.Store(true)
		e.follower.Store(nil) // else one that is gone could keep another
		switch {
		case before != nil:
			before.next = e.next
		case e.next != nil:
			c.m[hash] = e.next
		default:
			delete(c.m, hash)
		}
		return
	}
}
