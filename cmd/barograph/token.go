package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
)

// token makes a token straight in the database: the way back in for whoever
// owns the machine and lost the key.
func token(ctx context.Context, args []string, std streams) error {
	var s settings
	flags := flag.NewFlagSet("token", flag.ContinueOnError)
	s.register(flags)
	role := flags.String("role", string(barograph.RoleAdmin), "`ROLE` of the token: admin, operator or viewer")
	names, err := parse(flags, args, std, "NAME")
	if err != nil {
		return err
	}
	cfg, err := s.load()
	if err != nil {
		return err
	}
	if _, err := os.Stat(s.dir); err != nil {
		return barograph.Errorf(barograph.KindInvalid, "no data directory %s; name it by --data", filepath.Clean(s.dir))
	}
	key, err := app.CreateTokenIn(ctx, cfg, s.dir, names[0], barograph.Role(*role))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, key.Reveal())
	return err
}
