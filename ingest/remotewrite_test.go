package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/s2"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/ingest"
)

// sent is one series of a request, as text: labels as name, value, name, value.
type sent struct {
	labels  []string
	samples []prompb.Sample
}

func one(value float64, at time.Time, labels ...string) sent {
	return sent{labels, []prompb.Sample{{Value: value, Timestamp: at.UnixMilli()}}}
}

// v1 and v2 return the series as the official types write them.
func v1(tb testing.TB, series []sent, change ...func(*prompb.WriteRequest)) []byte {
	tb.Helper()
	var r prompb.WriteRequest
	for _, s := range series {
		ts := prompb.TimeSeries{Samples: s.samples}
		for i := 0; i < len(s.labels); i += 2 {
			ts.Labels = append(ts.Labels, prompb.Label{Name: s.labels[i], Value: s.labels[i+1]})
		}
		r.Timeseries = append(r.Timeseries, ts)
	}
	for _, c := range change {
		c(&r)
	}
	data, err := r.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return s2.EncodeSnappy(nil, data)
}

func v2(tb testing.TB, series []sent, change ...func(*writev2.Request)) []byte {
	tb.Helper()
	symbols := writev2.NewSymbolTable()
	var r writev2.Request
	for _, s := range series {
		var ts writev2.TimeSeries
		for _, text := range s.labels {
			ts.LabelsRefs = append(ts.LabelsRefs, symbols.Symbolize(text))
		}
		for _, p := range s.samples {
			ts.Samples = append(ts.Samples, writev2.Sample{Value: p.Value, Timestamp: p.Timestamp, StartTimestamp: p.Timestamp - 1000})
		}
		ts.Metadata.HelpRef = symbols.Symbolize("a help")
		r.Timeseries = append(r.Timeseries, ts)
	}
	r.Symbols = symbols.Symbols()
	for _, c := range change {
		c(&r)
	}
	data, err := r.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return s2.EncodeSnappy(nil, data)
}

const (
	typeV1 = "application/x-protobuf"
	typeV2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
)

func push(h http.Handler, id barograph.Identity, contentType string, body []byte) *httptest.ResponseRecorder {
	return send(h, id, "/api/v1/write", body, "Content-Type", contentType, "Content-Encoding", "snappy", "X-Prometheus-Remote-Write-Version", "0.1.0")
}

