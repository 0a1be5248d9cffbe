package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/transfer"
)

// How long a server may take to copy what it has, and then to send a piece of it.
const (
	backupCopyTime  = time.Hour
	backupPieceTime = 3 * time.Minute
)

// backup fetches a copy of all that a running server keeps.
func backup(ctx context.Context, args []string, std streams) error {
	var c client
	flags := flag.NewFlagSet("backup", flag.ContinueOnError)
	c.register(flags)
	flags.Lookup("token-file").Usage = "`FILE` with a token of the role admin (default: the variable " + keyVariable + "); barograph token makes one"
	files, err := parse(flags, args, std, "FILE.tar")
	if err != nil {
		return err
	}
	if err := c.open(os.Getenv, os.ReadFile); err != nil {
		return err
	}
	path := files[0]
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) { //nolint:gosec // the operator names the file
		return barograph.Errorf(barograph.KindInvalid, "%s exists already: a backup replaces nothing; name another file", path)
	}
	archive, size, err := fetchBackup(ctx, &c, path)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s: %d MB, whole; as of %s\n", path, (size+1<<20-1)>>20, archive.About.CreatedAt.Format(time.RFC3339))
	fmt.Fprintln(std.out, "It holds keys and secrets: keep it where nobody else reads it.")
	for _, thing := range archive.About.LeftOut {
		fmt.Fprintf(std.out, "Not in it: %s.\n", thing)
	}
	return nil
}

// fetchBackup writes under a name of its own until all is there and was checked.
func fetchBackup(ctx context.Context, c *client, path string) (archive transfer.Archive, size int64, err error) {
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return archive, 0, barograph.Errorf(barograph.KindInvalid, "write the backup: %s", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part)) //nolint:gosec // it was just made
		}
	}()
	size, err = c.download(ctx, "/api/v1/backup", f)
	if err := errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return archive, 0, fmt.Errorf("fetch the backup: %w", err)
	}
	if archive, err = transfer.Open(part); err != nil {
		return archive, 0, err
	}
	if err := archive.Check(ctx); err != nil {
		return archive, 0, err
	}
	if err := os.Link(part, path); err != nil { // a rename would replace what came there meanwhile
		return archive, 0, fmt.Errorf("name the backup: %w", err)
	}
	return archive, size, errors.Join(os.Remove(part), transfer.SyncDir(filepath.Dir(path))) //nolint:gosec // it was just made
}

// download writes what the path answers. A server that is silent for too long is
// given up.
func (c *client) download(ctx context.Context, path string, into io.Writer) (int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(backupCopyTime, func() { cancel(errSilent) })
	defer silent.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, http.NoBody)
	if err != nil {
		return 0, barograph.Errorf(barograph.KindInvalid, "--url: %s", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	res, err := new(http.Client).Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask the server: %w; start it, or name its address by --url", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		return 0, errors.Join(refused(res, text), err)
	}
	n, err := io.Copy(into, heard{res.Body, func() { silent.Reset(backupPieceTime) }})
	if err != nil && errors.Is(context.Cause(ctx), errSilent) {
		err = errSilent
	}
	return n, err
}

var errSilent = errors.New("the server has sent nothing for some minutes")

// heard calls note whenever something was read.
type heard struct {
	io.Reader

	note func()
}

// Read reads.
func (h heard) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	h.note()
	return n, err
}

// restore puts a backup into an empty data directory.
func restore(ctx context.Context, args []string, std streams) error {
	var s settings
	flags := flag.NewFlagSet("restore", flag.ContinueOnError)
	s.register(flags)
	files, err := parse(flags, args, std, "FILE.tar")
	if err != nil {
		return err
	}
	cfg, err := s.load()
	if err != nil {
		return err
	}
	about, err := app.Restore(ctx, cfg, s.dir, files[0])
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "Restored into %s, as of %s. Start the server on it.\n", s.dir, about.CreatedAt.Format(time.RFC3339))
	if cfg.Database.URL != "" {
		fmt.Fprintf(std.out, "The configuration database is a file now; barograph migrate moves it into PostgreSQL.\n")
	}
	if !about.Series {
		fmt.Fprintf(std.out, "The series were in a store of their own (%s): restore that by its own means.\n", about.Store)
	}
	return nil
}
