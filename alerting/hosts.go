package alerting

import (
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// hostWatch tells which hosts fell silent or returned.
type hostWatch struct {
	silentAfter time.Duration
	// started is when watching began: the time that the server was away is no
	// host's silence.
	started time.Time
	hosts   map[barograph.HostID]barograph.Host
}

// replace takes over the present hosts and returns the names of those that are gone.
func (w *hostWatch) replace(hosts []barograph.Host) (gone []string) {
	next := make(map[barograph.HostID]barograph.Host, len(hosts))
	for _, h := range hosts {
		if old, ok := w.hosts[h.ID]; ok {
			h.SilentSince = old.SilentSince // ours is newer than the database's
		}
		next[h.ID] = h
	}
	for id, h := range w.hosts {
		if _, ok := next[id]; !ok {
			gone = append(gone, h.Name)
		}
	}
	w.hosts = next
	return gone
}

// tick returns what changed by now. Hosts that never said anything are not
// silent: they have not begun.
func (w *hostWatch) tick(now time.Time) (silences []barograph.HostSilence, events []barograph.Event) {
	for id, h := range w.hosts {
		if h.LastSeen.IsZero() {
			continue
		}
		heard := h.LastSeen
		if w.started.After(heard) {
			heard = w.started
		}
		silent := now.Sub(heard) > w.silentAfter
		switch {
		case silent && h.SilentSince.IsZero():
			h.SilentSince = h.LastSeen
			events = append(events, hostEvent(barograph.EventHostSilent, now, h,
				fmt.Sprintf("%s is silent: last heard %s ago", h.Name, human(now.Sub(h.LastSeen)))))
		case !silent && !h.SilentSince.IsZero() && h.LastSeen.After(h.SilentSince):
			events = append(events, hostEvent(barograph.EventHostReturned, now, h,
				fmt.Sprintf("%s is back after %s", h.Name, human(h.LastSeen.Sub(h.SilentSince)))))
			h.SilentSince = time.Time{}
		default:
			continue
		}
		w.hosts[id] = h
		silences = append(silences, barograph.HostSilence{HostID: id, Since: h.SilentSince})
	}
	return silences, events
}

func hostEvent(kind barograph.EventType, now time.Time, h barograph.Host, summary string) barograph.Event {
	severity := barograph.SeverityCritical
	if kind == barograph.EventHostReturned {
		severity = barograph.SeverityInfo
	}
	return barograph.Event{
		ID: barograph.EventID(barograph.NewID("evt", now)), Type: kind, Time: now, Subject: h.Name,
		Severity: severity, Labels: h.Labeled(),
		Data: barograph.EventData{
			Summary: summary,
			Host:    &barograph.HostRef{ID: h.ID, Name: h.Name, LastSeen: h.LastSeen},
		},
	}
}
