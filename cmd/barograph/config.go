package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/barograph/barograph/internal/config"
)

func configure(_ context.Context, args []string, std streams) error {
	if len(args) == 0 || args[0] != "check" && args[0] != "print" {
		fmt.Fprintln(std.err, "usage: barograph config check|print [--config FILE]")
		return errUsage
	}
	var s settings
	flags := flag.NewFlagSet("config "+args[0], flag.ContinueOnError)
	s.register(flags)
	if _, err := parse(flags, args[1:], std); err != nil {
		return err
	}
	cfg, err := s.load()
	if err != nil {
		return err
	}
	if args[0] == "check" {
		fmt.Fprintln(std.out, "The configuration is valid.")
		return nil
	}
	text, err := config.Encode(cfg)
	if err != nil {
		return err
	}
	_, err = std.out.Write(text)
	return err
}
