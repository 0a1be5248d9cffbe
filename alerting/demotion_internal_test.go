package alerting

import (
	"math"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func TestDemote(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		floor    float64
		right, n int
		want     bool
	}{
		{.5, 0, 20, true},
		{.5, 6, 20, true},
		{.5, 7, 20, false}, // of a rule with a precision of 50 % every eighth time
		{.5, 0, 19, false}, // too few
		{.5, 20, 20, false},
		{.2, 2, 20, false},
		{.2, 0, 20, true},
		{0, 0, 20, false},
	} {
		cfg := DemotionConfig{Floor: c.floor, Predictions: 20}
		if got := cfg.demote(c.right, c.n, time.Now()); (got != nil) != c.want {
			t.Errorf("floor %v, %d of %d: %+v, want demotion: %t", c.floor, c.right, c.n, got, c.want)
		}
	}
}

func TestWilsonUpper(t *testing.T) {
	t.Parallel()
	// By hand, from the formula.
	for _, c := range []struct {
		right, n int
		want     float64
	}{{0, 10, .2129}, {2, 10, .4592}, {6, 20, .4838}, {10, 10, 1}} {
		if got := wilsonUpper(c.right, c.n); math.Abs(got-c.want) > 5e-4 {
			t.Errorf("%d of %d: %.4f, want %.4f", c.right, c.n, got, c.want)
		}
	}
}

func TestDigestDue(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		v, err := time.Parse("2006-01-2 15:04 -07", "2026-03-"+text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	cfg := DemotionConfig{DigestHour: 7}
	for _, c := range []struct {
		demoted, last, now string
		want               bool
	}{
		{demoted: "1 05:00 +00", now: "1 06:59 +00"},
		{demoted: "1 05:00 +00", now: "1 07:00 +00", want: true},
		{demoted: "1 05:00 +00", now: "1 08:59 +02"},
		{demoted: "1 05:00 +00", now: "1 09:01 +02", want: true},
		{demoted: "1 08:00 +00", now: "1 23:00 +00"},
		{demoted: "1 08:00 +00", now: "2 06:00 +00"},
		{demoted: "1 08:00 +00", now: "2 07:30 +00", want: true},
		{demoted: "1 08:00 +00", last: "2 07:30 +00", now: "3 06:00 +00"},
		{demoted: "1 08:00 +00", last: "2 07:30 +00", now: "3 07:00 +00", want: true},
		{demoted: "1 08:00 +00", last: "2 07:00 +00", now: "9 03:00 +00", want: true}, // the server was down
	} {
		d := barograph.Demotion{At: at(c.demoted)}
		if c.last != "" {
			d.DigestAt = at(c.last)
		}
		if got := cfg.digestDue(d, at(c.now)); got != c.want {
			t.Errorf("%+v: due %t", c, got)
		}
	}
}
