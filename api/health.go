package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

const stationTimeout = 2 * time.Second

// healthz says that the process runs.
func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n")) // the client may be gone
}

// ping answers Influx clients that ask whether somebody is here.
func ping(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// openapi returns the document that the API is written from.
func openapi(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(document) // the client may be gone
}

type readiness struct {
	Ready    bool               `json:"ready"`
	Stations map[string]station `json:"stations"`
}

type station struct {
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
}

// readyz asks every station whether it works. Why one does not is told to
// viewers and to this machine only.
func readyz(desk *informationDesk) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, _ := barograph.IdentityFrom(r.Context())
		answer := desk.ask(r.Context(), id.Role.Allows(barograph.RoleViewer) || isLocal(r))
		w.Header().Set("Content-Type", "application/json")
		if !answer.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(answer) // the client may be gone
	}
}

// Stations asks every station whether it works, and returns each with the reason
// why it does not, "" if it does. It takes two seconds at most.
func (a *API) Stations(ctx context.Context) map[string]string {
	reasons := map[string]string{}
	for name, s := range a.desk.ask(ctx, true).Stations {
		reasons[name] = s.Reason
	}
	return reasons
}

// informationDesk asks stations how they are, each of them once at a time
// however many want to know: one that never answers costs one goroutine.
type informationDesk struct {
	stations map[string]*inquiry
	logger   *slog.Logger
}

// inquiry is how one station is asked.
type inquiry struct {
	works func(context.Context) error

	mu      sync.Mutex
	running chan struct{} // is closed when the answer is there; nil: nobody asks
	answer  error         // the last one
	red     bool          // as last logged
}

func newInformationDesk(stations map[string]func(context.Context) error, logger *slog.Logger) *informationDesk {
	d := &informationDesk{stations: map[string]*inquiry{}, logger: logger}
	for name, works := range stations {
		d.stations[name] = &inquiry{works: works}
	}
	return d
}

// ask returns within stationTimeout, whatever the stations do.
func (d *informationDesk) ask(ctx context.Context, reasons bool) readiness {
	ctx = context.WithoutCancel(ctx) // others may wait for the same answer
	patience, cancel := context.WithTimeout(ctx, stationTimeout)
	defer cancel()
	answered := map[string]<-chan struct{}{}
	for name, q := range d.stations {
		answered[name] = q.begin(ctx)
	}
	all := readiness{Ready: true, Stations: map[string]station{}}
	for name, q := range d.stations {
		err := q.await(patience, answered[name])
		d.report(ctx, name, err)
		s := station{Ready: err == nil}
		if err != nil && reasons {
			s.Reason = err.Error()
		}
		all.Ready = all.Ready && s.Ready
		all.Stations[name] = s
	}
	return all
}

// begin asks the station, unless that is being done, and returns what is closed
// when it has answered.
func (q *inquiry) begin(ctx context.Context) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running == nil {
		answered := make(chan struct{})
		q.running = answered
		go func() {
			ctx, cancel := context.WithTimeout(ctx, stationTimeout)
			defer cancel()
			err := q.works(ctx)
			q.mu.Lock()
			defer q.mu.Unlock()
			q.answer, q.running = err, nil
			close(answered)
		}()
	}
	return q.running
}

var errNoAnswer = fmt.Errorf("gave no answer within %s", stationTimeout)

// await returns the station's answer, or that there is none.
func (q *inquiry) await(patience context.Context, answered <-chan struct{}) error {
	select {
	case <-answered:
	case <-patience.Done():
		select {
		case <-answered:
		default:
			return errNoAnswer
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.answer
}

// report logs when a station ceases to work, and when it works again: /readyz is
// asked every few seconds.
func (d *informationDesk) report(ctx context.Context, name string, err error) {
	q := d.stations[name]
	q.mu.Lock()
	was := q.red
	q.red = err != nil
	q.mu.Unlock()
	switch {
	case err != nil && !was:
		d.logger.WarnContext(ctx, "station not ready", "station", name, "error", err)
	case err == nil && was:
		d.logger.InfoContext(ctx, "station ready again", "station", name)
	}
}
