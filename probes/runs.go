package probes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// RunsOptions say how Runs goes about it. All may be left out.
type RunsOptions struct {
	Longest        time.Duration   // after which a run is stopped; 0: 24 h
	Timeout        time.Duration   // of one packet; 0: 1 s
	PacketInterval time.Duration   // between the packets of a round; 0: 200 ms
	Resolver       *net.Resolver   // nil: the system's
	Clock          barograph.Clock // stamps the lines; nil: the machine's
	Log            *slog.Logger    // nil: nothing is logged
}

const (
	longestRun = 24 * time.Hour
	// leastRunInterval keeps a file without a pause between rounds from having
	// the server do nothing else.
	leastRunInterval = 100 * time.Millisecond
	mostRunName      = 100 // characters
)

// Runs pings the targets of a file on the server, one file at a time, and keeps
// what `barograph ping` would print for any number of people to watch.
//
// A run goes on until it is stopped, for 24 hours at most. Its output stays until
// it is cleared or another one starts; of more than a megabyte the oldest lines
// go. Whoever watches asks for what is new by Watch, so that slow ones hold up
// nobody.
type Runs struct {
	options RunsOptions
	output  runOutput

	mu     sync.Mutex
	run    barograph.Run // the one that goes on, or the last one
	job    *job          // of the one that goes on; nil: none does
	closed bool
}

// job is the work of a run.
type job struct {
	stop context.CancelCauseFunc // its cause is why
	done chan struct{}           // closed when it is over
}

// NewRuns returns Runs without a run. Its method Run is to be running.
func NewRuns(options RunsOptions) *Runs {
	if options.Longest == 0 {
		options.Longest = longestRun
	}
	if options.Clock == nil {
		options.Clock = barograph.WallClock{}
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	return &Runs{options: options, output: newRunOutput()}
}

var errServerStops = errors.New("stopped, as the server stops")

// Run waits until ctx ends, stops the run that goes on, and lets no other begin.
func (r *Runs) Run(ctx context.Context) error {
	<-ctx.Done()
	r.mu.Lock()
	r.closed = true
	going := r.job
	r.mu.Unlock()
	if going != nil {
		going.stop(errServerStops)
		<-going.done
	}
	r.output.close()
	return nil
}

// Start begins to ping the targets of a file, in the name of whom ctx carries. It
// goes on after ctx has ended. Output of an earlier run is cleared.
//
// An error is of KindInvalid if the file is wrong: its fields are the mistakes,
// each with its place as name:line:column. It is of KindTooLarge for a file of
// more than 4 MB, of KindConflict while another run goes on, of KindForbidden
// where the process may not ping, and of KindUnavailable when the server stops.
func (r *Runs) Start(ctx context.Context, name string, yaml []byte) error {
	file, err := ParseTargetsFile(shortName(name), yaml)
	if err != nil {
		return err
	}
	file.Interval = max(file.Interval, leastRunInterval)
	lines := &lineWriter{output: &r.output}
	options := PingOptions{
		File: file, Out: lines, Timeout: r.options.Timeout, PacketInterval: r.options.PacketInterval,
		Resolver: r.options.Resolver, Clock: r.options.Clock,
	}.withDefaults()
	prober, err := options.prober(ctx)
	if err != nil {
		return err
	}
	run := barograph.Run{
		Name: file.Name, Targets: file.Targets, Packets: file.Probes, Interval: barograph.Duration(file.Interval),
		Source: yaml, By: actor(ctx), StartedAt: r.options.Clock.Now(),
	}
	own, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	j := &job{stop, make(chan struct{})}
	if err := r.begin(run, j); err != nil {
		stop(err)
		return err
	}
	r.options.Log.InfoContext(ctx, "run started", "name", run.Name, "by", run.By, "targets", len(run.Targets))
	go r.ping(own, &pinger{options: options, prober: prober, printer: newPingPrinter(options, "")}, j)
	return nil
}

// shortName returns the name of a file as it is told.
func shortName(name string) string {
	runes := []rune(strings.ToValidUTF8(name, "\uFFFD"))
	switch {
	case len(runes) == 0:
		return "targets.yaml"
	case len(runes) > mostRunName:
		return string(runes[:mostRunName]) + "…"
	}
	return string(runes)
}

// actor returns the name of whom ctx carries.
func actor(ctx context.Context) string {
	if id, ok := barograph.IdentityFrom(ctx); ok {
		return id.Name
	}
	return "somebody unknown"
}

// begin makes it the run that goes on.
func (r *Runs) begin(run barograph.Run, j *job) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return barograph.Errorf(barograph.KindUnavailable, "the server is stopping: it begins no run")
	}
	if r.job != nil {
		return barograph.Errorf(barograph.KindConflict, "%s is running, which %s started at %s: stop it first",
			r.run.Name, r.run.By, r.run.StartedAt.Format(time.TimeOnly))
	}
	r.run, r.job = run, j
	r.output.reset(run)
	return nil
}

// ping does the work of a run.
func (r *Runs) ping(ctx context.Context, p *pinger, j *job) {
	defer close(j.done)
	tooLong := fmt.Errorf("stopped after %s, which is the longest that a run may take", barograph.Duration(r.options.Longest))
	ctx, cancel := context.WithTimeoutCause(ctx, r.options.Longest, tooLong)
	defer cancel()
	err := p.run(ctx)
	if err == nil {
		err = context.Cause(ctx) // it has no end of its own
	}
	j.stop(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.run.EndedAt, r.run.End, r.job = r.options.Clock.Now(), err.Error(), nil
	r.output.tell(r.run)
	r.options.Log.InfoContext(ctx, "run ended", "name", r.run.Name, "by", r.run.By, "end", r.run.End)
}

// Stop ends the run that goes on, in the name of whom ctx carries, and waits
// until it is over, with its summary printed. Without one it does nothing.
func (r *Runs) Stop(ctx context.Context) error {
	r.mu.Lock()
	going := r.job
	r.mu.Unlock()
	if going == nil {
		return nil
	}
	going.stop(errors.New("stopped by " + actor(ctx)))
	select {
	case <-going.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the end of the run: %w", ctx.Err())
	}
}

// Clear forgets the last run and its output. While a run goes on the error is of
// KindConflict.
func (r *Runs) Clear() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.job != nil {
		return barograph.Errorf(barograph.KindConflict, "%s is running: stop it before you clear its output", r.run.Name)
	}
	r.run = barograph.Run{}
	r.output.reset(r.run)
	return nil
}

// Output returns the run that goes on, or the last one, with what it has printed.
func (r *Runs) Output() barograph.RunOutput { return r.output.after(0) }

// Watch returns what is new after the place from, which is the Next of an earlier
// Output or Watch, as soon as there is anything; 0 is all there is, at once. Its
// errors are that ctx ended, and of KindUnavailable that the server stops.
func (r *Runs) Watch(ctx context.Context, from int64) (barograph.RunOutput, error) {
	return r.output.watch(ctx, from)
}
