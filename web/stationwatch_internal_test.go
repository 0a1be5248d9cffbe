package web

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestStationsAreAskedOnceInAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		w := &stationWatch{ask: func(context.Context) map[string]string {
			asked.Add(1)
			return map[string]string{"bus": "no answer"}
		}}
		for range 3 {
			if got := failing(w.lately(t.Context(), noteWaits)); got != "The bus is not working" {
				t.Errorf("it says %q", got)
			}
		}
		if got := asked.Load(); got != 1 {
			t.Errorf("asked %d times within a moment", got)
		}
		time.Sleep(stationsLast)
		w.lately(t.Context(), noteWaits)
		if got := asked.Load(); got != 2 {
			t.Errorf("asked %d times after a while, want 2", got)
		}
	})
}

// A station that hangs makes no page wait: what was known last is shown.
func TestSlowStationHoldsUpNoPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := map[string]string{"bus": ""}
		takes := time.Duration(0)
		asked := 0
		w := &stationWatch{ask: func(ctx context.Context) map[string]string {
			asked++
			time.Sleep(takes)
			if ctx.Err() != nil {
				t.Error("who asked first is gone, but others wait")
			}
			return answer
		}}
		w.lately(t.Context(), noteWaits)
		answer, takes = map[string]string{"bus": "gave no answer"}, 2*time.Second
		time.Sleep(stationsLast)
		impatient, leave := context.WithCancel(t.Context())
		for range 5 {
			begin := time.Now()
			if got := failing(w.lately(impatient, noteWaits)); got != "" {
				t.Errorf("it says %q before it can know", got)
			}
			if took := time.Since(begin); took > noteWaits {
				t.Errorf("a page waited for %s", took)
			}
		}
		leave()
		if got := failing(w.lately(t.Context(), settingsPatient)); got != "The bus is not working" || asked != 2 {
			t.Errorf("who has patience is told %q; asked %d times", got, asked)
		}
	})
}

func TestFailingStations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stations map[string]string
		want     string
	}{
		{nil, ""},
		{map[string]string{"bus": "", "ingest": ""}, ""},
		{map[string]string{"bus": "", "config_database": "x"}, "The database is not working"},
		{map[string]string{"bus": "x", "config_database": "x", "ingest": ""}, "2 stations are not working"},
	} {
		if got := failing(c.stations); got != c.want {
			t.Errorf("%v: %q, want %q", c.stations, got, c.want)
		}
	}
}
