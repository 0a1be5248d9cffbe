// Package ingest is where samples come in: single submissions and batches of
// agents, Influx line protocol (Telegraf, any Influx client) and Prometheus
// remote write (Prometheus, Alloy, OpenTelemetry collectors) from whatever
// speaks it already; and Sources, which fetch what rules ask of a Prometheus.
//
// Every sample is checked at the door, each by itself: the good ones of a mixed
// batch are stored, the bad ones are named with what is wrong. What is answered
// with a 2xx is durable, and sending it again changes nothing.
//
// Handlers expect that somebody before them let the sender in and left an
// identity in the request's context (barograph.WithIdentity). A host's key
// speaks for that host only: its samples get the label host, and naming another
// host is refused.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// Config says what is let in.
type Config struct {
	MaxBody     int64 `yaml:"max_body_bytes"`     // of a request as sent
	MaxUnpacked int64 `yaml:"max_unpacked_bytes"` // of a request after gzip
	// MaxAhead is how far a sample's time may lie in the future: clocks differ,
	// but one that is far ahead would spoil the store for everybody.
	MaxAhead barograph.Duration `yaml:"max_ahead"`
}

// DefaultConfig returns the limits that suit most.
func DefaultConfig() Config {
	return Config{MaxBody: 5 << 20, MaxUnpacked: 20 << 20, MaxAhead: barograph.Duration(10 * time.Minute)}
}

// Validate returns an error that names every bad field.
func (c Config) Validate() error {
	var p barograph.Problems
	if c.MaxBody < 1<<10 {
		p.Addf("max_body_bytes", "%d is less than 1024", c.MaxBody)
	}
	if c.MaxUnpacked < c.MaxBody {
		p.Addf("max_unpacked_bytes", "%d is less than max_body_bytes, which is %d", c.MaxUnpacked, c.MaxBody)
	}
	if d := c.MaxAhead.Std(); d < 0 || d > time.Hour {
		p.Addf("max_ahead", "%s is not between 0s and 1h", c.MaxAhead)
	}
	return p.Err("ingest configuration")
}

// Hosts is what ingest tells of the hosts that submit.
type Hosts interface {
	MarkSeen(ctx context.Context, seen map[barograph.HostID]time.Time) error
	SetCheckStatuses(ctx context.Context, id barograph.HostID, statuses []barograph.CheckStatus) error
}

// Options are what an Ingest works with.
type Options struct {
	Writer  barograph.SampleWriter
	Hosts   Hosts
	Clock   barograph.Clock
	Log     *slog.Logger
	Metrics *metrics.Set
	// Problem answers a request with an error, as the API does everywhere.
	Problem func(w http.ResponseWriter, r *http.Request, err error)
}

// Ingest takes samples. Its handlers share the checks.
type Ingest struct {
	cfg    Config
	opts   Options
	lines  seriesCache[seriesSet]    // by the beginnings of lines
	remote seriesCache[remoteSeries] // by the labels of remote write

	unzippers sync.Pool // of *gzip.Reader
	arrivals  arrivals

	seenMu sync.Mutex
	seen   map[barograph.HostID]time.Time
	pulse  *barograph.Pulse

	accepted *metrics.Counter
	rejected *metrics.Counter
	ignored  *metrics.Counter
	passed   passedOver
}

// New returns an Ingest.
func New(cfg Config, opts Options) (*Ingest, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Ingest{
		cfg: cfg, opts: opts, seen: map[barograph.HostID]time.Time{},
		lines: seriesCache[seriesSet]{seed: maphash.MakeSeed()}, remote: seriesCache[remoteSeries]{seed: maphash.MakeSeed()},
		arrivals: newArrivals(),
		pulse:    barograph.NewPulse(seenInterval),
		accepted: opts.Metrics.NewCounter("barograph_ingest_samples_total"),
		rejected: opts.Metrics.NewCounter("barograph_ingest_samples_rejected_total"),
		ignored:  opts.Metrics.NewCounter("barograph_ingest_text_fields_ignored_total"),
		passed:   newPassedOver(opts.Metrics),
	}, nil
}

const seenInterval = 5 * time.Second

// Run notes down now and then which hosts were heard of, until ctx ends.
func (in *Ingest) Run(ctx context.Context) error {
	ticks, stop := in.opts.Clock.Ticker(seenInterval)
	defer stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), seenInterval, errors.New("noting the last hosts down took too long"))
			defer cancel()
			_ = in.flushSeen(last) // it is logged
			return nil
		case <-ticks:
			in.pulse.Beat(in.flushSeen(ctx))
		}
	}
}

