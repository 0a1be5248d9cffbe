package load_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/barograph/barograph/internal/influx/influxtest"
	"github.com/barograph/barograph/internal/promremote/promremotetest"
	"github.com/barograph/barograph/test/harness"
)

const fleetSeries = 10_000 // that all parts but reading write to

// plain compares how many samples a second are acknowledged by line protocol.
func (c *comparison) plain(t *testing.T) {
	t.Helper()
	c.lineProtocol(t, "", func(text []byte) []byte { return text })
}

// gzipped compares the same, packed as Telegraf does it.
func (c *comparison) gzipped(t *testing.T) {
	t.Helper()
	c.lineProtocol(t, ", gzip", pack)
}

// What is acknowledged is on disk (synced) here and in InfluxDB, in memory in
// VictoriaMetrics.
func (c *comparison) lineProtocol(t *testing.T, way string, packed func([]byte) []byte) {
	t.Helper()
	ours := c.barograph(t, config)
	fluxed := influxtest.Start(t)
	bucket := fluxed.Config(t, 0).Bucket
	victoria := promremotetest.VictoriaMetrics(t, "-memory.allowedBytes=2GB")
	header := http.Header{}
	if way != "" {
		header.Set("Content-Encoding", "gzip")
	}
	takers := []*taker{
		newTaker("Barograph, embedded", ours.URL+"/api/v2/write?precision=ms", ours.PID(), withKey(header, ours)),
		newTaker("InfluxDB 1.8.3", fluxed.URL+"/api/v2/write?precision=ms&bucket="+url.QueryEscape(bucket), fluxed.Process.PID(), header),
		newTaker("VictoriaMetrics", victoria.URL+"/api/v2/write?precision=ms", victoria.Process.PID(), header),
	}
	s := newStream(beginning())
	race(t, takers, *roundSize, func() [][][]byte { return s.next(*roundSize, packed) })
	for _, k := range takers {
		c.note("line protocol"+way+": "+k.name, k.rates, " samples/s")
		c.note("  CPU", k.cpu, " s/million")
	}
	c.ratio(t, "line protocol"+way+": ours / InfluxDB", takers[0].rates, takers[1].rates, 2)
	c.ratio(t, "line protocol"+way+": ours / VictoriaMetrics", takers[0].rates, takers[2].rates, 0.7)
	want := strconv.Itoa(s.steps)
	if got, _ := ours.Value(t, `count_over_time(cpu_usage_idle{host="host-00007",cpu="cpu3"}[3h])`); got != want {
		t.Errorf("we have %s samples of a series, want %s", got, want)
	}
}

// barograph starts a server.
func (c *comparison) barograph(t *testing.T, settings string) *harness.Process {
	t.Helper()
	return (&harness.Installation{Program: c.program, Dir: t.TempDir(), Config: settings}).Start(t)
}

func withKey(header http.Header, p *harness.Process) http.Header {
	own := header.Clone()
	own.Set("Authorization", "Bearer "+p.Token.Reveal())
	return own
}

// taker is one of those that are compared: where it takes requests, and what
// was measured of it.
type taker struct {
	name    string
	pid     int
	prepare func(samples int) [][][]byte // makes bodies of its own; may be nil
	deliver func(t *testing.T, bodies [][][]byte)

	rates []float64 // samples/s, for each round
	cpu   []float64 // seconds for a million samples
}

// newTaker returns one that takes bodies by POST, over as many connections as
// there are clients.
func newTaker(name, address string, pid int, header http.Header) *taker {
	own := make([]*http.Client, clients)
	for i := range own {
		own[i] = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1, DisableCompression: true}, Timeout: time.Minute}
	}
	return &taker{name: name, pid: pid, deliver: func(t *testing.T, bodies [][][]byte) {
		t.Helper()
		var wg sync.WaitGroup
		for i, client := range own {
			wg.Go(func() {
				for _, body := range bodies[i] {
					if err := postBody(t, client, address, header, body); err != nil {
						t.Error(name, err)
						return
					}
				}
			})
		}
		wg.Wait()
	}}
}

