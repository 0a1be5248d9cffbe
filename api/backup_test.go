package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/api"
)

// backupOf is what is sent, or why there is nothing to send.
type backupOf struct {
	content func(ctx context.Context) io.Reader
	refuse  error
	closed  chan struct{}
}

func noBackup() *backupOf {
	return &backupOf{content: func(context.Context) io.Reader { return strings.NewReader("") }, closed: make(chan struct{}, 100)}
}

func (b *backupOf) Backup(context.Context) (api.Backup, error) {
	if b.refuse != nil {
		return nil, b.refuse
	}
	return b, nil
}

func (b *backupOf) Send(ctx context.Context, w io.Writer) error {
	_, err := io.Copy(w, b.content(ctx))
	return err
}

func (b *backupOf) Close() error {
	b.closed <- struct{}{}
	return nil
}

func backupServer(t *testing.T, b *backupOf) *server {
	t.Helper()
	return newServer(t, func(o *options) { o.Backups = b })
}

func TestBackup(t *testing.T) {
	t.Parallel()
	b := noBackup()
	b.content = func(context.Context) io.Reader { return strings.NewReader("archive") }
	a := backupServer(t, b).call(barograph.RoleAdmin, "GET", "/api/v1/backup", nil).want(t, 200)
	if string(a.body) != "archive" || a.header.Get("Content-Type") != "application/x-tar" {
		t.Errorf("got %q as %s", a.body, a.header.Get("Content-Type"))
	}
	<-b.closed
}

func TestBackupRefused(t *testing.T) {
	t.Parallel()
	b := noBackup()
	b.refuse = barograph.Errorf(barograph.KindConflict, "another backup is being taken")
	a := backupServer(t, b).call(barograph.RoleAdmin, "GET", "/api/v1/backup", nil).want(t, 409)
	if !strings.Contains(string(a.body), "another backup") {
		t.Errorf("got %s", a.body)
	}
}

// What goes wrong on the way cuts the connection: nobody takes half for the whole.
func TestBackupBrokenOff(t *testing.T) {
	t.Parallel()
	b := noBackup()
	b.content = func(context.Context) io.Reader {
		return io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000)), iotest.ErrReader(errors.New("the disk is broken")))
	}
	s := backupServer(t, b)
	res := s.open(t)
	defer res.Body.Close()
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("the client takes half a backup for a whole one")
	}
	<-b.closed
}

// A shutdown ends a backup, and does not wait until all of it was sent.
func TestBackupEndsWithTheServer(t *testing.T) {
	t.Parallel()
	b := noBackup()
	b.content = func(ctx context.Context) io.Reader {
		return io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000)), untilDone{ctx})
	}
	s := backupServer(t, b)
	res := s.open(t)
	defer res.Body.Close()
	s.api.Close()
	select {
	case <-b.closed:
	case <-time.After(30 * time.Second):
		t.Fatal("the backup goes on")
	}
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("the client takes half a backup for a whole one")
	}
}

// A client that goes away ends its backup.
func TestBackupEndsWithTheClient(t *testing.T) {
	t.Parallel()
	b := noBackup()
	b.content = func(ctx context.Context) io.Reader {
		return io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000)), untilDone{ctx})
	}
	res := backupServer(t, b).open(t)
	res.Body.Close()
	select {
	case <-b.closed:
	case <-time.After(30 * time.Second):
		t.Fatal("the backup goes on")
	}
}

// untilDone gives nothing until its context ends.
type untilDone struct{ ctx context.Context }

func (u untilDone) Read([]byte) (int, error) {
	<-u.ctx.Done()
	return 0, u.ctx.Err()
}

// open asks for a backup and returns as soon as the answer begins.
func (s *server) open(t *testing.T) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v1/backup", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", s.keys[barograph.RoleAdmin].Reveal())
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}
