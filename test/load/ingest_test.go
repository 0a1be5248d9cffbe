package load_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/test/harness"
)

const (
	clients   = 4
	batchSize = 5000
)

// ingest measures how many samples a second four clients get acknowledged, each
// of them durable.
func (b *bench) ingest(t *testing.T) {
	const series, warmUp, length = 10_000, 3 * time.Second, 20 * time.Second
	p := b.install(t).Start(t)
	var batches atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	senders := make([]*sender, clients)
	for c := range senders {
		s := newSender(&p.Server, fmt.Sprintf("c%d", c), series/clients)
		senders[c] = s
		wg.Go(func() {
			for !stop.Load() {
				if err := s.send(t.Context()); err != nil {
					t.Error(err)
					return
				}
				batches.Add(1)
			}
		})
	}
	time.Sleep(warmUp)
	before, began, cpuBefore := batches.Load(), time.Now(), usage(t, p.PID()).CPU
	time.Sleep(length)
	took, after := time.Since(began), usage(t, p.PID())
	rate := float64(batches.Load()-before) * batchSize / took.Seconds()
	stop.Store(true)
	wg.Wait()
	for c, s := range senders { // that what was counted is there
		want := strconv.Itoa(s.next * batchSize / (series / clients))
		query := fmt.Sprintf(`count_over_time(cpu_usage_idle{host="c%d-00001",cpu="cpu3"}[10m])`, c)
		if got, _ := p.Value(t, query); got != want {
			t.Errorf("%s is %s, want %s", query, got, want)
		}
	}
	b.table.row("line protocol: samples acknowledged a second", fmt.Sprintf("%.0f k", rate/1e3), "≥ 300 k", rate >= 300e3)
	b.table.row("  CPUs that the server used", fmt.Sprintf("%.2f", (after.CPU-cpuBefore).Seconds()/took.Seconds()), "", true)
	b.table.row("  its RSS, at most", megabytes(after.PeakRSS), "", true)
}

// series measures the memory that 100 k series take.
func (b *bench) series(t *testing.T) {
	const series, rounds = 100_000, 130 // more than fit in the chunk that a series has in memory
	p := b.install(t).Start(t)
	s := newSender(&p.Server, "many", series)
	for range rounds * series / batchSize {
		if err := s.send(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	u := usage(t, p.PID())
	if got, _ := p.Value(t, "count(cpu_usage_idle)"); got != strconv.Itoa(series) {
		t.Errorf("%s series are stored, want %d", got, series)
	}
	b.table.row(fmt.Sprintf("100 k series, %d samples each: RSS", rounds), megabytes(u.RSS), "≤ 450 MB", u.RSS <= 450e6)
	b.table.row("  of it mapped files (the program and chunks)", megabytes(u.FileRSS), "", true)
	b.table.row("  RSS after a query of all of them", megabytes(usage(t, p.PID()).RSS), "", true)
}

// BenchmarkLineProtocol sends batches to a server in this process.
func BenchmarkLineProtocol(b *testing.B) {
	cfg := harness.Config()
	cfg.API.RequestsPerSecond, cfg.API.Burst = 1e6, 1e6
	srv := harness.Start(b, app.Options{Config: cfg, Bare: true})
	var n atomic.Int64
	b.SetParallelism(clients)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		s := newSender(srv, fmt.Sprintf("c%d", n.Add(1)), 2500)
		for pb.Next() {
			if err := s.send(b.Context()); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)*batchSize/b.Elapsed().Seconds(), "samples/s")
}

// sender sends batches that are written once: only their times are overwritten.
type sender struct {
	client *http.Client
	url    string
	token  string
	bodies []*body
	next   int
	clock  int64
}

// body is a request with the places of its times, and in how many groups they
// are: a series that stands in it twice needs two times.
type body struct {
	text   []byte
	times  []int // where each begins
	groups int
}

const timeDigits = 13 // of Unix milliseconds

// newSender returns a sender for that many series, in batches of 5,000.
func newSender(srv *harness.Server, name string, series int) *sender {
	s := &sender{
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: time.Minute},
		url:    srv.URL + "/api/v2/write?precision=ms", token: srv.Token.Reveal(),
	}
	const variants = 4 // of values
	for v := range variants {
		for first := 0; first < series; first += batchSize {
			s.bodies = append(s.bodies, newBody(name, first, min(series-first, batchSize), v))
		}
	}
	return s
}

func newBody(name string, first, series, variant int) *body {
	b := &body{groups: batchSize / series}
	for i := range batchSize {
		n := first + i%series
		b.text = fmt.Appendf(b.text, "cpu,cpu=cpu%d,host=%s-%05d,region=eu usage_idle=%d.%d", n%10, name, n/10, n%100, (n+i/series+variant)%10)
		b.times = append(b.times, len(b.text)+1)
		b.text = fmt.Appendf(b.text, " %0*d\n", timeDigits, 0)
	}
	return b
}

// send sends the next batch and waits until it is acknowledged.
func (s *sender) send(ctx context.Context) error {
	b := s.bodies[s.next%len(s.bodies)]
	s.next++
	s.clock = max(s.clock+1, time.Now().UnixMilli())
	b.stamp(s.clock)
	s.clock += int64(b.groups) - 1
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(b.text))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := s.client.Do(req)
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

// stamp writes the time into every line, one millisecond more for each group.
func (b *body) stamp(first int64) {
	size := len(b.times) / b.groups
	for g := range b.groups {
		digits := strconv.AppendInt(nil, first+int64(g), 10)
		for _, at := range b.times[g*size : (g+1)*size] {
			copy(b.text[at:at+timeDigits], digits)
		}
	}
}
