package alerting

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/barograph/barograph"
)

// Messages writes notifications for people.
type Messages struct {
	subject, text, html, sms, chat *messageTemplate
	clock                          barograph.Clock
}

// MessageOptions are what messages are made with; its zero value will do.
type MessageOptions struct {
	Templates string          // a folder with templates that replace ours; "": none
	Clock     barograph.Clock // by which a reminder says for how long; nil: the wall clock
	Log       *slog.Logger    // is told of templates that fail; nil: nobody is
}

// Message is a notification as people read it.
type Message struct {
	Subject string // one line
	Text    string // what, where, when, how sure, and what to do
	HTML    string // the same
	Short   string // for a telephone, in characters that an SMS has where possible
	Chat    string // a few lines for a chat
}

// NewMessages returns the writer. Its error names the file, line and mistake of
// each template that can't be used.
func NewMessages(opts MessageOptions) (*Messages, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Clock == nil {
		opts.Clock = barograph.WallClock{}
	}
	found, err := loadTemplates(opts.Templates, opts.Log)
	if err != nil {
		return nil, err
	}
	return &Messages{
		subject: found[templateSubject], text: found[templateText], html: found[templateHTML],
		sms: found[templateSMS], chat: found[templateChat], clock: opts.Clock,
	}, nil
}

const maxSubject = 200 // runes: more than any mail program shows

// Render writes the notification: one of a single event at length, of several as
// a list.
func (m *Messages) Render(n Notification) (Message, error) { return m.render(n, picture{}) }

// render writes the notification with a picture in its HTML.
func (m *Messages) render(n Notification, p picture) (out Message, err error) {
	if len(n.Events) == 0 {
		return out, errors.New("a notification without an event")
	}
	d := newMessageData(n, m.clock.Now())
	d.Picture, d.PictureText = p.address(), p.text
	for _, part := range []struct {
		template *messageTemplate
		text     *string
	}{{m.subject, &out.Subject}, {m.text, &out.Text}, {m.html, &out.HTML}, {m.sms, &out.Short}, {m.chat, &out.Chat}} {
		if *part.text, err = part.template.write(d); err != nil {
			return out, fmt.Errorf("write message %s: %w", n.ID, err)
		}
	}
	out.Subject, out.Text = clip(oneLine(out.Subject), maxSubject), out.Text+"\n"
	return out, nil
}

// newMessageData returns what is told of the notification at the time.
func newMessageData(n Notification, now time.Time) MessageData {
	events := newest(n.Events)
	d := MessageData{ID: oneLine(n.ID), Events: make([]MessageEvent, len(events))}
	for i, e := range events {
		d.Events[i] = newMessageEvent(e, now)
	}
	d.At = stampInFull(n.Latest().Time)
	if len(d.Events) > 1 {
		return grouped(d)
	}
	e := &d.Events[0]
	d.Tag, d.Color, d.Headline, d.Advice, d.Summary, d.Notes = e.Tag, e.Color, e.Headline, e.Advice, e.Summary, e.Notes
	return d
}
