package alerting

import (
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"time"

	"github.com/barograph/barograph"
)

// DeliveryConfig is how events are sent.
type DeliveryConfig struct {
	// AllowHTTP and AllowNetworks widen where webhooks, Alertmanagers, chat
	// services and SMS gateways may be: without TLS, and at addresses that are
	// not public, as 10.1.0.0/16.
	AllowHTTP     bool     `yaml:"allow_http"`
	AllowNetworks []string `yaml:"allow_networks"`
	// ExternalURL is where people reach this server, for links in alerts; "": none.
	ExternalURL string `yaml:"external_url"`
	// Templates is a folder with message templates that replace ours; "": none.
	Templates string      `yaml:"templates"`
	Email     EmailConfig `yaml:"email"`
	SMS       SMSConfig   `yaml:"sms"`
	// RetrySchedule is how long after each failed try the next one comes, ±20 %.
	// When it is used up, the delivery is given up.
	RetrySchedule []barograph.Duration `yaml:"retry_schedule"`
	// TimeToLive is how old a delivery may be when it is tried.
	TimeToLive barograph.Duration `yaml:"time_to_live"`
	// An endpoint is disabled after DisableAfter of failure if in that time at
	// least DisableExhausted deliveries were given up and none succeeded.
	DisableAfter     barograph.Duration `yaml:"disable_after"`
	DisableExhausted int                `yaml:"disable_exhausted"`
	// Concurrency is how many tries run at a time, PerEndpoint how many of
	// them to one endpoint.
	Concurrency int `yaml:"concurrency"`
	PerEndpoint int `yaml:"per_endpoint"`
	// Watchdog is how the whole way is tried out all the time.
	Watchdog WatchdogConfig `yaml:"watchdog"`
}

// EmailConfig is the mail server. Without a host there is no e-mail.
type EmailConfig struct {
	Host     string           `yaml:"host"`
	Port     int              `yaml:"port"`
	Username string           `yaml:"username"` // "": no authentication
	Password barograph.Secret `yaml:"password"`
	From     string           `yaml:"from"` // as barograph@example.com or Barograph <barograph@example.com>
	TLS      EmailTLS         `yaml:"tls"`
	Helo     string           `yaml:"helo"` // the name we greet with; "": the machine's
}

// EmailTLS is how the connection to the mail server is encrypted.
type EmailTLS string

// The ways.
const (
	EmailStartTLS EmailTLS = "starttls" // required, not merely used when offered
	EmailTLSOnly  EmailTLS = "tls"      // from the first byte, usually port 465
	EmailNoTLS    EmailTLS = "none"
)

// SMSConfig is the way to an SMS gateway: Twilio, or one with its API, which
// needs an account, or any other over HTTP, which needs a URL. Without these
// there is no SMS.
type SMSConfig struct {
	Gateway    SMSGateway       `yaml:"gateway"` // "": twilio
	From       string           `yaml:"from"`    // the sender's number or name
	BaseURL    string           `yaml:"base_url"`
	AccountSID string           `yaml:"account_sid"`
	AuthToken  barograph.Secret `yaml:"auth_token"`
	HTTP       SMSGatewayConfig `yaml:"http"`
}

// SMSGateway is how an SMS gateway is spoken to.
type SMSGateway string

// The ways.
const (
	SMSTwilio SMSGateway = "twilio"
	SMSHTTP   SMSGateway = "http" // one request a text, as SMSConfig.HTTP describes it
)

// missing returns the setting without which there is no SMS, "" if it is there.
func (c SMSConfig) missing() string {
	switch c.Gateway {
	case SMSTwilio, "":
		if c.AccountSID == "" {
			return "account_sid"
		}
	case SMSHTTP:
		if c.HTTP.URL == "" {
			return "http.url"
		}
	}
	return ""
}

// DefaultDeliveryConfig returns the configuration that sends webhooks to public
// https addresses, and neither e-mail nor SMS.
func DefaultDeliveryConfig() DeliveryConfig {
	const submissionPort = 587
	return DeliveryConfig{
		Email:            EmailConfig{Port: submissionPort, TLS: EmailStartTLS},
		SMS:              SMSConfig{Gateway: SMSTwilio, BaseURL: "https://api.twilio.com", HTTP: defaultSMSGateway()},
		RetrySchedule:    defaultRetrySchedule(),
		TimeToLive:       barograph.Duration(24 * time.Hour),
		DisableAfter:     barograph.Duration(120 * time.Hour),
		DisableExhausted: 10,
		Concurrency:      64,
		PerEndpoint:      4,
		Watchdog:         defaultWatchdogConfig(),
	}
}

