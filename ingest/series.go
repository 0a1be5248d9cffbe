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
	id          barograph.Identity // whose it is

	// home is where it is remembered, nil if it is not.
	home *cacheShard[seriesSet]

	// scope and head are whose it is and how its lines begin, if they need no
	// unescaping. next is the set whose line came behind such a line lately.
	scope, head string
	next        atomic.Pointer[seriesSet]

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
	set := &seriesSet{measurement: measurement, labels: labels, id: id}
	set.fields.Store(&[]field{})
	return set, nil
}

const maxFields = 100 // that are remembered of one set; others are made anew each time

// isHead reports whether the sender's lines that begin with head are the set's.
func (s *seriesSet) isHead(scope string, head []byte) bool {
	return s.head == string(head) && s.scope == scope
}

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
	if err := ownName(s.id, series.Metric); err != nil {
		return series, err
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
		if s.home != nil {
			s.home.charge(fieldBytes + len(f.name) + len(f.series.Metric))
		}
	}
}

const (
	cacheShards    = 16
	maxShardSeries = 20_000
	maxShardBytes  = 128 << 20 / cacheShards
)

// What is charged for the parts of an entry besides its texts.
const (
	entryBytes = 300
	labelBytes = 32
	fieldBytes = 72
)

// seriesCache remembers what was made of the raw beginnings of lines, or of raw
// labels. A shard that is full, by number or by bytes, is emptied: what is in use
// comes back with its next sample.
type seriesCache[V any] struct {
	seed   maphash.Seed
	shards [cacheShards]cacheShard[V]
}

type cacheShard[V any] struct {
	mu    sync.RWMutex
	sets  map[string]*V
	bytes int // about what the sets take
}

func (c *seriesCache[V]) shard(key []byte) *cacheShard[V] {
	return &c.shards[maphash.Bytes(c.seed, key)%cacheShards]
}

func (c *seriesCache[V]) get(key []byte) *V {
	s := c.shard(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.sets[string(key)]
}

// put remembers a set that takes so many bytes besides its entry.
func (c *seriesCache[V]) put(key string, set *V, bytes int) {
	s := c.shard([]byte(key))
	s.charge(entryBytes + bytes)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sets == nil || len(s.sets) >= maxShardSeries {
		s.sets, s.bytes = map[string]*V{}, entryBytes+bytes
	}
	s.sets[key] = set
}

// charge adds to what the sets take, and empties a shard that would take too much.
func (s *cacheShard[V]) charge(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes += bytes; s.bytes > maxShardBytes {
		s.sets, s.bytes = nil, bytes
	}
}
