package load_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	"github.com/influxdata/influxdb-client-go/v2/api/write"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/influx"
	"github.com/barograph/barograph/internal/influx/influxtest"
)

// influxdb compares ways into one InfluxDB: its own client, which runs in this
// process and sends points made beforehand; our store, in this process too; and
// our server on that store. Each has a bucket of its own.
func (c *comparison) influxdb(t *testing.T) {
	t.Helper()
	server := influxtest.Start(t)
	pid := server.Process.PID()
	bucket := server.Config(t, 0)
	settings := config + fmt.Sprintf("store:\n  engine: influxdb\n  influxdb: {url: %q, bucket: %q}\n", bucket.URL, bucket.Bucket)
	ours := c.barograph(t, settings)
	takers := []*taker{
		newTaker("our server", ours.URL+"/api/v2/write?precision=ms", pid, withKey(http.Header{}, ours)),
		storeTaker(t, server.Config(t, 0), pid),
		clientTaker(t, "its client, asynchronous", server.Config(t, 0), pid, asynchronous),
		clientTaker(t, "its client, blocking", server.Config(t, 0), pid, blocking),
	}
	s := newStream(beginning())
	size := *roundSize / 2 / fleetSeries * fleetSeries // it takes its time
	race(t, takers, size, func() [][][]byte { return s.next(size, func(text []byte) []byte { return text }) })
	_, told, err := ours.Do(t.Context(), http.MethodGet, "/metrics", ours.Token, nil)
	if err != nil || !bytes.Contains(told, []byte("barograph_spool_samples_spooled_total 0\n")) {
		t.Errorf("our server had samples wait in its spool, %v: they were not acknowledged by InfluxDB", err)
	}
	for _, k := range takers {
		c.note("into InfluxDB by "+k.name, k.rates, " samples/s")
	}
	best := make([]float64, len(takers[0].rates))
	for i := range best {
		best[i] = max(takers[2].rates[i], takers[3].rates[i])
	}
	c.ratio(t, "into InfluxDB: our server / the better client", takers[0].rates, best, 0.8)
	c.ratio(t, "into InfluxDB: our store / the better client", takers[1].rates, best, 0.8)
}

// storeTaker gives the round's samples to our store, as many at once as there
// are connections.
func storeTaker(t *testing.T, cfg influx.Config, pid int) *taker {
	t.Helper()
	store, err := influx.New(cfg, influx.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // it only ends what is sent
	f := newFleet()
	prepare := func(samples int) [][][]byte {
		f.round(samples)
		return nil
	}
	return &taker{name: "our store", pid: pid, prepare: prepare, deliver: func(t *testing.T, _ [][][]byte) {
		t.Helper()
		each(f.samples, func(batch []barograph.Sample) {
			if err := store.Write(t.Context(), batch); err != nil {
				t.Error(err)
			}
		})
	}}
}

func clientTaker(t *testing.T, name string, cfg influx.Config, pid int, way func(*testing.T, influxdb2.Client, influx.Config, [][]*write.Point)) *taker {
	t.Helper()
	f := newFleet()
	var points [][]*write.Point
	var client influxdb2.Client
	prepare := func(samples int) [][][]byte {
		f.round(samples)
		points = f.points()
		client = influxdb2.NewClientWithOptions(cfg.URL, cfg.Token.Reveal(),
			influxdb2.DefaultOptions().SetPrecision(time.Millisecond).SetBatchSize(uint(*lineCount)))
		return nil
	}
	return &taker{name: name, pid: pid, prepare: prepare, deliver: func(t *testing.T, _ [][][]byte) {
		t.Helper()
		way(t, client, cfg, points)
		client.Close() // returns when all is written
	}}
}

func asynchronous(t *testing.T, client influxdb2.Client, cfg influx.Config, points [][]*write.Point) {
	t.Helper()
	out := client.WriteAPI(cfg.Org, cfg.Bucket)
	report(t, out)
	for _, own := range points {
		for _, p := range own {
			out.WritePoint(p)
		}
	}
}

func report(t *testing.T, out api.WriteAPI) {
	t.Helper()
	failed := out.Errors()
	go func() {
		for err := range failed {
			t.Error(err)
		}
	}()
}

func blocking(t *testing.T, client influxdb2.Client, cfg influx.Config, points [][]*write.Point) {
	t.Helper()
	out := client.WriteAPIBlocking(cfg.Org, cfg.Bucket)
	each(points, func(batch []*write.Point) {
		if err := out.WritePoint(t.Context(), batch...); err != nil {
			t.Error(err)
		}
	})
}

// each calls write with batches of each connection, those of one after the other.
func each[T any](of [][]T, write func([]T)) {
	var wg sync.WaitGroup
	for _, own := range of {
		wg.Go(func() {
			for batch := range slices.Chunk(own, *lineCount) {
				write(batch)
			}
		})
	}
	wg.Wait()
}

// fleet makes the samples that a stream makes the lines of.
type fleet struct {
	stream

	known   []barograph.Series
	samples [][]barograph.Sample // of the round, for each connection
}

func newFleet() *fleet {
	f := &fleet{stream: *newStream(beginning())}
	for _, line := range f.series {
		metric, labels := labelsOf(line)
		m := map[string]string{}
		for _, l := range labels {
			m[l[0]] = l[1]
		}
		f.known = append(f.known, barograph.Series{Metric: metric, Labels: barograph.NewLabels(m)})
	}
	return f
}

// round makes the samples of the next round.
func (f *fleet) round(samples int) {
	steps, own := samples/fleetSeries, fleetSeries/clients
	f.samples = make([][]barograph.Sample, clients)
	for i := range f.samples {
		for step := f.steps; step < f.steps+steps; step++ {
			at := f.start.Add(time.Duration(step) * time.Second).UnixMilli()
			for n := i * own; n < (i+1)*own; n++ {
				f.samples[i] = append(f.samples[i], barograph.Sample{Series: f.known[n], UnixMilli: at, Value: valueAt(n, step)})
			}
		}
	}
	f.steps += steps
}

// points returns the samples as the client of InfluxDB has them.
func (f *fleet) points() [][]*write.Point {
	out := make([][]*write.Point, len(f.samples))
	for i, own := range f.samples {
		for _, s := range own {
			out[i] = append(out[i], influxdb2.NewPoint(s.Series.Metric, s.Series.Labels.Map(), map[string]any{"value": s.Value}, s.Time()))
		}
	}
	return out
}
