package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
)

// export writes the configuration as one YAML document.
func export(ctx context.Context, args []string, std streams) error {
	var s settings
	flags := flag.NewFlagSet("export", flag.ContinueOnError)
	s.register(flags)
	secrets := flags.Bool("secrets", false, "with the hashes of keys and the secrets of endpoints, so that they are good on another server")
	out := flags.String("out", "", "new `FILE` to write, for its owner's eyes only; without one it is printed")
	if _, err := parse(flags, args, std); err != nil {
		return err
	}
	cfg, err := s.load()
	if err != nil {
		return err
	}
	text, err := app.Export(ctx, cfg, s.dir, *secrets)
	if err != nil {
		return err
	}
	if *secrets {
		fmt.Fprintln(std.err, "barograph: the export holds secrets: whoever reads it can sign as this server does, and post wherever it may post")
	}
	if *out == "" {
		_, err = std.out.Write(text)
		return err
	}
	return writeNew(*out, text)
}

// writeNew writes a file that nobody else may read, and replaces none.
func writeNew(path string, text []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrExist) {
		return barograph.Errorf(barograph.KindInvalid, "%s exists already: name another file", path)
	}
	if err != nil {
		return barograph.Errorf(barograph.KindInvalid, "write the export: %s", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(path))
		}
	}()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Sync()
}
