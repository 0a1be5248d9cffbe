package app

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/api"
)

// retryEvery is how often a database that is away at the start is tried again.
const retryEvery = 2 * time.Second

// patiently calls open, which opens the config database, until it succeeds. While
// that is away or does not let us in, the server's address answers, and says so:
// servers may be started in any order. Other errors end the start.
func (a *App) patiently(ctx context.Context, open func(context.Context) error) error {
	err := open(ctx)
	if err == nil || !mayPass(err) {
		return err
	}
	var room waitingRoom
	room.note(err)
	a.log.WarnContext(ctx, "waiting for the config database", "err", err)
	leave, err := a.openWaitingRoom(ctx, &room)
	if err != nil {
		return err
	}
	defer leave()
	again := time.NewTicker(retryEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
		err := open(ctx)
		if err == nil || !mayPass(err) {
			return err
		}
		if room.note(err) {
			a.log.WarnContext(ctx, "still waiting for the config database", "err", err)
		}
	}
}

// mayPass reports whether somebody elsewhere may mend the error.
func mayPass(err error) bool {
	switch barograph.KindOf(err) {
	case barograph.KindUnavailable, barograph.KindUnauthorized, barograph.KindForbidden, barograph.KindNotFound:
		return true
	case barograph.KindInternal, barograph.KindInvalid, barograph.KindConflict, barograph.KindTooLarge, barograph.KindRateLimited:
	}
	return false
}

// waitingRoom knows why the server does not start yet.
type waitingRoom struct {
	mu     sync.Mutex
	reason error
}

// note takes down the reason, and reports whether it is another than before.
func (r *waitingRoom) note(err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := r.reason == nil || r.reason.Error() != err.Error()
	r.reason = err
	return news
}

func (r *waitingRoom) why(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reason
}

// openWaitingRoom serves the room at the server's address until leave is called.
func (a *App) openWaitingRoom(ctx context.Context, room *waitingRoom) (leave func(), err error) {
	if err := a.loadCertificate(); err != nil {
		return nil, err
	}
	listener, err := api.Listen(ctx, a.cfg.Listen, a.cfg.API.MaxConnections)
	if err != nil {
		return nil, a.listenError(err)
	}
	if a.certificate != nil {
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{*a.certificate}, MinVersion: tls.VersionTLS12})
	}
	server := api.NewServer(api.NewWaitingRoom(map[string]func(context.Context) error{"config_database": room.why}, a.clock, a.log))
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.log.WarnContext(ctx, "nobody answers while the server waits", "err", err)
		}
	}()
	return func() {
		_ = server.Close() // who asks now is answered by the server itself, or asks again
		<-served
	}, nil
}
