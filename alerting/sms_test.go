package alerting_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// gateway is an SMS gateway with Twilio's API.
type gateway struct {
	mu     sync.Mutex
	sent   []map[string]string
	answer func(to string) (status int, body string)
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if r.Method != http.MethodPost || r.URL.Path != "/2010-04-01/Accounts/AC123/Messages.json" || user != "AC123" || password != "token" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	status, body := g.answer(r.FormValue("To"))
	if status == http.StatusCreated {
		g.mu.Lock()
		g.sent = append(g.sent, map[string]string{"To": r.FormValue("To"), "From": r.FormValue("From"), "Body": r.FormValue("Body")})
		g.mu.Unlock()
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func taken(string) (int, string) { return http.StatusCreated, `{"sid":"SM1","status":"queued"}` }

// serve starts the gateway and returns how to reach it.
func (g *gateway) serve(t *testing.T) alerting.SMSConfig {
	t.Helper()
	srv := httptest.NewServer(g)
	t.Cleanup(srv.Close)
	return alerting.SMSConfig{BaseURL: srv.URL, AccountSID: "AC123", AuthToken: "token", From: "+15005550006"}
}

func smsNotifier(t *testing.T, g *gateway) alerting.Notifier {
	t.Helper()
	cfg := loopback()
	cfg.SMS = g.serve(t)
	return notifiers(t, cfg, alerting.Reach{})[barograph.EndpointSMS]
}

func phones(numbers ...string) barograph.Endpoint {
	return barograph.Endpoint{ID: "ept_sms", Kind: barograph.EndpointSMS, To: numbers}
}

func TestSMSReachesTheGateway(t *testing.T) {
	g := &gateway{answer: taken}
	o := smsNotifier(t, g).Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), phones("+4915112345678"))
	if o.Verdict != alerting.VerdictDelivered || o.StatusCode != http.StatusCreated || o.Texts != 1 || !strings.Contains(o.Response, "SM1") {
		t.Errorf("outcome %+v", o)
	}
	want := []map[string]string{{
		"To": "+4915112345678", "From": "+15005550006",
		"Body": "Barograph warning: disk full on db1 (mount=/): above 90 % expected in 31 h (Thu 14:00 - Fri 09:00 UTC), 82 % sure; now 78.2 %.",
	}}
	if diff := cmp.Diff(want, g.sent); diff != "" {
		t.Error(diff)
	}
}

func TestSMSJudgesRefusals(t *testing.T) {
	for _, tt := range []struct {
		status  int
		body    string
		verdict alerting.Verdict
		says    string
	}{
		{400, `{"code":21211,"message":"The 'To' number is not valid.","status":400}`, alerting.VerdictPermanent, "not valid. (code 21211)"},
		{404, `no JSON`, alerting.VerdictTemporary, "404 Not Found"},
		{400, `{"code":21610,"message":"Attempt to send to unsubscribed recipient","more_info":"https://example.com","status":400}`, alerting.VerdictPermanent, "code 21610"},
		{400, `{"code":21614,"message":"'To' number is not a valid mobile number"}`, alerting.VerdictPermanent, "code 21614"},
		{400, `{"code":21606,"message":"The 'From' phone number is not yours"}`, alerting.VerdictTemporary, "code 21606"},
		{400, `{"code":21408,"message":"Permission to send an SMS has not been enabled for the region"}`, alerting.VerdictTemporary, "code 21408"},
		{401, `{"code":20003,"message":"Authenticate"}`, alerting.VerdictTemporary, "code 20003"},
		{402, ``, alerting.VerdictTemporary, "402 Payment Required"},
		{410, ``, alerting.VerdictPermanent, "410"},
		{429, `{"code":20429,"message":"Too many requests"}`, alerting.VerdictTemporary, "code 20429"},
		{500, ``, alerting.VerdictTemporary, "500"},
		{302, ``, alerting.VerdictTemporary, "redirects"},
	} {
		g := &gateway{answer: func(string) (int, string) { return tt.status, tt.body }}
		o := smsNotifier(t, g).Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), phones("+4915112345678"))
		if o.Verdict != tt.verdict || o.StatusCode != tt.status || o.Err == nil || !strings.Contains(o.Err.Error(), tt.says) {
			t.Errorf("%d %s: %v, %d, %v; want %v and %q", tt.status, tt.body, o.Verdict, o.StatusCode, o.Err, tt.verdict, tt.says)
		}
	}
}

// A retry for one number must not reach the others twice.
func TestSMSRetryReachesOnlyWhoHasNotGotIt(t *testing.T) {
	busy := true
	g := &gateway{answer: func(to string) (int, string) {
		if busy && to == "+4915100000002" {
			return http.StatusServiceUnavailable, ""
		}
		if to == "+4915100000003" {
			return http.StatusBadRequest, `{"code":21211,"message":"bad number"}`
		}
		return taken(to)
	}}
	n, to := smsNotifier(t, g), phones("+4915100000001", "+4915100000002", "+4915100000003")
	if o := n.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), to); o.Verdict != alerting.VerdictTemporary || o.Texts != 1 {
		t.Fatalf("first try: %+v", o)
	}
	busy = false
	o := n.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), to)
	if o.Verdict != alerting.VerdictDelivered || o.Texts != 1 || o.Err == nil || !strings.HasPrefix(o.Err.Error(), "not to all: SMS to +4915100000003: ") {
		t.Fatalf("second try: %+v", o)
	}
	var got []string
	for _, m := range g.sent {
		got = append(got, m["To"])
	}
	if diff := cmp.Diff([]string{"+4915100000001", "+4915100000002"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestSMSGatewayObeysTheGuard(t *testing.T) {
	cfg := alerting.DefaultDeliveryConfig()
	cfg.SMS = alerting.SMSConfig{BaseURL: "https://169.254.169.254", AccountSID: "AC123", AuthToken: "token", From: "x"}
	o := notifiers(t, cfg, alerting.Reach{})[barograph.EndpointSMS].Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), phones("+4915112345678"))
	if o.Verdict != alerting.VerdictPermanent || !strings.Contains(o.Err.Error(), "forbidden address") {
		t.Errorf("%v: %v", o.Verdict, o.Err)
	}
}

func TestChannelsThatAreNotConfiguredSaySo(t *testing.T) {
	n := notifiers(t, alerting.DefaultDeliveryConfig(), alerting.Reach{})
	for kind, setting := range map[barograph.EndpointKind]string{
		barograph.EndpointEmail: "delivery.email.host", barograph.EndpointSMS: "delivery.sms.account_sid",
	} {
		o := n[kind].Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), barograph.Endpoint{Kind: kind, To: []string{"x"}})
		if o.Verdict != alerting.VerdictTemporary || !strings.Contains(o.Err.Error(), setting) {
			t.Errorf("%s: %v, %v", kind, o.Verdict, o.Err)
		}
	}
}
