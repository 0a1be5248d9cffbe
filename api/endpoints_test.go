package api_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/api"
)

// receiver is a server that messages are sent to.
type receiver struct {
	*httptest.Server

	mu     sync.Mutex
	status int
	got    []*http.Request
	bodies []string
}

func newReceiver(tb testing.TB) *receiver {
	tb.Helper()
	r := &receiver{status: http.StatusNoContent}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			tb.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got, r.bodies = append(r.got, req), append(r.bodies, string(body))
		w.WriteHeader(r.status)
	}))
	tb.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// last returns the header and the body of the last message.
func (r *receiver) last() (http.Header, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) == 0 {
		return http.Header{}, ""
	}
	return r.got[len(r.got)-1].Header, r.bodies[len(r.bodies)-1]
}

// subscribe makes a subscription, and returns its path, that of its first
// endpoint, and the answer.
func (s *server) subscribe(endpoints string, more ...string) (at, endpoint string, with api.SubscriptionWithSecrets) {
	s.t.Helper()
	created := s.call(barograph.RoleOperator, "POST", "/api/v1/subscriptions", subscription(endpoints, more...)).want(s.t, 201)
	created.into(s.t, &with)
	at = created.header.Get("Location")
	return at, at + "/endpoints/" + string(with.Subscription.Endpoints[0].ID), with
}

func webhook(url string) string { return `{"kind":"webhook","url":"` + url + `"}` }

// A test of an endpoint tells what came of it, whether it arrived or not.
func TestTryingAnEndpoint(t *testing.T) {
	t.Parallel()
	s, r := newServer(t, sending), newReceiver(t)
	at, endpoint, _ := s.subscribe(webhook(r.URL))
	try := func() (a barograph.Attempt) {
		s.call(barograph.RoleOperator, "POST", endpoint+"/test", nil).want(t, 200).into(t, &a)
		return a
	}
	if a := try(); a.StatusCode != http.StatusNoContent || a.Error != "" {
		t.Errorf("a success: %+v", a)
	}
	if header, body := r.last(); !strings.Contains(body, `"test":true`) || !strings.HasPrefix(header.Get("Webhook-Signature"), "v1,") {
		t.Errorf("it got %v %s", header, body)
	}
	r.answer(http.StatusTeapot)
	if a := try(); a.StatusCode != http.StatusTeapot || a.Error == "" {
		t.Errorf("a refusal: %+v", a)
	}
	s.call(barograph.RoleOperator, "POST", endpoint+"/disable", nil).want(t, 200)
	if try(); !s.health(at).Disabled {
		t.Error("a failed test enabled the endpoint")
	}
	r.answer(http.StatusOK)
	if try(); s.health(at).Disabled {
		t.Error("a successful test did not enable the endpoint")
	}
	r.Close()
	if a := try(); a.StatusCode != 0 || a.Error == "" {
		t.Errorf("nobody there: %+v", a)
	}
	for _, path := range []string{at + "/endpoints/ept_other/test", "/api/v1/subscriptions/sub_other/endpoints/ept_other/test"} {
		s.call(barograph.RoleOperator, "POST", path, nil).want(t, 404)
	}
}

// A test goes nowhere where events don't go.
func TestTryingAForbiddenAddress(t *testing.T) {
	t.Parallel()
	s, r := newServer(t), newReceiver(t)
	at, endpoint, with := s.subscribe(hook)
	sub := with.Subscription
	sub.Endpoints[0].URL = strings.Replace(r.URL, "http:", "https:", 1)
	if err := s.db.UpdateSubscription(t.Context(), sub); err != nil {
		t.Fatal(err)
	}
	var a barograph.Attempt
	s.call(barograph.RoleOperator, "POST", endpoint+"/test", nil).want(t, 200).into(t, &a)
	if !strings.Contains(a.Error, "forbidden") {
		t.Errorf("%s: %+v", at, a)
	}
	if header, _ := r.last(); len(header) > 0 {
		t.Error("it was reached")
	}
}

// health returns how the subscription's first endpoint fares.
func (s *server) health(at string) barograph.EndpointHealth {
	s.t.Helper()
	var sub barograph.Subscription
	s.call(barograph.RoleViewer, "GET", at, nil).want(s.t, 200).into(s.t, &sub)
	return sub.Endpoints[0].Health
}

