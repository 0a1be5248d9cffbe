package chart

import (
	"math"
	"strconv"
	"strings"
)

// Unit is what values are counted in.
type Unit string

// The units that are written in a way of their own; any other is written behind
// the numbers, which get the prefixes k, M, G and so on.
const (
	UnitNone    Unit = ""
	UnitRatio   Unit = "ratio" // as per cent
	UnitBytes   Unit = "bytes" // as KiB, MiB …
	UnitSeconds Unit = "seconds"
)

// UnitOf returns the unit that a metric's name says it has.
func UnitOf(metric string) Unit {
	for _, u := range []Unit{UnitRatio, UnitBytes, UnitSeconds} {
		if strings.HasSuffix(metric, "_"+string(u)) {
			return u
		}
	}
	return UnitNone
}

// scaled is a unit of a size at which numbers are easily read.
type scaled struct {
	size float64
	name string
}

// scale returns the unit in which numbers up to this size are written.
func (u Unit) scale(size float64) scaled {
	best := scaled{size: 1}
	for _, s := range u.scales() {
		if size >= s.size {
			best = s
		}
	}
	if u == UnitRatio {
		best = scaled{.01, " %"}
	}
	return best
}

// scales returns the sizes of the unit, least first.
func (u Unit) scales() []scaled {
	if u == UnitBytes {
		return []scaled{{1, " B"}, {1 << 10, " KiB"}, {1 << 20, " MiB"}, {1 << 30, " GiB"}, {1 << 40, " TiB"}, {1 << 50, " PiB"}}
	}
	if u == UnitSeconds {
		return []scaled{{0, " ns"}, {1e-9, " ns"}, {1e-6, " µs"}, {1e-3, " ms"}, {1, " s"}, {300, " min"}, {7200, " h"}, {172800, " d"}}
	}
	name := string(u)
	if name != "" {
		name = " " + name
	}
	return []scaled{{1, name}, {1e4, "k" + name}, {1e6, "M" + name}, {1e9, "G" + name}, {1e12, "T" + name}}
}

// base returns what a number of this scale is divided by.
func (s scaled) base() float64 {
	switch s.name {
	case " ns":
		return 1e-9
	case " min":
		return 60
	case " h":
		return 3600
	case " d":
		return 86400
	}
	if strings.HasPrefix(s.name, "k") {
		return 1e3
	}
	return s.size
}

// valueTicks returns at most most round values within the frame, lowest first,
// and how they are written.
func (u Unit) valueTicks(low, high float64, most int) (at []float64, labels []string) {
	s := u.scale(max(math.Abs(low), math.Abs(high)))
	base := s.base()
	low, high = low/base, high/base
	step := roundStep((high - low) / float64(max(1, most-1)))
	first := math.Ceil(low/step - 1e-9)
	for i := range most {
		v := (first + float64(i)) * step
		if v > high+step*1e-9 {
			break
		}
		if v == 0 {
			v = 0 // no minus
		}
		at = append(at, v*base)
		labels = append(labels, formatTick(v, step)+s.name)
	}
	return at, labels
}

// roundStep returns the least of 1, 2, 5 times a power of ten that is not below
// the least step.
func roundStep(least float64) float64 {
	if !(least > 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= least*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// formatTick writes a value with the decimals that its step needs.
func formatTick(v, step float64) string {
	if a := max(math.Abs(v), step); a >= 1e7 || step < 1e-6 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	decimals := max(0, int(math.Ceil(-math.Log10(step)-1e-9)))
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// Format writes one value with three significant digits and its unit, as "87.3 %"
// or "1.25 GiB"; one that is not finite is a dash.
func (u Unit) Format(v float64) string { return u.format(v, 3) }

// limit writes a limit, which somebody chose, with one digit more.
func (u Unit) limit(v float64) string { return u.format(v, 4) }

func (u Unit) format(v float64, digits int) string {
	if !finite(v) {
		return "–"
	}
	s := u.scale(math.Abs(v))
	if v == 0 {
		s = u.zero()
	}
	v /= s.base()
	if a := math.Abs(v); a >= math.Pow10(digits)-.5 && a < 1e7 {
		return strconv.FormatFloat(v, 'f', 0, 64) + s.name
	}
	return strconv.FormatFloat(v, 'g', digits, 64) + s.name
}

// zero returns the scale in which nothing is written.
func (u Unit) zero() scaled {
	switch u {
	case UnitRatio:
		return scaled{1, " %"}
	case UnitBytes:
		return scaled{1, " B"}
	case UnitSeconds:
		return scaled{1, " s"}
	case UnitNone:
	}
	return u.scale(1)
}
