package promremote

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"

	"github.com/klauspost/compress/s2"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/barograph/barograph"
)

// The numbers of the fields in a remote write 1.0 message.
// Source: https://prometheus.io/docs/specs/prw/remote_write_spec/
const (
	fieldTimeseries protowire.Number = 1 // of the message
	fieldLabels     protowire.Number = 1 // of a series
	fieldSamples    protowire.Number = 2
	fieldName       protowire.Number = 1 // of a label
	fieldValue      protowire.Number = 2
	fieldNumber     protowire.Number = 1 // of a sample
	fieldTime       protowire.Number = 2
)

// metricLabel is the label that has the metric's name.
const metricLabel = "__name__"

// encode returns the samples at the positions as a compressed message.
func (s *Store) encode(samples []barograph.Sample, chunk []int) []byte {
	buffer, ok := s.buffers.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	defer s.buffers.Put(buffer)
	*buffer = appendMessage((*buffer)[:0], samples, chunk)
	return s2.EncodeSnappy(nil, *buffer)
}

// appendMessage appends one message: each series once, its samples in the order
// of time, as Prometheus demands. A sample that is there twice is sent once.
func appendMessage(b []byte, samples []barograph.Sample, chunk []int) []byte {
	var series []byte
	for _, group := range bySeries(samples, chunk) {
		series = appendSeries(series[:0], samples, group)
		b = protowire.AppendTag(b, fieldTimeseries, protowire.BytesType)
		b = protowire.AppendBytes(b, series)
	}
	return b
}

// bySeries groups the positions by series, in the order of their first samples.
func bySeries(samples []barograph.Sample, chunk []int) [][]int {
	seed := maphash.MakeSeed()
	places := make(map[uint64]int, len(chunk))
	var groups [][]int
	for _, i := range chunk {
		series := samples[i].Series
		for key := series.Hash(seed); ; key++ { // beside it if another series has the hash
			place, known := places[key]
			if !known {
				places[key] = len(groups)
				groups = append(groups, []int{i})
				break
			}
			if samples[groups[place][0]].Series.Equal(series) {
				groups[place] = append(groups[place], i)
				break
			}
		}
	}
	for _, g := range groups {
		slices.SortStableFunc(g, func(x, y int) int { return cmp.Compare(samples[x].UnixMilli, samples[y].UnixMilli) })
	}
	return groups
}

func appendSeries(b []byte, samples []barograph.Sample, group []int) []byte {
	series := samples[group[0]].Series
	// The message wants labels sorted: names in capitals come before __name__.
	named := false
	for _, l := range series.Labels {
		if !named && l.Name > metricLabel {
			b, named = appendLabel(b, metricLabel, series.Metric), true
		}
		b = appendLabel(b, l.Name, l.Value)
	}
	if !named {
		b = appendLabel(b, metricLabel, series.Metric)
	}
	for n, i := range group {
		if n > 0 && same(samples[i], samples[group[n-1]]) {
			continue
		}
		b = appendSample(b, samples[i])
	}
	return b
}

func same(a, b barograph.Sample) bool {
	return a.UnixMilli == b.UnixMilli && math.Float64bits(a.Value) == math.Float64bits(b.Value)
}

func appendLabel(b []byte, name, value string) []byte {
	size := protowire.SizeTag(fieldName) + protowire.SizeBytes(len(name)) + protowire.SizeTag(fieldValue) + protowire.SizeBytes(len(value))
	b = protowire.AppendTag(b, fieldLabels, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size)) //nolint:gosec // a size is positive
	b = protowire.AppendTag(b, fieldName, protowire.BytesType)
	b = protowire.AppendString(b, name)
	b = protowire.AppendTag(b, fieldValue, protowire.BytesType)
	return protowire.AppendString(b, value)
}

func appendSample(b []byte, s barograph.Sample) []byte {
	at := uint64(s.UnixMilli) //nolint:gosec // the same bits
	size := protowire.SizeTag(fieldNumber) + protowire.SizeFixed64() + protowire.SizeTag(fieldTime) + protowire.SizeVarint(at)
	b = protowire.AppendTag(b, fieldSamples, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size)) //nolint:gosec // a size is positive
	b = protowire.AppendTag(b, fieldNumber, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, math.Float64bits(s.Value))
	b = protowire.AppendTag(b, fieldTime, protowire.VarintType)
	return protowire.AppendVarint(b, at)
}
