package alerting_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// notifyByID fails for the endpoint that is bad.
type notifyByID struct{}

func (notifyByID) Notify(_ context.Context, _ alerting.Notification, ep barograph.Endpoint) alerting.Outcome {
	if ep.ID == "bad" {
		return refuse()
	}
	return ok()
}

func exposed(set *metrics.Set) string {
	var b bytes.Buffer
	set.WritePrometheus(&b)
	return b.String()
}

// Each endpoint has figures of its own as long as it exists.
func TestEndpointsHaveFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sub := subscription("sub_1", hook("good", "https://a"), hook("bad", "https://a"))
		db := database(t, sub)
		deps := quietDeps()
		d, err := alerting.NewDispatcher(alerting.DefaultDeliveryConfig(), db, map[barograph.EndpointKind]alerting.Notifier{
			barograph.EndpointWebhook: notifyByID{},
		}, deps)
		if err != nil {
			t.Fatal(err)
		}
		start(t, d)
		time.Sleep(time.Second)
		record(t, db, about("evt_1"), about("evt_2"))
		time.Sleep(time.Minute)
		text := exposed(deps.Metrics)
		for _, want := range []string{
			`barograph_endpoint_attempts_total{endpoint="good",kind="webhook",outcome="delivered"} 2`,
			`barograph_endpoint_attempts_total{endpoint="bad",kind="webhook",outcome="temporary"} 6`,
			`barograph_endpoint_attempt_duration_seconds_count{endpoint="bad",kind="webhook"} 6`,
			`barograph_endpoint_queue_deliveries{endpoint="bad",kind="webhook",state="pending"} 2`,
			`barograph_endpoint_queue_deliveries{endpoint="good",kind="webhook",state="pending"} 0`,
			`barograph_endpoint_queue_deliveries{endpoint="good",kind="webhook",state="held"} 0`,
			`barograph_endpoint_queue_age_seconds{endpoint="bad",kind="webhook"} `,
			`barograph_delivery_attempts_total{kind="webhook",outcome="delivered"} 2`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("no %s in:\n%s", want, text)
			}
		}
		sub.Endpoints = sub.Endpoints[:1]
		if err := db.UpdateSubscription(t.Context(), sub); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if text := exposed(deps.Metrics); strings.Contains(text, `"bad"`) || !strings.Contains(text, `"good"`) {
			t.Errorf("after it is gone:\n%s", text)
		}
	})
}
