package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/barograph/barograph"
)

// NewWaitingRoom returns what answers while the server can't start yet: that the
// process runs, what it waits for, and to all else that it should be tried again.
func NewWaitingRoom(stations map[string]func(context.Context) error, clock barograph.Clock, logger *slog.Logger) http.Handler {
	router := mux.NewRouter()
	router.HandleFunc("/healthz", healthz)
	router.HandleFunc("/readyz", readyz(newInformationDesk(stations, logger)))
	problem := NewProblemWriter(clock, logger)
	router.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem(w, r, &barograph.Error{
			Kind: barograph.KindUnavailable, RetryAfter: 5 * time.Second,
			Message: "the server is starting, and waits for something that it needs: /readyz says for what",
		})
	})
	return router
}
