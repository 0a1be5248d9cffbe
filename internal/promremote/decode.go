package promremote

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/barograph/barograph"
)

// labelled is one series of an answer.
type labelled struct {
	labels map[string]string // the metric among them as __name__, if the query keeps it
	points []barograph.Point
}

// decodeData reads the answer of query or query_range, series by series, for as
// long as check, which is told how many points there are, lets it.
// Source: https://prometheus.io/docs/prometheus/latest/querying/api/
func decodeData(r io.Reader, check func(points int) error) ([]labelled, error) {
	var found []labelled
	points := 0
	err := decodeAnswer(r, func(d *json.Decoder) error {
		return object(d, func(key string) error {
			if key != "result" {
				return skip(d)
			}
			return array(d, func() error {
				l, err := decodeSeries(d)
				if err != nil || len(l.points) == 0 {
					return err
				}
				found = append(found, l)
				points += len(l.points)
				return check(points)
			})
		})
	})
	return found, err
}

// decodeLabels reads the answer of series.
func decodeLabels(r io.Reader) ([]labelled, error) {
	var found []labelled
	err := decodeAnswer(r, func(d *json.Decoder) error {
		return array(d, func() error {
			var l labelled
			if err := d.Decode(&l.labels); err != nil {
				return err
			}
			found = append(found, l)
			return nil
		})
	})
	return found, err
}

// decodeAnswer reads what is around the data of an answer.
func decodeAnswer(r io.Reader, data func(*json.Decoder) error) error {
	d := json.NewDecoder(r)
	var status string
	var partial bool
	err := object(d, func(key string) error {
		switch key {
		case "status":
			return d.Decode(&status)
		case "isPartial":
			return d.Decode(&partial)
		case "data":
			return data(d)
		}
		return skip(d)
	})
	switch {
	case err != nil:
		return fmt.Errorf("read answer: %w", err)
	case status != "success":
		return fmt.Errorf("read answer: status %q is not success", clip(status))
	case partial:
		return partialAnswer()
	}
	return nil
}

func skip(d *json.Decoder) error {
	var ignored json.RawMessage
	return d.Decode(&ignored)
}

// object calls field at the value of each field.
func object(d *json.Decoder, field func(key string) error) error {
	return nested(d, '{', func() error {
		token, err := d.Token()
		if err != nil {
			return err
		}
		key, ok := token.(string)
		if !ok {
			return fmt.Errorf("%v is no field's name", token)
		}
		return field(key)
	})
}

func array(d *json.Decoder, element func() error) error { return nested(d, '[', element) }

func nested(d *json.Decoder, begin json.Delim, next func() error) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	if token != begin {
		return fmt.Errorf("%v in the place of %s", token, begin)
	}
	for d.More() {
		if err := next(); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

func decodeSeries(d *json.Decoder) (labelled, error) {
	var text struct {
		Metric map[string]string `json:"metric"`
		Value  json.RawMessage   `json:"value"`
		Values json.RawMessage   `json:"values"`
	}
	if err := d.Decode(&text); err != nil {
		return labelled{}, err
	}
	l := labelled{labels: text.Metric}
	var err error
	if len(text.Value) > 0 {
		l.points, err = appendPoints(nil, append(append([]byte{'['}, text.Value...), ']'))
	}
	if err == nil && len(text.Values) > 0 {
		l.points, err = appendPoints(nil, text.Values)
	}
	return l, err
}

var errPoints = errors.New(`points are not of the form [[1700000000.123,"1.5"]]`)

// appendPoints reads points out of valid JSON, without a value for each of its
// parts: answers have millions. Values that are no finite number are left out.
func appendPoints(points []barograph.Point, text []byte) ([]barograph.Point, error) {
	if points == nil {
		points = make([]barograph.Point, 0, bytes.Count(text, []byte{'['}))
	}
	s := pointScanner{text: text}
	if !s.take('[') {
		return points, errPoints
	}
	for !s.take(']') {
		p, ok := s.point()
		if !ok {
			return points, errPoints
		}
		if !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0) {
			points = append(points, p)
		}
		s.take(',')
	}
	return points, nil
}

// pointScanner walks over points in valid JSON.
type pointScanner struct {
	text []byte
	pos  int
}

// take skips space, and c if it is next.
func (s *pointScanner) take(c byte) bool {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
			continue
		case c:
			s.pos++
			return true
		}
		return false
	}
	return false
}

// until returns what comes before c, and moves behind that.
func (s *pointScanner) until(c byte) ([]byte, bool) {
	n := bytes.IndexByte(s.text[s.pos:], c)
	if n < 0 {
		return nil, false
	}
	out := s.text[s.pos : s.pos+n]
	s.pos += n + 1
	return out, true
}

// point reads [seconds,"value"].
func (s *pointScanner) point() (barograph.Point, bool) {
	if !s.take('[') {
		return barograph.Point{}, false
	}
	seconds, ok := s.until(',')
	if !ok {
		return barograph.Point{}, false
	}
	at, ok := milliseconds(bytes.TrimSpace(seconds))
	if !ok || !s.take('"') {
		return barograph.Point{}, false
	}
	number, ok := s.until('"')
	if !ok || !s.take(']') {
		return barograph.Point{}, false
	}
	value, err := strconv.ParseFloat(string(number), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return barograph.Point{}, false
	}
	return barograph.Point{UnixMilli: at, Value: value}, true
}

// mostSeconds is a bound for times that fit milliseconds.
const mostSeconds = 1e14

// milliseconds reads a number of seconds. The common form, of digits and at
// most three decimals, is read without a float.
func milliseconds(text []byte) (int64, bool) {
	const mostDigits = 14
	whole, decimals, _ := bytes.Cut(text, []byte{'.'})
	if len(whole) > mostDigits || len(decimals) > 3 {
		return floatMilliseconds(text)
	}
	milli := int64(0)
	for _, part := range [][]byte{whole, decimals} {
		for _, c := range part {
			if c < '0' || c > '9' {
				return floatMilliseconds(text)
			}
			milli = 10*milli + int64(c-'0')
		}
	}
	for range 3 - len(decimals) {
		milli *= 10
	}
	return milli, len(whole) > 0
}

func floatMilliseconds(text []byte) (int64, bool) {
	seconds, err := strconv.ParseFloat(string(text), 64)
	return int64(math.Round(seconds * 1000)), err == nil && math.Abs(seconds) <= mostSeconds
}