func (in *Ingest) flushSeen(ctx context.Context) error {
	in.seenMu.Lock()
	seen := maps.Clone(in.seen)
	clear(in.seen)
	in.seenMu.Unlock()
	if len(seen) == 0 {
		return nil
	}
	err := in.opts.Hosts.MarkSeen(ctx, seen)
	if err == nil {
		return nil
	}
	if ctx.Err() == nil {
		in.opts.Log.WarnContext(ctx, "hosts could not be marked as seen", "hosts", len(seen), "err", err)
	}
	in.seenMu.Lock()
	defer in.seenMu.Unlock()
	for id, at := range seen {
		if at.After(in.seen[id]) {
			in.seen[id] = at
		}
	}
	return err
}

// markSeen notes that a host was heard of. It comes first: a host that talks
// is not silent, even if what it says can't be understood or stored just now.
func (in *Ingest) markSeen(id barograph.Identity) {
	if id.HostID == "" {
		return
	}
	in.seenMu.Lock()
	in.seen[id.HostID] = in.opts.Clock.Now()
	in.seenMu.Unlock()
}

// rejection is one sample that was refused: where it stood in what was sent,
// and why.
type rejection struct {
	position int
	err      error
}

// batch is what one request brings: samples with the positions they had there.
type batch struct {
	samples   []barograph.Sample
	positions []int // of each sample
	rejected  []rejection
	stored    int // samples that are durable, once written
}

func (b *batch) add(position int, s barograph.Sample) {
	b.samples = append(b.samples, s)
	b.positions = append(b.positions, position)
}

// cut takes the samples from the given one on out again.
func (b *batch) cut(first int) {
	b.samples, b.positions = b.samples[:first], b.positions[:first]
}

func (b *batch) reject(position int, err error) {
	b.rejected = append(b.rejected, rejection{position, err})
}

// write stores the batch's samples and moves those that the store refused to
// the rejected. An error means that nothing may be relied on.
func (in *Ingest) write(ctx context.Context, b *batch) error {
	if len(b.samples) > 0 {
		err := in.opts.Writer.Write(ctx, b.samples)
		partial, ok := errors.AsType[*barograph.PartialError](err)
		switch {
		case ok:
			for _, r := range partial.Rejected {
				b.reject(b.positions[r.Index], r.Err)
			}
		case err != nil:
			return fmt.Errorf("write %d samples: %w", len(b.samples), err)
		default:
		}
		b.stored = len(b.samples)
		if ok {
			b.stored -= len(partial.Rejected)
		}
		in.accepted.Add(b.stored)
	}
	in.rejected.Add(len(b.rejected))
	return nil
}

// owned returns the labels with the sender's host among them, or an error if
// they name another host than the one whose key was shown.
func owned(id barograph.Identity, labels barograph.Labels) (barograph.Labels, error) {
	if id.HostID == "" {
		return labels, nil
	}
	switch named := labels.Get("host"); named {
	case id.Name:
		return labels, nil
	case "":
		return labels.With("host", id.Name), nil
	default:
		return nil, barograph.Errorf(barograph.KindInvalid,
			"label host is %q, but this key speaks for the host %q only; leave the label out, or use an operator token to write for other hosts", named, id.Name)
	}
}

// ownPrefix begins the names of series that the server writes itself: forecasts,
// the answers of sources, its own figures.
const ownPrefix = "barograph_"

// ownName refuses a host the names of the server's own series: rules and people
// would take them for the server's word.
func ownName(id barograph.Identity, metric string) error {
	if id.HostID == "" || !strings.HasPrefix(metric, ownPrefix) {
		return nil
	}
	return barograph.Errorf(barograph.KindInvalid,
		"metric %s: names that begin with %s are the server's own, and a host's key may not write them; choose another name, or use an operator token", clip(metric), ownPrefix)
}

// checkTime refuses times too far ahead of the clock.
func (in *Ingest) checkTime(unixMilli int64, now time.Time) error {
	if latest := now.Add(in.cfg.MaxAhead.Std()); unixMilli > latest.UnixMilli() {
		return barograph.Errorf(barograph.KindInvalid, "time %s is in the future: the server's clock says %s and allows %s ahead; check the sender's clock and the precision",
			time.UnixMilli(unixMilli).UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339), in.cfg.MaxAhead)
	}
	return nil
}
