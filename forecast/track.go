package forecast

import (
	"bytes"
	"hash/fnv"
	"math"
	"slices"
	"time"
	"unsafe"

	"github.com/barograph/barograph"
)

// track is one series on the grid of its rule's history, with the last verdict
// on it. Cells before history.open are packed, later ones are in the tail.
type track struct {
	series barograph.Series
	packed []byte    // from block history.first on
	tail   []float64 // from cell history.open on; NaN is a null
	last   int64     // cell of the last known value

	news  news
	calm  uint8  // verdicts in a row that saw no danger
	phase uint32 // spreads what is done now and then over time
	// fence is the value beyond which news is urgent.
	fence    float64
	verdict  verdict
	staleAge time.Duration // of the last sample, from which on the verdict no longer holds
}

// news says what came since the series was asked about.
type news uint8

const (
	newsNone   news = iota
	newsSome        // values, none of them noticeably nearer to the limit
	newsUrgent      // a value noticeably nearer to the limit, or another past
)

// never is before all cells.
const never = math.MinInt64 / 2

func newTrack(series barograph.Series, blocks int64) *track {
	h := fnv.New32a()
	_, _ = h.Write([]byte(series.String())) // never fails
	return &track{series: series, packed: make([]byte, blocks), last: never, news: newsUrgent, phase: h.Sum32()}
}

// reserve makes the tail n cells long, if it is shorter. There is one tail for
// each series, so that spare room would cost more than moving it.
func (t *track) reserve(n int) {
	const room = 8
	if n > cap(t.tail) {
		tail := make([]float64, len(t.tail), (n+room-1)/room*room)
		copy(tail, t.tail)
		t.tail = tail
	}
	for len(t.tail) < n {
		t.tail = append(t.tail, math.NaN())
	}
}

// value returns the last known value; ok is false if it is packed.
func (t *track) value(open int64) (v float64, ok bool) {
	at := t.last - open
	if at < 0 || at >= int64(len(t.tail)) {
		return 0, false
	}
	return t.tail[at], true
}

// replace puts other records in the place of those from the given one on.
func (t *track) replace(at int64, records []byte) {
	begin := skipRecords(t.packed, at)
	end := begin
	for n := 0; n < len(records); n += recordSize(records[n]) {
		end += recordSize(t.packed[end])
	}
	if bytes.Equal(t.packed[begin:end], records) {
		return
	}
	t.news = newsUrgent
	t.packed = slices.Concat(t.packed[:begin], records, t.packed[end:])
}

// advance packs the tail's first blocks and drops the oldest ones.
func (t *track) advance(p packer, pack, drop int64) {
	var records []byte
	rest := t.tail
	for ; pack > 0; pack-- {
		var values block
		n := copy(values[:], rest)
		for i := n; i < len(values); i++ {
			values[i] = math.NaN()
		}
		records = p.append(records, &values)
		rest = rest[n:]
	}
	if len(rest) < len(t.tail) {
		t.tail = nil
		t.reserve(len(rest))
		copy(t.tail, rest)
	}
	packed := slices.Concat(t.packed, records)
	t.packed = slices.Clone(packed[skipRecords(packed, drop):])
}

// empty reports whether nothing is known of the series any more.
func (t *track) empty() bool {
	for _, kind := range t.packed {
		if kind != recordEmpty {
			return false
		}
	}
	return !slices.ContainsFunc(t.tail, finite)
}

// size returns how much memory the series holds on to, about.
func (t *track) size() int {
	size := int(unsafe.Sizeof(*t)) + cap(t.packed) + 8*cap(t.tail) + len(t.verdict.reason)
	size += len(t.series.Metric)
	for _, l := range t.series.Labels {
		size += int(unsafe.Sizeof(l)) + len(l.Name) + len(l.Value)
	}
	return size
}

// same reports whether both are the same, nulls (which alone differ from
// themselves) being equal.
func same(a, b float64) bool { return a == b || a != a && b != b }
