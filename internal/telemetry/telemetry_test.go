package telemetry_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/telemetry"
)

func TestTextLine(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log, err := telemetry.NewLogger(&b, telemetry.DefaultLogConfig())
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("not shown")
	log.With("component", "probes").WithGroup("target").Warn("target is down",
		"name", "a b", "line", "x\ny", "key", barograph.Secret("hunter2"), "err", errors.New("refused"),
		slog.Group("rtt", "best", 1))
	want := regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d WARN  target is down  component=probes` +
		`  target.name="a b"  target.line="x\\ny"  target.key=<secret>  target.err=refused  target.rtt.best=1\n$`)
	if !want.MatchString(b.String()) {
		t.Errorf("line = %q, want it to match %s", b.String(), want)
	}
}

func TestLogConfig(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "logfmt", "json"} {
		var b bytes.Buffer
		log, err := telemetry.NewLogger(&b, telemetry.LogConfig{Level: "debug", Format: format})
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("hello", "a", 1)
		if !strings.Contains(b.String(), "hello") {
			t.Errorf("%s: nothing logged at debug: %q", format, b.String())
		}
	}
	_, err := telemetry.NewLogger(nil, telemetry.LogConfig{Level: "loud", Format: "xml"})
	if e, ok := errors.AsType[*barograph.Error](err); !ok || len(e.Fields) != 2 {
		t.Errorf("NewLogger(loud, xml) = %v, want both fields named", err)
	}
}

func TestMetricsHandler(t *testing.T) {
	t.Parallel()
	set := metrics.NewSet()
	set.NewCounter("barograph_test_total").Inc()
	rec := httptest.NewRecorder()
	telemetry.MetricsHandler(set).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{"barograph_test_total 1", "process_resident_memory_bytes", "go_goroutines"} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}
