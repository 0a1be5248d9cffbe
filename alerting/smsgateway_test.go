package alerting_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// tricky has all that JSON, forms and URLs care about in its summary.
func tricky() barograph.Event {
	e := opened("evt_1")
	e.Data.Summary = `a "quoted" \ part & 100 % of {{.Secret}}`
	return e
}

// otherGateway is a gateway with an API of its own.
func otherGateway(t *testing.T, answer http.HandlerFunc, set func(*alerting.SMSGatewayConfig)) (alerting.Notifier, <-chan received) {
	t.Helper()
	got := make(chan received, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Header.Set("X-Request", r.Method+" "+r.URL.RequestURI())
		got <- received{r.Header, body}
		answer(w, r)
	}))
	t.Cleanup(srv.Close)
	cfg := loopback()
	cfg.SMS.Gateway, cfg.SMS.From = alerting.SMSHTTP, "Baro"
	cfg.SMS.HTTP.URL = srv.URL + "/send"
	cfg.SMS.HTTP.Secret = "s3cr3t/&"
	set(&cfg.SMS.HTTP)
	return notifiers(t, cfg, alerting.Reach{})[barograph.EndpointSMS], got
}

func TestAnyHTTPGateway(t *testing.T) {
	t.Run("JSON", func(t *testing.T) {
		n, got := otherGateway(t, handler(http.StatusOK, "thanks for s3cr3t/&"), func(c *alerting.SMSGatewayConfig) {
			c.Headers = map[string]string{"X-Api-Key": "key {{.Secret}}"}
		})
		o := n.Notify(t.Context(), alerting.NotificationOf(tricky()), phones("+4915112345678"))
		if o.Err != nil || o.Verdict != alerting.VerdictDelivered || o.Texts != 1 || o.Response != "thanks for <secret>" {
			t.Fatalf("%+v", o)
		}
		r := <-got
		var sent struct{ To, From, Text, ID string }
		dec := json.NewDecoder(strings.NewReader(string(r.body)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&sent); err != nil {
			t.Fatalf("%s: %v", r.body, err)
		}
		if sent.To != "+4915112345678" || sent.From != "Baro" || sent.ID != "evt_1" || !strings.Contains(sent.Text, `a "quoted" \ part & 100 % of {{.Secret}}`) {
			t.Errorf("%+v", sent)
		}
		if r.header.Get("X-Api-Key") != "key s3cr3t/&" || r.header.Get("X-Request") != "POST /send" || r.header.Get("Content-Type") != "application/json" {
			t.Errorf("%v", r.header)
		}
	})
	t.Run("form", func(t *testing.T) {
		n, got := otherGateway(t, handler(http.StatusAccepted, ""), func(c *alerting.SMSGatewayConfig) {
			c.ContentType, c.Body = "application/x-www-form-urlencoded", "to={{.To}}&msg={{.Text}}&key={{.Secret}}"
		})
		if o := n.Notify(t.Context(), alerting.NotificationOf(tricky()), phones("+4915112345678")); o.Err != nil {
			t.Fatal(o.Err)
		}
		form, err := url.ParseQuery(string((<-got).body))
		if err != nil || form.Get("to") != "+4915112345678" || form.Get("key") != "s3cr3t/&" || !strings.Contains(form.Get("msg"), "& 100 %") {
			t.Errorf("%v: %v", form, err)
		}
	})
	t.Run("XML", func(t *testing.T) {
		for _, kind := range []string{"text/xml; charset=utf-8", "application/soap+xml"} {
			n, got := otherGateway(t, handler(http.StatusOK, ""), func(c *alerting.SMSGatewayConfig) {
				c.ContentType, c.Body = kind, `<sms to="{{.To}}"><text>{{.Text}}</text></sms>`
			})
			e := opened("evt_1")
			e.Data.Summary = `db1</text></sms><sms to="+491900"><text>`
			if o := n.Notify(t.Context(), alerting.NotificationOf(e), phones("+4915112345678")); o.Err != nil {
				t.Fatal(o.Err)
			}
			var sent struct {
				To   string `xml:"to,attr"`
				Text string `xml:"text"`
			}
			body := (<-got).body
			if err := xml.Unmarshal(body, &sent); err != nil || sent.To != "+4915112345678" || !strings.Contains(sent.Text, e.Data.Summary) {
				t.Errorf("%s: %s: %+v, %v", kind, body, sent, err)
			}
		}
	})
	t.Run("text", func(t *testing.T) {
		n, got := otherGateway(t, handler(http.StatusOK, ""), func(c *alerting.SMSGatewayConfig) {
			c.ContentType, c.Body, c.Secret = "text/plain", "to: {{.To}}\nkey: {{.Secret}}\ntext: {{.Text}}", "one\r\ntwo"
		})
		if o := n.Notify(t.Context(), alerting.NotificationOf(tricky()), phones("+4915112345678")); o.Err != nil {
			t.Fatal(o.Err)
		}
		lines := strings.Split(string((<-got).body), "\n")
		if len(lines) != 3 || lines[1] != "key: one two" || !strings.Contains(lines[2], `a "quoted" \ part`) {
			t.Errorf("%q", lines)
		}
	})
	t.Run("GET", func(t *testing.T) {
		n, got := otherGateway(t, handler(http.StatusOK, ""), func(c *alerting.SMSGatewayConfig) {
			c.Method, c.URL, c.Body = http.MethodGet, c.URL+"?to={{.To}}&text={{.Text}}&key={{.Secret}}", ""
		})
		if o := n.Notify(t.Context(), alerting.NotificationOf(tricky()), phones("+4915112345678")); o.Err != nil {
			t.Fatal(o.Err)
		}
		r := <-got
		_, query, _ := strings.Cut(r.header.Get("X-Request"), "?")
		form, err := url.ParseQuery(query)
		if err != nil || form.Get("to") != "+4915112345678" || form.Get("key") != "s3cr3t/&" || len(r.body) > 0 {
			t.Errorf("%v: %v", form, err)
		}
	})
}

func TestHTTPGatewaySaysWhatSuccessIs(t *testing.T) {
	for _, tt := range []struct {
		status  int
		success []int
		want    alerting.Verdict
	}{
		{200, nil, alerting.VerdictDelivered},
		{299, nil, alerting.VerdictDelivered},
		{302, nil, alerting.VerdictTemporary},
		{400, nil, alerting.VerdictPermanent},
		{401, nil, alerting.VerdictTemporary},
		{429, nil, alerting.VerdictTemporary},
		{500, nil, alerting.VerdictTemporary},
		{202, []int{202}, alerting.VerdictDelivered},
		{200, []int{202}, alerting.VerdictTemporary},
		{409, []int{200, 409}, alerting.VerdictDelivered},
	} {
		n, _ := otherGateway(t, handler(tt.status, "body"), func(c *alerting.SMSGatewayConfig) { c.Success = tt.success })
		o := n.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), phones("+4915112345678"))
		if o.Verdict != tt.want || (o.Err == nil) != (tt.want == alerting.VerdictDelivered) || o.StatusCode != tt.status {
			t.Errorf("%d of %v: %+v", tt.status, tt.success, o)
		}
		if wanted := o.Verdict == alerting.VerdictDelivered; (o.Texts == 1) != wanted {
			t.Errorf("%d: %d texts", tt.status, o.Texts)
		}
	}
}

