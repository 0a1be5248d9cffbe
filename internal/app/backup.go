package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/api"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/promtsdb"
	"github.com/barograph/barograph/internal/transfer"
)

// backupDir is where a copy of the configuration database waits to be sent.
const backupDir = "backup.tmp"

// backups makes copies of a running server, one at a time.
type backups struct {
	dir   string
	store StoreEngine
	db    *configdb.DB
	// series is nil with a remote store, which has backups of its own.
	series *promtsdb.Store
	clock  barograph.Clock
	one    sync.Mutex
}

var _ api.Backups = (*backups)(nil)

// newBackups removes what a crash left of an earlier one.
func (a *App) newBackups(db *configdb.DB, store seriesStore) (*backups, error) {
	b := &backups{dir: filepath.Join(a.dir, backupDir), store: a.cfg.Store.Engine, db: db, clock: a.clock}
	b.series, _ = store.(*promtsdb.Store)
	return b, b.clean()
}

func (b *backups) clean() error {
	if err := os.RemoveAll(b.dir); err != nil {
		return fmt.Errorf("remove what is left of a backup: %w", err)
	}
	return nil
}

// frozen is a copy that is ready to be sent.
type frozen struct {
	backups *backups
	about   transfer.About
	db      string
	series  *promtsdb.Snapshot // nil: there is none
	closed  bool
}

// Backup copies the database and the series as they are now.
func (b *backups) Backup(ctx context.Context) (api.Backup, error) {
	if !b.one.TryLock() {
		return nil, &barograph.Error{
			Kind: barograph.KindConflict, RetryAfter: time.Minute, Message: "another backup is being taken: wait until it is done",
		}
	}
	f := &frozen{backups: b, about: b.about(), db: filepath.Join(b.dir, transfer.DatabaseName)}
	if err := f.take(ctx); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (b *backups) about() transfer.About {
	about := transfer.About{
		CreatedAt: b.clock.Now().UTC(), Database: b.db.Engine(), Store: string(b.store), Series: b.series != nil,
		LeftOut: []string{
			"the configuration file and the files that it names", "events on the bus, which are in the database",
			"who is signed in: people sign in again",
		},
	}
	if b.series == nil {
		about.LeftOut = append(about.LeftOut, "the series, which are in a store of their own: "+string(b.store))
	}
	return about
}

// take copies the database first: what it tells of series is in their copy then.
func (f *frozen) take(ctx context.Context) (err error) {
	b := f.backups
	if err := errors.Join(b.clean(), os.Mkdir(b.dir, 0o700)); err != nil {
		return fmt.Errorf("make room for a backup: %w", err)
	}
	if err := b.enoughSpace(ctx); err != nil {
		return err
	}
	if err := b.db.Snapshot(ctx, f.db); err != nil {
		return err
	}
	if b.series != nil {
		f.series, err = b.series.Snapshot(ctx)
	}
	return err
}

// enoughSpace makes sure that the copy does not fill the disk that the server
// itself works on.
func (b *backups) enoughSpace(ctx context.Context) error {
	need, err := b.db.Size(ctx)
	if err != nil {
		return err
	}
	if b.series != nil {
		size, err := b.series.SnapshotSize()
		if err != nil {
			return err
		}
		need += int64(size)
	}
	const spare = 500 << 20 // what the server refuses samples below
	var disk syscall.Statfs_t
	if err := syscall.Statfs(b.dir, &disk); err != nil {
		return fmt.Errorf("read free space of %s: %w", b.dir, err)
	}
	free := int64(disk.Bavail) * disk.Bsize //nolint:gosec // no disk has so many blocks
	if free < need+spare {
		return barograph.Errorf(barograph.KindUnavailable,
			"a backup needs up to %d MB beside the data for as long as it is sent, and %d MB to spare; the disk has %d MB free: make room",
			need>>20, int64(spare)>>20, free>>20)
	}
	return nil
}

// Send writes the archive.
func (f *frozen) Send(ctx context.Context, out io.Writer) error {
	w, err := transfer.NewWriter(out, f.about)
	if err != nil {
		return err
	}
	if err := w.AddFile(transfer.DatabaseName, f.db); err != nil {
		return err
	}
	if f.series != nil {
		if err := addSeries(ctx, w, f.series.Dir()); err != nil {
			return err
		}
	}
	return w.Close()
}

func addSeries(ctx context.Context, w *transfer.Writer, dir string) error {
	files := os.DirFS(dir)
	return fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil || d.IsDir() {
			return err
		}
		return w.AddFile(path.Join(transfer.SeriesDir, name), filepath.Join(dir, filepath.FromSlash(name)))
	})
}

