package alerting

import (
	htmltemplate "html/template"
	"strings"

	"github.com/barograph/barograph"
)

// MessageData is what the templates of messages are given: those that come with
// Barograph, and those in the folder delivery.templates. Its texts are one line
// each, without control characters; times in them are in UTC.
//
// Besides the template language's own functions there are wrap, wrapAt and
// nobreak. {{wrap 4 .Advice}} breaks the text into lines of at most 78 columns,
// all but the first indented by 4; {{wrapAt 10 4 .Advice}} does so where the first
// line begins in column 10. {{nobreak .Advice}} keeps numbers and their units
// together, for HTML.
type MessageData struct {
	ID       string // the message's; the same on every try
	Tag      string // critical, warning or info; else what calls for no hurry: acknowledged, resolved, test
	Color    string // that goes with the tag, as #cf222e
	Headline string // what happened, without a full stop
	Advice   string // what to do
	// Events are what the message tells of, the most urgent first; of one
	// prediction, breach, host or endpoint only the newest.
	Events []MessageEvent
	// Summary and Notes are the rule's annotations, where all events have the
	// same: the one named "summary", and the others.
	Summary string
	Notes   []MessageFact
	At      string // when the newest of the events happened
	// Picture is the address of the forecast's picture, for <img src>, and
	// PictureText says what it shows. In e-mail's HTML only; "": there is none.
	Picture     htmltemplate.URL
	PictureText string
}

// MessageEvent is an event in a message. What the event does not tell is "".
type MessageEvent struct {
	Type     string // prediction.opened
	Tag      string // as of the message
	Color    string // that goes with the tag
	Headline string // what happened, all of it
	Line     string // the same in a list: without the rule, where that is in the message's headline
	News     string // the same without the rule and the place
	Advice   string // what to do

	Rule  string // its name
	What  string // disk_used_ratio
	Where string // db-1 (mount=/)
	Value string // the last known, or that at the time; as 78.2 %
	Limit string // > 90 %

	Lead   string // how long until the limit is crossed, by the median: 31 h
	Early  string // when that may be at the earliest: Thu 14:00 UTC
	Range  string // when it will be, from early to late: Thu 14:00 – Fri 09:00 UTC
	Before string // the range that was announced first
	Sure   string // 82 %
	Ahead  string // how long before it came it was predicted

	Since    string // when the breach began: Wed 11:50 UTC
	For      string // how long the breach has lasted by now, in a reminder; 8 h
	Lasted   string // how long the breach lasted in the end
	LastSeen string // when the host was heard last
	Reason   string // why it is expected, or why it ended
	By       string // who acknowledged it
	Comment  string // what they said
	Severity string // of the rule
	At       string // when it happened

	Reminder int  // the how many-th reminder it is; 0: news
	Test     bool // somebody tries an endpoint
	Turned   bool // the value turned back after the warning: somebody or something acted

	Facts    []MessageFact // most of the above, in an order to read, the most important first
	Expected []MessageFact // of a demoted rule: its open predictions, by place
	Summary  string        // the rule's annotation "summary"
	Notes    []MessageFact // its other annotations, by name

	Event barograph.Event // the event itself; its texts may be of any form
}

// MessageFact is a name and what is to be said of it.
type MessageFact struct{ Name, Value string }

// Link reports whether the value is a web address.
func (f MessageFact) Link() bool {
	return strings.HasPrefix(f.Value, "https://") || strings.HasPrefix(f.Value, "http://")
}

// MessageSection is those events in a row that have the same tag.
type MessageSection struct {
	Tag, Color string
	Events     []MessageEvent
}

// Group reports whether the message tells of several events.
func (d MessageData) Group() bool { return len(d.Events) > 1 }

// First returns the most urgent event.
func (d MessageData) First() MessageEvent { return d.Events[0] }

// Top returns the n most urgent events.
func (d MessageData) Top(n int) []MessageEvent { return d.Events[:min(max(n, 0), len(d.Events))] }

// Rest returns how many events are beyond the n most urgent ones.
func (d MessageData) Rest(n int) int { return len(d.Events) - len(d.Top(n)) }

// Sections returns the n most urgent events by their tags.
func (d MessageData) Sections(n int) (sections []MessageSection) {
	for _, e := range d.Top(n) {
		if last := len(sections) - 1; last < 0 || sections[last].Tag != e.Tag {
			sections = append(sections, MessageSection{Tag: e.Tag, Color: e.Color})
		}
		last := &sections[len(sections)-1]
		last.Events = append(last.Events, e)
	}
	return sections
}
