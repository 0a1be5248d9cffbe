package engines_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"

	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/test/harness"
)

// TestInfluxClient writes with InfluxData's own client, as programs do that
// already send to an InfluxDB.
func TestInfluxClient(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, app.Options{Config: harness.Config(), Bare: true})
	client := influxdb2.NewClient(s.URL, s.Token.Reveal())
	defer client.Close()
	if ok, err := client.Ping(t.Context()); !ok || err != nil {
		t.Errorf("Ping = %t, %v", ok, err)
	}
	write := client.WriteAPIBlocking("any", "any")
	err := write.WritePoint(t.Context(), influxdb2.NewPoint("weather",
		map[string]string{"place": "Kap Arkona"}, map[string]any{"temperature": 9.5, "gale": true, "text": "stormy"}, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{`weather_temperature{place="Kap Arkona"}`: "9.5", `weather_gale{place="Kap Arkona"}`: "1"} {
		if got, _ := s.Value(t, query); got != want {
			t.Errorf("%s = %q, want %q", query, got, want)
		}
	}
	if err := write.WriteRecord(t.Context(), "good value=1\nbad-name value=1"); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a refused line gives %v, want it named", err)
	}
	if got, _ := s.Value(t, "good"); got != "1" {
		t.Errorf("the good line beside a bad one was not stored: %q", got)
	}
	s.Call(t, http.MethodGet, "/readyz", s.Token, nil, nil)
}