func TestDisablingByHand(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at, endpoint, _ := s.subscribe(hook)
	var e barograph.Endpoint
	s.call(barograph.RoleOperator, "POST", endpoint+"/disable", nil).want(t, 200).into(t, &e)
	if h := s.health(at); !h.Disabled || !e.Health.Disabled || h.DisabledReason == "" {
		t.Errorf("disabled: %+v, as told %+v", h, e.Health)
	}
	var kept api.SubscriptionWithSecrets
	s.call(barograph.RoleOperator, "PUT", at, subscription(`{"id":"`+string(e.ID)+`","kind":"webhook","url":"https://example.com/b"}`)).want(t, 200).into(t, &kept)
	if h := s.health(at); !h.Disabled || !kept.Subscription.Endpoints[0].Health.Disabled {
		t.Errorf("with another address: %+v, as told %+v", h, kept.Subscription.Endpoints[0].Health)
	}
	var enabled barograph.Endpoint
	s.call(barograph.RoleOperator, "POST", endpoint+"/enable", nil).want(t, 200).into(t, &enabled)
	if h := s.health(at); h.Disabled || enabled.Health.Disabled || h.DisabledReason != "" {
		t.Errorf("enabled: %+v, as told %+v", h, enabled.Health)
	}
	for _, verb := range []string{"enable", "disable"} {
		s.call(barograph.RoleOperator, "POST", at+"/endpoints/ept_other/"+verb, nil).want(t, 404)
		s.call(barograph.RoleOperator, "POST", "/api/v1/subscriptions/sub_other/endpoints/ept_other/"+verb, nil).want(t, 404)
	}
	var events api.EventList
	s.call(barograph.RoleViewer, "GET", "/api/v1/events?type=endpoint.*", nil).want(t, 200).into(t, &events)
	if len(events.Items) != 2 {
		t.Errorf("events of the endpoint: %+v", events.Items)
	}
}

// newWebhookKey is a secret of the receiver's own.
func newWebhookKey(fill byte) string {
	key := make([]byte, 32)
	for i := range key {
		key[i] = fill
	}
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}

// While a secret is rotated, both sign; the new one is shown once.
func TestRotation(t *testing.T) {
	t.Parallel()
	s, r := newServer(t, sending), newReceiver(t)
	at, endpoint, with := s.subscribe(webhook(r.URL))
	first := with.Secrets[0].Secret
	signatures := func() int {
		s.call(barograph.RoleOperator, "POST", endpoint+"/test", nil).want(t, 200)
		header, _ := r.last()
		return len(strings.Fields(header.Get("Webhook-Signature")))
	}
	rotate := func(body any) (out api.RotatedSecret) {
		a := s.call(barograph.RoleOperator, "POST", endpoint+"/rotate", body).want(t, 200)
		a.into(t, &out)
		return out
	}
	if n := signatures(); n != 1 {
		t.Errorf("%d signatures before", n)
	}
	made := rotate(nil)
	if left := time.Until(made.PreviousSecretUntil); left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("the old secret is kept for %s", left)
	}
	if made.Secret == first || signatures() != 2 {
		t.Errorf("made %q, %d signatures", made.Secret, signatures())
	}
	stored, err := s.db.Subscription(t.Context(), with.Subscription.ID)
	if err != nil {
		t.Fatal(err)
	}
	if e := stored.Endpoints[0]; e.Secret.Reveal() != made.Secret || e.PreviousSecret.Reveal() != first {
		t.Error("the secrets are not those that were shown")
	}
	for _, path := range []string{at, "/api/v1/subscriptions"} {
		if a := s.call(barograph.RoleAdmin, "GET", path, nil).want(t, 200); strings.Contains(string(a.body), "whsec_") {
			t.Errorf("%s shows a secret: %s", path, a.body)
		}
	}
	// A change of something else leaves both.
	id := string(with.Subscription.Endpoints[0].ID)
	s.call(barograph.RoleOperator, "PUT", at, subscription(`{"id":"`+id+`","kind":"webhook","url":"`+r.URL+`/b"}`)).want(t, 200)
	if n := signatures(); n != 2 {
		t.Errorf("%d signatures after a change of the address", n)
	}
	own := rotate(`{"secret":"` + newWebhookKey(7) + `","keep":"0s"}`)
	if own.Secret != newWebhookKey(7) || signatures() != 1 {
		t.Errorf("own secret %q, %d signatures", own.Secret, signatures())
	}
	// A secret given with the subscription replaces the old one at once.
	rotate(`{"keep":"7d"}`)
	s.call(barograph.RoleOperator, "PUT", at,
		subscription(`{"id":"`+id+`","kind":"webhook","url":"`+r.URL+`","secret":"`+newWebhookKey(8)+`"}`)).want(t, 200)
	if n := signatures(); n != 1 {
		t.Errorf("%d signatures after a new secret was given", n)
	}
	if strings.Contains(s.log.String(), "whsec_") {
		t.Error("a secret is in the log")
	}
}

func TestRotationRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at, endpoint, with := s.subscribe(hook + `,{"kind":"email","to":["a@example.com"]}`)
	for body, fields := range map[string][]string{
		`{"keep":"8d"}`:                    {"keep"},
		`{"keep":"-1s"}`:                   {"keep"},
		`{"keep":"a while"}`:               {"keep"},
		`{"keep":3600}`:                    {"keep"},
		`{"secret":"short"}`:               {"secret"},
		`{"secret":"whsec_"}`:              {"secret"},
		`{"secret":"x","keep":"8d"}`:       {"keep", "secret"},
		`{"hold":"1h"}`:                    {"hold"},
		`{"secret":"` + firstSecret + `"}`: {"secret"},
		`[]`:                               {"body"},
	} {
		a := s.call(barograph.RoleOperator, "POST", endpoint+"/rotate", body).want(t, 422)
		if diff := cmp.Diff(fields, a.fields(t)); diff != "" {
			t.Errorf("%s: fields (-want +got):\n%s\n%s", body, diff, a.body)
		}
	}
	s.call(barograph.RoleOperator, "POST", endpoint+"/rotate", `{"keep":`).want(t, 400)
	s.call(barograph.RoleOperator, "POST", at+"/endpoints/"+string(with.Subscription.Endpoints[1].ID)+"/rotate", nil).want(t, 409)
	s.call(barograph.RoleOperator, "POST", at+"/endpoints/ept_other/rotate", nil).want(t, 404)
}