// Close removes the copy, and lets the next backup be taken.
func (f *frozen) Close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	defer f.backups.one.Unlock()
	var err error
	if f.series != nil {
		err = f.series.Close()
	}
	return errors.Join(err, f.backups.clean())
}

// Restore puts the backup in the file into a data directory, which must be empty
// or missing, for a server with this configuration. Nothing of it is there until
// all of it was found to be what was written.
func Restore(ctx context.Context, cfg Config, dir, file string) (transfer.About, error) {
	archive, err := transfer.Open(file)
	if err != nil {
		return archive.About, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return archive.About, barograph.Errorf(barograph.KindInvalid, "make the data directory: %s", err)
	}
	if err := mustBeEmptyDir(dir); err != nil {
		return archive.About, err
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return archive.About, err
	}
	err = restore(ctx, cfg, dir, archive)
	return archive.About, errors.Join(err, unlock())
}

// restoringDir is where an archive is unpacked before it is put in place, on the
// same file system.
const restoringDir = ".restoring"

func mustBeEmptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look into the data directory: %w", err)
	}
	for _, e := range entries {
		if e.Name() != restoringDir && e.Name() != lockFile { // a restore that was cut short may be repeated
			return barograph.Errorf(barograph.KindConflict,
				"%s is not empty, it holds %s: a backup is put into an empty directory only; name another by --data", dir, e.Name())
		}
	}
	return nil
}

func restore(ctx context.Context, cfg Config, dir string, archive transfer.Archive) error {
	database := filepath.Join(dir, transfer.DatabaseName)
	if cfg.Database.URL == "" && cfg.Database.Path != "" {
		if database = cfg.Database.Path; !filepath.IsAbs(database) {
			database = filepath.Join(dir, database)
		}
	}
	if _, err := os.Lstat(database); !errors.Is(err, fs.ErrNotExist) {
		return barograph.Errorf(barograph.KindConflict, "the configuration database %s exists already: take it away, or name another", database)
	}
	unpacked := filepath.Join(dir, restoringDir)
	if err := os.RemoveAll(unpacked); err != nil {
		return fmt.Errorf("remove what is left of a restore: %w", err)
	}
	if err := archive.Extract(ctx, unpacked); err != nil {
		return errors.Join(err, os.RemoveAll(unpacked))
	}
	return putInPlace(unpacked, dir, database)
}

// putInPlace moves what was unpacked; the database last: without one there is
// nothing that a server would go on with.
func putInPlace(unpacked, dir, database string) error {
	series := filepath.Join(unpacked, transfer.SeriesDir)
	if _, err := os.Stat(series); err == nil {
		if err := os.Rename(series, filepath.Join(dir, transfer.SeriesDir)); err != nil {
			return fmt.Errorf("put the series in place: %w", err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(database), 0o700); err != nil {
		return fmt.Errorf("put the database in place: %w", err)
	}
	if err := os.Rename(filepath.Join(unpacked, transfer.DatabaseName), database); err != nil {
		return fmt.Errorf("put the database in place: %w", err)
	}
	return errors.Join(transfer.SyncDir(filepath.Dir(database)), os.RemoveAll(unpacked), transfer.SyncDir(dir))
}
