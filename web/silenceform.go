package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// silenceForm is the form for a new silence, or for one that is there.
type silenceForm struct {
	Form       form // kind, matchers, comment, starts_at, ends_at, until, recurs.…
	Silence    barograph.Silence
	Kinds      []option
	Weekdays   []option
	Held       held
	Path, Back string
	Open       bool // the start is given, or wrong
}

// The kinds of silences.
const (
	silenceOnce   = "once"
	silenceWindow = "window"
)

func silenceKinds() []option {
	return []option{{silenceOnce, "once"}, {silenceWindow, "again and again: a maintenance window"}}
}

// newSilence shows the form, filled in as the page says that led here.
func (s *Site) newSilence(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	f := newForm(nil)
	for name, value := range map[string]string{
		"kind": silenceOnce, "matchers": query.Get("matchers"), "comment": query.Get("comment"), "ends_at": "2h",
		"recurs.at": "02:00", "recurs.duration": "3h", "recurs.time_zone": visitorOf(r).Zone.String(),
	} {
		f.set(name, value)
	}
	return s.showSilenceForm(w, r, http.StatusOK, silenceForm{Form: f})
}

func (s *Site) editSilence(w http.ResponseWriter, r *http.Request) error {
	silence, err := s.Silences.Silence(r.Context(), idOf[barograph.SilenceID](r))
	if err != nil {
		return err
	}
	return s.showSilenceForm(w, r, http.StatusOK, silenceForm{Form: editedSilence(silence, visitorOf(r)).filled(), Silence: silence})
}

// storedSilence is the one that the request edits, as it is by now.
func (s *Site) storedSilence(r *http.Request) (edited, error) {
	silence, err := s.Silences.Silence(r.Context(), idOf[barograph.SilenceID](r))
	return editedSilence(silence, visitorOf(r)), err
}

// editedSilence is the silence as its form has it.
func editedSilence(s barograph.Silence, who visitor) edited {
	return edited{
		Noun: "silence", Path: silencePath(s.ID), Version: manage.VersionOf(manage.InputOfSilence(s)), Form: formOfSilence(s, who),
		At: s.UpdatedAt, Kind: "silence", ID: string(s.ID),
	}
}

func formOfSilence(s barograph.Silence, who visitor) form {
	f := newForm(nil)
	f.set("kind", silenceOnce)
	f.set("matchers", s.Matchers.String())
	f.set("comment", s.Comment)
	f.set("starts_at", who.Field(s.StartsAt))
	f.set("recurs.time_zone", who.Zone.String())
	if s.Recurs == nil {
		f.set("ends_at", who.Field(s.EndsAt))
		return f
	}
	f.set("kind", silenceWindow)
	f.set("until", who.Field(s.EndsAt))
	f.set("recurs.weekdays", s.Recurs.Weekdays...)
	f.set("recurs.at", s.Recurs.At)
	f.set("recurs.duration", s.Recurs.Duration.String())
	f.set("recurs.time_zone", s.Recurs.TimeZone)
	return f
}

func (s *Site) createSilence(w http.ResponseWriter, r *http.Request) error {
	return s.takeSilence(w, r, barograph.Silence{})
}

func (s *Site) saveSilence(w http.ResponseWriter, r *http.Request) error {
	silence, err := s.Silences.Silence(r.Context(), idOf[barograph.SilenceID](r))
	if err != nil {
		return err
	}
	return s.takeSilence(w, r, silence)
}

// takeSilence saves what was filled in: old is what it was, zero for a new one.
func (s *Site) takeSilence(w http.ResponseWriter, r *http.Request, old barograph.Silence) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	if f.Value("preview") != "" {
		return s.showSilenceForm(w, r, http.StatusOK, silenceForm{Form: f, Silence: old})
	}
	in, ready := silenceInput(f, visitorOf(r), old)
	if ready {
		done, id := "silence-created", old.ID
		var saved barograph.Silence
		if id == "" {
			saved, err = s.Manage.Silences.Create(r.Context(), in)
		} else {
			done = "silence-saved"
			in.Basis = f.basis()
			saved, err = s.Manage.Silences.Replace(r.Context(), id, in)
		}
		if err == nil {
			return redirect(w, r, silencePath(saved.ID), done)
		}
		err = s.noticeChange(r, &f, err, s.storedSilence)
		if err := f.take(renamed(err, f), silenceFields()); err != nil {
			return err
		}
	}
	return s.showSilenceForm(w, r, f.status(), silenceForm{Form: f, Silence: old})
}

