package barograph

import (
	"encoding/base64"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SubscriptionID identifies a subscription.
type SubscriptionID string

// EndpointID identifies an endpoint.
type EndpointID string

// Subscription says who wants which events, and where to.
type Subscription struct {
	ID             SubscriptionID `json:"id"`
	Name           string         `json:"name"`           // unique
	EventTypes     []string       `json:"event_types"`    // patterns, as "prediction.*"; empty: all but watchdog
	Matchers       Matchers       `json:"matchers"`       // on the event's labels
	Only           NewsKind       `json:"only,omitempty"` // "": what is predicted, and what is
	MinSeverity    Severity       `json:"min_severity,omitempty"`
	MinProbability float64        `json:"min_probability,omitempty"` // of predictions
	MaxETA         Duration       `json:"max_eta,omitempty"`         // of predictions: how far ahead the median may be; 0: any
	Storm                         //nolint:embeddedstructfieldcheck // the order of the fields is that of the JSON
	// SMSDailyBudget is how many text messages may be sent in a day, which begins
	// at midnight UTC; 0: any number. What is beyond it goes to SMSOverflowTo.
	SMSDailyBudget int        `json:"sms_daily_budget,omitempty"`
	SMSOverflowTo  []string   `json:"sms_overflow_to,omitempty"` // e-mail addresses
	Endpoints      []Endpoint `json:"endpoints"`
	Enabled        bool       `json:"enabled"` // false: paused
	CreatedAt      time.Time  `json:"created_at"`
	UpdatedAt      time.Time  `json:"updated_at"`
}

// Storm says how many events at once become few messages. Events that are alike
// in the GroupBy labels form a group, of which the first is sent at once; what
// follows within GroupWait goes into one message, and what follows that, into
// one in each GroupInterval. It applies to what people read and to receivers
// that take several alerts at once; webhooks with CloudEvents get each event.
type Storm struct {
	GroupBy       []string `json:"group_by"`
	GroupWait     Duration `json:"group_wait"`
	GroupInterval Duration `json:"group_interval"`
	// RepeatInterval is how often people are reminded of an open breach that
	// nobody acknowledged; 0: never.
	RepeatInterval Duration `json:"repeat_interval"`
}

// DefaultStorm returns what suits most.
func DefaultStorm() Storm {
	return Storm{
		GroupBy: []string{"rule"}, GroupWait: Duration(30 * time.Second), GroupInterval: Duration(5 * time.Minute),
		RepeatInterval: Duration(Day),
	}
}

// Group returns the name of the group that the event belongs to. What lacks a
// label goes with the others of its kind.
func (s Storm) Group(e Event) string {
	kind, _, _ := strings.Cut(string(e.Type), ".")
	if kind == "prediction" || kind == "breach" {
		kind = "series"
	}
	parts := []string{kind}
	for _, name := range s.GroupBy {
		parts = append(parts, name+"="+strconv.Quote(e.Labels.Get(name))) // which leaves no separator in the value
	}
	return strings.Join(parts, "\x1f")
}

func (s Storm) validate(p *Problems) {
	const mostLabels = 10
	if len(s.GroupBy) > mostLabels {
		p.Addf("group_by", "has %d labels, %d are allowed", len(s.GroupBy), mostLabels)
	}
	for i, name := range s.GroupBy {
		if !ValidName(name) {
			p.Addf(fmt.Sprintf("group_by[%d]", i), "%q is not a label's name", Clip(name))
		}
	}
	between(p, "group_wait", s.GroupWait, 0, Duration(time.Hour))
	between(p, "group_interval", s.GroupInterval, 0, Duration(Day))
	if s.RepeatInterval != 0 {
		between(p, "repeat_interval", s.RepeatInterval, Duration(5*time.Minute), Duration(30*Day))
	}
}

func between(p *Problems, field string, d, least, most Duration) {
	if d < least || d > most {
		p.Addf(field, "%s is not between %s and %s", d, least, most)
	}
}

// NewsKind tells what is foreseen from what is.
type NewsKind string

// The kinds.
const (
	NewsPredicted NewsKind = "predicted" // predictions and how they end, and how rules fare that predict
	NewsActual    NewsKind = "actual"    // breaches and silent hosts
)

// Wants reports whether the subscription asks for the event.
//
// What is told of a rule as a whole is told to all who would be told of its
// predictions: a digest to whom any prediction in it would be sent; one that had
// to leave some out, and that a rule was demoted or restored, to all whose
// matchers don't rule it out.
func (s Subscription) Wants(e Event) bool {
	if !s.Enabled || !s.WantsType(e.Type) {
		return false
	}
	if s.MinSeverity != "" && e.Severity != "" && e.Severity.Rank() < s.MinSeverity.Rank() {
		return false
	}
	switch d := e.Data; {
	case d.Digest != nil && d.Digest.Open == len(d.Digest.Predictions):
		return slices.ContainsFunc(d.Digest.Predictions, func(p Prediction) bool {
			return s.Matchers.Matches(p.Series.Labels.Merge(e.Labels)) && s.sureEnough(p)
		})
	case e.Type.aboutRule():
		return s.Matchers.matchPresent(e.Labels)
	case d.Prediction != nil && !s.sureEnough(*d.Prediction):
		return false
	}
	return s.Matchers.Matches(e.Labels)
}

// sureEnough reports whether the prediction is, or was when it opened, as sure
// and as near as is asked for: whoever was told of it is told how it ends.
func (s Subscription) sureEnough(p Prediction) bool {
	told := func(a Announcement) bool {
		return a.Probability >= s.MinProbability &&
			(s.MaxETA == 0 || a.ETA.Median.Sub(a.At) <= s.MaxETA.Std())
	}
	return told(p.First) || told(p.Latest)
}

// covers reports whether events of the type are of this kind. What is said of
// endpoints and of Barograph itself is of either.
func (k NewsKind) covers(t EventType) bool {
	switch group, _, _ := strings.Cut(string(t), "."); {
	case k == "":
	case group == "prediction" || group == "rule":
		return k == NewsPredicted
	case group == "breach" || group == "host":
		return k == NewsActual
	}
	return true
}

// WantsType reports whether the subscription asks for events of the type.
func (s Subscription) WantsType(t EventType) bool { return s.wantsType(t) && s.Only.covers(t) }

func (s Subscription) wantsType(t EventType) bool {
	if len(s.EventTypes) == 0 {
		return t != EventWatchdog
	}
	for _, pattern := range s.EventTypes {
		if MatchEventType(pattern, t) {
			return true
		}
	}
	// Whoever is told of predictions is told of what stands in for them.
	return t.aboutRule() && s.wantsType(EventPredictionOpened)
}

// Validate returns an error that names every bad field.
func (s Subscription) Validate() error {
	var p Problems
	validResourceName(&p, s.Name)
	for i, pattern := range s.EventTypes {
		if !validEventPattern(pattern) {
			p.Addf(fmt.Sprintf("event_types[%d]", i), "%q matches none of %v", Clip(pattern), EventTypes())
		}
	}
	if s.MinSeverity != "" && s.MinSeverity.Rank() == 0 {
		p.Addf("min_severity", "%q is not one of info, warning, critical", Clip(string(s.MinSeverity)))
	}
	if !(s.MinProbability >= 0 && s.MinProbability < 1) {
		p.Addf("min_probability", "%v is not at least 0 and below 1", s.MinProbability)
	}
	if s.Only != "" && s.Only != NewsPredicted && s.Only != NewsActual {
		p.Addf("only", "%q is not one of predicted, actual; leave it out for both", Clip(string(s.Only)))
	}
	if s.MaxETA < 0 {
		p.Addf("max_eta", "%s is negative", s.MaxETA)
	}
	s.Storm.validate(&p)
	if s.SMSDailyBudget < 0 {
		p.Addf("sms_daily_budget", "%d is negative", s.SMSDailyBudget)
	}
	if len(s.SMSOverflowTo) > 0 && s.SMSDailyBudget == 0 {
		p.Addf("sms_overflow_to", "has no use without an sms_daily_budget")
	}
	validAddresses(&p, "sms_overflow_to", s.SMSOverflowTo)
	if len(s.Endpoints) == 0 {
		p.Addf("endpoints", "is empty: give at least one of kind %s", endpointKinds)
	}
	if len(s.Endpoints) > maxEndpoints {
		p.Addf("endpoints", "has %d endpoints, %d are allowed", len(s.Endpoints), maxEndpoints)
	}
	for i, e := range s.Endpoints {
		p.Merge(fmt.Sprintf("endpoints[%d]", i), e.Validate())
	}
	return p.Err("subscription")
}

// EndpointKind says how an endpoint is reached.
type EndpointKind string

// The kinds of endpoints.
const (
	EndpointWebhook      EndpointKind = "webhook"
	EndpointEmail        EndpointKind = "email"
	EndpointSMS          EndpointKind = "sms"
	EndpointAlertmanager EndpointKind = "alertmanager" // alerts posted to its /api/v2/alerts
	EndpointShoutrrr     EndpointKind = "shoutrrr"     // Slack, Teams, Telegram, ntfy, PagerDuty, … by a service URL
)

const endpointKinds = "webhook, email, sms, alertmanager, shoutrrr"

// WebhookFormat is what a webhook's body looks like.
type WebhookFormat string

// The formats.
const (
	FormatCloudEvents  WebhookFormat = "cloudevents"  // one event, as CloudEvents 1.0 structured JSON
	FormatAlertmanager WebhookFormat = "alertmanager" // a group, as Alertmanager's webhook payload of version 4
)

// Endpoint is where a subscription's events go.
type Endpoint struct {
	ID   EndpointID   `json:"id"`
	Kind EndpointKind `json:"kind"`
	// URL is where webhooks go, and the base address of an Alertmanager. Of a
	// shoutrrr service, whose URL is a secret, it is the scheme alone, as
	// "slack://", and the whole is in Secret.
	URL    string        `json:"url,omitempty"`
	Format WebhookFormat `json:"format,omitempty"` // webhook; "": cloudevents
	// Secret signs webhooks: "whsec_" and 24 to 64 bytes in base64. It is made
	// when none is given, and shown once. To an Alertmanager it is shown: a
	// bearer token, or user:password; "": none.
	Secret Secret `json:"-"`
	// PreviousSecret signs webhooks too until PreviousSecretUntil, so that a
	// receiver has time to change over.
	PreviousSecret      Secret    `json:"-"`
	PreviousSecretUntil time.Time `json:"previous_secret_until,omitzero"`
	To                  []string  `json:"to,omitempty"` // email: addresses; sms: E.164 numbers
	// Health is kept by the dispatcher.
	Health EndpointHealth `json:"health"`
}

// Groups reports whether several events may go to the endpoint in one message.
func (e Endpoint) Groups() bool {
	return e.Kind != EndpointWebhook || e.Format == FormatAlertmanager
}

// MayInherit reports whether the endpoint, which replaces the one before, may go
// on with its secret: where that itself is sent, only if it leads to the same
// place, or it would be shown to whom it was not meant for.
func (e Endpoint) MayInherit(before Endpoint) bool {
	switch {
	case e.Kind != before.Kind:
		return false
	case e.Kind == EndpointAlertmanager:
		return samePlace(e.URL, before.URL)
	case e.Kind == EndpointShoutrrr:
		return e.URL == before.URL
	}
	return true
}

// samePlace reports whether both addresses are one. Hosts are shared: the path or
// the query may say whose it is.
func samePlace(a, b string) bool {
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	return errX == nil && errY == nil && x.Scheme == y.Scheme && x.Host == y.Host && x.RawQuery == y.RawQuery &&
		strings.TrimSuffix(x.EscapedPath(), "/") == strings.TrimSuffix(y.EscapedPath(), "/")
}

// EndpointHealth is how an endpoint fares.
type EndpointHealth struct {
	Disabled       bool      `json:"disabled"`
	DisabledReason string    `json:"disabled_reason,omitempty"`
	DisabledAt     time.Time `json:"disabled_at,omitzero"`
	Failures       int       `json:"failures"`               // attempts since the last success
	Exhausted      int       `json:"exhausted"`              // deliveries given up since the last success
	FailingSince   time.Time `json:"failing_since,omitzero"` // first failure since the last success
	LastSuccess    time.Time `json:"last_success,omitzero"`
}

const (
	webhookSecretPrefix   = "whsec_"
	minWebhookSecretBytes = 24
	maxWebhookSecretBytes = 64
	maxRecipients         = 50
	maxEndpoints          = 50
)

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

var shoutrrrScheme = regexp.MustCompile(`^[a-z][a-z0-9]*(\+[a-z0-9]+)?://$`)

// Validate returns an error that names every bad field. Whether an address may
// be reached is decided when something is sent there.
func (e Endpoint) Validate() error {
	var p Problems
	if e.Format != "" && (e.Kind != EndpointWebhook || e.Format != FormatCloudEvents && e.Format != FormatAlertmanager) {
		p.Addf("format", "%q is not one of cloudevents, alertmanager, which are formats of webhooks", Clip(string(e.Format)))
	}
	switch e.Kind {
	case EndpointWebhook:
		e.validateURL(&p, "webhooks are signed")
		if e.Secret != "" {
			if _, err := e.SigningKey(); err != nil {
				p.Addf("secret", "%s", err)
			}
		}
	case EndpointAlertmanager:
		e.validateURL(&p, "give user:password as the secret")
	case EndpointShoutrrr:
		if !shoutrrrScheme.MatchString(e.URL) || !strings.HasPrefix(e.Secret.Reveal(), e.URL) {
			p.Addf("url", "is not a service URL of shoutrrr, as slack://hook:TOKEN@webhook")
		}
	case EndpointEmail:
		e.validateRecipients(&p)
		validAddresses(&p, "to", e.To)
	case EndpointSMS:
		e.validateRecipients(&p)
		for i, to := range e.To {
			if !e164.MatchString(to) {
				p.Addf(fmt.Sprintf("to[%d]", i), "%q is not a number as +4915112345678 (E.164)", Clip(to))
			}
			once(&p, "to", e.To, i)
		}
	default:
		p.Addf("kind", "%q is not one of %s", Clip(string(e.Kind)), endpointKinds)
	}
	return p.Err("endpoint")
}

func (e Endpoint) validateURL(p *Problems, instead string) {
	u, err := url.Parse(e.URL)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		p.Addf("url", "%q is not an https URL", Clip(e.URL))
	case u.User != nil:
		p.Addf("url", "holds a user name: leave it out, %s", instead)
	}
}

