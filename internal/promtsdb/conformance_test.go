package promtsdb_test

import (
	"testing"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/storetest"
)

func TestConformance(t *testing.T) {
	open := func(t *testing.T) storetest.Store {
		t.Helper()
		return openStore(t, t.TempDir(), nil)
	}
	storetest.Run(t, open, storetest.RefusesOlderThan(401*barograph.Day))
}
