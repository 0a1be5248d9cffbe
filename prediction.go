package barograph

import "time"

// PredictionID identifies a prediction.
type PredictionID string

// PredictionState is where a prediction is in its life.
type PredictionState string

// The states; every prediction that leaves open ends in one of the others.
const (
	PredictionOpen      PredictionState = "open"
	PredictionConfirmed PredictionState = "confirmed" // the breach came
	PredictionAverted   PredictionState = "averted"   // the danger went away
	PredictionExpired   PredictionState = "expired"   // the announced time passed without a breach
	PredictionWithdrawn PredictionState = "withdrawn" // it can no longer be judged: rule changed, series gone
)

// Prediction is the life of one warning.
type Prediction struct {
	ID       PredictionID    `json:"id"`
	RuleID   RuleID          `json:"rule_id"`
	RuleName string          `json:"rule_name"`
	Series   Series          `json:"series"`
	Severity Severity        `json:"severity"`
	State    PredictionState `json:"state"`
	OpenedAt time.Time       `json:"opened_at"`
	ClosedAt time.Time       `json:"closed_at,omitzero"`
	// First is what was said when it opened, Latest what was announced last.
	First  Announcement `json:"first"`
	Latest Announcement `json:"latest"`
	// BreachID names the breach that confirmed it, Lead how long before that
	// it was opened.
	BreachID BreachID `json:"breach_id,omitempty"`
	Lead     Duration `json:"lead,omitempty"`
	// Turned says of an averted one that the value then was farther from the
	// limit than when the prediction opened: somebody or something acted.
	Turned      bool   `json:"turned,omitempty"`
	CloseReason string `json:"close_reason,omitempty"`
	// Acknowledged is nil until somebody takes it on; events don't carry it here.
	Acknowledged *Acknowledgement `json:"acknowledged,omitempty"`
}

// Announcement is one forecast as it was told.
type Announcement struct {
	At          time.Time `json:"at"`
	Value       float64   `json:"value"`
	Probability float64   `json:"probability"`
	ETA         ETA       `json:"eta"`
	// Uncalibrated is what the models said; nil if nothing was corrected.
	Uncalibrated *Uncalibrated `json:"uncalibrated,omitempty"`
	Reason       string        `json:"reason"`
}

// BreachID identifies a breach.
type BreachID string

// Breach is a limit that is or was crossed.
type Breach struct {
	ID        BreachID  `json:"id"`
	RuleID    RuleID    `json:"rule_id"`
	RuleName  string    `json:"rule_name"`
	Series    Series    `json:"series"`
	Severity  Severity  `json:"severity"`
	StartedAt time.Time `json:"started_at"` // the first crossing sample
	EndedAt   time.Time `json:"ended_at,omitzero"`
	Value     float64   `json:"value"` // at the start
	// PredictionID names the prediction that foresaw it, Lead how long ahead.
	PredictionID PredictionID `json:"prediction_id,omitempty"`
	Lead         Duration     `json:"lead,omitempty"`
	EndReason    string       `json:"end_reason,omitempty"`
	// Acknowledged is nil until somebody takes it on; events don't carry it here.
	Acknowledged *Acknowledgement `json:"acknowledged,omitempty"`
}

// Scorecard says how good a rule's warnings were.
//
// Precision = Confirmed / (Confirmed + Expired + Averted without a turn).
// Recall = breaches that were foreseen / breaches. Both are nil while there is
// nothing to divide by. Withdrawn predictions are counted but not scored.
type Scorecard struct {
	RuleID     RuleID    `json:"rule_id"`
	RuleName   string    `json:"rule_name"`
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	Open       int       `json:"open"`
	Confirmed  int       `json:"confirmed"`
	Averted    int       `json:"averted"`
	Turned     int       `json:"turned"` // of the averted, those where the value turned back
	Expired    int       `json:"expired"`
	Withdrawn  int       `json:"withdrawn"`
	Breaches   int       `json:"breaches"`
	Foreseen   int       `json:"foreseen"` // breaches with a prediction
	Precision  *float64  `json:"precision"`
	Recall     *float64  `json:"recall"`
	MedianLead Duration  `json:"median_lead"` // of the confirmed; 0 if there is none
	// Covered are the confirmed whose breach came between the early and the late
	// time announced first; Coverage = Covered / Confirmed, where 0.8 is right.
	Covered  int      `json:"covered"`
	Coverage *float64 `json:"coverage"`
	// BrierScore is the mean squared difference between the probability announced
	// first and what came, 1 or 0, over the predictions that Precision counts: 0
	// is perfect, and 0.25 is what always saying 50 % earns.
	BrierScore *float64 `json:"brier_score"`
	// Reliability compares, for the same predictions, how sure they were with
	// how often they came true. Bins without predictions are left out.
	Reliability []ReliabilityBin `json:"reliability"`
}

// ReliabilityBin holds the predictions that were announced with a probability
// of From or more and less than To.
type ReliabilityBin struct {
	From        float64 `json:"from"`
	To          float64 `json:"to"`
	Predictions int     `json:"predictions"`
	Announced   float64 `json:"announced"` // the mean of what was announced
	CameTrue    int     `json:"came_true"`
}

// ReliabilityBins is how many bins the probabilities are sorted into.
const ReliabilityBins = 10

// BinOf returns the number of the bin that the probability belongs to.
func BinOf(probability float64) int {
	return int(min(max(probability, 0)*ReliabilityBins, ReliabilityBins-1))
}

// Score fills in the ratios of counts.
func (s *Scorecard) Score() {
	s.Precision = ratio(s.Confirmed, s.Confirmed+s.Expired+s.Averted-s.Turned)
	s.Recall = ratio(s.Foreseen, s.Breaches)
	s.Coverage = ratio(s.Covered, s.Confirmed)
}

func ratio(part, whole int) *float64 {
	if whole == 0 {
		return nil
	}
	r := float64(part) / float64(whole)
	return &r
}
