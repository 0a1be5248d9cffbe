package promtsdb_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promtsdb"
)

// movingClock shows what the test sets.
type movingClock struct {
	barograph.WallClock

	now time.Time
}

func (c *movingClock) Now() time.Time { return c.now }

func deps(dir string) promtsdb.Deps {
	return promtsdb.Deps{Dir: dir, Logger: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), Clock: barograph.WallClock{}}
}

// openStore opens a store that is closed when the test ends. change may be nil.
func openStore(tb testing.TB, dir string, change func(*promtsdb.Config, *promtsdb.Deps)) *promtsdb.Store {
	tb.Helper()
	cfg := promtsdb.DefaultConfig()
	cfg.MinFreeSpace = 0
	d := deps(dir)
	if change != nil {
		change(&cfg, &d)
	}
	s, err := promtsdb.Open(cfg, d)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return s
}
