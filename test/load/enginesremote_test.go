package load_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promremote/promremotetest"
)

// remote compares how many samples a second are acknowledged by remote write.
func (c *comparison) remote(t *testing.T) {
	t.Helper()
	ours := c.barograph(t, config)
	second := c.barograph(t, config)
	victoria := promremotetest.VictoriaMetrics(t, "-memory.allowedBytes=2GB")
	header := http.Header{"Content-Encoding": {"snappy"}, "Content-Type": {"application/x-protobuf"}}
	header2 := http.Header{"Content-Encoding": {"snappy"}, "Content-Type": {"application/x-protobuf;proto=io.prometheus.write.v2.Request"}}
	takers := []*taker{
		newTaker("Barograph, version 1", ours.URL+"/api/v1/write", ours.PID(), withKey(header, ours)),
		newTaker("Barograph, version 2", second.URL+"/api/v1/write", second.PID(), withKey(header2, second)),
		newTaker("VictoriaMetrics, version 1", victoria.URL+"/api/v1/write", victoria.Process.PID(), header),
	}
	for i, encode := range []func([]barograph.Sample) ([]byte, error){messageV1, messageV2, messageV1} {
		f := newFleet()
		takers[i].prepare = func(samples int) [][][]byte {
			f.round(samples)
			return f.messages(t, encode)
		}
	}
	race(t, takers, *roundSize, func() [][][]byte { return nil })
	for _, k := range takers {
		c.note("remote write: "+k.name, k.rates, " samples/s")
		c.note("  CPU", k.cpu, " s/million")
	}
	c.ratio(t, "remote write: ours / VictoriaMetrics", takers[0].rates, takers[2].rates, 0)
}

// messages returns the samples of each connection in messages.
func (f *fleet) messages(t *testing.T, encode func([]barograph.Sample) ([]byte, error)) [][][]byte {
	t.Helper()
	out := make([][][]byte, len(f.samples))
	var wg sync.WaitGroup
	for i, own := range f.samples {
		wg.Go(func() {
			each([][]barograph.Sample{own}, func(batch []barograph.Sample) {
				message, err := encode(batch)
				if err != nil {
					t.Error(err)
				}
				out[i] = append(out[i], snappy.Encode(nil, message))
			})
		})
	}
	wg.Wait()
	return out
}

func messageV1(samples []barograph.Sample) ([]byte, error) {
	var m prompb.WriteRequest
	for _, s := range samples {
		series := prompb.TimeSeries{
			Labels:  []prompb.Label{{Name: "__name__", Value: s.Series.Metric}},
			Samples: []prompb.Sample{{Value: s.Value, Timestamp: s.UnixMilli}},
		}
		for _, l := range s.Series.Labels {
			series.Labels = append(series.Labels, prompb.Label{Name: l.Name, Value: l.Value})
		}
		m.Timeseries = append(m.Timeseries, series)
	}
	return m.Marshal()
}

func messageV2(samples []barograph.Sample) ([]byte, error) {
	var m writev2.Request
	symbols := writev2.NewSymbolTable()
	for _, s := range samples {
		set := map[string]string{"__name__": s.Series.Metric}
		for _, l := range s.Series.Labels {
			set[l.Name] = l.Value
		}
		m.Timeseries = append(m.Timeseries, writev2.TimeSeries{
			LabelsRefs: symbols.SymbolizeLabels(labels.FromMap(set), nil),
			Samples:    []writev2.Sample{{Value: s.Value, Timestamp: s.UnixMilli}},
		})
	}
	m.Symbols = symbols.Symbols()
	return m.Marshal()
}
