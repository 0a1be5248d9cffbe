package configdb_test

import (
	"regexp"
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

// TestConformanceTwice runs each transaction twice: what it does depends on the
// database alone, or the second run would find what the first one left. Where many
// write at once, nobody knows whose turn it is to run again.
func TestConformanceTwice(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(tb testing.TB) dbtest.Database {
		tb.Helper()
		db := openIn(tb, tb.TempDir())
		if crowded := regexp.MustCompile("SideBySide|Concurrency|UnderLoad|ByTwo"); !crowded.MatchString(tb.Name()) {
			configdb.Rehearse(db)
		}
		return db
	})
}

func TestSharedConformance(t *testing.T) {
	dbtest.RunServers(t, func(tb testing.TB) (one, two dbtest.Database) {
		tb.Helper()
		dir := tb.TempDir()
		return openIn(tb, dir), openIn(tb, dir)
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
