package barograph

import "time"

// Demotion says that a rule cried wolf too often: until somebody restores it,
// or makes another rule of it, its predictions are told once a day in a digest
// instead of one by one. They are recorded and scored as before, and breaches
// are told at once.
type Demotion struct {
	At        time.Time `json:"at"`
	Confirmed int       `json:"confirmed"` // of the Scored
	Scored    int       `json:"scored"`    // the predictions that it was judged by
	Reason    string    `json:"reason"`    // the figures, in words
	DigestAt  time.Time `json:"digest_at,omitzero"`
}

// RuleStanding says that a rule was demoted, that a digest of a demoted one was
// made, or, with a nil Demoted, that it was restored.
type RuleStanding struct {
	RuleID  RuleID
	At      time.Time
	Demoted *Demotion
}

// Digest lists the open predictions of a demoted rule.
type Digest struct {
	Open        int          `json:"open"`        // how many there are
	Predictions []Prediction `json:"predictions"` // those with the soonest ETA, soonest first
}

// Uncalibrated is what the models said before it was corrected by how often,
// and when, the rule's earlier predictions came true. What is learnt is learnt
// from this, so that no correction is taken for a fact.
type Uncalibrated struct {
	Probability float64 `json:"probability"`
	ETA         ETA     `json:"eta"`
}

// Outcome is what came of a prediction.
type Outcome struct {
	Prediction Prediction
	// BreachAt is when the series broke the limit the first time since the
	// prediction opened, whatever became of the prediction by then; zero if it
	// did not.
	BreachAt time.Time
}
