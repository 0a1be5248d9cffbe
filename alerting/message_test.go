package alerting_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

var update = flag.Bool("update", false, "write the golden files anew")

// story returns an event of each type, and some odd ones.
func story() map[string]barograph.Event {
	out := map[string]barograph.Event{"prediction.opened": opened("evt_1")}
	turn := func(name string, t barograph.EventType, after time.Duration, change func(e *barograph.Event, p *barograph.Prediction)) {
		e := opened("evt_2")
		e.Type, e.Time, e.Data.Summary = t, noon().Add(after), ""
		p := *e.Data.Prediction
		change(&e, &p)
		e.Data.Prediction = &p
		out[name] = e
	}
	turn("prediction.updated", barograph.EventPredictionUpdated, 4*time.Hour, func(e *barograph.Event, p *barograph.Prediction) {
		e.Severity = barograph.SeverityCritical
		p.Latest = barograph.Announcement{
			At: e.Time, Value: 0.85, Probability: 0.97, Reason: "it rises faster than before",
			ETA: barograph.ETA{Early: noon().Add(6 * time.Hour), Median: noon().Add(7 * time.Hour), Late: noon().Add(9 * time.Hour)},
		}
	})
	turn("prediction.confirmed", barograph.EventPredictionConfirmed, 30*time.Hour, func(e *barograph.Event, p *barograph.Prediction) {
		*e.Data.Value = 0.904
		p.State, p.ClosedAt, p.Lead, p.BreachID = barograph.PredictionConfirmed, e.Time, barograph.Duration(30*time.Hour), "brc_1"
	})
	turn("prediction.averted", barograph.EventPredictionAverted, 10*time.Hour, func(e *barograph.Event, p *barograph.Prediction) {
		*e.Data.Value = 0.41
		p.State, p.ClosedAt, p.Turned, p.CloseReason = barograph.PredictionAverted, e.Time, true, "the probability fell to 3 %"
	})
	turn("prediction.expired", barograph.EventPredictionExpired, 60*time.Hour, func(e *barograph.Event, p *barograph.Prediction) {
		p.State, p.ClosedAt, p.CloseReason = barograph.PredictionExpired, e.Time, "the announced time passed and the limit was kept"
	})
	turn("prediction.withdrawn", barograph.EventPredictionWithdrawn, 9*barograph.Day, func(e *barograph.Event, p *barograph.Prediction) {
		e.Data.Rule = nil
		p.State, p.ClosedAt, p.CloseReason = barograph.PredictionWithdrawn, e.Time, "no samples for 24 h"
	})
	turn("prediction.acknowledged", barograph.EventPredictionAcked, 2*time.Hour, func(e *barograph.Event, _ *barograph.Prediction) {
		e.Data.Acknowledged = &barograph.Acknowledgement{At: e.Time, By: "alice", Comment: "old logs are being deleted"}
	})
	out["breach.started"], out["breach.ended"] = breach(true), breach(false)
	acked := breach(true)
	acked.Type, acked.Time = barograph.EventBreachAcked, noon().Add(20*time.Minute)
	acked.Data.Acknowledged = &barograph.Acknowledgement{At: acked.Time, By: "alice", Comment: "old logs are being deleted"}
	out["breach.acknowledged"] = acked
	reminder := breach(true)
	reminder.Data.Reminder = 2
	out["reminder"] = reminder
	host := opened("evt_5")
	host.Subject, host.Severity = "db1", barograph.SeverityCritical
	host.Data = barograph.EventData{Host: &barograph.HostRef{ID: "hst_1", Name: "db1", LastSeen: noon().Add(-5 * time.Minute)}}
	host.Type = barograph.EventHostSilent
	out["host.silent"] = host
	host.Type, host.Severity = barograph.EventHostReturned, barograph.SeverityInfo
	out["host.returned"] = host
	ep := opened("evt_6")
	ep.Data = barograph.EventData{Endpoint: &barograph.EndpointRef{
		ID: "ept_1", SubscriptionID: "sub_1", Kind: barograph.EndpointWebhook, Subscription: "on call", Address: "hooks.example.com",
		Reason: "nothing got through for 5d: 10 messages were given up, the last because: connection refused",
	}}
	ep.Type = barograph.EventEndpointDisabled
	out["endpoint.disabled"] = ep
	enabled := ep
	enabled.Type, enabled.Severity = barograph.EventEndpointEnabled, barograph.SeverityInfo
	enabled.Data.Endpoint = &barograph.EndpointRef{ID: "ept_1", SubscriptionID: "sub_1", Kind: barograph.EndpointWebhook, Subscription: "on call", Address: "hooks.example.com"}
	out["endpoint.enabled"] = enabled
	tellOfRules(out)
	dog := barograph.Event{ID: "evt_7", Type: barograph.EventWatchdog, Time: noon(), Severity: barograph.SeverityInfo}
	out["watchdog"] = dog
	dog.Data.Test, dog.Data.Summary = true, "This is a test: nothing happened"
	out["test"] = dog
	out["bare"] = barograph.Event{ID: "evt_8", Type: barograph.EventPredictionOpened, Time: noon(), Subject: "up"}
	return out
}

