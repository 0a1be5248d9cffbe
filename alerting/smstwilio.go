package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// twilio sends through Twilio, or a gateway with its API.
// Source: https://www.twilio.com/docs/messaging/api/message-resource
type twilio struct {
	cfg    SMSConfig
	client *http.Client
}

var _ smsGateway = twilio{}

func (g twilio) send(ctx context.Context, t textMessage) Outcome {
	form := url.Values{"To": {t.To}, "From": {t.From}, "Body": {t.Text}}
	address := strings.TrimRight(g.cfg.BaseURL, "/") + "/2010-04-01/Accounts/" + url.PathEscape(g.cfg.AccountSID) + "/Messages.json"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return permanently("prepare request: %w", err)
	}
	req.SetBasicAuth(g.cfg.AccountSID, g.cfg.AuthToken.Reveal())
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	o := exchange(g.client, req, smsVerdict)
	if o.Err == nil {
		return o
	}
	reason := readTwilioError(o.Response)
	if o.Verdict == VerdictPermanent && reason.liftable() {
		o.Verdict = VerdictTemporary
	}
	o.Err = fmt.Errorf("%w%s", o.Err, reason)
	return o
}

// twilioError is how Twilio says what is wrong, with a status of 4xx.
type twilioError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// readTwilioError returns the gateway's own words, empty if the answer holds none.
func readTwilioError(answer string) (e twilioError) {
	if json.Unmarshal([]byte(answer), &e) != nil {
		return twilioError{}
	}
	return e
}

// liftable reports whether it is not about the recipient or the text, but about
// the account: its sender, its permissions. The administrator can mend those.
// Source: https://www.twilio.com/docs/api/errors
func (e twilioError) liftable() bool {
	return slices.Contains([]int{
		20003, // wrong credentials
		20429, // too many requests
		21212, // the sender is no number
		21408, // no permission for the region
		21603, // no sender
		21606, // the sender is not the account's
		21659, // the sender is not the account's, or can't send texts
		21660, // the sender is another account's
	}, e.Code)
}

func (e twilioError) String() string {
	if e.Message == "" {
		return ""
	}
	return fmt.Sprintf(": %s (code %d)", oneLine(e.Message), e.Code)
}
