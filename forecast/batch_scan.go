package forecast

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// Most of a question's time would go into reading its numbers with
// encoding/json. This scanner reads what that reads, in one pass and without
// allocating.

// deepest is how far values may be nested, as in encoding/json.
const deepest = 10_000

// jsonScanner steps through one JSON text.
type jsonScanner struct {
	data []byte
	pos  int
}

// failf returns an error at the present place.
func (s *jsonScanner) failf(format string, args ...any) error {
	return fmt.Errorf("byte %d: "+format, append([]any{s.pos + 1}, args...)...)
}

// unexpected says what stands where something else was wanted.
func (s *jsonScanner) unexpected(wanted string) error {
	if s.pos >= len(s.data) {
		return s.failf("the line ends where %s is expected", wanted)
	}
	rest := s.data[s.pos:]
	for _, word := range []string{"NaN", "Infinity", "-Infinity", "nan", "inf", "-inf"} {
		if len(rest) >= len(word) && string(rest[:len(word)]) == word {
			return s.failf("%s is not JSON; write null for a value that is not known", word)
		}
	}
	r, _ := utf8.DecodeRune(rest)
	return s.failf("%q stands where %s is expected", r, wanted)
}

// peek returns the next byte that is not white space, 0 at the end.
func (s *jsonScanner) peek() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// object steps through an object; member is called before each value and must
// step over it.
func (s *jsonScanner) object(member func(key string) error) error {
	if s.peek() != '{' {
		return s.unexpected("an object")
	}
	s.pos++
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		s.peek()
		start := s.pos
		if err := s.skipString(); err != nil {
			return err
		}
		key := unquote(s.data[start:s.pos])
		if s.peek() != ':' {
			return s.unexpected("':'")
		}
		s.pos++
		if err := member(key); err != nil {
			return err
		}
		if more, err := s.more('}'); !more {
			return err
		}
	}
}

// array steps through an array; element must step over one value.
func (s *jsonScanner) array(element func() error) error {
	if s.peek() != '[' {
		return s.unexpected("an array")
	}
	s.pos++
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if more, err := s.more(']'); !more {
			return err
		}
	}
}

// more steps over a comma, or over the end of the object or array.
func (s *jsonScanner) more(end byte) (bool, error) {
	switch s.peek() {
	case ',':
		s.pos++
		return true, nil
	case end:
		s.pos++
		return false, nil
	}
	return false, s.unexpected("',' or '" + string(end) + "'")
}

// end makes sure that nothing follows.
func (s *jsonScanner) end() error {
	if s.peek(); s.pos < len(s.data) {
		return s.unexpected("the end of the line")
	}
	return nil
}

// value steps over any value and returns its text.
func (s *jsonScanner) value() ([]byte, error) {
	s.peek()
	start := s.pos
	err := s.skip(1)
	return s.data[start:s.pos], err
}

func (s *jsonScanner) skip(depth int) error {
	switch c := s.peek(); {
	case depth > deepest && (c == '{' || c == '['):
		return s.failf("nested deeper than %d", deepest)
	case c == '{':
		return s.object(func(string) error { return s.skip(depth + 1) })
	case c == '[':
		return s.array(func() error { return s.skip(depth + 1) })
	case c == '"':
		return s.skipString()
	case c == '-' || isDigit(c):
		_, err := s.skipNumber()
		return err
	}
	if s.word("null") || s.word("true") || s.word("false") {
		return nil
	}
	return s.unexpected("a value")
}

// word steps over a word if it is the next.
func (s *jsonScanner) word(w string) bool {
	if end := s.pos + len(w); end <= len(s.data) && string(s.data[s.pos:end]) == w {
		s.pos = end
		return true
	}
	return false
}

func (s *jsonScanner) skipString() error {
	if s.pos >= len(s.data) || s.data[s.pos] != '"' {
		return s.unexpected("a string")
	}
	s.pos++
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return nil
		case c < ' ':
			return s.failf("%q stands unescaped in a string", c)
		case c == '\\':
			if err := s.skipEscape(); err != nil {
				return err
			}
		default:
			s.pos++
		}
	}
	return s.unexpected(`'"'`)
}

