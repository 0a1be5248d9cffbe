package barograph_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func matchers(t *testing.T, text string) barograph.Matchers {
	t.Helper()
	s, err := barograph.ParseSelector(text)
	if err != nil {
		t.Fatal(err)
	}
	return s.Matchers
}

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestSilenceActiveAt(t *testing.T) {
	t.Parallel()
	once := barograph.Silence{StartsAt: moment(t, "2026-03-28T10:00:00Z"), EndsAt: moment(t, "2026-03-28T12:00:00Z")}
	// In Berlin the clock goes from 02:00 to 03:00 on 29 March 2026, and from
	// 03:00 back to 02:00 on 25 October.
	nightly := barograph.Silence{
		StartsAt: moment(t, "2026-03-01T00:00:00Z"),
		Recurs:   &barograph.Recurs{At: "23:30", Duration: barograph.Duration(2 * time.Hour), TimeZone: "Europe/Berlin"},
	}
	saturdays := nightly
	saturdays.Recurs = &barograph.Recurs{Weekdays: []string{"sat"}, At: "23:30", Duration: barograph.Duration(2 * time.Hour)}
	saturdays.EndsAt = moment(t, "2026-04-05T00:00:00Z")
	for _, tt := range []struct {
		name    string
		silence barograph.Silence
		at      string
		want    bool
	}{
		{"before it starts", once, "2026-03-28T09:59:59Z", false},
		{"from its start", once, "2026-03-28T10:00:00Z", true},
		{"to its end", once, "2026-03-28T11:59:59Z", true},
		{"not at its end", once, "2026-03-28T12:00:00Z", false},

		{"in winter, an hour east", nightly, "2026-03-27T22:29:59Z", false},
		{"in winter, begun", nightly, "2026-03-27T22:30:00Z", true},
		{"in winter, after midnight there", nightly, "2026-03-28T00:29:59Z", true},
		{"in winter, over", nightly, "2026-03-28T00:30:00Z", false},
		{"in summer, two hours east", nightly, "2026-03-29T21:30:00Z", true},
		{"in summer, over", nightly, "2026-03-29T23:30:00Z", false},
		{"the night in which the clock goes forward is as long", nightly, "2026-03-29T00:29:59Z", true},
		{"and ends", nightly, "2026-03-29T00:30:00Z", false},
		{"before all windows", nightly, "2026-02-28T22:45:00Z", false},

		{"on its day", saturdays, "2026-03-28T23:30:00Z", true},
		{"on the next, since it began on its day", saturdays, "2026-03-29T01:29:59Z", true},
		{"not on the next by itself", saturdays, "2026-03-29T23:45:00Z", false},
		{"the last one is cut off", saturdays, "2026-04-04T23:59:59Z", true},
		{"by the end of all", saturdays, "2026-04-05T00:00:00Z", false},
	} {
		if got := tt.silence.ActiveAt(moment(t, tt.at)); got != tt.want {
			t.Errorf("%s: active at %s: %v, want %v", tt.name, tt.at, got, tt.want)
		}
	}
	if nightly.Over(moment(t, "2036-01-01T00:00:00Z")) || !once.Over(once.EndsAt) || once.Over(once.StartsAt) {
		t.Error("Over: a silence is over from its end, and one without end never is")
	}
}

func TestSilenceMatches(t *testing.T) {
	t.Parallel()
	s := barograph.Silence{Matchers: matchers(t, `{host=~"db-.*",rule!="Disk full"}`)}
	for _, tt := range []struct {
		kind       barograph.EventType
		host, rule string
		want       bool
	}{
		{barograph.EventBreachStarted, "db-1", "Memory", true},
		{barograph.EventPredictionOpened, "db-1", "Disk full", false},
		{barograph.EventBreachStarted, "web-1", "Memory", false},
		{barograph.EventHostSilent, "db-1", "", true},
		{barograph.EventEndpointDisabled, "db-1", "", false},
		{barograph.EventWatchdog, "db-1", "", false},
	} {
		e := barograph.Event{Type: tt.kind, Labels: barograph.NewLabels(map[string]string{"host": tt.host, "rule": tt.rule})}
		if got := s.Matches(e); got != tt.want {
			t.Errorf("%s of %s, rule %q: %v, want %v", tt.kind, tt.host, tt.rule, got, tt.want)
		}
	}
}

