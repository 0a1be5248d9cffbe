package alerting_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// channelsTo returns a try by every channel that goes to the host, which may be
// followed by a port.
func channelsTo(host string, reach alerting.Reach, networks ...string) map[string]func(context.Context) (alerting.Outcome, error) {
	cfg := alerting.DefaultDeliveryConfig()
	cfg.AllowHTTP, cfg.AllowNetworks = true, networks
	via := func(cfg alerting.DeliveryConfig, ep barograph.Endpoint) func(context.Context) (alerting.Outcome, error) {
		return func(ctx context.Context) (alerting.Outcome, error) {
			all, err := alerting.NewNotifiers(cfg, alerting.NotifierDeps{Reach: reach})
			if err != nil {
				return alerting.Outcome{}, err
			}
			return all[ep.Kind].Notify(ctx, alerting.NotificationOf(opened("evt_1")), ep), nil
		}
	}
	twilio, gateway, ours := cfg, cfg, hook("ept_1", "http://"+host+"/")
	twilio.SMS = alerting.SMSConfig{BaseURL: "http://" + host, AccountSID: "AC123", AuthToken: "token", From: "x"}
	gateway.SMS.Gateway, gateway.SMS.HTTP.URL = alerting.SMSHTTP, "http://"+host+"/send"
	ours.Format = barograph.FormatAlertmanager
	return map[string]func(context.Context) (alerting.Outcome, error){
		"webhook":         via(cfg, hook("ept_1", "http://"+host+"/")),
		"webhook v4":      via(cfg, ours),
		"alertmanager":    via(cfg, toAlertmanager("http://"+host)),
		"twilio":          via(twilio, phones("+4915112345678")),
		"SMS gateway":     via(gateway, phones("+4915112345678")),
		"ntfy":            via(cfg, chat("ntfy://"+host+"/topic?scheme=http")),
		"ntfy with TLS":   via(cfg, chat("ntfy://"+host+"/topic?disabletlsverification=yes")),
		"gotify":          via(cfg, chat("gotify://"+host+"/AzyoeNS.D4iJLVa?disabletls=yes")),
		"gotify with TLS": via(cfg, chat("gotify://"+host+"/AzyoeNS.D4iJLVa?insecureskipverify=yes")),
		"mattermost":      via(cfg, chat("mattermost://"+host+"/token?disabletls=yes")),
		"rocketchat":      via(cfg, chat("rocketchat://"+host+"/tokenA/tokenB")),
		"pagerduty":       via(cfg, chat("pagerduty://"+host+"/0123456789abcdef0123456789abcdef")),
	}
}

