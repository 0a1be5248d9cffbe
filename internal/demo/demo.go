// Package demo is a fleet of twelve simulated servers that shows in a minute
// what Barograph does in weeks. Only the samples are made up: they are sent
// over HTTP with real keys, by a clock that runs an hour a second, and what
// comes back are real events, received as real signed webhooks.
package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/wire"
)

const (
	// Speed is how fast the demo's clock runs: an hour a second.
	Speed = 3600
	// History is how long the fleet has been watched before the clock starts.
	History = 30 * barograph.Day
	// Interval is how often the servers are measured.
	Interval = 10 * time.Minute
)

// Options are what a Demo works with.
type Options struct {
	Server   string           // address of the API, as http://127.0.0.1:10130
	Token    barograph.Secret // of an operator or admin
	Clock    *Clock
	Receiver *Receiver
	Client   *http.Client
	Out      io.Writer
}

// Demo plays the story on a running server.
type Demo struct {
	Options

	begin time.Time
	fleet []simHost
	keys  map[string]barograph.Secret
}

// New returns a demo whose story begins at the clock's present time.
func New(opts Options) *Demo {
	return &Demo{Options: opts, begin: opts.Clock.Now(), fleet: newFleet(), keys: map[string]barograph.Secret{}}
}

// Run enrols the fleet, sends its history, starts the clock and lets the fleet
// live until ctx ends.
func (d *Demo) Run(ctx context.Context) error {
	if err := d.run(ctx); ctx.Err() == nil {
		return err
	}
	return nil
}

func (d *Demo) run(ctx context.Context) error {
	if err := d.enrol(ctx); err != nil {
		return err
	}
	fmt.Fprintf(d.Out, "Sending %d days of history of %d servers …\n", int(History/barograph.Day), len(d.fleet))
	n, err := d.sendHistory(ctx)
	if err != nil {
		return err
	}
	if err := d.subscribe(ctx); err != nil {
		return err
	}
	fmt.Fprintf(d.Out, "%d samples stored. The clock starts: an hour a second. Events arrive at %s:\n\n", n, d.Receiver.URL())
	d.Clock.Start()
	return d.live(ctx)
}

func (d *Demo) enrol(ctx context.Context) error {
	for _, h := range d.fleet {
		var created struct {
			Key string `json:"key"`
		}
		body := map[string]any{"name": h.name, "labels": h.labels}
		if err := d.call(ctx, http.MethodPost, "/api/v1/hosts", d.Token, body, &created); err != nil {
			return fmt.Errorf("enrol %s: %w", h.name, err)
		}
		d.keys[h.name] = barograph.Secret(created.Key)
	}
	return nil
}

// sendHistory writes the past as line protocol, all servers together in the
// order of time, and returns how many samples that were.
func (d *Demo) sendHistory(ctx context.Context) (int, error) {
	const most = 5000
	var lines []byte
	total, pending := 0, 0
	flush := func() error {
		if pending == 0 {
			return nil
		}
		err := d.post(ctx, "/api/v2/write?precision=ms", "text/plain", d.Token, lines)
		total, pending, lines = total+pending, 0, lines[:0]
		return err
	}
	for at := d.begin.Add(-History); at.Before(d.begin); at = at.Add(Interval) {
		for i := range d.fleet {
			samples := d.fleet[i].measure(at, at.Sub(d.begin).Hours())
			lines = lineProtocol(lines, samples)
			pending += len(samples)
		}
		if pending >= most {
			if err := flush(); err != nil {
				return total, fmt.Errorf("send history: %w", err)
			}
		}
	}
	return total, flush()
}

func (d *Demo) subscribe(ctx context.Context) error {
	var created struct {
		Secrets []struct {
			Secret string `json:"secret"`
		} `json:"secrets"`
	}
	body := map[string]any{
		"name":      "demo receiver",
		"endpoints": []map[string]any{{"kind": "webhook", "url": d.Receiver.URL()}},
	}
	if err := d.call(ctx, http.MethodPost, "/api/v1/subscriptions", d.Token, body, &created); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	if len(created.Secrets) != 1 {
		return fmt.Errorf("subscribe: the answer has %d secrets, want 1", len(created.Secrets))
	}
	return d.Receiver.Trust(created.Secrets[0].Secret)
}

// live lets every server measure itself and submit, each by its own key.
func (d *Demo) live(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for i := range d.fleet {
		g.Go(func() error { return d.liveHost(ctx, &d.fleet[i]) })
	}
	return g.Wait()
}

func (d *Demo) liveHost(ctx context.Context, h *simHost) error {
	ticks, stop := d.Clock.Ticker(Interval)
	defer stop()
	next := d.begin
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticks:
		}
		var b wire.Batch
		for now := d.Clock.Now(); !next.After(now); next = next.Add(Interval) {
			hour := next.Sub(d.begin).Hours()
			if h.silent(hour) {
				continue
			}
			for _, s := range h.measure(next, hour) {
				b.Samples = append(b.Samples, wire.Sample{Metric: s.Series.Metric, Labels: s.Series.Labels, Time: s.UnixMilli, Value: s.Value})
			}
		}
		if len(b.Samples) == 0 {
			continue
		}
		if err := d.call(ctx, http.MethodPost, wire.SamplesPath, d.keys[h.name], b, nil); err != nil {
			return fmt.Errorf("submit for %s: %w", h.name, err)
		}
	}
}

func (d *Demo) call(ctx context.Context, method, path string, key barograph.Secret, body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode the body of %s: %w", path, err)
	}
	return d.do(ctx, method, path, "application/json", key, data, answer)
}

func (d *Demo) post(ctx context.Context, path, contentType string, key barograph.Secret, body []byte) error {
	return d.do(ctx, http.MethodPost, path, contentType, key, body, nil)
}

func (d *Demo) do(ctx context.Context, method, path, contentType string, key barograph.Secret, body []byte, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, d.Server+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "Bearer "+key.Reveal())
	res, err := d.Client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxWebhook))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, bytes.TrimSpace(text))
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("decode the answer of %s: %w", path, err)
	}
	return nil
}
