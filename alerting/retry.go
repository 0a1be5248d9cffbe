package alerting

import (
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// retryPolicy decides what becomes of deliveries and endpoints. It is pure: the
// time and the dice come from outside.
type retryPolicy struct {
	schedule         []barograph.Duration // waits between tries
	timeToLive       time.Duration
	disableAfter     time.Duration
	disableExhausted int
}

func newRetryPolicy(cfg DeliveryConfig) retryPolicy {
	return retryPolicy{cfg.RetrySchedule, cfg.TimeToLive.Std(), cfg.DisableAfter.Std(), cfg.DisableExhausted}
}

const jitterShare = 0.2

// delay returns the time from the end of the given number of tries to the next,
// false if there is none. dice is from [0, 1): it spreads the planned delay by
// ±20 %, so that receivers that come back are not met by everybody at once. A
// receiver's own wish counts between the planned delay and twice that.
func (p retryPolicy) delay(tries int, dice float64, wish time.Duration) (time.Duration, bool) {
	if tries > len(p.schedule) {
		return 0, false
	}
	planned := time.Duration(float64(p.schedule[tries-1]) * (1 - jitterShare + 2*jitterShare*dice))
	if wish == 0 {
		return planned, true
	}
	return min(max(wish, planned), 2*planned), true
}

// expiry returns from when on the delivery is too old to be tried. Its time to
// live counts from when its first try was due, which may be long after the event:
// at the end of a maintenance window.
func (p retryPolicy) expiry(d barograph.Delivery) time.Time {
	switch {
	case !d.ExpiresAt.IsZero():
		return d.ExpiresAt
	case d.Attempts == 0 && d.NextTry.After(d.CreatedAt):
		return d.NextTry.Add(p.timeToLive)
	}
	return d.CreatedAt.Add(p.timeToLive)
}

// stale reports whether the delivery is too old to be tried.
func (p retryPolicy) stale(d barograph.Delivery, now time.Time) bool { return now.After(p.expiry(d)) }

// afterTry returns the delivery as it is after a try.
func (p retryPolicy) afterTry(d barograph.Delivery, a barograph.Attempt, o Outcome, dice float64) barograph.Delivery {
	d.ExpiresAt = p.expiry(d)
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
	wait, again := p.delay(d.Attempts, dice, o.RetryAfter)
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

// longestWait returns how far ahead a try may be planned: by the schedule, a
// receiver's wish, or the longest interval of a group.
func (p retryPolicy) longestWait() time.Duration {
	longest := slices.Max(p.schedule).Std()
	return max(time.Duration(2*(1+jitterShare)*float64(longest)), barograph.Day)
}