// A service's URL is its password: it is never shown, and can be kept.
func TestServiceURLsAreSecret(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const url = "slack://hook:WNA3PBYV6-F20DUQND3RQ-Webc4MAvoacrpPakR8phF0zi@webhook"
	service := func(id, url string) string {
		return subscription(`{"id":"` + id + `","kind":"shoutrrr","url":"` + url + `"}`)
	}
	created := s.call(barograph.RoleOperator, "POST", "/api/v1/subscriptions", service("", url)).want(t, 201)
	at := created.header.Get("Location")
	var with api.SubscriptionWithSecrets
	created.into(t, &with)
	id := string(with.Subscription.Endpoints[0].ID)
	secret := func() string {
		stored, err := s.db.Subscription(t.Context(), with.Subscription.ID)
		if err != nil {
			t.Fatal(err)
		}
		return stored.Endpoints[0].Secret.Reveal()
	}
	kept := s.call(barograph.RoleOperator, "PUT", at, service(id, "slack://")).want(t, 200)
	if got := secret(); got != url {
		t.Errorf("kept %q", got)
	}
	another := strings.Replace(url, "8phF", "9phF", 1)
	replaced := s.call(barograph.RoleOperator, "PUT", at, service(id, another)).want(t, 200)
	if got := secret(); got != another {
		t.Errorf("replaced by %q", got)
	}
	shown := s.call(barograph.RoleAdmin, "GET", at, nil).want(t, 200)
	for _, a := range []answer{created, kept, replaced, shown} {
		if strings.Contains(string(a.body), "WNA3PBYV6") || !strings.Contains(string(a.body), `"url":"slack://"`) {
			t.Errorf("shown: %s", a.body)
		}
	}
	for _, body := range []string{service(id, "discord://"), service("", "slack://"), service(id, "slack")} {
		a := s.call(barograph.RoleOperator, "PUT", at, body).want(t, 422)
		if diff := cmp.Diff([]string{"endpoints[0].url"}, a.fields(t)); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
}

// The secret of an Alertmanager stays with its server.
func TestAlertmanagerSecrets(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	manager := func(id, url, secret string) string {
		return subscription(`{"id":"` + id + `","kind":"alertmanager","url":"` + url + `","secret":"` + secret + `"}`)
	}
	created := s.call(barograph.RoleOperator, "POST", "/api/v1/subscriptions", manager("", "https://example.com/am", "user:password")).want(t, 201)
	if strings.Contains(string(created.body), "password") {
		t.Errorf("shown: %s", created.body)
	}
	at := created.header.Get("Location")
	var with api.SubscriptionWithSecrets
	created.into(t, &with)
	id := string(with.Subscription.Endpoints[0].ID)
	secret := func() string {
		stored, err := s.db.Subscription(t.Context(), with.Subscription.ID)
		if err != nil {
			t.Fatal(err)
		}
		return stored.Endpoints[0].Secret.Reveal()
	}
	s.call(barograph.RoleOperator, "PUT", at, manager(id, "https://example.com/am/", "")).want(t, 200)
	if got := secret(); got != "user:password" {
		t.Errorf("kept %q", got)
	}
	for _, elsewhere := range []string{"https://evil.example.net/am", "https://example.com/mine", "https://example.com/am?tenant=mine"} {
		a := s.call(barograph.RoleOperator, "PUT", at, manager(id, elsewhere, "")).want(t, 422)
		if diff := cmp.Diff([]string{"endpoints[0].secret"}, a.fields(t)); diff != "" {
			t.Errorf("%s: %s", elsewhere, diff)
		}
	}
	s.call(barograph.RoleOperator, "PUT", at, manager(id, "https://example.com/other", "user:password")).want(t, 200)
	s.call(barograph.RoleOperator, "PUT", at, manager(id, "https://new.example.net/", "token")).want(t, 200)
	if got := secret(); got != "token" {
		t.Errorf("replaced by %q", got)
	}
	s.call(barograph.RoleOperator, "PUT", at, manager("", "https://new.example.net/", "")).want(t, 200)
	if got := secret(); got != "" {
		t.Errorf("a new endpoint has %q", got)
	}
	another := s.call(barograph.RoleOperator, "PUT", at, subscription(`{"id":"`+id+`","kind":"alertmanager","url":"https://example.com/"}`)).want(t, 422)
	if diff := cmp.Diff([]string{"endpoints[0].id"}, another.fields(t)); diff != "" {
		t.Error(diff)
	}
}

// An endpoint stays of its kind.
func TestKindOfAnEndpointStays(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at, _, with := s.subscribe(hook)
	id := string(with.Subscription.Endpoints[0].ID)
	for _, e := range []string{
		`{"id":"` + id + `","kind":"email","to":["a@example.com"]}`,
		`{"id":"` + id + `","kind":"alertmanager","url":"https://example.com/"}`,
		`{"id":"` + id + `","kind":"shoutrrr","url":"slack://hook:WNA3PBYV6-F20DUQND3RQ-Webc4MAvoacrpPakR8phF0zi@webhook"}`,
	} {
		a := s.call(barograph.RoleOperator, "PUT", at, subscription(e)).want(t, 422)
		if diff := cmp.Diff([]string{"endpoints[0].kind"}, a.fields(t)); diff != "" {
			t.Errorf("%s: %s\n%s", e, diff, a.body)
		}
	}
}

func TestPausing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at, _, _ := s.subscribe(hook)
	for _, step := range []struct {
		verb    string
		enabled bool
	}{{"pause", false}, {"pause", false}, {"resume", true}, {"resume", true}} {
		var told, read barograph.Subscription
		s.call(barograph.RoleOperator, "POST", at+"/"+step.verb, nil).want(t, 200).into(t, &told)
		s.call(barograph.RoleViewer, "GET", at, nil).want(t, 200).into(t, &read)
		if told.Enabled != step.enabled || read.Enabled != step.enabled {
			t.Errorf("%s: told %t, is %t", step.verb, told.Enabled, read.Enabled)
		}
	}
	for _, verb := range []string{"pause", "resume"} {
		s.call(barograph.RoleOperator, "POST", "/api/v1/subscriptions/sub_other/"+verb, nil).want(t, 404)
	}
}
