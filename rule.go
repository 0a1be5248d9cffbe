package barograph

import (
	"maps"
	"math"
	"slices"
	"strings"
	"text/template"
	"time"
)

// RuleID identifies a rule.
type RuleID string

// Severity says how much a rule's events matter.
type Severity string

// The severities, least first.
const (
	SeverityInfo     Severity = "info"
	SeverityWarning  Severity = "warning"
	SeverityCritical Severity = "critical"
)

// Rank orders severities: 1 info, 2 warning, 3 critical, 0 unknown.
func (s Severity) Rank() int {
	switch s {
	case SeverityInfo:
		return 1
	case SeverityWarning:
		return 2
	case SeverityCritical:
		return 3
	}
	return 0
}

// Operator says on which side of the limit the trouble is.
type Operator string

// The operators.
const (
	Above   Operator = ">"
	AtLeast Operator = ">="
	Below   Operator = "<"
	AtMost  Operator = "<="
)

// Crossed reports whether value breaks the limit. NaN breaks nothing.
func (o Operator) Crossed(value, limit float64) bool {
	switch o {
	case Above:
		return value > limit
	case AtLeast:
		return value >= limit
	case Below:
		return value < limit
	case AtMost:
		return value <= limit
	}
	return false
}

// Upward reports whether trouble lies above the limit.
func (o Operator) Upward() bool { return o == Above || o == AtLeast }

// Limits of rules.
const (
	MaxHorizon = 90 * Day
	MinHorizon = time.Minute

	MaxAnnotations     = 32
	MaxAnnotationBytes = 4096 // of each text; its name is a metric name's length
)

// Rule is a limit on series, now and within a horizon.
type Rule struct {
	ID     RuleID   `json:"id"`
	Name   string   `json:"name"`   // unique
	Series Selector `json:"series"` // a metric name is required
	// Source names who is asked the Query, in PromQL, for series that are not sent
	// to us; Series is then what QuerySelector returns. Both are empty for others.
	Source   string   `json:"source,omitempty"`
	Query    string   `json:"query,omitempty"`
	Operator Operator `json:"operator"`
	Limit    float64  `json:"limit"`
	For      Duration `json:"for"`     // how long samples must cross the limit, or keep it again, before that counts
	Horizon  Duration `json:"horizon"` // how far to look ahead; 0: only breaches
	// A prediction opens at a probability of OpenAt or more, and is averted
	// below CloseAt.
	OpenAt   float64  `json:"open_at"`
	CloseAt  float64  `json:"close_at"`
	Bounds   *Bounds  `json:"bounds,omitempty"`
	Severity Severity `json:"severity"`
	Labels   Labels   `json:"labels"` // added to the rule's events
	// Annotations are text/template texts for messages, as "summary" and
	// "runbook", on the fields of AnnotationData.
	Annotations map[string]string `json:"annotations,omitempty"`
	Enabled     bool              `json:"enabled"`
	CreatedAt   time.Time         `json:"created_at"`
	UpdatedAt   time.Time         `json:"updated_at"`
	// JudgedSince is when the rule last became another one, by what SameJudgement
	// compares; zero: when it was created. RestoredAt is when a demotion ended
	// last. Nothing is learnt from predictions of before JudgedSince, and no rule is
	// demoted for those of before either.
	JudgedSince time.Time `json:"-"`
	RestoredAt  time.Time `json:"restored_at,omitzero"`
	// Demoted is nil unless the rule's predictions are told in a digest only.
	Demoted *Demotion `json:"demoted,omitempty"`
}

// SameJudgement reports whether both rules judge the same samples the same way.
// Bounds and probabilities may differ: they shape the forecasts to come, and
// what is open is judged by those.
func (r Rule) SameJudgement(other Rule) bool {
	return r.Series.String() == other.Series.String() && r.Operator == other.Operator && r.Limit == other.Limit &&
		r.For == other.For && r.Horizon == other.Horizon
}

// Bounds are the values that a series can take at all; nil means unbounded.
type Bounds struct {
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
}

