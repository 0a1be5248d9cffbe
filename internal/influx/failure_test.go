package influx_test

import (
	"errors"
	"io"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/influx"
	"github.com/barograph/barograph/internal/influx/influxtest"
)

// expectHealth wants the store unwell of this kind, in words that hold all these.
func expectHealth(t *testing.T, store *influx.Store, kind barograph.Kind, words ...string) {
	t.Helper()
	expectError(t, store.Healthy(t.Context()), kind, words...)
}

func expectError(t *testing.T, err error, kind barograph.Kind, words ...string) {
	t.Helper()
	if err == nil || barograph.KindOf(err) != kind {
		t.Errorf("%v (%s), want %s", err, barograph.KindOf(err), kind)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v, want %q in it", err, word)
		}
	}
}

// recent chooses what sample makes, around now.
func recent(matchers ...barograph.Matcher) barograph.Query {
	return barograph.Query{
		Selector: barograph.Selector{Metric: "m", Matchers: matchers}, From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour),
	}
}

func read(t *testing.T, store *influx.Store) []barograph.SeriesPoints {
	t.Helper()
	found, err := store.Select(t.Context(), recent())
	if err != nil {
		t.Errorf("Select: %v", err)
	}
	return found
}

// TestAwayAndBack ends the server in the middle of everything, and starts it again.
func TestAwayAndBack(t *testing.T) {
	t.Parallel()
	server := influxtest.Start(t)
	cfg := server.Config(t, 0)
	if server.Process == nil {
		t.Skip("only a server that the test started can be ended")
	}
	server.Process.Kill()
	store := open(t, cfg) // away at start
	expectHealth(t, store, barograph.KindUnavailable, cfg.URL, "can't be reached")
	expectError(t, store.Write(t.Context(), []barograph.Sample{sample("a", 1)}), barograph.KindUnavailable, "can't be reached")
	_, _, err := store.Series(t.Context(), barograph.SeriesQuery{From: time.Now().Add(-time.Hour), To: time.Now()})
	expectError(t, err, barograph.KindUnavailable, "can't be reached")

	server.Process.Start(t)
	if err := store.Healthy(t.Context()); err != nil {
		t.Errorf("Healthy once the server is there: %v", err)
	}
	if err := store.Write(t.Context(), []barograph.Sample{sample("a", 2)}); err != nil {
		t.Errorf("Write once the server is there: %v", err)
	}

	server.Process.Kill() // away later
	expectHealth(t, store, barograph.KindUnavailable, "can't be reached")
	expectError(t, store.Write(t.Context(), []barograph.Sample{sample("a", 3)}), barograph.KindUnavailable)
	server.Process.Start(t)
	if found := read(t, store); len(found) != 1 || len(found[0].Points) != 1 || found[0].Points[0].Value != 2 {
		t.Errorf("what was acknowledged came back as %v", found)
	}
}

func TestFluxDisabled(t *testing.T) {
	t.Parallel()
	store := open(t, influxtest.Start(t, influxtest.WithoutFlux()).Config(t, 0))
	expectHealth(t, store, barograph.KindConflict, "set flux-enabled = true in the [http] section")
	_, _, err := store.Series(t.Context(), barograph.SeriesQuery{From: time.Now().Add(-time.Hour), To: time.Now()})
	expectError(t, err, barograph.KindUnavailable, "flux-enabled")
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	cfg := influxtest.Start(t, influxtest.WithDisk(1<<20)).Config(t, 0)
	store := open(t, cfg)
	var stored int
	var err error
	now := time.Now().UnixMilli()
	for i := 0; err == nil && i < 1000; i++ {
		batch := make([]barograph.Sample, 1000)
		for j := range batch {
			batch[j] = sample("a", float64(i)/float64(j+1))
			batch[j].UnixMilli = now - int64(i*len(batch)+j)
		}
		if err = store.Write(t.Context(), batch); err == nil {
			stored += len(batch)
		}
	}
	expectError(t, err, barograph.KindUnavailable, "the disk of InfluxDB is full", "make room there")
	points := 0
	for _, sp := range read(t, store) {
		points += len(sp.Points)
	}
	if stored == 0 || points < stored {
		t.Errorf("%d points were acknowledged, and %d can be read", stored, points)
	}
}

