package forecast

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/barograph/barograph"
)

// blockCells is how many cells of the grid are packed into one record.
const blockCells = 64

// block is the values of blockCells cells; NaN is a null.
type block [blockCells]float64

// The records of a packed history, by their first byte. What follows is binary,
// little endian.
const (
	recordEmpty  byte = iota // all null
	recordEven               // the value of all of them
	recordNarrow             // least, largest, number of levels (1 byte), a level a cell (1 byte)
	recordWide               // the same with 2 bytes each
	recordRaw                // the values
)

const (
	narrowLevels, narrowNull = 0xfe, 0xff
	wideLevels, wideNull     = 0xfffe, 0xffff
	boundsSize               = 16    // of least and largest
	mostPacked               = 1e300 // beyond which arithmetic might overflow: kept raw
)

// recordSize returns the size of a record that begins with this byte.
func recordSize(kind byte) int {
	switch kind {
	case recordEmpty:
		return 1
	case recordEven:
		return 1 + 8
	case recordNarrow:
		return 1 + boundsSize + 1 + blockCells
	case recordWide:
		return 1 + boundsSize + 2 + 2*blockCells
	}
	return 1 + 8*blockCells
}

// skipRecords returns the size of the first n records.
func skipRecords(packed []byte, n int64) int {
	size := 0
	for ; n > 0; n-- {
		size += recordSize(packed[size])
	}
	return size
}

// packer packs blocks of values into about a byte a value.
//
// Least and largest of a block are exact; between them a value is moved to the
// nearest of 255 evenly spaced levels, by at most 1/508 of the block's range,
// which is well below the noise of whatever needs that many. Values that lie on
// a grid of their own, as counts do, stay what they are. Where a lone outlier
// would leave all others on one level, there are 65,535 of them. No value is
// moved to the other side of the limit, and what does not decrease goes on not
// decreasing.
type packer struct {
	operator barograph.Operator
	limit    float64
}

// append appends the record of the values.
func (p packer) append(packed []byte, values *block) []byte {
	scale, known := newLevels(values)
	switch {
	case known == 0:
		return append(packed, recordEmpty)
	case known == blockCells && scale.low == scale.high:
		return appendFloat(append(packed, recordEven), scale.low)
	case max(math.Abs(scale.low), math.Abs(scale.high)) > mostPacked:
		packed = append(packed, recordRaw)
		for _, v := range values {
			packed = appendFloat(packed, v)
		}
		return packed
	case scale.count <= narrowLevels:
		packed = append(scale.append(append(packed, recordNarrow)), byte(scale.count)) //nolint:gosec // at most narrowLevels
		for _, v := range values {
			packed = append(packed, byte(p.level(&scale, v, narrowNull))) //nolint:gosec // the same
		}
		return packed
	}
	packed = binary.LittleEndian.AppendUint16(scale.append(append(packed, recordWide)), uint16(scale.count)) //nolint:gosec // at most wideLevels
	for _, v := range values {
		packed = binary.LittleEndian.AppendUint16(packed, uint16(p.level(&scale, v, wideNull))) //nolint:gosec // the same
	}
	return packed
}

// level returns the level that stands for the value: the nearest on the same
// side of the limit.
func (p packer) level(scale *levels, v float64, null int) int {
	if !finite(v) {
		return null
	}
	k := scale.nearest(v)
	crossed := p.operator.Crossed(v, p.limit)
	step := -1
	if crossed == p.operator.Upward() {
		step = 1
	}
	for p.operator.Crossed(scale.value(k), p.limit) != crossed && k+step >= 0 && k+step <= scale.count {
		k += step
	}
	return k
}

// levels are count+1 evenly spaced values from low to high.
type levels struct {
	low, high float64
	count     int
}

// newLevels returns the levels for the values, and how many values are known.
func newLevels(values *block) (scale levels, known int) {
	var buf, moves [blockCells]float64
	last := math.NaN()
	some := moves[:0]
	for _, v := range values {
		if !finite(v) {
			continue
		}
		buf[known] = v
		known++
		if !math.IsNaN(last) {
			some = append(some, math.Abs(v-last))
		}
		last = v
	}
	if known == 0 {
		return levels{}, 0
	}
	sorted := buf[:known]
	slices.Sort(sorted)
	scale = levels{sorted[0], sorted[len(sorted)-1], 1}
	if scale.low == scale.high {
		return scale, known
	}
	slices.Sort(some)
	scale.count = scale.choose(sorted, some[len(some)/2])
	return scale, known
}

// choose returns how many levels the sorted values need, whose usual move from
// one to the next is given.
func (l *levels) choose(sorted []float64, usual float64) int {
	least := math.Inf(1)
	for i := 1; i < len(sorted); i++ {
		if d := sorted[i] - sorted[i-1]; d > 0 {
			least = min(least, d)
		}
	}
	span := l.high - l.low
	l.count = int(math.Round(min(span/least, wideLevels)))
	fits := l.fit(sorted)
	switch {
	case fits && l.count <= narrowLevels:
		return l.count
	case usual == 0 || span/narrowLevels <= usual:
		return narrowLevels
	case fits:
		return l.count
	}
	return wideLevels
}

// fit reports whether the values lie on the levels, but for what a float64
// can't tell.
func (l *levels) fit(values []float64) bool {
	largest := max(math.Abs(l.low), math.Abs(l.high))
	tolerance := 4 * (math.Nextafter(largest, math.Inf(1)) - largest)
	for _, v := range values {
		if math.Abs(l.value(l.nearest(v))-v) > tolerance {
			return false
		}
	}
	return true
}

func (l *levels) nearest(v float64) int {
	return int(math.Round((v - l.low) / (l.high - l.low) * float64(l.count)))
}

func (l *levels) value(k int) float64 {
	if k == l.count {
		return l.high
	}
	return l.low + (l.high-l.low)*float64(k)/float64(l.count)
}

func (l *levels) append(packed []byte) []byte {
	return appendFloat(appendFloat(packed, l.low), l.high)
}

// unpack appends the values of all records.
func unpack(values []float64, packed []byte) []float64 {
	for len(packed) > 0 {
		n := recordSize(packed[0])
		values = unpackRecord(values, packed[0], packed[1:n])
		packed = packed[n:]
	}
	return values
}

func unpackRecord(values []float64, kind byte, body []byte) []float64 {
	switch kind {
	case recordEmpty:
		return appendSame(values, math.NaN())
	case recordEven:
		return appendSame(values, floatAt(body, 0))
	case recordNarrow:
		scale := levels{floatAt(body, 0), floatAt(body, 1), int(body[boundsSize])}
		for _, k := range body[boundsSize+1:] {
			values = appendLevel(values, &scale, int(k), narrowNull)
		}
		return values
	case recordWide:
		scale := levels{floatAt(body, 0), floatAt(body, 1), int(binary.LittleEndian.Uint16(body[boundsSize:]))}
		for at := boundsSize + 2; at < len(body); at += 2 {
			values = appendLevel(values, &scale, int(binary.LittleEndian.Uint16(body[at:])), wideNull)
		}
		return values
	}
	for i := range blockCells {
		values = append(values, floatAt(body, i))
	}
	return values
}

func appendSame(values []float64, v float64) []float64 {
	for range blockCells {
		values = append(values, v)
	}
	return values
}

func appendLevel(values []float64, scale *levels, k, null int) []float64 {
	if k == null {
		return append(values, math.NaN())
	}
	return append(values, scale.value(k))
}

func appendFloat(packed []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(packed, math.Float64bits(v))
}

func floatAt(body []byte, i int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(body[8*i:]))
}
