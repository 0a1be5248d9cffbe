package alerting_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// foretold returns an event about a prediction of its own that was announced for
// ten hours ahead when it opened, and for so long at last.
func foretold(kind barograph.EventType, id string, latest time.Duration) barograph.Event {
	said := func(in time.Duration) barograph.Announcement {
		return barograph.Announcement{At: time.Now(), Probability: .9, ETA: barograph.ETA{Median: time.Now().Add(in)}}
	}
	e := breachOf(kind, id, "web-1")
	e.Data.Breach = nil
	e.Data.Prediction = &barograph.Prediction{ID: barograph.PredictionID("prd_" + id), First: said(10 * time.Hour), Latest: said(latest)}
	return e
}

// Whoever was told of a prediction is told how it ends, also when it moved out of
// what the subscription asks for; who was not told is told nothing.
func TestWhoWasToldIsToldTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near := subscription("sub_1", hook("hook", "https://a"), alertmanager())
		near.MaxETA = barograph.Duration(6 * time.Hour)
		s := newStage(t, near)
		s.tell(foretold(barograph.EventPredictionOpened, "told", 10*time.Hour),
			foretold(barograph.EventPredictionOpened, "far", 10*time.Hour))
		s.pass(time.Minute)
		s.tell(foretold(barograph.EventPredictionUpdated, "told", 3*time.Hour))
		s.pass(time.Minute)
		s.tell(foretold(barograph.EventPredictionAverted, "told", 9*time.Hour),
			foretold(barograph.EventPredictionAverted, "far", 9*time.Hour))
		s.pass(10 * time.Minute)
		for _, id := range []barograph.EndpointID{"hook", "am"} {
			s.wantTypes(id, "in the end", barograph.EventPredictionUpdated, barograph.EventPredictionAverted)
		}
	})
}

// An Alertmanager forgets what it is not told again. A silence holds back news,
// not what it knows.
func TestSilenceLetsAlertsLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, subscription("sub_1", alertmanager(), hook("hook", "https://a")))
		e := breachOf(begun, "long", "web-1")
		s.must(s.db.Record(t.Context(), barograph.Change{Breaches: []barograph.Breach{*e.Data.Breach}}))
		s.tell(e)
		s.pass(time.Minute)
		s.silence("web-1", 5*time.Hour)
		s.stop() // an hour of looking for what is due takes long
		s.pass(61 * time.Minute)
		s.restart()
		s.pass(time.Minute)
		if got := s.to("am"); len(got) != 2 || got[1].Latest().Data.Reminder != 1 {
			t.Errorf("within an hour the Alertmanager got %+v, want the news and a reminder", got)
		}
		s.wantTypes("hook", "in the silence", begun)
	})
}

// A fault in a channel costs a try, and nothing else.
func TestPanicOfAChannelIsAFailedTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, subscription("sub_1", hook("hook", "https://a")))
		tries := 0
		s.answers(func(alerting.Notification, barograph.Endpoint) alerting.Outcome {
			if tries++; tries == 1 {
				panic("no such index")
			}
			return ok()
		})
		s.tell(breachOf(begun, "a", "web-1"))
		s.pass(time.Minute)
		s.wantTypes("hook", "after the fault", begun)
		if tries != 2 {
			t.Errorf("%d tries, want 2", tries)
		}
	})
}
