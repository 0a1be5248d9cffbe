package alerting

import (
	"net/mail"
	"net/url"
	"regexp"
	"time"

	"github.com/barograph/barograph"
)

// DeliveryConfig is how events are sent.
type DeliveryConfig struct {
	Webhook WebhookConfig `yaml:"webhook"`
	Email   EmailConfig   `yaml:"email"`
	SMS     SMSConfig     `yaml:"sms"`
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
}

// WebhookConfig is where webhooks, and the SMS gateway's requests, may go.
type WebhookConfig struct {
	AllowHTTP     bool     `yaml:"allow_http"`     // without TLS; otherwise https only
	AllowNetworks []string `yaml:"allow_networks"` // not public, yet allowed, as 10.1.0.0/16
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

// SMSConfig is an SMS gateway with Twilio's API. Without an account there is no SMS.
type SMSConfig struct {
	BaseURL    string           `yaml:"base_url"`
	AccountSID string           `yaml:"account_sid"`
	AuthToken  barograph.Secret `yaml:"auth_token"`
	From       string           `yaml:"from"` // the sender's number or name
}

// DefaultDeliveryConfig returns the configuration that sends webhooks to public
// https addresses, and neither e-mail nor SMS.
func DefaultDeliveryConfig() DeliveryConfig {
	const submissionPort = 587
	return DeliveryConfig{
		Email:            EmailConfig{Port: submissionPort, TLS: EmailStartTLS},
		SMS:              SMSConfig{BaseURL: "https://api.twilio.com"},
		TimeToLive:       barograph.Duration(24 * time.Hour),
		DisableAfter:     barograph.Duration(120 * time.Hour),
		DisableExhausted: 10,
		Concurrency:      64,
		PerEndpoint:      4,
	}
}

// Validate returns an error that names every bad field.
func (c DeliveryConfig) Validate() error {
	var p barograph.Problems
	_, err := parseNetworks(c.Webhook.AllowNetworks)
	p.Merge("webhook.allow_networks", err)
	p.Merge("email", c.Email.Validate())
	p.Merge("sms", c.SMS.validate(c.Webhook.AllowHTTP))
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
	return p.Err("delivery configuration")
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
	if c.AccountSID == "" {
		return nil
	}
	var p barograph.Problems
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
	return p.Err("sms")
}
