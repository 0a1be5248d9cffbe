package alerting

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

var errRefused = errors.New("connection refused")

func policy() retryPolicy { return newRetryPolicy(DefaultDeliveryConfig()) }

func start() time.Time { return time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC) }

func fresh() barograph.Delivery {
	return barograph.Delivery{ID: "dlv_1", EventID: "evt_1", State: barograph.DeliveryPending, CreatedAt: start(), NextTry: start()}
}

func failed(wish time.Duration) Outcome {
	return Outcome{Verdict: VerdictTemporary, RetryAfter: wish, Err: errRefused}
}

func TestDelayFollowsTheSchedule(t *testing.T) {
	want := []time.Duration{
		5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
	}
	for i, planned := range want {
		for _, tt := range []struct {
			dice float64
			wish time.Duration
			want time.Duration
		}{
			{0, 0, planned * 8 / 10},
			{0.5, 0, planned},
			{0.999999, 0, planned * 12 / 10},
			{0.5, time.Second, planned},
			{0.5, planned * 3 / 2, planned * 3 / 2},
			{0.5, 24 * time.Hour, 2 * planned},
		} {
			got, again := policy().delay(i+1, tt.dice, tt.wish)
			if off := (got - tt.want).Abs(); !again || off > planned/1000 {
				t.Errorf("after %d tries with dice %v and wish %v: %v, %t; want %v", i+1, tt.dice, tt.wish, got, again, tt.want)
			}
		}
	}
	if _, again := policy().delay(10, 0.5, time.Second); again {
		t.Error("an eleventh try is planned")
	}
}

