package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

const silencesPerPage = 50 // that are over

// silencesData is what the list of silences shows.
type silencesData struct {
	Active, Coming, Over []silenceRow
	More                 string // URL of further ones that are over
	Later                bool   // only such ones are shown
}

// silenceRow is one silence in a list.
type silenceRow struct {
	barograph.Silence

	Path     string
	Chosen   string // its matchers
	State    badge
	Rhythm   string // of a window: on Sat and Sun from 02:00 for 3 h (Europe/Berlin)
	From, To moment // when it is active, or will be next, or was at last
	Ended    moment // or will for good; zero: never
	Ending   string // what ending it is called
}

func silencePath(id barograph.SilenceID) string { return "/settings/silences/" + string(id) }

// silences shows what is silenced, what will be, and what was.
func (s *Site) silences(w http.ResponseWriter, r *http.Request) error {
	who, after := visitorOf(r), r.URL.Query().Get("after")
	all, err := s.Silences.Silences(r.Context(), barograph.Page{})
	if err != nil {
		return err
	}
	d := silencesData{Later: after != ""}
	var over []barograph.Silence
	for _, silence := range all {
		switch {
		case silence.Over(who.Now):
			over = append(over, silence)
		case after != "":
		case silence.ActiveAt(who.Now):
			d.Active = append(d.Active, who.silenceRow(silence))
		default:
			d.Coming = append(d.Coming, who.silenceRow(silence))
		}
	}
	// Those that end first, and those that begin first.
	slices.SortStableFunc(d.Active, func(a, b silenceRow) int { return a.To.Compare(b.To.Time) })
	slices.SortStableFunc(d.Coming, func(a, b silenceRow) int { return a.From.Compare(b.From.Time) })
	slices.SortFunc(over, func(a, b barograph.Silence) int { return cmp.Or(b.EndsAt.Compare(a.EndsAt), cmp.Compare(b.ID, a.ID)) })
	if i := slices.IndexFunc(over, func(s barograph.Silence) bool { return string(s.ID) == after }); i >= 0 {
		over = over[i+1:]
	}
	over, left := firstOf(over, silencesPerPage)
	if left > 0 {
		d.More = "/settings/silences?after=" + string(over[len(over)-1].ID) + "#over"
	}
	for _, silence := range over {
		d.Over = append(d.Over, who.silenceRow(silence))
	}
	return s.show(w, r, http.StatusOK, page{Title: "Silences", Section: "/settings", Template: "silences", Data: d})
}

func (v visitor) silenceRow(s barograph.Silence) silenceRow {
	row := silenceRow{Silence: s, Path: silencePath(s.ID), Chosen: s.Matchers.String(), Ended: v.At(s.EndsAt)}
	if s.Recurs != nil {
		row.Rhythm = rhythm(*s.Recurs)
	}
	if from, to, ok := s.Span(v.Now); ok {
		row.From, row.To = v.At(from), v.At(to)
	} else {
		row.From, row.To = v.At(s.StartsAt), v.At(s.EndsAt)
	}
	switch {
	case s.Over(v.Now):
		row.State, row.Ending = badge{"over", "neutral"}, "Remove"
	case s.ActiveAt(v.Now):
		row.State, row.Ending = badge{"active", "warning"}, "End now"
	case s.Recurs != nil && v.Now.After(s.StartsAt):
		row.State, row.Ending = badge{"between windows", "info"}, "End for good"
	default:
		row.State, row.Ending = badge{"to come", "info"}, "Remove"
	}
	return row
}

// rhythm says when a window is open: "on Sat and Sun from 02:00 for 3 h (Europe/Berlin)".
func rhythm(r barograph.Recurs) string {
	days := "every day"
	if len(r.Weekdays) > 0 && len(r.Weekdays) < len(weekdays()) {
		var named []string
		for _, day := range weekdays() {
			if slices.Contains(r.Weekdays, day.Value) {
				named = append(named, day.Text)
			}
		}
		days = "on " + inWords(named)
	}
	return days + " from " + r.At + " for " + r.Duration.String() + " (" + cmp.Or(r.TimeZone, "UTC") + ")"
}

// inWords writes a list as one says it.
func inWords(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	last := len(items) - 1
	return strings.Join(items[:last], ", ") + " and " + items[last]
}

// weekdays are in the order of a week.
func weekdays() []option {
	return []option{{"mon", "Mon"}, {"tue", "Tue"}, {"wed", "Wed"}, {"thu", "Thu"}, {"fri", "Fri"}, {"sat", "Sat"}, {"sun", "Sun"}}
}

// silenceData is what the page of a silence shows.
type silenceData struct {
	silenceRow

	Begins, Made, Changed moment
	Ends                  bool // it is not over
	Asks                  string
	Held                  held
}

func (s *Site) silence(w http.ResponseWriter, r *http.Request) error {
	who := visitorOf(r)
	silence, err := s.Silences.Silence(r.Context(), idOf[barograph.SilenceID](r))
	if err != nil {
		return err
	}
	d := silenceData{
		silenceRow: who.silenceRow(silence), Begins: who.At(silence.StartsAt), Made: who.At(silence.CreatedAt), Changed: who.At(silence.UpdatedAt),
		Ends: !silence.Over(who.Now),
	}
	if silence.UpdatedAt.Sub(silence.CreatedAt) < time.Second {
		d.Changed = moment{}
	}
	switch {
	case !d.Ends:
		d.Asks = "It is over; only the audit log will tell that it was."
	case who.Now.After(silence.StartsAt):
		d.Asks = "What it holds back is sent if it still holds. The silence stays on record."
	default:
		d.Asks = "It has not begun: it is gone for good."
	}
	if d.Ends {
		if d.Held, err = s.heldBy(r.Context(), who, silence.Matchers); err != nil {
			return err
		}
	}
	return s.show(w, r, http.StatusOK, page{Title: "Silence", Section: "/settings", Template: "silence", Data: d})
}

func (s *Site) endSilence(w http.ResponseWriter, r *http.Request) error {
	if err := s.Manage.Silences.End(r.Context(), idOf[barograph.SilenceID](r)); err != nil {
		return err
	}
	return redirect(w, r, "/settings/silences", "silence-ended")
}
