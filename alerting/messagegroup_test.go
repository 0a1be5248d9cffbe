package alerting_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// on moves the event to another host, as a thing of its own.
func on(e barograph.Event, host string) barograph.Event {
	e.ID = barograph.EventID("evt_" + host)
	series := e.Data.Breach
	labels := barograph.NewLabels(map[string]string{"host": host, "mount": "/"})
	if p := e.Data.Prediction; p != nil {
		moved := *p
		moved.ID, moved.Series.Labels = barograph.PredictionID("prd_"+host), labels
		e.Data.Prediction = &moved
	}
	if series != nil {
		moved := *series
		moved.ID, moved.Series.Labels = barograph.BreachID("brc_"+host), labels
		e.Data.Breach = &moved
	}
	e.Labels, e.Data.Summary = e.Labels.With("host", host), ""
	return e
}

// later moves what a prediction announces.
func later(e barograph.Event, d time.Duration) barograph.Event {
	p := *e.Data.Prediction
	p.Latest.ETA = barograph.ETA{Early: p.Latest.ETA.Early.Add(d), Median: p.Latest.ETA.Median.Add(d), Late: p.Latest.ETA.Late.Add(d)}
	e.Data.Prediction = &p
	return e
}

func group(events ...barograph.Event) alerting.Notification {
	return alerting.Notification{ID: "msg_1", Events: events}
}

// storm returns notifications of several events.
func storm() map[string]alerting.Notification {
	all := story()
	begun := func(host string, ago time.Duration) barograph.Event {
		e := on(breach(true), host)
		b := *e.Data.Breach
		b.StartedAt = noon().Add(-ago)
		e.Data.Breach = &b
		return e
	}
	var many []barograph.Event
	for i := range 70 {
		many = append(many, begun(fmt.Sprintf("web-%02d", i), time.Duration(i)*time.Minute))
	}
	other := on(opened("evt_1"), "db-9")
	p := *other.Data.Prediction
	p.RuleName = "Load too high"
	other.Data.Prediction, other.Severity = &p, barograph.SeverityCritical
	confirmed, its := on(all["prediction.confirmed"], "db-1"), begun("db-1", 0)
	confirmed.Data.Prediction.BreachID = its.Data.Breach.ID
	silent := all["host.silent"]
	silent.Data.Host = &barograph.HostRef{ID: "hst_2", Name: "db-2", LastSeen: noon().Add(-time.Minute)}
	reminded := begun("db-4", 8*time.Hour)
	reminded.Data.Reminder = 1
	return map[string]alerting.Notification{
		"group": group(on(opened("e"), "db-1"), later(on(opened("e"), "db-2"), -8*time.Hour), begun("db-3", 10*time.Minute),
			begun("db-4", 20*time.Minute), on(all["prediction.averted"], "db-5"), on(all["breach.ended"], "db-6"),
			on(all["breach.acknowledged"], "db-7")),
		"group.predictions": group(on(opened("e"), "db-1"), later(on(opened("e"), "db-2"), -8*time.Hour), other),
		"group.breaches":    group(many...),
		"group.over":        group(on(all["breach.ended"], "db-1"), on(all["breach.ended"], "db-2"), on(all["prediction.averted"], "db-3"), on(all["prediction.expired"], "db-4"), on(all["breach.ended"], "db-5")),
		"group.hosts":       group(all["host.silent"], silent),
		"group.reminders":   group(reminded, func() barograph.Event { e := begun("db-5", 30*time.Hour); e.Data.Reminder = 2; return e }()),
		"group.confirmed":   group(its, confirmed),
	}
}

func TestOfOneThingOnlyTheNewestIsTold(t *testing.T) {
	m := messages(t, "")
	all := story()
	over := on(all["breach.ended"], "db-1")
	msg, err := m.Render(group(on(breach(true), "db-1"), on(breach(true), "db-2"), over))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(msg.Subject, "[critical] 1 breach and 1 ended breach of disk full: ") || strings.Count(msg.Text, "db-1 (mount=/)") != 1 {
		t.Errorf("%s\n%s", msg.Subject, msg.Text)
	}
	alone, err := m.Render(group(on(breach(true), "db-1"), over))
	if err != nil {
		t.Fatal(err)
	}
	same, err := m.Render(alerting.NotificationOf(over))
	if err != nil {
		t.Fatal(err)
	}
	if alone != same {
		t.Errorf("two events of one thing:\n%s\nand its last alone:\n%s", alone.Text, same.Text)
	}
}

func TestANotificationOfNothingIsNotWritten(t *testing.T) {
	if _, err := messages(t, "").Render(alerting.Notification{ID: "msg_1"}); err == nil {
		t.Error("it is")
	}
}
