// Command barograph-agent measures the host it runs on and sends what it finds
// to a Barograph server.
//
//	barograph-agent --server https://barograph.example.com --key-file /etc/barograph-agent.key
//	barograph-agent --once
//
// It exits with 0 when it was told to end, 1 when it could not work, and 2 when
// it was called wrongly.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/agent"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

const keyVariable = "BAROGRAPH_AGENT_KEY"

func main() {
	// A heap of a few megabytes may be collected often: memory is dearer here.
	debug.SetGCPercent(50)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Getenv(keyVariable), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are what the command line says.
type options struct {
	config  agent.Config
	keyFile string
	once    bool
	version bool
}

func run(ctx context.Context, args []string, key string, stdout, stderr io.Writer) int {
	opts, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage // the flag package said why
	case opts.version:
		_, _ = fmt.Fprintln(stdout, "barograph-agent", agent.Version())
		return exitOK
	case opts.once:
		return once(ctx, stdout, stderr)
	}
	if err := serve(ctx, opts, key, stderr); err != nil {
		_, _ = fmt.Fprintln(stderr, "barograph-agent:", err)
		if barograph.KindOf(err) == barograph.KindInvalid {
			return exitUsage
		}
		return exitFailed
	}
	return exitOK
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{config: agent.DefaultConfig()}
	c := &o.config
	f := flag.NewFlagSet("barograph-agent", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&c.Server, "server", "", "`URL` of the server, as https://barograph.example.com")
	f.StringVar(&o.keyFile, "key-file", "", "`file` with the host's key; without it the environment variable "+keyVariable+" counts")
	f.StringVar(&c.Dir, "dir", "/var/lib/barograph-agent", "`directory` for what must survive a restart")
	f.BoolVar(&c.AllowCommands, "allow-commands", false, "let the server have shell commands run on this host")
	f.TextVar(&c.Refresh, "refresh", c.Refresh, "`how often` the list of checks is fetched")
	f.StringVar(&c.CAFile, "ca-file", "", "PEM `file` with the authorities to trust instead of the system's")
	f.BoolVar(&c.InsecureHTTP, "insecure-http", false, "allow http to another machine, which sends the key readable")
	f.BoolVar(&o.once, "once", false, "measure once, print what was found, and exit; needs no server")
	f.BoolVar(&o.version, "version", false, "print the version and exit")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		_, _ = fmt.Fprintf(stderr, "barograph-agent: unexpected argument %q\n", f.Arg(0))
		f.Usage()
		return o, errors.New("unexpected argument")
	}
	return o, nil
}

func serve(ctx context.Context, o options, key string, stderr io.Writer) error {
	o.config.Key = barograph.Secret(strings.TrimSpace(key))
	if o.keyFile != "" {
		text, err := os.ReadFile(o.keyFile)
		if err != nil {
			return &barograph.Error{Kind: barograph.KindInvalid, Message: "the key file can't be read", Err: err}
		}
		o.config.Key = barograph.Secret(strings.TrimSpace(string(text)))
	}
	if o.config.Key == "" {
		return barograph.Errorf(barograph.KindInvalid,
			"no key: name a file with --key-file, or set %s; the server shows a host's key when the host is made", keyVariable)
	}
	client, err := agent.NewHTTPClient(o.config)
	if err != nil {
		return &barograph.Error{Kind: barograph.KindInvalid, Message: "--ca-file is unusable", Err: err}
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	a, err := agent.New(o.config, log, client)
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "agent starts", "server", o.config.Server, "dir", o.config.Dir,
		"allow_commands", o.config.AllowCommands, "version", agent.Version())
	err = a.Run(ctx)
	log.InfoContext(ctx, "agent ends")
	return err
}

// once prints what this host would report.
func once(ctx context.Context, stdout, stderr io.Writer) int {
	found, err := agent.Measure(ctx)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "barograph-agent:", err)
		return exitFailed
	}
	code := exitOK
	for _, m := range found {
		for _, r := range m.Readings {
			_, _ = fmt.Fprintln(stdout, r)
		}
		if m.Err != nil {
			_, _ = fmt.Fprintf(stderr, "barograph-agent: %s: %s\n", m.Collector, m.Err)
			code = exitFailed
		}
	}
	return code
}
