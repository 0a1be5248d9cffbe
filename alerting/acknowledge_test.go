package alerting_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

// happens records what is told of a prediction or breach, and how it is then.
func (s *stage) happens(e barograph.Event) {
	s.t.Helper()
	c := barograph.Change{}
	if p := e.Data.Prediction; p != nil {
		c.Predictions = []barograph.Prediction{*p}
	}
	if b := e.Data.Breach; b != nil {
		c.Breaches = []barograph.Breach{*b}
	}
	s.tell(e)
	s.must(s.db.Record(s.t.Context(), c))
}

func predictionOf(kind barograph.EventType, id string, state barograph.PredictionState) barograph.Event {
	e := about(id)
	e.ID, e.Type, e.Time = "", kind, time.Now()
	e.Data.Prediction.State = state
	return e
}

func TestAcknowledgedIsTakenOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stormy(hook("hook", "https://a")))
		s.happens(predictionOf(barograph.EventPredictionOpened, "a", barograph.PredictionOpen))
		s.happens(breachOf(begun, "b", "web-1"))
		s.pass(time.Second)
		s.wantTypes("hook", "at first", begun, barograph.EventPredictionOpened)
		ack := barograph.Acknowledgement{By: "tired person", Comment: "on it"}
		s.must(s.engine.Acknowledge(t.Context(), "prd_a", ack))
		s.must(s.engine.Acknowledge(t.Context(), "brc_b", ack))
		s.pass(time.Second)
		got := s.to("hook")
		if len(got) != 2 || got[0].Latest().Type != barograph.EventBreachAcked || got[1].Latest().Type != barograph.EventPredictionAcked {
			t.Fatalf("told %+v", got)
		}
		for _, m := range got {
			e := m.Latest()
			if a := e.Data.Acknowledged; a == nil || a.By != ack.By || a.Comment != ack.Comment || !a.At.Equal(e.Time) || e.Data.Summary == "" ||
				e.Labels.Get("rule") == "" || e.Subject == "" || e.Data.Prediction == nil == (e.Data.Breach == nil) {
				t.Errorf("event %+v", e)
			}
		}
		s.happens(predictionOf(barograph.EventPredictionUpdated, "a", barograph.PredictionOpen))
		s.happens(predictionOf(barograph.EventPredictionAverted, "a", barograph.PredictionAverted))
		s.pass(time.Second)
		s.wantTypes("hook", "afterwards", barograph.EventPredictionAverted)
		if st := s.states("hook"); st[barograph.DeliverySilenced] != 1 {
			t.Errorf("states %v", st)
		}
		for id, want := range map[string]struct {
			kind barograph.Kind
			says string
		}{
			"prd_a":  {barograph.KindConflict, "is over"},
			"brc_b":  {barograph.KindConflict, "was acknowledged by tired person already"},
			"prd_no": {barograph.KindNotFound, "prd_no"},
			"brc_no": {barograph.KindNotFound, "brc_no"},
			"hst_1":  {barograph.KindNotFound, "hst_1"},
		} {
			err := s.engine.Acknowledge(t.Context(), id, ack)
			if barograph.KindOf(err) != want.kind || !strings.Contains(err.Error(), want.says) {
				t.Errorf("%s: %v", id, err)
			}
		}
	})
}

// An engine that starts knows what was taken on before.
func TestAcknowledgementsOutliveTheEngine(t *testing.T) {
	w := newWorld(t, diskRule())
	w.noError(w.db.CreateSubscription(t.Context(), subscription("sub_1", hook("ept_1", "https://a"))))
	w.predict(diskRule(), disk("db-1"))
	w.tick()
	id := string(w.predictions()[0].ID)
	w.noError(w.engine.Acknowledge(t.Context(), id, barograph.Acknowledgement{By: "me"}))
	w.restart(time.Minute)
	if got := w.predictions()[0]; got.Acknowledged == nil || got.Acknowledged.By != "me" {
		t.Errorf("prediction %+v", got)
	}
	e := w.last()
	e.Type, e.Data.Acknowledged = barograph.EventPredictionUpdated, nil
	_, err := w.engine.Announce(t.Context(), e)
	w.noError(err)
	all, err := w.db.Deliveries(t.Context(), barograph.DeliveryFilter{State: barograph.DeliverySilenced}, barograph.Page{})
	if err != nil || len(all) != 1 || all[0].HeldBy != barograph.Hold(id) {
		t.Errorf("silenced %+v, err %v", all, err)
	}
}

