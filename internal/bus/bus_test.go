package bus_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/bus"
	"github.com/barograph/barograph/internal/bustest"
)

func open(tb testing.TB, cfg bus.Config, dir string) *bus.Bus {
	tb.Helper()
	b, err := bus.Open(cfg, bus.Deps{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.Close() })
	return b
}

func TestConformance(t *testing.T) {
	bustest.Run(t, func(t *testing.T, dir string) bustest.Bus {
		t.Helper()
		return open(t, bus.DefaultConfig(), filepath.Join(dir, "nats"))
	})
}

func watchdog(n string) barograph.Event {
	return barograph.Event{ID: barograph.EventID("evt_" + n), Type: barograph.EventWatchdog}
}
