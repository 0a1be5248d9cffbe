package api_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/api"
	"github.com/barograph/barograph/internal/configdb"
)

// meddled lets somebody else in once, right after a subscription was read.
type meddled struct {
	*configdb.DB

	meddle func(barograph.Subscription)
}

func (m *meddled) Subscription(ctx context.Context, id barograph.SubscriptionID) (barograph.Subscription, error) {
	s, err := m.DB.Subscription(ctx, id)
	if meddle := m.meddle; meddle != nil {
		m.meddle = nil
		meddle(s)
	}
	return s, err
}

func meddling(t *testing.T) (*server, *meddled) {
	t.Helper()
	var m meddled
	s := newServer(t, func(o *options) { o.people.Subscriptions = &m })
	m.DB = s.db
	return s, &m
}

// Whoever changes a subscription while another one does overwrites nothing: a
// secret that leaked and was replaced does not come back.
func TestChangesAtOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method, path string
		body               func(endpoint string) any
		status             int
	}{
		{"replace", "PUT", "", func(id string) any {
			return subscription(`{"id":"` + id + `","kind":"webhook","url":"https://example.com/b"}`)
		}, 409},
		{"pause", "POST", "/pause", func(string) any { return nil }, 200},
		{"resume", "POST", "/resume", func(string) any { return nil }, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, m := meddling(t)
			at, _, with := s.subscribe(hook)
			endpoint := with.Subscription.Endpoints[0].ID
			if c.name == "resume" {
				s.call(barograph.RoleOperator, "POST", at+"/pause", nil).want(t, 200)
			}
			m.meddle = func(sub barograph.Subscription) {
				sub.Name = "renamed"
				if err := s.db.UpdateSubscription(t.Context(), sub); err != nil {
					t.Error(err)
				}
				if err := s.db.RotateSecret(t.Context(), sub.ID, endpoint, barograph.Secret(newWebhookKey(2)), time.Now()); err != nil {
					t.Error(err)
				}
			}
			a := s.call(barograph.RoleOperator, c.method, at+c.path, c.body(string(endpoint))).want(t, c.status)
			if c.status == 409 && !strings.Contains(string(a.body), "read it again") {
				t.Errorf("no way out: %s", a.body)
			}
			stored, err := s.db.Subscription(t.Context(), with.Subscription.ID)
			if err != nil {
				t.Fatal(err)
			}
			if stored.Name != "renamed" || stored.Endpoints[0].Secret.Reveal() != newWebhookKey(2) {
				t.Errorf("overwritten: %q, the new secret is there: %t", stored.Name, stored.Endpoints[0].Secret.Reveal() == newWebhookKey(2))
			}
			s.call(barograph.RoleOperator, c.method, at+c.path, c.body(string(endpoint))).want(t, 200)
		})
	}
}

// A secret that one gives to an Alertmanager never gets to where another one
// leads the endpoint at the same time.
func TestSecretIsNotLedAstray(t *testing.T) {
	t.Parallel()
	s, m := meddling(t)
	manager := func(id, url, secret string) string {
		return subscription(`{"id":"` + id + `","kind":"alertmanager","url":"` + url + `","secret":"` + secret + `"}`)
	}
	at, _, with := s.subscribe(`{"kind":"alertmanager","url":"https://example.com/am"}`)
	id := string(with.Subscription.Endpoints[0].ID)
	m.meddle = func(barograph.Subscription) {
		s.call(barograph.RoleAdmin, "PUT", at, manager(id, "https://example.com/am", "token")).want(t, 200)
	}
	s.call(barograph.RoleOperator, "PUT", at, manager(id, "https://example.com/mine", "")).want(t, 409)
	s.call(barograph.RoleOperator, "PUT", at, manager(id, "https://example.com/mine", "")).want(t, 422)
	stored, err := s.db.Subscription(t.Context(), with.Subscription.ID)
	if err != nil {
		t.Fatal(err)
	}
	if e := stored.Endpoints[0]; e.URL != "https://example.com/am" || e.Secret != "token" {
		t.Errorf("at %s, with the secret: %t", e.URL, e.Secret == "token")
	}
}

// The path of an address is often its password: viewers see the host only.
func TestViewersSeeNoPaths(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at, _, _ := s.subscribe(webhook("https://hooks.example.com:8443/T0/secret?key=secret") +
		`,{"kind":"alertmanager","url":"https://am.example.com/secret"}` +
		`,{"kind":"shoutrrr","url":"slack://hook:WNA3PBYV6-F20DUQND3RQ-Webc4MAvoacrpPakR8phF0zi@webhook"}`)
	urls := func(sub barograph.Subscription) (urls []string) {
		for _, e := range sub.Endpoints {
			urls = append(urls, e.URL)
		}
		return urls
	}
	for role, want := range map[barograph.Role][]string{
		barograph.RoleViewer:   {"https://hooks.example.com:8443/…", "https://am.example.com/…", "slack://"},
		barograph.RoleOperator: {"https://hooks.example.com:8443/T0/secret?key=secret", "https://am.example.com/secret", "slack://"},
		barograph.RoleAdmin:    {"https://hooks.example.com:8443/T0/secret?key=secret", "https://am.example.com/secret", "slack://"},
	} {
		var one barograph.Subscription
		s.call(role, "GET", at, nil).want(t, 200).into(t, &one)
		var list api.SubscriptionList
		s.call(role, "GET", "/api/v1/subscriptions", nil).want(t, 200).into(t, &list)
		if len(list.Items) != 1 || !slices.Equal(urls(one), want) || !slices.Equal(urls(list.Items[0]), want) {
			t.Errorf("%s sees %q, in the list %+v; want %q", role, urls(one), list.Items, want)
		}
	}
}
