package dbtest

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// testWindows: the first of a group goes at once, what follows within the wait
// of 30 s together, and then one message in 5 minutes.
func (x suite) testWindows(t *testing.T) {
	const minute = 60
	for name, storm := range map[string][]struct{ at, want int }{
		"alone": {{0, 0}},
		"a storm": {
			{0, 0},
			{0, 30},
			{1, 30},
			{29, 30},
			{30, 30 + 5*minute},
			{31, 30 + 5*minute},
			{30 + 5*minute - 1, 30 + 5*minute},
			{30 + 5*minute, 30 + 5*minute + 5*minute},
		},
		"slower than the wait":           {{0, 0}, {31, 31}, {32, 31 + 5*minute}, {31 + 5*minute, 31 + 10*minute}},
		"at the end of the wait":         {{0, 0}, {30, 30}, {31, 30 + 5*minute}},
		"just before a new one":          {{0, 0}, {5*minute - 1, 5*minute - 1}, {5 * minute, 5*minute - 1 + 5*minute}},
		"slower than the interval":       {{0, 0}, {5 * minute, 5 * minute}, {5*minute + 1, 5*minute + 30}},
		"rest after a message of many":   {{0, 0}, {1, 30}, {30 + 5*minute, 30 + 5*minute}, {31 + 5*minute, 60 + 5*minute}},
		"a clock that was a day too far": {{0, 0}, {86400, 86400}, {1, 1}, {2, 31}},
	} {
		t.Run(name, func(t *testing.T) {
			s := x.story(t, listeners(1, barograph.EndpointEmail))
			for i, step := range storm {
				at := day(0).Add(time.Duration(step.at) * time.Second)
				d := s.happens(barograph.EventBreachStarted, string(rune('a'+i)), at, grouped("rule=a"))
				want := at.Add(time.Duration(step.want-step.at) * time.Second)
				if got := s.now(d).NextTry; !got.Equal(want) {
					t.Errorf("event %d, after %d s, goes out after %s, want %d s", i, step.at, got.Sub(day(0)), step.want)
				}
			}
		})
	}
}

func (x suite) testWindowsApart(t *testing.T) {
	fast := listeners(2, barograph.EndpointEmail)
	fast.GroupWait, fast.GroupInterval = 0, 0
	s := x.story(t, listeners(1, barograph.EndpointEmail, barograph.EndpointEmail), fast)
	elsewhere := func(d *barograph.Delivery) { d.EndpointID = s.subs[0].Endpoints[1].ID }
	atFast := func(d *barograph.Delivery) { d.SubscriptionID, d.EndpointID = fast.ID, fast.Endpoints[0].ID }
	later := func(d *barograph.Delivery) { d.NextTry = day(3) }
	for _, step := range []struct {
		name string
		d    barograph.Delivery
		want time.Duration
	}{
		{"first", s.happens(barograph.EventBreachStarted, "a", day(0), grouped("a")), 0},
		{"of another group", s.happens(barograph.EventBreachStarted, "b", day(0), grouped("b")), 0},
		{"to another endpoint", s.happens(barograph.EventBreachStarted, "c", day(0), grouped("a"), elsewhere), 0},
		{"of no group", s.happens(barograph.EventBreachStarted, "d", day(0)), 0},
		{"held: it plans nothing", s.happens(barograph.EventBreachStarted, "e", day(0), grouped("held"), held("sil_1")), -1},
		{"after a held one", s.happens(barograph.EventBreachStarted, "f", day(0), grouped("held")), 0},
		{"second", s.happens(barograph.EventBreachStarted, "g", day(0), grouped("a")), 30 * time.Second},
		{"that is to wait longer", s.happens(barograph.EventBreachStarted, "h", day(0), grouped("a"), later), 3 * barograph.Day},
		{"first without windows", s.happens(barograph.EventBreachStarted, "i", day(0), grouped("a"), atFast), 0},
		{"second without windows", s.happens(barograph.EventBreachStarted, "j", day(0), grouped("a"), atFast), 0},
	} {
		got := s.now(step.d)
		if want := day(0).Add(step.want); step.want >= 0 && !got.NextTry.Equal(want) || step.want < 0 && !got.NextTry.IsZero() {
			t.Errorf("%s: goes out after %s, want %s", step.name, got.NextTry.Sub(day(0)), step.want)
		}
	}

	// The same again, as after a crash: neither the deliveries nor the windows change.
	first := delivery(1, event(1, barograph.EventBreachStarted), s.subs[0], 0)
	first.Group, first.CreatedAt = "a", day(0).Add(time.Minute)
	noError(t, s.db.Record(t.Context(), barograph.Change{Deliveries: []barograph.Delivery{first}}))
	third := s.happens(barograph.EventBreachStarted, "k", day(0).Add(time.Second), grouped("a"))
	if got := s.now(third).NextTry; !got.Equal(day(0).Add(30 * time.Second)) {
		t.Errorf("third: goes out after %s, want 30s", got.Sub(day(0)))
	}
}