func TestAfterTry(t *testing.T) {
	try := barograph.Attempt{At: start().Add(time.Minute), Latency: barograph.Duration(time.Second), Error: "x"}
	ended := start().Add(61 * time.Second)
	old := fresh()
	old.Attempts = 9
	late := fresh()
	late.Attempts, late.CreatedAt = 8, start().Add(-20*time.Hour)
	for _, tt := range []struct {
		name    string
		before  barograph.Delivery
		outcome Outcome
		state   barograph.DeliveryState
		next    time.Time
	}{
		{"delivered", fresh(), Outcome{Verdict: VerdictDelivered}, barograph.DeliveryDelivered, time.Time{}},
		{"temporary", fresh(), failed(0), barograph.DeliveryPending, ended.Add(5 * time.Second)},
		{"unknown", fresh(), Outcome{}, barograph.DeliveryPending, ended.Add(5 * time.Second)},
		{"wish", fresh(), failed(7 * time.Second), barograph.DeliveryPending, ended.Add(7 * time.Second)},
		{"permanent", fresh(), Outcome{Verdict: VerdictPermanent}, barograph.DeliveryExhausted, time.Time{}},
		{"gone", fresh(), Outcome{Verdict: VerdictGone}, barograph.DeliveryExhausted, time.Time{}},
		{"tenth try", old, failed(0), barograph.DeliveryExhausted, time.Time{}},
		{"tenth try succeeds", old, Outcome{Verdict: VerdictDelivered}, barograph.DeliveryDelivered, time.Time{}},
		{"next would be too late", late, failed(0), barograph.DeliveryExpired, time.Time{}},
	} {
		got := policy().afterTry(tt.before, try, tt.outcome, 0.5)
		want := tt.before
		want.State, want.NextTry, want.Attempts, want.LastTry = tt.state, tt.next, tt.before.Attempts+1, &try
		want.ExpiresAt = tt.before.CreatedAt.Add(24 * time.Hour)
		if tt.state != barograph.DeliveryPending {
			want.DoneAt = ended
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// What was held back for days has its whole time to live left when it is let go.
func TestTimeToLiveCountsFromWhenItWasFirstDue(t *testing.T) {
	d, first := fresh(), start().Add(72*time.Hour)
	d.NextTry = first
	for d.State == barograph.DeliveryPending {
		if policy().stale(d, d.NextTry) {
			t.Fatalf("stale at try %d", d.Attempts+1)
		}
		d = policy().afterTry(d, barograph.Attempt{At: d.NextTry}, failed(0), 0.5)
	}
	if d.Attempts != 9 || d.State != barograph.DeliveryExpired || !d.ExpiresAt.Equal(first.Add(24*time.Hour)) {
		t.Errorf("%s after %d tries, expires at %v", d.State, d.Attempts, d.ExpiresAt)
	}
}

// A delivery that always fails has at most ten tries, and a day.
func TestDeliveryEnds(t *testing.T) {
	for _, tt := range []struct {
		timeToLive time.Duration
		tries      int
		state      barograph.DeliveryState
	}{
		{24 * time.Hour, 9, barograph.DeliveryExpired},
		{48 * time.Hour, 10, barograph.DeliveryExhausted},
		{time.Minute, 3, barograph.DeliveryExpired},
	} {
		p := policy()
		p.timeToLive = tt.timeToLive
		d := fresh()
		for d.State == barograph.DeliveryPending {
			if p.stale(d, d.NextTry) {
				t.Fatalf("a try is planned %v after the begin", d.NextTry.Sub(start()))
			}
			d = p.afterTry(d, barograph.Attempt{At: d.NextTry}, failed(0), 0.5)
		}
		if d.State != tt.state || d.Attempts != tt.tries {
			t.Errorf("time to live %v: %s after %d tries, want %s after %d", tt.timeToLive, d.State, d.Attempts, tt.state, tt.tries)
		}
	}
}

func TestHealth(t *testing.T) {
	const pending, given = false, true
	now := start()
	sick := func(failures, exhausted int, since time.Duration) barograph.EndpointHealth {
		return barograph.EndpointHealth{Failures: failures, Exhausted: exhausted, FailingSince: now.Add(-since)}
	}
	off := func(h barograph.EndpointHealth, reason string) barograph.EndpointHealth {
		h.Disabled, h.DisabledAt, h.DisabledReason = true, now, reason
		return h
	}
	const tired = "nothing got through for 5d: 10 messages were given up, the last because: connection refused"
	for _, tt := range []struct {
		name    string
		before  barograph.EndpointHealth
		gaveUp  bool
		outcome Outcome
		test    bool
		want    barograph.EndpointHealth
	}{
		{
			"first failure",
			barograph.EndpointHealth{LastSuccess: now},
			pending, failed(0), false,
			barograph.EndpointHealth{Failures: 1, FailingSince: now, LastSuccess: now},
		},
		{"next failure", sick(1, 0, time.Hour), pending, failed(0), false, sick(2, 0, time.Hour)},
		{"given up", sick(9, 0, time.Hour), given, failed(0), false, sick(10, 1, time.Hour)},
		{"success clears", sick(9, 9, 200*time.Hour), given, Outcome{Verdict: VerdictDelivered}, false, barograph.EndpointHealth{LastSuccess: now}},
		{"119 h", sick(99, 9, 119*time.Hour), given, failed(0), false, sick(100, 10, 119*time.Hour)},
		{"nine given up", sick(99, 8, 121*time.Hour), given, failed(0), false, sick(100, 9, 121*time.Hour)},
		{"not yet given up", sick(99, 10, 121*time.Hour), pending, failed(0), false, sick(100, 10, 121*time.Hour)},
		{"120 h and ten", sick(99, 9, 120*time.Hour), given, failed(0), false, off(sick(100, 10, 120*time.Hour), tired)},
		{
			"gone",
			barograph.EndpointHealth{},
			given,
			Outcome{Verdict: VerdictGone, Err: errRefused},
			false,
			off(sick(1, 1, 0), "the receiver answered 410 Gone"),
		},
		{"gone again", off(sick(1, 1, 0), "first"), given, Outcome{Verdict: VerdictGone}, false, off(sick(2, 2, 0), "first")},
		{
			"late success does not enable", off(sick(1, 1, 0), "first"), given,
			Outcome{Verdict: VerdictDelivered},
			false,
			off(barograph.EndpointHealth{LastSuccess: now}, "first"),
		},
		{"test enables", off(sick(1, 1, 0), "first"), given, Outcome{Verdict: VerdictDelivered}, true, barograph.EndpointHealth{LastSuccess: now}},
	} {
		got := policy().health(tt.before, tt.gaveUp, tt.outcome, now, tt.test)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// Five days of an endpoint that answers nothing, with an event each hour.
func TestEndpointIsDisabledAfterFiveDays(t *testing.T) {
	for _, successAt := range []time.Duration{0, 50 * time.Hour} {
		p, h := policy(), barograph.EndpointHealth{}
		var disabledAfter time.Duration
		for at := time.Duration(0); at < 200*time.Hour && !h.Disabled; at += time.Hour {
			o := failed(0)
			if at == successAt && at > 0 {
				o = Outcome{Verdict: VerdictDelivered}
			}
			h = p.health(h, true, o, start().Add(at), false)
			disabledAfter = at
		}
		want := 120 * time.Hour
		if successAt > 0 {
			want += successAt + time.Hour
		}
		if !h.Disabled || disabledAfter != want {
			t.Errorf("success at %v: disabled %t after %v, want after %v", successAt, h.Disabled, disabledAfter, want)
		}
	}
}

// People are told of an endpoint by names that they know, which hold no secret, and
// of the last error once.
func TestEndpointsAreToldByName(t *testing.T) {
	const reason = "nothing got through for 5d: 10 messages were given up, the last because: connection refused"
	sub := barograph.Subscription{ID: "sub_1", Name: "on call"}
	for name, tc := range map[string]struct {
		ep    barograph.Endpoint
		place string
	}{
		"webhook":  {barograph.Endpoint{Kind: barograph.EndpointWebhook, URL: "https://me:hidden@hooks.example.com:8443/hidden?token=hidden"}, "webhook endpoint hooks.example.com:8443"},
		"shoutrrr": {barograph.Endpoint{Kind: barograph.EndpointShoutrrr, URL: "slack://", Secret: "slack://hook:hidden@webhook"}, "shoutrrr endpoint slack"},
		"one":      {barograph.Endpoint{Kind: barograph.EndpointEmail, To: []string{"a@example.com"}}, "email endpoint a@example.com"},
		"several":  {barograph.Endpoint{Kind: barograph.EndpointSMS, To: []string{"+4911", "+4912", "+4913"}}, "sms endpoint +4911 and 2 more"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.ep.ID = "ept_1"
			e, _ := healthEvent(sub, tc.ep, barograph.EndpointHealth{Disabled: true, DisabledReason: reason}, start())
			want := "Nothing more is sent to the " + tc.place + ` of subscription "on call": nothing got through for 5d: 10 messages were given up`
			if e.Data.Summary != want || e.Data.Endpoint.Reason != reason {
				t.Errorf("summary %q, reason %q, want %q", e.Data.Summary, e.Data.Endpoint.Reason, want)
			}
			text, err := json.Marshal(e)
			if err != nil || strings.Contains(string(text), "hidden") {
				t.Errorf("%v, a secret is in %s", err, text)
			}
		})
	}
	old := endpointName(barograph.EndpointRef{ID: "ept_1", SubscriptionID: "sub_1", Kind: barograph.EndpointSMS})
	if old != "the sms endpoint ept_1 of subscription sub_1" {
		t.Errorf("one of an earlier release is %q", old)
	}
}

func TestHealthDeliveries(t *testing.T) {
	ep := func(id string, disabled bool) barograph.Endpoint {
		return barograph.Endpoint{ID: barograph.EndpointID(id), Kind: barograph.EndpointEmail, Health: barograph.EndpointHealth{Disabled: disabled}}
	}
	own := barograph.Subscription{ID: "own", Name: "on call"}
	e, changed := healthEvent(own, ep("bad", false), barograph.EndpointHealth{Disabled: true, DisabledReason: "why"}, start())
	if !changed || e.Type != barograph.EventEndpointDisabled || e.Data.Endpoint.Reason != "why" || e.Severity != barograph.SeverityWarning {
		t.Fatalf("event %+v, %t", e, changed)
	}
	if _, changed := healthEvent(own, ep("bad", false), barograph.EndpointHealth{}, start()); changed {
		t.Error("an event without a change")
	}
	subs := []barograph.Subscription{
		{ID: "own", Enabled: true, EventTypes: []string{"breach.*"}, Endpoints: []barograph.Endpoint{ep("bad", false), ep("good", false), ep("off", true)}},
		{ID: "other", Enabled: true, Endpoints: []barograph.Endpoint{ep("other", false)}},
		{ID: "choosy", Enabled: true, EventTypes: []string{"breach.*"}, Endpoints: []barograph.Endpoint{ep("choosy", false)}},
		{ID: "asleep", Endpoints: []barograph.Endpoint{ep("asleep", false)}},
	}
	var to []barograph.EndpointID
	for _, d := range healthDeliveries(subs, e, start()) {
		to = append(to, d.EndpointID)
		if d.Topic != "bad" || d.EventID != e.ID || d.State != barograph.DeliveryPending {
			t.Errorf("delivery %+v", d)
		}
	}
	if diff := cmp.Diff([]barograph.EndpointID{"good", "other"}, to); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func dueTo(id, ep, topic string, failures int) barograph.DueDelivery {
	return barograph.DueDelivery{
		Delivery: barograph.Delivery{ID: barograph.DeliveryID(id), EndpointID: barograph.EndpointID(ep), Topic: topic, SubscriptionID: "sub"},
		Endpoint: barograph.Endpoint{ID: barograph.EndpointID(ep), Health: barograph.EndpointHealth{Failures: failures}},
	}
}

func TestInFlight(t *testing.T) {
	f := newInFlight(6, 2)
	add := func(due barograph.DueDelivery) admission {
		a := f.admit(due)
		if a == admitted {
			f.add(parcel{due})
		}
		return a
	}
	for _, step := range []struct {
		why  string
		due  barograph.DueDelivery
		want admission
	}{
		{"first", dueTo("1", "a", "t", 0), admitted},
		{"twice", dueTo("1", "a", "t", 0), mustWait},
		{"same topic", dueTo("2", "a", "t", 0), mustWait},
		{"same topic elsewhere", dueTo("3", "b", "t", 0), admitted},
		{"no topic", dueTo("4", "a", "", 0), admitted},
		{"endpoint full", dueTo("5", "a", "", 0), mustWait},
		{"ailing", dueTo("6", "c", "", ailingAfter), admitted},
		{"ailing has one", dueTo("7", "c", "", ailingAfter), mustWait},
		{"ailing", dueTo("8", "d", "", ailingAfter), admitted},
		{"ailing", dueTo("9", "e", "", ailingAfter), admitted},
		{"full", dueTo("10", "g", "", 0), noRoom},
	} {
		if got := add(step.due); got != step.want {
			t.Errorf("%s (%s): %v, want %v", step.due.Delivery.ID, step.why, got, step.want)
		}
	}
	f.remove(parcel{dueTo("1", "a", "t", 0)})
	if f.full() {
		t.Error("still full")
	}
	if add(dueTo("11", "h", "", ailingAfter)) != mustWait {
		t.Error("ailing endpoints got more than half of the room")
	}
	if f.admit(dueTo("12", "i", "", ailingAfter-1)) != admitted {
		t.Error("an endpoint that failed now and then is held up")
	}
	if add(dueTo("2", "a", "t", 0)) != admitted {
		t.Error("the topic is still busy")
	}
	for id, ep := range map[string]string{"2": "a", "3": "b", "4": "a", "6": "c", "8": "d", "9": "e"} {
		topic := map[string]string{"2": "t", "3": "t"}[id]
		f.remove(parcel{dueTo(id, ep, topic, 0)})
	}
	if f.tries+len(f.deliveries)+len(f.topics)+len(f.endpoints)+f.ailing != 0 {
		t.Errorf("left over: %+v", f)
	}
}

// Of what may go out together one is chosen, and of one topic the first.
func TestChoose(t *testing.T) {
	grouped := func(id, ep, topic, group, message string) barograph.DueDelivery {
		d := dueTo(id, ep, topic, 0)
		d.Delivery.Group, d.Delivery.MessageID = group, message
		return d
	}
	f := newInFlight(5, 4)
	c := f.choose([]barograph.DueDelivery{
		grouped("1", "mail", "t1", "g", ""), grouped("2", "mail", "t2", "g", ""), grouped("3", "mail", "t3", "h", ""),
		grouped("4", "mail", "t4", "g", "msg_1"), grouped("5", "other", "t1", "g", ""),
		grouped("6", "hook", "t1", "", ""), grouped("7", "hook", "t1", "", ""), grouped("8", "hook", "t2", "", ""),
	})
	var ids []string
	for _, p := range c.parcels {
		ids = append(ids, string(p[0].Delivery.ID))
	}
	if diff := cmp.Diff([]string{"1", "3", "4", "5", "6"}, ids); diff != "" || c.starved != "8" || !c.more {
		t.Errorf("starved %q, more %t, chosen (-want +got):\n%s", c.starved, c.more, diff)
	}
}
