package barograph

import (
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"strings"
	"time"
)

// Series is what all samples have in common that share a metric name and labels.
type Series struct {
	Metric string `json:"metric"`
	Labels Labels `json:"labels"`
}

// String returns the series as PromQL writes it; it identifies the series.
func (s Series) String() string {
	if len(s.Labels) == 0 {
		return s.Metric
	}
	var b strings.Builder
	b.WriteString(s.Metric)
	s.Labels.write(&b)
	return b.String()
}

// Equal reports whether both are the same series.
func (s Series) Equal(other Series) bool {
	return s.Metric == other.Metric && s.Labels.Equal(other.Labels)
}

// Hash returns a hash of the series under the seed. Different series may share
// one: compare with Equal.
func (s Series) Hash(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	_, _ = h.WriteString(s.Metric)
	for _, l := range s.Labels {
		_ = h.WriteByte(0xff)
		_, _ = h.WriteString(l.Name)
		_ = h.WriteByte(0xff)
		_, _ = h.WriteString(l.Value)
	}
	return h.Sum64()
}

// Validate returns an error that names what is wrong with the name or labels.
func (s Series) Validate() error {
	var p Problems
	if !ValidName(s.Metric) {
		p.Addf("metric", "name %q is not %s of at most %d bytes", Clip(s.Metric), MetricNameRule, MaxNameBytes)
	}
	p.Merge("labels", s.Labels.Validate())
	return p.Err("series")
}

// Sample is one number at one time.
type Sample struct {
	Series    Series
	UnixMilli int64 // milliseconds since 1970
	Value     float64
}

// Time returns the sample's time.
func (s Sample) Time() time.Time { return time.UnixMilli(s.UnixMilli) }

// Validate returns an error that names what is wrong with the series or value.
func (s Sample) Validate() error {
	if err := s.Series.Validate(); err != nil {
		return err
	}
	if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
		return Errorf(KindInvalid, "value %v of %s is not a finite number", s.Value, s.Series.Metric)
	}
	return nil
}

// Point is a sample whose series is known from around it.
type Point struct {
	UnixMilli int64
	Value     float64
}

// SeriesPoints are the points of one series, oldest first, each time once.
type SeriesPoints struct {
	Series Series
	Points []Point
}

// Rollup says how the samples within one step become one point.
type Rollup uint8

// The roll-ups.
const (
	RollupLast Rollup = iota
	RollupMax
	RollupMin
	RollupMean
)

// String returns the roll-up as one lower-case word.
func (r Rollup) String() string {
	switch r {
	case RollupLast:
		return "last"
	case RollupMax:
		return "max"
	case RollupMin:
		return "min"
	case RollupMean:
		return "mean"
	}
	return "unknown"
}

// Query asks a series store for points.
//
// From is included, To is not. With Step 0 the points are the samples
// themselves. Else time is cut into steps aligned to the Unix epoch, samples of
// a step are rolled up into one point stamped with the step's start, and a step
// without samples has no point. The first and last step may be partial.
type Query struct {
	Selector Selector
	From, To time.Time
	Step     time.Duration // whole milliseconds
	Rollup   Rollup
}

// SampleWriter takes samples.
//
// Write returns nil when all samples are durable: on disk here, or acknowledged
// by the remote store. Writing the same sample again changes nothing. Samples
// that can never be stored (too old, another value at the same time, a new
// series beyond the limit) are reported in a *PartialError and cost the others
// nothing. Any other error means that no sample may be relied on; those of
// KindUnavailable are worth a retry. Write keeps no reference to the slice.
type SampleWriter interface {
	Write(ctx context.Context, samples []Sample) error
}

// SampleReader gives points back.
//
// Select returns the chosen series that have points in the range, sorted by
// their String. A selector that chooses nothing gives an empty result.
type SampleReader interface {
	Select(ctx context.Context, q Query) ([]SeriesPoints, error)
}

// SeriesQuery asks which series there are.
type SeriesQuery struct {
	Selector Selector
	From, To time.Time // they have samples in here: From is included, To is not
	Limit    int       // at most so many; 0: all
}

// SeriesLister lists series.
//
// Series returns those that are chosen, sorted by their String. more says that
// there are others beyond the limit.
type SeriesLister interface {
	Series(ctx context.Context, q SeriesQuery) (found []Series, more bool, err error)
}

// PartialError says which samples of a batch were refused; all others are stored.
type PartialError struct {
	Rejected []Rejection // in the order of the batch
}

// Rejection is one refused sample.
type Rejection struct {
	Index int   // position in the batch, from 0
	Err   error // an *Error for the sender
}

// Error says how many were refused and why the first was.
func (e *PartialError) Error() string {
	if len(e.Rejected) == 0 {
		return "no samples refused"
	}
	return fmt.Sprintf("%d samples refused; sample %d: %s", len(e.Rejected), e.Rejected[0].Index, e.Rejected[0].Err)
}
