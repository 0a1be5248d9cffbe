package load_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/test/harness"
)

// latency measures the way from a sample that crosses a limit to the webhook.
func (b *bench) latency(t *testing.T) {
	const crossings = 500
	p := b.install(t).Start(t)
	c := newCrosser(t, &p.Server)
	var took []time.Duration
	for range crossings {
		took = append(took, c.cross(t))
	}
	slices.Sort(took)
	p99 := took[crossings*99/100]
	b.table.row("sample to webhook, 500 crossings: median", fmt.Sprintf("%.1f ms", millis(took[crossings/2])), "", true)
	b.table.row("  p99", fmt.Sprintf("%.1f ms", millis(p99)), "≤ 300 ms", p99 <= 300*time.Millisecond)
	b.table.row("  worst", fmt.Sprintf("%.1f ms", millis(took[crossings-1])), "", true)
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// BenchmarkCrossing measures the same against a server in this process.
func BenchmarkCrossing(b *testing.B) {
	cfg := harness.Config()
	cfg.API.RequestsPerSecond, cfg.API.Burst = 1e6, 1e6
	c := newCrosser(b, harness.Start(b, app.Options{Config: cfg, Bare: true}))
	for b.Loop() {
		c.cross(b)
	}
}

// crosser has limits crossed, each on a series of its own.
type crosser struct {
	srv      *harness.Server
	receiver *harness.Receiver
	count    int
}

func newCrosser(tb testing.TB, srv *harness.Server) *crosser {
	tb.Helper()
	srv.Call(tb, http.MethodPost, "/api/v1/rules", srv.Token, map[string]any{
		"name": "too hot", "series": "temperature", "operator": ">", "limit": 50, "for": "0s", "horizon": "0s", "severity": "critical",
	}, nil)
	return &crosser{srv: srv, receiver: srv.Subscribe(tb)}
}

// cross returns how long the news of one crossing took, from before its sample
// was sent.
func (c *crosser) cross(tb testing.TB) time.Duration {
	tb.Helper()
	room := fmt.Sprint("r", c.count)
	c.count++
	sent := time.Now()
	c.srv.Call(tb, http.MethodPost, "/api/submit", c.srv.Token, map[string]any{
		"field": "temperature", "value": 60, "labels": map[string]string{"room": room},
	}, nil)
	deadline := sent.Add(10 * time.Second)
	for seen := 0; ; time.Sleep(time.Millisecond) {
		events := c.receiver.Events()
		for ; seen < len(events); seen++ {
			if events[seen].Event.Labels.Get("room") == room {
				return events[seen].At.Sub(sent)
			}
		}
		if time.Now().After(deadline) {
			tb.Fatalf("no event for %s within 10 s", room)
		}
	}
}
