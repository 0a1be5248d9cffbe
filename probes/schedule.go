package probes

import (
	"container/heap"
	"hash/fnv"
	"math/bits"
	"reflect"
	"time"

	"github.com/barograph/barograph"
)

// firstWithin bounds how long a new target waits for its first round, so that
// whoever adds one with a long interval soon sees what it does.
const firstWithin = 10 * time.Second

// phase returns where in a period the starts of a target lie, from 0 to just
// below the period. It depends on the target's ID alone, and over many targets
// it is uniform.
func phase(id barograph.TargetID, period time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	// FNV leaves the high bits of similar keys alike; the finisher of
	// MurmurHash3 mixes them before they choose the place.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	place, _ := bits.Mul64(x, uint64(max(0, period)))
	return time.Duration(place) //nolint:gosec // below period
}

// nextStart returns the first start after now of a target with that interval:
// starts are the multiples of the interval since 1970, moved by the phase. One
// that would come within a quarter of the interval is left out, so that a clock
// set back a little does not start a round twice.
func nextStart(id barograph.TargetID, interval time.Duration, now time.Time) time.Time {
	until := untilStart(id, interval, now)
	if until < interval/4 {
		until += interval
	}
	return now.Add(until)
}

func untilStart(id barograph.TargetID, interval time.Duration, now time.Time) time.Duration {
	sinceLast := time.Duration((now.UnixNano() - int64(phase(id, interval))) % int64(interval))
	if sinceLast < 0 {
		sinceLast += interval
	}
	return interval - sinceLast
}

// firstStart returns when a target that is new at now starts first.
func firstStart(id barograph.TargetID, interval time.Duration, now time.Time) time.Time {
	return now.Add(untilStart(id, min(interval, firstWithin), now))
}

// entry is a target in the schedule.
type entry struct {
	target  barograph.Target
	version int // grows when the target changes
	due     time.Time
	place   int  // in the heap
	running bool // a round has been started or waits for a free place
	gone    bool // the target was removed
	state   targetState
}

// targetState is what the last round said.
type targetState struct {
	known bool
	down  bool
	since time.Time
}

// schedule keeps the targets by when they are due. It is pure: it knows no
// clock but what it is told.
type schedule struct {
	entries map[barograph.TargetID]*entry
	queue   entryHeap
}

func newSchedule() *schedule {
	return &schedule{entries: map[barograph.TargetID]*entry{}}
}

// replace makes the schedule that of the given targets. Targets that are as
// they were keep their place; of a changed one the state is kept, so that a
// target that is down is not told of twice.
func (s *schedule) replace(targets []barograph.Target, now time.Time) {
	wanted := make(map[barograph.TargetID]bool, len(targets))
	for _, t := range targets {
		if t.Enabled {
			wanted[t.ID] = true
			s.put(t, now)
		}
	}
	for id, e := range s.entries {
		if !wanted[id] {
			e.gone = true
			heap.Remove(&s.queue, e.place)
			delete(s.entries, id)
		}
	}
}

func (s *schedule) put(t barograph.Target, now time.Time) {
	e := s.entries[t.ID]
	if e == nil {
		e = &entry{target: t, due: firstStart(t.ID, t.Interval.Std(), now)}
		s.entries[t.ID] = e
		heap.Push(&s.queue, e)
		return
	}
	if sameProbe(e.target, t) {
		return
	}
	e.target = t
	e.version++
	e.due = firstStart(t.ID, t.Interval.Std(), now)
	heap.Fix(&s.queue, e.place)
}

// sameProbe reports whether both would be probed and labelled in the same way.
func sameProbe(a, b barograph.Target) bool {
	a.CreatedAt, a.UpdatedAt, b.CreatedAt, b.UpdatedAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return reflect.DeepEqual(a, b)
}

// next returns when the next target is due; ok is false if there is none.
func (s *schedule) next() (due time.Time, ok bool) {
	if len(s.queue) == 0 {
		return time.Time{}, false
	}
	return s.queue[0].due, true
}

// pop returns a target that is due at now, nil if none is, and puts it back at
// its next start.
func (s *schedule) pop(now time.Time) *entry {
	if len(s.queue) == 0 || s.queue[0].due.After(now) {
		return nil
	}
	e := s.queue[0]
	e.due = nextStart(e.target.ID, e.target.Interval.Std(), now)
	heap.Fix(&s.queue, 0)
	return e
}

// entryHeap is a heap of entries, the first due on top.
type entryHeap []*entry

var _ heap.Interface = (*entryHeap)(nil)

func (h *entryHeap) Len() int           { return len(*h) }
func (h *entryHeap) Less(i, j int) bool { return (*h)[i].due.Before((*h)[j].due) }

func (h *entryHeap) Swap(i, j int) {
	q := *h
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

func (h *entryHeap) Push(x any) {
	if e, ok := x.(*entry); ok {
		e.place = len(*h)
		*h = append(*h, e)
	}
}

func (h *entryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