func postBody(t *testing.T, client *http.Client, address string, header http.Header, body []byte) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = header
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusNoContent {
		err = fmt.Errorf("status %d: %s", res.StatusCode, answer)
	}
	return err
}

// race gives each taker the bodies of a round, one after the other, each round
// in another order. The first round is not counted: series are new in it.
func race(t *testing.T, takers []*taker, samples int, bodies func() [][][]byte) {
	t.Helper()
	for round := range *rounds + 1 {
		next := bodies()
		for i := range takers {
			k := takers[(i+round)%len(takers)]
			rate, cpu := k.measure(t, samples, next)
			if t.Failed() {
				return
			}
			if round > 0 {
				k.rates, k.cpu = append(k.rates, rate), append(k.cpu, cpu)
			}
		}
	}
}

func (k *taker) measure(t *testing.T, samples int, bodies [][][]byte) (rate, cpu float64) {
	t.Helper()
	if k.prepare != nil {
		bodies = k.prepare(samples)
	}
	runtime.GC() // ours is not to run while the others work
	before, began := usage(t, k.pid).CPU, time.Now()
	k.deliver(t, bodies)
	took := time.Since(began)
	return float64(samples) / took.Seconds(), (usage(t, k.pid).CPU - before).Seconds() * 1e6 / float64(samples)
}

// stream makes lines of the fleet, second after second, for each connection its
// own series.
type stream struct {
	series []string
	start  time.Time
	steps  int // made so far
}

// beginning is a while ago, as a stream makes more than a second in a second, but
// not so long that its samples come late: our server's own are of now.
func beginning() time.Time { return time.Now().Add(-50 * time.Minute) }

func newStream(start time.Time) *stream {
	s := &stream{start: start.Truncate(time.Second)}
	for n := range fleetSeries {
		s.series = append(s.series, fmt.Sprintf("cpu,cpu=cpu%d,host=host-%05d,region=eu usage_idle=", n%10, n/10))
	}
	return s
}

// next returns the requests of each connection with so many samples in all.
func (s *stream) next(samples int, packed func([]byte) []byte) [][][]byte {
	steps := samples / fleetSeries
	bodies := make([][][]byte, clients)
	var wg sync.WaitGroup
	for i := range bodies {
		wg.Go(func() { bodies[i] = s.requests(i, steps, packed) })
	}
	wg.Wait()
	s.steps += steps
	return bodies
}

func (s *stream) requests(connection, steps int, packed func([]byte) []byte) [][]byte {
	own := fleetSeries / clients
	var bodies [][]byte
	var text []byte
	lines := 0
	for step := s.steps; step < s.steps+steps; step++ {
		at := strconv.FormatInt(s.start.Add(time.Duration(step)*time.Second).UnixMilli(), 10)
		for n := connection * own; n < (connection+1)*own; n++ {
			text = append(text, s.series[n]...)
			text = strconv.AppendFloat(text, valueAt(n, step), 'f', 1, 64)
			text = append(append(append(text, ' '), at...), '\n')
			if lines++; lines%*lineCount == 0 {
				bodies = append(bodies, packed(text))
				text = make([]byte, 0, len(text)+1024)
			}
		}
	}
	if len(text) > 0 {
		bodies = append(bodies, packed(text))
	}
	return bodies
}

// valueAt is a value as CPUs have them: it wanders.
func valueAt(series, step int) float64 {
	return float64(((series*7919)%800+step*(series%7)+(step*step)%11)%1000) / 10
}

func pack(text []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(text)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // a buffer takes everything
	}
	return out.Bytes()
}

// labelsOf returns metric and labels that a line's beginning means.
func labelsOf(line string) (metric string, labels [][2]string) {
	head, field, _ := strings.Cut(strings.TrimSuffix(line, "="), " ")
	parts := strings.Split(head, ",")
	for _, tag := range parts[1:] {
		name, value, _ := strings.Cut(tag, "=")
		labels = append(labels, [2]string{name, value})
	}
	return parts[0] + "_" + field, labels
}