func (s *jsonScanner) skipEscape() error {
	s.pos++
	if s.pos >= len(s.data) {
		return s.unexpected("an escaped character")
	}
	digits := 0
	switch s.data[s.pos] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
	case 'u':
		digits = 4
	default:
		return s.unexpected("an escaped character")
	}
	s.pos++
	for range digits {
		if s.pos >= len(s.data) || !isHex(s.data[s.pos]) {
			return s.unexpected("a hexadecimal digit")
		}
		s.pos++
	}
	return nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// skipNumber steps over a number and returns its text.
func (s *jsonScanner) skipNumber() ([]byte, error) {
	start := s.pos
	s.sign("-")
	if s.pos < len(s.data) && s.data[s.pos] == '0' {
		s.pos++
	} else if !s.digits() {
		s.pos = start // the whole of it is not a number, as -Infinity
		return nil, s.unexpected("a number")
	}
	if s.pos < len(s.data) && s.data[s.pos] == '.' {
		s.pos++
		if !s.digits() {
			return nil, s.unexpected("a digit")
		}
	}
	if s.pos < len(s.data) && s.data[s.pos]|0x20 == 'e' {
		s.pos++
		s.sign("+-")
		if !s.digits() {
			return nil, s.unexpected("a digit")
		}
	}
	return s.data[start:s.pos], nil
}

// sign steps over one of the signs, if there is one.
func (s *jsonScanner) sign(signs string) {
	if s.pos < len(s.data) && (s.data[s.pos] == signs[0] || s.data[s.pos] == signs[len(signs)-1]) {
		s.pos++
	}
}

// digits steps over digits and reports whether there was one.
func (s *jsonScanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && isDigit(s.data[s.pos]) {
		s.pos++
	}
	return s.pos > start
}

// number reads a number, or null as NaN.
func (s *jsonScanner) number() (float64, error) {
	c := s.peek()
	if c == 'n' && s.word("null") {
		return math.NaN(), nil
	}
	if c != '-' && !isDigit(c) {
		return 0, s.unexpected("a number or null")
	}
	if v, ok := s.shortNumber(); ok {
		return v, nil
	}
	text, err := s.skipNumber()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		s.pos -= len(text)
		return 0, s.failf("%s is beyond the range of a 64-bit number", clipText(text))
	}
	return v, nil
}

// shortNumber reads a number without an exponent and with few enough digits
// that both its digits and the power of ten to divide them by are exact, and so
// their quotient is the nearest number there is (Clinger 1990); else it stays
// where it is.
func (s *jsonScanner) shortNumber() (v float64, ok bool) {
	const most = 15 // digits
	rest := s.data[s.pos:]
	i, negative := 0, false
	if len(rest) > 0 && rest[0] == '-' {
		i, negative = 1, true
	}
	first, digits, point, mantissa := i, 0, -1, int64(0)
	for ; i < len(rest); i++ {
		c := rest[i]
		switch {
		case isDigit(c) && digits < most:
			mantissa, digits = mantissa*10+int64(c-'0'), digits+1
			continue
		case c == '.' && point < 0 && digits > 0:
			point = i
			continue
		case isDigit(c) || c == '.' || c|0x20 == 'e':
			return 0, false
		}
		break
	}
	leadingZero := digits > 1 && rest[first] == '0' && point != first+1
	if digits == 0 || leadingZero || point == i-1 {
		return 0, false
	}
	v = float64(mantissa)
	if point >= 0 {
		v /= powerOfTen(i - 1 - point)
	}
	if negative {
		v = -v
	}
	s.pos += i
	return v, true
}

// powerOfTen returns 10 to the power of n, from 0 to 15.
func powerOfTen(n int) float64 {
	return [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}[n]
}

// unquote returns the string that a valid JSON string stands for.
func unquote(text []byte) string {
	plain := text[1 : len(text)-1]
	for _, c := range plain {
		if c == '\\' || c >= utf8.RuneSelf {
			var s string
			_ = json.Unmarshal(text, &s) // it is valid
			return s
		}
	}
	return string(plain)
}

// clipText returns as much of a text as a message has room for.
func clipText(text []byte) string {
	const most = 40
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}
