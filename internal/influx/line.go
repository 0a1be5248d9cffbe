package influx

import (
	"strconv"
	"strings"

	"github.com/barograph/barograph"
)

// field is the one field of our measurements.
const field = "value"

// reservedPrefix comes before the names of labels that can't be tags. No label
// name has a colon, so it can't be mistaken.
const reservedPrefix = "label:"

// tagKey returns the tag that keeps the label: the name itself, unless Influx
// or its answers use that name. Source: "Reserved keys" of the line protocol,
// https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
func tagKey(label string) string {
	switch {
	case label == "time", label == "result", label == "table", label[0] == '_':
		return reservedPrefix + label
	}
	return label
}

// labelName is the inverse of tagKey.
func labelName(key string) string { return strings.TrimPrefix(key, reservedPrefix) }

// escapedTag is an expression for stored values that differ from the label's.
const escapedTag = "%[0-9A-F][0-9A-F]"

// tagValue returns what is stored for a label's value: the value itself, but
// for control characters and backslashes, and for a % that would read as one
// of these.
func tagValue(value string) string {
	if !strings.ContainsFunc(value, func(r rune) bool { return isEscaped(r) || r == '%' }) {
		return value
	}
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		if isEscaped(rune(c)) || c == '%' && isHexPair(value[i+1:]) {
			const hex = "0123456789ABCDEF"
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

func isEscaped(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f }

func isHexPair(s string) bool { return len(s) >= 2 && isHex(s[0]) && isHex(s[1]) }

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' }

// labelValue is the inverse of tagValue.
func labelValue(stored string) string {
	if !strings.Contains(stored, "%") {
		return stored
	}
	b := make([]byte, 0, len(stored))
	for i := 0; i < len(stored); i++ {
		if stored[i] == '%' && isHexPair(stored[i+1:]) {
			b = append(b, unhex(stored[i+1])<<4|unhex(stored[i+2]))
			i += 2
			continue
		}
		b = append(b, stored[i])
	}
	return string(b)
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c - 'A' + 10
}

// appendLine appends the sample as a line of the line protocol, stamped in
// milliseconds.
func appendLine(b []byte, s barograph.Sample) []byte {
	b = append(b, s.Series.Metric...) // a valid name has nothing to escape
	for _, l := range s.Series.Labels {
		b = append(b, ',')
		b = append(b, tagKey(l.Name)...)
		b = append(b, '=')
		b = appendTagValue(b, tagValue(l.Value))
	}
	b = append(b, ' ')
	b = append(b, field...)
	b = append(b, '=')
	b = strconv.AppendFloat(b, s.Value, 'g', -1, 64)
	b = append(b, ' ')
	b = strconv.AppendInt(b, s.UnixMilli, 10)
	return append(b, '\n')
}

// appendTagValue escapes what separates tags. There is no backslash in it.
func appendTagValue(b []byte, v string) []byte {
	for i := range len(v) {
		if c := v[i]; c == ',' || c == '=' || c == ' ' {
			b = append(b, '\\')
		}
		b = append(b, v[i])
	}
	return b
}
