package alerting

import (
	"bytes"
	"errors"
	"fmt"
	netmail "net/mail"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/barograph/barograph"
)

// letter is what goes to each recipient of a notification.
type letter struct {
	n       Notification
	list    barograph.EndpointID
	text    Message
	picture picture
}

const headerListID mail.Header = "List-Id" // RFC 2919

// compose returns the letter to one address, in plain text and in HTML.
func (l letter) compose(from, to string) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := msg.From(from); err != nil {
		return nil, fmt.Errorf("sender %q: %w", from, err)
	}
	if a, err := netmail.ParseAddress(to); err != nil || a.Address != to { // with a name it might be somebody else's
		return nil, errors.New("it is not an e-mail address")
	}
	if err := msg.To(to); err != nil {
		return nil, err
	}
	l.setHeaders(msg, domainOf(from))
	// What looks encoded to programs that read it would be decoded by them.
	msg.Subject(strings.ReplaceAll(l.text.Subject, "=?", "= ?"))
	msg.SetBodyString(mail.TypeTextPlain, l.text.Text)
	msg.AddAlternativeString(mail.TypeTextHTML, l.text.HTML)
	if len(l.picture.png) > 0 {
		err := msg.EmbedReader(pictureName, bytes.NewReader(l.picture.png),
			mail.WithFileContentID("<"+l.picture.id+">"), mail.WithFileContentType("image/png"))
		if err != nil {
			return nil, fmt.Errorf("embed picture: %w", err)
		}
	}
	return msg, nil
}

// setHeaders says what the mail is to programs. Its ID is the same on every try,
// so that one that was taken although we did not hear so shows up once.
func (l letter) setHeaders(msg *mail.Msg, domain string) {
	msg.SetMessageIDWithValue(idPart(l.n.ID) + "@" + domain)
	msg.SetDateWithValue(time.Now())
	msg.SetUserAgent("Barograph")
	// Answers by machines, as "out of office", are not wanted.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader(mail.HeaderXAutoResponseSuppress, "All")
	msg.SetGenHeader(headerListID, fmt.Sprintf("Barograph <%s.barograph.%s>", idPart(string(l.list)), domain))
	if threads := l.threads(domain); len(threads) > 0 {
		msg.SetGenHeader(mail.HeaderInReplyTo, threads[len(threads)-1])
		msg.SetGenHeader(mail.HeaderReferences, strings.Join(threads, " "))
	}
	if slices.ContainsFunc(l.n.Events, urgent) {
		msg.SetImportance(mail.ImportanceHigh)
	}
}

func urgent(e barograph.Event) bool {
	tag, _ := tagOf(e)
	return tag == string(barograph.SeverityCritical)
}

// threads returns the IDs under which mail programs group the mails of each
// thing that is told of. No mail has such an ID: whoever hears of a thing late
// sees the rest together all the same.
func (l letter) threads(domain string) (ids []string) {
	const most = 10 // of a group; a header has to end somewhere
	for _, e := range newest(l.n.Events) {
		about := topic(e)
		if b := e.Data.Breach; b != nil && b.PredictionID != "" && kindGroup(e) == "breach" {
			about = string(b.PredictionID)
		}
		if id := "<" + idPart(about) + "@" + domain + ">"; about != "" && !slices.Contains(ids, id) && len(ids) < most {
			ids = append(ids, id)
		}
	}
	return ids
}

// domainOf returns the domain of the sender's address.
func domainOf(from string) string {
	if a, err := netmail.ParseAddress(from); err == nil {
		return a.Address[strings.LastIndexByte(a.Address, '@')+1:]
	}
	return "barograph.invalid"
}

// idPart makes any text fit for the left side of a mail's ID.
func idPart(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, s)
}
