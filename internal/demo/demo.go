// Package demo is a fleet of twelve simulated servers, six targets that are pinged
// and one whose certificate is looked at, that shows in a minute what Barograph does in weeks. Only the samples are made up: they are sent
// over HTTP with real keys, by a clock that runs an hour a second, and what
// comes back are real events, received as real signed webhooks. A second receiver
// is broken, so that one sees how the server tries again and in the end gives up.
// When that story is told the fleet lives on, as long as anybody looks: at nearly
// any time something is about to break.
//
//	clock := demo.NewClock(time.Now(), demo.Speed)   // the server's clock
//	receiver, err := demo.NewReceiver(ctx, os.Stdout)
//	broken, err := demo.NewBroken(ctx)
//	d := demo.New(demo.Options{Server: url, Token: token, Clock: clock, Receiver: receiver, Broken: broken, …})
//	err = d.Run(ctx)                                  // while the server and both receivers run
//
// The samples are the same each time, but for the moment of the day at which
// the story begins.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/wire"
)

const (
	// Speed is how fast the demo's clock runs: an hour a second.
	Speed = 3600
	// History is how long the fleet has been watched before the clock starts.
	History = 30 * barograph.Day
	// Interval is how often the servers are measured.
	Interval = 10 * time.Minute
)

// Options are what a Demo works with.
type Options struct {
	Server   string           // address of the API, as http://127.0.0.1:10130
	Token    barograph.Secret // of an operator or admin
	Clock    *Clock
	Receiver *Receiver
	Broken   *Broken
	Client   *http.Client
	Out      io.Writer
}

// Demo plays the story on a running server.
type Demo struct {
	Options

	begin time.Time
	fleet []simHost
	paths []simPath
	shop  *door
	keys  map[string]barograph.Secret

	sound, broken subscription

	telling sync.Mutex
	told    int // tries of the broken receiver
}

// New returns a demo whose story begins at the clock's present time.
func New(opts Options) *Demo {
	d := &Demo{Options: opts, begin: opts.Clock.Now(), fleet: newFleet(), paths: newPaths(), keys: map[string]barograph.Secret{}}
	opts.Receiver.Heard = d.heard
	return d
}

// Run enrols the fleet, sends its history, starts the clock and lets the fleet
// live until ctx ends. Then it sums up what was received and how good the
// predictions were; the server must still run for that.
func (d *Demo) Run(ctx context.Context) (err error) {
	if d.shop, err = newDoor(ctx, d.begin); err != nil {
		return unlessEnded(ctx, err)
	}
	open, closes := context.WithCancel(context.WithoutCancel(ctx))
	var shop errgroup.Group
	shop.Go(func() error { return d.shop.open(open) })
	err = d.play(ctx)
	closes()
	return errors.Join(err, shop.Wait())
}

func (d *Demo) play(ctx context.Context) error {
	if err := d.begins(ctx); err != nil {
		return unlessEnded(ctx, err)
	}
	if err := unlessEnded(ctx, d.live(ctx)); err != nil {
		return err
	}
	return d.sumUp(context.WithoutCancel(ctx))
}

// unlessEnded returns nil in place of an error that the end of ctx brought about.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it did what it was told
	}
	return err
}

func (d *Demo) begins(ctx context.Context) error {
	if err := d.enrol(ctx); err != nil {
		return err
	}
	if err := d.paceChecks(ctx); err != nil {
		return err
	}
	if err := d.addTargets(ctx); err != nil {
		return err
	}
	fmt.Fprintf(d.Out, "Sending %d days of history of %d servers …\n", int(History/barograph.Day), len(d.fleet))
	n, err := d.sendHistory(ctx)
	if err != nil {
		return err
	}
	if err := d.subscribeAll(ctx); err != nil {
		return err
	}
	fmt.Fprintf(d.Out, "%d samples stored. The clock starts: an hour takes %s. Events arrive at %s.\n"+
		"A second receiver, at %s, is broken: what becomes of it is told by the wall clock.\n\n",
		n, d.Clock.Wall(time.Hour).Round(time.Millisecond), d.Receiver.URL(), d.Broken.URL())
	d.Clock.Start()
	return nil
}

func (d *Demo) enrol(ctx context.Context) error {
	for _, h := range d.fleet {
		var created struct {
			Key string `json:"key"`
		}
		body := map[string]any{"name": h.name, "labels": h.labels}
		if err := d.post(ctx, "/api/v1/hosts", d.Token, body, &created); err != nil {
			return fmt.Errorf("enrol %s: %w", h.name, err)
		}
		d.keys[h.name] = barograph.Secret(created.Key)
	}
	return nil
}

