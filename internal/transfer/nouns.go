package transfer

import (
	"cmp"
	"encoding/hex"
	"time"

	"github.com/barograph/barograph"
)

// How each noun becomes an item of the document, and back. What an item leaves
// out, as when a thing was made, is left out of the noun.

func hostItem(h barograph.KeyedHost) host {
	return host{ID: h.ID, Name: h.Name, Labels: h.Labels.Map(), KeyHash: hashText(h.Key)}
}

func hostNoun(h host) barograph.KeyedHost {
	return barograph.KeyedHost{
		Host: barograph.Host{ID: h.ID, Name: h.Name, Labels: barograph.NewLabels(h.Labels)}, Key: hashOf(h.KeyHash),
	}
}

func checkItem(c barograph.Check) check {
	return check{
		ID: c.ID, Name: c.Name, Collector: c.Collector, Command: c.Command, Interval: c.Interval, Timeout: c.Timeout,
		Labels: c.Labels.Map(), Matchers: c.Matchers, Enabled: c.Enabled,
	}
}

func checkNoun(c check) barograph.Check {
	return barograph.Check{
		ID: c.ID, Name: c.Name, Collector: c.Collector, Command: c.Command, Interval: c.Interval, Timeout: c.Timeout,
		Labels: barograph.NewLabels(c.Labels), Matchers: c.Matchers, Enabled: c.Enabled,
	}
}

func targetItem(t barograph.Target) target {
	return target{
		ID: t.ID, Name: t.Name, Kind: t.Kind, Address: t.Address, Interval: t.Interval, Timeout: t.Timeout, Count: t.Count,
		Labels: t.Labels.Map(), Options: probeOptions(t.Options), Enabled: t.Enabled,
	}
}

func targetNoun(t target) barograph.Target {
	return barograph.Target{
		ID: t.ID, Name: t.Name, Kind: t.Kind, Address: t.Address, Interval: t.Interval, Timeout: t.Timeout, Count: t.Count,
		Labels: barograph.NewLabels(t.Labels), Options: barograph.ProbeOptions(t.Options), Enabled: t.Enabled,
	}
}

// fill sets what the API does for the kind.
func (t *target) fill() {
	interval, count := barograph.Duration(time.Minute), 1
	if t.Kind == barograph.ProbeICMP {
		interval, count = barograph.Duration(30*time.Second), 4
	}
	t.Interval, t.Count = cmp.Or(t.Interval, interval), cmp.Or(t.Count, count)
	t.Timeout = cmp.Or(t.Timeout, min(barograph.Duration(5*time.Second), t.Interval))
}

func ruleItem(r barograph.Rule) rule {
	out := rule{
		ID: r.ID, Name: r.Name, Source: r.Source, Query: r.Query, Operator: r.Operator, Limit: r.Limit, For: r.For,
		Horizon: r.Horizon, OpenAt: r.OpenAt, CloseAt: r.CloseAt, Bounds: (*bounds)(r.Bounds), Severity: r.Severity,
		Labels: r.Labels.Map(), Annotations: r.Annotations, Enabled: r.Enabled,
	}
	if r.Source == "" {
		out.Series = r.Series.String()
	}
	return out
}

// ruleNoun returns an error if the series can't be read.
func ruleNoun(r rule) (barograph.Rule, error) {
	out := barograph.Rule{
		ID: r.ID, Name: r.Name, Source: r.Source, Query: r.Query, Operator: r.Operator, Limit: r.Limit, For: r.For,
		Horizon: r.Horizon, OpenAt: r.OpenAt, CloseAt: r.CloseAt, Bounds: (*barograph.Bounds)(r.Bounds), Severity: r.Severity,
		Labels: barograph.NewLabels(r.Labels), Annotations: r.Annotations, Enabled: r.Enabled,
	}
	if r.Source != "" && r.Series == "" {
		out.Series = out.QuerySelector()
		return out, nil
	}
	var err error
	out.Series, err = barograph.ParseSelector(r.Series)
	return out, err
}

