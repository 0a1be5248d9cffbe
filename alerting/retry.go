package alerting

import (
	"time"

	"github.com/barograph/barograph"
)

// retryPolicy decides what becomes of deliveries and endpoints. It is pure: the
// time and the dice come from outside.
type retryPolicy struct {
	timeToLive       time.Duration
	disableAfter     time.Duration
	disableExhausted int
}

func newRetryPolicy(cfg DeliveryConfig) retryPolicy {
	return retryPolicy{cfg.TimeToLive.Std(), cfg.DisableAfter.Std(), cfg.DisableExhausted}
}

// tryDelays returns how long each try comes after the one before. Warnings go
// stale, so most tries come early.
func tryDelays() []time.Duration {
	return []time.Duration{
		0, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
	}
}

const jitterShare = 0.2

// delay returns the time from the end of the given number of tries to the next,
// false if there is none. dice is from [0, 1): it spreads the planned delay by
// ±20 %, so that receivers that come back are not met by everybody at once. A
// receiver's own wish counts between the planned delay and twice that.
func delay(tries int, dice float64, wish time.Duration) (time.Duration, bool) {
	delays := tryDelays()
	if tries >= len(delays) {
		return 0, false
	}
	planned := time.Duration(float64(delays[tries]) * (1 - jitterShare + 2*jitterShare*dice))
	if wish == 0 {
		return planned, true
	}
	return min(max(wish, planned), 2*planned), true
}

// stale reports whether the delivery is too old to be tried.
func (p retryPolicy) stale(d barograph.Delivery, now time.Time) bool {
	return now.After(d.CreatedAt.Add(p.timeToLive))
}

// afterTry returns the delivery as it is after a try.
func (p retryPolicy) afterTry(d barograph.Delivery, a barograph.Attempt, o Outcome, dice float64) barograph.Delivery {
	d.Attempts++
	d.LastTry = &a
	ended := a.At.Add(a.Latency.Std())
	switch o.Verdict {
	case VerdictDelivered:
		return finish(d, barograph.DeliveryDelivered, ended)
	case VerdictPermanent, VerdictGone:
		return finish(d, barograph.DeliveryExhausted, ended)
	case VerdictTemporary, VerdictUnknown:
	}
	wait, again := delay(d.Attempts, dice, o.RetryAfter)
	switch next := ended.Add(wait); {
	case !again:
		return finish(d, barograph.DeliveryExhausted, ended)
	case p.stale(d, next):
		return finish(d, barograph.DeliveryExpired, ended)
	default:
		d.NextTry = next
		return d
	}
}

// unsent returns a delivery that got too old before its turn came, and what is
// noted as its last try.
func (p retryPolicy) unsent(d barograph.Delivery, now time.Time) (barograph.Delivery, barograph.Attempt) {
	a := barograph.Attempt{
		At:    now,
		Error: "not sent: its time to live of " + barograph.Duration(p.timeToLive).String() + " had passed",
	}
	d.LastTry = &a
	return finish(d, barograph.DeliveryExpired, now), a
}

func finish(d barograph.Delivery, state barograph.DeliveryState, at time.Time) barograph.Delivery {
	d.State, d.DoneAt, d.NextTry = state, at, time.Time{}
	return d
}
