package alerting

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// try is a parcel that was tried.
type try struct {
	parcel parcel
	// sent is what of the parcel went into the message; it may be nothing. aside
	// is what came of the rest without a try.
	sent    parcel
	aside   []barograph.DeliveryResult
	outcome Outcome
	attempt barograph.Attempt
	// interrupted says that we broke the try off: it is as if it never was.
	interrupted bool
}

// endpoint returns where the try went, as it was when the try began.
func (t try) endpoint() barograph.Endpoint { return t.parcel[0].Endpoint }

var errTryTooLong = errors.New("the try took longer than " + barograph.Duration(tryTimeout).String())

// try sends the message once.
func (d *Dispatcher) try(ctx context.Context, t try) try {
	within, cancel := context.WithTimeoutCause(ctx, tryTimeout, errTryTooLong)
	defer cancel()
	begin := time.Now()
	if t.sent.overBudget() {
		t.outcome = d.overflow(within, t.sent)
	} else {
		t.outcome = d.notify(within, notification(t.sent), t.endpoint())
	}
	took := time.Since(begin)
	d.metrics.tried(t.endpoint(), t.outcome.Verdict, took)
	t.interrupted = ctx.Err() != nil && t.outcome.Verdict != VerdictDelivered
	t.attempt = barograph.Attempt{
		At: begin, Latency: barograph.Duration(took), StatusCode: t.outcome.StatusCode,
		Error: errorText(t.outcome.Err), Response: t.outcome.Response,
	}
	return t
}

// notify sends by the endpoint's channel. A fault in one costs its try, not the
// server.
func (d *Dispatcher) notify(ctx context.Context, n Notification, ep barograph.Endpoint) (o Outcome) {
	defer func() {
		if fault := recover(); fault != nil {
			d.log.ErrorContext(ctx, "a channel is at fault; please report it", "kind", ep.Kind, "fault", fault, "stack", string(debug.Stack()))
			o = temporarily("a fault in the %s channel: %v", ep.Kind, fault)
		}
	}()
	channel := d.notifiers[ep.Kind]
	if channel == nil {
		return permanently("no notifier for endpoints of kind %q", ep.Kind)
	}
	return channel.Notify(ctx, n, ep)
}

// overBudget reports whether the try would send more text messages than are left
// of the subscription's day. Counted ones are claimed one after the other, so
// that what was sent by now is known.
func (p parcel) overBudget() bool {
	if p[0].Endpoint.Kind != barograph.EndpointSMS {
		return false
	}
	b := p[0].Budget
	return b.Daily > 0 && b.Sent+len(p[0].Endpoint.To) > b.Daily
}

// overflow sends by e-mail what the budget of text messages has no room for. The
// budget may have room again when it is tried the next time.
func (d *Dispatcher) overflow(ctx context.Context, sent parcel) Outcome {
	ep, b := sent[0].Endpoint, sent[0].Budget
	used := fmt.Sprintf("%d of the %d text messages a day are used up, this would be %d more", b.Sent, b.Daily, len(ep.To))
	if len(b.OverflowTo) == 0 {
		return permanently("not sent: %s: raise sms_daily_budget or set sms_overflow_to", used)
	}
	o := d.notify(ctx, notification(sent), barograph.Endpoint{ID: ep.ID, Kind: barograph.EndpointEmail, To: b.OverflowTo})
	o.Texts = 0
	o.Response = keptAnswer([]byte(strings.TrimSpace(fmt.Sprintf("sent by e-mail to %s: %s. %s",
		strings.Join(b.OverflowTo, ", "), used, o.Response))))
	if o.Err != nil {
		o.Response = ""
		o.Err = fmt.Errorf("by e-mail, since %s: %w", used, o.Err)
	}
	return o
}
