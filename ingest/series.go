package ingest

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/barograph/barograph"
)

// seriesSet are the series that share measurement and tags: one for each field.
type seriesSet struct {
	measurement string
	labels      barograph.Labels

	// fields is replaced, never changed: most sets have one or few, and are
	// read far more often than they grow.
	fields atomic.Pointer[[]field]
	mu     sync.Mutex // of whoever replaces fields
}

type field struct {
	name   string
	series barograph.Series
}

// newSeriesSet checks a measurement followed by names and values of tags.
func newSeriesSet(id barograph.Identity, parts []string) (*seriesSet, error) {
	measurement, tags := parts[0], parts[1:]
	if !barograph.ValidName(measurement) {
		return nil, barograph.Errorf(barograph.KindInvalid, "measurement %q is not %s of at most %d bytes",
			clip(measurement), barograph.MetricNameRule, barograph.MaxNameBytes)
	}
	m := make(map[string]string, len(tags)/2)
	for i := 0; i+1 < len(tags); i += 2 {
		if _, twice := m[tags[i]]; twice {
			return nil, barograph.Errorf(barograph.KindInvalid, "tag %q is given twice", clip(tags[i]))
		}
		m[tags[i]] = tags[i+1]
	}
	labels, err := owned(id, barograph.NewLabels(m))
	if err != nil {
		return nil, err
	}
	if err := labels.Validate(); err != nil {
		return nil, err
	}
	set := &seriesSet{measurement: measurement, labels: labels}
	set.fields.Store(&[]field{})
	return set, nil
}

const maxFields = 100 // that are remembered of one set; others are made anew each time

// field returns the series of the named field.
func (s *seriesSet) field(name []byte) (barograph.Series, error) {
	if known := s.find(name); known != nil {
		return known.series, nil
	}
	series := barograph.Series{Metric: s.measurement + "_" + string(name), Labels: s.labels}
	if string(name) == "value" {
		series.Metric = s.measurement
	}
	if !barograph.ValidName(series.Metric) {
		return series, barograph.Errorf(barograph.KindInvalid, "field %q makes the metric name %q, which is not %s of at most %d bytes",
			clip(string(name)), clip(series.Metric), barograph.MetricNameRule, barograph.MaxNameBytes)
	}
	s.keep(field{string(name), series})
	return series, nil
}

func (s *seriesSet) find(name []byte) *field {
	fields := *s.fields.Load()
	for i := range fields {
		if fields[i].name == string(name) {
			return &fields[i]
		}
	}
	return nil
}

func (s *seriesSet) keep(f field) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fields := *s.fields.Load(); len(fields) < maxFields && s.find([]byte(f.name)) == nil {
		fields = append(slices.Clip(fields), f)
		s.fields.Store(&fields)
	}
}

const (
	cacheShards    = 16
	maxShardSeries = 20_000
)

// seriesCache remembers series sets by the raw beginning of their lines. A
// shard that is full is emptied: what is in use comes back with its next line.
type seriesCache struct {
	seed   maphash.Seed
	shards [cacheShards]cacheShard
}

type cacheShard struct {
	mu   sync.RWMutex
	sets map[string]*seriesSet
}

func (c *seriesCache) shard(key []byte) *cacheShard {
	return &c.shards[maphash.Bytes(c.seed, key)%cacheShards]
}

func (c *seriesCache) get(key []byte) *seriesSet {
	s := c.shard(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.sets[string(key)]
}

func (c *seriesCache) put(key string, set *seriesSet) {
	s := c.shard([]byte(key))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sets == nil || len(s.sets) >= maxShardSeries {
		s.sets = map[string]*seriesSet{}
	}
	s.sets[key] = set
}