// defaultRetrySchedule returns waits for ten tries in all. Warnings go stale, so
// most tries come early.
func defaultRetrySchedule() []barograph.Duration {
	waits := []time.Duration{
		5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
	}
	schedule := make([]barograph.Duration, len(waits))
	for i, wait := range waits {
		schedule[i] = barograph.Duration(wait)
	}
	return schedule
}

// Validate returns an error that names every bad field.
func (c DeliveryConfig) Validate() error {
	var p barograph.Problems
	_, err := parseNetworks(c.AllowNetworks)
	p.Merge("allow_networks", err)
	if u, err := url.Parse(c.ExternalURL); c.ExternalURL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil) {
		p.Addf("external_url", "%q is not a URL as https://barograph.example.com", c.ExternalURL)
	}
	p.Merge("email", c.Email.Validate())
	p.Merge("sms", c.SMS.validate(c.AllowHTTP))
	c.validateSchedule(&p)
	if c.TimeToLive.Std() < time.Minute {
		p.Addf("time_to_live", "%s is shorter than 1m", c.TimeToLive)
	}
	if c.DisableAfter < 0 {
		p.Addf("disable_after", "%s is negative", c.DisableAfter)
	}
	if c.DisableExhausted < 1 {
		p.Addf("disable_exhausted", "%d is below 1", c.DisableExhausted)
	}
	if c.Concurrency < 1 || c.Concurrency > 10_000 {
		p.Addf("concurrency", "%d is not between 1 and 10000", c.Concurrency)
	}
	if c.PerEndpoint < 1 || c.PerEndpoint > c.Concurrency {
		p.Addf("per_endpoint", "%d is not between 1 and concurrency, which is %d", c.PerEndpoint, c.Concurrency)
	}
	p.Merge("watchdog", c.Watchdog.validate(c.AllowHTTP))
	return p.Err("delivery configuration")
}

func (c DeliveryConfig) validateSchedule(p *barograph.Problems) {
	const mostRetries = 50
	if n := len(c.RetrySchedule); n == 0 || n > mostRetries {
		p.Addf("retry_schedule", "has %d waits, 1 to %d are allowed", n, mostRetries)
	}
	for i, wait := range c.RetrySchedule {
		if wait.Std() < time.Second || wait.Std() > barograph.Day {
			p.Addf(fmt.Sprintf("retry_schedule[%d]", i), "%s is not between 1s and 1d", wait)
		}
	}
}

// Validate returns an error that names every bad field; without a host nothing
// is looked at.
func (c EmailConfig) Validate() error {
	if c.Host == "" {
		return nil
	}
	var p barograph.Problems
	if c.Port < 1 || c.Port > 65535 {
		p.Addf("port", "%d is not between 1 and 65535", c.Port)
	}
	if _, err := mail.ParseAddress(c.From); err != nil {
		p.Addf("from", "%q is not an e-mail address", c.From)
	}
	switch c.TLS {
	case EmailStartTLS, EmailTLSOnly:
	case EmailNoTLS:
		if c.Username != "" {
			p.Addf("username", "would be sent with its password in clear: set tls to starttls or tls, or leave it out")
		}
	default:
		p.Addf("tls", "%q is not one of starttls, tls, none", string(c.TLS))
	}
	if c.Username != "" && c.Password == "" {
		p.Addf("password", "is missing for username %q", c.Username)
	}
	return p.Err("email")
}

var accountSID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (c SMSConfig) validate(allowHTTP bool) error {
	var p barograph.Problems
	switch {
	case c.Gateway != SMSTwilio && c.Gateway != SMSHTTP && c.Gateway != "":
		p.Addf("gateway", "%q is not one of twilio, http", string(c.Gateway))
	case c.missing() != "":
	case c.Gateway == SMSHTTP:
		p.Merge("http", c.HTTP.validate(allowHTTP))
	default:
		c.validateTwilio(&p, allowHTTP)
	}
	return p.Err("sms")
}

func (c SMSConfig) validateTwilio(p *barograph.Problems, allowHTTP bool) {
	if !accountSID.MatchString(c.AccountSID) {
		p.Addf("account_sid", "%q is not 1 to 64 letters, digits, - or _", c.AccountSID)
	}
	if err := checkURL(c.BaseURL, allowHTTP); err != nil {
		p.Addf("base_url", "%s", err)
	} else if u, _ := url.Parse(c.BaseURL); u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		p.Addf("base_url", "%q holds more than a scheme, a host and a path", u.Redacted())
	}
	if c.AuthToken == "" {
		p.Addf("auth_token", "is missing")
	}
	if c.From == "" {
		p.Addf("from", "is missing: give the sender's number or name")
	}
}