// paceChecks has the default checks expect values as often as the servers are
// measured: a minute of the clock is over too soon here.
func (d *Demo) paceChecks(ctx context.Context) error {
	var checks struct{ Items []barograph.Check }
	if err := d.get(ctx, "/api/v1/checks", &checks); err != nil {
		return err
	}
	for _, c := range checks.Items {
		body := map[string]any{"name": c.Name, "collector": c.Collector, "timeout": c.Timeout, "interval": max(c.Interval, barograph.Duration(Interval))}
		if err := d.put(ctx, "/api/v1/checks/"+string(c.ID), body); err != nil {
			return fmt.Errorf("pace the check %s: %w", c.Name, err)
		}
	}
	return nil
}

// sendHistory writes the past as line protocol, all servers together in the
// order of time, and returns how many samples that were.
func (d *Demo) sendHistory(ctx context.Context) (int, error) {
	const most = 5000
	var lines []byte
	total, pending := 0, 0
	flush := func() error {
		if pending == 0 {
			return nil
		}
		err := d.do(ctx, http.MethodPost, "/api/v2/write?precision=ms", "text/plain", d.Token, lines, nil)
		total, pending, lines = total+pending, 0, lines[:0]
		return err
	}
	for at := d.begin.Add(-History); at.Before(d.begin); at = at.Add(Interval) {
		for i := range d.fleet {
			samples := d.fleet[i].measure(at, at.Sub(d.begin).Hours())
			lines = lineProtocol(lines, samples)
			pending += len(samples)
		}
		samples := d.probe(at)
		lines = lineProtocol(lines, samples)
		pending += len(samples)
		if pending >= most {
			if err := flush(); err != nil {
				return total, fmt.Errorf("send history: %w", err)
			}
		}
	}
	return total, flush()
}

// live lets every server measure itself and submit, each by its own key.
func (d *Demo) live(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for i := range d.fleet {
		g.Go(func() error { return d.liveHost(ctx, &d.fleet[i]) })
	}
	g.Go(func() error { return d.liveTargets(ctx) })
	followed := make(chan struct{})
	g.Go(func() error {
		defer close(followed)
		return d.follow(ctx)
	})
	g.Go(func() error { return d.epilogue(ctx, followed) })
	return g.Wait()
}

// epilogue tells when the story is over, also that of the broken receiver.
func (d *Demo) epilogue(ctx context.Context, followed <-chan struct{}) error {
	end := time.NewTimer(d.Clock.Wall(storyEnds))
	defer end.Stop()
	select {
	case <-ctx.Done():
		return nil
	case <-end.C:
	}
	select {
	case <-ctx.Done():
	case <-followed:
		fmt.Fprint(d.Out, "\nThe story is told; the fleet lives on, and the server answers. Ctrl-C ends the demo.\n")
	}
	return nil
}

// liveHost lives by the clock.
func (d *Demo) liveHost(ctx context.Context, h *simHost) error {
	return d.eachTick(ctx, func(due []time.Time) error {
		var b wire.Batch
		for _, at := range due {
			hour := at.Sub(d.begin).Hours()
			if h.silent(hour) {
				continue
			}
			for _, s := range h.measure(at, hour) {
				b.Samples = append(b.Samples, wire.Sample{Metric: s.Series.Metric, Labels: s.Series.Labels, Time: s.UnixMilli, Value: s.Value})
			}
		}
		if len(b.Samples) == 0 {
			return nil
		}
		if err := d.post(ctx, wire.SamplesPath, d.keys[h.name], b, nil); err != nil {
			return fmt.Errorf("submit for %s: %w", h.name, err)
		}
		return nil
	})
}

// eachTick has all sent by the clock that was due since the last tick: a late one
// brings all that was measured since.
func (d *Demo) eachTick(ctx context.Context, send func(due []time.Time) error) error {
	ticks, stop := d.Clock.Ticker(Interval)
	defer stop()
	next := d.begin
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticks:
		}
		var due []time.Time
		for now := d.Clock.Now(); !next.After(now); next = next.Add(Interval) {
			due = append(due, next)
		}
		if len(due) == 0 {
			continue
		}
		if err := send(due); err != nil {
			return err
		}
	}
}
