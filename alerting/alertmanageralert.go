package alerting

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/barograph/barograph"
)

// alert is an event as Alertmanager knows it: a set of labels that stays the
// same from its beginning to its end, and what is known of it now.
type alert struct {
	labels, annotations map[string]string
	startsAt            time.Time
	endsAt              time.Time // zero: it lasts
	generatorURL        string
}

// What an alert is about, in the label of that name.
const alertKindLabel = "barograph"

// alertsOf returns an alert for each thing that the notification tells of, as
// its newest event has it. External is where people reach the API, "" if unknown.
func alertsOf(n Notification, external string) []alert {
	last := map[string]int{}
	for i, e := range n.Events {
		last[topic(e)] = i
	}
	var alerts []alert
	for i, e := range n.Events {
		if about := topic(e); about == "" || last[about] == i {
			alerts = append(alerts, alertOf(e, external))
		}
	}
	return alerts
}

func alertOf(e barograph.Event, external string) alert {
	kind, _, _ := strings.Cut(string(e.Type), ".")
	a := alert{
		labels:       sanitized(e.Labels.Map()),
		annotations:  alertAnnotations(e),
		startsAt:     alertStart(e),
		generatorURL: alertAddress(e, external),
	}
	a.labels["alertname"] = alertName(e, kind)
	a.labels[alertKindLabel] = kind
	if e.Severity != "" {
		a.labels["severity"] = string(e.Severity)
	}
	switch {
	case e.Data.Test:
		a.labels[alertKindLabel] = "test"
	case e.Type.Ends():
		a.endsAt = e.Time
		a.startsAt = earlier(a.startsAt, a.endsAt)
	}
	a.setSeverity(e)
	return a
}

// setSeverity gives what ends the severity that it began with: alerts are told
// apart by all of their labels. Only hosts and endpoints differ in that.
func (a alert) setSeverity(e barograph.Event) {
	switch e.Type { //nolint:exhaustive // all others end as they began
	case barograph.EventHostReturned:
		a.labels["severity"] = string(barograph.SeverityCritical)
	case barograph.EventEndpointEnabled:
		a.labels["severity"] = string(barograph.SeverityWarning)
	}
}

func alertName(e barograph.Event, kind string) string {
	if rule := e.Labels.Get("rule"); rule != "" {
		return strings.ToValidUTF8(rule, "_")
	}
	switch kind {
	case "host":
		return "host silent"
	case "endpoint":
		return "endpoint disabled"
	}
	if e.Data.Test {
		return "test"
	}
	return kind
}

// alertStart returns when what the event tells of began.
func alertStart(e barograph.Event) time.Time {
	kind, _, _ := strings.Cut(string(e.Type), ".")
	switch d := e.Data; {
	case kind == "prediction" && d.Prediction != nil && !d.Prediction.OpenedAt.IsZero():
		return d.Prediction.OpenedAt
	case kind == "breach" && d.Breach != nil && !d.Breach.StartedAt.IsZero():
		return d.Breach.StartedAt
	case kind == "host" && d.Host != nil && !d.Host.LastSeen.IsZero():
		return d.Host.LastSeen
	case kind == "rule" && d.Demotion != nil && !d.Demotion.At.IsZero():
		return d.Demotion.At
	}
	return e.Time
}

// alertAnnotations returns the rule's own annotations and what the event says in
// numbers. A summary of the rule's own becomes the description: ours says what,
// where and when.
func alertAnnotations(e barograph.Event) map[string]string {
	own := sanitized(e.Data.Annotations)
	if text, ok := own["summary"]; ok && own["description"] == "" {
		own["description"] = text
	}
	own["summary"] = oneLine(e.Data.Summary)
	add := func(name, value string) {
		if value != "" {
			own[name] = value
		}
	}
	if e.Data.Value != nil {
		add("value", exact(*e.Data.Value))
	}
	if rule := e.Data.Rule; rule != nil && rule.Operator != "" {
		add("limit", string(rule.Operator)+" "+exact(rule.Limit))
	}
	switch kind, _, _ := strings.Cut(string(e.Type), "."); {
	case kind == "prediction" && e.Data.Prediction != nil:
		p := e.Data.Prediction
		add("probability", exact(p.Latest.Probability))
		add("eta_early", rfc3339(p.Latest.ETA.Early))
		add("eta", rfc3339(p.Latest.ETA.Median))
		add("eta_late", rfc3339(p.Latest.ETA.Late))
		add("reason", oneLine(first(p.CloseReason, p.Latest.Reason)))
	case kind == "breach" && e.Data.Breach != nil:
		add("reason", oneLine(e.Data.Breach.EndReason))
	case kind == "endpoint" && e.Data.Endpoint != nil:
		add("reason", oneLine(e.Data.Endpoint.Reason))
	}
	if ack := e.Data.Acknowledged; ack != nil {
		add("acknowledged_by", oneLine(ack.By))
	}
	return own
}

func exact(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// alertAddress returns where the API shows what the event is about.
func alertAddress(e barograph.Event, external string) string {
	base, err := url.Parse(external)
	if err != nil || external == "" {
		return ""
	}
	path := []string{"api", "v1", "events", string(e.ID)}
	switch kind, _, _ := strings.Cut(string(e.Type), "."); {
	case kind == "prediction" && e.Data.Prediction != nil:
		path = []string{"api", "v1", "predictions", string(e.Data.Prediction.ID)}
	case kind == "breach" && e.Data.Breach != nil:
		path = []string{"api", "v1", "breaches", string(e.Data.Breach.ID)}
	case kind == "host" && e.Data.Host != nil:
		path = []string{"api", "v1", "hosts", string(e.Data.Host.ID)}
	}
	return base.JoinPath(path...).String()
}

func earlier(a, b time.Time) time.Time {
	if a.After(b) {
		return b
	}
	return a
}

var badInLabel = regexp.MustCompile(`[^a-zA-Z0-9_]`)

// sanitized returns the map with names as Prometheus has them, and values in
// UTF-8; empty ones are left out. Of two that get the same name the first in
// the alphabet stays.
func sanitized(in map[string]string) map[string]string {
	out := make(map[string]string, len(in)+8)
	for _, name := range slices.Sorted(maps.Keys(in)) {
		value := strings.ToValidUTF8(in[name], "\uFFFD")
		name = badInLabel.ReplaceAllString(name, "_")
		if name == "" || name[0] >= '0' && name[0] <= '9' {
			name = "_" + name
		}
		if _, taken := out[name]; !taken && value != "" && utf8.ValidString(name) {
			out[name] = value
		}
	}
	return out
}

// common returns what all of the maps agree on.
func common(alerts []alert, of func(alert) map[string]string) map[string]string {
	shared := map[string]string{}
	for name, value := range of(alerts[0]) {
		if !slices.ContainsFunc(alerts[1:], func(a alert) bool { return of(a)[name] != value }) {
			shared[name] = value
		}
	}
	return shared
}

// fingerprint returns the labels' hash as Prometheus makes it: FNV-1a over
// names and values in the names' order, each followed by a byte that UTF-8
// does not have.
func (a alert) fingerprint() string {
	const separator = 0xff
	sum := fnv.New64a()
	for _, name := range slices.Sorted(maps.Keys(a.labels)) {
		for _, part := range []string{name, a.labels[name]} {
			_, _ = sum.Write(append([]byte(part), separator)) // never fails
		}
	}
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, sum.Sum64()))
}
