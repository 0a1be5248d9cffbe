package alerting

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/barograph/barograph"
)

// smsTimeout bounds one try, to all recipients of an endpoint.
const smsTimeout = time.Minute

// sms sends notifications as text messages of at most two segments.
type sms struct {
	cfg        SMSConfig
	gateway    smsGateway
	messages   *Messages
	recipients *recipients
}

// smsGateway takes one text to one number.
type smsGateway interface {
	send(ctx context.Context, t textMessage) Outcome
}

// textMessage is what a gateway is given.
type textMessage struct {
	To, From, Text string
	ID             string // of the message, the same on every try
}

var _ Notifier = (*sms)(nil)

func newSMS(cfg DeliveryConfig, messages *Messages, client *http.Client) (*sms, error) {
	s := &sms{cfg: cfg.SMS, messages: messages, recipients: newRecipients()}
	switch cfg.SMS.Gateway {
	case SMSTwilio, "":
		s.gateway = twilio{cfg.SMS, client}
	case SMSHTTP:
		gateway, err := newHTTPGateway(cfg.SMS.HTTP, client)
		if err != nil {
			return nil, fmt.Errorf("delivery.sms.http: %w", err)
		}
		s.gateway = gateway
	}
	return s, nil
}

// Notify sends the notification's short form to the endpoint's numbers.
func (s *sms) Notify(ctx context.Context, n Notification, ep barograph.Endpoint) Outcome {
	if missing := s.cfg.missing(); missing != "" {
		return temporarily("SMS is %w: set delivery.sms.%s", errNotConfigured, missing)
	}
	if err := ep.Validate(); err != nil { // no gateway is given what is no E.164 number
		return permanently("%w", err)
	}
	text, err := s.messages.Render(n)
	if err != nil {
		return permanently("%w", err)
	}
	body := fitSMS(text.Short)
	ctx, cancel := context.WithTimeoutCause(ctx, smsTimeout, fmt.Errorf("the SMS gateway took longer than %s", smsTimeout))
	defer cancel()
	return s.recipients.sendAll(n, ep, func(to string) Outcome {
		return s.send(ctx, textMessage{To: to, From: s.cfg.From, Text: body, ID: n.ID})
	})
}

func (s *sms) send(ctx context.Context, t textMessage) Outcome {
	o := s.gateway.send(ctx, t)
	if o.Verdict == VerdictDelivered {
		o.Texts = 1
	}
	if o.Err != nil {
		o.Err = fmt.Errorf("SMS to %s: %w", t.To, o.Err)
	}
	return o
}

// smsVerdict takes a refusal of this message as final, but not one that the
// administrator can lift, as wrong credentials or a wrong address.
func smsVerdict(status int) Verdict {
	switch status {
	case http.StatusBadRequest, http.StatusGone, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return VerdictPermanent
	}
	if status >= 200 && status <= 299 {
		return VerdictDelivered
	}
	return VerdictTemporary
}