// tellOfRules adds what is told of a rule as a whole.
func tellOfRules(out map[string]barograph.Event) {
	e := opened("evt_9")
	first, second := *e.Data.Prediction, *e.Data.Prediction
	second.Series.Labels = barograph.NewLabels(map[string]string{"host": "db2", "mount": "/data"})
	e.Labels = barograph.NewLabels(map[string]string{"rule": e.Data.Rule.Name, "metric": first.Series.Metric})
	e.Subject = e.Data.Rule.Name
	e.Data = barograph.EventData{Rule: e.Data.Rule, Demotion: &barograph.Demotion{
		At: noon(), Confirmed: 4, Scored: 20, Reason: "4 of its last 20 scored predictions came true",
	}}
	e.Type = barograph.EventRuleDemoted
	out["rule.demoted"] = e
	e.Type = barograph.EventRuleRestored
	out["rule.restored"] = e
	e.Type = barograph.EventRuleDigest
	e.Data.Digest = &barograph.Digest{Open: 5, Predictions: []barograph.Prediction{first, second}}
	out["rule.digest"] = e
}

func breach(starts bool) barograph.Event {
	e := opened("evt_3")
	e.Type, e.Time, e.Severity = barograph.EventBreachStarted, noon(), barograph.SeverityCritical
	e.Data.Summary = ""
	e.Data.Annotations["summary"] = "The database stops at 100 %."
	*e.Data.Value = 0.9123456
	b := barograph.Breach{
		ID: "brc_1", RuleID: "rul_1", RuleName: "disk full", Series: e.Data.Prediction.Series, StartedAt: noon().Add(-10 * time.Minute),
		Value: 0.91, PredictionID: "prd_1", Lead: barograph.Duration(31 * time.Hour),
	}
	if !starts {
		e.Type, e.Severity = barograph.EventBreachEnded, barograph.SeverityWarning
		*e.Data.Value = 0.6
		b.EndedAt, b.PredictionID, b.Lead = noon(), "", 0
	}
	e.Data.Breach, e.Data.Prediction = &b, nil
	return e
}

// tomorrow is when the messages of the tests are written.
type tomorrow struct{ barograph.WallClock }

func (tomorrow) Now() time.Time { return noon().Add(8 * time.Hour) }

func messages(t *testing.T, dir string) *alerting.Messages {
	t.Helper()
	m, err := alerting.NewMessages(alerting.MessageOptions{Templates: dir, Clock: tomorrow{}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMessages(t *testing.T) {
	m := messages(t, "")
	all := storm()
	for name, e := range story() {
		all[name] = alerting.NotificationOf(e)
	}
	for _, kind := range barograph.EventTypes() {
		if _, ok := all[string(kind)]; !ok {
			t.Errorf("no message of type %s is tested", kind)
		}
	}
	for name, n := range all {
		t.Run(name, func(t *testing.T) {
			msg, err := m.Render(n)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "messages", name+".txt"),
				"Subject: "+msg.Subject+"\nSMS: "+msg.Short+"\n\n"+msg.Text+"\n== chat\n"+msg.Chat)
			golden(t, filepath.Join("testdata", "messages", name+".html"), msg.HTML)
			for line := range strings.Lines(msg.Text) {
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 78 {
					t.Errorf("a line of %d columns: %s", n, line)
				}
			}
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", path, diff)
	}
}

func TestMessagesWithstandHostileText(t *testing.T) {
	m := messages(t, "")
	for _, evil := range []string{
		"x\r\nBcc: victim@example.com", "x\nSubject: other", "<script>alert(1)</script>", "{{.Event}}", "x\x00\x1b[31m", "x\u2028y\u0085z",
		strings.Repeat("x", 5000), "\xff\xfe",
	} {
		e := opened("evt_1")
		e.Data.Summary = ""
		e.Data.Annotations = map[string]string{"summary": evil, "runbook": "javascript:" + evil}
		e.Data.Rule.Name = evil
		p := *e.Data.Prediction
		p.RuleName, p.Latest.Reason, p.CloseReason = evil, evil, evil
		p.Series.Labels = barograph.NewLabels(map[string]string{"host": evil, "mount": evil})
		e.Data.Prediction = &p
		msg, err := m.Render(alerting.NotificationOf(e))
		if err != nil {
			t.Fatal(err)
		}
		for name, line := range map[string]string{"subject": msg.Subject, "short": msg.Short} {
			if strings.ContainsAny(line, "\r\n\x00\x1b\u2028\u0085") {
				t.Errorf("%s of %q is more than one line: %q", name, evil, line)
			}
		}
		if len([]rune(msg.Subject)) > 200 {
			t.Errorf("subject of %d runes", len([]rune(msg.Subject)))
		}
		if strings.Contains(msg.HTML, "<script") || strings.Contains(msg.HTML, `href="javascript`) {
			t.Errorf("HTML holds the markup of %q:\n%s", evil, msg.HTML)
		}
	}
}
