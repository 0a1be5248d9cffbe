// Package manage is what people do: they enrol hosts, make and change checks,
// targets, rules, subscriptions, silences and tokens, take predictions on, and
// replay events. The API and the pages both do it through here, so that what is
// left out is filled in the same way, what is wrong is told in the same words,
// and nothing can be done by the one that the other would refuse.
//
// Use: make one Manage with New and give it to both. Who acts is who the context
// says (barograph.IdentityFrom); whether they may, the caller has settled.
//
// It guarantees that
//   - nothing is saved that was not judged as a whole: an error of
//     barograph.KindInvalid names every bad field by its path in the input;
//   - keys and secrets are returned once, by what makes them, as barograph.Secret;
//   - whoever remembers keys is told to forget them before a change of keys returns.
package manage

import (
	"log/slog"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// Options are what a Manage works with. All are needed.
type Options struct {
	Hosts         HostStore
	HostKeys      HostKeys
	Checks        CheckStore
	Targets       TargetStore
	Rules         RuleStore
	Sources       Sources
	Restorer      Restorer
	Backtester    Backtester
	Subscriptions SubscriptionStore
	Channels      Channels
	Secrets       Secrets
	Endpoints     Endpoints
	Events        Events
	Replayer      Replayer
	Silences      SilenceStore
	Warnings      Warnings
	Acknowledger  Acknowledger
	Tokens        TokenStore

	// NewWebhookSecret makes the secret of a webhook that comes without one.
	NewWebhookSecret func() barograph.Secret

	Clock  barograph.Clock
	Logger *slog.Logger
}

func (o Options) validate() error {
	var p barograph.Problems
	for name, missing := range map[string]bool{
		"Hosts": o.Hosts == nil, "HostKeys": o.HostKeys == nil, "Checks": o.Checks == nil, "Targets": o.Targets == nil,
		"Rules": o.Rules == nil, "Sources": o.Sources == nil, "Restorer": o.Restorer == nil, "Backtester": o.Backtester == nil,
		"Subscriptions": o.Subscriptions == nil, "Channels": o.Channels == nil, "Secrets": o.Secrets == nil,
		"Endpoints": o.Endpoints == nil, "Events": o.Events == nil, "Replayer": o.Replayer == nil, "Silences": o.Silences == nil,
		"Warnings": o.Warnings == nil, "Acknowledger": o.Acknowledger == nil, "Tokens": o.Tokens == nil,
		"NewWebhookSecret": o.NewWebhookSecret == nil, "Clock": o.Clock == nil, "Logger": o.Logger == nil,
	} {
		if missing {
			p.Addf(name, "is missing")
		}
	}
	return p.Err("options of what people do")
}

// Manage is everything that people do, by noun.
type Manage struct {
	Hosts            Hosts
	Checks           Checks
	Targets          Targets
	Rules            Rules
	Backtests        Backtests
	Subscriptions    Subscriptions
	Silences         Silences
	Acknowledgements Acknowledgements
	Tokens           Tokens

	holders *keyHolders
}

// New returns a Manage, or an error that names every option that is missing.
func New(o Options) (*Manage, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	holders := &keyHolders{}
	rules := Rules{o.Rules, o.Sources, o.Restorer, o.Clock}
	return &Manage{
		Hosts:     Hosts{o.Hosts, o.HostKeys, holders, o.Clock},
		Checks:    Checks{o.Checks, o.Clock},
		Targets:   Targets{o.Targets, o.Clock},
		Rules:     rules,
		Backtests: Backtests{o.Backtester, rules, o.Clock, o.Logger},
		Subscriptions: Subscriptions{
			o.Subscriptions, o.Channels, o.Secrets, o.Endpoints, o.Events, o.Replayer, o.NewWebhookSecret, o.Clock,
		},
		Silences:         Silences{o.Silences, o.Clock},
		Acknowledgements: Acknowledgements{o.Acknowledger, o.Warnings, o.Clock},
		Tokens:           Tokens{o.Tokens, holders, o.Clock},
		holders:          holders,
	}, nil
}

// WhenKeysChange has forget called after each change of keys, for whoever
// remembers which of them are good.
func (m *Manage) WhenKeysChange(forget func()) { m.holders.add(forget) }

// keyHolders are those who remember keys.
type keyHolders struct {
	mu     sync.Mutex
	forget []func()
}

func (h *keyHolders) add(forget func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget = append(h.forget, forget)
}

func (h *keyHolders) tell() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, forget := range h.forget {
		forget()
	}
}

func newKey(role barograph.Role) (barograph.Secret, barograph.KeyHash, error) {
	key := barograph.NewKey(role)
	hash, err := barograph.HashKey(key)
	return key, hash, err
}

// or returns what was given, or the default.
func or[T any](given *T, otherwise T) T {
	if given == nil {
		return otherwise
	}
	return *given
}

// timestamp returns the time as databases keep it, so that an answer to a change
// says the same as what is read later.
func timestamp(clock barograph.Clock) time.Time { return stored(clock.Now()) }

// stored returns the time as databases keep it.
func stored(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}
