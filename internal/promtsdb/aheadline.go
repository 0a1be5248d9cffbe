package promtsdb

import (
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// lineSamples are the samples of a line, made as they are looked at: its points,
// and as many between two of them as make it dense.
type lineSamples struct {
	line *line
	ends []int // for each point the number of samples before the next one
}

var _ storage.Samples = lineSamples{}

func newLineSamples(l *line) lineSamples {
	ends, n := make([]int, len(l.points)), 0
	for i := range l.points {
		parts := int64(1)
		if i+1 < len(l.points) {
			span := l.points[i+1].UnixMilli - l.points[i].UnixMilli
			parts = max(1, (span+l.dense-1)/l.dense)
		}
		n += int(parts)
		ends[i] = n
	}
	return lineSamples{l, ends}
}

// Len returns how many samples there are.
func (s lineSamples) Len() int {
	if len(s.ends) == 0 {
		return 0
	}
	return s.ends[len(s.ends)-1]
}

// Get returns the i-th sample.
func (s lineSamples) Get(i int) chunks.Sample {
	at, _ := slices.BinarySearch(s.ends, i+1)
	from, first := s.line.points[at], 0
	if at > 0 {
		first = s.ends[at-1]
	}
	if i == first {
		return lineSample{from.UnixMilli, from.Value}
	}
	to := s.line.points[at+1]
	span, parts := to.UnixMilli-from.UnixMilli, int64(s.ends[at]-first)
	after := int64(i-first) * span / parts
	return lineSample{from.UnixMilli + after, from.Value + float64(after)/float64(span)*(to.Value-from.Value)}
}

// lineSample is a number at a time.
type lineSample struct {
	t int64
	f float64
}

var _ chunks.Sample = lineSample{}

// T returns the time in milliseconds.
func (s lineSample) T() int64 { return s.t }

// ST returns 0: it is no counter that began at some time.
func (lineSample) ST() int64 { return 0 }

// F returns the number.
func (s lineSample) F() float64 { return s.f }

// H returns nil: it is no histogram.
func (lineSample) H() *histogram.Histogram { return nil }

// FH returns nil: it is no histogram.
func (lineSample) FH() *histogram.FloatHistogram { return nil }

// Type says that it is a number.
func (lineSample) Type() chunkenc.ValueType { return chunkenc.ValFloat }

// Copy returns the sample, which nobody can change.
func (s lineSample) Copy() chunks.Sample { return s }
