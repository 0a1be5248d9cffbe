package promremote

import "time"

// span is a range of time in milliseconds; from is included, to is not.
type span struct{ from, to int64 }

// spanOf returns the milliseconds in a range, within the times that servers can
// be asked for: VictoriaMetrics looks back a little from the start and finds
// nothing if that is before 1970, and no duration is longer than 292 years.
func spanOf(from, to time.Time) span {
	const earliest, latest = 31_536_000_000, 7_000_000_000_000 // 1971, in the year 2191
	return span{max(ceilMilli(from), earliest), min(ceilMilli(to), latest)}
}

// ceilMilli rounds up, which chooses the same samples.
func ceilMilli(t time.Time) int64 {
	milli := t.UnixMilli()
	if time.UnixMilli(milli).Before(t) {
		milli++
	}
	return milli
}

func (s span) empty() bool { return s.from >= s.to }

func (s span) length() int64 { return s.to - s.from }

func (s span) contains(milli int64) bool { return s.from <= milli && milli < s.to }
