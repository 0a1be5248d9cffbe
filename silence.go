package barograph

import (
	"slices"
	"strings"
	"time"
)

// SilenceID identifies a silence.
type SilenceID string

// Silence holds back the sending of events, never their recording: once, from
// StartsAt to EndsAt, or, as a maintenance window, again and again between
// those. When it is over, what still holds is sent, in its latest state. The end
// of what people were told of is sent all the same.
type Silence struct {
	ID       SilenceID `json:"id"`
	Matchers Matchers  `json:"matchers"` // on the event's labels; at least one
	StartsAt time.Time `json:"starts_at"`
	EndsAt   time.Time `json:"ends_at,omitzero"` // zero, with Recurs only: for ever
	Recurs   *Recurs   `json:"recurs,omitempty"`
	Comment  string    `json:"comment"` // why
	// CreatedBy is the name of the token that made it.
	CreatedBy string    `json:"created_by"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Recurs is when a maintenance window is open: on these days of the week from
// the time of day, as a clock in TimeZone shows it, for Duration.
type Recurs struct {
	Weekdays []string `json:"weekdays"`            // mon, tue, wed, thu, fri, sat, sun; empty: every day
	At       string   `json:"at"`                  // 02:00
	Duration Duration `json:"duration"`            // at most 24h
	TimeZone string   `json:"time_zone,omitempty"` // as Europe/Berlin; "": UTC
}

func weekdays() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

const clockFormat = "15:04"

// Hold returns what deliveries say they are held by.
func (s Silence) Hold() Hold { return Hold(s.ID) }

// Matches reports whether the silence is about the event. Those about endpoints
// and Barograph itself can't be silenced.
func (s Silence) Matches(e Event) bool {
	group, _, _ := strings.Cut(string(e.Type), ".")
	return group != "endpoint" && e.Type != EventWatchdog && s.Matchers.Matches(e.Labels)
}

// ActiveAt reports whether the silence holds back what is recorded at that time.
func (s Silence) ActiveAt(t time.Time) bool {
	if t.Before(s.StartsAt) || !s.EndsAt.IsZero() && !t.Before(s.EndsAt) {
		return false
	}
	return s.Recurs == nil || s.Recurs.openAt(t)
}

// Span returns from when to when the silence is active at that time, or, if it is
// not, the next time that it will be; false if it never will be again.
func (s Silence) Span(t time.Time) (from, to time.Time, ok bool) {
	switch {
	case s.Over(t):
		return from, to, false
	case s.Recurs == nil:
		return s.StartsAt, s.EndsAt, true
	}
	if t.Before(s.StartsAt) {
		t = s.StartsAt
	}
	if from, to, ok = s.Recurs.spanAt(t); !ok || !s.EndsAt.IsZero() && !from.Before(s.EndsAt) {
		return time.Time{}, time.Time{}, false
	}
	if from.Before(s.StartsAt) {
		from = s.StartsAt
	}
	if !s.EndsAt.IsZero() && to.After(s.EndsAt) {
		to = s.EndsAt
	}
	return from, to, true
}

// Over reports whether it will never be active again.
func (s Silence) Over(t time.Time) bool { return !s.EndsAt.IsZero() && !t.Before(s.EndsAt) }

func (r Recurs) openAt(t time.Time) bool {
	zone, at, err := r.parse()
	if err != nil {
		return false
	}
	local := t.In(zone)
	for _, days := range []int{0, -1} { // a window may have begun yesterday
		begin := time.Date(local.Year(), local.Month(), local.Day()+days, at.Hour(), at.Minute(), 0, 0, zone)
		if r.on(begin.Weekday()) && !t.Before(begin) && t.Before(begin.Add(r.Duration.Std())) {
			return true
		}
	}
	return false
}

// spanAt returns when the window is open at that time, or opens next.
func (r Recurs) spanAt(t time.Time) (from, to time.Time, ok bool) {
	zone, at, err := r.parse()
	if err != nil {
		return from, to, false
	}
	local := t.In(zone)
	for days := -1; days <= 8; days++ { // one may have begun yesterday, and one begins within a week
		from = time.Date(local.Year(), local.Month(), local.Day()+days, at.Hour(), at.Minute(), 0, 0, zone)
		to = from.Add(r.Duration.Std())
		if r.on(from.Weekday()) && to.After(t) {
			return from, to, true
		}
	}
	return time.Time{}, time.Time{}, false
}

func (r Recurs) on(day time.Weekday) bool {
	return len(r.Weekdays) == 0 || slices.Contains(r.Weekdays, weekdays()[day])
}

func (r Recurs) parse() (zone *time.Location, at time.Time, err error) {
	if zone, err = time.LoadLocation(r.TimeZone); err != nil {
		return nil, at, err
	}
	at, err = time.Parse(clockFormat, r.At)
	return zone, at, err
}

// Validate returns an error that names every bad field.
func (s Silence) Validate() error {
	const maxComment = 1000
	var p Problems
	if len(s.Matchers) == 0 {
		p.Addf("matchers", `is empty: say what is silenced, as {host="db-1"}`)
	}
	if strings.TrimSpace(s.Comment) == "" || len(s.Comment) > maxComment {
		p.Addf("comment", "is %d bytes long, 1 to %d are allowed: say why", len(s.Comment), maxComment)
	}
	writableTime(&p, "starts_at", s.StartsAt)
	writableTime(&p, "ends_at", s.EndsAt)
	switch {
	case s.StartsAt.IsZero():
		p.Addf("starts_at", "is missing")
	case s.EndsAt.IsZero() && s.Recurs == nil:
		p.Addf("ends_at", "is missing: only a silence that recurs may be without end")
	case !s.EndsAt.IsZero() && !s.EndsAt.After(s.StartsAt):
		p.Addf("ends_at", "%s is not after starts_at, which is %s", s.EndsAt.Format(time.RFC3339), s.StartsAt.Format(time.RFC3339))
	}
	if s.Recurs != nil {
		p.Merge("recurs", s.Recurs.validate())
	}
	return p.Err("silence")
}

// writableTime records a problem with a time that JSON can't write in UTC.
func writableTime(p *Problems, field string, at time.Time) {
	if year := at.UTC().Year(); year < 1 || year > 9999 {
		p.Addf(field, "is in the year %d in UTC, 1 to 9999 are allowed", year)
	}
}

func (r Recurs) validate() error {
	var p Problems
	for _, day := range r.Weekdays {
		if !slices.Contains(weekdays(), day) {
			p.Addf("weekdays", "%q is not one of mon, tue, wed, thu, fri, sat, sun", Clip(day))
		}
	}
	if _, err := time.Parse(clockFormat, r.At); err != nil {
		p.Addf("at", "%q is not a time of day as 02:00", Clip(r.At))
	}
	between(&p, "duration", r.Duration, Duration(time.Minute), Duration(Day))
	if _, err := time.LoadLocation(r.TimeZone); err != nil {
		p.Addf("time_zone", "%q is not a time zone as Europe/Berlin or UTC", Clip(r.TimeZone))
	}
	return p.Err("recurrence")
}

// Acknowledgement says that somebody took a prediction or breach on: nobody is
// reminded of it any more, nor told of its updates; all are told how it ends.
type Acknowledgement struct {
	At      time.Time `json:"at"`
	By      string    `json:"by"` // the name of the token
	Comment string    `json:"comment,omitempty"`
}

// AuditEntry is one change that somebody made to what people are told: who, what
// and when. Secrets are not in it.
type AuditEntry struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`      // the name of the token, "" for Barograph itself
	Action  string    `json:"action"`  // created, changed, deleted, secret rotated, …
	Kind    string    `json:"kind"`    // subscription, endpoint, silence, prediction, breach
	Subject string    `json:"subject"` // its ID
	Name    string    `json:"name,omitempty"`
	// Before and After are the thing as the API shows it; null if there was none.
	Before any `json:"before"`
	After  any `json:"after"`
}

// AuditFilter chooses audit entries; zero fields choose all.
type AuditFilter struct {
	Kind, Subject string
	From, To      time.Time
}