// TestOtherServers has the wrong thing at the address.
func TestOtherServers(t *testing.T) {
	for name, tt := range map[string]struct {
		version, org string
		status       int
		words        []string
	}{
		"a page for everything":  {status: http.StatusOK, words: []string{"is no InfluxDB", "store.influxdb.url"}},
		"nothing":                {status: http.StatusNotFound, words: []string{"is no InfluxDB", "store.influxdb.url"}},
		"InfluxDB 3":             {version: "3.0.1", status: http.StatusOK, words: []string{"InfluxDB 3.0.1", "version 2"}},
		"InfluxDB 1.7":           {version: "1.7.11", status: http.StatusNoContent, words: []string{"InfluxDB 1.7.11", "1.8"}},
		"InfluxDB 2 without org": {version: "v2.7.1", status: http.StatusNoContent, words: []string{"v2.7.1", "set store.influxdb.org"}},
		"InfluxDB 1.8 with org":  {version: "1.8.10", org: "acme", status: http.StatusNoContent, words: []string{`store.influxdb.org, which is "acme", empty`}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := fake(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.version != "" {
					w.Header().Set("X-Influxdb-Version", tt.version)
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, "<html>hello")
			})
			cfg.Org = tt.org
			expectHealth(t, open(t, cfg), barograph.KindConflict, tt.words...)
		})
	}
	t.Run("samples are not lost in a page", func(t *testing.T) {
		store := open(t, fake(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>hello") }))
		err := store.Write(t.Context(), []barograph.Sample{sample("a", 1)})
		expectError(t, err, barograph.KindUnavailable, "answers 200 OK to samples", "store.influxdb.url")
	})
}

// testCreateBucket has a database and a retention policy made when they are needed.
func testCreateBucket(server *influxtest.Server) func(*testing.T) {
	return func(t *testing.T) {
		known := server.Config(t, 0)
		database, _ := path.Split(known.Bucket)
		for name, bucket := range map[string]string{
			"database and policy": strings.TrimSuffix(database, "/") + "_new/short", "policy": database + "short",
			"database": strings.TrimSuffix(database, "/") + "_plain", "strange": strings.TrimSuffix(database, "/") + `_"; x/a"b`,
		} {
			t.Run(name, func(t *testing.T) {
				cfg := known
				cfg.Bucket = bucket
				expectHealth(t, open(t, cfg), barograph.KindNotFound, "has no bucket "+bucket, "store.influxdb.create_bucket: true")
				cfg.CreateBucket, cfg.Retention = true, barograph.Duration(2*time.Hour)
				store := open(t, cfg)
				old := sample("b", 2)
				old.UnixMilli -= (30 * barograph.Day).Milliseconds()
				err := store.Write(t.Context(), []barograph.Sample{sample("a", 1), old})
				if _, partial := errors.AsType[*barograph.PartialError](err); !partial {
					t.Errorf("Write: %v, want the sample refused that is older than the retention", err)
				}
				if found := read(t, store); len(found) != 1 {
					t.Errorf("read %v", found)
				}
				if err := store.Healthy(t.Context()); err != nil {
					t.Errorf("Healthy: %v", err)
				}
			})
		}
	}
}

func testMayNotCreate(server *influxtest.Server) func(*testing.T) {
	return func(t *testing.T) {
		cfg := server.Config(t, 0)
		database, _ := path.Split(cfg.Bucket)
		cfg.Token = server.AddUser(t, "humble", strings.TrimSuffix(database, "/"))
		if err := open(t, cfg).Healthy(t.Context()); err != nil {
			t.Errorf("Healthy: %v", err)
		}
		cfg.Bucket, cfg.CreateBucket = "elsewhere", true
		expectHealth(t, open(t, cfg), barograph.KindForbidden, "has no bucket elsewhere", "the token may not make it")
	}
}
