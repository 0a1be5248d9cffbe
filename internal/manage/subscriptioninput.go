package manage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// SubscriptionInput is what is said of a subscription. What is nil gets the
// default; of GroupBy, an empty list is a choice.
type SubscriptionInput struct {
	Name           string              `json:"name"`                  // unique
	EventTypes     []string            `json:"event_types,omitempty"` // patterns; empty: all but the watchdog
	Matchers       barograph.Matchers  `json:"matchers,omitempty"`
	MinSeverity    barograph.Severity  `json:"min_severity,omitempty"`
	MinProbability float64             `json:"min_probability,omitempty"`
	MaxETA         barograph.Duration  `json:"max_eta,omitempty"` // 0: any
	Only           barograph.NewsKind  `json:"only,omitempty"`
	GroupBy        []string            `json:"group_by,omitempty"`        // rule
	GroupWait      *barograph.Duration `json:"group_wait,omitempty"`      // 30s
	GroupInterval  *barograph.Duration `json:"group_interval,omitempty"`  // 5m
	RepeatInterval *barograph.Duration `json:"repeat_interval,omitempty"` // 1d
	SMSDailyBudget int                 `json:"sms_daily_budget,omitempty"`
	SMSOverflowTo  []string            `json:"sms_overflow_to,omitempty"`
	Endpoints      []EndpointInput     `json:"endpoints"`
	Enabled        *bool               `json:"enabled,omitempty"` // true
	Basis          Version             `json:"-"`
}

// EndpointInput is what is said of an endpoint. E-mail and SMS need To, all
// others URL.
type EndpointInput struct {
	// ID names the subscription's endpoint that this one replaces; "": a new one.
	ID     barograph.EndpointID    `json:"id,omitempty"`
	Kind   barograph.EndpointKind  `json:"kind"`
	URL    string                  `json:"url,omitempty"` // shoutrrr: the whole, or its scheme to keep the one that it has
	Format barograph.WebhookFormat `json:"format,omitempty"`
	// Secret signs webhooks, which get or keep one where none is given. To an
	// Alertmanager it is shown.
	Secret barograph.Secret `json:"secret,omitempty"`
	To     []string         `json:"to,omitempty"`
}

// EndpointSecret is the new secret of one webhook.
type EndpointSecret struct {
	EndpointID barograph.EndpointID
	Secret     barograph.Secret
}

// Channels says what is wrong with an endpoint that looks right: that nothing is
// sent to its address, or that its channel is not configured.
type Channels interface {
	CheckEndpoint(e barograph.Endpoint) error
}

// newSubscription fills in what was left out, or returns an error that names
// every bad field. Its endpoints take over from the old ones that they name; the
// secrets are those of webhooks that got a new one.
func (m Subscriptions) newSubscription(
	in SubscriptionInput, old []barograph.Endpoint, now time.Time,
) (s barograph.Subscription, secrets []EndpointSecret, err error) {
	s = presentable(barograph.Subscription{
		Name: in.Name, EventTypes: in.EventTypes, Matchers: in.Matchers, Only: in.Only, MinSeverity: in.MinSeverity,
		MinProbability: in.MinProbability, MaxETA: in.MaxETA, Storm: newStorm(in),
		SMSDailyBudget: in.SMSDailyBudget, SMSOverflowTo: in.SMSOverflowTo, Enabled: or(in.Enabled, true),
	})
	var p barograph.Problems
	secrets = []EndpointSecret{}
	for i, given := range in.Endpoints {
		e, err := newEndpoint(given, s.Endpoints, old)
		p.Merge(fmt.Sprintf("endpoints[%d]", i), err)
		if e.ID == "" {
			e.ID = barograph.EndpointID(barograph.NewID("ept", now))
		}
		if e.Kind == barograph.EndpointWebhook && e.Secret == "" {
			e.Secret = m.newSecret()
			given.Secret = e.Secret
		}
		if e.Kind == barograph.EndpointWebhook && given.Secret != "" {
			secrets = append(secrets, EndpointSecret{e.ID, given.Secret})
		}
		s.Endpoints = append(s.Endpoints, e)
	}
	p.Merge("", s.Validate())
	limitSubscription(&p, in)
	for i, e := range s.Endpoints {
		p.Merge(fmt.Sprintf("endpoints[%d]", i), m.channels.CheckEndpoint(e))
	}
	return s, secrets, p.Err("subscription")
}

func newStorm(in SubscriptionInput) barograph.Storm {
	storm := barograph.DefaultStorm()
	if in.GroupBy != nil { // an empty list is a choice
		storm.GroupBy = in.GroupBy
	}
	storm.GroupWait = or(in.GroupWait, storm.GroupWait)
	storm.GroupInterval = or(in.GroupInterval, storm.GroupInterval)
	storm.RepeatInterval = or(in.RepeatInterval, storm.RepeatInterval)
	return storm
}

