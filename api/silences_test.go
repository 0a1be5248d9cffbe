package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

// shown is a silence as the API shows it.
type shown struct {
	barograph.Silence

	Active bool `json:"active"`
}

const silences = "/api/v1/silences"

func (s *server) silence(body string) (at string, made shown) {
	s.t.Helper()
	a := s.call(barograph.RoleOperator, "POST", silences, body).want(s.t, 201)
	a.into(s.t, &made)
	return a.header.Get("Location"), made
}

func (s *server) readSilence(at string) (read shown) {
	s.t.Helper()
	s.call(barograph.RoleViewer, "GET", at, nil).want(s.t, 200).into(s.t, &read)
	return read
}

func TestSilenceLives(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	a := s.call(barograph.RoleOperator, "POST", silences, `{"matchers":"{host=\"db-1\"}","duration":"2h","comment":"new disks"}`).want(t, 201)
	a.golden(t, "silence_created")
	at := a.header.Get("Location")
	var made shown
	a.into(t, &made)
	if made.CreatedBy != "operator" || !made.Active || !made.StartsAt.Equal(epoch) || !made.EndsAt.Equal(epoch.Add(2*time.Hour)) {
		t.Errorf("made: %+v", made)
	}
	s.call(barograph.RoleViewer, "GET", silences, nil).want(t, 200).golden(t, "silence_list")

	s.clock.advance(time.Hour)
	// Its begin stays.
	s.call(barograph.RoleAdmin, "PUT", at, `{"matchers":"{host=\"db-2\"}","duration":"4h","comment":"more disks"}`).want(t, 200).golden(t, "silence_replaced")
	if read := s.readSilence(at); !read.StartsAt.Equal(epoch) || !read.EndsAt.Equal(epoch.Add(4*time.Hour)) || read.CreatedBy != "operator" || !read.Active {
		t.Errorf("replaced: %+v", read)
	}

	// One that is active is ended, and stays on record.
	s.call(barograph.RoleOperator, "DELETE", at, nil).want(t, 204)
	if read := s.readSilence(at); read.Active || !read.EndsAt.Equal(epoch.Add(time.Hour)) {
		t.Errorf("ended: %+v", read)
	}
	over := s.call(barograph.RoleOperator, "PUT", at, `{"matchers":"{host=\"db-1\"}","duration":"9h","comment":"again"}`).want(t, 409)
	if !strings.Contains(string(over.body), "make a new one") {
		t.Errorf("the way out is missing: %s", over.body)
	}
	s.call(barograph.RoleOperator, "DELETE", at, nil).want(t, 204)
	s.call(barograph.RoleOperator, "GET", at, nil).want(t, 404)
	s.call(barograph.RoleOperator, "DELETE", at, nil).want(t, 404)
	s.call(barograph.RoleOperator, "PUT", at, `{"matchers":"{host=\"db-1\"}","duration":"9h","comment":"again"}`).want(t, 404)
}

func TestSilenceInTheFuture(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at, made := s.silence(`{"matchers":"{host=\"db-1\"}","starts_at":"2026-01-03T03:04:05+01:00","ends_at":"2026-01-03T06:04:05Z","comment":"move"}`)
	if made.Active || !made.StartsAt.Equal(epoch.Add(23*time.Hour)) {
		t.Errorf("made: %+v", made)
	}
	s.clock.advance(23 * time.Hour)
	if !s.readSilence(at).Active {
		t.Error("it does not begin")
	}
	s.clock.advance(4 * time.Hour)
	if s.readSilence(at).Active {
		t.Error("it does not end")
	}
	later, _ := s.silence(`{"matchers":"{host=\"db-1\"}","starts_at":"2026-02-01T00:00:00Z","duration":"1h","comment":"move"}`)
	s.call(barograph.RoleOperator, "DELETE", later, nil).want(t, 204)
	s.call(barograph.RoleOperator, "GET", later, nil).want(t, 404) // it silenced nothing
}

