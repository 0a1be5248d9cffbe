package alerting_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/internal/configdb"
)

// Help for the tests of sending.

// TestMain makes a summary before any test: the first of a process starts a
// goroutine that never ends, which must not be within a test's synctest bubble.
func TestMain(m *testing.M) {
	metrics.NewSet().NewSummary("before_all_tests")
	m.Run()
}

// loopback is a configuration that reaches the tests' own servers.
func loopback() alerting.DeliveryConfig {
	cfg := alerting.DefaultDeliveryConfig()
	cfg.AllowHTTP, cfg.AllowNetworks = true, []string{"127.0.0.0/8", "::1"}
	return cfg
}

func notifiers(t *testing.T, cfg alerting.DeliveryConfig, reach alerting.Reach) map[barograph.EndpointKind]alerting.Notifier {
	t.Helper()
	n, err := alerting.NewNotifiers(cfg, alerting.NotifierDeps{Reach: reach})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// noon is a Wednesday.
func noon() time.Time { return time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC) }

// opened is the event of a disk that will be full.
func opened(id string) barograph.Event {
	value := 0.782
	said := barograph.Announcement{
		At: noon(), Value: value, Probability: 0.82, Reason: "it rose by 0.4 % an hour for the last 9 days",
		ETA: barograph.ETA{
			Early: noon().Add(26 * time.Hour), Median: noon().Add(31 * time.Hour), Late: noon().Add(45 * time.Hour),
		},
	}
	series := barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": "db1", "mount": "/", "device": "sda1"})}
	return barograph.Event{
		ID: barograph.EventID(id), Type: barograph.EventPredictionOpened, Time: noon(), Subject: series.String(),
		Severity: barograph.SeverityWarning, Labels: series.Labels.With("rule", "disk full"),
		Data: barograph.EventData{
			Summary:     "disk full on db1 (mount=/): above 90 % expected in 31 h (Thu 14:00 – Fri 09:00 UTC), 82 % sure; now 78.2 %",
			Annotations: map[string]string{"runbook": "https://wiki.example.com/disk", "owner": "storage team"},
			Rule:        &barograph.RuleRef{ID: "rul_1", Name: "disk full", Operator: barograph.Above, Limit: 0.9, Horizon: barograph.Duration(3 * barograph.Day)},
			Value:       &value,
			Prediction: &barograph.Prediction{
				ID: "prd_1", RuleID: "rul_1", RuleName: "disk full", Series: series, Severity: barograph.SeverityWarning,
				State: barograph.PredictionOpen, OpenedAt: noon(), First: said, Latest: said,
			},
		},
	}
}

func hook(id, url string) barograph.Endpoint {
	return barograph.Endpoint{
		ID: barograph.EndpointID(id), Kind: barograph.EndpointWebhook, URL: url, Secret: alerting.NewWebhookSecret(),
	}
}

func subscription(id string, eps ...barograph.Endpoint) barograph.Subscription {
	return barograph.Subscription{ID: barograph.SubscriptionID(id), Name: id, Enabled: true, Endpoints: eps}
}

// database returns a real one with the subscriptions in it.
func database(tb testing.TB, subs ...barograph.Subscription) *configdb.DB {
	tb.Helper()
	db, err := configdb.Open(tb.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	for _, s := range subs {
		if err := db.CreateSubscription(tb.Context(), s); err != nil {
			tb.Fatal(err)
		}
	}
	return db
}

// quietDeps report to nobody.
func quietDeps() alerting.DispatcherDeps {
	return alerting.DispatcherDeps{Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet()}
}

// start runs until the returned function is called, and at most until the test ends.
func start(t *testing.T, d *alerting.Dispatcher) (stop func()) {
	t.Helper()
	return startRun(t, d.Run)
}

func handler(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func startRun(tb testing.TB, run func(context.Context) error) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("run: %v", err)
		}
	})
	tb.Cleanup(stop)
	return stop
}

var errTestOver = errors.New("the test's time is over")

// mostBusy is when a try that the test ended is over, on a machine that is busy
// too: by itself it would take longer.
const mostBusy = 8 * time.Second

func contextWithin(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeoutCause(t.Context(), d, errTestOver)
}

// hostileTCP returns the port of a server that accepts and says nothing.
func hostileTCP(t *testing.T) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return portOf(t, l)
}

func portOf(t *testing.T, l net.Listener) int {
	t.Helper()
	at, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return int(at.Port())
}