func TestReminders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sub := stormy(readers(), hook("hook", "https://a"))
		sub.RepeatInterval = barograph.Duration(10 * time.Minute)
		s := newStage(t, sub)
		s.happens(breachOf(begun, "a", "web-1"))
		s.happens(breachOf(begun, "b", "web-1"))
		s.pass(9 * time.Minute)
		s.to("people")
		news := map[barograph.BreachID]barograph.EventID{}
		for _, m := range s.to("hook") {
			news[m.Latest().Data.Breach.ID] = m.Latest().ID
		}
		s.pass(2 * time.Minute)
		for _, id := range []barograph.EndpointID{"people", "hook"} {
			got := s.to(id)
			if sum(sizes(got)) != 2 {
				t.Errorf("%s was reminded by %v", id, sizes(got))
			}
			for _, m := range got {
				for _, e := range m.Events {
					if e.Data.Reminder != 1 || e.Type != begun {
						t.Errorf("%s: reminder %+v", id, e)
					}
				}
				if want := string(news[m.Latest().Data.Breach.ID]) + "-r1"; id == "hook" && (m.ID != want || string(m.Latest().ID) != want) {
					t.Errorf("reminder %s of event %s, want %s", m.ID, m.Latest().ID, want)
				}
			}
		}
		s.must(s.engine.Acknowledge(t.Context(), "brc_a", barograph.Acknowledgement{By: "me"}))
		s.pass(10 * time.Minute)
		got := s.to("hook")
		if len(got) != 2 || got[0].Latest().Type != barograph.EventBreachAcked || got[1].Latest().Data.Breach.ID != "brc_b" || got[1].Latest().Data.Reminder != 2 {
			t.Errorf("after one was acknowledged: %+v", got)
		}
	})
}

// An Alertmanager hears the end of all that it was told of, whatever silences,
// acknowledgements and subscriptions to beginnings alone there are.
func TestAlertmanagerHearsEveryEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sub := stormy(alertmanager(), hook("hook", "https://a"))
		sub.EventTypes = []string{"breach.started", "prediction.opened"}
		s := newStage(t, sub)
		s.happens(breachOf(begun, "a", "web-1"))
		s.happens(predictionOf(barograph.EventPredictionOpened, "p", barograph.PredictionOpen))
		s.pass(time.Minute)
		open := map[string]bool{}
		follow := func() (heard int) {
			for _, m := range s.to("am") {
				for _, e := range m.Events {
					heard++
					id := ""
					if e.Data.Breach != nil {
						id = string(e.Data.Breach.ID)
					} else {
						id = string(e.Data.Prediction.ID)
					}
					open[id] = !e.Type.Ends()
				}
			}
			return heard
		}
		follow()
		if diff := cmp.Diff(map[string]bool{"brc_a": true, "prd_p": true}, open); diff != "" {
			t.Fatal(diff)
		}
		s.pass(65 * time.Minute)
		if n := follow(); n != 2 {
			t.Errorf("it was told of what lasts %d times within the hour", n)
		}
		s.must(s.engine.Acknowledge(t.Context(), "brc_a", barograph.Acknowledgement{By: "me"}))
		s.silence("web-1", time.Hour)
		s.silence("db1", time.Hour)
		s.happens(breachOf(over, "a", "web-1"))
		s.happens(predictionOf(barograph.EventPredictionAverted, "p", barograph.PredictionAverted))
		s.pass(10 * time.Minute)
		follow()
		if diff := cmp.Diff(map[string]bool{"brc_a": false, "prd_p": false}, open); diff != "" {
			t.Error(diff)
		}
		s.wantTypes("hook", "in the end", begun, barograph.EventPredictionOpened)
	})
}

func TestAnnounceReturnsWhatIsRecorded(t *testing.T) {
	w := newWorld(t)
	sub := subscription("sub_1", hook("ept_1", "https://a"))
	sub.EventTypes = []string{"watchdog"}
	w.noError(w.db.CreateSubscription(t.Context(), sub))
	said, err := w.engine.Announce(t.Context(), barograph.Event{Type: barograph.EventWatchdog, Subject: "srv_1", Severity: barograph.SeverityInfo})
	w.noError(err)
	if diff := cmp.Diff([]barograph.Event{said}, w.events()); diff != "" || said.ID == "" || said.Data.Summary == "" || !said.Time.Equal(worldStart()) {
		t.Errorf("said %+v, recorded (-want +got):\n%s", said, diff)
	}
	all, err := w.db.Deliveries(t.Context(), barograph.DeliveryFilter{EventID: said.ID}, barograph.Page{})
	if err != nil || len(all) != 1 || all[0].Group != "" || all[0].Topic != "" {
		t.Errorf("deliveries %+v, err %v", all, err)
	}
}
