package manage

import (
	"fmt"
	"unicode/utf8"

	"github.com/barograph/barograph"
)

// How much may be said. The API's schema says the same, but what comes by
// another way was not held against it.
const (
	maxAddress    = 2048 // of a target or an endpoint
	maxSecret     = 2048
	maxRecipient  = 320
	maxHostName   = 260 // with a port
	maxPattern    = 1024
	maxSourceName = 256
	maxChoices    = 100 // statuses and answers of a probe
	maxEventTypes = 20
	maxTexts      = 1_000_000 // a day
	maxRemark     = 1000
)

// atMost tells of a text that is too long.
func atMost(p *barograph.Problems, field, text string, most int) {
	if n := utf8.RuneCountInString(text); n > most {
		p.Addf(field, "has %d characters, at most %d are allowed", n, most)
	}
}

// fewEnough tells of a list that is too long.
func fewEnough(p *barograph.Problems, field string, n, most int) {
	if n > most {
		p.Addf(field, "has %d items, at most %d are allowed", n, most)
	}
}

// judgeTarget returns what is wrong with a target.
func judgeTarget(t barograph.Target) error {
	var p barograph.Problems
	p.Merge("", t.Validate())
	atMost(&p, "address", t.Address, maxAddress)
	atMost(&p, "options.body_match", t.Options.BodyMatch, maxPattern)
	atMost(&p, "options.server_name", t.Options.ServerName, maxHostName)
	atMost(&p, "options.dns_server", t.Options.DNSServer, maxHostName)
	fewEnough(&p, "options.status_codes", len(t.Options.StatusCodes), maxChoices)
	fewEnough(&p, "options.expect", len(t.Options.Expect), maxChoices)
	for i, answer := range t.Options.Expect {
		atMost(&p, fmt.Sprintf("options.expect[%d]", i), answer, maxPattern)
	}
	return p.Err("target")
}

// limitRule tells of what is too long in a rule.
func limitRule(p *barograph.Problems, r barograph.Rule) {
	atMost(p, "source", r.Source, maxSourceName)
}

// limitSubscription tells of what is too long in a subscription.
func limitSubscription(p *barograph.Problems, in SubscriptionInput) {
	fewEnough(p, "event_types", len(in.EventTypes), maxEventTypes)
	if in.SMSDailyBudget > maxTexts {
		p.Addf("sms_daily_budget", "%d is above %d", in.SMSDailyBudget, maxTexts)
	}
	for i, to := range in.SMSOverflowTo {
		atMost(p, fmt.Sprintf("sms_overflow_to[%d]", i), to, maxRecipient)
	}
	for i, e := range in.Endpoints {
		at := fmt.Sprintf("endpoints[%d].", i)
		atMost(p, at+"url", e.URL, maxAddress)
		atMost(p, at+"secret", e.Secret.Reveal(), maxSecret)
		for j, to := range e.To {
			atMost(p, fmt.Sprintf("%sto[%d]", at, j), to, maxRecipient)
		}
	}
}
