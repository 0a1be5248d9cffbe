package demo

import (
	"math"
	"math/rand/v2"
)

// After its story the fleet lives on: what fills up is emptied and fills up again,
// so that at nearly any time something is about to break. Times are hours after the
// clock's start.

// rounds returns which round it is, if one that begins at begins has the number 0,
// and how long it has lasted.
func rounds(t, begins, length float64) (n int, since float64) {
	whole := math.Floor((t - begins) / length)
	return int(whole), t - begins - whole*length
}

// slowly is a disk that fills at the pace, would reach the limit at one time and is
// cleaned, down to the low level, at another; and all over again from there.
func slowly(pace, crosses, cleaned, low float64) func(float64) float64 {
	round := (limitOfDisks-low)/pace + cleaned - crosses // from one cleaning to the next
	return func(t float64) float64 {
		if t < cleaned {
			return limitOfDisks + pace*(t-crosses)
		}
		_, since := rounds(t, cleaned, round)
		return low + pace*since
	}
}

// weekly returns the disks that fill within a week. Each is cleaned on a day of its
// own, some hours after somebody was told that it is full; none of that happens
// during the story.
func weekly() map[string]func(float64) float64 {
	const (
		week  = 7 * 24.0
		first = 84.0 // cleaning after the clock's start
		apart = 18.5
		late  = 8.0 // at most so many hours before the cleaning the disk is full
	)
	all := map[string]func(float64) float64{}
	for i, name := range []string{"build-1", "mail-1", "queue-1", "db-2", "web-2"} {
		begins, low := first+apart*float64(i), .35+.15*unit(name)
		all[name] = func(t float64) float64 {
			n, since := rounds(t, begins, week)
			full := week - late*(.25+.75*luck(name, n))
			return low + (limitOfDisks-low)*since/full
		}
	}
	return all
}

// luck returns a number in [0,1) that is always the same for the name and round.
func luck(name string, round int) float64 {
	rnd := rand.New(rand.NewPCG(math.Float64bits(unit(name)), uint64(round))) //nolint:gosec // chance is no secret, and any bits will do
	return rnd.Float64()
}

// leak is the share of the memory that is used when a program, once it is
// released, takes more and more of what the usual leaves, until it is restarted.
func leak(t, usual float64) float64 {
	const released, restarted, peak = 96.0, 62.0, .985
	n, since := rounds(t, released, restarted)
	if n < 0 {
		return usual
	}
	return usual + (peak-usual)*since/restarted
}

// updates pile up by about one a day and are applied each 30 days. On busy hosts
// they come faster, and are applied when there were too many for a day.
func updates(name string) func(float64) float64 {
	const (
		month   = 31 * 24.0
		tooMany = 51
		waits   = 27.0  // from too many to none
		first   = 205.0 // time there are too many
		apart   = 170.0
	)
	for i, busy := range []string{"web-1", "api-1", "db-1", "cache-1"} {
		if name == busy {
			applied := first + apart*float64(i) + waits
			return func(t float64) float64 {
				_, since := rounds(t, applied, month)
				return math.Floor(tooMany * since / (month - waits))
			}
		}
	}
	u := unit(name)
	return func(t float64) float64 {
		days := t/24 + 30*(1+u)
		return math.Floor(math.Mod(days, 30) * (1 + u/3))
	}
}
