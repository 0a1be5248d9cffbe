package barograph

import "time"

// Backtest is what would have been said in the past, had a rule been in force:
// the stored samples told again, in the order in which they came, to the code
// that judges the present.
type Backtest struct {
	RuleID   RuleID    `json:"rule_id,omitempty"` // empty: the rule is not saved
	RuleName string    `json:"rule_name"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	// Summary says in one sentence what came of it: "in the last 30 days:
	// 3 predictions, 2 right, median 40 h ahead, 1 false; 1 breach missed".
	Summary string `json:"summary"`
	// Notes are what to know before the summary is trusted, as that the series
	// are young.
	Notes []string `json:"notes"`
	// Score counts as a scorecard does: predictions that closed between From
	// and To or are open at its end, and breaches that started in between.
	Score Scorecard `json:"score"`
	// Predictions and Breaches are those that Score counts, oldest first, of
	// each at most MaxBacktestItems. Their IDs link them with each other; no
	// other part of the product knows them.
	Predictions []Prediction    `json:"predictions"`
	Breaches    []Breach        `json:"breaches"`
	Series      []SeriesHistory `json:"series"` // by name
	// Step is the time between two replayed moments, Steps the number of them
	// for each series, Forecasts how many forecasts were made at them.
	Step      Duration `json:"step"`
	Steps     int      `json:"steps"`
	Forecasts int      `json:"forecasts"`
	Took      Duration `json:"took"`
}

// MaxBacktestItems is how many predictions, and how many breaches, a backtest
// lists. It counts all.
const MaxBacktestItems = 500

// SeriesHistory says how much was known of a series in a backtest.
type SeriesHistory struct {
	Series Series `json:"series"`
	// First is the oldest sample that a forecast could look at, History how
	// long before the end of the backtest that was.
	First   time.Time `json:"first"`
	History Duration  `json:"history"`
}
