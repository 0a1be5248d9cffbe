package manage

import "github.com/barograph/barograph"

// The inputs that leave a thing as it is, for whoever changes a part of it.

// InputOfHost returns what is said of the host.
func InputOfHost(h barograph.Host) HostInput { return HostInput{Name: h.Name, Labels: h.Labels} }

// InputOfCheck returns what is said of the check.
func InputOfCheck(c barograph.Check) CheckInput {
	return CheckInput{
		Name: c.Name, Collector: c.Collector, Command: c.Command, Interval: &c.Interval, Timeout: &c.Timeout,
		Labels: c.Labels, Matchers: c.Matchers, Enabled: &c.Enabled,
	}
}

// InputOfTarget returns what is said of the target.
func InputOfTarget(t barograph.Target) TargetInput {
	return TargetInput{
		Name: t.Name, Kind: t.Kind, Address: t.Address, Interval: &t.Interval, Timeout: &t.Timeout, Count: &t.Count,
		Labels: t.Labels, Options: t.Options, Enabled: &t.Enabled,
	}
}

// InputOfRule returns what is said of the rule.
func InputOfRule(r barograph.Rule) RuleInput {
	in := RuleInput{
		Name: r.Name, Series: &r.Series, Source: r.Source, Query: r.Query, Operator: r.Operator, Limit: r.Limit,
		For: &r.For, Horizon: &r.Horizon, OpenAt: &r.OpenAt, CloseAt: &r.CloseAt, Bounds: r.Bounds,
		Severity: r.Severity, Labels: r.Labels, Annotations: r.Annotations, Enabled: &r.Enabled,
	}
	if r.Source != "" { // the query says which series there are
		in.Series = nil
	}
	return in
}

// InputOfSubscription returns what is said of the subscription. Its endpoints
// keep their secrets, which are not in it.
func InputOfSubscription(s barograph.Subscription) SubscriptionInput {
	in := SubscriptionInput{
		Name: s.Name, EventTypes: s.EventTypes, Matchers: s.Matchers, MinSeverity: s.MinSeverity,
		MinProbability: s.MinProbability, MaxETA: s.MaxETA, Only: s.Only,
		GroupBy: s.GroupBy, GroupWait: &s.GroupWait, GroupInterval: &s.GroupInterval, RepeatInterval: &s.RepeatInterval,
		SMSDailyBudget: s.SMSDailyBudget, SMSOverflowTo: s.SMSOverflowTo, Enabled: &s.Enabled,
	}
	for _, e := range s.Endpoints {
		in.Endpoints = append(in.Endpoints, EndpointInput{ID: e.ID, Kind: e.Kind, URL: e.URL, Format: e.Format, To: e.To})
	}
	return in
}

// InputOfSilence returns what is said of the silence.
func InputOfSilence(s barograph.Silence) SilenceInput {
	return SilenceInput{Matchers: s.Matchers, StartsAt: s.StartsAt, EndsAt: s.EndsAt, Recurs: s.Recurs, Comment: s.Comment}
}
