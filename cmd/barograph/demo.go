package main

import (
	"cmp"
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

// errStopped ends the demo's goroutines when the server has stopped.
var errStopped = errors.New("the server has stopped")

func runDemo(ctx context.Context, args []string, std streams) (err error) {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	verbose := flags.Bool("v", false, "print the server's log too")
	if _, err := parse(flags, args, std); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "barograph-demo-")
	if err != nil {
		return fmt.Errorf("make a directory for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	cfg := demoConfig()
	if *verbose {
		cfg.Log.Level = "info"
	}
	log, err := telemetry.NewLogger(std.err, cfg.Log)
	if err != nil {
		return err
	}
	clock := demo.NewClock(time.Now().Truncate(demo.Interval), demo.Speed)
	a, err := app.New(ctx, app.Options{Config: cfg, Dir: dir, Clock: clock, Log: log, Bare: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	receiver, err := demo.NewReceiver(ctx, std.out)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "Barograph demo at %s, token %s; Ctrl-C ends it.\n", a.URL(), a.AdminToken().Reveal())
	d := demo.New(demo.Options{
		Server: a.URL(), Token: a.AdminToken(), Clock: clock, Receiver: receiver, Out: std.out,
		Client: &http.Client{Timeout: 30 * time.Second},
	})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return cmp.Or(a.Run(ctx), errStopped) })
	g.Go(func() error { return receiver.Run(ctx) })
	g.Go(func() error { return d.Run(ctx) })
	if err := g.Wait(); !errors.Is(err, errStopped) {
		return err
	}
	return nil
}

// demoConfig suits a clock on which an hour passes in a second.
func demoConfig() app.Config {
	cfg := app.DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	cfg.Log.Level = "error"
	cfg.Store.Embedded.OutOfOrderWindow = barograph.Duration(2 * demo.History)
	cfg.Forecast.Interval = barograph.Duration(30 * time.Minute)
	cfg.Forecast.ReloadInterval = barograph.Duration(barograph.Week)
	cfg.Alerting.Interval = barograph.Duration(10 * time.Minute)
	cfg.Alerting.HostSilentAfter = barograph.Duration(4 * time.Hour)
	cfg.Alerting.MaxSampleAge = barograph.Duration(6 * time.Hour)
	cfg.Delivery.Webhook.AllowHTTP = true
	cfg.Delivery.Webhook.AllowNetworks = []string{"127.0.0.0/8"}
	return cfg
}
