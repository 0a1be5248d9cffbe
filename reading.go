package barograph

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Reading writes a value, or a difference of two, in the unit that the metric's
// name tells: "42 %" of a ratio, "1.5 GiB", "200 ms", "31 h". It has at most four
// significant digits.
func Reading(metric string, v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return readingNumber(v)
	case strings.HasSuffix(metric, "_ratio"):
		return readingNumber(100*v) + " %"
	case strings.HasSuffix(metric, "_bytes"):
		return bytesReading(v)
	case strings.HasSuffix(metric, "_bytes_per_second"):
		return bytesReading(v) + "/s"
	case strings.HasSuffix(metric, "_seconds"):
		return secondsReading(v)
	}
	return readingNumber(v)
}

func readingNumber(v float64) string {
	if a := math.Abs(v); a >= 1e4 && a < 1e15 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

func bytesReading(v float64) string {
	const step = 1024
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for ; math.Abs(v) >= step && i < len(units)-1; i++ {
		v /= step
	}
	return readingNumber(v) + " " + units[i]
}

func secondsReading(v float64) string {
	const longest = 290 * 365 * 24 * 3600 // that a time.Duration holds, about
	switch a := math.Abs(v); {
	case v == 0:
		return "0 s"
	case a < 1:
		return readingNumber(1000*v) + " ms"
	case a < 60:
		return readingNumber(v) + " s"
	case v < 0:
		return "-" + Words(time.Duration(min(a, longest))*time.Second)
	}
	return Words(time.Duration(min(v, longest)) * time.Second)
}
