package alerting

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/barograph/barograph"
)

// Notifier sends notifications by one kind of channel.
type Notifier interface {
	// Notify tries once to send the notification to the endpoint. It returns
	// within a bounded time of its own, and soon after ctx ends. It may be called
	// from many goroutines at once.
	Notify(ctx context.Context, n Notification, ep barograph.Endpoint) Outcome
}

// Notification is what one message carries: an event, or, to an endpoint that
// takes groups, several.
type Notification struct {
	ID     string            // the same on every try
	Events []barograph.Event // at least one, oldest first
	Group  string            // what Storm.Group made of them; "": it goes alone
}

// NotificationOf returns the notification of a single event.
func NotificationOf(e barograph.Event) Notification {
	return Notification{ID: string(e.ID), Events: []barograph.Event{e}}
}

// Latest returns the newest of the events.
func (n Notification) Latest() barograph.Event { return n.Events[len(n.Events)-1] }

// Verdict says what is to be done after a try.
type Verdict uint8

// The verdicts.
const (
	VerdictUnknown   Verdict = iota // handled as temporary
	VerdictDelivered                // the receiver has it
	VerdictTemporary                // try again
	VerdictPermanent                // give this delivery up: trying again changes nothing
	VerdictGone                     // the receiver asks for nothing more: disable the endpoint
)

// String returns the verdict as one lower-case word.
func (v Verdict) String() string {
	switch v {
	case VerdictUnknown:
		return "unknown"
	case VerdictDelivered:
		return "delivered"
	case VerdictTemporary:
		return "temporary"
	case VerdictPermanent:
		return "permanent"
	case VerdictGone:
		return "gone"
	}
	return "unknown"
}

// Outcome is what came of one try.
type Outcome struct {
	Verdict    Verdict
	StatusCode int           // of HTTP or SMTP; 0: no answer
	Response   string        // the first 1 KiB of the answer
	RetryAfter time.Duration // when the receiver asks to be tried again; 0: it did not say
	Texts      int           // text messages that were sent, which a budget may count
	Err        error         // nil if delivered to all recipients
}

// errNotConfigured is in the outcomes of a channel that lacks a setting.
var errNotConfigured = errors.New("not configured")

// Reach is how notifiers get at the outside world. The zero value is the
// system's own way.
type Reach struct {
	Resolver *net.Resolver  // of names; nil: the system's
	RootCAs  *x509.CertPool // whom to trust; nil: whom the system trusts
}

// NotifierDeps are what notifiers stand on. All may be left out.
type NotifierDeps struct {
	Reach  Reach
	Curves Curves          // for pictures in mails; nil: mails have none
	Clock  barograph.Clock // by which a reminder says for how long; nil: the wall clock
	Log    *slog.Logger    // is told of message templates that fail; nil: nobody is
}

// NewNotifiers returns the notifiers of all kinds. A channel that is not
// configured has one too: its tries fail and say which setting is missing.
func NewNotifiers(cfg DeliveryConfig, deps NotifierDeps) (map[barograph.EndpointKind]Notifier, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	client, err := cfg.GuardedClient(deps.Reach)
	if err != nil {
		return nil, err
	}
	messages, err := NewMessages(MessageOptions{Templates: cfg.Templates, Clock: deps.Clock, Log: deps.Log})
	if err != nil {
		return nil, err
	}
	texts, err := newSMS(cfg, messages, client)
	if err != nil {
		return nil, err
	}
	return map[barograph.EndpointKind]Notifier{
		barograph.EndpointWebhook:      newWebhook(cfg, client),
		barograph.EndpointAlertmanager: newAlertmanager(cfg, client),
		barograph.EndpointEmail:        newEmail(cfg.Email, messages, newPictures(deps.Curves, deps.Log), deps.Reach),
		barograph.EndpointSMS:          texts,
		barograph.EndpointShoutrrr:     newShoutrrr(cfg, messages, client),
	}, nil
}

func permanently(format string, args ...any) Outcome {
	return Outcome{Verdict: VerdictPermanent, Err: fmt.Errorf(format, args...)}
}

func temporarily(format string, args ...any) Outcome {
	return Outcome{Verdict: VerdictTemporary, Err: fmt.Errorf(format, args...)}
}

const maxKeptAnswer = 1 << 10

// keptAnswer returns what is kept of an answer: at most 1 KiB, as valid UTF-8
// without control characters, since people will read it on a page.
func keptAnswer(answer []byte) string {
	s := string(answer)
	if len(s) > maxKeptAnswer {
		s = s[:maxKeptAnswer]
		for tail := 1; tail < utf8.UTFMax && tail <= len(s); tail++ {
			if utf8.RuneStart(s[len(s)-tail]) {
				if !utf8.FullRuneInString(s[len(s)-tail:]) {
					s = s[:len(s)-tail]
				}
				break
			}
		}
	}
	return strings.TrimSpace(strings.Map(printable, strings.ToValidUTF8(s, "?")))
}

func printable(r rune) rune {
	if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
		return -1
	}
	return r
}
