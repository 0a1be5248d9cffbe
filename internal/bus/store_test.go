package bus_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/bus"
)

func deps(dir string) bus.Deps {
	return bus.Deps{Dir: dir, Log: slog.New(slog.DiscardHandler)}
}

func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// fill leaves a directory with some events in it.
func fill(t *testing.T, dir string, n int) {
	t.Helper()
	b, err := bus.Open(bus.DefaultConfig(), deps(dir))
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := b.Publish(t.Context(), watchdog(fmt.Sprint("old", i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// works wants a bus that opens, takes an event and hands it over.
func works(t *testing.T, cfg bus.Config, d bus.Deps) {
	t.Helper()
	b, err := bus.Open(cfg, d)
	if err != nil {
		t.Errorf("Open: %v", err)
		return
	}
	defer b.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	came := make(chan struct{}, 100)
	go func() { _ = b.Subscribe(ctx, []string{"*"}, func(barograph.Event) { came <- struct{}{} }) }()
	for i := range 1000 {
		if err := b.Publish(ctx, watchdog(fmt.Sprint("new", i))); err != nil {
			t.Errorf("Publish: %v", err)
			return
		}
		select {
		case <-came:
			return
		default:
		}
	}
	t.Error("no event of 1000 came back")
}

// TestDamage breaks the files in many ways; the bus has to start all the same.
func TestDamage(t *testing.T) {
	t.Parallel()
	damages := map[string]func(rng *rand.Rand, path string, data []byte) error{
		"flipped bit": func(rng *rand.Rand, path string, data []byte) error {
			if len(data) > 0 {
				data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
			}
			return os.WriteFile(path, data, 0o600)
		},
		"cut": func(rng *rand.Rand, path string, data []byte) error {
			return os.WriteFile(path, data[:rng.IntN(len(data)+1)], 0o600)
		},
		"noise": func(rng *rand.Rand, path string, data []byte) error {
			for i := range data {
				data[i] = byte(rng.Uint32())
			}
			return os.WriteFile(path, data, 0o600)
		},
		"empty":   func(_ *rand.Rand, path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) },
		"missing": func(_ *rand.Rand, path string, _ []byte) error { return os.Remove(path) },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for trial := range uint64(3) {
				rng := rand.New(rand.NewPCG(trial, 7))
				dir := filepath.Join(t.TempDir(), "nats")
				fill(t, dir, 10)
				err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
					if err != nil || d.IsDir() {
						return err
					}
					data, err := os.ReadFile(path)
					if err != nil {
						return err
					}
					return damage(rng, path, data)
				})
				if err != nil {
					t.Fatal(err)
				}
				works(t, bus.DefaultConfig(), deps(dir))
			}
		})
	}
}

// TestUnusableStoreIsMovedAside has a file where JetStream wants a directory.
func TestUnusableStoreIsMovedAside(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "nats")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "jetstream"), []byte("not a directory"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	works(t, bus.DefaultConfig(), bus.Deps{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	names := namesIn(t, parent)
	if len(names) != 2 || names[0] != "nats" || !strings.HasPrefix(names[1], "nats.damaged-") {
		t.Fatalf("directories: %q", names)
	}
	kept, err := os.ReadFile(filepath.Join(parent, names[1], "jetstream"))
	if err != nil || string(kept) != "not a directory" {
		t.Errorf("moved aside: %q, %v", kept, err)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), names[1]) {
		t.Errorf("log: %s", log.String())
	}
}

// TestForbiddenDirectory is a mistake of the operator's, no damage.
func TestForbiddenDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	parent := t.TempDir()
	dir := filepath.Join(parent, "nats")
	if err := os.Mkdir(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Open(bus.DefaultConfig(), deps(dir)); err == nil {
		t.Error("opened in a directory that can't be written")
	}
	if names := namesIn(t, parent); len(names) != 1 {
		t.Errorf("directories: %q", names)
	}
}

// TestOldestGoFirst fills a small bus many times over: it never refuses.
func TestOldestGoFirst(t *testing.T) {
	t.Parallel()
	cfg := bus.DefaultConfig()
	cfg.MaxBytes = 1 << 20
	dir := filepath.Join(t.TempDir(), "nats")
	b := open(t, cfg, dir)
	e := watchdog("")
	e.Data.Summary = strings.Repeat("x", 100_000)
	for i := range 50 {
		e.ID = barograph.EventID(fmt.Sprint("evt_", i))
		if err := b.Publish(t.Context(), e); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	works(t, cfg, deps(dir)) // the same limit on what is full
}

// TestLimitsChange opens what was written under larger limits, and smaller ones.
func TestLimitsChange(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	dir := filepath.Join(parent, "nats")
	for _, size := range []int64{64 << 20, 1 << 20, 8 << 20, 0, 1 << 20} {
		cfg := bus.DefaultConfig()
		cfg.MaxBytes = size
		works(t, cfg, deps(dir))
	}
	if names := namesIn(t, parent); len(names) != 1 {
		t.Errorf("directories: %q", names)
	}
}

func TestTooLargeEvent(t *testing.T) {
	b := open(t, bus.DefaultConfig(), filepath.Join(t.TempDir(), "nats"))
	e := watchdog("1")
	e.Data.Summary = strings.Repeat("x", 2<<20)
	if err := b.Publish(t.Context(), e); barograph.KindOf(err) != barograph.KindTooLarge {
		t.Errorf("Publish: %v (%s), want too large", err, barograph.KindOf(err))
	}
	if err := b.Publish(t.Context(), watchdog("2")); err != nil {
		t.Errorf("Publish: %v", err)
	}
}

func BenchmarkPublish(b *testing.B) {
	s := open(b, bus.DefaultConfig(), filepath.Join(b.TempDir(), "nats"))
	e := watchdog("")
	e.Data.Summary = strings.Repeat("x", 300)
	n := 0
	for b.Loop() {
		n++
		e.ID = barograph.EventID(fmt.Sprint("evt_", n))
		if err := s.Publish(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}
