package chart

import "time"

// TimeTicks returns the ticks of a time axis.
func TimeTicks(from, to time.Time, zone *time.Location, most int) ([]time.Time, []string) {
	at, labels := timeTicks(seconds(from), seconds(to), zone, most)
	times := make([]time.Time, len(at))
	for i, s := range at {
		times[i] = timeOf(s)
	}
	return times, labels
}

// ValueTicks returns the ticks of a value axis.
func (u Unit) ValueTicks(low, high float64, most int) ([]float64, []string) {
	return u.valueTicks(low, high, most)
}