func TestRemoteWrite(t *testing.T) {
	t.Parallel()
	now := time.Now()
	nan, stale := math.NaN(), math.Float64frombits(value.StaleNaN)
	good := one(1, now, "__name__", "good", "job", "x")
	for name, c := range map[string]struct {
		id      barograph.Identity
		series  []sent
		status  int
		told    []string
		stored  []string
		written string // of samples, version 2
	}{
		"nothing":         {operator, nil, 204, nil, nil, "0"},
		"series":          {operator, []sent{good, one(2, now, "__name__", "up", "host", "z")}, 204, nil, []string{`good{job="x"} 1`, `up{host="z"} 2`}, "2"},
		"several samples": {operator, []sent{{[]string{"__name__", "m"}, []prompb.Sample{{Value: 1, Timestamp: now.UnixMilli() - 1000}, {Value: 2, Timestamp: now.UnixMilli()}}}}, 204, nil, []string{`m 1 2`}, "2"},
		"no samples":      {operator, []sent{{[]string{"__name__", "m"}, nil}, good}, 204, nil, []string{`good{job="x"} 1`}, "1"},
		"unsorted":        {operator, []sent{one(1, now, "z", "1", "__name__", "m", "a", "2")}, 204, nil, []string{`m{a="2",z="1"} 1`}, "1"},
		"empty value":     {operator, []sent{one(1, now, "__name__", "m", "a", "")}, 204, nil, []string{`m 1`}, "1"},
		"host's key":      {hostA, []sent{good, one(1, now, "__name__", "m", "host", "a")}, 204, nil, []string{`good{host="a",job="x"} 1`, `m{host="a"} 1`}, "2"},
		"another's host":  {hostA, []sent{good, one(1, now, "__name__", "m", "host", "b")}, 400, []string{`m{host="b"}`, "operator token", "1 samples refused, 1 stored"}, []string{`good{host="a",job="x"} 1`}, "1"},
		"no value":        {operator, []sent{one(stale, now, "__name__", "m"), one(nan, now, "__name__", "m"), one(math.Inf(1), now, "__name__", "m"), good}, 204, nil, []string{`good{job="x"} 1`}, "4"},
		"bad names":       {operator, []sent{one(1, now, "__name__", "job:m:rate5m"), one(1, now, "__name__", "größe"), good, one(1, now, "__name__", "m", "k8s.pod", "x"), one(1, now, "__name__", "m", "__tmp", "x")}, 400, []string{"job:m:rate5m", "größe", "k8s.pod", "__tmp", "write_relabel_configs", "4 samples refused, 1 stored"}, []string{`good{job="x"} 1`}, "1"},
		"no name":         {operator, []sent{one(1, now, "job", "x"), one(1, now), good}, 400, []string{`{job="x"}`, "a series without labels"}, []string{`good{job="x"} 1`}, "1"},
		"twice":           {operator, []sent{one(1, now, "__name__", "m", "a", "1", "a", "2"), one(1, now, "__name__", "m", "__name__", "n"), good}, 400, []string{"label a is given twice", "label __name__ is given twice"}, []string{`good{job="x"} 1`}, "1"},
		"too long":        {operator, []sent{one(1, now, "__name__", "m", "a", strings.Repeat("x", 2000)), good}, 400, []string{"at most 1024"}, []string{`good{job="x"} 1`}, "1"},
		"not UTF-8":       {operator, []sent{one(1, now, "__name__", "m", "a", "\xff"), good}, 400, []string{"UTF-8"}, []string{`good{job="x"} 1`}, "1"},
		"too many labels": {operator, []sent{one(1, now, append([]string{"__name__", "m"}, manyLabels(100)...)...), good}, 400, []string{"at most 64"}, []string{`good{job="x"} 1`}, "1"},
		"future":          {operator, []sent{one(1, now.Add(20*time.Minute), "__name__", "m"), one(1, now.Add(9*time.Minute), "__name__", "n"), good}, 400, []string{"m: ", "in the future", "1 samples refused, 2 stored"}, []string{`good{job="x"} 1`, `n 1`}, "2"},
		"too old":         {operator, []sent{good, one(1, now.Add(-50*barograph.Day), "__name__", "m", "a", "b")}, 400, []string{`m{a="b"}: `, "too old", "1 samples refused, 1 stored"}, []string{`good{job="x"} 1`}, "1"},
		"before 1970":     {operator, []sent{good, one(1, time.Unix(-1, 0), "__name__", "m")}, 400, []string{"too old"}, []string{`good{job="x"} 1`}, "1"},
		"out of order":    {operator, []sent{{[]string{"__name__", "m"}, []prompb.Sample{{Value: 1, Timestamp: now.UnixMilli()}, {Value: 2, Timestamp: now.UnixMilli() - 60_000}}}}, 204, nil, []string{`m 2 1`}, "2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for version, body := range map[string][]byte{typeV1: v1(t, c.series), typeV2: v2(t, c.series)} {
				d := newDoor(t)
				for range 2 { // sending it again changes nothing, and what is remembered gives the same
					w := push(d.RemoteWrite(), c.id, version, body)
					if w.Code != c.status {
						t.Errorf("%s: status %d, want %d: %s", version, w.Code, c.status, w.Body)
					}
					for _, want := range c.told {
						if !strings.Contains(w.Body.String(), want) {
							t.Errorf("%s: answer %q lacks %q", version, w.Body, want)
						}
					}
					if got := w.Header().Get("X-Prometheus-Remote-Write-Samples-Written"); version == typeV2 && got != c.written {
						t.Errorf("samples written: %q, want %s", got, c.written)
					}
				}
				if diff := cmp.Diff(c.stored, d.stored(t)); diff != "" {
					t.Errorf("%s: stored (-want +got):\n%s", version, diff)
				}
			}
		})
	}
}

func manyLabels(n int) (labels []string) {
	for i := range n {
		labels = append(labels, fmt.Sprintf("l%03d", i), "x")
	}
	return labels
}

