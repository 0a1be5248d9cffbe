package manage_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/manage"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// clock stands still until it is moved.
type clock struct{ offset atomic.Int64 }

func (c *clock) Now() time.Time { return epoch.Add(time.Duration(c.offset.Load())) }

func (c *clock) Ticker(d time.Duration) (<-chan time.Time, func()) {
	return barograph.WallClock{}.Ticker(d)
}

// around is what stands around the database: it takes what it is asked, and
// remembers it.
type around struct {
	db     *configdb.DB
	topics []string
	acks   []barograph.Acknowledgement
	tested []time.Duration
	err    error
}

func (a *around) Check(_ context.Context, source, query string) error {
	var p barograph.Problems
	if source != "prometheus" {
		p.Addf("source", "%q is not known", barograph.Clip(source))
	}
	if strings.Count(query, "(") != strings.Count(query, ")") {
		p.Addf("query", "has a bracket too many")
	}
	return p.Err("rule")
}

func (a *around) CheckEndpoint(e barograph.Endpoint) error {
	if e.Kind != barograph.EndpointSMS {
		return nil
	}
	var p barograph.Problems
	p.Addf("kind", "no text messages are sent here")
	return p.Err("endpoint")
}

func (a *around) Restore(ctx context.Context, id barograph.RuleID) (barograph.Rule, error) {
	return a.db.Rule(ctx, id)
}

func (a *around) Backtest(_ context.Context, _ barograph.Rule, from, to time.Time) (barograph.Backtest, error) {
	a.tested = append(a.tested, to.Sub(from))
	return barograph.Backtest{Summary: "no predictions"}, a.err
}

func (a *around) Test(context.Context, barograph.Subscription, barograph.EndpointID) (barograph.Attempt, error) {
	return barograph.Attempt{StatusCode: http.StatusNoContent}, nil
}

func (a *around) Enable(context.Context, barograph.SubscriptionID, barograph.EndpointID) (barograph.Endpoint, error) {
	return barograph.Endpoint{}, nil
}

func (a *around) Disable(context.Context, barograph.SubscriptionID, barograph.EndpointID) (barograph.Endpoint, error) {
	return barograph.Endpoint{Health: barograph.EndpointHealth{Disabled: true}}, nil
}

func (a *around) Replay(context.Context, barograph.Replay) (int, error) { return 3, nil }

func (a *around) Acknowledge(_ context.Context, topic string, ack barograph.Acknowledgement) error {
	a.topics, a.acks = append(a.topics, topic), append(a.acks, ack)
	return nil
}

// desk is a Manage on a real database.
type desk struct {
	*manage.Manage

	db     *configdb.DB
	clock  *clock
	around *around
	forgot int
}

const made = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{clock: &clock{}}
	var err error
	d.db, err = configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: t.TempDir(), Clock: d.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.db.Close() })
	d.around = &around{db: d.db}
	d.Manage, err = manage.New(manage.Options{
		Hosts: d.db, HostKeys: d.db, Checks: d.db, Targets: d.db, Rules: d.db, Sources: d.around, Restorer: d.around,
		Backtester: d.around, Subscriptions: d.db, Channels: d.around, Secrets: d.db, Endpoints: d.around, Events: d.db,
		Replayer: d.around, Silences: d.db, Warnings: d.db, Acknowledger: d.around, Tokens: d.db,
		NewWebhookSecret: func() barograph.Secret { return made }, Clock: d.clock, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	d.WhenKeysChange(func() { d.forgot++ })
	return d
}

// as returns a context in which somebody of the role acts.
func as(t *testing.T, role barograph.Role) context.Context {
	t.Helper()
	return barograph.WithIdentity(t.Context(), barograph.Identity{Role: role, Name: "alice"})
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// fields returns the bad fields that the error names, once each.
func fields(err error) []string {
	e, ok := errors.AsType[*barograph.Error](err)
	if !ok {
		return nil
	}
	var names []string
	for _, f := range e.Fields {
		names = append(names, f.Field)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
