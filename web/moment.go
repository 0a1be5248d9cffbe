package web

import (
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// moment is a time as a visitor reads it.
type moment struct {
	time.Time

	Text string // Thu 14:00
	Ago  string // 5 min ago, or in 2 d
	Full string // Thu 26 Nov 2026 14:00:05 CET
	ISO  string
}

// At returns the time as the visitor reads it; the zero time has no texts.
func (v visitor) At(t time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	local := t.In(v.Zone)
	return moment{
		Time: t, Text: barograph.Stamp(t, v.Now, v.Zone), Ago: ago(v.Now.Sub(t)),
		Full: local.Format("Mon 2 Jan 2006 15:04:05 MST"), ISO: t.UTC().Format(time.RFC3339),
	}
}

// ago says how long ago something was, or, of a negative time, when it will be.
func ago(d time.Duration) string {
	switch {
	case d.Abs() < time.Second:
		return "now"
	case d < 0:
		return "in " + barograph.Words(-d)
	}
	return barograph.Words(d) + " ago"
}

// etaWords is when a limit will be crossed, as a visitor reads it.
type etaWords struct {
	Range  string // Thu 14:00 – Fri 09:00
	Median moment
	Early  moment
	Late   moment
	In     string // in 31 h; "now" if that was to be by now
}

// About says when in a few words: about in 31 h, or that it is due.
func (w etaWords) About() string {
	if strings.HasPrefix(w.In, "in ") {
		return "about " + w.In
	}
	return w.In
}

// ETA returns when as the visitor reads it; nil is the zero value.
func (v visitor) ETA(e *barograph.ETA) etaWords {
	if e == nil {
		return etaWords{}
	}
	w := etaWords{Range: e.Words(v.Now, v.Zone), Median: v.At(e.Median), Early: v.At(e.Early), Late: v.At(e.Late), In: "due now"}
	if left := e.Median.Sub(v.Now); left > 0 {
		w.In = "in " + barograph.Words(left)
	}
	return w
}

const timeField = "2006-01-02T15:04" // of a field of type datetime-local

// Field writes a time for a field of type datetime-local, by the visitor's clock.
func (v visitor) Field(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(v.Zone).Format(timeField)
}

// Read reads what such a field holds, or a time as machines write it; the zero
// time is that of an empty one.
func (v visitor) Read(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{timeField, timeField + ":05", "2006-01-02 15:04", time.DateOnly, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, v.Zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, barograph.Errorf(barograph.KindInvalid, "%q is not a time: write it as 2026-11-26T14:00", barograph.Clip(text))
}
