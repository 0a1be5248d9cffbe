package barograph

import (
	"encoding/base64"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// SubscriptionID identifies a subscription.
type SubscriptionID string

// EndpointID identifies an endpoint.
type EndpointID string

// DeliveryID identifies a delivery.
type DeliveryID string

// Subscription says who wants which events, and where to.
type Subscription struct {
	ID             SubscriptionID `json:"id"`
	Name           string         `json:"name"`        // unique
	EventTypes     []string       `json:"event_types"` // patterns, as "prediction.*"; empty: all but watchdog
	Matchers       Matchers       `json:"matchers"`    // on the event's labels
	MinSeverity    Severity       `json:"min_severity,omitempty"`
	MinProbability float64        `json:"min_probability,omitempty"` // of predictions
	Endpoints      []Endpoint     `json:"endpoints"`
	Enabled        bool           `json:"enabled"`
	CreatedAt      time.Time      `json:"created_at"`
	UpdatedAt      time.Time      `json:"updated_at"`
}

// Wants reports whether the subscription asks for the event.
//
// What is told of a rule as a whole is told to all who would be told of its
// predictions: a digest to whom any prediction in it would be sent; one that had
// to leave some out, and that a rule was demoted or restored, to all whose
// matchers don't rule it out.
func (s Subscription) Wants(e Event) bool {
	if !s.Enabled || !s.wantsType(e.Type) {
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

func (s Subscription) sureEnough(p Prediction) bool {
	return p.First.Probability >= s.MinProbability || p.Latest.Probability >= s.MinProbability
}

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
			p.Addf(fmt.Sprintf("event_types[%d]", i), "%q matches none of %v", clip(pattern), EventTypes())
		}
	}
	if s.MinSeverity != "" && s.MinSeverity.Rank() == 0 {
		p.Addf("min_severity", "%q is not one of info, warning, critical", clip(string(s.MinSeverity)))
	}
	if !(s.MinProbability >= 0 && s.MinProbability < 1) {
		p.Addf("min_probability", "%v is not at least 0 and below 1", s.MinProbability)
	}
	if len(s.Endpoints) == 0 {
		p.Addf("endpoints", "is empty: give at least one webhook, email or sms")
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
	EndpointWebhook EndpointKind = "webhook"
	EndpointEmail   EndpointKind = "email"
	EndpointSMS     EndpointKind = "sms"
)

// Endpoint is where a subscription's events go.
type Endpoint struct {
	ID   EndpointID   `json:"id"`
	Kind EndpointKind `json:"kind"`
	URL  string       `json:"url,omitempty"` // webhook
	// Secret signs webhooks: "whsec_" and 24 to 64 bytes in base64. It is made
	// when none is given, and shown once.
	Secret Secret   `json:"-"`
	To     []string `json:"to,omitempty"` // email: addresses; sms: E.164 numbers
	// Health is kept by the dispatcher.
	Health EndpointHealth `json:"health"`
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
)

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// Validate returns an error that names every bad field. Whether a webhook's
// address may be reached is decided when it is sent.
func (e Endpoint) Validate() error {
	var p Problems
	switch e.Kind {
	case EndpointWebhook:
		u, err := url.Parse(e.URL)
		switch {
		case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
			p.Addf("url", "%q is not an https URL", clip(e.URL))
		case u.User != nil:
			p.Addf("url", "holds a user name: webhooks are signed, leave it out")
		}
		if e.Secret != "" {
			if _, err := e.SigningKey(); err != nil {
				p.Addf("secret", "%s", err)
			}
		}
	case EndpointEmail:
		e.validateTo(&p, func(to string) bool {
			a, err := mail.ParseAddress(to)
			return err == nil && a.Address == to
		}, "an e-mail address")
	case EndpointSMS:
		e.validateTo(&p, e164.MatchString, "a number as +4915112345678 (E.164)")
	default:
		p.Addf("kind", "%q is not one of webhook, email, sms", clip(string(e.Kind)))
	}
	return p.Err("endpoint")
}

func (e Endpoint) validateTo(p *Problems, valid func(string) bool, what string) {
	if len(e.To) == 0 || len(e.To) > maxRecipients {
		p.Addf("to", "has %d recipients, 1 to %d are allowed", len(e.To), maxRecipients)
	}
	for i, to := range e.To {
		if !valid(to) {
			p.Addf(fmt.Sprintf("to[%d]", i), "%q is not %s", clip(to), what)
		}
	}
}

// SigningKey returns the bytes of the webhook secret, or an error that says
// what a secret looks like.
func (e Endpoint) SigningKey() ([]byte, error) {
	text, ok := strings.CutPrefix(e.Secret.Reveal(), webhookSecretPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < minWebhookSecretBytes || len(key) > maxWebhookSecretBytes {
		return nil, Errorf(KindInvalid, "a webhook secret is %q and %d to %d bytes in base64",
			webhookSecretPrefix, minWebhookSecretBytes, maxWebhookSecretBytes)
	}
	return key, nil
}

// DeliveryState is where a delivery is.
type DeliveryState string

// The states; all but pending are final.
const (
	DeliveryPending    DeliveryState = "pending"
	DeliveryDelivered  DeliveryState = "delivered"
	DeliveryExhausted  DeliveryState = "exhausted"  // every try failed, or the failure is permanent
	DeliveryExpired    DeliveryState = "expired"    // its time to live passed
	DeliverySuperseded DeliveryState = "superseded" // a later state of the same thing made it pointless
)

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	ID             DeliveryID     `json:"id"`
	EventID        EventID        `json:"event_id"`
	SubscriptionID SubscriptionID `json:"subscription_id"`
	EndpointID     EndpointID     `json:"endpoint_id"`
	// Topic is the prediction, breach, host or endpoint that the event is
	// about: a later event of the topic supersedes an unsent earlier one.
	Topic     string        `json:"topic"`
	State     DeliveryState `json:"state"`
	Attempts  int           `json:"attempts"`
	CreatedAt time.Time     `json:"created_at"`
	NextTry   time.Time     `json:"next_try,omitzero"`
	DoneAt    time.Time     `json:"done_at,omitzero"`
	LastTry   *Attempt      `json:"last_try,omitempty"`
}

// Attempt is one try of a delivery.
type Attempt struct {
	At         time.Time `json:"at"`
	StatusCode int       `json:"status_code,omitempty"` // 0: no answer
	Latency    Duration  `json:"latency"`
	Error      string    `json:"error,omitempty"`    // "": it succeeded
	Response   string    `json:"response,omitempty"` // first 1 KiB
}
