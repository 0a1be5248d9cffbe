package influx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"regexp/syntax"

	"github.com/barograph/barograph"
)

// The messages of Prometheus' remote read, of which we need little. Source:
// https://github.com/prometheus/prometheus/blob/main/prompb/remote.proto

// wire types of Protocol Buffers.
const (
	wireVarint = iota
	wireFixed64
	wireBytes
	_
	_
	wireFixed32
)

// The types of a LabelMatcher.
const (
	wireEqual = iota
	wireNotEqual
	wireRegexp
	wireNotRegexp
)

// nameLabel stands for the measurement.
const nameLabel = "__name__"

// readRequest returns a ReadRequest for the samples of the selector from the
// first millisecond to the last, both included. It may choose more series than
// the selector, never fewer.
func readRequest(s barograph.Selector, first, last int64) []byte {
	query := appendVarintField(nil, 1, uint64(first)) //nolint:gosec // int64 on the wire is its two's complement
	query = appendVarintField(query, 2, uint64(last)) //nolint:gosec // as above
	query = appendBytesField(query, 3, labelMatcher(wireEqual, nameLabel, s.Metric))
	for _, m := range s.Matchers {
		if matcher := remoteMatcher(m); matcher != nil {
			query = appendBytesField(query, 3, matcher)
		}
	}
	return appendBytesField(nil, 1, query)
}

// remoteMatcher returns what a matcher becomes, nil if it is left to us. The
// storage engine takes a missing tag for an empty one, as we do.
func remoteMatcher(m barograph.Matcher) []byte {
	key := tagKey(m.Name)
	switch m.Type {
	case barograph.MatchEqual:
		return labelMatcher(wireEqual, key, tagValue(m.Value))
	case barograph.MatchNotEqual:
		return labelMatcher(wireNotEqual, key, tagValue(m.Value))
	case barograph.MatchRegexp:
		if expr, ok := wholeRegexp(m.Value); ok {
			// Values that are stored escaped are left to us.
			return labelMatcher(wireRegexp, key, expr+"|"+escapedTag)
		}
	case barograph.MatchNotRegexp:
		// Which of the escaped values match can't be said there.
	}
	return nil
}

// wholeRegexp returns the expression, which matches whole values, as one that
// is searched for. ok is false if the server could not read it.
func wholeRegexp(expr string) (whole string, ok bool) {
	parsed, err := syntax.Parse("^(?s:"+expr+")$", syntax.Perl)
	if err != nil {
		return "", false
	}
	return "(?:" + parsed.String() + ")", true
}

func labelMatcher(kind uint64, name, value string) []byte {
	m := appendVarintField(nil, 1, kind)
	m = appendBytesField(m, 2, []byte(name))
	return appendBytesField(m, 3, []byte(value))
}

// key is what comes before a field.
func key(field, wire uint64) uint64 { return field<<3 | wire }

func appendVarintField(b []byte, field, value uint64) []byte {
	b = binary.AppendUvarint(b, key(field, wireVarint))
	return binary.AppendUvarint(b, value)
}

func appendBytesField(b []byte, field uint64, value []byte) []byte {
	b = binary.AppendUvarint(b, key(field, wireBytes))
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}

// remoteSeries is a TimeSeries whose parts are not yet read.
type remoteSeries struct {
	labels  map[string]string // by their names
	samples [][]byte
}

// readResponse hands the series of a ReadResponse over, one after the other.
// The value that it hands over is used again.
func readResponse(message []byte, each func(*remoteSeries) error) error {
	series := &remoteSeries{labels: map[string]string{}}
	return fields(message, func(number uint64, result []byte, _ uint64) error { // ReadResponse
		if number != 1 {
			return nil
		}
		return fields(result, func(number uint64, text []byte, _ uint64) error { // QueryResult
			if number != 1 {
				return nil
			}
			if err := series.read(text); err != nil {
				return err
			}
			return each(series)
		})
	})
}

func (s *remoteSeries) read(message []byte) error {
	clear(s.labels)
	s.samples = s.samples[:0]
	return fields(message, func(number uint64, part []byte, _ uint64) error {
		switch number {
		case 1:
			return s.readLabel(part)
		case 2:
			s.samples = append(s.samples, part)
		}
		return nil
	})
}

func (s *remoteSeries) readLabel(message []byte) error {
	var name, value string
	err := fields(message, func(number uint64, text []byte, _ uint64) error {
		switch number {
		case 1:
			name = string(text)
		case 2:
			value = string(text)
		}
		return nil
	})
	s.labels[labelName(name)] = labelValue(value)
	return err
}

// point returns the sample of a message.
func point(message []byte) (barograph.Point, error) {
	var p barograph.Point
	// The usual form, a fixed64 and a varint, is read without a loop.
	if len(message) > 10 && uint64(message[0]) == key(1, wireFixed64) && uint64(message[9]) == key(2, wireVarint) {
		at, n := binary.Uvarint(message[10:])
		if n == len(message)-10 {
			p.Value = math.Float64frombits(binary.LittleEndian.Uint64(message[1:]))
			p.UnixMilli = int64(at) //nolint:gosec // int64 on the wire is its two's complement
			return p, nil
		}
	}
	err := fields(message, func(number uint64, _ []byte, value uint64) error {
		switch number {
		case 1:
			p.Value = math.Float64frombits(value)
		case 2:
			p.UnixMilli = int64(value) //nolint:gosec // as above
		}
		return nil
	})
	return p, err
}

var errBrokenMessage = errors.New("read the answer of InfluxDB: a broken message")

// fields hands over each field of a message: its bytes, or its number.
func fields(message []byte, each func(number uint64, text []byte, value uint64) error) error {
	for len(message) > 0 {
		k, n := binary.Uvarint(message)
		if n <= 0 {
			return errBrokenMessage
		}
		field, wire := k>>3, k&7
		text, value, size := fieldValue(message[n:], wire)
		if size < 0 {
			return fmt.Errorf("%w: field %d of wire type %d", errBrokenMessage, field, wire)
		}
		if err := each(field, text, value); err != nil {
			return err
		}
		message = message[n+size:]
	}
	return nil
}

// fieldValue reads one value; its size is negative where it is broken.
func fieldValue(message []byte, wire uint64) (text []byte, value uint64, size int) {
	switch wire {
	case wireVarint:
		v, n := binary.Uvarint(message)
		if n > 0 {
			return nil, v, n
		}
	case wireFixed64:
		if len(message) >= 8 {
			return nil, binary.LittleEndian.Uint64(message), 8
		}
	case wireFixed32:
		if len(message) >= 4 {
			return nil, uint64(binary.LittleEndian.Uint32(message)), 4
		}
	case wireBytes:
		length, n := binary.Uvarint(message)
		if n > 0 && length <= uint64(len(message)-n) { //nolint:gosec // n is at most what there is
			end := n + int(length) //nolint:gosec // as above
			return message[n:end], 0, end
		}
	}
	return nil, 0, -1
}
