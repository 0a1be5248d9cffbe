package alerting_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// BenchmarkDelivery measures what it costs to record events and have them
// delivered to receivers that answer at once, and beside it what the bare HTTP
// requests cost: the same bytes to the same receivers over as many connections
// at a time, each new, as webhooks are sent.
//
// "of-bare" is how many times as long a delivery takes as its bare request, and
// "allocs/delivery" and "B/delivery" count the receivers' work too, as they do
// for the bare request ("bare-allocs", "bare-B").
func BenchmarkDelivery(b *testing.B) {
	for _, endpoints := range []int{1, 5, 50} {
		b.Run(fmt.Sprintf("endpoints=%d", endpoints), func(b *testing.B) {
			r := newFastReceiver(b)
			n := (b.N + endpoints - 1) / endpoints * endpoints
			bare := r.measure(b, n, func() { r.bare(b, n, endpoints) })
			b.ResetTimer()
			ours := r.measure(b, n, func() { r.deliver(b, n, endpoints) })
			b.StopTimer()
			b.ReportMetric(float64(n)/ours.took.Seconds(), "deliveries/s")
			b.ReportMetric(float64(ours.took)/float64(bare.took), "of-bare")
			b.ReportMetric(ours.allocs, "allocs/delivery")
			b.ReportMetric(ours.bytes, "B/delivery")
			b.ReportMetric(bare.allocs, "bare-allocs")
			b.ReportMetric(bare.bytes, "bare-B")
		})
	}
}

// fastReceiver takes whatever comes.
type fastReceiver struct {
	url      string
	arrived  atomic.Int64
	expected atomic.Int64
	all      chan struct{} // receives when as many have arrived as are expected
}

func newFastReceiver(b *testing.B) *fastReceiver {
	b.Helper()
	r := &fastReceiver{all: make(chan struct{}, 1)}
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if r.arrived.Add(1) == r.expected.Load() {
			r.all <- struct{}{}
		}
	}))
	b.Cleanup(srv.Close)
	r.url = srv.URL
	return r
}

type cost struct {
	took          time.Duration
	allocs, bytes float64 // of one delivery
}

// measure returns what work costs, which sends n requests to the receiver.
func (r *fastReceiver) measure(b *testing.B, n int, work func()) cost {
	b.Helper()
	r.arrived.Store(0)
	r.expected.Store(int64(n))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	work()
	select {
	case <-r.all:
	case <-time.After(time.Minute):
		b.Fatalf("%d of %d deliveries arrived within a minute", r.arrived.Load(), n)
	}
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	return cost{took, float64(after.Mallocs-before.Mallocs) / float64(n), float64(after.TotalAlloc-before.TotalAlloc) / float64(n)}
}

// bare posts an event n times.
func (r *fastReceiver) bare(b *testing.B, n, endpoints int) {
	b.Helper()
	cfg := alerting.DefaultDeliveryConfig()
	body, err := json.Marshal(about("evt_bare"))
	if err != nil {
		b.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var sent atomic.Int64
	var senders sync.WaitGroup
	for range min(cfg.Concurrency, cfg.PerEndpoint*endpoints) {
		senders.Go(func() {
			for sent.Add(1) <= int64(n) {
				res, err := client.Post(r.url, "application/cloudevents+json", bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				_ = res.Body.Close()
			}
		})
	}
	senders.Wait()
}

// deliver has events recorded and sent to all endpoints, n deliveries in all.
func (r *fastReceiver) deliver(b *testing.B, n, endpoints int) {
	b.Helper()
	const mostAtOnce = 100
	var eps []barograph.Endpoint
	for i := range endpoints {
		eps = append(eps, hook(fmt.Sprint("ept_", i), fmt.Sprint(r.url, "/", i)))
	}
	db := database(b, subscription("sub_1", eps...))
	d := overHTTP(b, db)
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	for events := n / endpoints; events > 0; {
		var batch []barograph.Event
		for range min(mostAtOnce, events) {
			batch = append(batch, about(fmt.Sprint("evt_", events)))
			events--
		}
		record(b, db, batch...)
		d.Wake()
	}
}