func TestMaintenanceWindow(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	// The epoch is a Friday, 03:04:05 UTC, which is 04:04:05 in Berlin.
	at, made := s.silence(`{"matchers":"{role=\"web\"}","comment":"updates","recurs":{"weekdays":["sat"],"at":"04:00","duration":"30m","time_zone":"Europe/Berlin"}}`)
	if made.Active || !made.EndsAt.IsZero() {
		t.Errorf("made: %+v", made)
	}
	for _, step := range []struct {
		after  time.Duration
		active bool
	}{{24 * time.Hour, true}, {25 * time.Minute, true}, {time.Minute, false}, {barograph.Week - 26*time.Minute, true}} {
		s.clock.advance(step.after)
		if got := s.readSilence(at).Active; got != step.active {
			t.Errorf("at %s active: %t", s.clock.Now(), got)
		}
	}
	// Removed in the open, it stays on record as ended; so it does between.
	s.call(barograph.RoleOperator, "DELETE", at, nil).want(t, 204)
	s.clock.advance(barograph.Week)
	if got := s.readSilence(at); got.Active || got.EndsAt.IsZero() {
		t.Errorf("ended: %+v", got)
	}
}

func TestSilenceRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at, _ := s.silence(`{"matchers":"{host=\"db-1\"}","duration":"2h","comment":"new disks"}`)
	const ok = `"matchers":"{host=\"db-1\"}","comment":"c"`
	for body, fields := range map[string][]string{
		`{}`:                                {"comment", "matchers"},
		`{"matchers":"{}","comment":" "}`:   {"comment", "ends_at", "matchers"},
		`{"matchers":"host","comment":"c"}`: {"matchers"},
		`{"matchers":"{host=~\"(\"}","comment":"c"}`: {"matchers"},
		`{` + ok + `}`:                                                                              {"ends_at"},
		`{` + ok + `,"duration":"0s"}`:                                                              {"duration"},
		`{` + ok + `,"duration":"-1h"}`:                                                             {"duration"},
		`{` + ok + `,"duration":"long"}`:                                                            {"duration"},
		`{` + ok + `,"duration":"1h","ends_at":"2026-01-03T00:00:00Z"}`:                             {"duration"},
		`{` + ok + `,"ends_at":"2026-01-01T00:00:00Z"}`:                                             {"ends_at"},
		`{` + ok + `,"starts_at":"2025-01-01T00:00:00Z","duration":"1h"}`:                           {"ends_at"},
		`{` + ok + `,"starts_at":"tomorrow","duration":"1h"}`:                                       {"starts_at"},
		`{` + ok + `,"recurs":{}}`:                                                                  {"recurs.at", "recurs.duration"},
		`{` + ok + `,"recurs":{"at":"25:00","duration":"1h"}}`:                                      {"recurs.at"},
		`{` + ok + `,"recurs":{"at":"02:00","duration":"25h"}}`:                                     {"recurs.duration"},
		`{` + ok + `,"recurs":{"at":"02:00","duration":"1h","weekdays":["mon","Tue"]}}`:             {"recurs.weekdays[1]"},
		`{` + ok + `,"recurs":{"at":"02:00","duration":"1h","time_zone":"Mars/Olympus"}}`:           {"recurs.time_zone"},
		`{` + ok + `,"recurs":{"at":"02:00","duration":"1h","time_zone":"../../etc/passwd"}}`:       {"recurs.time_zone"},
		`{` + ok + `,"duration":"1h","created_by":"root"}`:                                          {"created_by"},
		`{"matchers":"{host=\"a\"}","duration":"1h","comment":"` + strings.Repeat("x", 1001) + `"}`: {"comment"},
	} {
		for method, path := range map[string]string{"POST": silences, "PUT": at} {
			a := s.call(barograph.RoleOperator, method, path, body).want(t, 422)
			if diff := cmp.Diff(fields, a.fields(t)); diff != "" {
				t.Errorf("%s %s: fields (-want +got):\n%s\n%s", method, body, diff, a.body)
			}
		}
	}
}
