package barograph

import "time"

// Change is what one step of alerting records, all of it in one transaction:
// the state, the events that tell of it, and a delivery for each endpoint that
// wants to know.
type Change struct {
	Predictions []Prediction // inserted, or replaced by ID
	Breaches    []Breach     // inserted, or replaced by ID
	Silences    []HostSilence
	Standings   []RuleStanding
	Acks        []Ack
	Events      []Event
	Deliveries  []Delivery
	// Shares are those parts of the work that this was decided for: nothing is
	// recorded for one that another server has by now.
	Shares []Share
}

// HostSilence says that a host fell silent, or, with a zero Since, returned.
type HostSilence struct {
	HostID HostID
	Since  time.Time
}

// Ack says that the prediction or breach with the ID Topic was acknowledged.
type Ack struct {
	Acknowledgement

	Topic string
}

// EventFilter chooses events; zero fields choose all.
type EventFilter struct {
	Types       []string // patterns, as "breach.*"
	RuleID      RuleID
	Host        string // value of the label "host"
	MinSeverity Severity
	From, To    time.Time
	// About is the ID of the prediction or breach that they carry.
	About string
}

// PredictionFilter chooses predictions or breaches; zero fields choose all.
type PredictionFilter struct {
	RuleID RuleID
	Host   string          // value of the label "host"
	Target string          // value of the label "target"
	State  PredictionState // for breaches: open, or anything else for ended
	From   time.Time       // opened or started at or after
	To     time.Time       // and before
	// EndedFrom chooses what closed or ended at or after that time.
	EndedFrom time.Time
}
