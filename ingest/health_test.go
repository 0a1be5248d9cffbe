package ingest_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/ingest"
	"github.com/barograph/barograph/internal/wire"
)

// sickDatabase fails or hangs as it is told.
type sickDatabase struct {
	mu   sync.Mutex
	err  error
	hang chan struct{}
}

func (d *sickDatabase) set(err error, hang chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err, d.hang = err, hang
}

func (d *sickDatabase) MarkSeen(context.Context, map[barograph.HostID]time.Time) error {
	d.mu.Lock()
	err, hang := d.err, d.hang
	d.mu.Unlock()
	if hang != nil {
		<-hang
	}
	return err
}

func (d *sickDatabase) SetCheckStatuses(context.Context, barograph.HostID, []barograph.CheckStatus) error {
	return nil
}

func TestHealth(t *testing.T) {
	t.Parallel()
	isHeardOf := func(in *ingest.Ingest) { send(in.Samples(), hostA, wire.SamplesPath, []byte(`{"samples":[]}`)) }
	synctest.Test(t, func(t *testing.T) {
		db := &sickDatabase{}
		in, err := ingest.New(ingest.DefaultConfig(), ingest.Options{
			Hosts: db, Clock: barograph.WallClock{}, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- in.Run(ctx) }()
		healthy := func(when, want string) {
			t.Helper()
			isHeardOf(in)
			synctest.Wait()
			if err := in.Healthy(ctx); want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
				t.Errorf("%s: %v, want %q", when, err, want)
			}
		}
		healthy("at the start", "")
		time.Sleep(10*time.Minute + 2*time.Second) // between two rounds, as all that follows
		healthy("after ten idle minutes", "")
		db.set(errors.New("the disk is full"), nil)
		time.Sleep(20 * time.Second)
		healthy("when it has failed a little", "")
		time.Sleep(20 * time.Second)
		healthy("when it has failed for long", "noting down which hosts were heard of: has failed for 3")
		db.set(nil, nil)
		time.Sleep(5 * time.Second)
		healthy("when the database is back", "")
		hang := make(chan struct{})
		db.set(nil, hang)
		time.Sleep(20 * time.Second)
		healthy("when the database hangs a little", "")
		time.Sleep(20 * time.Second)
		healthy("when the database hangs", "noting down which hosts were heard of: no round was completed for 4")
		close(hang)
		synctest.Wait()
		healthy("when the database hangs no more", "")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
