package probes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// PingOptions say how Ping goes about it. Only File and Out are needed.
type PingOptions struct {
	File  TargetsFile
	Count int  // rounds; 0: until the context ends
	JSON  bool // one JSON object a line instead of text
	Out   io.Writer
	// Listen is the host or IP address on whose port /metrics is served, the
	// port being the file's; "": 127.0.0.1.
	Listen         string
	Timeout        time.Duration   // of one packet; 0: 1 s
	PacketInterval time.Duration   // between the packets of a round; 0: 200 ms
	Resolver       *net.Resolver   // nil: the system's
	Clock          barograph.Clock // stamps the lines; nil: the machine's
}

const pingTimeout = time.Second

func (o PingOptions) withDefaults() PingOptions {
	if o.Listen == "" {
		o.Listen = "127.0.0.1"
	}
	if o.Timeout == 0 {
		o.Timeout = pingTimeout
	}
	if o.PacketInterval == 0 {
		o.PacketInterval = DefaultConfig().PacketInterval.Std()
	}
	if o.Clock == nil {
		o.Clock = barograph.WallClock{}
	}
	return o
}

// validate returns an error that names every bad option as the command line
// calls it.
func (o PingOptions) validate() error {
	var p barograph.Problems
	if o.Count < 0 {
		p.Addf("--count", "%d is negative; 0 means without end", o.Count)
	}
	if o.Timeout < time.Millisecond {
		p.Addf("--timeout", "%s is less than 1ms", o.Timeout)
	}
	if o.PacketInterval < time.Millisecond {
		p.Addf("--packet-interval", "%s is less than 1ms", o.PacketInterval)
	}
	if len(o.File.Targets) == 0 {
		p.Addf("targets", "there are none")
	}
	return p.Err("ping options")
}

// PingFile reads the targets file at path and pings its targets as Ping does.
// An error of KindInvalid means that the file or the options are wrong.
func PingFile(ctx context.Context, path string, options PingOptions) error {
	file, err := ReadTargetsFile(path)
	if err != nil {
		return err
	}
	options.File = file
	return Ping(ctx, options)
}

// Ping pings the targets of a file in rounds. In a round every target is sent
// the file's number of packets, all targets at once; the next round begins the
// file's interval after the end of the last. A round gives one line for each
// target, the end a summary for each. Meanwhile /metrics on the file's port
// tells the same to Prometheus.
//
// It returns nil after the last round or when ctx ends; the round that ctx
// cuts off is left out. An error is of KindInvalid for bad options, of
// KindForbidden where the process may not ping at all, and of KindUnavailable
// where the port cannot be listened on.
func Ping(ctx context.Context, options PingOptions) error {
	options = options.withDefaults()
	if err := options.validate(); err != nil {
		return err
	}
	icmp, err := options.prober(ctx)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, options)
	if err != nil {
		return err
	}
	figures := newPingMetrics(options.File.Targets)
	stop := serve(listener, figures.set)
	defer stop()
	p := &pinger{options, icmp, newPingPrinter(options, listener.Addr().String()), figures.record}
	return p.run(ctx)
}

// prober returns who pings, or an error of KindForbidden if the process may not.
func (o PingOptions) prober(ctx context.Context) (*ICMP, error) {
	cfg := DefaultConfig()
	cfg.PacketInterval = barograph.Duration(o.PacketInterval)
	icmp := NewICMP(cfg, Env{Resolver: o.Resolver, Clock: o.Clock})
	return icmp, icmp.Check(ctx)
}

func listen(ctx context.Context, options PingOptions) (net.Listener, error) {
	var lc net.ListenConfig
	address := net.JoinHostPort(options.Listen, strconv.Itoa(options.File.Port))
	l, err := lc.Listen(ctx, "tcp", address)
	if err == nil {
		return l, nil
	}
	failure := &barograph.Error{Kind: barograph.KindUnavailable, Message: "cannot serve /metrics on " + address, Err: err}
	if errors.Is(err, syscall.EADDRINUSE) {
		failure.Message += ": the port is in use; set global_settings.port to a free one, or end the program that holds it"
		failure.Err = nil
	}
	return nil, failure
}

