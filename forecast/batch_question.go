package forecast

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/barograph/barograph"
)

const (
	// MaxBatchHorizon is how many steps a question of a batch may look ahead.
	MaxBatchHorizon = 10_000

	longestBatchStep = 366 * barograph.Day
	// keptValues is how many of the newest values are kept while reading a
	// question; the engine looks at fewer.
	keptValues = 1 << 16
)

// batchQuestion is a line of a batch. It is reused, with its memory.
type batchQuestion struct {
	id        json.RawMessage // null until it was read
	values    []float64
	dropped   int // values that stood before these
	step      time.Duration
	start     time.Time
	limit     *float64
	direction string
	horizon   int
	bounds    *barograph.Bounds
}

func (b *batchQuestion) reset() {
	*b = batchQuestion{id: json.RawMessage("null"), values: b.values[:0]}
}

// read reads a line. After an error the id is kept if it was read before.
func (b *batchQuestion) read(line []byte) error {
	b.reset()
	s := jsonScanner{data: line}
	err := s.object(func(key string) error {
		err := b.member(&s, key)
		if wrong, ok := errors.AsType[*valueError](err); ok {
			return fmt.Errorf("%s: %w", key, wrong)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := s.end(); err != nil {
		return err
	}
	return b.validate()
}

// valueError is a value that is JSON, but not what the field takes.
type valueError struct{ text string }

func (e *valueError) Error() string { return e.text }

func wrongf(format string, args ...any) error { return &valueError{fmt.Sprintf(format, args...)} }

// member reads the value of one field.
func (b *batchQuestion) member(s *jsonScanner, key string) error {
	if key == "values" {
		return b.readValues(s)
	}
	text, err := s.value()
	if err != nil {
		return err
	}
	switch key {
	case "id":
		return b.readID(text)
	case "step_seconds":
		return b.readStep(text)
	case "t0":
		return b.readStart(text)
	case "threshold":
		b.limit, err = numberOrNull(text)
		return err
	case "direction":
		b.direction, err = stringOrNull(text)
		return err
	case "horizon_steps":
		return b.readHorizon(text)
	case "bounds":
		return b.readBounds(text)
	}
	return nil
}

func (b *batchQuestion) readID(text []byte) error {
	if text[0] == '{' || text[0] == '[' {
		return wrongf("%s is not a string or a number", clipText(text))
	}
	b.id = bytes.ToValidUTF8(text, []byte("\ufffd"))
	return nil
}

// readValues reads the values; of very many it keeps the newest.
func (b *batchQuestion) readValues(s *jsonScanner) error {
	b.values, b.dropped = b.values[:0], 0
	n := 0
	err := s.array(func() error {
		v, err := s.number()
		if err != nil {
			return fmt.Errorf("values[%d]: %w", n, err)
		}
		n++
		if len(b.values) == 2*keptValues {
			b.values = append(b.values[:0], b.values[keptValues:]...)
			b.dropped += keptValues
		}
		b.values = append(b.values, v)
		return nil
	})
	return err
}

func (b *batchQuestion) readStep(text []byte) error {
	v, err := numberOrNull(text)
	switch {
	case err != nil:
		return err
	case v == nil:
		return nil // as if it were not there
	case !(*v >= .001 && *v <= longestBatchStep.Seconds()):
		return wrongf("%s is not between 0.001 and %.0f, which are 366 days", clipText(text), longestBatchStep.Seconds())
	}
	b.step = time.Duration(*v * float64(time.Second))
	return nil
}

func (b *batchQuestion) readStart(text []byte) error {
	v, err := stringOrNull(text)
	if err != nil || v == "" {
		return err
	}
	b.start, err = time.Parse(time.RFC3339, v)
	if err != nil {
		return wrongf("%s is not a time; write it as \"2026-03-01T12:00:00Z\"", clipText(text))
	}
	return nil
}

func (b *batchQuestion) readHorizon(text []byte) error {
	v, err := numberOrNull(text)
	switch {
	case err != nil:
		return err
	case v == nil:
		return nil
	case !(*v >= 1 && *v <= MaxBatchHorizon) || *v != math.Trunc(*v):
		return wrongf("%s is not a whole number from 1 to %d; to look further ahead, make the steps longer", clipText(text), MaxBatchHorizon)
	}
	b.horizon = int(*v)
	return nil
}

func (b *batchQuestion) readBounds(text []byte) error {
	wrong := wrongf("%s is not a pair as [0, 100], [0, null] or [null, 100], the lower first", clipText(text))
	b.bounds = nil
	if string(text) == "null" {
		return nil
	}
	var pair []*float64
	if err := json.Unmarshal(text, &pair); err != nil || len(pair) != 2 {
		return wrong
	}
	if pair[0] != nil && pair[1] != nil && !(*pair[0] < *pair[1]) {
		return wrong
	}
	b.bounds = &barograph.Bounds{Min: pair[0], Max: pair[1]}
	return nil
}

func numberOrNull(text []byte) (*float64, error) {
	var v *float64
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, wrongf("%s is not a number within the range of 64 bits", clipText(text))
	}
	return v, nil
}

func stringOrNull(text []byte) (string, error) {
	var v string
	if err := json.Unmarshal(text, &v); err != nil {
		return "", wrongf("%s is not a string", clipText(text))
	}
	return v, nil
}

// validate says what is missing.
func (b *batchQuestion) validate() error {
	switch {
	case b.step == 0:
		return errors.New("step_seconds is missing: how many seconds the values are apart")
	case b.horizon == 0:
		return errors.New("horizon_steps is missing: how many steps to look ahead")
	case b.direction != "" && b.direction != "above" && b.direction != "below":
		return fmt.Errorf("direction: %q is neither \"above\" nor \"below\"", clipText([]byte(b.direction)))
	}
	return nil
}

// question returns what the line asks. Its limit is crossed by values that are
// at the threshold already.
func (b *batchQuestion) question() Question {
	q := Question{
		Values: b.values, Step: b.step, Horizon: b.horizon, Bounds: b.bounds,
		Start: b.start.Add(duration(float64(b.dropped) * float64(b.step))), Operator: barograph.AtLeast,
	}
	if b.start.IsZero() {
		q.Start = time.Unix(0, 0).UTC()
	}
	if b.direction == "below" {
		q.Operator = barograph.AtMost
	}
	if b.limit != nil {
		q.Limit = *b.limit
	}
	return q
}