func (e Endpoint) validateRecipients(p *Problems) {
	if len(e.To) == 0 || len(e.To) > maxRecipients {
		p.Addf("to", "has %d recipients, 1 to %d are allowed", len(e.To), maxRecipients)
	}
}

func validAddresses(p *Problems, field string, addresses []string) {
	for i, to := range addresses {
		if a, err := mail.ParseAddress(to); err != nil || a.Address != to {
			p.Addf(fmt.Sprintf("%s[%d]", field, i), "%q is not an e-mail address", Clip(to))
		}
		once(p, field, addresses, i)
	}
}

// once tells if the i-th of the recipients is one of those before it.
func once(p *Problems, field string, recipients []string, i int) {
	same := func(other string) bool { return strings.EqualFold(other, recipients[i]) }
	if slices.ContainsFunc(recipients[:i], same) {
		p.Addf(fmt.Sprintf("%s[%d]", field, i), "%q is given twice", Clip(recipients[i]))
	}
}

// SigningKey returns the bytes of the webhook secret, or an error that says
// what a secret looks like.
func (e Endpoint) SigningKey() ([]byte, error) { return signingKey(e.Secret) }

// SigningKeys returns the keys that sign at the given time, the newest first:
// two while the secret is being rotated.
func (e Endpoint) SigningKeys(now time.Time) ([][]byte, error) {
	key, err := signingKey(e.Secret)
	if err != nil || e.PreviousSecret == "" || !now.Before(e.PreviousSecretUntil) {
		return [][]byte{key}, err
	}
	previous, err := signingKey(e.PreviousSecret)
	return [][]byte{key, previous}, err
}

func signingKey(secret Secret) ([]byte, error) {
	text, ok := strings.CutPrefix(secret.Reveal(), webhookSecretPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < minWebhookSecretBytes || len(key) > maxWebhookSecretBytes {
		return nil, Errorf(KindInvalid, "a webhook secret is %q and %d to %d bytes in base64",
			webhookSecretPrefix, minWebhookSecretBytes, maxWebhookSecretBytes)
	}
	return key, nil
}
