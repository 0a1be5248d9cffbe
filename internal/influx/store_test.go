package influx_test

import (
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/influx"
	"github.com/barograph/barograph/internal/influx/influxtest"
	"github.com/barograph/barograph/internal/storetest"
)

func open(tb testing.TB, cfg influx.Config) *influx.Store {
	tb.Helper()
	s, err := influx.New(cfg, influx.Deps{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	server := influxtest.Start(t)
	conform := func(change func(*influx.Config)) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			storetest.Run(t, func(t *testing.T) storetest.Store {
				t.Helper()
				cfg := server.Config(t, 60*barograph.Day)
				change(&cfg)
				return open(t, cfg)
			}, storetest.RefusesOlderThan(90*barograph.Day))
		}
	}
	t.Run("AsItIs", conform(func(*influx.Config) {}))
	t.Run("Gzip", conform(func(cfg *influx.Config) { cfg.Gzip, cfg.BatchSize = true, 100 }))
	if server.Org == "" { // InfluxDB 1.8 does not mind an organization: it is asked as InfluxDB 2 is
		t.Run("Flux", conform(func(cfg *influx.Config) { cfg.Org = "anyone" }))
	}
	t.Run("LargeRead", testLargeRead(server))
	t.Run("Hostile", testHostile(server))
	t.Run("Delete", testDelete(server))
	t.Run("RefusedAlone", testRefusedAlone(server))
}

func TestServer(t *testing.T) {
	server := influxtest.Start(t, influxtest.WithAuth("root"))
	t.Run("Bucket", testBucket(server))
	t.Run("Token", testToken(server))
	t.Run("Batches", testBatches(server))
	t.Run("CreateBucket", testCreateBucket(server))
	t.Run("MayNotCreate", testMayNotCreate(server))
}

func testBucket(server *influxtest.Server) func(*testing.T) {
	return func(t *testing.T) {
		cfg := server.Config(t, 0)
		if err := open(t, cfg).Healthy(t.Context()); err != nil {
			t.Errorf("Healthy: %v", err)
		}
		cfg.Bucket = "nowhere"
		store := open(t, cfg)
		if err := store.Healthy(t.Context()); barograph.KindOf(err) != barograph.KindNotFound {
			t.Errorf("Healthy without bucket: %v (%s)", err, barograph.KindOf(err))
		}
		if err := store.Write(t.Context(), []barograph.Sample{sample("a", 1)}); barograph.KindOf(err) != barograph.KindUnavailable {
			t.Errorf("Write without bucket: %v (%s)", err, barograph.KindOf(err))
		}
	}
}

func testToken(server *influxtest.Server) func(*testing.T) {
	return func(t *testing.T) {
		cfg := server.Config(t, 0)
		store := open(t, cfg)
		if err := store.Healthy(t.Context()); err != nil {
			t.Errorf("Healthy: %v", err)
		}
		if err := store.Write(t.Context(), []barograph.Sample{sample("a", 1)}); err != nil {
			t.Errorf("Write: %v", err)
		}
		for _, token := range []barograph.Secret{"", "root:wrong", "nobody:secret", "nonsense"} {
			cfg.Token = token
			store := open(t, cfg)
			if err := store.Healthy(t.Context()); barograph.KindOf(err) != barograph.KindUnauthorized {
				t.Errorf("Healthy with token %q: %v (%s)", token.Reveal(), err, barograph.KindOf(err))
			}
			err := store.Write(t.Context(), []barograph.Sample{sample("a", 1)})
			if barograph.KindOf(err) != barograph.KindUnavailable {
				t.Errorf("Write with token %q: %v (%s)", token.Reveal(), err, barograph.KindOf(err))
			}
			if token != "" && err != nil && strings.Contains(err.Error(), token.Reveal()) {
				t.Errorf("%v shows the token", err)
			}
		}
	}
}

// testBatches has a write split into many requests.
func testBatches(server *influxtest.Server) func(*testing.T) {
	return func(t *testing.T) {
		cfg := server.Config(t, 0)
		cfg.BatchSize = 7
		store := open(t, cfg)
		var batch []barograph.Sample
		for i := range 100 {
			s := sample("a", float64(i))
			s.UnixMilli -= int64(i)
			batch = append(batch, s)
		}
		if err := store.Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		selector, err := barograph.ParseSelector("m")
		if err != nil {
			t.Fatal(err)
		}
		got, err := store.Select(t.Context(), barograph.Query{Selector: selector, From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Minute)})
		if err != nil || len(got) != 1 || len(got[0].Points) != len(batch) {
			t.Errorf("%d series, %v", len(got), err)
		}
	}
}
