package promtsdb

import (
	"math"
	"strconv"
	"strings"

	"github.com/barograph/barograph"
)

// Size is a number of bytes that reads and writes as text: "20GB", "512MiB",
// "1.5TB", or a bare number of bytes.
type Size int64

// Decimal units, as disks are sold.
const (
	Kilobyte Size = 1000
	Megabyte      = 1000 * Kilobyte
	Gigabyte      = 1000 * Megabyte
	Terabyte      = 1000 * Gigabyte
)

type sizeUnit struct {
	name  string
	bytes Size
}

// sizeUnits returns the units that a size may have, the largest first.
func sizeUnits() []sizeUnit {
	return []sizeUnit{
		{"TiB", 1 << 40},
		{"TB", Terabyte},
		{"GiB", 1 << 30},
		{"GB", Gigabyte},
		{"MiB", 1 << 20},
		{"MB", Megabyte},
		{"KiB", 1 << 10},
		{"KB", Kilobyte},
		{"B", 1},
	}
}

// ParseSize reads a whole or decimal number with an optional unit: B, KB, MB,
// GB, TB (powers of 1000), KiB, MiB, GiB, TiB (of 1024), in any case.
func ParseSize(text string) (Size, error) {
	bad := barograph.Errorf(barograph.KindInvalid, "%q is not a size: write a number with a unit, as 500MB, 20GB or 2TiB", text)
	number, unit := strings.TrimSpace(text), Size(1)
	for _, u := range sizeUnits() {
		if cut := len(number) - len(u.name); cut > 0 && strings.EqualFold(number[cut:], u.name) {
			number, unit = strings.TrimSpace(number[:cut]), u.bytes
			break
		}
	}
	if whole, err := strconv.ParseInt(number, 10, 64); err == nil && whole >= 0 && whole <= math.MaxInt64/int64(unit) {
		return Size(whole) * unit, nil
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n >= 0) || n*float64(unit) >= math.MaxInt64 {
		return 0, bad
	}
	return Size(n * float64(unit)), nil
}

// String returns the shortest text that ParseSize reads back as s.
func (s Size) String() string {
	for _, u := range sizeUnits() {
		if s != 0 && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return "0B"
}

// MarshalText returns the text of String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what ParseSize reads.
func (s *Size) UnmarshalText(text []byte) error {
	v, err := ParseSize(string(text))
	if err != nil {
		return err
	}
	*s = v
	return nil
}
