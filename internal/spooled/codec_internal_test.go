package spooled

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/barograph/barograph"
)

func series(metric string, pairs ...string) barograph.Series {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return barograph.Series{Metric: metric, Labels: barograph.NewLabels(m)}
}

func manyLabels(n int) barograph.Series {
	labels := map[string]string{}
	for i := range n {
		labels[fmt.Sprint(i)] = ""
	}
	return barograph.Series{Metric: "m", Labels: barograph.NewLabels(labels)}
}

func TestCodec(t *testing.T) {
	a, b, bare := series("m", "host", "a"), series("m", "host", "b", "x", "ä\x00\n"), series("bare")
	for name, samples := range map[string][]barograph.Sample{
		"nothing": nil,
		"one":     {{Series: a, UnixMilli: 1_700_000_000_123, Value: 0.1}},
		"many": {
			{Series: a, UnixMilli: 5, Value: 1},
			{Series: b, UnixMilli: 4, Value: math.MaxFloat64},
			{Series: a, UnixMilli: math.MaxInt64, Value: -0.5},
			{Series: bare, UnixMilli: math.MinInt64, Value: math.SmallestNonzeroFloat64},
			{Series: b, UnixMilli: 0, Value: math.Copysign(0, -1)},
		},
		"more labels than a host may send": {{Series: manyLabels(5 * barograph.MaxLabels), UnixMilli: 5, Value: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decode(encode(samples))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(samples, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRecordIsSmall wants names once in a record, however many samples it has.
func TestRecordIsSmall(t *testing.T) {
	var samples []barograph.Sample
	for i := range 10_000 {
		s := series("disk_used_ratio", "host", fmt.Sprintf("host%02d.example.com", i%50), "mount", "/var/lib", "device", "/dev/nvme0n1p3")
		samples = append(samples, barograph.Sample{Series: s, UnixMilli: 1_700_000_000_000 + int64(i/50)*15_000, Value: float64(i)})
	}
	if size := len(encode(samples)); size > 11*len(samples) {
		t.Errorf("%d samples take %d bytes", len(samples), size)
	}
}

// TestLargeWritesAreSplit has a write that is more than a record may be.
func TestLargeWritesAreSplit(t *testing.T) {
	var samples []barograph.Sample
	for i := range 80_000 {
		samples = append(samples, barograph.Sample{Series: series("m", "n", fmt.Sprint(i)), UnixMilli: int64(i), Value: 1})
	}
	var got []barograph.Sample
	for _, r := range records(samples) {
		if len(r) > mostRecord {
			t.Errorf("a record of %d bytes", len(r))
		}
		some, err := decode(r)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, some...)
	}
	if diff := cmp.Diff(len(samples), len(got)); diff != "" {
		t.Error(diff)
	}
	for i := range got {
		if got[i].UnixMilli != int64(i) {
			t.Fatalf("sample %d has time %d", i, got[i].UnixMilli)
		}
	}
}

// FuzzDecode wants no record to do harm, and each that is accepted to come out
// the same when it is written again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(encode(nil))
	f.Add(encode([]barograph.Sample{
		{Series: series("m", "host", "a"), UnixMilli: 1_700_000_000_123, Value: 0.1},
		{Series: series("m", "host", "a"), UnixMilli: 1_700_000_015_123, Value: -1},
		{Series: series("n"), UnixMilli: -5, Value: 3},
	}))
	f.Add([]byte{codecVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, record []byte) {
		samples, err := decode(record)
		if err != nil {
			return
		}
		again, err := decode(encode(samples))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(samples, again, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()); diff != "" {
			t.Error(diff)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	var samples []barograph.Sample
	for i := range 5000 {
		s := series("disk_used_ratio", "host", fmt.Sprintf("host%04d", i%500), "mount", "/var/lib")
		samples = append(samples, barograph.Sample{Series: s, UnixMilli: int64(i), Value: float64(i)})
	}
	b.ReportAllocs()
	for b.Loop() {
		encode(samples)
	}
	b.ReportMetric(float64(b.N*len(samples))/b.Elapsed().Seconds(), "samples/s")
}
