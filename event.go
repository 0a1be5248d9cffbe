package barograph

import (
	"context"
	"encoding/json"
	"path"
	"slices"
	"time"
)

// EventID identifies an event; it is the same on every try to deliver it.
type EventID string

// EventType says what happened, without the prefix EventTypePrefix that it
// carries on the wire.
type EventType string

// EventTypePrefix comes before the type in CloudEvents.
const EventTypePrefix = "io.barograph."

// The event types.
const (
	EventPredictionOpened    EventType = "prediction.opened"
	EventPredictionUpdated   EventType = "prediction.updated"
	EventPredictionConfirmed EventType = "prediction.confirmed"
	EventPredictionAverted   EventType = "prediction.averted"
	EventPredictionExpired   EventType = "prediction.expired"
	EventPredictionWithdrawn EventType = "prediction.withdrawn"
	EventPredictionAcked     EventType = "prediction.acknowledged"
	EventBreachStarted       EventType = "breach.started"
	EventBreachEnded         EventType = "breach.ended"
	EventBreachAcked         EventType = "breach.acknowledged"
	EventHostSilent          EventType = "host.silent"
	EventHostReturned        EventType = "host.returned"
	EventEndpointDisabled    EventType = "endpoint.disabled"
	EventEndpointEnabled     EventType = "endpoint.enabled"
	EventRuleDemoted         EventType = "rule.demoted"
	EventRuleRestored        EventType = "rule.restored"
	EventRuleDigest          EventType = "rule.digest"
	EventWatchdog            EventType = "watchdog"
)

// EventTypes returns all event types.
func EventTypes() []EventType {
	return []EventType{
		EventPredictionOpened, EventPredictionUpdated, EventPredictionConfirmed,
		EventPredictionAverted, EventPredictionExpired, EventPredictionWithdrawn, EventPredictionAcked,
		EventBreachStarted, EventBreachEnded, EventBreachAcked, EventHostSilent, EventHostReturned,
		EventEndpointDisabled, EventEndpointEnabled,
		EventRuleDemoted, EventRuleRestored, EventRuleDigest, EventWatchdog,
	}
}

// Ends reports whether the event is the end of what its topic told of.
func (t EventType) Ends() bool {
	switch t { //nolint:exhaustive // all others tell of something that lasts
	case EventPredictionConfirmed, EventPredictionAverted, EventPredictionExpired, EventPredictionWithdrawn,
		EventBreachEnded, EventHostReturned, EventEndpointEnabled, EventRuleRestored:
		return true
	}
	return false
}

// aboutRule reports whether the event is about all that a rule predicts.
func (t EventType) aboutRule() bool {
	return t == EventRuleDemoted || t == EventRuleRestored || t == EventRuleDigest
}

// MatchEventType reports whether the type matches a pattern such as
// "prediction.*", "breach.started" or "*". Full names with the prefix match too.
func MatchEventType(pattern string, t EventType) bool {
	if pattern == "*" {
		return true
	}
	short, _ := path.Match(pattern, string(t))
	full, _ := path.Match(pattern, EventTypePrefix+string(t))
	return short || full
}

// validEventPattern reports whether the pattern can match anything.
func validEventPattern(pattern string) bool {
	return slices.ContainsFunc(EventTypes(), func(t EventType) bool { return MatchEventType(pattern, t) })
}

// Event is an immutable fact.
type Event struct {
	ID       EventID
	Type     EventType
	Time     time.Time // when it happened
	Subject  string    // the series, host or endpoint it is about
	Severity Severity
	Labels   Labels // of the series or host, and of the rule: what subscriptions match
	Data     EventData
}

