package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/barograph/barograph"
)

// sourceAnswer is an answer of Prometheus's query interface, without its series:
// of these nobody knows how many there are, so they are handed over one by one.
// Source: https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview
type sourceAnswer struct {
	status, failure, resultType string
	refused                     bool // by who takes the series
}

// answered is one series of an answer, with points from oldest to newest.
type answered struct {
	Metric map[string]string `json:"metric"`
	Values []answeredPoint   `json:"values"`

	key string // the labels as text
}

// read reads an answer and hands over its series, until take returns an error.
func (a *sourceAnswer) read(body io.Reader, take func(answered) error) error {
	dec := json.NewDecoder(body)
	err := object(dec, func(name string) error {
		switch name {
		case "status":
			return dec.Decode(&a.status)
		case "error":
			return dec.Decode(&a.failure)
		case "data":
			return a.readData(dec, take)
		}
		return dec.Decode(new(json.RawMessage))
	})
	if err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the answer")
	}
	return nil
}

func (a *sourceAnswer) readData(dec *json.Decoder, take func(answered) error) error {
	return object(dec, func(name string) error {
		switch name {
		case "resultType":
			return dec.Decode(&a.resultType)
		case "result":
			return a.readSeries(dec, take)
		}
		return dec.Decode(new(json.RawMessage))
	})
}

func (a *sourceAnswer) readSeries(dec *json.Decoder, take func(answered) error) error {
	if begins, err := begins(dec, '['); !begins {
		return err
	}
	for dec.More() {
		var one answered
		if err := dec.Decode(&one); err != nil {
			return err
		}
		one.key = barograph.NewLabels(one.Metric).String()
		if err := take(one); err != nil {
			a.refused = true
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// object reads an object, of which field reads the value of each field.
func object(dec *json.Decoder, field func(name string) error) error {
	if begins, err := begins(dec, '{'); !begins {
		return err
	}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string) // the decoder takes nothing else there
		if err := field(name); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// begins reads the beginning of an object or array; null is none.
func begins(dec *json.Decoder, want json.Delim) (bool, error) {
	token, err := dec.Token()
	if err != nil || token == nil {
		return false, err
	}
	if token != want {
		return false, fmt.Errorf("%v stands where %s belongs", token, want)
	}
	return true, nil
}

// answeredPoint is a point as Prometheus writes it: [1435781430.781, "1.5"].
type answeredPoint barograph.Point

// UnmarshalJSON reads the pair.
func (p *answeredPoint) UnmarshalJSON(text []byte) error {
	at, value, ok := bytes.Cut(bytes.Trim(text, "[] \n"), []byte(","))
	seconds, err := strconv.ParseFloat(string(bytes.TrimSpace(at)), 64)
	if err != nil || !ok {
		return fmt.Errorf("%q is no point", clip(string(text)))
	}
	v, err := strconv.ParseFloat(string(bytes.Trim(value, "\" \n")), 64)
	if err != nil {
		return fmt.Errorf("%q is no point", clip(string(text)))
	}
	*p = answeredPoint{UnixMilli: int64(seconds*1000 + .5), Value: v}
	return nil
}
