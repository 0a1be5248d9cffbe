package chart

import (
	"time"

	"github.com/barograph/barograph"
)

// Series is one of several that are drawn on the same axes.
type Series struct {
	Name   string
	Points []Point // oldest first
}

// Band is a range of values over time that holds a share of the outcomes.
type Band struct {
	Level     float64    // the share, 0 to 1; it is named by it, as "80 %"
	Intervals []Interval // oldest first
}

// Span is a time that is shaded because something went on.
type Span struct {
	From time.Time
	To   time.Time // zero: it goes on to the chart's end
	Kind SpanKind
	// Label is written in the span; empty: the kind's word.
	Label string
}

// SpanKind says what went on in a span.
type SpanKind uint8

// The kinds of spans.
const (
	SpanBreach    SpanKind = iota // the limit was crossed
	SpanSilence                   // nobody was told
	SpanAnnounced                 // the limit was to be crossed in it
)

// Announcement is what was said at a time: when the limit will be crossed.
type Announcement struct {
	At          time.Time
	ETA         barograph.ETA
	Probability float64
}
