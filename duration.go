package barograph

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Day and Week are the two units that operators use and time.Duration lacks.
const (
	Day  = 24 * time.Hour
	Week = 7 * Day
)

// Duration is a time.Duration that reads and writes as text with days and
// weeks: "90s", "1h30m", "7d", "2w". A bare number is refused, but for 0.
type Duration time.Duration

// Std returns d as a time.Duration.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns the shortest text that ParseDuration reads back as d.
func (d Duration) String() string {
	t := time.Duration(d)
	if t == 0 {
		return "0s"
	}
	if t%time.Second != 0 {
		return t.String()
	}
	var b strings.Builder
	if t < 0 {
		b.WriteByte('-')
		t = -t
	}
	for _, u := range []struct {
		name string
		size time.Duration
	}{{"d", Day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if n := int64(t / u.size); n > 0 {
			b.WriteString(strconv.FormatInt(n, 10) + u.name)
			t %= u.size
		}
	}
	return b.String()
}

// Words writes a duration as an operator says it: "31 h", "5 d", "12 min".
func Words(d time.Duration) string {
	switch {
	case d >= 3*Day:
		return fmt.Sprintf("%.0f d", d.Hours()/24)
	case d >= time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	case d >= time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

// MarshalText returns the text of String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// ParseDuration reads a sum of whole or decimal numbers with units, as "1d12h":
// ns, us, ms, s, m, h, d (24 h), w (7 d).
func ParseDuration(s string) (Duration, error) {
	bad := Errorf(KindInvalid, "%q is not a duration: write a number with a unit, as 30s, 5m, 12h, 7d or 2w", s)
	rest, negative := strings.CutPrefix(s, "-")
	if rest == "0" {
		return 0, nil
	}
	if rest == "" {
		return 0, bad
	}
	var sum time.Duration
	for rest != "" {
		end := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if end <= 0 {
			return 0, bad
		}
		number, unit := rest[:end], rest[end:]
		if next := strings.IndexAny(unit, "0123456789."); next >= 0 {
			unit = unit[:next]
		}
		rest = rest[end+len(unit):]
		part, err := parsePart(number, unit)
		if err != nil || part > 1<<62-sum {
			return 0, bad
		}
		sum += part
	}
	if negative {
		sum = -sum
	}
	return Duration(sum), nil
}

func parsePart(number, unit string) (time.Duration, error) {
	size := map[string]time.Duration{"d": Day, "w": Week}[unit]
	if size == 0 {
		return time.ParseDuration(number + unit)
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, err
	}
	if n > float64(1<<62)/float64(size) {
		return 0, fmt.Errorf("%s%s is too long", number, unit)
	}
	return time.Duration(n * float64(size)), nil
}
