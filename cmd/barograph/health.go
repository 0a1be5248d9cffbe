package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

const healthTimeout = 4 * time.Second

// health asks a server whether it is ready, for containers that have neither a
// shell nor curl.
func health(ctx context.Context, args []string, std streams) error {
	flags := flag.NewFlagSet("health", flag.ContinueOnError)
	url := flags.String("url", "http://127.0.0.1:10130", "`ADDRESS` of the server")
	if _, err := parse(flags, args, std); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, healthTimeout, fmt.Errorf("no answer within %s", healthTimeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(*url, "/")+"/readyz", http.NoBody)
	if err != nil {
		return barograph.Errorf(barograph.KindInvalid, "--url: %s", err)
	}
	res, err := new(http.Client).Do(req)
	if err != nil {
		return fmt.Errorf("ask whether the server is ready: %w; start it, or name its address by --url", err)
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(std.out, io.LimitReader(res.Body, 1<<20)); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	fmt.Fprintln(std.out)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the server is not ready: %s", res.Status)
	}
	return nil
}
