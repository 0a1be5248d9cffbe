package dbtest

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// odd is text that a database must not trip over.
const odd = `Zürich "λ" 'x'; DROP TABLE hosts; -- 100% \ 日本 🌩 <&>`

// epoch is when the made-up history begins: to the microsecond, and not in UTC.
func epoch() time.Time {
	return time.Date(2026, 3, 29, 1, 59, 59, 123456000, time.FixedZone("CEST", 2*60*60))
}

// day returns the start of day n of the made-up history.
func day(n int) time.Time { return epoch().Add(time.Duration(n) * barograph.Day) }

// id returns an identifier that sorts by n.
func id[ID ~string](prefix string, n int) ID { return ID(fmt.Sprintf("%s_%026d", prefix, n)) }

func labels(pairs ...string) barograph.Labels {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return barograph.NewLabels(m)
}

func matchers(t *testing.T, text string) (ms barograph.Matchers) {
	t.Helper()
	noError(t, ms.UnmarshalText([]byte(text)))
	return ms
}

func key(n byte) (k barograph.KeyHash) {
	for i := range k {
		k[i] = n
	}
	return k
}

func host(n int) barograph.Host {
	return barograph.Host{
		ID: id[barograph.HostID]("hst", n), Name: fmt.Sprintf("host-%d", n),
		Labels: labels("os", "debian", "note", odd), CreatedAt: epoch(),
	}
}

func check(n int) barograph.Check {
	return barograph.Check{
		ID: id[barograph.CheckID]("chk", n), Name: fmt.Sprintf("check_%d", n), Command: "echo " + odd,
		Collector: barograph.CollectorOSUpdates, Interval: barograph.Duration(time.Minute),
		Timeout: barograph.Duration(1500 * time.Millisecond), Labels: labels("team", odd), Enabled: true,
		CreatedAt: epoch(), UpdatedAt: epoch(),
	}
}

func target(n int) barograph.Target {
	return barograph.Target{
		ID: id[barograph.TargetID]("tgt", n), Name: fmt.Sprintf("target-%d", n), Kind: barograph.ProbeHTTP,
		Address: "https://example.com/?q=1&r=%20", Interval: barograph.Duration(time.Minute),
		Timeout: barograph.Duration(time.Second), Count: 4, Labels: labels("site", "a"), Enabled: true,
		Options: barograph.ProbeOptions{
			Method: "HEAD", StatusCodes: []int{200, 204}, BodyMatch: odd, InsecureSkipVerify: true,
			ServerName: "a.example.com", DNSServer: "[::1]:53", DNSType: "MX", Expect: []string{"a", odd},
		},
		CreatedAt: epoch(), UpdatedAt: epoch(),
	}
}

func rule(t *testing.T, n int) barograph.Rule {
	t.Helper()
	low, high := 0.0, math.MaxFloat64
	return barograph.Rule{
		ID: id[barograph.RuleID]("rul", n), Name: fmt.Sprintf("rule %d", n),
		Series: barograph.Selector{Metric: "disk_used_ratio", Matchers: matchers(t, `{mount!~"/boot.*",a="\"\\\n"}`)},
		Source: "prod", Query: `sum by (mount) (disk_used{a="\"\\"}) / 2 ` + odd,
		Operator: barograph.AtLeast, Limit: 0.1 + 0.2, For: barograph.Duration(5 * time.Minute),
		Horizon: barograph.Duration(3*barograph.Day + time.Nanosecond), OpenAt: 0.7, CloseAt: 1.0 / 3,
		Bounds: &barograph.Bounds{Min: &low, Max: &high}, Severity: barograph.SeverityCritical,
		Labels: labels("team", odd), Annotations: map[string]string{"summary": "{{.Value}} " + odd},
		Enabled: true, CreatedAt: epoch(), UpdatedAt: epoch(),
	}
}

// subscription has one webhook, one mail and one SMS endpoint.
func subscription(t *testing.T, n int) barograph.Subscription {
	t.Helper()
	return barograph.Subscription{
		ID: id[barograph.SubscriptionID]("sub", n), Name: fmt.Sprintf("subscription %d", n),
		EventTypes: []string{"breach.*", "prediction.opened"}, Matchers: matchers(t, `{os="debian",role=~"web|db"}`),
		MinSeverity: barograph.SeverityWarning, MinProbability: 0.8, Enabled: true,
		Only: barograph.NewsActual, MaxETA: barograph.Duration(barograph.Week + time.Nanosecond),
		Storm: barograph.Storm{
			GroupBy: []string{"rule", "host"}, GroupWait: barograph.Duration(7 * time.Second),
			GroupInterval: barograph.Duration(time.Hour), RepeatInterval: barograph.Duration(3 * barograph.Day),
		},
		SMSDailyBudget: 9, SMSOverflowTo: []string{"c@example.com", "ö@example.com"},
		CreatedAt: epoch(), UpdatedAt: epoch(),
		Endpoints: []barograph.Endpoint{
			{
				ID: endpointID(n, 0), Kind: barograph.EndpointWebhook, URL: "https://example.com/hook?a=b",
				Secret: barograph.Secret("whsec_" + strings.Repeat("c2Vj", 8)),
				Format: barograph.FormatAlertmanager, PreviousSecret: barograph.Secret("whsec_" + strings.Repeat("b2xk", 8)),
				PreviousSecretUntil: day(2),
			},
			{
				ID: endpointID(n, 1), Kind: barograph.EndpointEmail, To: []string{"a@example.com", "ü@example.com"},
				Health: barograph.EndpointHealth{
					Disabled: true, DisabledReason: "410 " + odd, DisabledAt: day(1), Failures: 7, Exhausted: 3,
					FailingSince: day(0), LastSuccess: day(-1),
				},
			},
			{ID: endpointID(n, 2), Kind: barograph.EndpointSMS, To: []string{"+4915112345678"}},
		},
	}
}

