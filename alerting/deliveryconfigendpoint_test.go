package alerting_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

func TestCheckEndpoint(t *testing.T) {
	set := alerting.DefaultDeliveryConfig()
	set.Email.Host, set.SMS.AccountSID = "mail.example.com", "AC123"
	open := set
	open.AllowHTTP, open.AllowNetworks = true, []string{"10.1.0.0/16", "127.0.0.1"}
	none := alerting.DefaultDeliveryConfig()
	otherSMS := alerting.DefaultDeliveryConfig()
	otherSMS.SMS.Gateway = alerting.SMSHTTP
	gotify := chatURLs()["gotify"].url
	for _, tt := range []struct {
		name   string
		cfg    alerting.DeliveryConfig
		ep     barograph.Endpoint
		wrong  string // the field, "" if all is well
		saying string
	}{
		{"https", set, hook("e", "https://example.com/x"), "", ""},
		{"public address", set, hook("e", "https://1.1.1.1:8443/x"), "", ""},
		{"http", set, hook("e", "http://example.com/x"), "url", "delivery.allow_http"},
		{"http allowed", open, hook("e", "http://example.com/x"), "", ""},
		{"ftp", open, hook("e", "ftp://example.com/x"), "url", "not an https URL"},
		{"no host", open, hook("e", "https:///x"), "url", "not an https URL"},
		{"private", set, hook("e", "https://10.1.2.3"), "url", "delivery.allow_networks"},
		{"private allowed", open, hook("e", "https://10.1.2.3"), "", ""},
		{"loopback", set, toAlertmanager("https://127.0.0.1:9093"), "url", "loopback"},
		{"loopback allowed", open, toAlertmanager("http://127.0.0.1:9093"), "", ""},
		{"localhost allowed", open, toAlertmanager("http://localhost:9093"), "", ""},
		{"e-mail", set, barograph.Endpoint{Kind: barograph.EndpointEmail, To: []string{"a@example.com"}}, "", ""},
		{"no e-mail", none, barograph.Endpoint{Kind: barograph.EndpointEmail}, "kind", "delivery.email.host"},
		{"SMS", set, phones("+4915112345678"), "", ""},
		{"no SMS", none, phones("+4915112345678"), "kind", "delivery.sms.account_sid"},
		{"no gateway", otherSMS, phones("+4915112345678"), "kind", "delivery.sms.http.url"},
		{"chat with http", set, chat(gotify + "?disabletls=yes"), "url", "delivery.allow_http"},
		{"chat with http allowed", open, chat(gotify + "?disabletls=yes"), "", ""},
		{"chat on loopback", set, chat("gotify://127.0.0.1/AzyoeNS.D4iJLVa"), "url", "loopback"},
		{"chat on loopback allowed", open, chat("gotify://127.0.0.1/AzyoeNS.D4iJLVa"), "", ""},
		{"chat on the metadata service", set, chat("ntfy://169.254.169.254/topic"), "url", "metadata"},
		{"chat without token", set, chat("slack://webhook"), "url", "slack://hook:TOKEN_A-TOKEN_B-TOKEN_C@webhook"},
		{"chat with a short token", set, chat("gotify://gotify.example.com/short"), "url", "gotify://HOST/TOKEN"},
		{"discord raw", set, chat("discord://dIsc0rdT0kenXYZ@123456789012345678/raw"), "url", "discord://TOKEN@WEBHOOK_ID"},
		{"mail by chat", set, chat("smtp://user:password@example.com/?from=a@b.c&to=c@d.e"), "url", "use one of discord, gotify"},
		{"no chat", set, chat("nonsense"), "url", "use one of discord, gotify"},
	} {
		err := tt.cfg.CheckEndpoint(tt.ep)
		if tt.wrong == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		e, ok := errors.AsType[*barograph.Error](err)
		if !ok || e.Kind != barograph.KindInvalid || len(e.Fields) != 1 || e.Fields[0].Field != tt.wrong || !strings.Contains(e.Fields[0].Message, tt.saying) {
			t.Errorf("%s: %v, want %s to say %q", tt.name, err, tt.wrong, tt.saying)
		}
	}
}

func TestCheckEndpointTakesAllServices(t *testing.T) {
	for name, tt := range chatURLs() {
		if err := alerting.DefaultDeliveryConfig().CheckEndpoint(chat(tt.url)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, mistake := range []string{"%zz", "\x7f", "&bogus=1&" + tt.secrets[0] + "=1", "?bogus=1"} {
			err := alerting.DefaultDeliveryConfig().CheckEndpoint(chat(tt.url + mistake))
			for _, secret := range tt.secrets {
				if err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("%s: %q is in: %v", name, secret, err)
				}
			}
		}
	}
}

// Whatever says in so many words that it is an address is judged when it is
// saved; names are when they are resolved.
func TestCheckEndpointKnowsAddressesByAllTheirSpellings(t *testing.T) {
	for _, host := range forbiddenHosts() {
		if strings.HasSuffix(host, ".example.com") || strings.HasSuffix(host, "localdomain") || host == "ip6-localhost" {
			continue
		}
		if err := alerting.DefaultDeliveryConfig().CheckEndpoint(hook("e", "https://"+host+"/x")); err == nil {
			t.Errorf("%s is taken", host)
		}
	}
}
