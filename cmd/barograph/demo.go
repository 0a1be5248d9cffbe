package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/demo"
	"github.com/barograph/barograph/internal/telemetry"
)

// demoOptions are the flags of the demo.
type demoOptions struct {
	duration time.Duration
	speed    float64
	verbose  bool
}

func runDemo(ctx context.Context, args []string, std streams) error {
	var opts demoOptions
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.DurationVar(&opts.duration, "duration", 0, "`TIME` after which the demo ends, as 60s; 0: when it is interrupted")
	flags.Float64Var(&opts.speed, "speed", demo.Speed, "`SECONDS` of the demo's clock in one of the wall's")
	flags.BoolVar(&opts.verbose, "v", false, "print the server's log too")
	if _, err := parse(flags, args, std); err != nil {
		return err
	}
	if err := opts.validate(); err != nil {
		return err
	}
	if opts.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, opts.duration)
		defer cancel()
	}
	return playDemo(ctx, opts, std)
}

func (o demoOptions) validate() error {
	var p barograph.Problems
	if o.duration < 0 {
		p.Addf("--duration", "%s is negative; 0 means until it is interrupted", o.duration)
	}
	if !(o.speed >= 1 && o.speed <= 4*demo.Speed) {
		p.Addf("--speed", "%v is not between 1 and %d", o.speed, 4*demo.Speed)
	}
	return p.Err("options of the demo")
}

func playDemo(ctx context.Context, opts demoOptions, std streams) (err error) {
	dir, err := os.MkdirTemp("", "barograph-demo-")
	if err != nil {
		return fmt.Errorf("make a directory for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	cfg := demoConfig()
	if opts.verbose {
		cfg.Log.Level = "info"
	}
	log, err := telemetry.NewLogger(std.err, cfg.Log)
	if err != nil {
		return err
	}
	clock := demo.NewClock(time.Now().Truncate(demo.Interval), opts.speed)
	a, err := app.New(ctx, app.Options{Config: cfg, Dir: dir, Clock: clock, Log: log, Bare: true, Version: version})
	if err != nil {
		return unlessEnded(ctx, err)
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	receiver, err := demo.NewReceiver(ctx, std.out)
	if err != nil {
		return err
	}
	broken, err := demo.NewBroken(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "Barograph demo at %s, token %s; Ctrl-C ends it.\n", a.URL(), a.AdminToken().Reveal())
	return perform(ctx, []func(context.Context) error{a.Run, receiver.Run, broken.Run}, demo.New(demo.Options{
		Server: a.URL(), Token: a.AdminToken(), Clock: clock, Receiver: receiver, Broken: broken, Out: std.out,
		Client: &http.Client{Timeout: 30 * time.Second},
	}))
}

// perform plays the story until ctx ends, on a stage, the server and the
// receivers, that runs a little longer: what the demo says in the end it asks the
// server. If the stage fails, the story ends.
func perform(ctx context.Context, stage []func(context.Context) error, d *demo.Demo) error {
	story, endStory := context.WithCancel(ctx)
	defer endStory()
	onStage, leaveStage := context.WithCancel(context.WithoutCancel(ctx))
	defer leaveStage()
	var g errgroup.Group
	for _, run := range stage {
		g.Go(func() error { defer endStory(); return run(onStage) })
	}
	g.Go(func() error { defer leaveStage(); return d.Run(story) })
	return g.Wait()
}

// demoConfig suits a clock on which an hour passes in a second.
func demoConfig() app.Config {
	cfg := app.DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	cfg.Log.Level = "error"
	cfg.Store.Embedded.OutOfOrderWindow = barograph.Duration(2 * demo.History)
	cfg.Forecast.Interval = barograph.Duration(30 * time.Minute)
	// The forecaster looks before the history is there; it must soon look again.
	cfg.Forecast.ReloadInterval = cfg.Forecast.Interval
	cfg.Alerting.Interval = barograph.Duration(10 * time.Minute)
	cfg.Alerting.HostSilentAfter = barograph.Duration(4 * time.Hour)
	cfg.Alerting.MaxSampleAge = barograph.Duration(6 * time.Hour)
	cfg.Delivery.AllowHTTP = true
	cfg.Delivery.AllowNetworks = []string{"127.0.0.0/8"}
	return cfg
}
