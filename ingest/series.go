package ingest

import (
	"sync"

	"github.com/barograph/barograph"
)

// seriesSet are the series that share measurement and tags: one for each field.
type seriesSet struct {
	measurement string
	labels      barograph.Labels

	mu     sync.RWMutex
	fields map[string]barograph.Series
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
	return &seriesSet{measurement: measurement, labels: labels, fields: map[string]barograph.Series{}}, nil
}

const maxFields = 1000 // of one set; a sender with more is up to no good

// field returns the series of the named field.
func (s *seriesSet) field(name []byte) (barograph.Series, error) {
	s.mu.RLock()
	series, ok := s.fields[string(name)]
	s.mu.RUnlock()
	if ok {
		return series, nil
	}
	series = barograph.Series{Metric: s.measurement + "_" + string(name), Labels: s.labels}
	if string(name) == "value" {
		series.Metric = s.measurement
	}
	if !barograph.ValidName(series.Metric) {
		return series, barograph.Errorf(barograph.KindInvalid, "field %q makes the metric name %q, which is not %s of at most %d bytes",
			clip(string(name)), clip(series.Metric), barograph.MetricNameRule, barograph.MaxNameBytes)
	}
	s.mu.Lock()
	if len(s.fields) < maxFields {
		s.fields[string(name)] = series
	}
	s.mu.Unlock()
	return series, nil
}

const (
	cacheShards    = 16
	maxShardSeries = 20_000
)

// seriesCache remembers series sets by the raw beginning of their lines. A
// shard that is full is emptied: what is in use comes back with its next line.
type seriesCache struct{ shards [cacheShards]cacheShard }

type cacheShard struct {
	mu   sync.RWMutex
	sets map[string]*seriesSet
}

func (c *seriesCache) shard(key []byte) *cacheShard {
	// FNV-1a over the key's end, where neighbours differ most.
	h := uint32(2166136261)
	for _, b := range key[max(0, len(key)-32):] {
		h = (h ^ uint32(b)) * 16777619
	}
	return &c.shards[h%cacheShards]
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
