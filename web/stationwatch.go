package web

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	stationsLast    = 5 * time.Second       // how long an answer is believed
	noteWaits       = 50 * time.Millisecond // that a page's head waits for a new one, at most
	settingsPatient = 3 * time.Second       // and the page that is about it; an answer takes two
)

// stationWatch knows which stations did not work when they were asked last. They
// are asked only while somebody looks, and by one at a time.
type stationWatch struct {
	ask func(ctx context.Context) map[string]string

	mu     sync.Mutex
	known  map[string]string
	at     time.Time
	asking chan struct{} // is closed when the answer is there; nil: nobody asks
}

// lately returns what is known, and waits no longer than patience for a newer
// answer if that is old.
func (w *stationWatch) lately(ctx context.Context, patience time.Duration) map[string]string {
	answered := w.begin(ctx)
	if answered != nil {
		enough := time.NewTimer(patience)
		defer enough.Stop()
		select {
		case <-answered:
		case <-enough.C:
		case <-ctx.Done():
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.known
}

// begin asks if what is known is old, and returns what is closed when the answer
// is there; nil if there is none to wait for.
func (w *stationWatch) begin(ctx context.Context) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asking != nil || time.Since(w.at) < stationsLast {
		return w.asking
	}
	answered := make(chan struct{})
	w.asking = answered
	go func() {
		answer := w.ask(context.WithoutCancel(ctx)) // others wait for it too; it ends by itself
		w.mu.Lock()
		defer w.mu.Unlock()
		w.known, w.at, w.asking = answer, time.Now(), nil
		close(answered)
	}()
	return answered
}

// failing says in a few words what does not work; "" if all does.
func failing(stations map[string]string) string {
	var red []string
	for name, reason := range stations {
		if reason != "" {
			red = append(red, stationWords(name).Name)
		}
	}
	slices.Sort(red)
	switch len(red) {
	case 0:
		return ""
	case 1:
		return "The " + red[0] + " is not working"
	}
	return fmt.Sprintf("%d stations are not working", len(red))
}

// stationWords returns the name of a station, and what it is for.
func stationWords(name string) fact {
	switch name {
	case "series_store":
		return fact{"series store", "keeps what is measured"}
	case "config_database":
		return fact{"database", "keeps hosts, rules, events and all that people set"}
	case "servers":
		return fact{"share of servers", "parts the work among servers on one database"}
	case "bus":
		return fact{"bus", "carries events to whoever listens"}
	case "relay":
		return fact{"relay", "brings recorded events to the bus"}
	case "dispatcher":
		return fact{"dispatcher", "sends events to the endpoints of subscriptions"}
	case "watchdog":
		return fact{"watchdog", "tries out the whole way of an event"}
	case "alerting":
		return fact{"alerting", "opens and closes predictions and breaches"}
	case "forecast":
		return fact{"forecaster", "says when limits will be crossed"}
	case "ingest":
		return fact{"intake", "takes what hosts and programs send"}
	case "probes":
		return fact{"probes", "measure the targets"}
	}
	return fact{name, ""}
}
