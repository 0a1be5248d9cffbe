package alerting

import (
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

func sampleTime() time.Time { return time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC) }

// sampleEvent returns the i-th event of that type, with all that such an event
// can have, for templates to be tried on.
func sampleEvent(t barograph.EventType, i int) barograph.Event {
	const value = .782
	at, v := sampleTime(), value
	series := barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{
		"host": fmt.Sprintf("db-%d", i), "mount": "/",
	})}
	e := barograph.Event{
		ID: barograph.EventID(fmt.Sprintf("evt_%d", i)), Type: t, Time: at, Subject: series.String(), Severity: barograph.SeverityWarning,
		Labels: series.Labels.With("metric", series.Metric).With("rule", "Disk full"),
		Data: barograph.EventData{
			Rule:  &barograph.RuleRef{ID: "rul_1", Name: "Disk full", Operator: barograph.Above, Limit: .9, Horizon: barograph.Duration(3 * barograph.Day)},
			Value: &v, Annotations: map[string]string{"summary": "Databases stop when it is full.", "runbook": "https://wiki.example.com/disk"},
		},
	}
	e.Data.Summary = ""
	prediction, breach := samplePrediction(series, i), sampleBreach(series, i)
	switch kindGroup(e) {
	case "prediction":
		e.Data.Prediction = &prediction
	case "breach":
		e.Data.Breach = &breach
	case "host":
		e.Data = barograph.EventData{Host: &barograph.HostRef{ID: barograph.HostID(fmt.Sprintf("hst_%d", i)), Name: "db-1", LastSeen: at.Add(-5 * time.Minute)}}
	case "endpoint":
		e.Data = barograph.EventData{Endpoint: &barograph.EndpointRef{
			ID: barograph.EndpointID(fmt.Sprintf("ept_%d", i)), SubscriptionID: "sub_1", Kind: barograph.EndpointWebhook, Subscription: "on call", Address: "hooks.example.com", Reason: "the receiver answered 410 Gone",
		}}
	case "rule":
		e.Data.Value, e.Data.Demotion = nil, &barograph.Demotion{At: at, Confirmed: 4, Scored: 20, Reason: "4 of its last 20 predictions came true"}
		e.Data.Digest = &barograph.Digest{Open: 5, Predictions: []barograph.Prediction{prediction}}
	default:
		e.Data = barograph.EventData{}
	}
	if t == barograph.EventPredictionAcked || t == barograph.EventBreachAcked {
		e.Data.Acknowledged = &barograph.Acknowledgement{At: at, By: "alice", Comment: "old logs are being deleted"}
	}
	e.Data.Summary = summarize(e)
	return e
}

func samplePrediction(series barograph.Series, i int) barograph.Prediction {
	at := sampleTime()
	said := barograph.Announcement{
		At: at, Value: .782, Probability: .82, Reason: "the value rises by about 9 % a day and has 12 % to go",
		ETA: barograph.ETA{Early: at.Add(26 * time.Hour), Median: at.Add(31 * time.Hour), Late: at.Add(45 * time.Hour)},
	}
	return barograph.Prediction{
		ID: barograph.PredictionID(fmt.Sprintf("prd_%d", i)), RuleID: "rul_1", RuleName: "Disk full", Series: series,
		Severity: barograph.SeverityWarning, State: barograph.PredictionOpen, OpenedAt: at, First: said, Latest: said,
		Lead: barograph.Duration(31 * time.Hour), CloseReason: "the probability fell to 3 %",
	}
}

func sampleBreach(series barograph.Series, i int) barograph.Breach {
	at := sampleTime()
	return barograph.Breach{
		ID: barograph.BreachID(fmt.Sprintf("brc_%d", i)), RuleID: "rul_1", RuleName: "Disk full", Series: series,
		Severity: barograph.SeverityWarning, StartedAt: at.Add(-8 * time.Hour), EndedAt: at, Value: .91,
		PredictionID: "prd_1", Lead: barograph.Duration(31 * time.Hour),
	}
}
