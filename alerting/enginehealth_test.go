package alerting_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// hanging is a database that does not answer while it is told so.
type hanging struct {
	*fragile

	gate chan struct{} // holds one unless it hangs
}

func (h hanging) pass() {
	<-h.gate
	h.gate <- struct{}{}
}

func (h hanging) Rules(ctx context.Context, p barograph.Page) ([]barograph.Rule, error) {
	h.pass()
	return h.fragile.Rules(ctx, p)
}

func TestEngineHealth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := hanging{&fragile{DB: database(t)}, make(chan struct{}, 1)}
		db.gate <- struct{}{}
		if err := db.CreateRule(t.Context(), diskRule()); err != nil {
			t.Fatal(err)
		}
		e, err := alerting.NewEngine(t.Context(), alerting.DefaultConfig(), alerting.EngineOptions{
			Store: db, Reader: noSamples{}, Clock: barograph.WallClock{}, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), Recorded: func() {},
		})
		if err != nil {
			t.Fatal(err)
		}
		stop := startRun(t, e.Run)
		healthy := func(when, want string) {
			t.Helper()
			if err := e.Healthy(t.Context()); want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
				t.Errorf("%s: %v, want %q", when, err, want)
			}
		}
		healthy("at the start", "")
		time.Sleep(10 * time.Minute)
		healthy("after ten minutes", "")

		db.fail(errDown, nil)
		time.Sleep(25 * time.Second) // rules are read every 15
		healthy("shortly after the database went away", "")
		time.Sleep(25 * time.Second)
		healthy("long after the database went away", "judging and recording: has failed for ")
		if err := e.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), "read rules: "+errDown.Error()) {
			t.Errorf("long after the database went away: %v", err)
		}
		db.fail(nil, nil)
		time.Sleep(16 * time.Second)
		healthy("when the database is back", "")

		db.fail(nil, func(barograph.Change) error { return errDown })
		e.Observe([]barograph.Sample{{Series: disk("db-1"), UnixMilli: time.Now().UnixMilli(), Value: .95}})
		time.Sleep(29 * time.Second)
		healthy("when recording has failed a little", "")
		time.Sleep(3 * time.Second)
		healthy("when recording fails", "judging and recording: has failed for 3")
		db.fail(nil, nil)
		time.Sleep(2 * time.Second)
		healthy("when events are recorded again", "")

		<-db.gate
		time.Sleep(29 * time.Second)
		healthy("when the database has hung a little", "")
		time.Sleep(30 * time.Second)
		healthy("when the database hangs", "judging and recording: no round was completed for ")
		db.gate <- struct{}{}
		synctest.Wait()
		healthy("when it hangs no more", "")
		stop()
	})
}
