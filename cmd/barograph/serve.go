package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/config"
	"github.com/barograph/barograph/internal/telemetry"
)

const defaultDir = "barograph-data"

// settings are the flags that all commands around the server share.
type settings struct {
	file string
	dir  string
}

func (s *settings) register(flags *flag.FlagSet) {
	flags.StringVar(&s.file, "config", "", "configuration `FILE` (YAML); without one all is as barograph config print shows")
	flags.StringVar(&s.dir, "data", defaultDir, "data `DIRECTORY`")
}

// load returns the configuration of the file, checked.
func (s *settings) load() (app.Config, error) {
	cfg := app.DefaultConfig()
	var data []byte
	if s.file != "" {
		var err error
		if data, err = os.ReadFile(s.file); err != nil {
			return cfg, barograph.Errorf(barograph.KindInvalid, "read configuration: %s", err)
		}
	}
	if err := config.Decode(data, &cfg, os.LookupEnv); err != nil {
		return cfg, in(s.file, err)
	}
	return cfg, in(s.file, cfg.Validate())
}

// in says which file an error is about.
func in(file string, err error) error {
	if e, ok := errors.AsType[*barograph.Error](err); ok && file != "" {
		e.Message = file + ": " + e.Message
	}
	return err
}

func serve(ctx context.Context, args []string, std streams) error {
	var s settings
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	s.register(flags)
	listen := flags.String("listen", "", "`ADDRESS` to listen on, in place of the configuration's")
	if _, err := parse(flags, args, std); err != nil {
		return err
	}
	cfg, err := s.load()
	if err != nil {
		return err
	}
	if *listen != "" {
		cfg.Listen = *listen
	}
	log, err := telemetry.NewLogger(std.err, cfg.Log)
	if err != nil {
		return err
	}
	a, err := app.New(ctx, app.Options{Config: cfg, Dir: s.dir, Log: log})
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "Barograph %s listens at %s, data in %s\n", version, a.URL(), s.dir)
	if key := a.AdminToken(); key != "" {
		fmt.Fprintf(std.out, "Admin token, shown only now: %s\n", key.Reveal())
	}
	return errors.Join(a.Run(ctx), a.Close())
}
