package alerting

import (
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// alertmanagerMessage is what Alertmanager posts to webhooks, in version 4,
// which many receivers take.
// Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
type alertmanagerMessage struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   int               `json:"truncatedAlerts"`
	Status            string            `json:"status"`
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []messageAlert    `json:"alerts"`
}

type messageAlert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"` // zero while it lasts
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

const (
	alertFiring   = "firing"
	alertResolved = "resolved"
	mostAlerts    = 500 // in one message
)

// newAlertmanagerMessage returns the message that tells of the notification.
func newAlertmanagerMessage(n Notification, ep barograph.Endpoint, external string) alertmanagerMessage {
	alerts := alertsOf(n, external)
	more := max(len(alerts)-mostAlerts, 0)
	alerts = alerts[:len(alerts)-more]
	m := alertmanagerMessage{
		Version: "4", GroupKey: string(ep.ID) + ":" + groupKey(n), TruncatedAlerts: more, Status: alertResolved,
		Receiver: string(ep.ID), GroupLabels: groupLabels(n), ExternalURL: external,
		CommonLabels:      common(alerts, func(a alert) map[string]string { return a.labels }),
		CommonAnnotations: common(alerts, func(a alert) map[string]string { return a.annotations }),
	}
	for _, a := range alerts {
		shown := messageAlert{
			Status: alertFiring, Labels: a.labels, Annotations: a.annotations, StartsAt: a.startsAt.UTC(),
			GeneratorURL: a.generatorURL, Fingerprint: a.fingerprint(),
		}
		if a.endsAt.IsZero() {
			m.Status = alertFiring
		} else {
			shown.Status, shown.EndsAt = alertResolved, a.endsAt.UTC()
		}
		m.Alerts = append(m.Alerts, shown)
	}
	return m
}

// groupLabels returns the labels that the notification's events were grouped by,
// out of the group's name; the rule, if they were not.
func groupLabels(n Notification) map[string]string {
	labels := map[string]string{}
	for part := range strings.SplitSeq(n.Group, "\x1f") {
		name, quoted, _ := strings.Cut(part, "=")
		if value, err := strconv.Unquote(quoted); err == nil && value != "" {
			labels[name] = value
		}
	}
	if rule := n.Latest().Labels.Get("rule"); n.Group == "" && rule != "" {
		labels["rule"] = rule
	}
	return labels
}

// groupKey returns a name of the group that people can read.
func groupKey(n Notification) string {
	if n.Group == "" {
		return barograph.NewLabels(groupLabels(n)).String()
	}
	kind, _, _ := strings.Cut(n.Group, "\x1f")
	return kind + barograph.NewLabels(groupLabels(n)).String()
}
