// Package agent measures a host and sends what it finds to the server. It runs
// on the watched host, inside cmd/barograph-agent or inside the server itself.
//
//	cfg := agent.DefaultConfig()
//	cfg.Server, cfg.Key, cfg.Dir = "https://barograph.example.com", key, "/var/lib/barograph-agent"
//	client, err := agent.NewHTTPClient(cfg)
//	a, err := agent.New(cfg, log, client)
//	err = a.Run(ctx)
//
// It fetches the list of checks, runs each at its interval, writes what it
// found to a spool on disk and sends it from there.
//
// # Guarantees
//
// Measuring doesn't depend on the server: the last good list of checks is kept
// on disk, and samples wait there with their original times until the server
// takes them, within the bounds of the spool. What the bounds cost is counted
// and told to the server.
//
// Nothing runs on a host that its owner did not allow: a command of the server
// runs only with Config.AllowCommands, else the check is reported as refused. A
// check with a built-in collector runs the collector, never the command.
//
// A check never runs twice at once, and a command that outlasts its timeout is
// killed with its children.
package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/spool"
	"github.com/barograph/barograph/internal/wire"
)

// Agent is made by New and works while Run runs.
type Agent struct {
	config Config
	labels barograph.Labels
	log    *slog.Logger
	remote *remote
	state  stateFile

	wake    chan struct{} // holds a value when there is something to send
	unsaved atomic.Uint64

	spoolMu     sync.Mutex
	spoolFailed bool
}

// New returns an agent, or an error that names everything that is wrong with
// the configuration. The client decides how connections are made; it never
// follows redirects.
func New(config Config, log *slog.Logger, client *http.Client) (*Agent, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	return &Agent{
		config: config,
		labels: barograph.NewLabels(config.Labels),
		log:    log,
		remote: &remote{
			server: config.Server, key: config.Key,
			agent: "barograph-agent/" + Version(), client: guarded(client),
		},
		state: stateFile(filepath.Join(config.Dir, "checks.json")),
		wake:  make(chan struct{}, 1),
	}, nil
}

// Version returns the version that the program was built from.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// Run measures and sends until ctx ends, and returns nil then. It fails only
// if it can't use its directory, or another agent does.
func (a *Agent) Run(ctx context.Context) error {
	if err := os.MkdirAll(a.config.Dir, 0o700); err != nil {
		return fmt.Errorf("create directory of the agent: %w", err)
	}
	queue, err := spool.Open(filepath.Join(a.config.Dir, "spool"), spool.Options{
		MaxBytes: a.config.Spool.MaxBytes, MaxAge: a.config.Spool.MaxAge.Std(),
	})
	if err != nil {
		return fmt.Errorf("open spool of the agent: %w", err)
	}
	if n := queue.Stats().Records; n > 0 {
		a.log.InfoContext(ctx, "samples of an earlier run wait to be sent", "samples", n)
	}
	statuses := newStatusBook(a.log, a.wakeSender)
	s := &sender{
		log: a.log, remote: a.remote, queue: queue, statuses: statuses, unsaved: &a.unsaved,
		link: link{log: a.log, what: "send samples"}, limit: maxBatchSamples,
	}
	var done sync.WaitGroup
	done.Go(func() { s.run(ctx, a.wake) })
	done.Go(func() { a.measure(ctx, queue, statuses) })
	done.Wait()
	return queue.Close()
}

// measure keeps the list of checks fresh and runs them.
func (a *Agent) measure(ctx context.Context, queue *spool.Queue, statuses *statusBook) {
	checks := &schedule{
		log: a.log, allowCommands: a.config.AllowCommands, statuses: statuses,
		running: map[string]*runningTask{},
		store: func(c wire.Check, readings []Reading, at time.Time) {
			a.store(queue, c, readings, at)
		},
	}
	defer checks.stop()
	current, known, err := a.state.load()
	if err != nil {
		a.log.WarnContext(ctx, "saved checks are unusable; waiting for the server's", "error", err)
	}
	if known {
		a.log.InfoContext(ctx, "checks taken from disk", "checks", len(current.Config.Checks))
		checks.apply(ctx, current.Config.Checks)
	}
	talk := link{log: a.log, what: "fetch checks"}
	var retry backoff
	for {
		fresh, changed, err := a.remote.fetchConfig(ctx, current.ETag)
		talk.report(ctx, err)
		delay := a.refreshDelay()
		switch {
		case err != nil:
			delay = min(retry.after(err), max(delay, minBackoff))
		case changed:
			current = fresh
			a.adopt(ctx, checks, fresh)
			fallthrough
		default:
			retry.reset()
		}
		if wait(ctx, delay) != nil {
			return
		}
	}
}

// adopt works by a new list of checks from now on.
func (a *Agent) adopt(ctx context.Context, checks *schedule, c savedConfig) {
	a.log.InfoContext(ctx, "checks taken from the server", "host", c.Config.Host, "checks", len(c.Config.Checks))
	if err := a.state.save(c); err != nil {
		a.log.ErrorContext(ctx, "checks can't be saved; after a restart the server is needed", "error", err)
	}
	checks.apply(ctx, c.Config.Checks)
}

// refreshDelay is up to a fifth shorter than the configured time, so that
// agents that started together don't stay together.
func (a *Agent) refreshDelay() time.Duration {
	d := a.config.Refresh.Std()
	return d - rand.N(d/5) //nolint:gosec // spreads load, guards nothing
}

// store writes readings to the spool.
func (a *Agent) store(queue *spool.Queue, c wire.Check, readings []Reading, at time.Time) {
	records := make([][]byte, 0, len(readings))
	for _, r := range readings {
		labels := a.labels.Merge(c.Labels).Merge(r.Labels).With("host", "") // the server knows better
		record, err := json.Marshal(wire.Sample{Metric: r.Metric, Labels: labels, Time: at.UnixMilli(), Value: r.Value})
		if err != nil {
			a.log.Error("reading can't be encoded and is dropped", "check", c.Name, "error", err)
			continue
		}
		records = append(records, record)
	}
	err := queue.Append(records...)
	if err != nil {
		a.unsaved.Add(uint64(len(records)))
	}
	a.reportSpool(err)
	a.wakeSender()
}

// reportSpool logs when writing to the spool begins or ceases to fail.
func (a *Agent) reportSpool(err error) {
	a.spoolMu.Lock()
	defer a.spoolMu.Unlock()
	failed := err != nil && !errors.Is(err, spool.ErrClosed)
	if failed == a.spoolFailed {
		return
	}
	a.spoolFailed = failed
	if failed {
		a.log.Error("samples can't be written to disk and are lost: look at the disk", "dir", a.config.Dir, "error", err)
	} else {
		a.log.Info("samples are written to disk again", "dir", a.config.Dir)
	}
}

func (a *Agent) wakeSender() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}