// TestNoChannelReachesForbiddenAddresses tries every spelling by every channel.
func TestNoChannelReachesForbiddenAddresses(t *testing.T) {
	var connections atomic.Int32
	port := listenEverywhere(t, &connections)
	reach := alerting.Reach{Resolver: nameServer(t, hostileZone)}
	tries, forbidden := 0, map[string]int{}
	for _, host := range forbiddenHosts() {
		for channel, send := range channelsTo(host+":"+port, reach) {
			tries++
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			o, err := send(ctx)
			cancel()
			if err != nil {
				continue // the configuration is refused
			}
			if o.StatusCode != 0 || o.Verdict == alerting.VerdictDelivered || o.Err == nil {
				t.Errorf("%s to %s: %+v", channel, host, o)
			}
			if errors.Is(o.Err, alerting.ErrForbiddenAddress) {
				forbidden[channel]++
			}
		}
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	for channel := range channelsTo("", reach) { // they were not refused for something else
		if forbidden[channel] < 40 { // that library mistakes IPv6 in PagerDuty's
			t.Errorf("%s met a forbidden address %d times", channel, forbidden[channel])
		}
	}
	t.Logf("%d spellings, %d tries, %d connections", len(forbiddenHosts()), tries, connections.Load())
}

// The services' own addresses are judged by where their names lead, too.
func TestServicesOfFixedAddressesAreGuarded(t *testing.T) {
	reach := alerting.Reach{Resolver: nameServer(t, func(string) string { return "127.0.0.1" })}
	for name, tt := range chatURLs() {
		all := notifiers(t, alerting.DefaultDeliveryConfig(), reach)
		o := all[barograph.EndpointShoutrrr].Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), chat(tt.url))
		if o.Verdict != alerting.VerdictPermanent || !errors.Is(o.Err, alerting.ErrForbiddenAddress) {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// TestTrickyURLsReachNothing holds URLs of which parsers think differently.
func TestTrickyURLsReachNothing(t *testing.T) {
	var connections atomic.Int32
	port := listenEverywhere(t, &connections)
	cfg := alerting.DefaultDeliveryConfig()
	cfg.AllowHTTP = true
	all := notifiers(t, cfg, alerting.Reach{Resolver: nameServer(t, hostileZone)})
	for _, text := range []string{
		"http://1.1.1.1@127.0.0.1:PORT/", "http://example.com:80@127.0.0.1:PORT/", "http://127.0.0.1:PORT#@example.com/",
		"http://127.0.0.1:PORT?@example.com/", `http://127.0.0.1:PORT\@example.com/`, `http://example.com\@127.0.0.1:PORT/`,
		"http://example.com%40127.0.0.1:PORT/", "http://127.0.0.1:PORT%23@example.com/", "http:127.0.0.1:PORT", "http:///127.0.0.1:PORT/",
		"//127.0.0.1:PORT/", "HTTP://127.0.0.1:PORT/", "hTtP://127.0.0.1:PORT/", "http://127.0.0.1%2e:PORT/", "http://127.0.0.1%00:PORT/",
		"http:// 127.0.0.1:PORT/", "http://\t127.0.0.1:PORT/", " http://127.0.0.1:PORT/", "http://127.0.0.1:PORT:80/", "http://[::1]:PORT:80/",
		"http://[::ffff:127.0.0.1]:PORT/", "http://[127.0.0.1]:PORT/", "http://127.0.0.1:0PORT/", "gopher://127.0.0.1:PORT/", "file://127.0.0.1:PORT/",
		"http://0:PORT/", "http://127.0.0.1..:PORT/", "http://%31%32%37.0.0.1:PORT/", "http://127.0.0.1:PORT/\r\nHost: example.com",
	} {
		text = strings.ReplaceAll(text, "PORT", port)
		for _, ep := range []barograph.Endpoint{hook("ept_1", text), toAlertmanager(text)} {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			o := all[ep.Kind].Notify(ctx, alerting.NotificationOf(opened("evt_1")), ep)
			cancel()
			if o.StatusCode != 0 || o.Err == nil {
				t.Errorf("%s %q: %+v", ep.Kind, text, o)
			}
		}
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestNoChannelFollowsRedirects(t *testing.T) {
	var hits atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer target.Close()
	for _, status := range []int{300, 301, 302, 303, 304, 305, 307, 308, 399} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", target.URL)
			w.WriteHeader(status)
		}))
		for channel, send := range channelsTo(srv.Listener.Addr().String(), alerting.Reach{}, "127.0.0.1") {
			if strings.HasSuffix(channel, "TLS") || channel == "rocketchat" || channel == "pagerduty" { // always with TLS
				continue
			}
			o, err := send(t.Context())
			if err != nil || o.Verdict == alerting.VerdictDelivered || o.StatusCode != status {
				t.Errorf("%s, %d: %+v, %v", channel, status, o, err)
			}
		}
		srv.Close()
	}
	if hits.Load() != 0 {
		t.Errorf("the target was hit %d times", hits.Load())
	}
}

// A certificate that nobody vouches for is refused whatever the URL says.
func TestServicesCannotSwitchOffVerification(t *testing.T) {
	srv := httptest.NewUnstartedServer(handler(http.StatusOK, "{}"))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	defer srv.Close()
	for channel, send := range channelsTo(srv.Listener.Addr().String(), alerting.Reach{}, "127.0.0.1") {
		if !strings.HasSuffix(channel, "TLS") {
			continue
		}
		o, err := send(t.Context())
		if err != nil || o.Err == nil || !strings.Contains(o.Err.Error(), "certificate") {
			t.Errorf("%s: %+v, %v", channel, o, err)
		}
	}
}

func TestForbiddenHostsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, host := range forbiddenHosts() {
		if seen[host] {
			t.Errorf("%s is there twice", host)
		}
		seen[host] = true
	}
}
