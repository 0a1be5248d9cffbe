package spooled

import (
	"encoding/binary"
	"errors"
	"hash/maphash"
	"math"

	"github.com/barograph/barograph"
)

// A record is the samples of one write, in their order:
//
//	version  1 byte
//	samples  varint, how many, then each:
//	    series   varint: the place among those seen before in the record; the
//	             next place means a new one, which follows: metric, number of
//	             labels, names and values, every text behind its length
//	    time     varint, the difference from the sample before
//	    value    8 bytes, little-endian
const codecVersion = 1

// encode returns the samples as one record.
func encode(samples []barograph.Sample) []byte {
	b := make([]byte, 0, 16+32*len(samples))
	b = append(b, codecVersion)
	b = binary.AppendUvarint(b, uint64(len(samples)))
	seen := newDictionary(samples)
	last := int64(0)
	for i, s := range samples {
		place, known := seen.place(i)
		b = binary.AppendUvarint(b, place)
		if !known {
			b = appendSeries(b, s.Series)
		}
		b = binary.AppendVarint(b, s.UnixMilli-last)
		last = s.UnixMilli
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(s.Value))
	}
	return b
}

func appendSeries(b []byte, s barograph.Series) []byte {
	b = appendText(b, s.Metric)
	b = binary.AppendUvarint(b, uint64(len(s.Labels)))
	for _, l := range s.Labels {
		b = appendText(b, l.Name)
		b = appendText(b, l.Value)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// dictionary numbers series in the order in which they come.
type dictionary struct {
	samples []barograph.Sample
	seed    maphash.Seed
	places  map[uint64]entry
}

type entry struct {
	place  uint64
	sample int // one of the series
}

func newDictionary(samples []barograph.Sample) dictionary {
	return dictionary{samples: samples, seed: maphash.MakeSeed(), places: map[uint64]entry{}}
}

// place returns the place of a sample's series, and whether it has it already.
func (d dictionary) place(sample int) (place uint64, known bool) {
	series := d.samples[sample].Series
	for key := series.Hash(d.seed); ; key++ { // beside it if another series has the hash
		e, taken := d.places[key]
		if !taken {
			place = uint64(len(d.places))
			d.places[key] = entry{place, sample}
			return place, false
		}
		if d.samples[e.sample].Series.Equal(series) {
			return e.place, true
		}
	}
}

var errRecord = errors.New("not a record of samples")

// decode returns the samples of a record.
func decode(record []byte) ([]barograph.Sample, error) {
	d := decoder{rest: record}
	if d.byte() != codecVersion {
		return nil, errRecord
	}
	const leastSample = 10 // bytes
	n := d.number(len(record) / leastSample)
	samples := make([]barograph.Sample, 0, n)
	var seen []barograph.Series
	last := int64(0)
	for range n {
		place := d.number(len(seen))
		if place == len(seen) && !d.bad {
			seen = append(seen, d.series())
		}
		last += d.varint()
		value := math.Float64frombits(d.fixed64())
		if d.bad {
			return nil, errRecord
		}
		samples = append(samples, barograph.Sample{Series: seen[place], UnixMilli: last, Value: value})
	}
	if d.bad || len(d.rest) > 0 {
		return nil, errRecord
	}
	return samples, nil
}

// decoder reads a record from its front. After something that can't be, it is
// bad and gives zeros.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) take(n int) []byte {
	if d.bad || n > len(d.rest) {
		d.bad = true
		return nil
	}
	out := d.rest[:n]
	d.rest = d.rest[n:]
	return out
}

func (d *decoder) byte() byte {
	if b := d.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (d *decoder) fixed64() uint64 {
	if b := d.take(8); len(b) == 8 {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	d.take(max(n, 0))
	d.bad = d.bad || n <= 0
	return v
}

// number reads one of at most most.
func (d *decoder) number(most int) int {
	v, n := binary.Uvarint(d.rest)
	d.take(max(n, 0))
	if n <= 0 || v > uint64(most) { //nolint:gosec // most is a length
		d.bad = true
		return 0
	}
	return int(v) //nolint:gosec // at most most
}

func (d *decoder) text() string { return string(d.take(d.number(len(d.rest)))) }

func (d *decoder) series() barograph.Series {
	s := barograph.Series{Metric: d.text()}
	const leastLabel = 2 // bytes
	n := d.number(len(d.rest) / leastLabel)
	if n > 0 {
		s.Labels = make(barograph.Labels, 0, n)
	}
	for range n {
		s.Labels = append(s.Labels, barograph.Label{Name: d.text(), Value: d.text()})
	}
	return s
}