func subscriptionItem(s barograph.Subscription) subscription {
	out := subscription{
		ID: s.ID, Name: s.Name, EventTypes: s.EventTypes, Matchers: s.Matchers, Only: s.Only, MinSeverity: s.MinSeverity,
		MinProbability: s.MinProbability, MaxETA: s.MaxETA, GroupBy: s.GroupBy, GroupWait: s.GroupWait,
		GroupInterval: s.GroupInterval, RepeatInterval: s.RepeatInterval, SMSDailyBudget: s.SMSDailyBudget,
		SMSOverflowTo: s.SMSOverflowTo, Enabled: s.Enabled,
	}
	for _, e := range s.Endpoints {
		out.Endpoints = append(out.Endpoints, endpoint{
			ID: e.ID, Kind: e.Kind, URL: e.URL, Format: e.Format, To: e.To, Secret: e.Secret.Reveal(),
			PreviousSecret: e.PreviousSecret.Reveal(), PreviousSecretUntil: moment(e.PreviousSecretUntil),
			Disabled: e.Health.Disabled, DisabledReason: e.Health.DisabledReason,
		})
	}
	return out
}

func subscriptionNoun(s subscription) barograph.Subscription {
	out := barograph.Subscription{
		ID: s.ID, Name: s.Name, EventTypes: s.EventTypes, Matchers: s.Matchers, Only: s.Only, MinSeverity: s.MinSeverity,
		MinProbability: s.MinProbability, MaxETA: s.MaxETA,
		Storm: barograph.Storm{
			GroupBy: s.GroupBy, GroupWait: s.GroupWait, GroupInterval: s.GroupInterval, RepeatInterval: s.RepeatInterval,
		},
		SMSDailyBudget: s.SMSDailyBudget, SMSOverflowTo: s.SMSOverflowTo, Enabled: s.Enabled,
	}
	for _, e := range s.Endpoints {
		out.Endpoints = append(out.Endpoints, barograph.Endpoint{
			ID: e.ID, Kind: e.Kind, URL: e.URL, Format: e.Format, To: e.To, Secret: barograph.Secret(e.Secret),
			PreviousSecret: barograph.Secret(e.PreviousSecret), PreviousSecretUntil: momentOf(e.PreviousSecretUntil),
			Health: barograph.EndpointHealth{Disabled: e.Disabled, DisabledReason: e.DisabledReason},
		})
	}
	return out
}

func silenceItem(s barograph.Silence) silence {
	return silence{
		ID: s.ID, Matchers: s.Matchers, StartsAt: s.StartsAt.UTC(), EndsAt: moment(s.EndsAt), Recurs: (*recurs)(s.Recurs),
		Comment: s.Comment, CreatedBy: s.CreatedBy,
	}
}

func silenceNoun(s silence) barograph.Silence {
	return barograph.Silence{
		ID: s.ID, Matchers: s.Matchers, StartsAt: s.StartsAt.UTC(), EndsAt: momentOf(s.EndsAt), Recurs: (*barograph.Recurs)(s.Recurs),
		Comment: s.Comment, CreatedBy: s.CreatedBy,
	}
}

func tokenItem(t barograph.KeyedToken) token {
	return token{ID: t.ID, Name: t.Name, Role: t.Role, Prefix: t.Prefix, ExpiresAt: moment(t.ExpiresAt), KeyHash: hashText(t.Key)}
}

func tokenNoun(t token) barograph.KeyedToken {
	return barograph.KeyedToken{
		Token: barograph.Token{ID: t.ID, Name: t.Name, Role: t.Role, Prefix: t.Prefix, ExpiresAt: momentOf(t.ExpiresAt)},
		Key:   hashOf(t.KeyHash),
	}
}

// moment returns nil for no time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func momentOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func hashText(h barograph.KeyHash) string {
	if h == (barograph.KeyHash{}) {
		return ""
	}
	return hex.EncodeToString(h[:])
}

// hashOf returns the zero hash for what is none.
func hashOf(text string) (h barograph.KeyHash) {
	if raw, err := hex.DecodeString(text); err == nil && len(raw) == len(h) {
		copy(h[:], raw)
	}
	return h
}
