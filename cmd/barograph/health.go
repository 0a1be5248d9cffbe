package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/barograph/barograph"
)

const healthTimeout = 4 * time.Second

// readiness is what /readyz answers.
type readiness struct {
	Ready    bool `json:"ready"`
	Stations map[string]struct {
		Ready  bool   `json:"ready"`
		Reason string `json:"reason"`
	} `json:"stations"`
}

// health asks a server whether it is ready, for people and for containers that
// have neither a shell nor curl.
func health(ctx context.Context, args []string, std streams) error {
	flags := flag.NewFlagSet("health", flag.ContinueOnError)
	url := flags.String("url", "http://127.0.0.1:10130", "`ADDRESS` of the server")
	if _, err := parse(flags, args, std); err != nil {
		return err
	}
	if err := checkServer(*url); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, healthTimeout, fmt.Errorf("no answer within %s", healthTimeout))
	defer cancel()
	r, err := askReadiness(ctx, strings.TrimSuffix(*url, "/")+"/readyz")
	if err != nil {
		return err
	}
	return r.print(std.out)
}

func askReadiness(ctx context.Context, url string) (r readiness, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return r, barograph.Errorf(barograph.KindInvalid, "--url: %s", err)
	}
	res, err := new(http.Client).Do(req)
	if err != nil {
		return r, fmt.Errorf("ask whether the server is ready: %w; start it, or name its address by --url", err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return r, fmt.Errorf("read the answer: %w", err)
	}
	if err := json.Unmarshal(text, &r); err != nil || len(r.Stations) == 0 {
		return r, fmt.Errorf("%s answers %s, which is not what a Barograph server says", url, res.Status)
	}
	return r, nil
}

// print says that all is well, or which stations are stuck; then it is an error.
func (r readiness) print(w io.Writer) error {
	names := slices.Sorted(maps.Keys(r.Stations))
	if r.Ready {
		fmt.Fprintf(w, "ready: %s\n", strings.Join(names, ", "))
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	stuck := 0
	for _, name := range names {
		s := r.Stations[name]
		if s.Ready {
			continue
		}
		stuck++
		if s.Reason == "" {
			s.Reason = "the reason is told on the server's own machine, and in its log"
		}
		fmt.Fprintf(table, "%s\t%s\n", name, s.Reason)
	}
	_ = table.Flush() // as with all that is printed
	return fmt.Errorf("the server is not ready: %d of %d stations are stuck", stuck, len(names))
}