func TestSilenceValidateNamesEveryField(t *testing.T) {
	t.Parallel()
	good := barograph.Silence{
		Matchers: matchers(t, `{host="a"}`), StartsAt: time.Unix(1000, 0), EndsAt: time.Unix(2000, 0), Comment: "new disks",
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	bad := barograph.Silence{
		StartsAt: time.Unix(2000, 0), EndsAt: time.Unix(2000, 0), Comment: " ",
		Recurs: &barograph.Recurs{Weekdays: []string{"mon", "Monday"}, At: "25:00", Duration: barograph.Duration(25 * time.Hour), TimeZone: "Mars/Olympus"},
	}
	for name, tt := range map[string]struct {
		silence barograph.Silence
		want    []string
	}{
		"all wrong": {bad, []string{"matchers", "comment", "ends_at", "recurs.weekdays", "recurs.at", "recurs.duration", "recurs.time_zone"}},
		"empty":     {barograph.Silence{}, []string{"matchers", "comment", "starts_at"}},
		"for ever":  {barograph.Silence{Matchers: good.Matchers, Comment: "x", StartsAt: time.Unix(1, 0)}, []string{"ends_at"}},
	} {
		if got := fields(tt.silence.Validate()); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func fields(err error) (names []string) {
	if e, ok := errors.AsType[*barograph.Error](err); ok {
		for _, f := range e.Fields {
			names = append(names, f.Field)
		}
	}
	return names
}

func TestSilenceEndsInAYearThatCanBeWritten(t *testing.T) {
	t.Parallel()
	s := barograph.Silence{
		Matchers: matchers(t, `{host="db-1"}`), Comment: "a move", StartsAt: moment(t, "2026-03-28T10:00:00Z"), EndsAt: moment(t, "9999-12-31T23:59:59Z"),
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	s.EndsAt = moment(t, "9999-12-31T23:59:59-23:59")
	e, _ := errors.AsType[*barograph.Error](s.Validate())
	if e == nil || len(e.Fields) != 1 || e.Fields[0].Field != "ends_at" {
		t.Errorf("%v, want it refused: it is in the year 10000", s.Validate())
	}
}

func TestSilenceSpan(t *testing.T) {
	t.Parallel()
	once := barograph.Silence{StartsAt: moment(t, "2026-03-28T10:00:00Z"), EndsAt: moment(t, "2026-03-28T12:00:00Z")}
	saturdays := barograph.Silence{
		StartsAt: moment(t, "2026-03-01T00:00:00Z"),
		Recurs:   &barograph.Recurs{Weekdays: []string{"sat"}, At: "23:30", Duration: barograph.Duration(2 * time.Hour), TimeZone: "Europe/Berlin"},
	}
	limited := saturdays
	limited.StartsAt, limited.EndsAt = moment(t, "2026-03-28T23:00:00Z"), moment(t, "2026-04-04T22:00:00Z")
	for _, tt := range []struct {
		name         string
		silence      barograph.Silence
		at, from, to string // from "": never
	}{
		{"once, before", once, "2026-03-27T00:00:00Z", "2026-03-28T10:00:00Z", "2026-03-28T12:00:00Z"},
		{"once, within", once, "2026-03-28T11:00:00Z", "2026-03-28T10:00:00Z", "2026-03-28T12:00:00Z"},
		{"once, over", once, "2026-03-28T12:00:00Z", "", ""},
		{"the next one is days ahead", saturdays, "2026-03-22T12:00:00Z", "2026-03-28T22:30:00Z", "2026-03-29T00:30:00Z"},
		{"after midnight", saturdays, "2026-03-29T00:29:59Z", "2026-03-28T22:30:00Z", "2026-03-29T00:30:00Z"},
		{"a week on, in summer", saturdays, "2026-03-29T00:30:00Z", "2026-04-04T21:30:00Z", "2026-04-04T23:30:00Z"},
		{"the first is cut", limited, "2026-03-01T00:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T00:30:00Z"},
		{"the last is cut", limited, "2026-03-30T00:00:00Z", "2026-04-04T21:30:00Z", "2026-04-04T22:00:00Z"},
		{"none is left", limited, "2026-04-04T22:00:00Z", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			at := moment(t, tt.at)
			from, to, ok := tt.silence.Span(at)
			if tt.from == "" {
				if ok {
					t.Fatalf("from %s to %s, want never", from, to)
				}
				return
			}
			if !ok || !from.Equal(moment(t, tt.from)) || !to.Equal(moment(t, tt.to)) {
				t.Errorf("from %s to %s, %t; want from %s to %s", from, to, ok, tt.from, tt.to)
			}
			if within := !at.Before(from); within != tt.silence.ActiveAt(at) {
				t.Errorf("within its span: %t; ActiveAt does not agree", within)
			}
		})
	}
}
