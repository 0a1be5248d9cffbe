package bus

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
)

// serverLog is where the embedded server logs to. What it calls fatal is kept:
// it is the reason why a start went wrong.
type serverLog struct {
	log   *slog.Logger
	mu    sync.Mutex
	fatal string
}

var _ server.Logger = (*serverLog)(nil)

// Noticef takes what the server says on every start and stop.
func (l *serverLog) Noticef(format string, v ...any) {
	l.log.Debug("nats notice", "text", fmt.Sprintf(format, v...))
}

// Warnf takes what somebody may want to look at.
func (l *serverLog) Warnf(format string, v ...any) {
	l.log.Warn("nats warning", "text", fmt.Sprintf(format, v...))
}

// Errorf takes errors. Most are a client's; what concerns us comes back as an
// error of what we asked for.
func (l *serverLog) Errorf(format string, v ...any) {
	l.log.Warn("nats error", "text", fmt.Sprintf(format, v...))
}

// Fatalf keeps the text; unlike the server's own logger it ends nothing.
func (l *serverLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fatal = fmt.Sprintf(format, v...)
}

// Debugf drops the text.
func (l *serverLog) Debugf(string, ...any) {}

// Tracef drops the text.
func (l *serverLog) Tracef(string, ...any) {}

// client takes errors of our own connection, which come back as errors of what
// we asked for too.
func (l *serverLog) client(err error) { l.log.Debug("nats connection", "error", err) }

// reason returns the last fatal text.
func (l *serverLog) reason() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}
