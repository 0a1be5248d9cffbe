package alerting

import (
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// hostWatch tells which hosts fell silent or returned.
type hostWatch struct {
	silentAfter time.Duration
	// started is when watching began: the time that we or the database were away
	// is no host's silence.
	started time.Time
	hosts   []barograph.Host
	asOf    time.Time // when hosts were read
	blind   bool      // they could not be read since

	part  barograph.Share // by which they are ours to judge
	ours  bool
	heirs bool // what others said of them is what counts
}

// share says by which part of the work hosts are judged here, if they are. Those
// that others judged until now are as those say, and were not silent meanwhile.
func (w *hostWatch) share(part barograph.Share, ours bool) {
	w.heirs = !ours || !w.ours || w.part != part
	if ours && w.heirs {
		w.blind = true
	}
	w.part, w.ours = part, ours
}

// replace takes over the hosts as they were read at asOf, and returns the names
// that no host bears any more.
func (w *hostWatch) replace(hosts []barograph.Host, asOf time.Time) (gone []string) {
	if w.blind {
		w.started, w.blind = asOf, false
	}
	known := make(map[barograph.HostID]barograph.Host, len(w.hosts))
	for _, h := range w.hosts {
		known[h.ID] = h
	}
	names := make(map[string]bool, len(hosts))
	next := slices.Clone(hosts)
	for i, h := range next {
		names[h.Name] = true
		if old, ok := known[h.ID]; ok && !w.heirs {
			next[i].SilentSince = old.SilentSince // ours is newer than the database's
		}
	}
	for _, h := range w.hosts {
		if !names[h.Name] {
			gone = append(gone, h.Name)
		}
	}
	w.hosts, w.asOf = next, asOf
	return gone
}

// tick returns what changed by the time the hosts were read: an event for each
// silence, unless others judge them. Hosts that never said anything are not silent: they have not begun.
func (w *hostWatch) tick() (silences []barograph.HostSilence, events []barograph.Event) {
	if !w.ours {
		return nil, nil
	}
	for i := range w.hosts {
		h := &w.hosts[i]
		heard := h.LastSeen
		if heard.IsZero() {
			continue
		}
		if w.started.After(heard) {
			heard = w.started
		}
		silent := w.asOf.Sub(heard) > w.silentAfter
		switch {
		case silent && h.SilentSince.IsZero():
			h.SilentSince = h.LastSeen
			events = append(events, hostEvent(barograph.EventHostSilent, w.asOf, *h))
		case !silent && !h.SilentSince.IsZero() && h.LastSeen.After(h.SilentSince):
			e := hostEvent(barograph.EventHostReturned, w.asOf, *h)
			e.Data.Summary = oneLine(h.Name + " is back after " + barograph.Words(h.LastSeen.Sub(h.SilentSince)))
			events = append(events, e)
			h.SilentSince = time.Time{}
		default:
			continue
		}
		silences = append(silences, barograph.HostSilence{HostID: h.ID, Since: h.SilentSince})
	}
	return silences, events
}

func hostEvent(kind barograph.EventType, at time.Time, h barograph.Host) barograph.Event {
	severity := barograph.SeverityCritical
	if kind == barograph.EventHostReturned {
		severity = barograph.SeverityInfo
	}
	e := barograph.Event{
		Type: kind, Time: at, Subject: h.Name, Severity: severity, Labels: h.Labeled(),
		Data: barograph.EventData{Host: &barograph.HostRef{ID: h.ID, Name: h.Name, LastSeen: h.LastSeen}},
	}
	e.Data.Summary = summarize(e)
	return e
}
