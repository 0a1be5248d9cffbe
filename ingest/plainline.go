package ingest

import (
	"bytes"
	"math"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/barograph/barograph"
)

// lines reads the lines of one request. Most are plain: of a series seen before,
// with fields seen before, all of them numbers, no escapes, no quotes, one space
// where one belongs, and a time. These it reads itself; all others, and with
// them all that is wrong, it leaves to the decoder, which knows the whole format.
type lines struct {
	in        *Ingest
	req       *lineRequest
	id        barograph.Identity
	scope     string // whose series they are
	precision lineprotocol.Precision
	now       time.Time
	latest    int64 // the latest time that is accepted

	last *seriesSet // of the line before; a guess at the next one, too
}

// decode fills the request's batch from its body.
func (l *lines) decode(text []byte) {
	for number := 1; len(text) > 0; number++ {
		end := bytes.IndexByte(text, '\n') + 1
		if end == 0 {
			end = len(text)
		}
		head := plainHead(text[:end])
		switch {
		case head != nil && l.plain(number, text[:end], len(head)):
		case !endsThere(text[:end], head):
			l.decodeAll(text, number, nil)
			return
		default:
			l.decodeAll(text[:end], number, head)
		}
		text = text[end:]
	}
}

// plainHead returns measurement and tags as they stand in the line, nil if they
// need unescaping.
func plainHead(line []byte) []byte {
	head := line[:max(0, bytes.IndexByte(line, ' '))]
	if len(head) == 0 || head[0] == '#' || bytes.IndexByte(head, '\\') >= 0 {
		return nil
	}
	return head
}

// endsThere reports whether the line is a whole entry for certain. Texts in quotes
// may go on in the next line; one without escapes, that begins as the value of a
// field, ends at the next quote.
func endsThere(line, head []byte) bool {
	rest := line[len(head):]
	quote := bytes.IndexByte(line, '"')
	if quote < 0 {
		return true
	}
	if head == nil || quote < len(head) || bytes.IndexByte(rest, '\\') >= 0 {
		return false
	}
	for {
		begin := bytes.IndexByte(rest, '"')
		if begin < 0 {
			return true
		}
		length := bytes.IndexByte(rest[begin+1:], '"')
		if rest[begin-1] != '=' || length < 0 {
			return false
		}
		rest = rest[begin+1+length+1:]
		if len(rest) > 0 && rest[0] == '"' {
			return false
		}
	}
}

// plain adds the samples of a plain line. It returns false, and has added
// nothing, if the line is none.
func (l *lines) plain(number int, line []byte, head int) bool {
	set := l.known(line[:head])
	if set == nil {
		return false
	}
	batch := &l.req.batch
	first := len(batch.samples)
	at := head
	for line[at] != ' ' || at == head {
		series, value, next := plainField(set, line, at+1)
		if next == 0 {
			batch.cut(first)
			return false
		}
		batch.add(number, barograph.Sample{Series: series, Value: value})
		at = next
	}
	unixMilli, ok := l.plainTime(line[at+1:])
	if !ok {
		batch.cut(first)
		return false
	}
	for i := first; i < len(batch.samples); i++ {
		batch.samples[i].UnixMilli = unixMilli
	}
	return true
}

// known returns the series of a head seen before. Senders send theirs in the same
// order again and again: mostly it is the one that followed the last time.
func (l *lines) known(head []byte) *seriesSet {
	if l.last != nil {
		if next := l.last.next.Load(); next != nil && next.isHead(l.scope, head) {
			l.last = next
			return next
		}
	}
	l.req.key = rawKey(l.req.key, l.scope, head)
	set := l.in.lines.get(l.req.key)
	if set != nil && l.last != nil {
		l.last.next.Store(set)
	}
	l.last = set
	return set
}

// plainField reads a field that begins at a place of the line, and returns the
// place of the comma or space behind it, 0 if it is not a plain one.
func plainField(set *seriesSet, line []byte, at int) (series barograph.Series, value float64, next int) {
	length := bytes.IndexByte(line[at:], '=')
	if length < 0 {
		return series, 0, 0
	}
	known := set.find(line[at : at+length])
	if known == nil {
		return series, 0, 0
	}
	value, next = plainNumber(line, at+length+1)
	return known.series, value, next
}

// exactDigits have no more than 53 bits, and such powers of ten are exact, too:
// one division of them gives the number that is nearest.
const exactDigits = 15

// plainNumber reads a number that begins at a place of the line, and returns the
// place of the comma or space behind it, 0 if it is not a plain one.
func plainNumber(line []byte, begin int) (value float64, next int) {
	at, digits, fraction, point := begin, int64(0), 1.0, -1
	if at < len(line) && line[at] == '-' {
		at++
	}
	start := at
	for ; at < len(line); at++ {
		c := line[at]
		if c == '.' && point < 0 && at > start {
			point = at
			continue
		}
		if c < '0' || c > '9' || at-start > exactDigits {
			break
		}
		digits = digits*10 + int64(c-'0')
		if point >= 0 {
			fraction *= 10
		}
	}
	if at == start || point == at-1 {
		return 0, 0
	}
	end := at
	if at < len(line) && line[at] == 'i' && point < 0 {
		at++
	}
	if at >= len(line) || line[at] != ',' && line[at] != ' ' {
		return longNumber(line, begin, end)
	}
	value = float64(digits) / fraction
	if line[begin] == '-' {
		value = -value
	}
	return value, at
}

// longNumber reads a number of many digits or with an exponent.
func longNumber(line []byte, begin, at int) (value float64, next int) {
	for at < len(line) && (line[at] >= '0' && line[at] <= '9' || bytes.IndexByte([]byte(".eE+-"), line[at]) >= 0) {
		at++
	}
	if at >= len(line) || line[at] != ',' && line[at] != ' ' {
		return 0, 0
	}
	v, err := lineprotocol.NewValueFromBytes(lineprotocol.Float, line[begin:at])
	if err != nil {
		return 0, 0
	}
	return v.FloatV(), at
}

// plainTime reads a time after 1970 with which the line ends.
func (l *lines) plainTime(text []byte) (unixMilli int64, ok bool) {
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	}
	const mostDigits = 18
	if len(text) == 0 || len(text) > mostDigits+1 {
		return 0, false
	}
	var stamp uint64 // holds one digit more
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		stamp = stamp*10 + uint64(c-'0')
	}
	unit := uint64(l.precision.Duration()) //nolint:gosec // positive
	if stamp > math.MaxInt64/unit {
		return 0, false
	}
	unixMilli = int64(stamp * unit / uint64(time.Millisecond)) //nolint:gosec // was just compared
	return unixMilli, unixMilli <= l.latest
}
