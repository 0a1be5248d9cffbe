package probes_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/probes"
)

// healthy checks what the scheduler says of itself, "" is that it works.
func (b *bench) healthy(t *testing.T, when, want string) {
	t.Helper()
	synctest.Wait()
	err := b.scheduler.Healthy(t.Context())
	if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
		t.Errorf("%s: %v, want %q", when, err, want)
	}
}

func TestHealthOfIdleAndBusySchedulers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		targets []barograph.Target
		places  int
	}{
		"no target": {places: 10}, "rare": {many(1, time.Hour), 10}, "busy": {many(100, 10*time.Second), 10},
		"too busy": {many(10, time.Second), 1}, // places are never free, but rounds end
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cfg := probes.DefaultConfig()
				cfg.Concurrency = c.places
				b := start(t, cfg, newScript(500*time.Millisecond), c.targets...)
				for range 10 {
					b.healthy(t, "while all is well", "")
					time.Sleep(100*time.Second + 7*time.Millisecond)
				}
				b.stop()
			})
		})
	}
}

func TestHealthWithoutDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, probes.DefaultConfig(), newScript(0), many(3, time.Second)...)
		time.Sleep(time.Minute)
		b.targets.set(errors.New("the disk is full"))
		time.Sleep(20 * time.Second)
		b.healthy(t, "a short while", "")
		time.Sleep(20 * time.Second)
		b.healthy(t, "long", "scheduling probes: has failed for 40s: read targets: the disk is full")
		b.targets.set(nil, many(3, time.Second)...)
		time.Sleep(31 * time.Second)
		b.healthy(t, "again", "")
		b.stop()
	})
}

func TestHealthWithoutStore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		hang bool
		want string
	}{
		"away":    {err: barograph.Errorf(barograph.KindUnavailable, "no space"), want: "no space"},
		"hanging": {hang: true, want: "the store gave no answer within 30s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := start(t, probes.DefaultConfig(), newScript(0), many(3, time.Second)...)
				time.Sleep(time.Minute)
				b.store.set(c.err, c.hang)
				time.Sleep(25 * time.Second)
				b.healthy(t, "a short while", "")
				time.Sleep(95 * time.Second)
				b.healthy(t, "long", "writing the samples of probes: has failed for ")
				if err := b.scheduler.Healthy(t.Context()); err == nil || !strings.HasSuffix(err.Error(), ": "+c.want) {
					t.Errorf("long: %v, want %q", err, c.want)
				}
				b.store.set(nil, false)
				time.Sleep(time.Minute)
				b.healthy(t, "again", "")
				b.stop()
			})
		})
	}
}

func TestHealthOfRoundsThatNeverEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := probes.DefaultConfig()
		cfg.Concurrency = 2
		b := start(t, cfg, newScript(10*time.Minute), many(2, time.Second)...)
		time.Sleep(50 * time.Second)
		b.healthy(t, "a short while", "")
		time.Sleep(2 * time.Minute)
		b.healthy(t, "long", "scheduling probes: has failed for ")
		if err := b.scheduler.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), "none of the 2 rounds that may run at once has ended for 2m") {
			t.Errorf("long: %v", err)
		}
		time.Sleep(8 * time.Minute)
		b.healthy(t, "when they ended after all", "")
		b.stop()
	})
}
