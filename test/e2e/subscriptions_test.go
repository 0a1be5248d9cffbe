package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/barograph/barograph"
)

// inbox is a receiver as a subscriber would write it: what is not signed with the
// secret that he was shown, he refuses.
type inbox struct {
	*httptest.Server

	mu       sync.Mutex
	verifier *standardwebhooks.Webhook
	took     []string
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	in := &inbox{}
	in.Server = httptest.NewServer(in)
	t.Cleanup(in.Close)
	return in
}

// trust has the inbox take what the secret signs.
func (in *inbox) trust(t *testing.T, secret string) {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatalf("the secret %q: %v", secret, err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.verifier = verifier
}

func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	in.mu.Lock()
	defer in.mu.Unlock()
	if err != nil || in.verifier == nil || in.verifier.Verify(body, r.Header) != nil {
		http.Error(w, "wrong signature", http.StatusUnauthorized)
		return
	}
	in.took = append(in.took, string(body))
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, "thank you <b>very</b> much")
}

// has fails the test unless something with the text was taken.
func (in *inbox) has(v *visitor, text string) {
	v.t.Helper()
	v.until(func() error {
		in.mu.Lock()
		defer in.mu.Unlock()
		if !strings.Contains(strings.Join(in.took, "\n"), text) {
			return fmt.Errorf("the receiver did not get %q, only %q", text, in.took)
		}
		return nil
	})
}

