package load_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promtsdb"
	"github.com/barograph/barograph/test/harness"
)

// sizing measures what a server on its embedded store takes of a machine.
func (c *comparison) sizing(t *testing.T) {
	t.Helper()
	t.Run("series", c.sizeSeries)
	t.Run("agents", c.sizeAgents)
	t.Run("disk", c.sizeDisk)
}

// sizeSeries sends an hour of 100,000 series, a sample a minute each.
func (c *comparison) sizeSeries(t *testing.T) {
	t.Helper()
	const series, steps = 100_000, 60
	installed := &harness.Installation{Program: c.program, Dir: t.TempDir(), Config: config}
	p := installed.Start(t)
	empty := usage(t, p.PID())
	client, header := &http.Client{}, withKey(http.Header{}, p)
	start := time.Now().Add(-57 * time.Minute) // what is an hour older than the newest comes late
	for step := range steps {
		at := start.Add(time.Duration(step) * time.Minute).UnixMilli()
		var text []byte
		for n := range series {
			text = fmt.Appendf(text, "cpu,cpu=cpu%d,host=host-%05d,region=eu usage_idle=%.1f %d\n", n%10, n/10, valueAt(n, step), at)
			if (n+1)%*lineCount == 0 {
				if err := postBody(t, client, p.URL+"/api/v2/write?precision=ms", header, text); err != nil {
					t.Fatal(err)
				}
				text = text[:0]
			}
		}
	}
	u, millions := usage(t, p.PID()), float64(series*steps)/1e6
	c.note(fmt.Sprintf("%d series, %d samples each: RSS", series, steps), []float64{float64(u.RSS) / 1e6, float64(u.PeakRSS) / 1e6}, " MB")
	c.note("  of it an empty server's", []float64{float64(empty.RSS) / 1e6}, " MB")
	c.note("  CPU", []float64{(u.CPU - empty.CPU).Seconds() / millions}, " s/million")
	c.note("  log and head on disk, for a sample", []float64{float64(sizeOfFiles(t, filepath.Join(installed.Dir, "series"))) / float64(series*steps)}, " bytes")
}

// sizeAgents has small messages sent, as agents do.
func (c *comparison) sizeAgents(t *testing.T) {
	t.Helper()
	const hosts, each, minutes = 500, 100, 20
	p := c.barograph(t, config)
	client, header := &http.Client{}, withKey(http.Header{}, p)
	before, began := usage(t, p.PID()).CPU, time.Now()
	start := began.Add(-minutes * time.Minute)
	for minute := range minutes {
		at := start.Add(time.Duration(minute) * time.Minute).UnixMilli()
		for host := range hosts {
			var text []byte
			for n := range each {
				text = fmt.Appendf(text, "m%02d,host=host-%05d,region=eu value=%.1f %d\n", n, host, valueAt(n+host, minute), at)
			}
			if err := postBody(t, client, p.URL+"/api/v2/write?precision=ms", header, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	cpu := (usage(t, p.PID()).CPU - before).Seconds()
	c.note(fmt.Sprintf("messages of %d samples, one after the other", each), []float64{hosts * minutes / time.Since(began).Seconds()}, " a second")
	c.note("  CPU for each", []float64{cpu * 1e6 / (hosts * minutes)}, " µs")
}

// sizeDisk measures how large samples are in blocks, where they are kept, by
// what their values are like.
func (c *comparison) sizeDisk(t *testing.T) {
	t.Helper()
	for name, value := range map[string]func(series, step int) float64{
		"constant":              func(n, _ int) float64 { return float64(n) },
		"three digits, wander":  valueAt,
		"all digits, at random": func(n, step int) float64 { return math.Mod(math.Sin(float64(n*1000+step))*1e4, 1) },
	} {
		const series, steps = 2000, 60 * 48
		store, dir := openIn(t)
		f, start := newFleet(), time.Now().Add(-steps*time.Minute)
		for first := 0; first < steps; first += 30 {
			var batch []barograph.Sample
			for step := first; step < first+30; step++ {
				for n := range series {
					batch = append(batch, barograph.Sample{Series: f.known[n], UnixMilli: start.Add(time.Duration(step) * time.Minute).UnixMilli(), Value: value(n, step)})
				}
			}
			if err := store.Write(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		samples, size := blocks(t, store, dir)
		c.note("bytes for a sample in a block: "+name, []float64{float64(size) / float64(samples)}, "")
	}
}

func openIn(t *testing.T) (store *promtsdb.Store, dir string) {
	t.Helper()
	dir = t.TempDir()
	cfg := promtsdb.DefaultConfig()
	cfg.Durability = promtsdb.DurabilityOS
	store, err := promtsdb.Open(cfg, promtsdb.Deps{
		Dir: dir, Logger: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), Clock: barograph.WallClock{},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // its directory goes, too
	return store, dir
}

// blocks has what is old enough written as blocks, and returns how many samples
// they hold, in how many bytes.
func blocks(t *testing.T, store *promtsdb.Store, dir string) (samples, size int64) {
	t.Helper()
	if err := store.Settle(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	metas, err := filepath.Glob(filepath.Join(dir, "*", "meta.json"))
	if err != nil || len(metas) == 0 {
		t.Fatal("no blocks", err)
	}
	for _, name := range metas {
		text, err := os.ReadFile(name)
		var meta struct{ Stats struct{ NumSamples int64 } }
		if err == nil {
			err = json.Unmarshal(text, &meta)
		}
		if err != nil {
			t.Fatal(err)
		}
		samples += meta.Stats.NumSamples
		size += sizeOfFiles(t, filepath.Dir(name))
	}
	return samples, size
}

// sizeOfFiles returns what the files of a folder take.
func sizeOfFiles(t *testing.T, folder string) (size int64) {
	t.Helper()
	err := filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		// What is set aside for a log and not written yet takes no room.
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			size += stat.Blocks * 512
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}