func silenceFields() func(string) bool {
	return fields("matchers", "comment", "starts_at", "ends_at", "until", "recurs.weekdays", "recurs.at", "recurs.duration", "recurs.time_zone")
}

// renamed has problems with the end of a window told beside its field.
func renamed(err error, f form) error {
	told, ok := errors.AsType[*barograph.Error](err)
	if !ok || f.Value("kind") != silenceWindow {
		return err
	}
	for i := range told.Fields {
		if told.Fields[i].Field == "ends_at" {
			told.Fields[i].Field = "until"
		}
	}
	return err
}

// silenceInput returns what the form says of a silence; what can't be read is a
// problem of the form then, together with all others.
func silenceInput(f form, who visitor, old barograph.Silence) (in manage.SilenceInput, ready bool) {
	in.Comment = strings.TrimSpace(f.Value("comment"))
	read := func(name string, err error) {
		if err != nil {
			f.refuse(name, err)
		}
	}
	var err error
	in.Matchers, err = readMatchers(f.Value("matchers"))
	read("matchers", err)
	in.StartsAt, err = who.Read(f.Value("starts_at"))
	if who.Field(old.StartsAt) == f.Value("starts_at") { // the field has no seconds
		in.StartsAt = old.StartsAt
	}
	read("starts_at", err)
	from := who.Now
	if in.StartsAt.After(from) {
		from = in.StartsAt
	}
	end := "ends_at"
	if f.Value("kind") == silenceWindow {
		end = "until"
		in.Recurs = &barograph.Recurs{Weekdays: f.All("recurs.weekdays"), At: strings.TrimSpace(f.Value("recurs.at")), TimeZone: strings.TrimSpace(f.Value("recurs.time_zone"))}
		var length *barograph.Duration
		length, err = readDuration(f.Value("recurs.duration"))
		read("recurs.duration", err)
		if length != nil {
			in.Recurs.Duration = *length
		}
	}
	in.EndsAt, err = who.readEnd(f.Value(end), from)
	if who.Field(old.EndsAt) == f.Value(end) {
		in.EndsAt = old.EndsAt
	}
	read(end, err)
	if f.Wrong() {
		_ = f.take(renamed(restOf(in, who.Now).Validate(), f), silenceFields()) // about what was filled in
	}
	return in, !f.Wrong()
}

// restOf is the silence as far as it could be read.
func restOf(in manage.SilenceInput, now time.Time) barograph.Silence {
	s := barograph.Silence{Matchers: in.Matchers, StartsAt: in.StartsAt, EndsAt: in.EndsAt, Recurs: in.Recurs, Comment: in.Comment}
	if s.StartsAt.IsZero() {
		s.StartsAt = now
	}
	return s
}

// readEnd reads an end: a time by the visitor's clock, or how long after from it
// is. The zero time is that of an empty field.
func (v visitor) readEnd(text string, from time.Time) (time.Time, error) {
	if t, err := v.Read(text); err == nil {
		return t, nil
	}
	d, err := readDuration(text)
	switch {
	case err != nil:
		return time.Time{}, barograph.Errorf(barograph.KindInvalid, "%q is neither a length nor a time: write 2h or 3d, or 2026-11-26T14:00", barograph.Clip(strings.TrimSpace(text)))
	case d.Std() <= 0:
		return time.Time{}, barograph.Errorf(barograph.KindInvalid, "%s is not above 0s", d)
	}
	return from.Add(d.Std()), nil
}

func (s *Site) showSilenceForm(w http.ResponseWriter, r *http.Request, status int, d silenceForm) error {
	title := "New silence"
	d.Path, d.Back = "/settings/silences/new", "/settings/silences"
	if d.Silence.ID != "" {
		title = "Edit the silence"
		d.Back = silencePath(d.Silence.ID)
		d.Path = d.Back + "/edit"
	}
	if d.Form.Value("kind") != silenceWindow {
		d.Form.set("kind", silenceOnce)
	}
	d.Kinds, d.Weekdays = silenceKinds(), weekdays()
	d.Open = d.Form.Value("starts_at") != "" || d.Form.Problem["starts_at"] != ""
	var err error
	if d.Held, err = s.heldByText(r.Context(), visitorOf(r), d.Form.Value("matchers")); err != nil {
		return err
	}
	return s.show(w, r, status, page{Title: title, Section: "/settings", Template: "silence-form", Data: d})
}
