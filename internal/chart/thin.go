package chart

import (
	"math"
	"slices"
	"time"
)

// thin leaves of points no more than the least and the greatest of each column,
// which is so many seconds wide.
func thin(points []Point, column float64) []Point {
	if !crowded(points, column, func(p Point) time.Time { return p.At }) {
		return points
	}
	var kept []Point
	eachColumn(points, column, func(p Point) time.Time { return p.At }, func(column []Point) {
		least, greatest := 0, 0
		for i, p := range column {
			if p.Value < column[least].Value {
				least = i
			}
			if p.Value > column[greatest].Value {
				greatest = i
			}
		}
		kept = append(kept, column[min(least, greatest)])
		if least != greatest {
			kept = append(kept, column[max(least, greatest)])
		}
	})
	return kept
}

// thinBand leaves one interval of each column, which holds all of them.
func thinBand(intervals []Interval, column float64) []Interval {
	if !crowded(intervals, column, func(b Interval) time.Time { return b.At }) {
		return intervals
	}
	var kept []Interval
	eachColumn(intervals, column, func(b Interval) time.Time { return b.At }, func(column []Interval) {
		one := column[len(column)/2]
		for _, b := range column {
			one.Low, one.High = min(one.Low, b.Low), max(one.High, b.High)
		}
		kept = append(kept, one)
	})
	kept[0].At, kept[len(kept)-1].At = intervals[0].At, intervals[len(intervals)-1].At
	return kept
}

// crowded reports whether there are more than two a column.
func crowded[T any](all []T, column float64, at func(T) time.Time) bool {
	if len(all) < 3 {
		return false
	}
	return float64(len(all)) > 2*(seconds(at(all[len(all)-1]))-seconds(at(all[0])))/column
}

// eachColumn calls f with the neighbours that share a column of time.
func eachColumn[T any](all []T, column float64, at func(T) time.Time, f func([]T)) {
	if len(all) == 0 {
		return
	}
	first := seconds(at(all[0]))
	number := func(i int) float64 { return math.Floor((seconds(at(all[i])) - first) / column) }
	start, current := 0, number(0)
	for i := range all {
		if n := number(i); n != current {
			f(all[start:i])
			start, current = i, n
		}
	}
	f(all[start:])
}

// runs returns the known points, thinned to columns of so many seconds, as runs
// without long gaps; gaps that are too narrow to be seen are none.
func runs(points []Point, column float64) [][]Point {
	const seen = 3 // columns
	known := finitePoints(points)
	gap := gapSteps * spacing(known)
	if thinned := thin(known, column); len(thinned) < len(known) {
		gap = max(gap, time.Duration(min(seen*column*float64(time.Second), math.MaxInt64/2)))
		known = thinned
	}
	return split(known, gap)
}

// lines returns the known points as runs without long gaps.
func lines(points []Point) [][]Point {
	known := finitePoints(points)
	return split(known, gapSteps*spacing(known))
}

// finitePoints returns the known points: mostly all of them, and then not a copy.
func finitePoints(points []Point) []Point {
	if !slices.ContainsFunc(points, func(p Point) bool { return !finite(p.Value) }) {
		return points
	}
	known := make([]Point, 0, len(points))
	for _, p := range points {
		if finite(p.Value) {
			known = append(known, p)
		}
	}
	return known
}

// split parts points wherever they are further apart than the gap.
func split(points []Point, gap time.Duration) [][]Point {
	var runs [][]Point
	start := 0
	for i := 1; i <= len(points); i++ {
		if i == len(points) || points[i].At.Sub(points[i-1].At) > gap {
			runs = append(runs, points[start:i])
			start = i
		}
	}
	return runs
}
