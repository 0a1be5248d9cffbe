package alerting

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/idna"

	"github.com/barograph/barograph"
)

// CheckEndpoint returns an error of KindInvalid that names the fields of the
// endpoint for which nothing could ever be sent there: its channel lacks a
// setting, its URL is not https, or it leads to a forbidden address in so many
// words. It asks no name server: where a name leads is judged on each connection.
func (c DeliveryConfig) CheckEndpoint(ep barograph.Endpoint) error {
	var p barograph.Problems
	switch ep.Kind {
	case barograph.EndpointWebhook, barograph.EndpointAlertmanager:
		p.Merge("url", c.checkAddress(ep.URL))
	case barograph.EndpointEmail:
		if c.Email.Host == "" {
			p.Addf("kind", "there is no e-mail here: an administrator must set delivery.email.host")
		}
	case barograph.EndpointSMS:
		if missing := c.SMS.missing(); missing != "" {
			p.Addf("kind", "there is no SMS here: an administrator must set delivery.sms.%s", missing)
		}
	case barograph.EndpointShoutrrr:
		p.Merge("url", c.checkService(ep.Secret))
	}
	return p.Err("endpoint")
}

// checkAddress refuses a URL by its words alone.
func (c DeliveryConfig) checkAddress(text string) error {
	if err := checkURL(text, c.AllowHTTP); err != nil {
		return err
	}
	u, err := url.Parse(text)
	if err != nil {
		return err
	}
	allowed, err := parseNetworks(c.AllowNetworks)
	if err != nil {
		return err
	}
	return guard{allowed: allowed, forbidden: forbiddenNetworks()}.checkHost(u.Hostname())
}

// checkHost judges a host that is an address, however it is written, or a name
// that is always this machine's own.
func (g guard) checkHost(host string) error {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = strings.TrimSuffix(ascii, ".") // as the client does: digits come in many scripts
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return g.check(addr)
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return g.check(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	if numeric(host[strings.LastIndexByte(host, '.')+1:]) {
		return barograph.Errorf(barograph.KindInvalid, "%q is neither a name nor an address as 192.0.2.1", clip(host, 100))
	}
	return nil
}

// numeric reports whether the last part of a host's name is a number, as only
// addresses have it: decimal, octal or hexadecimal.
func numeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return label != "" && strings.Trim(label, "0123456789") == ""
}

// checkService lets the service build a request, which goes nowhere.
func (c DeliveryConfig) checkService(secret barograph.Secret) error {
	var target *url.URL
	client := &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		target = req.URL
		return nil, errNowhere
	})}
	s, err := openService(secret, client)
	if err != nil {
		return err
	}
	event := barograph.Event{Type: barograph.EventWatchdog, Severity: barograph.SeverityInfo}
	if err := s.send(chatMessage{whole: "test", title: "test", text: "test", latest: event, single: true}); err == nil || target == nil {
		return fmt.Errorf("the service URL can't be used: write it as %s", serviceKinds()[s.scheme].example)
	}
	return c.checkAddress(target.Scheme + "://" + target.Host)
}

var errNowhere = errors.New("not sent: the URL is only checked")

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