// newEndpoint returns the endpoint that was given, as far as it is understood.
// One that names an old endpoint keeps its health, and its secret if none is
// given.
func newEndpoint(given EndpointInput, taken, old []barograph.Endpoint) (barograph.Endpoint, error) {
	var p barograph.Problems
	e := barograph.Endpoint{
		ID: given.ID, Kind: given.Kind, URL: given.URL, Format: given.Format, To: given.To, Secret: given.Secret,
	}
	noUse(&p, given)
	var before barograph.Endpoint
	if given.ID != "" {
		named := func(e barograph.Endpoint) bool { return e.ID == given.ID }
		i := slices.IndexFunc(old, named)
		switch {
		case i < 0 || slices.ContainsFunc(taken, named):
			p.Addf("id", "%q is not an endpoint of this subscription, or is given twice; leave it out for a new one", barograph.Clip(string(given.ID)))
		case old[i].Kind != given.Kind:
			p.Addf("kind", "%q is another kind than that of endpoint %s, which is %s; leave the id out for a new one",
				barograph.Clip(string(given.Kind)), given.ID, old[i].Kind)
		default:
			before = old[i]
		}
	}
	e.Health = before.Health
	inheritSecret(&p, &e, before)
	return e, p.Err("endpoint")
}

// noUse tells of fields that mean nothing to an endpoint of this kind.
func noUse(p *barograph.Problems, given EndpointInput) {
	const (
		webhook, alertmanager, shoutrrr = barograph.EndpointWebhook, barograph.EndpointAlertmanager, barograph.EndpointShoutrrr
		email, sms                      = barograph.EndpointEmail, barograph.EndpointSMS
	)
	for _, field := range []struct {
		name  string
		given bool
		kinds []barograph.EndpointKind
	}{
		{"url", given.URL != "", []barograph.EndpointKind{webhook, alertmanager, shoutrrr}},
		{"to", len(given.To) > 0, []barograph.EndpointKind{email, sms}},
		{"secret", given.Secret != "", []barograph.EndpointKind{webhook, alertmanager}},
	} {
		known := slices.Contains([]barograph.EndpointKind{webhook, alertmanager, shoutrrr, email, sms}, given.Kind)
		if known && field.given && !slices.Contains(field.kinds, given.Kind) {
			p.Addf(field.name, "has no use with an endpoint of kind %s", given.Kind)
		}
	}
}

// inheritSecret lets the endpoint keep the secret of the one before it, which is
// of the same kind, or zero if there was none.
func inheritSecret(p *barograph.Problems, e *barograph.Endpoint, before barograph.Endpoint) {
	switch e.Kind {
	case barograph.EndpointShoutrrr:
		keepService(p, e, before)
	case barograph.EndpointWebhook:
		if e.Secret == "" {
			e.Secret, e.PreviousSecret, e.PreviousSecretUntil = before.Secret, before.PreviousSecret, before.PreviousSecretUntil
		}
	case barograph.EndpointAlertmanager:
		switch {
		case e.Secret != "" || before.Secret == "":
		case e.MayInherit(before):
			e.Secret = before.Secret
		default: // it would be shown to whom it was not meant for
			p.Addf("secret", "is missing: give it again, as the address is another one; leave the id out for an endpoint without")
		}
	case barograph.EndpointEmail, barograph.EndpointSMS:
	}
}

// keepService puts the URL of a shoutrrr service, which holds its password,
// where secrets are kept. The scheme alone stands for the URL that it had.
func keepService(p *barograph.Problems, e *barograph.Endpoint, before barograph.Endpoint) {
	scheme, rest, found := strings.Cut(e.URL, "://")
	switch {
	case found && rest != "":
		e.URL, e.Secret = scheme+"://", barograph.Secret(e.URL)
	case before.URL != "" && e.URL == before.URL:
		e.Secret = before.Secret
	default:
		e.Secret = ""
		p.Addf("url", "is not a whole URL, as slack://hook:TOKEN@webhook; to keep the one that an endpoint has, give its scheme and the endpoint's id")
	}
}

// leaveOutKept takes away the secrets that were not given but read with the old
// endpoints: which ones there are to keep is settled when the change is saved.
func leaveOutKept(endpoints []barograph.Endpoint, given []EndpointInput, old []barograph.Endpoint) {
	for i := range endpoints {
		e := &endpoints[i]
		kept := func(before barograph.Endpoint) bool { return before.ID == e.ID && before.Secret == e.Secret }
		if given[i].Secret == "" && slices.ContainsFunc(old, kept) {
			e.Secret, e.PreviousSecret, e.PreviousSecretUntil = "", "", time.Time{}
		}
	}
}
