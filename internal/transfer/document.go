package transfer

import (
	"time"

	"github.com/barograph/barograph"
)

// documentVersion is that of the form of the document.
const documentVersion = 1

// document is the configuration as people read and edit it. What changes by
// itself is not in it, as when a host was seen. The fields are named as in the
// API, and what is left out is as there.
type document struct {
	Version       int            `yaml:"version"`
	Hosts         []host         `yaml:"hosts,omitempty"`
	Checks        []check        `yaml:"checks,omitempty"`
	Targets       []target       `yaml:"targets,omitempty"`
	Rules         []rule         `yaml:"rules,omitempty"`
	Subscriptions []subscription `yaml:"subscriptions,omitempty"`
	Silences      []silence      `yaml:"silences,omitempty"`
	Tokens        []token        `yaml:"tokens,omitempty"`
}

type host struct {
	ID      barograph.HostID  `yaml:"id,omitempty"`
	Name    string            `yaml:"name"`
	Labels  map[string]string `yaml:"labels,omitempty"`
	KeyHash string            `yaml:"key_hash,omitempty"`
}

type check struct {
	ID        barograph.CheckID       `yaml:"id,omitempty"`
	Name      string                  `yaml:"name"`
	Collector barograph.CollectorName `yaml:"collector,omitempty"`
	Command   string                  `yaml:"command,omitempty"`
	Interval  barograph.Duration      `yaml:"interval"`
	Timeout   barograph.Duration      `yaml:"timeout"`
	Labels    map[string]string       `yaml:"labels,omitempty"`
	Matchers  barograph.Matchers      `yaml:"matchers"`
	Enabled   bool                    `yaml:"enabled"`
}

type target struct {
	ID       barograph.TargetID  `yaml:"id,omitempty"`
	Name     string              `yaml:"name"`
	Kind     barograph.ProbeKind `yaml:"kind"`
	Address  string              `yaml:"address"`
	Interval barograph.Duration  `yaml:"interval"`
	Timeout  barograph.Duration  `yaml:"timeout"`
	Count    int                 `yaml:"count"`
	Labels   map[string]string   `yaml:"labels,omitempty"`
	Options  probeOptions        `yaml:"options,omitempty"`
	Enabled  bool                `yaml:"enabled"`
}

type probeOptions struct {
	Method             string   `yaml:"method,omitempty"`
	StatusCodes        []int    `yaml:"status_codes,omitempty,flow"`
	BodyMatch          string   `yaml:"body_match,omitempty"`
	InsecureSkipVerify bool     `yaml:"insecure_skip_verify,omitempty"`
	ServerName         string   `yaml:"server_name,omitempty"`
	DNSServer          string   `yaml:"dns_server,omitempty"`
	DNSType            string   `yaml:"dns_type,omitempty"`
	Expect             []string `yaml:"expect,omitempty"`
}

type rule struct {
	ID          barograph.RuleID   `yaml:"id,omitempty"`
	Name        string             `yaml:"name"`
	Series      string             `yaml:"series,omitempty"` // of a rule without a source
	Source      string             `yaml:"source,omitempty"`
	Query       string             `yaml:"query,omitempty"`
	Operator    barograph.Operator `yaml:"operator"`
	Limit       float64            `yaml:"limit"`
	For         barograph.Duration `yaml:"for"`
	Horizon     barograph.Duration `yaml:"horizon"`
	OpenAt      float64            `yaml:"open_at"`
	CloseAt     float64            `yaml:"close_at"`
	Bounds      *bounds            `yaml:"bounds,omitempty"`
	Severity    barograph.Severity `yaml:"severity"`
	Labels      map[string]string  `yaml:"labels,omitempty"`
	Annotations map[string]string  `yaml:"annotations,omitempty"`
	Enabled     bool               `yaml:"enabled"`
}

type bounds struct {
	Min *float64 `yaml:"min,omitempty"`
	Max *float64 `yaml:"max,omitempty"`
}

