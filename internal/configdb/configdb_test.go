package configdb_test

import (
	"testing"

	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/dbtest"
)

var _ dbtest.Database = (*configdb.DB)(nil)

func TestConformance(t *testing.T) {
	dbtest.Run(t, func(tb testing.TB) dbtest.Database {
		tb.Helper()
		return openIn(tb, tb.TempDir())
	})
}

// openIn opens the database of the directory and closes it when the test ends.
func openIn(tb testing.TB, dir string) *configdb.DB {
	tb.Helper()
	db, err := configdb.Open(tb.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: dir})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}