// TestRemoteWriteExtras sends what is not kept: version 1 does not know native
// histograms, version 2 has them refused.
func TestRemoteWriteExtras(t *testing.T) {
	t.Parallel()
	series := []sent{one(1, time.Now(), "__name__", "m")}
	d := newDoor(t)
	w := push(d.RemoteWrite(), operator, typeV1, v1(t, series, func(r *prompb.WriteRequest) {
		r.Timeseries[0].Exemplars = []prompb.Exemplar{{Value: 1}}
		r.Timeseries = append(r.Timeseries, prompb.TimeSeries{Labels: r.Timeseries[0].Labels, Histograms: []prompb.Histogram{{Timestamp: 1}}})
		r.Metadata = []prompb.MetricMetadata{{MetricFamilyName: "m", Help: "what"}}
	}))
	if w.Code != 204 || w.Header().Get("X-Prometheus-Remote-Write-Samples-Written") != "" {
		t.Errorf("version 1: status %d: %s, %v", w.Code, w.Body, w.Header())
	}
	w = push(d.RemoteWrite(), operator, typeV2, v2(t, series, func(r *writev2.Request) {
		r.Timeseries[0].Exemplars = []writev2.Exemplar{{Value: 1}}
		r.Timeseries = append(r.Timeseries, writev2.TimeSeries{LabelsRefs: r.Timeseries[0].LabelsRefs, Histograms: []writev2.Histogram{{Timestamp: 1}}})
	}))
	want := http.Header{
		"X-Prometheus-Remote-Write-Samples-Written": {"1"}, "X-Prometheus-Remote-Write-Histograms-Written": {"0"},
		"X-Prometheus-Remote-Write-Exemplars-Written": {"0"}, "Content-Type": {"text/plain; charset=utf-8"},
	}
	if diff := cmp.Diff(want, w.Header()); diff != "" || w.Code != 400 || !strings.Contains(w.Body.String(), "1 native histograms") {
		t.Errorf("version 2: status %d: %s, headers (-want +got):\n%s", w.Code, w.Body, diff)
	}
	if diff := cmp.Diff([]string{"m 1"}, d.stored(t)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestRemoteWriteNegotiation(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	body := v1(t, []sent{one(1, time.Now(), "__name__", "m")})
	for name, c := range map[string]struct {
		header []string
		status int
	}{
		"plain":        {[]string{"Content-Type", typeV1, "Content-Encoding", "snappy"}, 204},
		"named":        {[]string{"Content-Type", "application/x-protobuf; proto=prometheus.WriteRequest", "Content-Encoding", "Snappy"}, 204},
		"nothing":      {nil, 204},
		"JSON":         {[]string{"Content-Type", "application/json", "Content-Encoding", "snappy"}, 415},
		"no type":      {[]string{"Content-Type", ";;", "Content-Encoding", "snappy"}, 415},
		"version 3":    {[]string{"Content-Type", "application/x-protobuf;proto=io.prometheus.write.v3.Request"}, 415},
		"gzip":         {[]string{"Content-Type", typeV1, "Content-Encoding", "gzip"}, 415},
		"wrong schema": {[]string{"Content-Type", typeV2, "Content-Encoding", "snappy"}, 204}, // an empty message, as the specification has it
	} {
		w := send(d.RemoteWrite(), operator, "/api/v1/write", body, c.header...)
		if w.Code != c.status || c.status == 415 && !strings.Contains(w.Body.String(), "send") {
			t.Errorf("%s: status %d, want %d: %s", name, w.Code, c.status, w.Body)
		}
	}
}

func TestRemoteWriteLimits(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	many := make([]sent, 1)
	many[0] = sent{[]string{"__name__", "m"}, make([]prompb.Sample, 250_001)}
	bomb := s2.EncodeSnappy(nil, make([]byte, 21<<20))
	lie := append([]byte{0xff, 0xff, 0xff, 0xff, 0x0f}, 0) // says 4 GiB
	framed := append([]byte("\xff\x06\x00\x00sNaPpY"), bomb[:100]...)
	cut := v1(t, []sent{one(1, time.Now(), "__name__", "m")})
	raw, err := s2.Decode(nil, cut)
	if err != nil {
		t.Fatal(err)
	}
	symbols := s2.EncodeSnappy(nil, bytes.Repeat([]byte{0x22, 0}, 500_001)) // 500,001 empty ones
	astray := v2(t, []sent{one(1, time.Now(), "__name__", "m")}, func(r *writev2.Request) { r.Timeseries[0].LabelsRefs[1] = 1000 })
	odd := v2(t, []sent{one(1, time.Now(), "__name__", "m")}, func(r *writev2.Request) { r.Timeseries[0].LabelsRefs = r.Timeseries[0].LabelsRefs[:1] })
	bombs := map[string][]byte{}
	for name, series := range map[string]int{"one": 1, "many": 2000} { // some KB, which refer to one long text again and again
		bombs[name] = v2(t, nil, func(r *writev2.Request) {
			r.Symbols = []string{"", "a", strings.Repeat("x", 100_000)}
			refs := slices.Repeat([]uint32{1, 2}, 1_000_000/series)
			for range series {
				r.Timeseries = append(r.Timeseries, writev2.TimeSeries{LabelsRefs: refs, Samples: []writev2.Sample{{Value: 1}}})
			}
		})
	}
	for name, c := range map[string]struct {
		contentType string
		body        []byte
		status      int
	}{
		"large":            {typeV1, make([]byte, 6<<20), 413},
		"a bomb":           {typeV1, bomb, 413},
		"a lie":            {typeV1, lie, 413},
		"many samples":     {typeV1, v1(t, many), 413},
		"many samples, v2": {typeV2, v2(t, many), 413},
		"many symbols":     {typeV2, symbols, 413},
		"framed":           {typeV1, framed, 400},
		"not packed":       {typeV1, raw, 400},
		"cut off":          {typeV1, cut[:len(cut)-3], 400},
		"cut within":       {typeV1, s2.EncodeSnappy(nil, raw[:len(raw)-3]), 400},
		"empty":            {typeV1, nil, 400},
		"references":       {typeV2, bombs["one"], 400},
		"many references":  {typeV2, bombs["many"], 413},
		"symbol astray":    {typeV2, astray, 400},
		"half a label":     {typeV2, odd, 400},
	} {
		w := push(d.RemoteWrite(), operator, c.contentType, c.body)
		if w.Code != c.status || w.Body.Len() == 0 {
			t.Errorf("%s: status %d, want %d: %s", name, w.Code, c.status, w.Body)
		}
		if got := w.Header().Get("X-Prometheus-Remote-Write-Samples-Written"); c.contentType == typeV2 && got != "0" {
			t.Errorf("%s: written %q, want 0", name, got)
		}
	}
	if got := d.stored(t); len(got) > 0 {
		t.Errorf("stored %v", got)
	}
}

// broken refuses all with its error.
type broken struct{ err error }

func (b broken) Write(context.Context, []barograph.Sample) error { return b.err }

func TestRemoteWriteStoreAway(t *testing.T) {
	t.Parallel()
	stale := math.Float64frombits(value.StaleNaN) // taken, but only together with the rest
	body := v2(t, []sent{one(1, time.Now(), "__name__", "m"), one(stale, time.Now(), "__name__", "n")})
	for name, c := range map[string]struct {
		err    error
		status int
		retry  string
	}{
		"away":     {barograph.Errorf(barograph.KindUnavailable, "the store is away"), 503, "5"},
		"told":     {&barograph.Error{Kind: barograph.KindUnavailable, Message: "full", RetryAfter: 90 * time.Second}, 503, "90"},
		"too fast": {barograph.Errorf(barograph.KindRateLimited, "slow down"), 429, "5"},
		"broken":   {fmt.Errorf("secret path"), 500, ""},
	} {
		h := newIngest(t, broken{c.err}).RemoteWrite()
		w := push(h, operator, typeV2, body)
		if w.Code != c.status || w.Header().Get("Retry-After") != c.retry || w.Header().Get("X-Prometheus-Remote-Write-Samples-Written") != "0" || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: status %d, headers %v: %s", name, w.Code, w.Header(), w.Body)
		}
	}
}

func newIngest(tb testing.TB, w barograph.SampleWriter) *ingest.Ingest {
	tb.Helper()
	in, err := ingest.New(ingest.DefaultConfig(), ingest.Options{
		Writer: w, Hosts: &notebook{seen: map[barograph.HostID]time.Time{}}, Clock: barograph.WallClock{}, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return in
}

// TestRemoteWriteConcurrently sends the same series from many: what is
// remembered of one sender's series never becomes another's.
func TestRemoteWriteConcurrently(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	h := d.RemoteWrite()
	now := time.Now()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			id := barograph.Identity{Role: barograph.RoleAgent, Name: fmt.Sprint("h", i), HostID: barograph.HostID(fmt.Sprint("hst_", i))}
			for n := range 20 {
				at := now.Add(time.Duration(n) * time.Second)
				series := []sent{one(float64(n), at, "__name__", "m"), one(1, at, "__name__", "bad name"), one(float64(n), at, "__name__", "n", "a", "b")}
				kind, body := typeV1, v1(t, series)
				if n%2 == 1 {
					kind, body = typeV2, v2(t, series)
				}
				if w := push(h, id, kind, body); w.Code != 400 || !strings.Contains(w.Body.String(), "1 samples refused, 2 stored") {
					t.Errorf("status %d: %s", w.Code, w.Body)
				}
			}
		})
	}
	all.Wait()
	if got := d.stored(t); len(got) != 16 || !slices.ContainsFunc(got, func(s string) bool {
		return s == `m{host="h7"} 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19`
	}) {
		t.Errorf("stored %d series: %v", len(got), got)
	}
}

