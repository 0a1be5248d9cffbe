package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

const (
	liveBacklog   = 64 // events that wait for a slow page; what is beyond it is left out
	liveKeepAlive = 20 * time.Second
	liveWrite     = 10 * time.Second // a page that takes longer for one line is gone

	streamsPerSession = 20                     // of all its pages; browsers hold back the seventh of a server by themselves
	nudgeAfter        = 500 * time.Millisecond // in which there may be more reasons for it
)

// hub tells open pages what happens. It listens once for all of them; a page that
// is slow misses some, and costs the others nothing: what it shows it reads anew.
// A page knows the newest event from before it was made, and tells it when it comes
// to follow: it is told if there was another one meanwhile.
type hub struct {
	subscriber barograph.Subscriber
	most       int
	heard      func(barograph.Event) // is told before pages are

	mu       sync.Mutex
	watching map[chan barograph.Event]watcher
	sessions map[watcher]int // how many streams each has
	nudging  bool
	last     liveEvent // the newest; zero: there was none yet
	closing  chan struct{}
	close    func()
}

// watcher is whose stream it is: the session, or all who are not signed in.
type watcher struct {
	session barograph.KeyHash
	known   bool
}

// watcherOf returns who makes the request.
func watcherOf(r *http.Request) watcher {
	if !visitorOf(r).SignedIn {
		return watcher{}
	}
	key, _ := keyOf(r)
	return watcher{key, true}
}

func newHub(subscriber barograph.Subscriber, most int) *hub {
	h := &hub{
		subscriber: subscriber, most: most, watching: map[chan barograph.Event]watcher{}, sessions: map[watcher]int{},
		closing: make(chan struct{}), heard: func(barograph.Event) {},
	}
	h.close = sync.OnceFunc(func() { close(h.closing) })
	return h
}

// run hands events on until ctx ends.
func (h *hub) run(ctx context.Context) error {
	_ = h.subscriber.Subscribe(ctx, []string{"*"}, func(e barograph.Event) {
		h.heard(e)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.last = liveEvent{e.ID, e.Type}
		for page := range h.watching {
			select {
			case page <- e:
			default:
			}
		}
	})
	return nil // it ends with ctx only
}

// newest returns the newest event; zero: there was none yet.
func (h *hub) newest() liveEvent {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

// nudge has all pages look soon whether their visitors still are signed in.
func (h *hub) nudge() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.nudging || len(h.watching) == 0 {
		return
	}
	h.nudging = true
	time.AfterFunc(nudgeAfter, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.nudging = false
		for page := range h.watching {
			select {
			case page <- barograph.Event{}:
			default: // it has others to look at
			}
		}
	})
}

// watch returns a channel of events, of which an empty one is a nudge, and how to
// leave; or, if there are too many, which limit that is: "all", or "session".
func (h *hub) watch(who watcher) (events <-chan barograph.Event, leave func(), limit string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch n := h.sessions[who]; {
	case len(h.watching) >= h.most:
		return nil, nil, "all"
	case who.known && n >= streamsPerSession:
		return nil, nil, "session"
	case !who.known && n >= max(1, h.most/2): // nobody knows how many they are: the others find room too
		return nil, nil, "all"
	}
	page := make(chan barograph.Event, liveBacklog)
	h.watching[page] = who
	h.sessions[who]++
	return page, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watching, page)
		if h.sessions[who]--; h.sessions[who] == 0 {
			delete(h.sessions, who)
		}
	}, ""
}

// takeStream returns a channel of events for a page, and how to leave. A page that
// finds no room brings itself up to date once a minute.
func (s *Site) takeStream(r *http.Request) (events <-chan barograph.Event, leave func(), err error) {
	events, leave, limit := s.live.watch(watcherOf(r))
	if limit == "" {
		return events, leave, nil
	}
	s.Set.GetOrCreateCounter(fmt.Sprintf("barograph_page_streams_refused_total{limit=%q}", limit)).Inc()
	if limit == "session" {
		return nil, nil, &barograph.Error{
			Kind: barograph.KindRateLimited, RetryAfter: time.Minute,
			Message: fmt.Sprintf("%d of your pages follow what happens already, no more can: close some. Until then this one is brought up to date once a minute.", streamsPerSession),
		}
	}
	return nil, nil, &barograph.Error{
		Kind: barograph.KindUnavailable, RetryAfter: time.Minute,
		Message: "As many pages follow what happens already as web.max_streams allows. Until there is room this one is brought up to date once a minute.",
	}
}

// liveEvent is what a page is told: enough to know whether it concerns it.
type liveEvent struct {
	ID   barograph.EventID   `json:"id"`
	Type barograph.EventType `json:"type"`
}

// missed returns the newest event if the page, which follows by now, does not know
// it: it came after the page was made, or while the stream was broken off.
func (s *Site) missed(r *http.Request) (e liveEvent, missed bool) {
	known, told := r.Header.Get("Last-Event-ID"), r.URL.Query().Has("heard")
	if known == "" {
		known = r.URL.Query().Get("heard")
	}
	e = s.live.newest()
	return e, (told || known != "") && e.ID != "" && string(e.ID) != known
}

// follow streams events to a page until it goes away, is signed out, or the server
// shuts down.
func (s *Site) follow(w http.ResponseWriter, r *http.Request) error {
	events, leave, err := s.takeStream(r)
	if err != nil {
		return err
	}
	defer leave()
	out := newStream(w)
	if err := out.comment("following"); err != nil {
		return nil // the page is gone
	}
	if e, missed := s.missed(r); missed {
		if err := out.happened(e); err != nil {
			return nil
		}
	}
	beat := time.NewTicker(liveKeepAlive)
	defer beat.Stop()
	for {
		var e barograph.Event
		select {
		case <-r.Context().Done():
			return nil
		case <-s.live.closing:
			return nil
		case <-beat.C:
		case e = <-events:
		}
		if s.signedOut(r) {
			_ = out.send("signed-out", struct{}{}) // or the page is gone
			return nil
		}
		if e.ID == "" {
			err = out.comment("")
		} else {
			err = out.happened(liveEvent{e.ID, e.Type})
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

// happened tells an event, which a browser names when it comes again. Its ID is
// escaped, as another program on the bus may have made it up.
func (s stream) happened(e liveEvent) error {
	return s.sendFrom(url.QueryEscape(string(e.ID)), "event", e)
}

// sendFrom is send with a place, which a browser names when it comes again.
func (s stream) sendFrom(place, event string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return s.write("id: " + place + "\nevent: " + event + "\ndata: " + string(text) + "\n\n")
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
