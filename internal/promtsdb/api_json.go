package promtsdb

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// encodeResult returns a result as Prometheus writes it, without the closing
// brace so that statistics may follow. Results reach millions of points, hence
// by hand.
func encodeResult(value parser.Value) ([]byte, error) {
	body := []byte(`{"resultType":"` + string(value.Type()) + `","result":`)
	switch v := value.(type) {
	case promql.Scalar: // never with an exponent, unlike all others
		body = append(appendTime(append(body, '['), v.T), `,"`...)
		return append(strconv.AppendFloat(body, v.V, 'f', -1, 64), `"]`...), nil
	case promql.String:
		text, err := json.Marshal(v.V)
		if err != nil {
			return nil, err
		}
		body = appendTime(append(body, '['), v.T)
		return append(append(append(body, ','), text...), ']'), nil
	case promql.Vector:
		return appendVector(body, v)
	case promql.Matrix:
		return appendMatrix(body, v)
	}
	return nil, fmt.Errorf("result of type %s", value.Type())
}

func appendVector(body []byte, v promql.Vector) ([]byte, error) {
	body = append(body, '[')
	for i, sample := range v {
		if sample.H != nil {
			return nil, errHistogram
		}
		metric, err := json.Marshal(sample.Metric)
		if err != nil {
			return nil, err
		}
		body = appendComma(body, i)
		body = append(append(body, `{"metric":`...), metric...)
		body = appendPoint(append(body, `,"value":`...), sample.T, sample.F)
		body = append(body, '}')
	}
	return append(body, ']'), nil
}

func appendMatrix(body []byte, m promql.Matrix) ([]byte, error) {
	body = append(body, '[')
	for i, series := range m {
		if len(series.Histograms) > 0 {
			return nil, errHistogram
		}
		metric, err := json.Marshal(series.Metric)
		if err != nil {
			return nil, err
		}
		body = appendComma(body, i)
		body = append(append(body, `{"metric":`...), metric...)
		body = append(body, `,"values":[`...)
		for j, p := range series.Floats {
			body = appendPoint(appendComma(body, j), p.T, p.F)
		}
		body = append(body, `]}`...)
	}
	return append(body, ']'), nil
}

// errHistogram can't happen: only floats are stored, and no function makes
// native histograms of floats.
var errHistogram = errors.New("native histograms are not supported")

func appendComma(body []byte, i int) []byte {
	if i > 0 {
		return append(body, ',')
	}
	return body
}

// appendPoint appends [seconds,"value"].
func appendPoint(body []byte, t int64, v float64) []byte {
	body = appendTime(append(body, '['), t)
	body = append(body, `,"`...)
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	body = strconv.AppendFloat(body, v, format, -1, 64)
	return append(body, `"]`...)
}

// appendTime appends milliseconds as seconds, with three decimals if not whole.
func appendTime(body []byte, t int64) []byte {
	if t < 0 {
		body, t = append(body, '-'), -t
	}
	body = strconv.AppendInt(body, t/1000, 10)
	if ms := t % 1000; ms != 0 {
		body = append(body, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	}
	return body
}