func FuzzRemoteWrite(f *testing.F) {
	d := newIngest(f, nowhere{})
	h := d.RemoteWrite()
	series := []sent{one(1, time.Now(), "__name__", "m", "a", "b"), one(2, time.Now(), "__name__", "n")}
	for version, body := range map[bool][]byte{false: v1(f, series), true: v2(f, series)} {
		raw, err := s2.Decode(nil, body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, version)
	}
	f.Fuzz(func(t *testing.T, raw []byte, second bool) {
		kind := typeV1
		if second {
			kind = typeV2
		}
		if w := push(h, hostA, kind, s2.EncodeSnappy(nil, raw)); w.Code >= 500 {
			t.Errorf("status %d for %q", w.Code, raw)
		}
		// What the official decoder takes, ours takes too, and finds as many samples.
		var all capture
		in := newIngest(t, &all)
		w := push(in.RemoteWrite(), operator, kind, s2.EncodeSnappy(nil, raw))
		if second || w.Code != 204 {
			return
		}
		var r prompb.WriteRequest
		if err := r.Unmarshal(raw); err != nil {
			return // a field that we don't look into
		}
		want := 0
		for _, s := range r.Timeseries {
			for _, p := range s.Samples {
				if !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0) {
					want++
				}
			}
		}
		if len(all.samples) != want {
			t.Errorf("%d samples, the official decoder finds %d in %q", len(all.samples), want, raw)
		}
	})
}

