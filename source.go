package barograph

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// The series that a rule's query at a source becomes: the labels of the query's
// result, and those two. A changed query makes other series: values of different
// questions are never mixed.
const (
	QueryMetric    = "barograph_query"
	QueryRuleLabel = "rule_id"
	QueryIDLabel   = "query_id" // tells queries of one rule apart

	MaxQueryBytes = 4096 // of a rule's query
)

// QuerySelector chooses the series that the query of a rule with a source becomes.
func (r Rule) QuerySelector() Selector {
	sum := sha256.Sum256([]byte(r.Source + "\x00" + r.Query))
	return Selector{Metric: QueryMetric, Matchers: Matchers{
		{Name: QueryIDLabel, Type: MatchEqual, Value: hex.EncodeToString(sum[:4])},
		{Name: QueryRuleLabel, Type: MatchEqual, Value: string(r.ID)},
	}}
}

// validateSource checks where the series come from.
func (r Rule) validateSource(p *Problems) {
	switch {
	case r.Source == "" && r.Query != "":
		p.Addf("source", "is missing: name the source that is asked the query")
	case r.Source != "" && r.Query == "":
		p.Addf("query", "is missing: write in PromQL what the source is asked")
	case r.Source == "" && r.Series.Metric == "":
		p.Addf("series", "%q has no metric name: write it as disk_used_ratio{mount=\"/\"}", Clip(r.Series.String()))
	case r.Source != "" && r.Series.String() != r.QuerySelector().String():
		p.Addf("series", "is given beside a source: leave it out, the query says which series there are")
	}
	if len(r.Query) > MaxQueryBytes {
		p.Addf("query", "has %d bytes, at most %d are allowed", len(r.Query), MaxQueryBytes)
	}
}

// SourceStatus says how a source of the configuration does: a server that is
// asked the queries of rules.
type SourceStatus struct {
	Name     string        `json:"name"`
	Interval Duration      `json:"interval"` // between two questions
	Rules    []QueryStatus `json:"rules"`
	Error    string        `json:"error,omitempty"` // what is wrong with the source as a whole
}

// QueryStatus says how the query of a rule does, as this server knows.
type QueryStatus struct {
	RuleID   RuleID    `json:"rule_id"`
	RuleName string    `json:"rule_name"`
	Series   int       `json:"series"`                   // that the last answer had
	Answered time.Time `json:"answered_at,omitzero"`     // when the last answer came
	Until    time.Time `json:"known_until,omitzero"`     // up to when values are stored
	Refused  int       `json:"refused_samples"`          // since the start, by the series store or because of their labels
	Reason   string    `json:"refused_reason,omitempty"` // why the last of them was
	Error    string    `json:"error,omitempty"`          // why there was no answer
}