type subscription struct {
	ID             barograph.SubscriptionID `yaml:"id,omitempty"`
	Name           string                   `yaml:"name"`
	EventTypes     []string                 `yaml:"event_types,omitempty"`
	Matchers       barograph.Matchers       `yaml:"matchers"`
	Only           barograph.NewsKind       `yaml:"only,omitempty"`
	MinSeverity    barograph.Severity       `yaml:"min_severity,omitempty"`
	MinProbability float64                  `yaml:"min_probability,omitempty"`
	MaxETA         barograph.Duration       `yaml:"max_eta,omitempty"`
	GroupBy        []string                 `yaml:"group_by"`
	GroupWait      barograph.Duration       `yaml:"group_wait"`
	GroupInterval  barograph.Duration       `yaml:"group_interval"`
	RepeatInterval barograph.Duration       `yaml:"repeat_interval"`
	SMSDailyBudget int                      `yaml:"sms_daily_budget,omitempty"`
	SMSOverflowTo  []string                 `yaml:"sms_overflow_to,omitempty"`
	Endpoints      []endpoint               `yaml:"endpoints"`
	Enabled        bool                     `yaml:"enabled"`
}

type endpoint struct {
	ID                  barograph.EndpointID    `yaml:"id,omitempty"`
	Kind                barograph.EndpointKind  `yaml:"kind"`
	URL                 string                  `yaml:"url,omitempty"`
	Format              barograph.WebhookFormat `yaml:"format,omitempty"`
	To                  []string                `yaml:"to,omitempty"`
	Secret              string                  `yaml:"secret,omitempty"`
	PreviousSecret      string                  `yaml:"previous_secret,omitempty"`
	PreviousSecretUntil *time.Time              `yaml:"previous_secret_until,omitempty"`
	Disabled            bool                    `yaml:"disabled,omitempty"`
	DisabledReason      string                  `yaml:"disabled_reason,omitempty"`
}

type silence struct {
	ID        barograph.SilenceID `yaml:"id,omitempty"`
	Matchers  barograph.Matchers  `yaml:"matchers"`
	StartsAt  time.Time           `yaml:"starts_at"`
	EndsAt    *time.Time          `yaml:"ends_at,omitempty"`
	Recurs    *recurs             `yaml:"recurs,omitempty"`
	Comment   string              `yaml:"comment"`
	CreatedBy string              `yaml:"created_by"`
}

type recurs struct {
	Weekdays []string           `yaml:"weekdays,omitempty,flow"`
	At       string             `yaml:"at"`
	Duration barograph.Duration `yaml:"duration"`
	TimeZone string             `yaml:"time_zone,omitempty"`
}

type token struct {
	ID        barograph.TokenID `yaml:"id,omitempty"`
	Name      string            `yaml:"name"`
	Role      barograph.Role    `yaml:"role"`
	Prefix    string            `yaml:"prefix,omitempty"`
	ExpiresAt *time.Time        `yaml:"expires_at,omitempty"`
	KeyHash   string            `yaml:"key_hash,omitempty"`
}

// SetDefaults sets what the API does.
func (c *check) SetDefaults() {
	c.Interval, c.Timeout, c.Enabled = barograph.Duration(time.Minute), barograph.Duration(30*time.Second), true
}

// SetDefaults sets what the API does.
func (t *target) SetDefaults() {
	t.Enabled = true // what else there is depends on the kind, see fill
}

// SetDefaults sets what the API does.
func (r *rule) SetDefaults() {
	r.Horizon, r.OpenAt, r.CloseAt = barograph.Duration(3*barograph.Day), 0.7, 0.4
	r.Severity, r.Enabled = barograph.SeverityWarning, true
}

// SetDefaults sets what the API does.
func (s *subscription) SetDefaults() {
	storm := barograph.DefaultStorm()
	s.GroupBy, s.GroupWait, s.GroupInterval, s.RepeatInterval = storm.GroupBy, storm.GroupWait, storm.GroupInterval, storm.RepeatInterval
	s.Enabled = true
}