// capture keeps what is written.
type capture struct {
	mu      sync.Mutex
	samples []barograph.Sample
}

func (c *capture) Write(_ context.Context, samples []barograph.Sample) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.samples = append(c.samples, samples...)
	return nil
}

// BenchmarkRemoteWrite measures decoding, beside the official decoder, and
// storing.
func BenchmarkRemoteWrite(b *testing.B) {
	const samples = 2000 // as Prometheus sends at once
	series := make([]sent, samples)
	now := time.Now()
	for i := range series {
		series[i] = one(float64(i), now, "__name__", fmt.Sprintf("node_metric_%d_bytes", i%50), "device", fmt.Sprintf("sda%d", i/50),
			"instance", "10.0.0.1:9100", "job", "node", "region", "eu-west")
	}
	bodies := map[string][]byte{typeV1: v1(b, series), typeV2: v2(b, series)}
	handlers := map[string]http.Handler{"decode": newIngest(b, nowhere{}).RemoteWrite(), "store": newDoor(b).RemoteWrite()}
	for _, c := range []struct{ name, to, version string }{
		{"v1/decode", "decode", typeV1}, {"v2/decode", "decode", typeV2}, {"v1/store", "store", typeV1}, {"v2/store", "store", typeV2},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if w := push(handlers[c.to], operator, c.version, bodies[c.version]); w.Code != 204 {
					b.Fatal(w.Body)
				}
			}
			b.ReportMetric(float64(b.N)*samples/b.Elapsed().Seconds(), "samples/s")
		})
	}
	b.Run("v1/official", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			raw, err := s2.Decode(nil, bodies[typeV1])
			if err != nil {
				b.Fatal(err)
			}
			var r prompb.WriteRequest
			if err := r.Unmarshal(raw); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)*samples/b.Elapsed().Seconds(), "samples/s")
	})
}