// endpointID returns the identifier of the k-th endpoint of subscription n.
// Those of one subscription do not sort by position.
func endpointID(n, k int) barograph.EndpointID { return id[barograph.EndpointID]("ept", 10*n+9-k) }

// hook is a subscription with webhooks only, in good health.
func hook(t *testing.T, n, endpoints int) barograph.Subscription {
	t.Helper()
	s := subscription(t, n)
	webhook := s.Endpoints[0]
	s.Endpoints = nil
	for k := range endpoints {
		webhook.ID = endpointID(n, k)
		s.Endpoints = append(s.Endpoints, webhook)
	}
	return s
}

func series(host string) barograph.Series {
	return barograph.Series{Metric: "disk_used_ratio", Labels: labels("host", host, "mount", odd)}
}

func prediction(n int, rule barograph.RuleID, host string) barograph.Prediction {
	said := barograph.Announcement{
		At: day(n), Value: 0.1 + 0.2, Probability: 0.87, Reason: odd,
		ETA: barograph.ETA{Early: day(n + 1), Median: day(n + 2), Late: day(n + 3)},
	}
	return barograph.Prediction{
		ID: id[barograph.PredictionID]("prd", n), RuleID: rule, RuleName: "name of " + string(rule),
		Series: series(host), Severity: barograph.SeverityWarning, State: barograph.PredictionOpen,
		OpenedAt: day(n), First: said, Latest: said,
	}
}

// closed returns the prediction as it ended a day later.
func closed(p barograph.Prediction, state barograph.PredictionState, lead time.Duration) barograph.Prediction {
	p.State, p.ClosedAt, p.Lead = state, p.OpenedAt.Add(barograph.Day), barograph.Duration(lead)
	p.CloseReason = odd
	if state == barograph.PredictionConfirmed {
		p.BreachID = "brc_confirming"
	}
	return p
}

func breach(n int, rule barograph.RuleID, host string) barograph.Breach {
	return barograph.Breach{
		ID: id[barograph.BreachID]("brc", n), RuleID: rule, RuleName: "name of " + string(rule),
		Series: series(host), Severity: barograph.SeverityCritical, StartedAt: day(n), Value: math.SmallestNonzeroFloat64,
		PredictionID: "prd_foreseeing", Lead: barograph.Duration(31*time.Hour + time.Nanosecond),
	}
}

func event(n int, typ barograph.EventType) barograph.Event {
	return barograph.Event{
		ID: id[barograph.EventID]("evt", n), Type: typ, Time: day(n), Subject: "subject " + odd,
		Severity: barograph.SeverityWarning, Labels: labels("host", "a", "note", odd),
		Data: barograph.EventData{Summary: "summary " + odd},
	}
}

// delivery is one of the event to the subscription's k-th endpoint, to be tried
// on the event's day.
func delivery(n int, e barograph.Event, s barograph.Subscription, k int) barograph.Delivery {
	return barograph.Delivery{
		ID: id[barograph.DeliveryID]("dlv", n), EventID: e.ID, SubscriptionID: s.ID,
		EndpointID: s.Endpoints[k].ID, Topic: "topic " + odd, State: barograph.DeliveryPending,
		CreatedAt: e.Time, NextTry: e.Time,
	}
}

// listeners is a subscription of everything with an endpoint of each of the kinds.
func listeners(n int, kinds ...barograph.EndpointKind) barograph.Subscription {
	s := barograph.Subscription{
		ID: id[barograph.SubscriptionID]("sub", n), Name: fmt.Sprintf("readers %d", n), Enabled: true,
		Storm: barograph.DefaultStorm(), CreatedAt: epoch(), UpdatedAt: epoch(),
	}
	for k, kind := range kinds {
		s.Endpoints = append(s.Endpoints, barograph.Endpoint{ID: endpointID(n, k), Kind: kind})
	}
	return s
}

// of chooses the subscription's deliveries.
func of(s barograph.Subscription) barograph.DeliveryFilter {
	return barograph.DeliveryFilter{SubscriptionID: s.ID}
}

func failure(at time.Time) barograph.Attempt {
	return barograph.Attempt{
		At: at, StatusCode: 503, Latency: barograph.Duration(1234567), Error: "503 " + odd, Response: odd,
	}
}