// Validate returns an error that names every bad field.
func (r Rule) Validate() error {
	var p Problems
	validResourceName(&p, r.Name)
	r.validateSource(&p)
	switch r.Operator {
	case Above, AtLeast, Below, AtMost:
	default:
		p.Addf("operator", "%q is not one of >, >=, <, <=", Clip(string(r.Operator)))
	}
	if math.IsNaN(r.Limit) || math.IsInf(r.Limit, 0) {
		p.Addf("limit", "%v is not a finite number", r.Limit)
	}
	if r.For < 0 || r.For.Std() > Week {
		p.Addf("for", "%s is not between 0s and 7d", r.For)
	}
	if h := r.Horizon.Std(); h != 0 && (h < MinHorizon || h > MaxHorizon) {
		p.Addf("horizon", "%s is not 0s (no forecast) or between %s and %s", r.Horizon, Duration(MinHorizon), Duration(MaxHorizon))
	}
	if !(r.OpenAt > 0 && r.OpenAt < 1) {
		p.Addf("open_at", "%v is not a probability between 0 and 1", r.OpenAt)
	}
	if !(r.CloseAt > 0 && r.CloseAt <= r.OpenAt) {
		p.Addf("close_at", "%v is not above 0 and at most open_at, which is %v", r.CloseAt, r.OpenAt)
	}
	if r.Severity.Rank() == 0 {
		p.Addf("severity", "%q is not one of info, warning, critical", Clip(string(r.Severity)))
	}
	if b := r.Bounds; b != nil && b.Min != nil && b.Max != nil && !(*b.Min < *b.Max) {
		p.Addf("bounds", "min %v is not below max %v", *b.Min, *b.Max)
	}
	p.Merge("labels", r.Labels.Validate())
	r.validateAnnotations(&p)
	return p.Err("rule")
}

func (r Rule) validateAnnotations(p *Problems) {
	tooMany := len(r.Annotations) > MaxAnnotations
	if tooMany {
		p.Addf("annotations", "has %d items, at most %d are allowed", len(r.Annotations), MaxAnnotations)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Annotations)) {
		if !ValidName(name) {
			p.Addf("annotations", "name %q is not %s of at most %d bytes; it has %d", Clip(name), MetricNameRule, MaxNameBytes, len(name))
			continue
		}
		if n := len(r.Annotations[name]); n > MaxAnnotationBytes {
			p.Addf("annotations."+name, "has %d bytes, at most %d are allowed", n, MaxAnnotationBytes)
			continue
		}
		if tooMany { // to be tried
			continue
		}
		if _, err := exampleAnnotationData().Render(r.Annotations[name]); err != nil {
			p.Addf("annotations."+name, "%s", err)
		}
	}
}

// AnnotationData is what the template of an annotation may use.
type AnnotationData struct {
	Rule         string // its name
	Series       string // disk_used_ratio{host="db-1",mount="/"}
	Metric       string // the series' name
	Labels       map[string]string
	Value, Limit float64
	Operator     string
	// Probability and ETA are those told last. Without a prediction they are
	// zero and nil: {{with .ETA}}{{.Median}}{{end}}.
	Probability float64
	ETA         *ETA
	Lead        time.Duration // how long before the breach it was predicted
}

// Render runs the template text of an annotation. A label that the series lacks
// is empty.
func (d AnnotationData) Render(text string) (string, error) {
	tmpl, err := template.New("annotation").Option("missingkey=zero").Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := tmpl.Execute(&b, d); err != nil {
		return "", err
	}
	return b.String(), nil
}

// exampleAnnotationData returns data with every field filled.
func exampleAnnotationData() AnnotationData {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	series := Series{Metric: "disk_used_ratio", Labels: NewLabels(map[string]string{"host": "db-1", "mount": "/"})}
	return AnnotationData{
		Rule: "Disk space", Series: series.String(), Metric: series.Metric, Labels: series.Labels.Map(),
		Value: .8, Limit: .9, Operator: string(Above), Probability: .9,
		ETA: &ETA{Early: at, Median: at.Add(time.Hour), Late: at.Add(2 * time.Hour)}, Lead: time.Hour,
	}
}
