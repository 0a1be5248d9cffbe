package barograph

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Reading writes a value, or a difference of two, in the unit that the metric's
// name tells: "42 %" of a ratio, "1.5 GiB", "200 ms", "31 h". It has three
// significant digits, and more only of a greater whole number.
func Reading(metric string, v float64) string { return digits(measuredDigits).reading(metric, v) }

// LimitReading writes a limit as Reading does a value, but with four digits: it
// is what somebody chose, and not to be told otherwise.
func LimitReading(metric string, v float64) string { return digits(limitDigits).reading(metric, v) }

// ReadingBeside writes a value as Reading does, but with as many more digits as it
// takes to stand on its side of the limit beside it, which has up to four: 90.02 % is
// above 90 %, and 87.84 % above 87.83 %.
func ReadingBeside(metric string, v, limit float64) string {
	beside := LimitReading(metric, limit)
	for n := digits(measuredDigits); ; n++ {
		text, same := n.reading(metric, v), n.reading(metric, limit)
		asPrecise := same == beside || n > limitDigits
		if asPrecise && text != same || v == limit || n == mostDigits {
			return text
		}
	}
}

// Reading writes a value beside the limit of the rule, which may be nil.
func (r *RuleRef) Reading(metric string, v float64) string {
	if r == nil {
		return Reading(metric, v)
	}
	return ReadingBeside(metric, v, r.Limit)
}

const measuredDigits, limitDigits, mostDigits = 3, 4, 7

// digits is how many of a number are significant.
type digits int

func (n digits) reading(metric string, v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return n.number(v)
	case strings.HasSuffix(metric, "_ratio"):
		return n.number(100*v) + " %"
	case strings.HasSuffix(metric, "_bytes"):
		return n.bytes(v)
	case strings.HasSuffix(metric, "_bytes_per_second"):
		return n.bytes(v) + "/s"
	case strings.HasSuffix(metric, "_seconds"):
		return n.seconds(v)
	}
	return n.number(v)
}

func (n digits) number(v float64) string {
	if a := math.Abs(v); a >= math.Pow10(int(n))-.5 && a < 1e15 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', int(n), 64)
}

func (n digits) bytes(v float64) string {
	const step = 1024
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for ; math.Abs(v) >= step && i < len(units)-1; i++ {
		v /= step
	}
	return n.number(v) + " " + units[i]
}

func (n digits) seconds(v float64) string {
	const longest = 290 * 365 * 24 * 3600 // that a time.Duration holds, about
	switch a := math.Abs(v); {
	case v == 0:
		return "0 s"
	case a < 1:
		return n.number(1000*v) + " ms"
	case a < 60:
		return n.number(v) + " s"
	case v < 0:
		return "-" + Words(time.Duration(min(a, longest))*time.Second)
	}
	return Words(time.Duration(min(v, longest)) * time.Second)
}
