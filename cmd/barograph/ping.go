package main

import (
	"context"
	"flag"

	"github.com/barograph/barograph/probes"
)

func ping(ctx context.Context, args []string, std streams) error {
	opts := probes.PingOptions{Out: std.out}
	flags := flag.NewFlagSet("ping", flag.ContinueOnError)
	flags.IntVar(&opts.Count, "count", 0, "`ROUNDS` to ping; 0: until interrupted")
	flags.BoolVar(&opts.JSON, "json", false, "print a JSON object a line")
	flags.StringVar(&opts.Listen, "listen-address", "127.0.0.1", "`HOST` on whose port, which the file names, /metrics is served")
	flags.DurationVar(&opts.Timeout, "timeout", 0, "`TIME` to wait for one packet (default 1s)")
	files, err := parse(flags, args, std, "FILE")
	if err != nil {
		return err
	}
	return probes.PingFile(ctx, files[0], opts)
}
