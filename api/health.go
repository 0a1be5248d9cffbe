package api

import (
	"context"
	"encoding/json"
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
func readyz(stations map[string]func(context.Context) error, logger *slog.Logger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, _ := barograph.IdentityFrom(r.Context())
		answer := ask(r.Context(), stations, logger, id.Role.Allows(barograph.RoleViewer) || isLocal(r))
		w.Header().Set("Content-Type", "application/json")
		if !answer.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(answer) // the client may be gone
	}
}

func ask(ctx context.Context, stations map[string]func(context.Context) error, logger *slog.Logger, reasons bool) readiness {
	ctx, cancel := context.WithTimeout(ctx, stationTimeout)
	defer cancel()
	answer := readiness{Ready: true, Stations: map[string]station{}}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for name, works := range stations {
		wg.Go(func() {
			err := works(ctx)
			s := station{Ready: err == nil}
			if err != nil {
				logger.WarnContext(ctx, "station not ready", "station", name, "error", err)
				if reasons {
					s.Reason = err.Error()
				}
			}
			mu.Lock()
			defer mu.Unlock()
			answer.Ready = answer.Ready && s.Ready
			answer.Stations[name] = s
		})
	}
	wg.Wait()
	return answer
}
