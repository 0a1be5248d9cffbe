package barograph

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// ForecastState says whether a forecast could be made, and if not, why.
type ForecastState string

// The states. All but StateForecast are refusals: the reason carries the numbers.
const (
	StateForecast         ForecastState = "forecast"
	StateInsufficientData ForecastState = "insufficient_data" // too short a history
	StateFlat             ForecastState = "flat"              // it does not move
	StateMovingAway       ForecastState = "moving_away"       // it goes the other way
	StateTooNoisy         ForecastState = "too_noisy"         // anything could happen
	StateStale            ForecastState = "stale"             // no recent sample
	StateBeyondHorizon    ForecastState = "beyond_horizon"    // it will cross, but later
	StateAlreadyBreached  ForecastState = "already_breached"  // it is crossed now
)

// Calm reports whether the state says that no crossing is to be expected
// within the horizon, as opposed to not knowing.
func (s ForecastState) Calm() bool {
	return s == StateFlat || s == StateMovingAway || s == StateBeyondHorizon
}

// CDFPoints is the number of steps at which a forecast's distribution is given.
const CDFPoints = 20

// Forecast says, for one series and one rule, whether and when the limit will
// be crossed.
type Forecast struct {
	RuleID  RuleID        `json:"rule_id"`
	Series  Series        `json:"series"`
	State   ForecastState `json:"state"`
	MadeAt  time.Time     `json:"made_at"`
	Horizon Duration      `json:"horizon"`
	Value   float64       `json:"value"` // the last known
	// Probability of crossing within the horizon, strictly between 0 and 1; 0
	// with a refusal.
	Probability float64 `json:"probability"`
	// CDF[k] is the probability of crossing within (k+1)/20 of the horizon:
	// non-decreasing, the last is Probability.
	CDF [CDFPoints]float64 `json:"cdf"`
	// ETA is nil with a refusal.
	ETA *ETA `json:"eta,omitempty"`
	// Uncalibrated is what the models said; nil if nothing was corrected.
	Uncalibrated *Uncalibrated `json:"uncalibrated,omitempty"`
	// Reason says in plain words and numbers why.
	Reason string `json:"reason"`
}

// ETA is when the limit will be crossed, given that it is crossed within the
// horizon: the 10 %, 50 % and 90 % quantiles.
type ETA struct {
	Early  time.Time `json:"early"`
	Median time.Time `json:"median"`
	Late   time.Time `json:"late"`
}

// Width returns how long the range from early to late is.
func (e ETA) Width() time.Duration { return e.Late.Sub(e.Early) }

// ForecastFilter chooses forecasts; zero fields choose all.
type ForecastFilter struct {
	RuleID RuleID        `json:"rule_id"`
	Host   string        `json:"host"`
	State  ForecastState `json:"state"`
	Limit  int           `json:"limit"` // at most so many
}

// Of returns the first of the forecasts that the filter chooses, in the order in
// which they are listed everywhere: the most probable first. It changes the slice.
func (f ForecastFilter) Of(all []Forecast) []Forecast {
	all = slices.DeleteFunc(all, func(fc Forecast) bool {
		return f.RuleID != "" && f.RuleID != fc.RuleID || f.State != "" && f.State != fc.State ||
			f.Host != "" && f.Host != fc.Series.Labels.Get("host")
	})
	slices.SortFunc(all, compareForecasts)
	if f.Limit > 0 {
		all = all[:min(f.Limit, len(all))]
	}
	return all
}

// compareForecasts leaves none equal: so any server lists them alike.
func compareForecasts(a, b Forecast) int {
	if order := cmp.Or(cmp.Compare(b.Probability, a.Probability), cmp.Compare(a.RuleID, b.RuleID), cmp.Compare(a.Series.Metric, b.Series.Metric)); order != 0 {
		return order
	}
	return slices.CompareFunc(a.Series.Labels, b.Series.Labels, func(x, y Label) int {
		return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(x.Value, y.Value))
	})
}