// secretOn returns the secret that the page shows.
func secretOn(v *visitor) string {
	v.t.Helper()
	v.See("copy it now")
	return regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`).FindString(v.Text())
}

// An operator has a receiver told of what happens to endpoints, tries it, takes it
// out of service and back, and sees what it answered, without reloading.
func TestSubscribeAReceiver(t *testing.T) {
	receiver := newInbox(t)
	v := visit(t, as(operator))
	v.Open("/subscriptions")
	v.Click("New subscription")
	v.At("/subscriptions/new")
	v.Fill("Name", "an inbox")
	v.Click("Endpoints out of service, and back")
	v.Fill("Address", receiver.URL)
	v.Press("Enter") // which saves, and does not add or remove an endpoint
	receiver.trust(t, secretOn(v))
	v.Click("Go on to the subscription")
	v.See("an inbox", "nothing arrived yet")
	at, _, _ := strings.Cut(v.where(), "?")
	v.NotSee("whsec_")

	v.Click("Test")
	v.See("The test arrived", "202 Accepted", "thank you <b>very</b> much", "works")
	receiver.has(v, `"test":true`)
	v.Within("This is a test").Click("1 try")
	v.See("Delivery", "1 try", "202 Accepted", "thank you <b>very</b> much")
	v.Accessible()
	v.Click("an inbox")
	v.At(at)

	v.Click("Disable")
	v.See("The endpoint was disabled.", "disabled by operator")
	v.Accessible()
	v.Click("Enable")
	v.See("The endpoint was enabled.")
	v.NotSee("disabled by")

	// What happens elsewhere is sent, and seen on the open page.
	other := newInbox(t)
	v.onceMore(t, other.URL)
	receiver.has(v, "io.barograph.endpoint.disabled")
	v.Within("Deliveries").See("Nothing more is sent to the webhook endpoint", "202 Accepted")

	v.Click("Rotate the secret")
	v.See("a signature of either secret")
	v.Click("Make a new secret")
	receiver.trust(t, secretOn(v))
	v.Click("Go on to the subscription")
	v.See("The secret before the present one signs too until")
	v.onceMore(t, other.URL+"/again")
	receiver.has(v, "io.barograph.endpoint.enabled")

	v.Click("Send again")
	v.Fill("From", "2020-01-01T00:00")
	v.Within("Only what the subscription wants").Click("Send again")
	v.until(func() error {
		if got := v.Described("From"); !strings.Contains(got, "14") {
			return fmt.Errorf("beside the time it says %q", got)
		}
		return nil
	})
	v.Click("Cancel")
	v.At(at)

	v.Click("Delete")
	v.See("What waits to be sent is dropped")
	v.Click("Delete it")
	v.See("The subscription was deleted.")
	v.NotSee("an inbox")
}

// onceMore makes a subscription elsewhere, disables and enables its endpoint, and
// takes it away again.
func (v *visitor) onceMore(t *testing.T, address string) {
	t.Helper()
	w := theWorld(t)
	var made struct{ Subscription barograph.Subscription }
	body := map[string]any{"name": "elsewhere " + address, "event_types": []string{"breach.*"}, "endpoints": []map[string]any{{"kind": "webhook", "url": address}}}
	w.Call(t, http.MethodPost, "/api/v1/subscriptions", w.token(operator), body, &made)
	at := "/api/v1/subscriptions/" + string(made.Subscription.ID)
	for _, do := range []string{"/disable", "/enable"} {
		w.Call(t, http.MethodPost, at+"/endpoints/"+string(made.Subscription.Endpoints[0].ID)+do, w.token(operator), nil, nil)
	}
	w.Call(t, http.MethodDelete, at, w.token(operator), nil, nil)
}

// Without script several endpoints can be made too, on a phone.
func TestSeveralEndpointsWithoutScript(t *testing.T) {
	for name, options := range map[string][]option{"with script": {as(operator)}, "without script, on a phone": {as(operator), withoutScript(), phone(), dark()}} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, options...)
			v.Open("/subscriptions/new")
			v.Fill("Name", "several "+name)
			v.Fill("Address", "http://127.0.0.1:1/one")
			v.NotSee("Recipients")
			v.Click("Add an endpoint")
			v.See("Endpoint 2")
			if got := v.Within("Endpoint 1").Value("Address"); got != "http://127.0.0.1:1/one" {
				t.Errorf("adding an endpoint lost what was filled in: %q", got)
			}
			second := v.Within("Endpoint 2")
			second.Choose("Kind", "e-mail")
			second.NotSee("The URL of a webhook", "Format and secret")
			second.Fill("Recipients", "nobody at example.com")
			v.FitsWidth()
			v.Click("Save")
			v.See("see what is wrong below")
			v.until(func() error {
				if got := v.Within("Endpoint 2").Described("Recipients"); !strings.Contains(got, "is not an e-mail address") {
					return fmt.Errorf("beside the recipients it says %q", got)
				}
				return nil
			})
			v.FitsWidth()
			v.Accessible()
			v.Click("Remove endpoint 2")
			v.NotSee("Endpoint 2")
			v.Click("Save")
			v.See("copy it now")
			v.FitsWidth()
			v.Accessible()
			v.Click("Go on to the subscription")
			v.Click("Delete")
			v.FitsWidth()
			v.Click("Delete it")
			v.See("The subscription was deleted.")
		})
	}
}

// What happens appears on the open page, the newest first.
func TestEventsAppear(t *testing.T) {
	v := visit(t, as(viewer))
	v.Open("/events?type=endpoint.*")
	v.See("New ones appear by themselves")
	rows := func() int {
		n, err := evaluate[int](v, `document.querySelectorAll("tbody tr").length`)
		v.must(err, "count the rows")
		return n
	}
	before := rows()
	v.onceMore(t, "http://127.0.0.1:1/"+fmt.Sprint(before))
	v.until(func() error {
		if now := rows(); now < before+2 {
			return fmt.Errorf("there are %d rows, as before", now)
		}
		return nil
	})
	newest, err := evaluate[string](v, `document.querySelector("tbody tr").innerText`)
	v.must(err, "read the newest row")
	if !strings.Contains(newest, "endpoint enabled") {
		t.Errorf("the newest row is %q", newest)
	}
	v.Open("/events")
	v.Choose("Type", "Hosts")
	v.Choose("Severity", "warning or worse")
	v.Click("Show")
	v.Within("Events").See("host silent")
	v.Within("Events").NotSee("host returned")
	v.Within("is silent").Click(silentRow(v))
	v.See("What it is about", "Who was told", `"specversion": "1.0"`)
	v.Accessible()
}

// silentRow returns what is written on the first event of a host that fell silent.
func silentRow(v *visitor) string {
	v.t.Helper()
	text, err := evaluate[string](v, `[...document.querySelectorAll("tbody a")].find(a => a.innerText.includes("is silent")).innerText`)
	v.must(err, "find a silent host")
	return strings.ReplaceAll(text, "\u00a0", " ") // as names on the page are read
}
