package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

const (
	keepAlive     = 15 * time.Second
	streamWrite   = 10 * time.Second // a client that takes longer for one event is gone
	streamBacklog = 256              // events that wait for a slow client
	resumePage    = 200
	maxResume     = 10_000 // events brought after a break; older ones are in the list
	eventTimeLen  = len("evt_") + 10
)

var errSlowClient = errors.New("the client does not keep up")

// streams serves GET /api/v1/events/stream.
type streams struct {
	subscriber barograph.Subscriber
	events     Events
	failures   failures
	slots      chan struct{}
	closing    chan struct{} // closed when the server shuts down
	close      func()
	slow       *metrics.Counter
}

func newStreams(o Options) *streams {
	s := &streams{
		subscriber: o.Subscriber, events: o.Events, failures: failures{o.Clock, o.Logger},
		slots:   make(chan struct{}, o.Config.MaxStreams),
		closing: make(chan struct{}),
		slow:    o.Set.NewCounter("barograph_http_streams_dropped_total"),
	}
	s.close = sync.OnceFunc(func() { close(s.closing) })
	_ = o.Set.NewGauge("barograph_http_streams", func() float64 { return float64(len(s.slots)) })
	return s
}

// ServeHTTP sends events until the client goes away, falls too far behind, or
// the server shuts down.
func (s *streams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		s.failures.write(w, r, &barograph.Error{
			Kind: barograph.KindUnavailable, RetryAfter: time.Minute,
			Message: fmt.Sprintf("all %d event streams are taken; try again later", cap(s.slots)),
		})
		return
	}
	types := r.URL.Query()["type"]
	if len(types) == 0 {
		types = []string{"*"}
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)

	// Subscribing before reading the past leaves no gap between the two.
	live, done := s.follow(ctx, cancel, types)
	defer func() { cancel(nil); <-done }()
	missed, err := s.missed(ctx, types, barograph.EventID(r.Header.Get("Last-Event-ID")))
	if err != nil {
		s.failures.write(w, r, err)
		return
	}
	out := newEventWriter(w)
	defer context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), errSlowClient) {
			out.giveUp()
		}
	})()
	if err := s.send(ctx, out, missed, live); err != nil && errors.Is(context.Cause(ctx), errSlowClient) {
		s.slow.Inc()
	}
}

// follow puts events into the channel as they happen. When it is full the
// stream is cancelled: the client resumes from the database.
func (s *streams) follow(ctx context.Context, cancel context.CancelCauseFunc, types []string) (live <-chan barograph.Event, done <-chan struct{}) {
	events, finished := make(chan barograph.Event, streamBacklog), make(chan struct{})
	go func() {
		defer close(finished)
		err := s.subscriber.Subscribe(ctx, types, func(e barograph.Event) {
			select {
			case events <- e:
			default:
				cancel(errSlowClient)
			}
		})
		cancel(err)
	}()
	return events, finished
}

// missed returns the IDs of the events after the last one seen, oldest first.
// Events of the same millisecond come again: their IDs are in no order, so one
// of them may have been missed.
func (s *streams) missed(ctx context.Context, types []string, last barograph.EventID) ([]barograph.EventID, error) {
	if len(last) < eventTimeLen {
		return nil, nil
	}
	var ids []barograph.EventID
	page := barograph.Page{Limit: resumePage}
	for len(ids) < maxResume {
		events, err := s.events.Events(ctx, barograph.EventFilter{Types: types}, page)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			if len(e.ID) < eventTimeLen || e.ID[:eventTimeLen] < last[:eventTimeLen] {
				slices.Reverse(ids)
				return ids, nil
			}
			if e.ID != last {
				ids = append(ids, e.ID)
			}
		}
		if len(events) < resumePage {
			break
		}
		page.After = string(events[len(events)-1].ID)
	}
	slices.Reverse(ids)
	return ids, nil
}

func (s *streams) send(ctx context.Context, out *eventWriter, missed []barograph.EventID, live <-chan barograph.Event) error {
	if err := out.comment("the stream begins"); err != nil {
		return err
	}
	sent := make(map[barograph.EventID]bool, len(missed))
	for _, id := range missed {
		e, err := s.events.Event(ctx, id)
		if err != nil {
			return err
		}
		if err := out.event(e); err != nil {
			return err
		}
		sent[id] = true
	}
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.closing:
			return nil
		case <-tick.C:
			err = out.comment("still here")
		case e := <-live:
			if sent[e.ID] {
				delete(sent, e.ID)
				continue
			}
			err = out.event(e)
		}
		if err != nil {
			return err
		}
	}
}

// eventWriter writes server-sent events.
// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController

	mu     sync.Mutex // guards the write deadline
	gaveUp bool
}

func newEventWriter(w http.ResponseWriter) *eventWriter {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // proxies would hold events back
	return &eventWriter{w: w, control: http.NewResponseController(w)}
}

func (o *eventWriter) event(e barograph.Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return o.write(fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", line(string(e.ID)), line(string(e.Type)), data))
}

// giveUp ends a write that waits for the client, and all that would follow.
func (o *eventWriter) giveUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gaveUp = true
	_ = o.control.SetWriteDeadline(time.Now())
}

// extend gives the next write its time, unless it is given up already.
func (o *eventWriter) extend() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gaveUp {
		return errSlowClient
	}
	_ = o.control.SetWriteDeadline(time.Now().Add(streamWrite)) // a writer without deadlines, as in a test, needs none
	return nil
}

func (o *eventWriter) comment(text string) error { return o.write(": " + text + "\n\n") }

func (o *eventWriter) write(text string) error {
	if err := o.extend(); err != nil {
		return err
	}
	if _, err := o.w.Write([]byte(text)); err != nil {
		return err
	}
	return o.control.Flush()
}

// line keeps a field of an event on one line; JSON never has a line break.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, s)
}
