package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

const (
	liveBacklog   = 64 // events that wait for a slow page; what is beyond it is left out
	liveKeepAlive = 20 * time.Second
	liveWrite     = 10 * time.Second // a page that takes longer for one line is gone
)

// hub tells open pages what happens. It listens once for all of them; a page that
// is slow misses some, and costs the others nothing: what it shows it reads anew.
type hub struct {
	subscriber barograph.Subscriber
	most       int
	heard      func(barograph.Event) // is told before pages are

	mu       sync.Mutex
	watching map[chan barograph.Event]struct{}
	closing  chan struct{}
	close    func()
}

func newHub(subscriber barograph.Subscriber, most int) *hub {
	h := &hub{subscriber: subscriber, most: most, watching: map[chan barograph.Event]struct{}{}, closing: make(chan struct{}), heard: func(barograph.Event) {}}
	h.close = sync.OnceFunc(func() { close(h.closing) })
	return h
}

// run hands events on until ctx ends.
func (h *hub) run(ctx context.Context) error {
	_ = h.subscriber.Subscribe(ctx, []string{"*"}, func(e barograph.Event) {
		h.heard(e)
		h.mu.Lock()
		defer h.mu.Unlock()
		for page := range h.watching {
			select {
			case page <- e:
			default:
			}
		}
	})
	return nil // it ends with ctx only
}

// watch returns a channel of events, nil if too many watch, and how to leave.
func (h *hub) watch() (events <-chan barograph.Event, leave func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.watching) >= h.most {
		return nil, nil
	}
	page := make(chan barograph.Event, liveBacklog)
	h.watching[page] = struct{}{}
	return page, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watching, page)
	}
}

// liveEvent is what a page is told: enough to know whether it concerns it.
type liveEvent struct {
	ID   barograph.EventID   `json:"id"`
	Type barograph.EventType `json:"type"`
}

// follow streams events to a page until it goes away, is signed out, or the server
// shuts down.
func (s *Site) follow(w http.ResponseWriter, r *http.Request) error {
	events, leave := s.live.watch()
	if events == nil {
		return &barograph.Error{Kind: barograph.KindUnavailable, Message: fmt.Sprintf("%d pages follow what happens already, no more can.", s.live.most), RetryAfter: time.Minute}
	}
	defer leave()
	out := newStream(w)
	if err := out.comment("following"); err != nil {
		return nil // the page is gone
	}
	beat := time.NewTicker(liveKeepAlive)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-r.Context().Done():
			return nil
		case <-s.live.closing:
			return nil
		case <-beat.C:
			if !s.mayStillRead(r) {
				return nil
			}
			err = out.comment("")
		case e := <-events:
			err = out.send("event", liveEvent{e.ID, e.Type})
		}
		if err != nil {
			return nil // the page is gone
		}
	}
}

// stream writes server-sent events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// newStream begins an answer without end.
func newStream(w http.ResponseWriter) stream {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // proxies pass each line on at once
	return stream{w, http.NewResponseController(w)}
}

// send writes one event with its data as JSON, which has no line breaks.
func (s stream) send(event string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return s.write("event: " + event + "\ndata: " + string(text) + "\n\n")
}

// comment writes what browsers pass over; it keeps the connection open.
func (s stream) comment(text string) error { return s.write(": " + text + "\n\n") }

func (s stream) write(text string) error {
	// A writer without deadlines, as in a test, needs none.
	_ = s.control.SetWriteDeadline(time.Now().Add(liveWrite))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
