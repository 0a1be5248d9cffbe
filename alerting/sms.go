package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// smsTimeout bounds one try, to all recipients of an endpoint.
const smsTimeout = time.Minute

// sms sends events as text messages, through Twilio or a gateway with its API.
// Source: https://www.twilio.com/docs/messaging/api/message-resource
type sms struct {
	cfg        SMSConfig
	client     *http.Client
	messages   *Messages
	recipients *recipients
}

var _ Notifier = (*sms)(nil)

func newSMS(cfg SMSConfig, messages *Messages, client *http.Client) *sms {
	return &sms{cfg: cfg, client: client, messages: messages, recipients: newRecipients()}
}

// Notify sends the event's short form to the endpoint's numbers.
func (s *sms) Notify(ctx context.Context, e barograph.Event, ep barograph.Endpoint) Outcome {
	if s.cfg.AccountSID == "" {
		return temporarily("SMS is %w: set delivery.sms.account_sid", errNotConfigured)
	}
	text, err := s.messages.Render(e)
	if err != nil {
		return permanently("%w", err)
	}
	body := fitSMS(text.Short)
	ctx, cancel := context.WithTimeoutCause(ctx, smsTimeout, fmt.Errorf("the SMS gateway took longer than %s", smsTimeout))
	defer cancel()
	return s.recipients.sendAll(e, ep, func(to string) Outcome { return s.send(ctx, to, body) })
}

func (s *sms) send(ctx context.Context, to, body string) Outcome {
	form := url.Values{"To": {to}, "From": {s.cfg.From}, "Body": {body}}
	address := strings.TrimRight(s.cfg.BaseURL, "/") + "/2010-04-01/Accounts/" + url.PathEscape(s.cfg.AccountSID) + "/Messages.json"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return permanently("prepare SMS: %w", err)
	}
	req.SetBasicAuth(s.cfg.AccountSID, s.cfg.AuthToken.Reveal())
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	o := exchange(s.client, req, smsVerdict)
	if o.Err != nil {
		o.Err = fmt.Errorf("SMS to %s: %w%s", to, o.Err, gatewayReason(o.Response))
	}
	return o
}

// smsVerdict takes a refusal of this message as final, but not one that the
// administrator can lift, as wrong credentials.
func smsVerdict(status int) Verdict {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return VerdictTemporary
	}
	switch {
	case status >= 200 && status <= 299:
		return VerdictDelivered
	case status >= 400 && status <= 499:
		return VerdictPermanent
	}
	return VerdictTemporary
}

// gatewayReason returns the gateway's own words, if its answer holds any.
func gatewayReason(answer string) string {
	var reason struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal([]byte(answer), &reason) != nil || reason.Message == "" {
		return ""
	}
	return fmt.Sprintf(": %s (code %d)", oneLine(reason.Message), reason.Code)
}
