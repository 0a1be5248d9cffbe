package api

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// Backups makes copies of all that the server keeps.
type Backups interface {
	// Backup copies everything as it is now; errors are for the client. Close of
	// what it returns must be called.
	Backup(ctx context.Context) (Backup, error)
}

// Backup is a copy that is ready to be sent.
type Backup interface {
	// Send writes the archive.
	Send(ctx context.Context, w io.Writer) error
	// Close removes the copy.
	Close() error
}

// backupWrite is how long the client of a backup may take for one write. The
// whole may take as long as it needs.
const backupWrite = 2 * time.Minute

// backups serves GET /api/v1/backup.
type backups struct {
	source   Backups
	failures failures
	closing  chan struct{} // closed when the server shuts down
	close    func()
}

func newBackups(o Options) *backups {
	b := &backups{source: o.Backups, failures: failures{o.Clock, o.Logger}, closing: make(chan struct{})}
	b.close = sync.OnceFunc(func() { close(b.closing) })
	return b
}

// handler returns nil if there is nobody who makes backups.
func (b *backups) handler() http.Handler {
	if b.source == nil {
		return nil
	}
	return b
}

// ServeHTTP sends a backup. What goes wrong once it has begun cuts the
// connection, and the archive lacks its end.
func (b *backups) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	go func() { // it ends with the request
		select {
		case <-b.closing:
			cancel(errShutdown)
		case <-ctx.Done():
		}
	}()
	out := &steadyWriter{w: w, control: http.NewResponseController(w)}
	out.extend(0) // the copy takes its time
	backup, err := b.source.Backup(ctx)
	if err != nil {
		b.failures.write(w, r, err)
		return
	}
	defer func() {
		if err := backup.Close(); err != nil {
			b.failures.logger.ErrorContext(ctx, "what a backup was made from could not be removed", "error", err)
		}
	}()
	w.Header().Set("Content-Type", "application/x-tar")
	w.Header().Set("Content-Disposition", `attachment; filename="barograph.tar"`)
	if err := backup.Send(ctx, out); err != nil {
		b.failures.logger.WarnContext(ctx, "a backup was broken off", "error", err, "cause", context.Cause(ctx))
		panic(http.ErrAbortHandler) // cuts the connection, see observe.Observer
	}
}

var errShutdown = barograph.Errorf(barograph.KindUnavailable, "the server is shutting down")

// steadyWriter gives each write its own time.
type steadyWriter struct {
	w       io.Writer
	control *http.ResponseController
}

// Write writes, or fails if the client takes too long.
func (s *steadyWriter) Write(p []byte) (int, error) {
	s.extend(backupWrite)
	return s.w.Write(p)
}

// extend moves the deadline; 0 takes it away. A writer without deadlines, as in a
// test, needs no extension.
func (s *steadyWriter) extend(by time.Duration) {
	var deadline time.Time
	if by > 0 {
		deadline = time.Now().Add(by)
	}
	_ = s.control.SetWriteDeadline(deadline)
}
