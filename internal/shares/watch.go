package shares

import (
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// watch is what a server knows of the signs of life of the others.
type watch struct {
	self    string
	seen    map[string]sign
	looked  time.Time // when the roll was looked at last
	failing bool      // the last sign of its own was not taken
}

// sign is the last sign of life of a server.
type sign struct {
	run    string
	beats  int64
	silent time.Duration // since it was first seen, by our own watch
	alive  bool          // it gave one since the server was first seen
}

// mostPassed is what one look counts at most: while the roll could not be looked
// at, because we were paused or the database was away or slow, nobody else is to
// blame for silence. So it takes four looks to find somebody dead.
const mostPassed = beatEvery + beatEvery/4

// look takes note of the roll as it is now.
func (w *watch) look(roll barograph.Roll, now time.Time) {
	passed := min(now.Sub(w.looked), mostPassed)
	w.looked = now
	present := make(map[string]sign, len(roll.Servers))
	for _, s := range roll.Servers {
		last, known := w.seen[s.ID]
		last.silent += passed
		if !known || last.run != s.Run || last.beats != s.Beats {
			last = sign{run: s.Run, beats: s.Beats, alive: known}
		}
		present[s.ID] = last
	}
	w.seen = present
}

// decide returns what is to be done: who is dead by now is struck off; of what
// is left, each server has its fair part, and we ours.
func (w *watch) decide(roll barograph.Roll, now time.Time) barograph.Moves {
	w.look(roll, now)
	var m barograph.Moves
	var living []string // in the order of the roll, the same for everybody
	for _, s := range roll.Servers {
		if s.ID != w.self && w.seen[s.ID].silent >= silentFor {
			m.Dead = append(m.Dead, s)
			continue
		}
		living = append(living, s.ID)
	}
	var ours, free []int
	for number, lease := range roll.Leases {
		switch {
		case lease.Holder == w.self:
			ours = append(ours, number)
		case !slices.Contains(living, lease.Holder):
			free = append(free, number)
		}
	}
	fair := quota(slices.Index(living, w.self), len(living))
	switch have := len(ours); {
	case have > fair:
		m.Release = ours[fair:]
	case have < fair:
		m.Take = free[:min(fair-have, len(free))]
	}
	return m
}

// quota returns how many of the parts are those of the server at this place
// among so many. All quotas together are all parts.
func quota(place, servers int) int {
	fair := barograph.Shares / servers
	if place < barograph.Shares%servers {
		fair++
	}
	return fair
}
