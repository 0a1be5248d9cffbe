package influx

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

func sampleMessage(at int64, v float64) []byte {
	b := append([]byte{1<<3 | wireFixed64}, binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))...)
	return appendVarintField(b, 2, uint64(at))
}

// response is a ReadResponse of one series.
func response(labels map[string]string, samples ...[]byte) []byte {
	var series []byte
	for name, value := range labels {
		series = appendBytesField(series, 1, appendBytesField(appendBytesField(nil, 1, []byte(name)), 2, []byte(value)))
	}
	for _, s := range samples {
		series = appendBytesField(series, 2, s)
	}
	return appendBytesField(nil, 1, appendBytesField(nil, 1, series))
}

func TestReadResponse(t *testing.T) {
	swapped := appendVarintField(nil, 2, 7) // the time first, and a field that we don't know
	swapped = append(append(swapped, 1<<3|wireFixed64), binary.LittleEndian.AppendUint64(nil, math.Float64bits(.5))...)
	swapped = append(swapped, 9<<3|wireFixed32, 0, 0, 0, 0)
	message := response(map[string]string{"host": "100%25", "label:time": "noon"}, sampleMessage(-5, -1.5), swapped, nil)
	var got []barograph.Point
	err := readResponse(message, func(rs *remoteSeries) error {
		if diff := cmp.Diff(map[string]string{"host": "100%", "time": "noon"}, rs.labels); diff != "" {
			t.Errorf("labels: %s", diff)
		}
		for _, m := range rs.samples {
			p, err := point(m)
			if err != nil {
				return err
			}
			got = append(got, p)
		}
		return nil
	})
	want := []barograph.Point{{UnixMilli: -5, Value: -1.5}, {UnixMilli: 7, Value: .5}, {}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

// FuzzReadResponse wants series or an error of any bytes, never a panic.
func FuzzReadResponse(f *testing.F) {
	f.Add(response(map[string]string{"a": "b"}, sampleMessage(1, 2)))
	f.Add([]byte{1<<3 | wireBytes, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{0x80})
	f.Add([]byte{3})
	f.Fuzz(func(t *testing.T, message []byte) {
		_ = readResponse(message, func(rs *remoteSeries) error { // an error is as good as a series
			for _, m := range rs.samples {
				if p, err := point(m); err != nil && p != (barograph.Point{}) && len(m) == 0 {
					t.Error("a sample of nothing")
				}
			}
			return nil
		})
	})
}
