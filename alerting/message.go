package alerting

import (
	_ "embed" // the templates
	"fmt"
	htmltemplate "html/template"
	"strings"
	"text/template"

	"github.com/barograph/barograph"
)

//go:embed message.tmpl
var messageText string

//go:embed message.html
var messageHTML string

// Messages writes events for people.
type Messages struct {
	text *template.Template
	html *htmltemplate.Template
}

// Message is an event as people read it.
type Message struct {
	Subject string // one line
	Text    string // what, where, when, how sure, and what to do
	HTML    string // the same
	Short   string // one line for a telephone, in characters that an SMS has where possible
}

// NewMessages returns the writer with our own templates.
func NewMessages() (*Messages, error) {
	text, err := template.New("message").Parse(messageText)
	if err != nil {
		return nil, fmt.Errorf("parse message templates: %w", err)
	}
	html, err := htmltemplate.New("message").Parse(messageHTML)
	if err != nil {
		return nil, fmt.Errorf("parse message template: %w", err)
	}
	return &Messages{text, html}, nil
}

const maxSubject = 200 // runes: more than any mail program shows

// Render writes the event.
func (m *Messages) Render(e barograph.Event) (Message, error) {
	v := newView(e)
	advice, err := m.execute(v.Template+".advice", v)
	if err != nil {
		return Message{}, err
	}
	v.Advice = oneLine(advice)
	text, err := m.execute("text", v)
	if err != nil {
		return Message{}, err
	}
	var html strings.Builder
	if err := m.html.Execute(&html, v); err != nil {
		return Message{}, fmt.Errorf("write message of event %s: %w", e.ID, err)
	}
	return Message{
		Subject: clip("["+v.Tag+"] "+v.Headline, maxSubject),
		Text:    text,
		HTML:    html.String(),
		Short:   "Barograph " + v.Tag + ": " + v.Headline + ".",
	}, nil
}

func (m *Messages) execute(name string, v view) (string, error) {
	var b strings.Builder
	if err := m.text.ExecuteTemplate(&b, name, v); err != nil {
		return "", fmt.Errorf("write message of event %s: %w", v.Event.ID, err)
	}
	return b.String(), nil
}
