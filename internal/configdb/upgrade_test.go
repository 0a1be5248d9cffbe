package configdb_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/barograph/barograph"
)

// told is an open breach that an endpoint was told of, and one that is over;
// something waits for a second try, and something is new.
const told = `
INSERT INTO subscriptions (id, name, event_types, matchers, min_severity, min_probability, enabled, created_at, updated_at)
VALUES ('sub_1', 'all', '[]', '{}', '', 0, TRUE, 1000000, 1000000);
INSERT INTO endpoints (id, subscription_id, position, kind, url, secret, recipients, disabled, disabled_reason, failures, exhausted)
VALUES ('ept_1', 'sub_1', 0, 'webhook', 'https://example.com', 'whsec_x', 'null', FALSE, '', 3, 0);
INSERT INTO breaches (id, rule_id, rule_name, metric, series_labels, host, severity, started_at, ended_at, value, prediction_id, lead_ns, end_reason)
VALUES ('brc_open', 'rul_1', 'disk', 'm', '{}', '', 'warning', 1000000, NULL, 1, '', 0, ''),
       ('brc_over', 'rul_1', 'disk', 'm', '{}', '', 'warning', 1000000, 2000000, 1, '', 0, '');
INSERT INTO events (id, type, happened_at, severity_rank, rule_id, host, body, published) VALUES
('evt_1', 'breach.started', 1000000, 2, '', '', '{"type":"io.barograph.breach.started","id":"evt_1","time":"1970-01-01T00:00:01Z"}', TRUE),
('evt_2', 'breach.started', 1000000, 2, '', '', '{"type":"io.barograph.breach.started","id":"evt_2","time":"1970-01-01T00:00:01Z"}', TRUE),
('evt_3', 'breach.ended',   2000000, 2, '', '', '{"type":"io.barograph.breach.ended","id":"evt_3","time":"1970-01-01T00:00:02Z"}', TRUE),
('evt_4', 'prediction.opened', 3000000, 2, '', '', '{"type":"io.barograph.prediction.opened","id":"evt_4","time":"1970-01-01T00:00:03Z"}', FALSE);
INSERT INTO deliveries (id, event_id, subscription_id, endpoint_id, topic, state, attempts, created_at, next_try, done_at, last_try) VALUES
('dlv_1', 'evt_1', 'sub_1', 'ept_1', 'brc_open', 'delivered', 1, 1000000, NULL, 1000000, '{"at":"1970-01-01T00:00:01Z","latency":"1s"}'),
('dlv_2', 'evt_2', 'sub_1', 'ept_1', 'brc_over', 'delivered', 1, 1000000, NULL, 1000000, 'null'),
('dlv_3', 'evt_3', 'sub_1', 'ept_1', 'brc_over', 'delivered', 1, 2000000, NULL, 2000000, 'null'),
('dlv_4', 'evt_4', 'sub_1', 'ept_1', 'prd_1', 'pending', 2, 3000000, 4000000, NULL, 'null'),
('dlv_5', 'evt_4', 'sub_1', 'ept_1', '', 'pending', 0, 3000000, 3000000, NULL, 'null'),
('dlv_6', 'evt_1', 'sub_1', 'ept_gone', 'brc_open', 'delivered', 1, 1000000, NULL, 1000000, 'null');`

// TestUpgradeOfDeliveries opens a database from before there were groups and
// claims: subscriptions get what suits most, what waits is sent, and people are
// reminded of what they were told.
func TestUpgradeOfDeliveries(t *testing.T) {
	dir := t.TempDir()
	fillOld(t, dir, 2, told)
	db := openIn(t, dir)
	ctx := t.Context()
	at := func(second int64) time.Time { return time.Unix(second, 0).UTC() }

	s, err := db.Subscription(ctx, "sub_1")
	want := barograph.Subscription{
		ID: "sub_1", Name: "all", Storm: barograph.DefaultStorm(), Enabled: true, CreatedAt: at(1), UpdatedAt: at(1),
		Endpoints: []barograph.Endpoint{{
			ID: "ept_1", Kind: barograph.EndpointWebhook, URL: "https://example.com", Secret: "whsec_x",
			Health: barograph.EndpointHealth{Failures: 3},
		}},
	}
	if diff := cmp.Diff(want, s, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Errorf("subscription, error %v (-want +got):\n%s", err, diff)
	}
	due, err := db.DueDeliveries(ctx, at(4), 10, 10)
	if err != nil || len(due) != 2 || due[0].Delivery.ID != "dlv_5" || due[1].Delivery.ID != "dlv_4" {
		t.Fatalf("due %+v, error %v; want dlv_5 and dlv_4", due, err)
	}
	claimed, err := db.ClaimDeliveries(ctx, []barograph.DeliveryID{"dlv_4", "dlv_5"},
		barograph.Claim{By: "one", Now: at(4), Until: at(60), MostGrouped: 500})
	if err != nil || len(claimed) != 2 || claimed[0].Delivery.MessageID != "evt_4" || claimed[0].Delivery.Attempts != 2 {
		t.Errorf("claimed %+v, error %v; want both", claimed, err)
	}
	for day, want := range []int{0: 0, 1: 1, 2: 0} {
		n, err := db.Remind(ctx, at(1).Add(time.Duration(day)*barograph.Day))
		if err != nil || n != want {
			t.Errorf("after %d days: %d reminders, error %v; want %d", day, n, err, want)
		}
	}
}
