package promremote_test

import (
	"testing"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promremote/promremotetest"
	"github.com/barograph/barograph/internal/storetest"
)

func TestVictoriaMetrics(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		t.Helper()
		server := promremotetest.VictoriaMetrics(t)
		cfg := server.Config()
		cfg.Retention = barograph.Duration(60 * barograph.Day)
		return server.Open(t, cfg)
	}, storetest.Rounds(1e-11), storetest.RegexpsMiss("\x00"), storetest.RefusesOlderThan(90*barograph.Day))
}

func TestPrometheus(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		t.Helper()
		server := promremotetest.Prometheus(t)
		return server.Open(t, server.Config())
	})
}