// serve answers /metrics until the returned function is called.
func serve(l net.Listener, set *metrics.Set) (stop func()) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		set.WritePrometheus(w)
	})
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(l) }) // ends with Close below
	return func() {
		_ = server.Close()
		served.Wait()
	}
}

// pinger is one run of Ping, or of Runs.
type pinger struct {
	options PingOptions
	prober  Prober
	printer *pingPrinter
	record  func(target int, r Result) // besides what is printed; nil: nowhere
}

func (p *pinger) run(ctx context.Context) error {
	totals := make([]pingTotal, len(p.options.File.Targets))
	if err := p.printer.begin(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	for number := 1; p.options.Count == 0 || number <= p.options.Count; number++ {
		if number > 1 && !wait(ctx, p.options.File.Interval, nil) {
			break
		}
		at := p.options.Clock.Now()
		results := p.round(ctx)
		if ctx.Err() != nil {
			break
		}
		for i, result := range results {
			totals[i].add(result)
			if p.record != nil {
				p.record(i, result)
			}
		}
		if err := p.printer.round(number, at, results); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	if err := p.printer.summary(totals); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// round pings all targets at once, except that no more sockets are open at a
// time than a process is usually allowed.
func (p *pinger) round(ctx context.Context) []Result {
	const atOnce = 256
	results := make([]Result, len(p.options.File.Targets))
	places := make(chan struct{}, atOnce)
	var rounds sync.WaitGroup
	for i, name := range p.options.File.Targets {
		rounds.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			if ctx.Err() == nil {
				results[i] = p.prober.Probe(ctx, p.target(name))
			}
		})
	}
	rounds.Wait()
	return results
}

func (p *pinger) target(name string) barograph.Target {
	o := p.options
	length := o.Timeout + time.Duration(o.File.Probes)*o.PacketInterval
	return barograph.Target{
		Name: name, Kind: barograph.ProbeICMP, Address: name, Count: o.File.Probes,
		Timeout: barograph.Duration(o.Timeout), Interval: barograph.Duration(length), Enabled: true,
	}
}

// pingTotal sums up all rounds of one target.
type pingTotal struct {
	rounds, failed                      int
	packets, sent, received, duplicates int
	best, worst, sum, differences       time.Duration
	differencesCount                    int
	lastError                           string
}

func (t *pingTotal) add(r Result) {
	t.rounds++
	if !r.Success {
		t.failed++
		t.lastError = r.Error
	}
	t.packets += r.Packets
	t.sent += r.Sent
	t.duplicates += r.Duplicates
	stats, ok := SummarizeRTTs(r.RTTs)
	if !ok {
		return
	}
	if t.received == 0 {
		t.best = stats.Best
	}
	t.best, t.worst = min(t.best, stats.Best), max(t.worst, stats.Worst)
	t.sum += stats.Mean * time.Duration(len(r.RTTs))
	t.differences += stats.Jitter * time.Duration(len(r.RTTs)-1)
	t.differencesCount += len(r.RTTs) - 1
	t.received += r.Received
}

// result returns the sum as if it were one round, with its statistics.
func (t *pingTotal) result() (Result, RTTStats, bool) {
	r := Result{
		Success: t.received > 0, Error: t.lastError, Packets: t.packets,
		Sent: t.sent, Received: t.received, Duplicates: t.duplicates,
	}
	if t.received == 0 {
		return r, RTTStats{}, false
	}
	s := RTTStats{Mean: t.sum / time.Duration(t.received), Best: t.best, Worst: t.worst}
	if t.differencesCount > 0 {
		s.Jitter, s.HasJitter = t.differences/time.Duration(t.differencesCount), true
	}
	return r, s, true
}