// EventData is what an event carries. Only the part that fits its type is set.
type EventData struct {
	Summary     string            `json:"summary"` // one sentence for a tired person
	Annotations map[string]string `json:"annotations,omitempty"`
	Rule        *RuleRef          `json:"rule,omitempty"`
	Value       *float64          `json:"value,omitempty"` // the series' last value
	Prediction  *Prediction       `json:"prediction,omitempty"`
	Breach      *Breach           `json:"breach,omitempty"`
	Host        *HostRef          `json:"host,omitempty"`
	Endpoint    *EndpointRef      `json:"endpoint,omitempty"`
	Demotion    *Demotion         `json:"demotion,omitempty"` // with rule.restored: that which it ends
	Digest      *Digest           `json:"digest,omitempty"`
	// Acknowledged is by whom, of what was acknowledged.
	Acknowledged *Acknowledgement `json:"acknowledged,omitempty"`
	// DigestOnly says of a prediction's event that its rule is demoted: it is
	// on the bus and on record, but sent to nobody.
	DigestOnly bool `json:"digest_only,omitempty"`
	Test       bool `json:"test,omitempty"`     // sent by somebody to try an endpoint
	Reminder   int  `json:"reminder,omitempty"` // the how many-th time that people are reminded of it
}

// RuleRef is what an event says of its rule.
type RuleRef struct {
	ID       RuleID   `json:"id"`
	Name     string   `json:"name"`
	Operator Operator `json:"operator"`
	Limit    float64  `json:"limit"`
	Horizon  Duration `json:"horizon,omitempty"`
}

// HostRef is what an event says of its host.
type HostRef struct {
	ID       HostID    `json:"id"`
	Name     string    `json:"name"`
	LastSeen time.Time `json:"last_seen,omitzero"`
}

// EndpointRef is what an event says of an endpoint.
type EndpointRef struct {
	ID             EndpointID     `json:"id"`
	SubscriptionID SubscriptionID `json:"subscription_id"`
	Kind           EndpointKind   `json:"kind"`
	// Subscription is the name of the subscription, and Address where the endpoint
	// leads, without what may be secret: the host of a URL, the first recipient.
	Subscription string `json:"subscription,omitempty"`
	Address      string `json:"address,omitempty"`
	Reason       string `json:"reason,omitempty"`
}

// cloudEvent is the structured JSON form of CloudEvents 1.0.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
type cloudEvent struct {
	SpecVersion     string    `json:"specversion"`
	ID              EventID   `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Time            time.Time `json:"time"`
	Subject         string    `json:"subject,omitempty"`
	DataContentType string    `json:"datacontenttype"`
	Severity        Severity  `json:"severity,omitempty"` // an extension attribute
	Data            eventBody `json:"data"`
}

type eventBody struct {
	EventData

	Labels Labels `json:"labels"`
}

const cloudEventSource = "/barograph"

// MarshalJSON returns the event as CloudEvents 1.0 structured JSON.
func (e Event) MarshalJSON() ([]byte, error) {
	return json.Marshal(cloudEvent{
		SpecVersion: "1.0", ID: e.ID, Source: cloudEventSource, Type: EventTypePrefix + string(e.Type),
		Time: e.Time.UTC(), Subject: e.Subject, DataContentType: "application/json", Severity: e.Severity,
		Data: eventBody{e.Data, e.Labels},
	})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (e *Event) UnmarshalJSON(data []byte) error {
	var c cloudEvent
	if err := json.Unmarshal(data, &c); err != nil {
		return err
	}
	if len(c.Type) <= len(EventTypePrefix) || c.Type[:len(EventTypePrefix)] != EventTypePrefix {
		return Errorf(KindInvalid, "event type %q does not begin with %s", Clip(c.Type), EventTypePrefix)
	}
	*e = Event{
		ID: c.ID, Type: EventType(c.Type[len(EventTypePrefix):]), Time: c.Time, Subject: c.Subject,
		Severity: c.Severity, Labels: c.Data.Labels, Data: c.Data.EventData,
	}
	return nil
}

// Publisher puts events on the bus.
//
// Publish returns nil when the bus has the event on disk. The same event
// published again reaches subscribers at most once more: they tell it by its ID.
type Publisher interface {
	Publish(ctx context.Context, e Event) error
}

// Subscriber hands events over as they are published.
//
// Subscribe calls fn with every event whose type matches one of the patterns,
// one at a time, from now on, until ctx ends; then it returns ctx's cause. An
// event may come more than once: be idempotent by its ID. A slow fn delays only
// itself and, far behind, loses the oldest: the database has them all.
type Subscriber interface {
	Subscribe(ctx context.Context, patterns []string, fn func(Event)) error
}
