package barograph

import (
	"strconv"
	"time"
)

// DeliveryID identifies a delivery.
type DeliveryID string

// DeliveryState is where a delivery is.
type DeliveryState string

// The states; all but pending and held are final.
const (
	DeliveryPending    DeliveryState = "pending"
	DeliveryHeld       DeliveryState = "held" // by a silence, a maintenance window or a silent host; HeldBy says which
	DeliveryDelivered  DeliveryState = "delivered"
	DeliveryExhausted  DeliveryState = "exhausted"  // every try failed, or the failure is permanent
	DeliveryExpired    DeliveryState = "expired"    // its time to live passed
	DeliverySuperseded DeliveryState = "superseded" // a later state of the same thing made it pointless
	DeliverySilenced   DeliveryState = "silenced"   // it was held back, and by the end nothing was left to tell
)

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	ID             DeliveryID     `json:"id"`
	EventID        EventID        `json:"event_id"`
	SubscriptionID SubscriptionID `json:"subscription_id"`
	EndpointID     EndpointID     `json:"endpoint_id"`
	// Topic is the prediction, breach, host or endpoint that the event is
	// about: a later event of the topic supersedes an unsent earlier one.
	Topic string `json:"topic"`
	// Group names those that may go out in one message; "": it goes alone.
	Group string `json:"-"`
	// MessageID is the message that it was or is being sent in; the same on
	// every try. "": it was not tried yet.
	MessageID string        `json:"message_id,omitempty"`
	State     DeliveryState `json:"state"`
	// OnlyIfTold says of an event that ends something that it is recorded for the
	// endpoint only if that was told of the beginning.
	OnlyIfTold bool      `json:"-"`
	HeldBy     Hold      `json:"held_by,omitempty"`  // of what is held or silenced
	Reminder   int       `json:"reminder,omitempty"` // the how many-th reminder of its event; 0: the news itself
	Attempts   int       `json:"attempts"`
	CreatedAt  time.Time `json:"created_at"`
	NextTry    time.Time `json:"next_try,omitzero"`
	// ExpiresAt is from when on it is not tried again; known from its first try
	// on, since its time to live counts from when that was due.
	ExpiresAt time.Time `json:"-"`
	DoneAt    time.Time `json:"done_at,omitzero"`
	LastTry   *Attempt  `json:"last_try,omitempty"`
}

// ReminderGroup comes before the name of a group where it is of reminders, which
// are due together and delay no news.
const ReminderGroup = "reminder\x1f"

// SingleMessageID returns the message's ID of a delivery that goes alone: that
// of its event, and for a reminder one of its own.
func (d Delivery) SingleMessageID() string {
	if d.Reminder == 0 {
		return string(d.EventID)
	}
	return string(d.EventID) + "-r" + strconv.Itoa(d.Reminder)
}

// Hold names what holds a delivery back: a silence by its ID, or a silent host
// by its own.
type Hold string

// Attempt is one try of a delivery.
type Attempt struct {
	At         time.Time `json:"at"`
	StatusCode int       `json:"status_code,omitempty"` // 0: no answer
	Latency    Duration  `json:"latency"`
	Error      string    `json:"error,omitempty"`    // "": it succeeded
	Response   string    `json:"response,omitempty"` // first 1 KiB
}

// DueDelivery is a delivery to try now, with all that is needed for it.
type DueDelivery struct {
	Delivery Delivery
	Event    Event
	Endpoint Endpoint
	Budget   TextBudget // of text messages; set by a claim
}

// TextBudget is how many text messages a subscription may send in a day.
type TextBudget struct {
	Daily      int // 0: any number
	Sent       int // today
	OverflowTo []string
}

// Claim reserves deliveries for one dispatcher among several, until it has tried
// them or, if it dies, until the time has passed.
type Claim struct {
	By         string // the server's own ID
	Now, Until time.Time
	// MostGrouped bounds how many deliveries go into one message.
	MostGrouped int
}

// DeliveryResult is what came of one try.
type DeliveryResult struct {
	Delivery Delivery       // as it is after the try
	Attempt  Attempt        // the try itself
	Health   EndpointHealth // the endpoint's health after it
	// TextMessages is how many of the subscription's daily budget it took.
	TextMessages int
	// Change holds the events of an endpoint that got disabled or enabled by
	// this try; empty otherwise.
	Change Change
}

// EndpointQueue is what waits for an endpoint.
type EndpointQueue struct {
	EndpointID EndpointID
	Kind       EndpointKind
	Pending    int
	Held       int
	OldestDue  time.Time // when the oldest pending one was or is to be tried; zero: none is
}

// DeliveryFilter chooses deliveries; zero fields choose all.
type DeliveryFilter struct {
	SubscriptionID SubscriptionID
	EndpointID     EndpointID
	EventID        EventID
	State          DeliveryState
}

// Replay asks for events to be delivered again, with the IDs they had.
type Replay struct {
	SubscriptionID SubscriptionID
	EndpointID     EndpointID // "": to all of the subscription's
	From, To       time.Time  // when they happened; a zero To is now
	After          EventID    // in place of From: those after this one
}

// MaxReplay is how far back a replay may reach.
const MaxReplay = 14 * Day
