package alerting

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// HoldStore has what holds back the sending of events. Lists with an empty page
// are whole.
type HoldStore interface {
	Silences(ctx context.Context, page barograph.Page) ([]barograph.Silence, error)
	Hosts(ctx context.Context, page barograph.Page) ([]barograph.Host, error)
}

// holds knows what holds back the sending of events: silences, and hosts that
// are silent themselves, since what is said of those is no news. It asks nobody:
// whoever has it replaces what it knows, and until then the last known holds. Its
// methods may be called from many goroutines.
type holds struct {
	mu       sync.Mutex
	silences []barograph.Silence
	hosts    map[string]barograph.HostID // silent ones by name

	active []barograph.Silence // of silences, at the second asOf
	asOf   time.Time
}

func (h *holds) replaceSilences(all []barograph.Silence) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.silences, h.asOf = all, time.Time{}
}

func (h *holds) replaceHosts(all []barograph.Host) {
	silent := map[string]barograph.HostID{}
	for _, host := range all {
		if !host.SilentSince.IsZero() {
			silent[host.Name] = host.ID
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hosts = silent
}

// of returns what holds the event back at that time, "" if nothing does.
func (h *holds) of(e barograph.Event, at time.Time) barograph.Hold {
	if e.Data.Test {
		return ""
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.activeAt(at) {
		if s.Matches(e) {
			return s.Hold()
		}
	}
	if strings.HasPrefix(string(e.Type), "host.") {
		return ""
	}
	return barograph.Hold(h.hosts[e.Labels.Get("host")])
}

// all returns everything that holds anything back at that time.
func (h *holds) all(at time.Time) []barograph.Hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []barograph.Hold
	for _, s := range h.activeAt(at) {
		out = append(out, s.Hold())
	}
	for _, id := range h.hosts {
		out = append(out, barograph.Hold(id))
	}
	slices.Sort(out)
	return out
}

// activeAt returns the silences that are active, as of a time in the same second:
// a window's hours are not worked out for every event of a storm.
func (h *holds) activeAt(at time.Time) []barograph.Silence {
	second := at.Truncate(time.Second)
	if !second.Equal(h.asOf) {
		h.asOf, h.active = second, nil
		for _, s := range h.silences {
			if s.ActiveAt(at) {
				h.active = append(h.active, s)
			}
		}
	}
	return h.active
}

// hold marks the deliveries of an event that is held back now. What it does to
// the end of something depends on what was told of it, which the database knows.
func (h *holds) hold(ds []barograph.Delivery, e barograph.Event, now time.Time) []barograph.Delivery {
	if len(ds) == 0 {
		return ds
	}
	by := h.of(e, now)
	if by == "" {
		return ds
	}
	for i := range ds {
		ds[i].State, ds[i].HeldBy = barograph.DeliveryHeld, by
	}
	return ds
}
