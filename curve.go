package barograph

import "time"

// Curve is the expected course of a series under a rule, with a band. It is to
// be looked at; whether the limit is crossed, a Forecast says.
type Curve struct {
	RuleID   RuleID    `json:"rule_id"`
	Series   Series    `json:"series"`
	MadeAt   time.Time `json:"made_at"`
	Operator Operator  `json:"operator"`
	Limit    float64   `json:"limit"`
	// Start is where the first step of the horizon begins, and the last one of
	// History ends. A step is StepSeconds long, and its value the mean over it.
	Start       time.Time    `json:"start"`
	StepSeconds float64      `json:"step_seconds"`
	History     []*float64   `json:"history"` // nil: no sample in this step
	Mean        []float64    `json:"mean"`
	Lower       []float64    `json:"lower"`
	Upper       []float64    `json:"upper"`
	Level       float64      `json:"level"` // the share of outcomes that the band is to hold
	Models      []CurveModel `json:"models"`
}

// CurveModel is the share that one model has in a curve.
type CurveModel struct {
	Name   string  `json:"name"`
	Weight float64 `json:"weight"`
}
