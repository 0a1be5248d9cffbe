package alerting_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// tryOnce starts a new server a second before the delivery is due, and stops it
// after one try. It returns when that was.
func tryOnce(t *testing.T, cfg alerting.DeliveryConfig, db alerting.DispatchStore, due time.Time, o alerting.Outcome) time.Time {
	t.Helper()
	time.Sleep(time.Until(due) - time.Second)
	tries := make(chan time.Time, 1)
	stop := start(t, dispatcherWith(t, cfg, db, func(context.Context, barograph.Event, barograph.Endpoint) alerting.Outcome {
		tries <- time.Now()
		return o
	}))
	defer stop()
	select {
	case at := <-tries:
		return at
	case <-time.After(time.Minute):
		t.Fatal("it was not tried within a minute")
		return time.Time{}
	}
}

// The whole schedule, with another server for each try: every one is within
// ±20 % of its time, and there are no more than ten.
func TestWholeSchedule(t *testing.T) {
	planned := []time.Duration{
		0, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
	}
	for wish, most := range map[time.Duration]float64{0: 1.2, time.Second: 1.2, 24 * time.Hour: 2.4} {
		t.Run(fmt.Sprint("Retry-After ", wish), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := alerting.DefaultDeliveryConfig()
				cfg.TimeToLive = barograph.Duration(100 * time.Hour)
				db := database(t, subscription("sub_1", hook("ept_1", "https://example.com")))
				record(t, db, about("evt_1"))
				answer := refuse()
				answer.RetryAfter = wish
				least := 0.8
				if wish > time.Hour { // it is granted up to twice the time
					least = 1.6
				}
				last := time.Now()
				for i, wait := range planned {
					at := tryOnce(t, cfg, db, deliveries(t, db)[0].NextTry, answer)
					gap := at.Sub(last).Seconds()
					if gap < least*wait.Seconds() || gap > most*wait.Seconds()+0.001 {
						t.Errorf("try %d came %v after the one before, planned %v", i+1, at.Sub(last), wait)
					}
					last = at
				}
				if d := deliveries(t, db)[0]; d.State != barograph.DeliveryExhausted || d.Attempts != 10 {
					t.Errorf("%s after %d tries", d.State, d.Attempts)
				}
			})
		})
	}
}

// An endpoint is put out of service by the first message that is given up after
// 120 hours without a success: not at 119, not by a try that will be repeated,
// and not if anything got through meanwhile.
func TestFiveDaysOfFailure(t *testing.T) {
	permanent := alerting.Outcome{Verdict: alerting.VerdictPermanent, StatusCode: 400, Err: errTestOver}
	for name, tt := range map[string]struct {
		successAt time.Duration
		disabled  time.Duration
	}{
		"never a success": {0, 121 * time.Hour},
		"one after a day": {24 * time.Hour, 157 * time.Hour}, // the first failure after it was at 36 h
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := alerting.DefaultDeliveryConfig()
				db := database(t, subscription("sub_1", hook("ept_1", "https://example.com")))
				begin := time.Now()
				health := func() barograph.EndpointHealth {
					sub, err := db.Subscription(t.Context(), "sub_1")
					if err != nil {
						t.Fatal(err)
					}
					return sub.Endpoints[0].Health
				}
				try := func(after time.Duration, o alerting.Outcome) {
					time.Sleep(time.Until(begin.Add(after)))
					record(t, db, about(fmt.Sprint("evt_", after)))
					tryOnce(t, cfg, db, time.Now(), o)
				}
				for after := time.Duration(0); after < 119*time.Hour+tt.successAt; after += 12 * time.Hour {
					o := permanent
					if after == tt.successAt && after > 0 {
						o = ok()
					}
					try(after, o)
				}
				try(tt.disabled-2*time.Hour, permanent)
				try(tt.disabled-time.Minute, refuse()) // it will be tried again
				if h := health(); h.Disabled || h.Exhausted < 10 {
					t.Fatalf("before: %+v", h)
				}
				try(tt.disabled, permanent)
				if h := health(); !h.Disabled {
					t.Errorf("after: %+v", h)
				}
			})
		})
	}
}