func TestHTTPGatewayErrorsTellNoSecret(t *testing.T) {
	n, _ := otherGateway(t, handler(http.StatusOK, ""), func(c *alerting.SMSGatewayConfig) {
		c.Method, c.URL = http.MethodGet, "http://127.0.0.1:1/{{.Secret}}?key={{.Secret}}"
		c.Secret = "T0PS3CRET"
	})
	o := n.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), phones("+4915112345678"))
	if o.Verdict != alerting.VerdictTemporary || o.Err == nil || strings.Contains(o.Err.Error(), "T0PS3CRET") {
		t.Errorf("%v: %v", o.Verdict, o.Err)
	}
}

func TestSMSGatewayConfigNamesItsMistakes(t *testing.T) {
	good := func() alerting.DeliveryConfig {
		cfg := alerting.DefaultDeliveryConfig()
		cfg.SMS.Gateway, cfg.SMS.HTTP.URL = alerting.SMSHTTP, "https://sms.example.com/send"
		return cfg
	}
	for field, set := range map[string]func(*alerting.SMSConfig){
		"":                         func(*alerting.SMSConfig) {},
		"sms.gateway":              func(c *alerting.SMSConfig) { c.Gateway = "smpp" },
		"sms.http.url":             func(c *alerting.SMSConfig) { c.HTTP.URL = "http://sms.example.com" },
		"sms.http.method":          func(c *alerting.SMSConfig) { c.HTTP.Method = "DELETE" },
		"sms.http.content_type":    func(c *alerting.SMSConfig) { c.HTTP.ContentType = "json please" },
		"sms.http.headers":         func(c *alerting.SMSConfig) { c.HTTP.Headers = map[string]string{"bad name": "x"} },
		"sms.http.headers.X-Token": func(c *alerting.SMSConfig) { c.HTTP.Headers = map[string]string{"X-Token": "{{.Sekret}}"} },
		"sms.http.body":            func(c *alerting.SMSConfig) { c.HTTP.Body = `{"text": {{.Text}}}` },
		"sms.http.success[1]":      func(c *alerting.SMSConfig) { c.HTTP.Success = []int{200, 700} },
	} {
		cfg := good()
		set(&cfg.SMS)
		err := cfg.Validate()
		if (err == nil) != (field == "") || err != nil && !strings.Contains(err.Error(), field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// What nothing is known to escape for is refused.
func TestSMSGatewayTakesNoOtherContentType(t *testing.T) {
	cfg := alerting.DefaultDeliveryConfig()
	cfg.SMS.Gateway, cfg.SMS.HTTP.URL, cfg.SMS.HTTP.ContentType = alerting.SMSHTTP, "https://sms.example.com/send", "text/csv"
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), `"text/csv" is not one of application/json, application/x-www-form-urlencoded, application/xml, text/xml, text/plain`) {
		t.Error(err)
	}
}

// A gateway that hangs must not hold the try of all recipients for ever.
func TestSMSToManyStaysBounded(t *testing.T) {
	n, _ := otherGateway(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, func(*alerting.SMSGatewayConfig) {})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	o := n.Notify(ctx, alerting.NotificationOf(opened("evt_1")), phones("+4915112345678", "+4915112345679"))
	if o.Verdict != alerting.VerdictTemporary || time.Since(begin) > mostBusy || o.Texts != 0 {
		t.Errorf("%+v after %v", o, time.Since(begin))
	}
}
